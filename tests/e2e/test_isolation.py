"""Lab addresses stay on this machine, whatever is up or down."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from slowbye.hosts import Host, Inventory

pytestmark = pytest.mark.isolation

_ROUTED_GROUPS = ("sip", "media", "clients")


def _addresses(lab: Inventory) -> list[str]:
    return [host.address for group in _ROUTED_GROUPS for host in lab.group(group)]


@contextmanager
def _public_interface_down(host: Host) -> Iterator[None]:
    host.run(["ip", "link", "set", "public0", "down"])
    try:
        yield
    finally:
        host.run(["ip", "link", "set", "public0", "up"])
        host.run(["systemctl", "restart", "lab-routes.service"])


def test_the_control_node_has_no_route_to_the_lab(lab: Inventory) -> None:
    for address in _addresses(lab):
        asked = subprocess.run(["ip", "route", "get", address], capture_output=True, text=True)
        assert asked.returncode != 0, f"{address} is reached by: {asked.stdout}"


@pytest.mark.parametrize("group", _ROUTED_GROUPS)
def test_a_host_without_its_public_interface_reaches_nobody(lab: Inventory, group: str) -> None:
    for host in lab.group(group):
        with _public_interface_down(host):
            for address in set(_addresses(lab)) - {host.address}:
                asked = host.run(["ip", "route", "get", address])
                assert asked.returncode != 0, f"{host.name} reaches {address}: {asked.stdout}"


def test_a_host_reaches_the_others_only_over_its_public_interface(lab: Inventory) -> None:
    hosts = [host for group in _ROUTED_GROUPS for host in lab.group(group)]
    for host in hosts:
        for address in set(_addresses(lab)) - {host.address}:
            assert " dev public0 " in host.run(["ip", "route", "get", address]).stdout


def test_nobody_has_a_way_to_a_phone_behind_nat_but_its_box(lab: Inventory) -> None:
    for phone in lab.group("natted"):
        private = phone.variables["private_address"]
        for group in _ROUTED_GROUPS:
            for host in lab.group(group):
                asked = host.run(["ip", "route", "get", private])
                assert asked.returncode != 0, f"{host.name} reaches {private}: {asked.stdout}"
        for address in _addresses(lab):
            route = phone.run(["ip", "route", "get", address]).stdout
            assert " via " in route
            assert " dev public0 " in route


def test_a_phone_without_its_interface_reaches_nobody(lab: Inventory) -> None:
    for phone in lab.group("natted"):
        with _public_interface_down(phone):
            for address in _addresses(lab):
                asked = phone.run(["ip", "route", "get", address])
                assert asked.returncode != 0, f"{phone.name} reaches {address}: {asked.stdout}"
