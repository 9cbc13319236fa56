"""What was on the wire of the proxy host during a test."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from scapy.layers.inet import IP, TCP
from scapy.packet import Packet
from scapy.utils import PcapReader
from sipmessage import Message, Request, Response

from calls import messages
from calls.capture import SessionCapture
from calls.streams import OneWay
from slowbye.measure.ng_trace import Exchange, Node, trace
from slowbye.measure.reassembly import read_datagrams

Address = tuple[str, int]


@dataclass(frozen=True)
class Seen:
    """A SIP message on the wire.

    Attributes:
        at: when it was complete, in seconds since the epoch, on the proxy host's clock.
        transport: ``udp`` or ``tcp``.
        data: its bytes.
        repeated: the same had passed before: a retransmission, which a busy machine is good for.
    """

    at: float
    source: Address
    destination: Address
    transport: str
    message: Request | Response
    data: bytes
    repeated: bool = False

    @property
    def name(self) -> str:
        """What it is: ``INVITE``, or ``200 OK (INVITE)``."""
        return messages.name_of(self.message)


class Wire:
    """The part of the capture that is this test's: the messages with its Call-IDs.

    Args:
        capture: the running one.
        path: where this test's part is saved.
        suffix: the end of this test's Call-IDs.
        nodes: where ng enters its paths on the proxy host.
        proxy: the proxy's address.
    """

    def __init__(
        self,
        capture: SessionCapture,
        path: Path,
        suffix: str,
        nodes: frozenset[Node],
        proxy: Address,
    ) -> None:
        self.path = path
        self.begun = time.time()
        self.proxy = proxy
        self.call_ids: set[str] = set()
        self._capture = capture
        self.suffix = suffix
        self._nodes = nodes

    def watch(self, call_id: str) -> None:
        """Take messages with this Call-ID for this test's too."""
        self.call_ids.add(call_id)

    def sip(self) -> list[Seen]:
        """Return this test's SIP messages until now, in the order in which they passed."""
        self._save()
        found = sorted([*self._over_udp(), *self._over_tcp()], key=lambda each: each.at)
        ours = [each for each in found if self._is_ours(each.message.headers.get("Call-ID"))]
        passed: set[tuple[Address, Address, bytes]] = set()
        marked = []
        for each in ours:
            key = (each.source, each.destination, each.data)
            marked.append(replace(each, repeated=key in passed))
            passed.add(key)
        return marked

    def requests(self, method: str, source: Address | None = None) -> list[Seen]:
        """Return the requests of a method, each once; only those from an address, if given."""
        return [
            each
            for each in self.sip()
            if isinstance(each.message, Request)
            and not each.repeated
            and each.message.method == method
            and source in (None, each.source)
        ]

    def responses(self, code: int, method: str, source: Address | None = None) -> list[Seen]:
        """Return the responses with a status to a method, as :meth:`requests` does."""
        return [
            each
            for each in self.sip()
            if isinstance(each.message, Response)
            and not each.repeated
            and each.message.code == code
            and each.message.cseq.method == method
            and source in (None, each.source)
        ]

    def ng(self) -> list[Exchange]:
        """Return this test's ng commands with their replies, as the proxy saw them."""
        self._save()
        exchanges = trace(read_datagrams(self.path), self._nodes).exchanges
        return [each for each in exchanges if self._is_ours(each.call_id)]

    def _is_ours(self, call_id: str | None) -> bool:
        return bool(call_id) and (call_id in self.call_ids or str(call_id).endswith(self.suffix))

    def _save(self) -> None:
        header, records = self._capture.since(self.begun)
        self.path.write_bytes(header + b"".join(each.data for each in records))

    def _over_udp(self) -> Iterator[Seen]:
        for datagram in read_datagrams(self.path):
            ends = (datagram.source, datagram.destination)
            if any(port == self.proxy[1] for _, port in ends):
                yield from _seen(datagram.time_ms / 1000, *ends, "udp", datagram.payload)

    def _over_tcp(self) -> Iterator[Seen]:
        ways: dict[tuple[Address, Address], OneWay] = {}
        with PcapReader(str(self.path)) as packets:
            for packet in packets:
                if TCP not in packet or IP not in packet:
                    continue
                source, destination, segment = _segment(packet)
                way = ways.setdefault((source, destination), OneWay())
                for data in way.feed(segment.seq, "S" in segment.flags, bytes(segment.payload)):
                    yield from _seen(float(packet.time), source, destination, "tcp", data)


def _segment(packet: Packet) -> tuple[Address, Address, Packet]:
    ip, tcp = packet[IP], packet[TCP]
    return (str(ip.src), int(tcp.sport)), (str(ip.dst), int(tcp.dport)), tcp


def _seen(
    at: float, source: Address, destination: Address, transport: str, data: bytes
) -> Iterator[Seen]:
    try:
        message = Message.parse(data)
    except ValueError:
        return
    yield Seen(at, source, destination, transport, message, data)
