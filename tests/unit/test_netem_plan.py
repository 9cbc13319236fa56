import pytest
from test_netem_classes import NETS, impairment, tree_towards

from slowbye.errors import SlowbyeError
from slowbye.netem import Effect, Host, Impairment, Match, Profile, Shape, load_profile, make_plan
from slowbye.netem.nets import parse_cidr
from slowbye.netem.tree import ROOT, Netem, Pfifo, Tree

SECOND_NS = 1_000_000_000


def leaf(tree: Tree, band: int) -> Netem | Pfifo:
    handle = tree.bands[band - 1].leaf
    options = next(qdisc.options for qdisc in tree.qdiscs if qdisc.handle == handle)
    assert isinstance(options, Netem | Pfifo)
    return options


def test_an_impairment_adds_its_delay_to_half_of_the_round_trip_time() -> None:
    plan = make_plan(load_profile("fragment-delay"), NETS, rtt_ms=20)
    base, fragments = leaf(plan.trees[0], 2), leaf(plan.trees[0], 3)
    assert isinstance(base, Netem)
    assert isinstance(fragments, Netem)
    assert base.delay_ns == 0.01 * SECOND_NS
    assert fragments.delay_ns == 4.01 * SECOND_NS


def test_the_first_band_has_no_delay() -> None:
    assert leaf(tree_towards("sip", impairment("all")), 1) == Pfifo(1000)


def test_without_a_base_delay_other_packets_meet_no_netem() -> None:
    tree = make_plan(load_profile("fragment-drop"), NETS, rtt_ms=0).trees[0]
    assert leaf(tree, 2) == Pfifo(1000)
    assert leaf(tree, 3) == Netem(limit=10_000, loss=2**32 - 1)


@pytest.mark.parametrize(
    ("settings", "limit"),
    [
        ({"delay_ms": 0.0, "loss_pct": 1.0}, 10_000),
        ({"delay_ms": 3990.0}, 250_000),
        ({"delay_ms": 1990.0, "jitter_ms": 500.0}, 250_000),
        ({"delay_ms": 990.0, "rate_bit": 8e6}, 5_000),
        ({"delay_ms": 0.0, "rate_bit": 1e6}, 1_000),
        ({"delay_ms": 3990.0, "limit": 7}, 7),
    ],
)
def test_the_limit_grows_with_delay_and_rate(settings: dict[str, object], limit: int) -> None:
    assert leaf(tree_towards("sip", impairment("all", **settings)), 3).limit == limit


def test_reordered_packets_keep_the_base_delay_in_a_netem_around_theirs() -> None:
    tree = make_plan(load_profile("fragment-reorder"), NETS).trees[0]
    inner = leaf(tree, 3)
    assert isinstance(inner, Netem)
    assert inner.delay_ns == 0.01 * SECOND_NS
    assert inner.reorder == round(0.25 * (2**32 - 1))
    handle = next(qdisc for qdisc in tree.qdiscs if qdisc.handle == tree.bands[2].leaf)
    outer = next(qdisc for qdisc in tree.qdiscs if qdisc.handle == handle.parent & ~0xFFFF)
    assert outer.options == Netem(limit=10_000, delay_ns=10_000_000)


def test_only_the_link_that_a_profile_narrows_is_shaped() -> None:
    plan = make_plan(load_profile("low-priority"), NETS)
    assert [tree.kinds & {"htb"} for tree in plan.trees] == [{"htb"}, set(), set()]
    assert "class htb 5b1e:1 parent ffff:ffff rate 2mbit" in "\n".join(plan.lines())


def test_every_part_comes_after_its_parent_and_netem_last() -> None:
    for name in ("fragment-reorder", "low-priority"):
        for tree in make_plan(load_profile(name), NETS).trees:
            items = list(tree.in_order())
            made = {ROOT}
            for item in items:
                assert item.parent in made or item.parent & ~0xFFFF in made
                made.add(getattr(item, "handle", ROOT))
            kinds = [getattr(item, "kind", "filter") for item in items]
            assert kinds.index("netem") > max(i for i, kind in enumerate(kinds) if kind == "filter")


def test_more_impairments_than_bands_are_refused() -> None:
    impairments = tuple(impairment(f"udp/{port}") for port in range(1, 15))
    assert len(tree_towards("sip", *impairments).bands) == 16
    with pytest.raises(SlowbyeError, match=r"15 impairments towards sip0: .* 14 is the most"):
        tree_towards("sip", *impairments, impairment("all"))


def test_a_net_that_is_not_there_is_named() -> None:
    profile = Profile("t", "", Effect.NONE, (impairment("all", between=("sip", "midea")),))
    with pytest.raises(SlowbyeError, match=r"wan\.yml: unknown net 'midea'; did you mean media\?"):
        make_plan(profile, NETS)
    with pytest.raises(SlowbyeError, match="unknown net 'wlan'"):
        make_plan(Profile("t", "", Effect.NONE, shape=Shape("wlan", 1e6)), NETS)


def test_a_host_impairs_egress_by_destination_and_ingress_by_source() -> None:
    profile = Profile("t", "", Effect.NONE, (Impairment(Match("all"), loss_pct=1),))
    host = Host("eth0", (parse_cidr("10.0.0.0/8", ""),), ingress=True)
    plan = make_plan(profile, host, rtt_ms=0)
    egress, ingress = plan.trees
    assert (egress.interface, ingress.interface) == ("eth0", "ifb-eth0")
    assert any("match u32 0x0a000000 0xff000000 at 16" in line for line in egress.lines())
    assert any("match u32 0x0a000000 0xff000000 at 12" in line for line in ingress.lines())
    assert "link ifb-eth0 type ifb" in plan.lines()
    assert len(make_plan(profile, Host("eth0"), rtt_ms=0).trees) == 1


def test_long_interface_names_give_ifb_devices_that_the_kernel_accepts() -> None:
    plan = make_plan(load_profile("clean"), Host("enp0s31f6.10999", ingress=True))
    assert plan.ifb is not None
    assert len(plan.ifb.device) <= 15
