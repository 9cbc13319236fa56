"""What a stranger's scan of a closed host shows: the ports that are meant for strangers.

For hosts whose ``firewall_policy`` is drop; nmap scans them from a host of the group clients.
"""

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence

import pytest

from disturbance import disturbing
from infra import listeners
from infra.fleet import Machine

Range = tuple[int, int]


@pytest.fixture
def stranger(closed_host: Machine, machines: Sequence[Machine]) -> Machine:
    """A host that none of them admits anywhere."""
    found = [each for each in machines if each.group == "clients"]
    if not found:
        pytest.skip("the inventory has no host in its group clients to scan from")
    if found[0].run("command -v nmap").rc:
        pytest.skip(f"{found[0]} has no nmap: apt install nmap")
    return found[0]


def _open(machine: Machine, protocol: str) -> list[Range]:
    """Return the ranges of ports that are open to everybody."""
    ports = [
        str(each["port"])
        for each in machine.variables["firewall_open"]
        if each["protocol"] == protocol
    ]
    if protocol == "tcp" and not machine.variables["firewall_ssh_from"]:
        ports.append(str(machine.variables["firewall_ssh_port"]))
    return [(int(port.split("-")[0]), int(port.split("-")[-1])) for port in ports]


def _answering(stranger: Machine, machine: Machine, options: str) -> Iterator[tuple[int, str]]:
    """Scan a host, and return the ports from which anything came back at all, and their state."""
    scan = "nmap -n -Pn --min-rate=8000 --max-retries=1 --host-timeout=180s -oX -"
    with disturbing(machine.host):  # who begins TLS and goes away is an error in the journal
        output = stranger.output(f"{scan} {options} %s", machine.host.address)
    report = ElementTree.fromstring(output)  # noqa: S314 - nmap's own
    host = report.find("host")
    assert host is not None, output
    assert host.get("timedout") != "true", "the scan took more than three minutes"
    for port in host.iterfind("ports/port"):
        state = port.find("state")
        assert state is not None
        if state.get("state") in ("open", "closed"):
            yield int(port.attrib["portid"]), state.attrib["state"]


def _within(port: int, ranges: Sequence[Range]) -> bool:
    return any(first <= port <= last for first, last in ranges)


def test_a_scan_over_tcp_shows_open_ports_only(closed_host: Machine, stranger: Machine) -> None:
    found = dict(_answering(stranger, closed_host, "-sS -p-"))
    ranges = _open(closed_host, "tcp")
    assert {port: state for port, state in found.items() if not _within(port, ranges)} == {}
    listening = {
        each.port
        for each in listeners.found(closed_host)
        if each.protocol == "tcp" and not each.is_local and _within(each.port, ranges)
    }
    missed = {port for port in listening if found.get(port) != "open"}
    assert missed == set(), "the scan did not see what is open"


def test_a_scan_over_udp_hears_nothing_where_nothing_is_open(
    closed_host: Machine, stranger: Machine
) -> None:
    """A port that the rules let through and nobody has would answer that it is unreachable."""
    ranges = _open(closed_host, "udp")
    rest = _complement(ranges)
    found = dict(_answering(stranger, closed_host, f"-sU -p{rest}"))
    assert found == {}


def _complement(ranges: Sequence[Range]) -> str:
    """Write the ports outside some ranges as nmap takes them."""
    parts, next_port = [], 1
    for first, last in sorted(ranges):
        if first > next_port:
            parts.append(f"{next_port}-{first - 1}")
        next_port = max(next_port, last + 1)
    if next_port <= 65535:
        parts.append(f"{next_port}-65535")
    return ",".join(parts)
