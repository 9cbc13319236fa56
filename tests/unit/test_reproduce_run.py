import pytest
from reproduce_samples import NOTHING, command, session

from slowbye.measure.ng_trace import CommandTimes
from slowbye.reproduce.figures import report_command
from slowbye.reproduce.run import Run, call_figures
from slowbye.reproduce.timeline import draw
from slowbye.sip.result import BatchResult, CallResult, Transaction


def call(invite_at: float, bye_ms: float | None = 60, status: int = 200) -> CallResult:
    bye = None if bye_ms is None else Transaction("BYE", invite_at + 2000, bye_ms, 200)
    return CallResult(
        call_id=f"call-{invite_at}",
        hangup="caller",
        failure="" if status == 200 else f"INVITE: {status}",
        invite=Transaction("INVITE", invite_at, 90, status),
        bye=bye,
        caller=None,
        callee=None,
        rtp_ok=status == 200,
    )


def batch(*calls: CallResult, bystander: tuple[float, ...] = ()) -> BatchResult:
    options = [Transaction("OPTIONS", 100.0 * n, ms, 200) for n, ms in enumerate(bystander)]
    return BatchResult("198.18.1.1:5060", "udp", [], list(calls), options)


def test_failed_calls_are_counted_by_reason_and_kept_out_of_the_setup_time() -> None:
    figures = call_figures(batch(call(0), call(1, None, 503), call(2, None, 503)), workers=8)
    assert (figures.calls, figures.failed, figures.rtp_ok) == (3, 2, 1)
    assert figures.failures == {"INVITE: 503": 2}
    assert figures.setup_ms.p50 == 90
    assert figures.bye_ms.p50 == 60


def test_nothing_placed_gives_no_times() -> None:
    figures = call_figures(batch(), workers=8)
    assert figures.bye_ms == figures.setup_ms == figures.bystander_ms == NOTHING
    assert (figures.byes_under_way, figures.starved_ms) == (0, 0)


def test_starvation_is_the_time_in_which_every_worker_waits_for_a_bye() -> None:
    calls = [call(0, 4000), call(100, 4000), call(200, 1000)]
    figures = call_figures(batch(*calls), workers=2)
    assert figures.byes_under_way == 3
    assert figures.starved_ms == 3900


def test_byes_one_after_the_other_never_starve_anyone() -> None:
    figures = call_figures(batch(call(0, 100), call(100, 100), call(200, 100)), workers=2)
    assert (figures.byes_under_way, figures.starved_ms) == (1, 0)


def test_the_bystander_is_summarized() -> None:
    assert call_figures(batch(bystander=(20, 21, 3000)), workers=8).bystander_ms.max == 3000


def test_a_run_survives_json() -> None:
    for run in session().runs:
        assert Run.from_json(run.to_json()) == run


def test_a_timeline_has_a_row_for_each_call_and_one_for_the_bystander() -> None:
    drawn = draw(batch(call(0), call(50, None, 503), bystander=(20, 2000)))
    assert drawn is not None
    kinds = [box.kind for box in drawn.boxes]
    assert kinds == ["setup", "talk", "bye", "failed", "bystander", "bystander"]
    assert len({box.y for box in drawn.boxes}) == 3
    assert drawn.ticks[:2] == [(0.0, "0 s"), (drawn.ticks[1][0], "1 s")]


def test_nothing_placed_has_no_timeline() -> None:
    assert draw(batch()) is None


@pytest.mark.parametrize(
    ("sent", "carrier"),
    [
        ({"delete": command(22, 3326, fragmented=20)}, "delete"),
        ({"delete": command(22, 28), "query": command(22, 3331, fragmented=20)}, "query"),
        ({"delete": command(22, 3326, fragmented=20), "query": command(22, 3331)}, "delete"),
        ({"query": command(None, 3331, fragmented=20)}, "query"),
        ({"offer": command(22)}, "delete"),
    ],
)
def test_the_report_is_found_in_the_reply_that_carries_it(
    sent: dict[str, CommandTimes], carrier: str
) -> None:
    assert report_command(sent) == carrier
