"""The firewall as it behaves: who gets through, and who does not.

Everything is tried from the hosts of the inventory, over every address that the guarded host has.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address, ip_network

import pytest

from disturbance import disturbing
from infra import listeners
from infra.fleet import Machine
from infra.knock import OPEN, Place, knock


def _addresses(machine: Machine) -> list[str]:
    """Every address by which others may reach a host, the lab's management net included."""
    shown = machine.output("ip -brief address show scope global").splitlines()
    return [field.split("/")[0] for line in shown for field in line.split()[2:]]


def _is_admitted(who: Machine, guard: dict[str, object]) -> bool:
    address = ip_address(who.host.variables.get("public_address") or "0.0.0.0")  # noqa: S104
    admitted = guard["from"]
    assert isinstance(admitted, list)
    return any(address in ip_network(net) for net in admitted)


def _everywhere(machine: Machine, ports: Iterable[tuple[str, int]]) -> list[Place]:
    addresses = _addresses(machine)
    return [(protocol, address, port) for protocol, port in ports for address in addresses]


def _guarded_places(media_host: Machine) -> list[Place]:
    guards = media_host.variables["firewall_guarded"]
    return _everywhere(media_host, [(guard["protocol"], guard["port"]) for guard in guards])


def _opened(strangers: Sequence[Machine | None], places: Sequence[Place]) -> dict[str, set[Place]]:
    """What is open to whom, the hosts asked at the same time; None is the control node."""
    with ThreadPoolExecutor(len(strangers) or 1) as pool:
        found = pool.map(lambda who: knock(who, places), strangers)
        return {
            str(who or "the control node"): opened
            for who, answers in zip(strangers, found, strict=True)
            if (opened := {place for place, answer in answers.items() if answer == OPEN})
        }


def test_a_guarded_port_is_open_to_those_who_are_admitted(
    media_host: Machine, machines: Sequence[Machine]
) -> None:
    """Their own tests below would pass for a host that is down, too."""
    for guard in media_host.variables["firewall_guarded"]:
        place = (guard["protocol"], media_host.host.address, guard["port"])
        admitted = [who for who in machines if _is_admitted(who, guard)]
        assert admitted
        for who in admitted:
            assert knock(who, [place]) == {place: OPEN}, f"from {who}"


def test_a_guarded_port_is_closed_to_every_other_host(
    media_host: Machine, machines: Sequence[Machine]
) -> None:
    guards = media_host.variables["firewall_guarded"]
    strangers = [
        who
        for who in machines
        if who != media_host and not any(_is_admitted(who, guard) for guard in guards)
    ]
    if not strangers:
        pytest.skip("the inventory has no host that is not admitted; the control node tries it too")
    assert _opened(strangers, _guarded_places(media_host)) == {}


def test_a_guarded_port_is_closed_to_the_control_node(media_host: Machine) -> None:
    """In the lab it comes by the management net, which the rules do not know."""
    assert _opened([None], _guarded_places(media_host)) == {}


def test_a_guarded_port_is_open_to_the_host_itself(media_host: Machine) -> None:
    own = media_host.host.variables["private_address"] or media_host.host.address
    for guard in media_host.variables["firewall_guarded"]:
        place = (guard["protocol"], own, guard["port"])
        assert knock(media_host, [place]) == {place: OPEN}


def test_a_stranger_reaches_nothing_but_sip(
    proxy_host: Machine, machines: Sequence[Machine]
) -> None:
    """Of all that listens on the host, the tunnel's and socat's ports and the metrics too.

    SIP itself is tried over TCP only: an ng ping there is an error in the proxy's journal. So is a
    connection for TLS that ends before the handshake, which the journal is told of.
    """
    port = proxy_host.variables["sip_proxy_port"]
    ports = {
        (each.protocol, each.port)
        for each in listeners.found(proxy_host)
        if not listeners.allowed(proxy_host, each)
    }
    places = _everywhere(proxy_host, ports - {("udp", port)})
    address = proxy_host.host.address
    sip = {("tcp", address, port)}
    if proxy_host.variables["sip_proxy_tls"]:
        sip.add(("tcp", address, proxy_host.variables["sip_proxy_tls_port"]))
    strangers = [who for who in machines if who.group not in ("sip", "wan")]
    scraped = {
        str(who): {
            (guard["protocol"], proxy_host.host.address, guard["port"])
            for guard in proxy_host.variables["firewall_guarded"]
            if _is_admitted(who, guard)
        }
        for who in strangers
    }
    with disturbing(proxy_host.host):
        opened = _opened(strangers, places)
    assert opened == {name: sip | ports for name, ports in scraped.items()}


def test_nobody_else_reaches_what_is_for_the_media_host_itself(
    media_host: Machine, machines: Sequence[Machine]
) -> None:
    """Metrics, and rtpengine's command line."""
    guarded = {(protocol, port) for protocol, _, port in _guarded_places(media_host)}
    local = {(each.protocol, each.port) for each in listeners.found(media_host) if each.is_local}
    places = _everywhere(media_host, local - guarded)
    assert _opened([who for who in machines if who != media_host], places) == {}
