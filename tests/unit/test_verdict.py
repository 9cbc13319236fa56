from dataclasses import replace

import pytest
from reproduce_samples import (
    NOTHING,
    clean_run,
    command,
    delayed_run,
    late,
    outage_run,
    same,
    session,
    under,
)

from slowbye.netem.model import Effect
from slowbye.reproduce.conditions import Conditions
from slowbye.reproduce.run import Outcome, Run
from slowbye.reproduce.verdict import judge, outcome

CLEAN = under(Effect.NONE)


def reasons(run: Run, conditions: Conditions) -> str:
    verdict = judge(run, conditions)
    assert verdict.ok == (not verdict.reasons)
    return "; ".join(verdict.reasons)


def test_fast_calls_on_a_clean_wan_are_right() -> None:
    assert reasons(clean_run(), CLEAN) == ""


def test_nothing_measured_is_not_right() -> None:
    assert "no call was placed" in reasons(clean_run(calls=0, rtp_ok=0), CLEAN)


@pytest.mark.parametrize(
    ("bye_ms", "right"),
    [(79.9, True), (80.0, False)],
)
def test_a_bye_on_a_clean_wan_takes_less_than_three_round_trips_and_20_ms(
    bye_ms: float, right: bool
) -> None:
    assert judge(clean_run(bye_ms=same(bye_ms)), CLEAN).ok == right


@pytest.mark.parametrize(("bye_ms", "right"), [(99.9, True), (100.0, False)])
def test_asking_for_the_report_before_deleting_takes_one_round_trip_more(
    bye_ms: float, right: bool
) -> None:
    run = clean_run(bye_ms=same(bye_ms), report_command="query")
    assert judge(run, CLEAN).ok == right


@pytest.mark.parametrize(
    ("rtt_ms", "right"), [(19.9, False), (20.0, True), (20.99, True), (21.0, False)]
)
def test_the_wan_adds_less_than_a_millisecond(rtt_ms: float, right: bool) -> None:
    assert judge(clean_run(rtt_measured_ms=rtt_ms), CLEAN).ok == right


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"failed": 1, "failures": {"INVITE: 503": 1}},
            "1 of 20 calls failed, mostly: INVITE: 503",
        ),
        ({"rtp_ok": 19}, "only 19 of 20 calls had RTP both ways"),
        ({"node_disabled": True}, "switched rtpengine off"),
        ({"packets_lost_by_capture": 3}, "missed 3 packets"),
    ],
)
@pytest.mark.parametrize("slow", [False, True])
def test_a_run_without_outage_is_healthy(
    slow: bool, changes: dict[str, object], reason: str
) -> None:
    run, conditions = (delayed_run(), late()) if slow else (clean_run(), CLEAN)
    assert reason in reasons(replace(run, **changes), conditions)  # type: ignore[arg-type]


def test_a_bye_as_late_as_the_fragments_is_right() -> None:
    assert reasons(delayed_run(), late()) == ""


@pytest.mark.parametrize(
    ("bye_ms", "right"), [(3999.9, False), (4000.0, True), (4400.0, True), (4400.1, False)]
)
def test_a_delayed_bye_takes_the_delay_and_at_most_400_ms_more(bye_ms: float, right: bool) -> None:
    assert judge(delayed_run(bye_ms=same(bye_ms)), late()).ok == right


@pytest.mark.parametrize(
    ("delete_ms", "right"), [(3999.9, False), (4000.0, True), (4400.0, True), (4400.1, False)]
)
def test_delete_is_what_makes_the_bye_slow(delete_ms: float, right: bool) -> None:
    ng = {**delayed_run().ng, "delete": command(delete_ms, 1851)}
    assert judge(delayed_run(ng=ng), late()).ok == right


@pytest.mark.parametrize("name", ["offer", "answer"])
@pytest.mark.parametrize(("ms", "right"), [(29.9, True), (30.0, False), (None, False)])
def test_offer_and_answer_stay_fast(name: str, ms: float | None, right: bool) -> None:
    ng = {**delayed_run().ng, name: command(ms)}
    assert judge(delayed_run(ng=ng), late()).ok == right


@pytest.mark.parametrize(("p99_ms", "right"), [(1999.0, False), (2000.0, True)])
def test_the_bystander_starves_while_all_workers_wait(p99_ms: float, right: bool) -> None:
    assert judge(delayed_run(bystander_ms=same(p99_ms)), late()).ok == right


def test_byes_on_one_tcp_connection_wait_for_each_other() -> None:
    queued = late(queued=True)
    slow = delayed_run(bye_ms=same(16_000), failed=7, failures={"BYE: no response": 7})
    assert reasons(slow, queued) == ""
    assert "BYE p50 is not above 4.00 s" in reasons(replace(slow, bye_ms=same(3999)), queued)
    assert not judge(slow, late()).ok


@pytest.mark.parametrize(("bye_ms", "right"), [(279.9, True), (280.0, False)])
def test_byes_on_one_tcp_connection_wait_on_a_clean_wan_too(bye_ms: float, right: bool) -> None:
    assert judge(clean_run(bye_ms=same(bye_ms)), replace(CLEAN, queued=True)).ok == right


def test_the_bystander_need_not_starve_while_a_worker_is_free() -> None:
    run = delayed_run(bystander_ms=same(21), byes_under_way=7, starved_ms=0)
    assert reasons(run, late()) == ""


@pytest.mark.parametrize("delay_ms", [4000, 6000])
def test_a_reply_in_one_piece_reproduces_nothing(delay_ms: float) -> None:
    run = delayed_run(delay_ms, reply_fragmented=False)
    assert "nothing could have been reproduced" in reasons(run, late(delay_ms))


def test_a_delay_beyond_the_proxys_patience_is_an_outage() -> None:
    assert reasons(outage_run(), late(6000)) == ""
    assert "never switched rtpengine off" in reasons(outage_run(node_disabled=False), late(6000))
    assert "no call failed" in reasons(outage_run(failed=0), late(6000))


def test_an_outage_needs_no_failed_call_where_all_began_at_once() -> None:
    assert reasons(outage_run(calls=10, failed=0), late(6000)) == ""


@pytest.mark.parametrize(
    ("delay_ms", "outage"), [(4929, False), (4931, None), (5029, None), (5031, True)]
)
def test_near_the_point_of_giving_up_either_outcome_is_right(
    delay_ms: float, outage: bool | None
) -> None:
    slow, dead = judge(delayed_run(delay_ms), late(delay_ms)), judge(outage_run(), late(delay_ms))
    assert slow.ok == (outage is not True)
    assert dead.ok == (outage is not False)


def test_the_proxys_own_patience_decides() -> None:
    patient = late(6000, try_ms=2000)
    assert reasons(delayed_run(6000), patient) == ""
    assert not judge(outage_run(), patient).ok


def test_lost_fragments_are_an_outage() -> None:
    conditions = under(Effect.FRAGMENTS_LOST)
    assert reasons(outage_run(), conditions) == ""
    assert not judge(clean_run(), conditions).ok


def test_a_node_that_refuses_is_not_said_to_be_late() -> None:
    refused = outage_run(ng={"offer": command(None, 0, unanswered=1)})
    assert "nobody listened where the proxy asked" in judge(refused, late(6000)).found
    at_start = judge(outage_run(ng={}, failed=20), under(Effect.UDP_LOST)).found
    assert "the proxy could not reach rtpengine when it started, and switched it off" in at_start


def test_the_outage_is_explained() -> None:
    found = judge(outage_run(), late(6000)).found
    assert "5 times" in found
    assert "60 s" in found
    assert "10 of 20 calls failed" in found


CURED = [Effect.FRAGMENTS_LATE, Effect.FRAGMENTS_LOST, Effect.UDP_LOST]


@pytest.mark.parametrize("path", ["socat", "ngtunnel"])
@pytest.mark.parametrize("effect", CURED)
def test_a_path_over_tcp_is_expected_to_be_healthy(effect: Effect, path: str) -> None:
    conditions = Conditions(effect, delay_ms=4000, rtt_ms=20)
    cured = clean_run(path=path)
    assert reasons(cured, conditions) == ""
    assert "BYE p99" in reasons(replace(delayed_run(), path=path), conditions)
    assert "switched rtpengine off" in reasons(replace(cured, node_disabled=True), conditions)


@pytest.mark.parametrize("effect", [*CURED, Effect.NONE])
@pytest.mark.parametrize(("bye_ms", "right"), [(77.9, True), (78.1, False)])
def test_the_tunnel_is_measured_by_the_direct_path_of_a_clean_wan(
    effect: Effect, bye_ms: float, right: bool
) -> None:
    conditions = replace(under(effect), clean_bye_p99_ms=69.0)
    judged = judge(clean_run(path="ngtunnel", bye_ms=same(bye_ms)), conditions)
    assert judged.ok == right
    if not right:
        assert judged.reasons == [
            "BYE p99 is 78 ms, more than 78 ms: 1.1 times that of direct on the clean WAN "
            "(69 ms), and 2.00 ms"
        ]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"garbled": 1}, "1 datagrams came out cut or merged"),
        ({"duplicated": 2}, "2 replies came out twice"),
        ({"reply_fragmented": False}, "nothing could have been cured"),
        ({"ng": {"offer": command(21, unanswered=1)}}, "1 of 20 offer commands were never answ"),
        ({"bye_ms": NOTHING}, "no BYE was sent"),
    ],
)
def test_the_tunnel_delivers_each_datagram_once_and_whole(
    changes: dict[str, object], reason: str
) -> None:
    run = replace(clean_run(path="ngtunnel"), **changes)  # type: ignore[arg-type]
    assert reason in reasons(run, replace(under(Effect.FRAGMENTS_LOST), clean_bye_p99_ms=69.0))


@pytest.mark.parametrize(("p99_ms", "right"), [(60.0, True), (60.1, False), (None, False)])
def test_the_tunnel_takes_at_most_three_round_trips_where_packets_are_lost(
    p99_ms: float | None, right: bool
) -> None:
    ng_ms = replace(NOTHING, p99=p99_ms)
    run = clean_run(path="ngtunnel", effect="loss", ng_ms=ng_ms, bye_ms=same(110))
    assert judge(run, under(Effect.LOSS)).ok == right


@pytest.mark.parametrize("trouble", [{"garbled": 1}, {"duplicated": 1}])
def test_what_socat_does_to_datagrams_is_told_and_is_no_failure(trouble: dict[str, int]) -> None:
    conditions = under(Effect.FRAGMENTS_LOST)
    broken = clean_run(path="socat", failed=5, rtp_ok=15, bye_ms=same(5000))
    assert "5 of 20 calls failed" in reasons(broken, conditions)
    assert judge(replace(broken, **trouble), conditions).ok  # type: ignore[arg-type]
    lossy = replace(broken, failed=20)
    assert not judge(lossy, under(Effect.LOSS)).ok
    assert judge(replace(lossy, **trouble), under(Effect.LOSS)).ok  # type: ignore[arg-type]
    ng = {"delete": command(22, 1851, unanswered=2)}
    found = judge(clean_run(path="socat", ng=ng, garbled=3), conditions).found
    assert found.endswith(
        "came over TCP after 22 ms; 3 datagrams came out cut or merged, and the proxy could not "
        "read 2 replies"
    )


@pytest.mark.parametrize(
    ("changes", "only_times"),
    [
        ({}, False),
        ({"bye_ms": same(106)}, True),
        ({"bye_ms": same(999)}, True),
        ({"bye_ms": same(1000)}, False),
        ({"bye_ms": same(106), "ng_ms": same(1021)}, False),
        ({"packets_lost_by_capture": 3}, True),
        ({"bye_ms": same(106), "failed": 1}, False),
        ({"garbled": 1}, False),
        ({"calls": 0}, False),
    ],
)
def test_a_machine_that_was_busy_is_told_from_a_path_that_is_broken(
    changes: dict[str, object], only_times: bool
) -> None:
    run = replace(clean_run(path="ngtunnel"), **changes)  # type: ignore[arg-type]
    assert judge(run, under(Effect.UDP_LOST)).only_times == only_times


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Outcome.FAST),
        ({"bye_ms": same(80)}, Outcome.SLOW),
        ({"failed": 1}, Outcome.FAILING),
        ({"failed": 11}, Outcome.OUTAGE),
        ({"node_disabled": True}, Outcome.OUTAGE),
        ({"bye_ms": NOTHING}, Outcome.OUTAGE),
    ],
)
def test_a_run_is_told_in_a_word(changes: dict[str, object], expected: Outcome) -> None:
    run = replace(clean_run(), **changes)  # type: ignore[arg-type]
    assert outcome(run, CLEAN) is expected


@pytest.mark.parametrize(("bye_ms", "expected"), [(84, Outcome.FAST), (85, Outcome.SLOW)])
def test_as_fast_as_the_clean_direct_path_is_fast(bye_ms: float, expected: Outcome) -> None:
    conditions = replace(under(Effect.FRAGMENTS_LOST), clean_bye_p99_ms=75)
    assert outcome(clean_run(path="ngtunnel", bye_ms=same(bye_ms)), conditions) is expected


@pytest.mark.parametrize(("ng_ms", "expected"), [(60, Outcome.FAST), (61, Outcome.SLOW)])
def test_where_packets_are_lost_the_commands_decide(ng_ms: float, expected: Outcome) -> None:
    run = clean_run(bye_ms=same(110), ng_ms=same(ng_ms))
    assert outcome(run, under(Effect.LOSS)) is expected


@pytest.mark.parametrize(("failed", "right"), [(10, True), (11, False)])
def test_loss_leaves_most_calls_alone(failed: int, right: bool) -> None:
    assert judge(clean_run(failed=failed), under(Effect.LOSS)).ok == right


@pytest.mark.parametrize(("failed", "right"), [(19, False), (20, True)])
def test_no_call_works_without_udp(failed: int, right: bool) -> None:
    run = clean_run(failed=failed, node_disabled=True, rtp_ok=0)
    assert judge(run, under(Effect.UDP_LOST)).ok == right


@pytest.mark.parametrize(
    ("offer_ms", "delete_ms", "right"),
    [
        (10, 50.0, False),
        (10, 50.1, True),
        (100, 300.0, False),
        (100, 300.1, True),
        (100, None, True),
        (None, 400.0, False),
    ],
)
def test_fragments_that_wait_make_delete_three_times_as_slow_as_offers(
    offer_ms: float | None, delete_ms: float | None, right: bool
) -> None:
    ng = {"offer": command(offer_ms), "delete": command(delete_ms, 1851)}
    assert judge(clean_run(ng=ng), under(Effect.FRAGMENTS_WAIT)).ok == right


@pytest.mark.parametrize(("bye_ms", "right"), [(89.9, True), (90.0, False)])
def test_fragments_a_little_late_may_make_the_bye_as_late(bye_ms: float, right: bool) -> None:
    reordered = replace(CLEAN, delay_ms=10)
    assert judge(clean_run(bye_ms=same(bye_ms)), reordered).ok == right
    cured = clean_run(bye_ms=same(bye_ms), path="ngtunnel")
    assert not judge(cured, reordered).ok


def test_the_sample_session_is_right() -> None:
    assert all(run.verdict and run.verdict.ok for run in session().runs)
