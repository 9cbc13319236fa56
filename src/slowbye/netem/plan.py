"""From a profile and the nets to the qdisc tree of each interface; no I/O."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from slowbye.errors import SlowbyeError
from slowbye.netem.classify import (
    ANYWHERE,
    Pair,
    Rule,
    neighbour_filters,
    pairs_between,
    rule_filters,
)
from slowbye.netem.model import Direction, Impairment, Profile, Shape
from slowbye.netem.nets import Host, Net, Nets
from slowbye.netem.tree import (
    ROOT,
    Band,
    Class,
    Filter,
    Htb,
    HtbClass,
    Netem,
    Options,
    Pfifo,
    Prio,
    Qdisc,
    Tree,
)

DEFAULT_RTT_MS = 20.0
# The handle by which slowbye knows its own root qdisc.
OURS = 0x5B1E << 16
_SHAPED_PRIO = 0x5B1F << 16
_LEAVES = 0x5B00
_INNER_LEAVES = 0x5B40
_MAX_BANDS = 16

# netem drops what exceeds its limit. Where no rate is known, enough for 100 Mbit/s of packets as
# small as G.711's RTP; memory is used only by packets that are really there.
_LINE_RATE_BIT = 100_000_000
_SMALL_PACKET_BYTES = 200
_MIN_LIMIT = 10_000
# tc-netem(8): netem's own default; also the length of an Ethernet device's queue.
_PLAIN_LIMIT = 1000
_FRAME_BYTES = 1514


@dataclass(frozen=True)
class Ifb:
    """An ifb device through which the ingress of an interface is led, to be shaped as egress."""

    device: str
    interface: str


@dataclass(frozen=True)
class Plan:
    """What to do to this host: a tree for each interface.

    Attributes:
        profile: what was asked for.
        rtt_ms: base round-trip time between any two nets; half of it on each egress.
        target: the nets of a router, or one interface of any host.
        trees: one for each interface that is impaired.
        ifb: in addition, the device that the interface's ingress needs.
    """

    profile: Profile
    rtt_ms: float
    target: Nets | Host
    trees: tuple[Tree, ...]
    ifb: Ifb | None = None

    def lines(self) -> list[str]:
        """All trees, as tc would show them."""
        redirect = []
        if self.ifb:
            redirect = [
                f"link {self.ifb.device} type ifb",
                f"dev {self.ifb.interface} qdisc ingress ffff: "
                f"filter matchall action mirred egress redirect dev {self.ifb.device}",
            ]
        return [*(line for tree in self.trees for line in tree.lines()), *redirect]


def make_plan(profile: Profile, target: Nets | Host, rtt_ms: float = DEFAULT_RTT_MS) -> Plan:
    """Compile a profile for the nets of a router or for one interface of a host.

    Each packet gets half of `rtt_ms` on egress; an impairment's delay comes on top. With nets, the
    impairment from net a to net b sits on the egress towards b and takes sources in a.

    Raises:
        SlowbyeError: a net that is not there, or more impairments than prio has bands.
    """
    if isinstance(target, Host):
        return _plan_host(profile, target, rtt_ms)
    for impairment in profile.impairments:
        for name in impairment.between or ():
            target[name]
    if profile.shape:
        target[profile.shape.to]
    trees = tuple(
        _tree(
            net.interface,
            [(i, pairs) for i in profile.impairments if (pairs := _pairs_towards(net, i, target))],
            rtt_ms / 2,
            profile.shape if profile.shape and profile.shape.to == net.name else None,
        )
        for net in target.nets
    )
    return Plan(profile, rtt_ms, target, trees)


def _pairs_towards(net: Net, impairment: Impairment, nets: Nets) -> tuple[Pair, ...]:
    if impairment.between is None:
        return ANYWHERE
    first, second = impairment.between
    if net.name == second:
        return pairs_between(nets[first].cidrs, None)
    if net.name == first and impairment.direction is Direction.BOTH:
        return pairs_between(nets[second].cidrs, None)
    return ()


def _plan_host(profile: Profile, host: Host, rtt_ms: float) -> Plan:
    peers = host.peers or None
    egress = [(i, pairs_between(None, peers)) for i in profile.impairments]
    trees = [_tree(host.interface, egress, rtt_ms / 2, profile.shape)]
    if not host.ingress:
        return Plan(profile, rtt_ms, host, tuple(trees))
    ifb = Ifb(f"ifb-{host.interface}"[:15], host.interface)
    ingress = [(i, pairs_between(peers, None)) for i in profile.impairments]
    trees.append(_tree(ifb.device, ingress, rtt_ms / 2, None))
    return Plan(profile, rtt_ms, host, tuple(trees), ifb)


def _tree(
    interface: str,
    impairments: Sequence[tuple[Impairment, tuple[Pair, ...]]],
    base_ms: float,
    shape: Shape | None,
) -> Tree:
    if len(impairments) + 2 > _MAX_BANDS:
        raise SlowbyeError(
            f"{len(impairments)} impairments towards {interface}: prio has {_MAX_BANDS} bands and "
            f"two are taken, so {_MAX_BANDS - 2} is the most"
        )
    prio = _SHAPED_PRIO if shape else OURS
    qdiscs: list[Qdisc] = []
    classes: list[Class] = []
    filters: list[Filter] = []
    if shape:
        # Class 0 of htb is its direct queue: sent at once, whatever waits for the rate.
        qdiscs.append(Qdisc(OURS, ROOT, "htb", Htb(default=1)))
        options = HtbClass(int(shape.rate_bit / 8), burst=2 * _FRAME_BYTES, quantum=_FRAME_BYTES)
        classes.append(Class(OURS | 1, ROOT, "htb", options))
        filters.extend(neighbour_filters(OURS, OURS))
    parent = OURS | 1 if shape else ROOT
    qdiscs.append(Qdisc(prio, parent, "prio", Prio(len(impairments) + 2)))
    leaves: list[list[Options]] = [[Pfifo(_PLAIN_LIMIT)], _base_leaf(base_ms, shape)]
    leaves += [_impaired_leaf(i, base_ms, shape) for i, _ in impairments]
    for number, chain in enumerate(leaves, start=1):
        qdiscs.extend(_leaf_qdiscs(prio | number, number, chain))
    filters.extend(neighbour_filters(prio, prio | 1))
    rules = [
        Rule(impairment.match, pairs, prio | number)
        for number, (impairment, pairs) in enumerate(impairments, start=3)
    ]
    filters.extend(rule_filters(prio, 10, rules, otherwise=prio | 2))
    names = ["ARP, neighbour discovery", "everything else"]
    names += [impairment.describe_match() for impairment, _ in impairments]
    bands = tuple(
        Band(prio | number, name, _leaf_handle(number, len(chain) - 1))
        for number, (name, chain) in enumerate(zip(names, leaves, strict=True), start=1)
    )
    return Tree(interface, tuple(qdiscs), tuple(classes), tuple(filters), bands)


def _leaf_handle(number: int, depth: int) -> int:
    return (_LEAVES, _INNER_LEAVES)[depth] + number << 16


def _leaf_qdiscs(parent: int, number: int, chain: Sequence[Options]) -> list[Qdisc]:
    qdiscs = []
    for depth, options in enumerate(chain):
        handle = _leaf_handle(number, depth)
        kind = "netem" if isinstance(options, Netem) else "pfifo"
        qdiscs.append(Qdisc(handle, parent, kind, options))
        parent = handle | 1
    return qdiscs


def _base_leaf(base_ms: float, shape: Shape | None) -> list[Options]:
    if not base_ms:
        return [Pfifo(_PLAIN_LIMIT)]
    rate_bit = shape.rate_bit if shape else None
    return [Netem(limit=_limit(base_ms, rate_bit), delay_ns=_ns(base_ms))]


def _impaired_leaf(impairment: Impairment, base_ms: float, shape: Shape | None) -> list[Options]:
    rate_bit = impairment.rate_bit or (shape.rate_bit if shape else None)
    # Packets that netem reorders skip its delay altogether, so the base delay has a netem of its
    # own around it: what overtakes others still takes half of the round-trip time.
    outer_ms = base_ms if impairment.reorder_pct else 0.0
    delay_ms = impairment.delay_ms + base_ms - outer_ms
    netem = Netem(
        limit=impairment.limit or _limit(delay_ms + 4 * impairment.jitter_ms, rate_bit),
        delay_ns=_ns(delay_ms),
        jitter_ns=_ns(impairment.jitter_ms),
        loss=_share(impairment.loss_pct),
        duplicate=_share(impairment.duplicate_pct),
        reorder=_share(impairment.reorder_pct),
        corrupt=_share(impairment.corrupt_pct),
        rate=int((impairment.rate_bit or 0) / 8),
        distribution=impairment.distribution,
    )
    if netem == Netem(netem.limit):
        return [Pfifo(netem.limit)]
    return [*(_base_leaf(outer_ms, shape) if outer_ms else []), netem]


def _limit(delay_ms: float, rate_bit: float | None) -> int:
    packets = delay_ms / 1000 * (rate_bit or _LINE_RATE_BIT) / (8 * _SMALL_PACKET_BYTES)
    return max(_PLAIN_LIMIT if rate_bit else _MIN_LIMIT, math.ceil(packets))


def _ns(value_ms: float) -> int:
    return round(value_ms * 1e6)


def _share(percent: float) -> int:
    return round(percent / 100 * (2**32 - 1))
