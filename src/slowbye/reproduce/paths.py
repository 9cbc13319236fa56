"""The ways from the proxy to rtpengine, as the inventory names them in the proxy's node sets."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slowbye.errors import SlowbyeError
from slowbye.hosts import Host
from slowbye.measure.ng_trace import Node

DIRECT = "direct"
"""The path on which ng crosses the WAN as plain UDP, so that its replies are fragmented there."""

SOCAT = "socat"
"""The path through socat, which keeps no boundaries of datagrams. No promise is made for it."""

DEFAULT_NG_PORT = 2223
"""The roles' default, for inventories that leave it alone."""


@dataclass(frozen=True)
class NgPath:
    """A set of rtpengine nodes.

    Attributes:
        name: the set's, which calls put into their X-Ng-Path header.
        urls: its nodes as the proxy is told of them, such as ``udp:127.0.0.1:2226``; none where
            the inventory leaves that to the role.
        nodes: where ng enters the path at the proxy's host.
    """

    name: str
    urls: tuple[str, ...]
    nodes: frozenset[Node]

    @property
    def ports(self) -> list[int]:
        """The UDP ports of the nodes."""
        return sorted({port for _, port in self.nodes})


def choose(names: Sequence[str], sip: Host) -> tuple[NgPath, ...]:
    """Return the paths of these names.

    Raises:
        SlowbyeError: the inventory has no such path, or no way for a call to choose among several.
    """
    sets: list[dict[str, Any]] = sip.variables.get("sip_proxy_rtpengine_sets") or []
    known = {each["name"]: _path(each) for each in sets} or {DIRECT: _path({"name": DIRECT})}
    for name in names:
        if name not in known:
            raise SlowbyeError(
                f"path {name!r} is not deployed: sip_proxy_rtpengine_sets of {sip.name} has "
                f"{', '.join(known)}; add it there, or choose among those with --paths"
            )
    if len(names) > 1 and not sip.variables.get("sip_proxy_ng_path_header"):
        raise SlowbyeError(
            f"several paths need sip_proxy_ng_path_header: true in the inventory of {sip.name}"
        )
    return tuple(known[name] for name in names)


def rtpengine_nodes(media: Host) -> frozenset[Node]:
    """Return where rtpengine itself takes ng, on its own host."""
    listening = media.variables.get("rtpengine_listen_ng") or []
    return frozenset(map(_node, listening)) or frozenset({(None, DEFAULT_NG_PORT)})


def _path(described: dict[str, Any]) -> NgPath:
    urls = tuple(described.get("nodes") or ())
    nodes = frozenset(map(_node, urls)) or frozenset({(None, DEFAULT_NG_PORT)})
    return NgPath(described["name"], urls, nodes)


def _node(url: str) -> Node:
    """Read ``udp:198.18.2.1:2223``, with its weight or without, or ``[::1]:2223``.

    Names are not resolved here, and stand for any address, as 0.0.0.0 does.
    """
    where, _, port = url.partition("=")[0].rpartition(":")
    number = int(port) if port.isdecimal() else DEFAULT_NG_PORT
    try:
        address = ipaddress.ip_address(where.removeprefix("udp6:").removeprefix("udp:").strip("[]"))
    except ValueError:
        return None, number
    return (None if address.is_unspecified else str(address)), number
