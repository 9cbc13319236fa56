"""Options of qdiscs, classes and filters as the kernel reads and shows them (rtnetlink, tc).

pyroute2 has the messages; the options are encoded here because it has no delay distribution, and
because what was found on an interface must go back byte for byte. Layouts are those of
``include/uapi/linux/pkt_sched.h`` and ``pkt_cls.h``.
"""

import struct
from collections.abc import Mapping, Sequence

from slowbye.netem.tree import (
    Filter,
    Htb,
    HtbClass,
    Key,
    Netem,
    Options,
    Pfifo,
    Prio,
)

_NESTED_AND_BYTE_ORDER = 0xC000
_NS_PER_TICK = 64

_NETEM = struct.Struct("=6I")
_NETEM_DELAY_DIST, _NETEM_REORDER, _NETEM_CORRUPT, _NETEM_RATE = 2, 3, 4, 6
_NETEM_LATENCY64, _NETEM_JITTER64 = 10, 11
HTB_PARMS, HTB_INIT = 1, 2
_HTB_VERSION = 3
_RATE_SPEC = struct.Struct("=BBHhHI")
_LINKLAYER_ETHERNET = 1
_U32_CLASSID, _U32_SEL, _U32_ACT = 1, 5, 7
_U32_SELECTOR = struct.Struct("=BBBxHHhhI")
_U32_KEY = struct.Struct("=Iiii")
_U32_TERMINAL = 1


def attribute(kind: int, payload: bytes) -> bytes:
    """One netlink attribute, padded to four bytes."""
    return struct.pack("=HH", 4 + len(payload), kind) + payload + bytes(-len(payload) % 4)


def attributes(data: bytes) -> dict[int, bytes]:
    """The attributes in a nest, by their number."""
    found: dict[int, bytes] = {}
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        if length < 4:
            break
        found[kind & ~_NESTED_AND_BYTE_ORDER] = data[4:length]
        data = data[-(-length // 4) * 4 :]
    return found


def encode_options(options: Options, distribution: Sequence[int] | None = None) -> bytes:
    """The options of a qdisc or class.

    Args:
        options: as planned.
        distribution: the table of a netem whose jitter is not uniform (16-bit numbers).
    """
    match options:
        case Netem():
            return _encode_netem(options, distribution)
        case Prio():
            return struct.pack("=i16B", options.bands, *([0] * 16))
        case Pfifo():
            return struct.pack("=I", options.limit)
        case Htb():
            return attribute(HTB_INIT, struct.pack("=5I", _HTB_VERSION, 10, options.default, 0, 0))
        case HtbClass():
            rate = _RATE_SPEC.pack(0, _LINKLAYER_ETHERNET, 0, 0, 0, options.rate)
            ticks = round(options.burst * 1e9 / options.rate / _NS_PER_TICK)
            parms = struct.pack("=5I", ticks, ticks, options.quantum, 0, 0)
            return attribute(HTB_PARMS, rate + rate + parms)


def decode_options(kind: str, data: bytes) -> Options | None:
    """Read a qdisc's options in the kernel's words; None for kinds that slowbye does not make."""
    match kind:
        case "netem":
            return _decode_netem(data)
        case "prio":
            return Prio(*struct.unpack_from("=i", data)) if not any(data[4:20]) else None
        case "pfifo":
            return Pfifo(*struct.unpack_from("=I", data))
        case "htb":
            return Htb(struct.unpack_from("=3I", attributes(data)[HTB_INIT])[2])
    return None


def decode_htb_class(data: bytes) -> HtbClass:
    """Read the options of an htb class."""
    parms = attributes(data)[HTB_PARMS]
    rate = _RATE_SPEC.unpack_from(parms)[5]
    ticks, _, quantum, _, _ = struct.unpack_from("=5I", parms, 2 * _RATE_SPEC.size)
    return HtbClass(rate, round(ticks * _NS_PER_TICK * rate / 1e9), quantum)


def encode_filter(item: Filter) -> bytes:
    """The options of a u32 filter."""
    keys = b"".join(
        struct.pack(">II", key.mask, key.value) + struct.pack("=ii", key.offset, 0)
        for key in item.keys
    )
    selector = _U32_SELECTOR.pack(_U32_TERMINAL, 0, len(item.keys), 0, 0, 0, 0, 0)
    return attribute(_U32_CLASSID, struct.pack("=I", item.flowid)) + attribute(
        _U32_SEL, selector + keys
    )


def decode_filter(parent: int, preference: int, protocol: int, data: bytes) -> Filter | None:
    """Read a u32 filter; None for the hash table that stands before each preference's filters."""
    found = attributes(data)
    if _U32_SEL not in found or _U32_CLASSID not in found:
        return None
    selector = found[_U32_SEL]
    keys = []
    for index in range(selector[2]):
        offset = _U32_SELECTOR.size + index * _U32_KEY.size
        mask, value = struct.unpack_from(">II", selector, offset)
        keys.append(Key(value, mask, struct.unpack_from("=i", selector, offset + 8)[0]))
    (flowid,) = struct.unpack("=I", found[_U32_CLASSID])
    return Filter(parent, preference, protocol, tuple(keys), flowid)


def encode_redirect(ifindex: int) -> bytes:
    """A u32 filter for everything, which hands packets to another device's egress (tc-mirred)."""
    stolen, egress_redirect = 4, 1
    mirred = attribute(2, struct.pack("=IIiiiiI", 0, 0, stolen, 0, 0, egress_redirect, ifindex))
    action = attribute(1, b"mirred\0") + attribute(2, mirred)
    selector = _U32_SELECTOR.pack(_U32_TERMINAL, 0, 1, 0, 0, 0, 0, 0) + bytes(_U32_KEY.size)
    return attribute(_U32_ACT, attribute(1, action)) + attribute(_U32_SEL, selector)


def _encode_netem(netem: Netem, distribution: Sequence[int] | None) -> bytes:
    fixed = _NETEM.pack(
        min(netem.delay_ns // _NS_PER_TICK, 2**32 - 1),
        netem.limit,
        netem.loss,
        1 if netem.reorder else 0,
        netem.duplicate,
        min(netem.jitter_ns // _NS_PER_TICK, 2**32 - 1),
    )
    nested: Mapping[int, bytes] = {
        _NETEM_REORDER: struct.pack("=II", netem.reorder, 0) if netem.reorder else b"",
        _NETEM_CORRUPT: struct.pack("=II", netem.corrupt, 0) if netem.corrupt else b"",
        _NETEM_RATE: struct.pack("=IiIi", netem.rate, 0, 0, 0) if netem.rate else b"",
        _NETEM_LATENCY64: struct.pack("=q", netem.delay_ns),
        _NETEM_JITTER64: struct.pack("=q", netem.jitter_ns),
        _NETEM_DELAY_DIST: struct.pack(f"={len(distribution)}h", *distribution)
        if distribution
        else b"",
    }
    return fixed + b"".join(attribute(kind, data) for kind, data in nested.items() if data)


def _decode_netem(data: bytes) -> Netem:
    delay, limit, loss, _gap, duplicate, jitter = _NETEM.unpack_from(data)
    found = attributes(data[_NETEM.size :])

    def first(kind: int, layout: str, otherwise: int) -> int:
        value: int = struct.unpack_from(layout, found[kind])[0] if kind in found else otherwise
        return value

    return Netem(
        limit=limit,
        delay_ns=first(_NETEM_LATENCY64, "=q", delay * _NS_PER_TICK),
        jitter_ns=first(_NETEM_JITTER64, "=q", jitter * _NS_PER_TICK),
        loss=loss,
        duplicate=duplicate,
        reorder=first(_NETEM_REORDER, "=I", 0),
        corrupt=first(_NETEM_CORRUPT, "=I", 0),
        rate=first(_NETEM_RATE, "=I", 0),
    )
