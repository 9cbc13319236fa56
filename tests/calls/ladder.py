"""What documentation is made of: a test's messages in order, with the names of who sent them.

``results/calls/TEST.json``::

    {"title": …, "test": "test_bye.py::test_…", "proxy": "Kamailio",
     "actors": ["caller", "proxy", "rtpengine", "callee"],
     "messages": [
       {"at_ms": 0.0, "from": "caller", "to": "proxy", "transport": "udp", "name": "INVITE",
        "text": "INVITE sip:…"},
       {"at_ms": 1.2, "from": "proxy", "to": "rtpengine", "transport": "ng", "name": "offer",
        "bytes": 0, "text": ""},
       {"at_ms": 1.9, "from": "rtpengine", "to": "proxy", "transport": "ng", "name": "offer",
        "bytes": 239, "text": ""}, …]}

SIP is what was on the wire of the proxy host. A client behind NAT is there with its NAT's address:
that is the actor ``nat``, and what passed inside is what the client itself sent and received.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sipmessage import Request, Response

from calls import messages
from calls.client import Client
from calls.endpoint import Address
from calls.wire import Seen, Wire

PROXY, RTPENGINE, NAT = "proxy", "rtpengine", "nat"

_SERVER = re.compile(r"slowbye \((\w+)\)")


@dataclass(frozen=True)
class Rung:
    """One arrow; ``at`` in seconds since the epoch, ``bytes`` those of ng's replies."""

    at: float
    sender: str
    receiver: str
    transport: str
    name: str
    text: str = ""
    bytes: int = 0


def rungs(wire: Wire, clients: Sequence[Client]) -> list[Rung]:
    """Return a test's messages in order."""
    names: dict[Address, str] = {wire.proxy: PROXY}
    for client in clients:
        names.update(dict.fromkeys(client.addresses, client.name))
    seen = [each for each in wire.sip() if not each.repeated]
    found = [_on_the_wire(each, names, wire.proxy[0]) for each in seen]
    direct = {names.get(end) for each in seen for end in (each.source, each.destination)}
    for client in clients:
        if client.name not in direct:
            found += _inside(client)
    for exchange in wire.ng():
        found.append(Rung(exchange.first_ms / 1000, PROXY, RTPENGINE, "ng", exchange.command))
        if exchange.reply_ms is not None:
            at, size = exchange.reply_ms / 1000, exchange.reply_bytes
            found.append(Rung(at, RTPENGINE, PROXY, "ng", exchange.command, bytes=size))
    return sorted(found, key=lambda rung: rung.at)


def save(path: Path, title: str, test: str, wire: Wire, clients: Sequence[Client]) -> None:
    """Write a test's ladder."""
    found = rungs(wire, clients)
    ladder = {
        "title": title,
        "test": test,
        "proxy": _server(wire.sip()),
        "actors": _in_order({name for rung in found for name in (rung.sender, rung.receiver)}),
        "messages": [_as_json(rung, found[0].at) for rung in found],
    }
    path.write_text(json.dumps(ladder, indent=1) + "\n")


def _on_the_wire(seen: Seen, names: dict[Address, str], proxy: str) -> Rung:
    def actor(end: Address) -> str:
        # A TCP connection that the proxy made comes from any of its ports.
        return names.get(end) or (PROXY if end[0] == proxy else NAT)

    text = seen.data.decode(errors="replace")
    ends = (actor(seen.source), actor(seen.destination))
    return Rung(seen.at, *ends, seen.transport, seen.name, text)


def _server(seen: Sequence[Seen]) -> str:
    """Return which proxy it is, by the Server header of its own responses."""
    said = (each.message.headers.get("Server") or "" for each in seen)
    return next((found[1] for each in said if (found := _SERVER.match(each))), "")


def _inside(client: Client) -> list[Rung]:
    """Return what passed between a client and its NAT."""

    def rung(message: Request | Response, at: float, ends: tuple[str, str], by: str) -> Rung:
        text = bytes(message).decode(errors="replace")
        return Rung(at, *ends, by, messages.name_of(message), text)

    out, back = (client.name, NAT), (NAT, client.name)
    return [
        *(rung(each.message, each.at, out, each.transport) for each in client.sent),
        *(rung(each.message, each.at, back, each.transport) for each in client.received),
    ]


def _in_order(actors: set[str]) -> list[str]:
    """Callers stand left, callees right, and everybody's NAT beside him as far as that goes."""
    known = ["caller", NAT, PROXY, RTPENGINE]
    return [name for name in known if name in actors] + sorted(actors - set(known))


def _as_json(rung: Rung, begun: float) -> dict[str, Any]:
    described = asdict(rung)
    described["at_ms"] = round((described.pop("at") - begun) * 1000, 3)
    described["from"], described["to"] = described.pop("sender"), described.pop("receiver")
    return described
