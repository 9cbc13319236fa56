"""Whole UDP datagrams out of a capture, fragments put together, with the time of their arrival.

Scapy rebuilds the datagrams. *When* one is complete is decided here, because Scapy's streaming
reassembly gives up when the last fragment overtakes another, as it does on a reordering WAN.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from slowbye.errors import SlowbyeError

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)

from scapy.error import Scapy_Exception  # noqa: E402
from scapy.layers.inet import IP, UDP, defragment  # noqa: E402
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment, defragment6  # noqa: E402
from scapy.packet import Packet  # noqa: E402
from scapy.utils import PcapReader  # noqa: E402

_UDP_HEADER_BYTES = 8


@dataclass(frozen=True)
class Datagram:
    """One UDP datagram as a receiver got it.

    Attributes:
        time_ms: when it was complete: its last fragment's arrival, on the captured host's clock.
        source, destination: address and port.
        fragments: into how many IP packets it was cut; 1 means not at all.
    """

    time_ms: float
    source: tuple[str, int]
    destination: tuple[str, int]
    payload: bytes
    fragments: int


@dataclass
class _Pieces:
    """The fragments of one datagram so far, by offset in bytes: (length, packet)."""

    packets: dict[int, tuple[int, Packet]] = field(default_factory=dict)
    total: int | None = None

    def complete(self) -> bool:
        offset = 0
        while offset in self.packets:
            offset += self.packets[offset][0]
        return self.total is not None and offset >= self.total

    def in_order(self) -> list[Packet]:
        return [packet for _, (_, packet) in sorted(self.packets.items())]


def read_datagrams(pcap: Path) -> Iterator[Datagram]:
    """Yield the UDP datagrams of a capture in the order in which they were complete.

    A datagram of which a fragment never came is left out, as a receiver would.

    Args:
        pcap: what tcpdump wrote; a capture that was cut off in its last packet is fine.

    Raises:
        SlowbyeError: the file is not a capture.
    """
    pieces: dict[tuple[object, ...], _Pieces] = {}
    try:
        with PcapReader(str(pcap)) as packets:
            for packet in packets:
                time_ms = float(packet.time) * 1000
                whole, count = _whole(packet, pieces)
                if whole is None or UDP not in whole:
                    continue
                datagram = _datagram(whole, time_ms, count)
                if datagram is not None:
                    yield datagram
    except (Scapy_Exception, EOFError, OSError) as error:
        raise SlowbyeError(f"capture {pcap} cannot be read: {error}") from error


def _whole(packet: Packet, pieces: dict[tuple[object, ...], _Pieces]) -> tuple[Packet | None, int]:
    """Return the packet that this one makes whole, and of how many; None while some are missing."""
    if IP in packet:
        ip = packet[IP]
        more, offset, length = bool(ip.flags.MF), ip.frag * 8, ip.len - ip.ihl * 4
        key: tuple[object, ...] = (ip.src, ip.dst, ip.proto, ip.id)
        if not more and offset == 0:
            return packet, 1
    elif IPv6ExtHdrFragment in packet:
        ip, header = packet[IPv6], packet[IPv6ExtHdrFragment]
        more, offset, length = bool(header.m), header.offset * 8, len(bytes(header.payload))
        key = (ip.src, ip.dst, header.id)
    else:
        return packet, 1
    known = pieces.setdefault(key, _Pieces())
    known.packets[offset] = (length, packet)
    if not more:
        known.total = offset + length
    if not known.complete():
        return None, 0
    del pieces[key]
    fragments = known.in_order()
    # Fragments are taken out of their link layer, or Scapy rebuilds within it and loses the UDP.
    if IP in packet:
        bare4 = [IP(bytes(fragment[IP])) for fragment in fragments]
        rebuilt = defragment(bare4)[0]  # type: ignore[no-untyped-call]
    else:
        bare6 = [IPv6(bytes(fragment[IPv6])) for fragment in fragments]
        rebuilt = defragment6(bare6)  # type: ignore[no-untyped-call]
    return rebuilt, len(fragments)


def _datagram(packet: Packet, time_ms: float, fragments: int) -> Datagram | None:
    ip = packet[IP] if IP in packet else packet[IPv6]
    udp = packet[UDP]
    length = int(udp.len) - _UDP_HEADER_BYTES
    payload = bytes(udp.payload)[: max(0, length)]
    if len(payload) < length:
        return None
    return Datagram(
        time_ms=time_ms,
        source=(str(ip.src), int(udp.sport)),
        destination=(str(ip.dst), int(udp.dport)),
        payload=payload,
        fragments=fragments,
    )
