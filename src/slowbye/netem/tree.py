"""The qdiscs, classes and filters of one interface, as data: made, printed and compared.

Handles are tc's 32-bit numbers: major in the upper 16 bits, minor in the lower.
"""

from collections.abc import Iterator
from dataclasses import dataclass

ROOT = 0xFFFFFFFF


@dataclass(frozen=True)
class Netem:
    """Parameters of a netem qdisc; nanoseconds, parts of 2**32 - 1, bytes per second."""

    limit: int
    delay_ns: int = 0
    jitter_ns: int = 0
    loss: int = 0
    duplicate: int = 0
    reorder: int = 0
    corrupt: int = 0
    rate: int = 0
    distribution: str = "uniform"

    def __str__(self) -> str:
        parts = [f"limit {self.limit}"]
        if self.delay_ns:
            parts.append(f"delay {_duration(self.delay_ns)}")
        if self.jitter_ns:
            parts.append(f"{'' if self.delay_ns else 'delay 0ms '}{_duration(self.jitter_ns)}")
            if self.distribution != "uniform":
                parts.append(f"distribution {self.distribution}")
        for name in ("loss", "duplicate", "reorder", "corrupt"):
            share = getattr(self, name)
            if share:
                parts.append(f"{name} {100 * share / (2**32 - 1):.6g}%")
        if self.rate:
            parts.append(f"rate {_rate(self.rate)}")
        return " ".join(parts)


@dataclass(frozen=True)
class Prio:
    """A prio qdisc; what no filter takes goes into its first band."""

    bands: int

    def __str__(self) -> str:
        return f"bands {self.bands} priomap{' 0' * 16}"


@dataclass(frozen=True)
class Pfifo:
    """A plain queue; packets."""

    limit: int

    def __str__(self) -> str:
        return f"limit {self.limit}"


@dataclass(frozen=True)
class Htb:
    """An htb qdisc; what no filter takes goes into the class with this minor number."""

    default: int

    def __str__(self) -> str:
        return f"default {self.default:#x}"


@dataclass(frozen=True)
class HtbClass:
    """A class of an htb qdisc; bytes per second, bytes."""

    rate: int
    burst: int
    quantum: int

    def __str__(self) -> str:
        return f"rate {_rate(self.rate)} burst {self.burst}b quantum {self.quantum}"


Options = Netem | Prio | Pfifo | Htb | HtbClass


@dataclass(frozen=True)
class Key:
    """One comparison of u32: the 32 bits at an offset into the network header, masked."""

    value: int
    mask: int
    offset: int

    def __str__(self) -> str:
        return f"match u32 {self.value:#010x} {self.mask:#010x} at {self.offset}"


@dataclass(frozen=True)
class Qdisc:
    """A queueing discipline."""

    handle: int
    parent: int
    kind: str
    options: Options

    def __str__(self) -> str:
        place = "root" if self.parent == ROOT else f"parent {classid(self.parent)}"
        return f"qdisc {self.kind} {classid(self.handle)} {place} {self.options}"


@dataclass(frozen=True)
class Class:
    """A class that does not come with its qdisc."""

    handle: int
    parent: int
    kind: str
    options: Options

    def __str__(self) -> str:
        return (
            f"class {self.kind} {classid(self.handle)} parent {classid(self.parent)} {self.options}"
        )


@dataclass(frozen=True)
class Filter:
    """A u32 filter: packets of an ethertype for which all keys hold go to a class."""

    parent: int
    preference: int
    protocol: int
    keys: tuple[Key, ...]
    flowid: int

    def __str__(self) -> str:
        keys = " ".join(map(str, self.keys))
        return (
            f"filter parent {classid(self.parent)} pref {self.preference} "
            f"protocol {_ETHERTYPES.get(self.protocol, hex(self.protocol))} "
            f"u32 {keys} flowid {classid(self.flowid)}"
        )


@dataclass(frozen=True)
class Band:
    """What the packets of one class have in common.

    Attributes:
        classid: the class, where the kernel counts packets and bytes.
        matches: for people.
        leaf: the innermost qdisc, where netem counts what it drops.
    """

    classid: int
    matches: str
    leaf: int


@dataclass(frozen=True)
class Tree:
    """Everything that is attached to the egress of one interface."""

    interface: str
    qdiscs: tuple[Qdisc, ...]
    classes: tuple[Class, ...]
    filters: tuple[Filter, ...]
    bands: tuple[Band, ...]

    @property
    def kinds(self) -> frozenset[str]:
        """The qdiscs that the kernel must have."""
        return frozenset(qdisc.kind for qdisc in self.qdiscs)

    def in_order(self) -> Iterator[Qdisc | Class | Filter]:
        """Each thing after its parent; filters before netem, so that no packet is misled."""
        yield from (qdisc for qdisc in self.qdiscs if qdisc.parent == ROOT)
        yield from self.classes
        yield from (q for q in self.qdiscs if q.parent != ROOT and q.kind != "netem")
        yield from self.filters
        yield from (qdisc for qdisc in self.qdiscs if qdisc.kind == "netem")

    def lines(self) -> list[str]:
        """The tree as tc would show it."""
        return [f"dev {self.interface} {item}" for item in self.in_order()]


def classid(handle: int) -> str:
    """A handle as tc writes it (``5b1e:2``)."""
    minor = handle & 0xFFFF
    return f"{handle >> 16:x}:{minor:x}" if minor else f"{handle >> 16:x}:"


def module_of(kind: str) -> str:
    """The kernel module that brings a qdisc, classifier, action or device."""
    return {"u32": "cls_u32", "ifb": "ifb", "mirred": "act_mirred"}.get(kind, f"sch_{kind}")


_ETHERTYPES = {0x0800: "ip", 0x86DD: "ipv6", 0x0806: "arp"}


def _duration(value_ns: int) -> str:
    return f"{value_ns / 1e6:.10g}ms"


def _rate(rate: int) -> str:
    return f"{rate * 8 / 1e6:.10g}mbit" if rate >= 125_000 else f"{rate * 8 / 1e3:.10g}kbit"
