"""One host's answers, read: what runs on it since when, and what is not as it should be."""

import json
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

SOON_DAYS = 30
"""A certificate that ends sooner has escaped the playbooks, which renew it long before."""

_PROGRAMS = {"kamailio": "kamailio", "opensips": "opensips", "rtpengine-daemon": "rtpengine"}
"""Debian packages, and what people call what is in them."""

_ALONE = 1000
"""From this set on, the proxy's script has each node alone: see roles/sip_proxy/vars/main.yml."""

_DEBIAN_REVISION = re.compile(r"^\d+:|[-+~].*$")


@dataclass(frozen=True)
class Link:
    """One link of the tunnel; ``rtt_ms`` is None where it has not been measured."""

    instance: str
    name: str
    state: str
    rtt_ms: float | None


@dataclass(frozen=True)
class Node:
    """One rtpengine as a proxy knows it."""

    node_set: str
    url: str
    disabled: bool


@dataclass(frozen=True)
class HostStatus:
    """How one host is.

    Attributes:
        name: its name in the inventory.
        problems: what is wrong, as sentences without the host's name.
        programs: those that run or should, with their versions.
        up_s: seconds for which the daemon that the host is for has been running.
        calls: how many rtpengine carries; None on a host that has none.
        links: the tunnel's.
        without_link: instances of the tunnel's clients that carry nothing.
        nodes: those of the proxy's sets.
        certificates: days until each ends, by name.
    """

    name: str
    problems: Sequence[str] = ()
    programs: Mapping[str, str] = field(default_factory=dict)
    up_s: float | None = None
    calls: int | None = None
    links: Sequence[Link] = ()
    nodes: Sequence[Node] = ()
    certificates: Mapping[str, float] = field(default_factory=dict)


def read(name: str, said: Mapping[str, Any], now: datetime) -> HostStatus:
    """Read what a host said; whatever it did not say is missing, and a problem if it should have.

    Args:
        name: the host's.
        said: what playbooks/status.yml has collected of it; empty for a host that did not answer.
        now: the time on the control node.
    """
    if not said:
        return HostStatus(name, problems=["cannot be reached"])
    units = list(_units(said.get("units", "")))
    tunnel = _json_list(said.get("tunnel", ""))
    links = [
        Link(end["name"], link["name"], link["state"], link["rtt_ms"])
        for end in tunnel
        for link in end["links"]
    ]
    nodes = _nodes(said)
    certificates = dict(_certificates(said.get("certificates", ()), now))
    started = min((unit.since for unit in units if unit.since), default=None)
    problems = [
        *(f"{unit.name} is {unit.state}" for unit in units if unit.state != "active"),
        *(str(fault) for fault in said.get("faults", ()) if fault),
        *(
            f"tunnel {end['name']} has no link up"
            for end in tunnel
            if end["role"] == "client" and not any(link["state"] == "up" for link in end["links"])
        ),
        *(
            f"link {link.name} of tunnel {link.instance} is {link.state}"
            for link in links
            if link.state != "up"
        ),
        *(f"{node.url} of set {node.node_set} is disabled" for node in nodes if node.disabled),
        *(
            f"certificate {which} " + (f"ends in {days:.0f} days" if days > 0 else "has ended")
            for which, days in certificates.items()
            if days < SOON_DAYS
        ),
    ]
    return HostStatus(
        name=name,
        problems=problems,
        programs=dict(_programs(said.get("packages", ""), [unit.name for unit in units], tunnel)),
        up_s=None if started is None else now.timestamp() - started,
        calls=said.get("calls"),
        links=links,
        nodes=nodes,
        certificates=certificates,
    )


def _json_list(text: str) -> list[dict[str, Any]]:
    found = json.loads(text) if text.strip() else []
    assert isinstance(found, list)  # noqa: S101 - `ngtunnel status --json` prints one
    return found


def _programs(
    packages: str, units: Container[str], tunnel: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, str]]:
    """Read dpkg-query's lines of package and version, of those that have a unit by that name."""
    for line in packages.splitlines():
        package, _, version = line.strip().partition(" ")
        if version and package in units:
            yield _PROGRAMS.get(package, package), _DEBIAN_REVISION.sub("", version)
    for version in sorted({str(end["version"]) for end in tunnel}):
        yield "ngtunnel", version


@dataclass(frozen=True)
class _Unit:
    name: str
    state: str
    since: float


def _units(shown: str) -> Iterator[_Unit]:
    """Read ``systemctl show --timestamp=unix``, a block of KEY=VALUE for each unit.

    One that is neither enabled nor running is the proxy that the host does not have, or no more.
    """
    for block in shown.split("\n\n"):
        fields = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if fields.get("UnitFileState") == "enabled" or fields.get("ActiveState") == "active":
            since = fields.get("ActiveEnterTimestamp", "").lstrip("@")
            name = fields["Id"].removesuffix(".service")
            yield _Unit(name, fields["ActiveState"], float(since or 0))


def _nodes(said: Mapping[str, Any]) -> list[Node]:
    """Name the sets as the inventory does, and those that it has not by their numbers."""
    names = dict(enumerate(said.get("sets") or ()))
    return [
        Node(names.get(number, str(number)), node["url"], bool(node["disabled"]))
        for node in said.get("nodes") or ()
        if (number := int(node["set"])) < _ALONE
    ]


def _certificates(lines: Iterable[str], now: datetime) -> Iterator[tuple[str, float]]:
    """Read a name and what openssl says, as in ``CA notAfter=Nov 21 08:00:00 2036 GMT``."""
    for line in lines:
        name, _, end = line.partition(" notAfter=")
        if end:
            ends = datetime.strptime(end.strip(), "%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC)
            yield name, (ends - now).total_seconds() / 86_400
