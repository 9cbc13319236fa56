"""What is wrong with an inventory, and with a host that was looked at: each fault a sentence.

A fault names the host, the variable and what to do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import ip_address
from typing import Any

_SYSTEMS = {"12": "bookworm", "13": "trixie"}
_CLOCK_S = 5.0
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_LOGIN = ("Permission denied", "Too many authentication failures")

Hosts = Mapping[str, Mapping[str, Any]]


def inventory_faults(hosts: Hosts, groups: Mapping[str, Sequence[str]]) -> list[str]:
    """Return what is wrong with the fleet as the inventory describes it.

    Args:
        hosts: the variables of each host of the groups sip and media that matter here:
            ``public_address``, ``private_address``, ``media_number`` and ``fleet_known_sets``,
            None where not set; ``users_without_password`` and ``without_passphrase``.
        groups: the inventory's groups.
    """
    sip, media = (groups.get(name, []) for name in ("sip", "media"))
    faults = [
        f"{host} is in both groups, sip and media: rtpengine and the proxy would share its ports "
        "and its load; take it out of one"
        for host in sip
        if host in media
    ]
    faults += [
        f"group {name} has no host: a fleet needs at least one"
        for name, members in (("sip", sip), ("media", media))
        if not members
    ]
    faults += _address_faults(hosts)
    for number, owners in _shared(hosts, "media_number").items():
        faults.append(
            f"{' and '.join(owners)} have the same media_number, {number}: the proxies would have "
            "one port for both; give each its own"
        )
    if sip and media:
        for proxy in (each for each in sip if each in hosts):
            faults += _set_faults(proxy, hosts[proxy]["fleet_known_sets"], sip, media)
    faults += _secret_faults(hosts, sip)
    return faults


def _address_faults(hosts: Hosts) -> Iterator[str]:
    for host, variables in hosts.items():
        for name in ("public_address", "private_address"):
            address = variables.get(name)
            if address is None and name == "private_address":
                continue
            try:
                ip_address(str(address or ""))
            except ValueError:
                yield f"{host}: {name} is {address!r}: give it an address such as 198.51.100.7"
    for address, owners in _shared(hosts, "public_address").items():
        yield (
            f"{' and '.join(owners)} have the same public_address, {address}: each host needs "
            "one of its own"
        )


def _shared(hosts: Hosts, variable: str) -> dict[str, list[str]]:
    owners: dict[str, list[str]] = {}
    for host, variables in hosts.items():
        if variables.get(variable) is not None:
            owners.setdefault(str(variables[variable]), []).append(host)
    return {value: names for value, names in owners.items() if len(names) > 1}


def _set_faults(proxy: str, sets: Any, sip: Sequence[str], media: Sequence[str]) -> Iterator[str]:
    if sets is None:
        return
    own = [each for each in sets if proxy in each.get("sip", sip)]
    if not any(each.get("media") for each in own):
        yield (
            f"{proxy} has no media host: no set of fleet_sets is for it; name it under sip in one "
            "that has media, or leave sip away there"
        )
    if proxy != sip[0]:
        return  # what is wrong with the sets themselves is told once
    names = [each.get("name") for each in sets]
    for each in sets:
        name = each.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name) or names.count(name) > 1:
            yield (
                f"fleet_sets: a set is named {name!r}; each needs a name of its own, of "
                "letters, digits, _ and -"
            )
        for member in each.get("sip", []):
            if member not in sip:
                yield f"fleet_sets: set {name} names {member}, which is no host of group sip"
        chosen = each.get("media") or []
        for member in chosen:
            if member not in media:
                yield f"fleet_sets: set {name} names {member}, which is no host of group media"
        weights = chosen.items() if isinstance(chosen, Mapping) else ()
        for member, weight in weights:
            if not isinstance(weight, int) or weight < 1:
                yield (
                    f"fleet_sets: set {name} gives {member} the weight {weight!r}; "
                    "it is a whole number of 1 or more"
                )


def _secret_faults(hosts: Hosts, sip: Sequence[str]) -> Iterator[str]:
    for host, variables in hosts.items():
        missing = variables["users_without_password"]
        if missing and host in sip:
            yield (
                f"{host}: fleet_users has {', '.join(missing)}, but vault_sip_passwords no "
                "password: run playbooks/secrets.yml, which makes what is missing"
            )
        if variables["without_passphrase"]:
            yield (
                f"{host}: ngtunnel_ca_passphrase has no value (vault_ngtunnel_ca_passphrase is not "
                "set): run playbooks/secrets.yml"
            )


def host_faults(
    looked: Mapping[str, Any],
    host: str,
    variables: Mapping[str, Any],
    answered_at: float,
    free_mb: int,
) -> list[str]:
    """Return what of a host would make a run fail.

    Args:
        looked: what the module look_at_host found, or how Ansible failed to run it.
        host: the host's name in the inventory.
        variables: its ``ansible_host``, ``ansible_user`` and ``own_address``.
        answered_at: the time on the control node when it had answered, in seconds since the epoch.
        free_mb: how much space it needs, in MiB.
    """
    if looked.get("unreachable") or "system" not in looked:
        return [_unreachable(looked, host, variables)]
    faults = []
    system = looked["system"]
    if system["id"] != "debian" or system["version_id"] not in _SYSTEMS:
        faults.append(
            f"{host} runs {system['pretty_name'] or 'an unknown system'}: the roles are made for "
            "Debian 12 and 13; install one of them"
        )
    faults += [
        f"{host} has {free} MB left on {path}, and {free_mb} are needed (preflight_free_mb): make "
        "room there"
        for path, free in looked["disks"].items()
        if free < free_mb
    ]
    clock = looked["clock"]
    ahead = max(clock["now"] - answered_at, 0) + min(clock["now"] - clock["asked_at"], 0)
    if abs(ahead) > _CLOCK_S:
        faults.append(
            f"{host}: its clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} this "
            "machine's, and certificates would be refused: set one of the two right"
        )
    own = variables.get("own_address")
    if own and own not in looked["addresses"]:
        faults.append(
            f"{host} has no address {own} (it has {', '.join(sorted(looked['addresses']))}): "
            "public_address is what others reach it by, private_address its own if that differs"
        )
    faults += [
        f"{host} cannot fetch {uri}: {reason}. Check its package sources (/etc/apt/sources.list*) "
        "and its network"
        for uri, reason in looked["sources"].items()
        if reason
    ]
    if not looked["sources"]:
        faults.append(f"{host} has no package source: see /etc/apt/sources.list*")
    return faults


def _unreachable(looked: Mapping[str, Any], host: str, variables: Mapping[str, Any]) -> str:
    told = " ".join(str(looked.get("msg") or looked.get("module_stderr") or "").split())
    said = told.rpartition("via ssh: ")[2].rstrip(".")
    user, address = variables.get("ansible_user"), variables.get("ansible_host")
    if any(words in said for words in _LOGIN):
        return (
            f"{host} does not let {user} log in at {address}: {said}. Set ansible_user to who may, "
            "and have their key admitted there"
        )
    if "sudo" in said or "password" in said:
        return (
            f"{host}: {user} may not become root: {said}. Allow that user sudo without a "
            "password, or set ansible_user to one who may"
        )
    return f"{host} cannot be reached at {address} (ansible_host): {said}"


class FilterModule:
    """Ansible's way to the filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by name."""
        return {"inventory_faults": inventory_faults, "host_faults": host_faults}
