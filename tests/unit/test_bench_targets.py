from typing import Any

import pytest

from bench import targets
from bench.figures import ratios
from bench.measure import Measurement
from bench.session import Results
from bench.usage import Memory

MIB = 1 << 20


def measured(**changes: Any) -> Measurement:
    values: dict[str, Any] = {
        "round_trips": 1000,
        "per_second": 1000.0,
        "p50_us": 100.0,
        "p99_us": 200.0,
        "p999_us": 300.0,
        "cpu_s_per_1000": 0.1,
        "memory": Memory(processes=2, rss_bytes=50 * MIB, pss_bytes=30 * MIB),
        "wrong": {},
        "wrong_requests": {},
        "repeated": 0,
        "errors": 0,
        "late": 0,
        "other_cpus": 0.0,
    }
    return Measurement(**{**values, **changes})


def verdict(part: str, **of: list[Measurement]) -> bool | None:
    """Judge measurements given by ``CASE__VARIANT``, round by round."""
    results = Results()
    for key, rounds in of.items():
        case, _, variant = key.removeprefix("_").partition("__")
        results.measured[(case, variant.replace("_", "-"))] = dict(enumerate(rounds))
    (judged,) = [each for each in targets.judge(results) if part in each.target]
    return judged.ok


@pytest.mark.parametrize(("p50_us", "ok"), [(110.0, True), (111.0, False)])
def test_p50_is_at_most_1_1_times_socats(p50_us: float, ok: bool) -> None:
    ours = [measured(p50_us=p50_us)]
    assert verdict("one in flight", one__ngtunnel=ours, one__socat=[measured()]) is ok


@pytest.mark.parametrize(("per_second", "ok"), [(2000.0, True), (1990.0, False)])
def test_the_rate_is_at_least_twice_socats(per_second: float, ok: bool) -> None:
    ours = [measured(per_second=per_second)]
    assert verdict("socat's round", _8x8__ngtunnel=ours, _8x8__socat=[measured()]) is ok


@pytest.mark.parametrize(("per_second", "ok"), [(750.0, True), (749.0, False)])
def test_tls_costs_at_most_a_quarter(per_second: float, ok: bool) -> None:
    tls = [measured(per_second=per_second)]
    assert verdict("TLS costs", _8x8__ngtunnel=[measured()], _8x8__ngtunnel_tls=tls) is ok


def test_one_wrong_request_in_any_round_is_one_too_many() -> None:
    wrong = measured(wrong_requests={"merged": 1})
    assert verdict("no wrong", one__ngtunnel=[measured()]) is True
    assert verdict("no wrong", one__ngtunnel=[measured(), wrong]) is False


def test_only_the_tunnel_that_knows_of_ng_may_repeat_a_request() -> None:
    assert verdict("no wrong", one__ngtunnel=[measured(repeated=1)]) is True
    assert verdict("no wrong", one__ngtunnel_raw=[measured(repeated=1)]) is False


def test_socats_wrong_datagrams_are_not_held_against_ngtunnel() -> None:
    socat = [measured(wrong={"merged": 9})]
    assert verdict("no wrong", one__ngtunnel=[measured()], one__socat=socat) is True


@pytest.mark.parametrize(
    ("processes", "mib", "ok"), [(2, 63, True), (2, 64, False), (1002, 10, False)]
)
def test_memory_of_a_thousand_peers_is_bounded_and_no_peer_has_a_process(
    processes: int, mib: int, ok: bool
) -> None:
    used = Memory(processes=processes, rss_bytes=mib * MIB, pss_bytes=0)
    part = "peers, ngtunnel:"
    assert verdict(part, _1000__ngtunnel=[measured(memory=used), measured()]) is ok


def test_what_was_not_measured_is_neither_reached_nor_missed() -> None:
    assert [each.ok for each in targets.judge(Results())] == [None] * 6


def test_ratios_are_taken_within_a_round() -> None:
    ours = {0: measured(p50_us=100.0), 1: measured(p50_us=400.0), 2: measured(p50_us=1.0)}
    theirs = {0: measured(p50_us=100.0), 1: measured(p50_us=200.0)}
    found = ratios(ours, theirs, lambda each: each.p50_us)
    assert found is not None
    assert (found.low, found.median, found.high) == (1.0, 1.5, 2.0)


@pytest.mark.parametrize(("p99_us", "ok"), [(120_000.0, True), (120_100.0, False)])
@pytest.mark.parametrize("variant", ["ngtunnel", "ngtunnel-tls"])
def test_under_loss_p99_is_at_most_three_round_trip_times_in_each_case(
    variant: str, p99_us: float, ok: bool
) -> None:
    results = Results(
        {
            ("lossy/one", variant): {0: measured(p99_us=90_000.0)},
            ("lossy/8x8", variant): {0: measured(p99_us=p99_us)},
        }
    )
    found = {each.target.split(":")[0]: each for each in targets.judge_wan(results)}
    assert found[f"lossy, {variant}"].ok is ok
    assert found[f"lossy, {variant}"].found == f"one 90.0 ms, 8x8 {p99_us / 1000:.1f} ms"


def test_a_wrong_datagram_across_the_wan_counts() -> None:
    results = Results({("clean/8x8", "ngtunnel"): {0: measured(wrong={"lost": 1})}})
    (judged,) = [each for each in targets.judge_wan(results) if "wrong" in each.target]
    assert judged.ok is False
