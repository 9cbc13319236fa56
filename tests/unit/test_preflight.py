"""Inventories and hosts of which no fleet can be made are refused in a sentence."""

from typing import Any

import pytest

from roles.preflight.filter_plugins.preflight import host_faults, inventory_faults

_GROUPS = {"sip": ["sip1", "sip2"], "media": ["media1"]}


def _fleet(**changes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The variables of a fleet that is as it should be, but for these."""
    sets = [{"name": "fleet", "media": ["media1"]}]
    hosts = {
        host: {
            "public_address": f"192.0.2.{number}",
            "private_address": None,
            "media_number": 0 if host == "media1" else None,
            "fleet_known_sets": sets,
            "users_without_password": [],
            "without_passphrase": False,
        }
        for number, host in enumerate(("sip1", "sip2", "media1"))
    }
    return {host: variables | changes.get(host, {}) for host, variables in hosts.items()}


def _sets(*sets: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {host: {"fleet_known_sets": list(sets)} for host in ("sip1", "sip2", "media1")}


def test_there_is_nothing_wrong_with_a_fleet_as_it_should_be() -> None:
    assert inventory_faults(_fleet(), _GROUPS) == []


def test_an_inventory_of_the_lab_need_not_know_of_sets() -> None:
    bare = {host: {"fleet_known_sets": None} for host in ("sip1", "sip2", "media1")}
    assert inventory_faults(_fleet(**bare), _GROUPS) == []


@pytest.mark.parametrize(
    ("hosts", "groups", "fault"),
    [
        (_fleet(), {"sip": ["sip1", "media1"], "media": ["media1"]}, "media1 is in both groups"),
        (_fleet(), {"sip": ["sip1"], "media": []}, "group media has no host"),
        (
            _fleet(**_sets({"name": "a", "sip": ["sip1"], "media": ["media1"]})),
            _GROUPS,
            "sip2 has no media host: no set of fleet_sets",
        ),
        (
            _fleet(**_sets({"name": "a", "media": ["media9"]})),
            _GROUPS,
            "fleet_sets: set a names media9, which is no host of group media",
        ),
        (
            _fleet(**_sets({"name": "a", "media": {"media1": 0}})),
            _GROUPS,
            "set a gives media1 the weight 0",
        ),
        (_fleet(**_sets({"name": "a b", "media": ["media1"]})), _GROUPS, "is named 'a b'"),
        (_fleet(sip1={"public_address": None}), _GROUPS, "sip1: public_address is None"),
        (_fleet(sip1={"public_address": "sip1.example"}), _GROUPS, "is 'sip1.example'"),
        (
            _fleet(sip1={"public_address": "192.0.2.1"}),
            _GROUPS,
            "sip1 and sip2 have the same public_address, 192.0.2.1",
        ),
        (_fleet(sip2={"media_number": 0}), _GROUPS, "have the same media_number, 0"),
        (
            _fleet(sip2={"users_without_password": ["alice"]}),
            _GROUPS,
            "sip2: fleet_users has alice, but vault_sip_passwords no password",
        ),
        (
            _fleet(media1={"without_passphrase": True}),
            _GROUPS,
            "media1: ngtunnel_ca_passphrase has no value",
        ),
    ],
)
def test_an_inventory_is_refused(hosts: Any, groups: Any, fault: str) -> None:
    (told,) = inventory_faults(hosts, groups)
    assert fault in told


_OWN = {"ansible_host": "192.0.2.7", "ansible_user": "admin", "own_address": "192.0.2.7"}


def _looked(**changes: Any) -> dict[str, Any]:
    """What a host that is as it should be says, but for these."""
    return {
        "system": {"id": "debian", "version_id": "12", "pretty_name": "Debian GNU/Linux 12"},
        "clock": {"asked_at": 100.0, "now": 103.0, "synchronized": True},
        "disks": {"/": 4000, "/var": 4000},
        "addresses": {"192.0.2.7": 1500},
        "sources": {"http://deb.debian.org/debian/dists/bookworm/InRelease": ""},
        **changes,
    }


def _faults(looked: dict[str, Any]) -> list[str]:
    return host_faults(looked, "sip1", _OWN, answered_at=120.0, free_mb=500)


def test_there_is_nothing_wrong_with_a_host_as_it_should_be() -> None:
    assert _faults(_looked()) == []


@pytest.mark.parametrize(
    ("looked", "fault"),
    [
        (
            {"unreachable": True, "msg": "ssh: connect: Connection refused"},
            "sip1 cannot be reached at 192.0.2.7 (ansible_host): ssh: connect: Connection refused",
        ),
        (
            {"unreachable": True, "msg": "nobody@192.0.2.7: Permission denied (publickey)."},
            "Set ansible_user to who may",
        ),
        ({"msg": "sudo: a password is required"}, "sip1: admin may not become root"),
        (
            _looked(system={"id": "ubuntu", "version_id": "24.04", "pretty_name": "Ubuntu 24.04"}),
            "sip1 runs Ubuntu 24.04: the roles are made for Debian 12 and 13",
        ),
        (
            _looked(system={"id": "devuan", "version_id": "12", "pretty_name": ""}),
            "sip1 runs an unknown system: the roles are made for Debian 12 and 13",
        ),
        (_looked(disks={"/": 4000, "/var": 120}), "sip1 has 120 MB left on /var, and 500"),
        (
            _looked(clock={"asked_at": 100.0, "now": 40.0, "synchronized": False}),
            "its clock is 60 s behind this machine's",
        ),
        (
            _looked(clock={"asked_at": 100.0, "now": 190.0, "synchronized": False}),
            "its clock is 70 s ahead of this machine's",
        ),
        (_looked(addresses={"10.0.0.7": 1500}), "sip1 has no address 192.0.2.7 (it has 10.0.0.7)"),
        (
            _looked(sources={"http://mirror.example/InRelease": "Could not resolve"}),
            "sip1 cannot fetch http://mirror.example/InRelease: Could not resolve",
        ),
        (_looked(sources={}), "sip1 has no package source"),
    ],
)
def test_a_host_is_refused(looked: dict[str, Any], fault: str) -> None:
    (told,) = _faults(looked)
    assert fault in told
