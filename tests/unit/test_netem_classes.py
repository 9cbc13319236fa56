"""Which class a packet gets; the filters are interpreted as the kernel's u32 would."""

import pytest
from netem_packets import TCP, UDP, arp, class_of, ipv4, ipv6, neighbour

from slowbye.netem import Direction, Effect, Impairment, Match, Net, Nets, Profile, Shape, make_plan
from slowbye.netem.nets import parse_cidr
from slowbye.netem.plan import OURS
from slowbye.netem.tree import Tree

NETS = Nets(
    tuple(
        Net(
            name,
            f"{name}0",
            (
                parse_cidr(f"198.18.{number}.0/24", ""),
                parse_cidr(f"2001:2:0:{number}::/64", ""),
            ),
        )
        for number, name in enumerate(("sip", "media", "clients"), start=1)
    ),
    "wan.yml",
)
NEIGHBOURS, REST = "ARP, neighbour discovery", "everything else"


def tree_towards(net: str, *impairments: Impairment, shape: Shape | None = None) -> Tree:
    profile = Profile("test", "", Effect.NONE, impairments, shape=shape)
    plan = make_plan(profile, NETS)
    return next(tree for tree in plan.trees if tree.interface == f"{net}0")


def impairment(match: str, **settings: object) -> Impairment:
    settings = {"between": ("sip", "media"), "delay_ms": 100.0} | settings
    return Impairment(Match.parse(match, "match"), **settings)  # type: ignore[arg-type]


FRAGMENTS = "fragments sip ↔ media"


@pytest.mark.parametrize(
    "fragment",
    [
        ipv4(more=True),
        ipv4(offset=185),
        ipv4(offset=1, more=True),
        ipv4(offset=0x1000),
        ipv4(more=True, options=bytes(8)),
        ipv6(fragment=True),
    ],
)
def test_fragments_are_slow(fragment: tuple[int, bytes]) -> None:
    assert class_of(tree_towards("media", impairment("fragments")), fragment) == FRAGMENTS


@pytest.mark.parametrize(
    "whole", [ipv4(), ipv4(flags=0x4000), ipv4(options=bytes(8)), ipv6(), ipv4(protocol=TCP)]
)
def test_whole_packets_are_fast(whole: tuple[int, bytes]) -> None:
    assert class_of(tree_towards("media", impairment("fragments")), whole) == REST


def test_fragments_from_other_nets_are_fast() -> None:
    tree = tree_towards("media", impairment("fragments"))
    assert class_of(tree, ipv4("198.18.3.1", more=True)) == REST
    assert class_of(tree, ipv6("2001:2:0:3::1", fragment=True)) == REST


def test_both_directions_are_impaired_unless_one_way() -> None:
    back = ipv4("198.18.2.1", "198.18.1.1", more=True)
    assert class_of(tree_towards("sip", impairment("fragments")), back) == FRAGMENTS
    one_way = impairment("fragments", direction=Direction.ONE_WAY)
    assert class_of(tree_towards("sip", one_way), back) == REST
    assert class_of(tree_towards("media", one_way), ipv4(more=True)) == "fragments sip → media"


@pytest.mark.parametrize("match", ["all", "icmpv6", "fragments"])
@pytest.mark.parametrize("packet", [arp(), *(neighbour(kind) for kind in range(133, 138))])
def test_neighbours_are_found_at_once(match: str, packet: tuple[int, bytes]) -> None:
    tree = tree_towards("media", impairment(match, between=None))
    assert class_of(tree, packet) == NEIGHBOURS


@pytest.mark.parametrize(
    "packet",
    [
        neighbour(128),
        neighbour(132),
        neighbour(138),
        ipv6(protocol=58, hop_limit=64, content=b"\x87\0\0\0"),
    ],
)
def test_other_icmpv6_is_no_neighbour_discovery(packet: tuple[int, bytes]) -> None:
    assert class_of(tree_towards("media", impairment("icmpv6", between=None)), packet) == "icmpv6"


def test_neighbours_do_not_wait_for_the_rate_of_a_narrow_link() -> None:
    tree = tree_towards("sip", impairment("fragments"), shape=Shape("sip", 2e6))
    for packet in (arp(), neighbour(135)):
        assert class_of(tree, packet, parent=OURS) == "direct"
        assert class_of(tree, packet) == NEIGHBOURS


@pytest.mark.parametrize(
    ("packet", "matches"),
    [
        (ipv4(ports=(5060, 1)), True),
        (ipv4(ports=(1, 5060)), True),
        (ipv4(ports=(1, 5061)), False),
        (ipv4(protocol=TCP, ports=(1, 5060)), False),
        (ipv4(ports=(1, 5060), more=True), False),
        (ipv4(offset=3), False),
        (ipv4(options=b"\x13\xc4\x13\xc4"), False),
        (ipv6(ports=(5060, 1)), True),
        (ipv6(ports=(1, 5060)), True),
        (ipv6(ports=(1, 5061)), False),
        (ipv6(ports=(1, 5060), fragment=True), False),
    ],
)
def test_a_port_is_of_whole_datagrams(packet: tuple[int, bytes], matches: bool) -> None:
    expected = "udp/5060 sip ↔ media" if matches else REST
    assert class_of(tree_towards("media", impairment("udp/5060")), packet) == expected


@pytest.mark.parametrize(
    ("packet", "matches"),
    [
        (ipv4(), True),
        (ipv4(offset=3), True),
        (ipv4(protocol=TCP), False),
        (ipv6(), True),
        (ipv6(fragment=True), True),
        (ipv6(fragment=True, protocol=TCP), False),
    ],
)
def test_a_protocol_is_of_fragments_too(packet: tuple[int, bytes], matches: bool) -> None:
    expected = "udp sip ↔ media" if matches else REST
    assert class_of(tree_towards("media", impairment("udp")), packet) == expected


def test_the_first_impairment_that_matches_wins() -> None:
    impairments = (impairment("udp/5060"), impairment("fragments"), impairment("all"))
    tree = tree_towards("media", *impairments)
    assert class_of(tree, ipv4(ports=(1, 5060))) == "udp/5060 sip ↔ media"
    assert class_of(tree, ipv4(more=True)) == FRAGMENTS
    assert class_of(tree, ipv4(protocol=TCP)) == "all sip ↔ media"
    assert class_of(tree_towards("media", *reversed(impairments)), ipv4(more=True)) == (
        "all sip ↔ media"
    )


def test_single_addresses_and_short_prefixes_are_matched_bit_by_bit() -> None:
    cidrs = (parse_cidr("10.1.2.3", ""), parse_cidr("2001:db8:0:fff0::/60", ""))
    nets = Nets((Net("a", "a0", cidrs), Net("b", "b0", cidrs)), "nets")
    profile = Profile("t", "", Effect.NONE, (impairment("all", between=("a", "b")),))
    tree = make_plan(profile, nets).trees[1]
    assert class_of(tree, ipv4("10.1.2.3")) == "all a ↔ b"
    assert class_of(tree, ipv4("10.1.2.2")) == REST
    assert class_of(tree, ipv6("2001:db8:0:fff7::1")) == "all a ↔ b"
    assert class_of(tree, ipv6("2001:db8:0:ffe0::1", protocol=UDP)) == REST
