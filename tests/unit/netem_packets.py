"""Packets as u32 sees them, and u32 itself: which class a tree gives to a packet."""

import ipaddress
import struct

from slowbye.netem.tree import Filter, Tree

IPV4, IPV6, ARP = 0x0800, 0x86DD, 0x0806
UDP, TCP = 17, 6


def ipv4(
    source: str = "198.18.1.1",
    destination: str = "198.18.2.1",
    protocol: int = UDP,
    ports: tuple[int, int] = (1000, 2000),
    *,
    offset: int = 0,
    more: bool = False,
    flags: int = 0,
    options: bytes = b"",
) -> tuple[int, bytes]:
    """An IPv4 packet; `offset` in units of 8 bytes."""
    header = struct.pack(
        "!BBHHHBBH4s4s",
        0x45 + len(options) // 4,
        0,
        60,
        7,
        flags | (0x2000 if more else 0) | offset,
        64,
        protocol,
        0,
        ipaddress.ip_address(source).packed,
        ipaddress.ip_address(destination).packed,
    )
    content = struct.pack("!HH", *ports) if offset == 0 else b"\x13\xc4\x13\xc4"
    return IPV4, header + options + content + bytes(16)


def ipv6(
    source: str = "2001:2:0:1::1",
    destination: str = "2001:2:0:2::1",
    protocol: int = UDP,
    ports: tuple[int, int] = (1000, 2000),
    *,
    fragment: bool = False,
    hop_limit: int = 64,
    content: bytes | None = None,
) -> tuple[int, bytes]:
    """An IPv6 packet, with a fragment header if it is one."""
    body = content if content is not None else struct.pack("!HH", *ports)
    if fragment:
        body = struct.pack("!BBHI", protocol, 0, 8 | 1, 7) + body
    header = struct.pack("!IHBB", 6 << 28, len(body), 44 if fragment else protocol, hop_limit)
    addresses = ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed
    return IPV6, header + addresses + body + bytes(16)


def arp() -> tuple[int, bytes]:
    """An ARP request."""
    return ARP, struct.pack("!HHBBH", 1, IPV4, 6, 4, 1) + bytes(20)


def neighbour(kind: int) -> tuple[int, bytes]:
    """A neighbour discovery message."""
    return ipv6(protocol=58, hop_limit=255, content=bytes([kind, 0, 0, 0]))


def class_of(tree: Tree, packet: tuple[int, bytes], parent: int | None = None) -> str:
    """What the class of the packet matches, by the names of `slowbye wan show`."""
    ethertype, data = packet
    root = next(qdisc.handle for qdisc in tree.qdiscs if qdisc.kind == "prio")
    filters = [f for f in tree.filters if f.parent == (parent or root)]
    for item in sorted(filters, key=lambda f: f.preference):
        if item.protocol == ethertype and _holds(item, data):
            return next(
                (band.matches for band in tree.bands if band.classid == item.flowid), "direct"
            )
    return tree.bands[0].matches


def _holds(item: Filter, data: bytes) -> bool:
    return all(
        int.from_bytes(data[key.offset : key.offset + 4], "big") & key.mask == key.value
        for key in item.keys
    )
