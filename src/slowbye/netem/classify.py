"""u32 filters: which packets belong to which class.

u32 can only say that masked bits *are* something, and being a fragment means that one of 14 bits is
set. So whole packets are taken out first, by all 14 bits being zero, and what remains is fragments.
IPv6 fragments are known by their next header, 44 (RFC 8200 section 4.5); extension headers before
the fragment header are not searched. Offsets are into the network header (RFC 791 section 3.1).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from slowbye.netem.model import Match
from slowbye.netem.nets import Cidr
from slowbye.netem.tree import Filter, Key

ARP, IPV4, IPV6 = 0x0806, 0x0800, 0x86DD

_WHOLE_V4 = Key(0, 0x00003FFF, 4)
_FRAGMENT_V6 = Key(44 << 8, 0x0000FF00, 4)
_NO_OPTIONS_V4 = Key(0x05000000, 0x0F000000, 0)
_ANYTHING = Key(0, 0, 0)
# Router and neighbour solicitation, advertisement and redirect: ICMPv6 types 133 to 137, which are
# valid only with a hop limit of 255 (RFC 4861 section 4) and never fragmented (RFC 6980).
_NEIGHBOUR_DISCOVERY = Key(58 << 8 | 255, 0x0000FFFF, 4)
_ND_TYPES = ((133, 0xFF), (134, 0xFE), (136, 0xFE))


@dataclass(frozen=True)
class Pair:
    """Where packets come from and go to; None for anywhere."""

    source: Cidr | None = None
    destination: Cidr | None = None


@dataclass(frozen=True)
class Rule:
    """What belongs to one class: a match between any of the pairs of addresses."""

    match: Match
    pairs: tuple[Pair, ...]
    flowid: int


def neighbour_filters(parent: int, flowid: int) -> Iterator[Filter]:
    """ARP and IPv6 neighbour discovery, which are never impaired: they come before everything."""
    yield Filter(parent, 1, ARP, (_ANYTHING,), flowid)
    for number, (kind, mask) in enumerate(_ND_TYPES, start=2):
        keys = (_NEIGHBOUR_DISCOVERY, Key(kind << 24, mask << 24, 40))
        yield Filter(parent, number, IPV6, keys, flowid)


def rule_filters(
    parent: int, first_preference: int, rules: Sequence[Rule], otherwise: int
) -> Iterator[Filter]:
    """Filters by which the first rule that matches wins and other IP goes to `otherwise`."""
    stages = (
        (IPV4, [*_keys(rules, 4, whole=True, always=(_WHOLE_V4,)), ((_WHOLE_V4,), otherwise)]),
        (IPV4, [*_keys(rules, 4, whole=False), ((_ANYTHING,), otherwise)]),
        (
            IPV6,
            [
                *_keys(rules, 6, whole=False, always=(_FRAGMENT_V6,)),
                ((_FRAGMENT_V6,), otherwise),
            ],
        ),
        (IPV6, [*_keys(rules, 6, whole=True), ((_ANYTHING,), otherwise)]),
    )
    preference = first_preference
    for protocol, entries in stages:
        for keys, flowid in entries:
            yield Filter(parent, preference, protocol, _merge(keys), flowid)
            preference += 1


def _keys(
    rules: Sequence[Rule], version: int, *, whole: bool, always: tuple[Key, ...] = ()
) -> Iterator[tuple[tuple[Key, ...], int]]:
    for rule in rules:
        if not (rule.match.takes_whole if whole else rule.match.takes_fragments):
            continue
        for pair in rule.pairs:
            addresses = _address_keys(pair, version)
            if addresses is None:
                continue
            for content in _content_keys(rule.match, version, whole=whole):
                yield (*always, *content, *addresses), rule.flowid


def _content_keys(match: Match, version: int, *, whole: bool) -> Iterator[tuple[Key, ...]]:
    if match.protocol is None:
        yield ()
        return
    if version == 4:
        protocol = Key(match.protocol << 16, 0x00FF0000, 8)
    elif whole:
        protocol = Key(match.protocol << 8, 0x0000FF00, 4)
    else:
        protocol = Key(match.protocol << 24, 0xFF000000, 40)
    if match.port is None:
        yield (protocol,)
        return
    plain = (_NO_OPTIONS_V4, protocol) if version == 4 else (protocol,)
    offset = 20 if version == 4 else 40
    yield (*plain, Key(match.port << 16, 0xFFFF0000, offset))
    yield (*plain, Key(match.port, 0x0000FFFF, offset))


def _address_keys(pair: Pair, version: int) -> tuple[Key, ...] | None:
    """Keys for the pair's addresses, or None if they are not of that IP version."""
    source_at, destination_at = (12, 16) if version == 4 else (8, 24)
    keys: list[Key] = []
    for cidr, offset in ((pair.source, source_at), (pair.destination, destination_at)):
        if cidr is None:
            continue
        if cidr.version != version:
            return None
        keys.extend(_cidr_keys(cidr, offset))
    return tuple(keys)


def _cidr_keys(cidr: Cidr, offset: int) -> Iterator[Key]:
    address, netmask = cidr.network_address.packed, cidr.netmask.packed
    for at in range(0, len(address), 4):
        mask = int.from_bytes(netmask[at : at + 4], "big")
        if mask:
            yield Key(int.from_bytes(address[at : at + 4], "big"), mask, offset + at)


def _merge(keys: Iterable[Key]) -> tuple[Key, ...]:
    """One key for each offset; a key without a mask holds for everything and needs company."""
    words: dict[int, tuple[int, int]] = {}
    for key in keys:
        value, mask = words.get(key.offset, (0, 0))
        words[key.offset] = (value | key.value, mask | key.mask)
    return tuple(Key(value, mask, offset) for offset, (value, mask) in sorted(words.items()))


ANYWHERE = (Pair(),)


def pairs_between(
    sources: Iterable[Cidr] | None, destinations: Iterable[Cidr] | None
) -> tuple[Pair, ...]:
    """Every source with every destination of the same IP version; None stands for anywhere."""
    if sources is None and destinations is None:
        return ANYWHERE
    if sources is None:
        return tuple(Pair(destination=cidr) for cidr in destinations or ())
    if destinations is None:
        return tuple(Pair(source=cidr) for cidr in sources)
    theirs = tuple(destinations)
    return tuple(Pair(a, b) for a in sources for b in theirs if a.version == b.version)
