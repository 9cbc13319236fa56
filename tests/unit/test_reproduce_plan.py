from typing import Any

import pytest

from slowbye.errors import SlowbyeError
from slowbye.hosts import PODMAN_CONNECTION, Host, Inventory
from slowbye.reproduce.duration import estimate_s
from slowbye.reproduce.paths import rtpengine_nodes
from slowbye.reproduce.plan import Plan, make_plan
from slowbye.reproduce.session import announcement, dry_run, steps

DIRECT = {"name": "direct", "nodes": ["udp:198.18.2.1:2223"]}
TUNNEL = {"name": "ngtunnel", "nodes": ["udp:127.0.0.1:2223"]}
SOCAT = {"name": "socat", "nodes": ["udp:127.0.0.1:2226", "udp:127.0.0.1:2236"]}
ALL = {"sip_proxy_rtpengine_sets": [DIRECT, SOCAT, TUNNEL], "sip_proxy_ng_path_header": True}


def inventory(**sip_variables: Any) -> Inventory:
    addresses = {"sip1": "198.18.1.1", "media1": "198.18.2.1", "client1": "198.18.3.1"}
    hosts = {
        name: Host(name, PODMAN_CONNECTION, f"lab-{name}", {"public_address": address})
        for name, address in addresses.items()
    }
    hosts["sip1"] = Host(
        "sip1", PODMAN_CONNECTION, "lab-sip1", {"public_address": "198.18.1.1", **sip_variables}
    )
    hosts["wan1"] = Host("wan1", PODMAN_CONNECTION, "lab-wan1", {})
    groups = {"sip": ["sip1"], "media": ["media1"], "clients": ["client1"], "wan": ["wan1"]}
    return Inventory("inventory/lab", hosts, groups)


def plan(lab: Inventory | None = None, **changes: Any) -> Plan:
    arguments: dict[str, Any] = {
        "delay": "4s",
        "rtt": "20ms",
        "calls": 20,
        "at_once": None,
        "profiles": ["clean", "fragment-delay"],
        "paths": ["direct"],
        "transport": "udp",
        "media": "2s",
        **changes,
    }
    return make_plan(lab or inventory(), **arguments)


def test_the_defaults_of_the_roles_hold_where_the_inventory_says_nothing() -> None:
    made = plan()
    assert (made.workers, made.try_ms, made.tries) == (8, 1000, 5)
    assert made.calls.at_once == 10
    ((path, _), *_) = made.runs
    assert (path.name, path.ports, path.urls) == ("direct", [2223], ())


def test_over_tcp_calls_follow_each_other_unless_told_otherwise() -> None:
    alone, together = plan(transport="tcp"), plan(transport="tcp", at_once=4)
    assert (alone.calls.at_once, together.calls.at_once) == (1, 4)
    assert [each.conditions(each.profiles[0]).queued for each in (alone, together, plan())] == [
        False,
        True,
        False,
    ]


def test_the_inventory_decides_otherwise() -> None:
    lab = inventory(
        sip_proxy_workers="4",
        sip_proxy_rtpengine_tout_ms=500,
        sip_proxy_rtpengine_retr=3,
        sip_proxy_rtpengine_sets=[DIRECT, TUNNEL],
        sip_proxy_ng_path_header=True,
    )
    made = plan(lab, paths=["direct", "ngtunnel"])
    assert (made.workers, made.calls.at_once) == (4, 6)
    clean, delayed = made.profiles
    assert made.conditions(delayed).give_up_ms == 1500
    direct, tunnel = made.paths_under(clean)
    assert direct.nodes == {("198.18.2.1", 2223)}
    assert tunnel.nodes == {("127.0.0.1", 2223)}
    assert made.call_command(tunnel, clean)[-2:] == ["--header", "X-Ng-Path: ngtunnel"]


def test_one_path_needs_no_header() -> None:
    made = plan(inventory(sip_proxy_rtpengine_sets=[DIRECT], sip_proxy_ng_path_header=True))
    assert "--header" not in made.call_command(*made.runs[0])


def names(made: Plan) -> list[str]:
    return [f"{path.name}/{profile.name}" for path, profile in made.runs]


def test_what_the_others_are_measured_by_is_run_first() -> None:
    made = plan(
        inventory(**ALL),
        paths=["ngtunnel", "socat", "direct"],
        profiles=["fragment-drop", "clean", "lossy"],
    )
    assert names(made)[:4] == [
        "direct/clean",
        "ngtunnel/clean",
        "socat/clean",
        "direct/fragment-drop",
    ]
    assert [profile.name for profile in made.profiles] == ["clean", "fragment-drop", "lossy"]


def test_some_of_the_runs_can_be_chosen() -> None:
    only = ["ngtunnel/fragment-delay", "direct/clean"]
    made = plan(inventory(**ALL), paths=["direct", "ngtunnel"], only=only)
    assert names(made) == ["direct/clean", "ngtunnel/fragment-delay"]
    assert [path.name for path in made.paths_under(made.profiles[1])] == ["ngtunnel"]
    assert steps(made) == 7


@pytest.mark.parametrize(("typed", "number", "at_once"), [(20, 40, 10), (5, 40, 10), (60, 60, 10)])
def test_random_loss_needs_many_calls(typed: int, number: int, at_once: int) -> None:
    made = plan(calls=typed, profiles=["clean", "lossy"])
    clean, lossy = made.profiles
    assert (made.calls_under(lossy).number, made.calls_under(lossy).at_once) == (number, at_once)
    assert made.calls_under(clean).number == typed
    assert str(number) in made.call_command(made.runs[1][0], lossy)


@pytest.mark.parametrize(("typed", "lossy_ms"), [("20ms", "40ms"), ("55.5ms", "55.5ms")])
def test_random_loss_is_measured_across_a_long_wan(typed: str, lossy_ms: str) -> None:
    made = plan(rtt=typed, profiles=["clean", "lossy"])
    assert [made.wan_variables(profile)["wan_rtt"] for profile in made.profiles] == [
        typed,
        lossy_ms,
    ]
    assert made.conditions(made.profiles[1]).rtt_ms == float(lossy_ms.removesuffix("ms"))


def test_a_node_without_a_fixed_address_is_known_by_its_port() -> None:
    named = {"name": "direct", "nodes": ["udp:media1.example:2225", "udp:0.0.0.0:2224"]}
    ((path, _), *_) = plan(inventory(sip_proxy_rtpengine_sets=[named])).runs
    assert path.nodes == {(None, 2225), (None, 2224)}
    assert path.urls == ("udp:media1.example:2225", "udp:0.0.0.0:2224")


@pytest.mark.parametrize(
    ("listening", "nodes"),
    [
        (["198.18.2.1:2223", "127.0.0.1:2225"], {("198.18.2.1", 2223), ("127.0.0.1", 2225)}),
        (["0.0.0.0:2223"], {(None, 2223)}),
        (["[::1]:2223"], {("::1", 2223)}),
        (None, {(None, 2223)}),
    ],
)
def test_rtpengine_is_known_by_what_it_listens_on(
    listening: list[str] | None, nodes: set[tuple[str | None, int]]
) -> None:
    media = Host("media1", variables={"rtpengine_listen_ng": listening})
    assert rtpengine_nodes(media) == nodes


def test_the_time_that_it_takes_is_told_before() -> None:
    everything = plan(
        inventory(**ALL),
        paths=["direct", "socat", "ngtunnel"],
        profiles=["clean", "fragment-delay", "fragment-drop", "lossy", "udp-blocked"],
    )
    said = announcement(everything)
    assert said.startswith("15 runs of 20 calls over direct, socat, ngtunnel; WAN: clean, ")
    assert said.endswith(" min.")
    one = plan(profiles=["clean"])
    assert announcement(one) == (
        "1 run of 20 calls over direct; WAN: clean. This takes about 20 s."
    )
    assert estimate_s(plan(delay="2s"), plan(delay="2s").runs) < estimate_s(plan(), plan().runs)


def test_only_late_fragments_take_the_delay() -> None:
    made = plan(profiles=["clean", "fragment-delay", "fragment-reorder"], delay="6s")
    assert [made.conditions(profile).delay_ms for profile in made.profiles] == [0, 6000, 10]
    assert [made.wan_variables(profile).get("wan_delay") for profile in made.profiles] == [
        None,
        "6s",
        None,
    ]


def test_a_dry_run_ends_with_a_clean_wan() -> None:
    commands = dry_run(plan())
    assert [command[-1] for command in commands[:2]] == ["wan_rtt=20ms", "playbooks/fresh.yml"]
    assert commands[-1][3:] == [
        "playbooks/wan.yml",
        "-e",
        "wan_profile=clean",
        "-e",
        "wan_rtt=20ms",
    ]
    assert steps(plan()) == 7


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"delay": "4"}, "delay '4': the unit is missing"),
        ({"delay": "-4s"}, "delay '-4s'"),
        ({"delay": "0s"}, "needs one above zero"),
        ({"rtt": "fast"}, "rtt 'fast'"),
        ({"media": "2"}, "media '2'"),
        ({"calls": 0}, "calls: expected 1 or more, not 0"),
        ({"at_once": 0}, "calls at once: expected 1 or more"),
        ({"profiles": ["fragment-dely"]}, "unknown profile 'fragment-dely'"),
        ({"profiles": []}, "profiles: none given"),
        ({"paths": ["socat"]}, "path 'socat' is not deployed: sip_.* of sip1 has direct; add it"),
        ({"only": ["socat/clean"]}, "no run 'socat/clean': .* one of direct/clean, direct/frag"),
    ],
)
def test_bad_input_is_one_sentence(changes: dict[str, Any], fault: str) -> None:
    with pytest.raises(SlowbyeError, match=fault):
        plan(**changes)


def test_paths_are_compared_only_where_a_call_can_choose() -> None:
    lab = inventory(sip_proxy_rtpengine_sets=[DIRECT, TUNNEL])
    with pytest.raises(SlowbyeError, match="sip_proxy_ng_path_header: true"):
        plan(lab, paths=["direct", "ngtunnel"])


def test_a_number_that_is_none_is_named() -> None:
    with pytest.raises(SlowbyeError, match="sip_proxy_workers of sip1: 'many' is not a number"):
        plan(inventory(sip_proxy_workers="many"))
