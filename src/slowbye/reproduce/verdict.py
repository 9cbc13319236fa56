"""Judges a run: does it show what its profile should cause? Numbers in, sentences out."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from slowbye.netem.model import Effect
from slowbye.reproduce import checks
from slowbye.reproduce.conditions import Conditions
from slowbye.reproduce.paths import DIRECT, SOCAT
from slowbye.reproduce.run import Outcome, Run, Verdict
from slowbye.units import format_ms

_GIVE_UP_MARGIN_MS = 50.0


Check = Callable[[Run, Conditions], list[str]]


@dataclass(frozen=True)
class Expectation:
    """What should be measured: in words, and as checks that return what is not so."""

    words: str
    checks: tuple[Check, ...]


def judge(run: Run, conditions: Conditions) -> Verdict:
    """Compare a run with what its profile should cause on its path."""
    expectation = expect(run.path, conditions)
    if run.calls == 0:
        wrong: dict[Check | None, list[str]] = {
            None: ["no call was placed, so nothing was measured"]
        }
    else:
        wrong = {check: check(run, conditions) for check in expectation.checks}
    wrong = {check: reasons for check, reasons in wrong.items() if reasons}
    return Verdict(
        ok=not wrong,
        expected=expectation.words,
        found=describe(run, conditions),
        reasons=[reason for reasons in wrong.values() for reason in reasons],
        outcome=outcome(run, conditions),
        only_times=bool(wrong) and wrong.keys() <= _TIMES and _is_a_moment(run, conditions),
    )


def _is_a_moment(run: Run, conditions: Conditions) -> bool:
    """Tell whether nothing took as long as one try of the proxy: that is more than a moment."""
    slowest_ms = (run.bye_ms.p99, run.ng_ms.p99)
    return all(value_ms is None or value_ms < conditions.try_ms for value_ms in slowest_ms)


def outcome(run: Run, conditions: Conditions) -> Outcome:
    """Say in a word how the calls of a run went, whatever was expected of them."""
    if run.node_disabled or 2 * run.failed > run.calls or run.bye_ms.p99 is None:
        return Outcome.OUTAGE
    if run.failed:
        return Outcome.FAILING
    if conditions.effect is Effect.LOSS:
        # Lost packets are as likely to delay the call's setup as its end.
        slow = checks.ng_survives_loss(run, conditions)
    else:
        # On a machine that is a little slow, so is the clean direct path, and that is good enough.
        slow = checks.bye_is_fast(run, replace(conditions, delay_ms=0)) and checks.bye_is_cured(
            run, conditions
        )
    return Outcome.SLOW if slow else Outcome.FAST


def expect(path: str, conditions: Conditions) -> Expectation:
    """Return what a profile should cause on a path.

    A path that is not ``direct`` carries the replies over TCP, so late, lost or waiting
    *fragments* are expected to leave it alone, and so is the loss of all UDP.
    """
    effect = conditions.effect
    if path == SOCAT:
        return _FOLK_CURE_OF_LOSS if effect is Effect.LOSS else _FOLK_CURE
    if path != DIRECT:
        return _CURE_OF_LOSS if effect is Effect.LOSS else _CURE
    if effect is Effect.FRAGMENTS_LATE:
        return _expect_late_fragments(conditions)
    return _EXPECTATIONS[effect]


def _expect_late_fragments(conditions: Conditions) -> Expectation:
    arrives_ms = conditions.delay_ms + conditions.rtt_ms
    if abs(arrives_ms - conditions.give_up_ms) < _GIVE_UP_MARGIN_MS:
        return Expectation(
            "a slow BYE or an outage: the delay is where the proxy gives up", (checks.fragmented,)
        )
    if arrives_ms > conditions.give_up_ms:
        return _OUTAGE
    if conditions.queued:
        return Expectation(
            f"every BYE takes the fragments' {format_ms(conditions.delay_ms)} and those of all "
            "BYEs before it on the TCP connection",
            (
                checks.fragmented,
                checks.node_stays_enabled,
                checks.bye_queues,
                checks.only_the_report_is_delayed,
            ),
        )
    return Expectation(
        f"every BYE takes the fragments' {format_ms(conditions.delay_ms)}, and no call fails",
        (
            checks.fragmented,
            *_HEALTHY,
            checks.bye_is_delayed,
            checks.only_the_report_is_delayed,
            checks.bystander_starves,
        ),
    )


def describe(run: Run, conditions: Conditions) -> str:
    """Say what a run showed, in one or two sentences."""
    report, command = run.report, run.report_command
    size = f"{report.reply_bytes_max}-byte " if report and report.reply_bytes_max else ""
    bye = "no BYE was sent" if run.bye_ms.p50 is None else f"BYE took {format_ms(run.bye_ms.p50)}"
    if run.node_disabled:
        return (
            f"{bye}: {_given_up(run, conditions)} switched it off for {conditions.disabled_s} s, "
            f"so {run.failed} of {run.calls} calls failed"
        )
    if report is None or report.p50 is None:
        return f"{bye}, and rtpengine's reply to {command} never came"
    found = (
        f"{bye}: rtpengine's {size}reply to {command} came {_how(run)} after "
        f"{format_ms(report.p50)}"
    )
    if conditions.effect is Effect.LOSS and run.ng_ms.p99 is not None:
        found += f", and ng p99 is {format_ms(run.ng_ms.p99)}"
    if run.garbled:
        found += (
            f"; {run.garbled} datagrams came out cut or merged, and the proxy could not read "
            f"{run.unanswered} replies"
        )
    return found


def _given_up(run: Run, conditions: Conditions) -> str:
    """Say how the proxy came to give rtpengine up; the sentence goes on with that it did."""
    if not run.ng:
        return "the proxy could not reach rtpengine when it started, and"
    if run.unanswered and not any(times.retransmits for times in run.ng.values()):
        return "nobody listened where the proxy asked for rtpengine, so it"
    return (
        f"the proxy asked rtpengine {conditions.tries} times, {conditions.try_ms / 1000:g} s each, "
        "got no reply in time and"
    )


def _how(run: Run) -> str:
    if run.path != DIRECT:
        return "over TCP"
    return "in fragments" if run.reply_fragmented else "in one piece"


def _unless_garbled(check: Check) -> Check:
    """Return a check that holds as long as datagrams come out as they went in."""

    def checked(run: Run, conditions: Conditions) -> list[str]:
        return [] if run.garbled or run.duplicated else check(run, conditions)

    return checked


_HEALTHY: tuple[Check, ...] = (
    checks.no_call_failed,
    checks.rtp_both_ways,
    checks.node_stays_enabled,
    checks.capture_is_complete,
)

_CURE = Expectation(
    "calls as on the direct path of a clean WAN",
    (
        *_HEALTHY,
        checks.every_command_is_answered,
        checks.datagrams_are_whole,
        checks.bye_is_cured,
        checks.large,
    ),
)

_CURE_OF_LOSS = Expectation(
    "ng p99 of at most three round trips, and no call fails",
    (
        *_HEALTHY,
        checks.every_command_is_answered,
        checks.datagrams_are_whole,
        checks.ng_survives_loss,
        checks.large,
    ),
)

# Whatever socat does to the datagrams is told, and is no failure of ours.
_whole_bye_is_fast = _unless_garbled(checks.bye_is_fast)

_FOLK_CURE = Expectation(
    "calls as on a clean WAN, where socat happens to leave the datagrams whole",
    (checks.capture_is_complete, *map(_unless_garbled, _HEALTHY), _whole_bye_is_fast),
)

_FOLK_CURE_OF_LOSS = Expectation(
    "most calls work, where socat happens to leave the datagrams whole",
    (checks.capture_is_complete, _unless_garbled(checks.most_calls_work)),
)

_TIMES = {
    checks.bye_is_cured,
    checks.bye_is_fast,
    checks.capture_is_complete,
    checks.ng_survives_loss,
    checks.wan_is_exact,
    _whole_bye_is_fast,
}
"""Of few calls, the slowest is p99: one moment in which the machine was busy decides these."""

_OUTAGE = Expectation(
    "the proxy gives up, switches rtpengine off, and new calls fail",
    (checks.fragmented, checks.node_gets_disabled, checks.new_calls_fail),
)

_EXPECTATIONS = {
    Effect.NONE: Expectation("fast calls", (*_HEALTHY, checks.bye_is_fast, checks.wan_is_exact)),
    Effect.FRAGMENTS_LOST: _OUTAGE,
    Effect.LOSS: Expectation(
        "some commands are sent twice, most calls work",
        (checks.most_calls_work, checks.capture_is_complete),
    ),
    Effect.UDP_LOST: Expectation(
        "no call works, and the proxy switches rtpengine off",
        (checks.every_call_fails, checks.node_gets_disabled),
    ),
    Effect.FRAGMENTS_WAIT: Expectation(
        "the call report waits behind other traffic, at least three times as long as offers",
        (checks.fragmented, checks.the_report_waits),
    ),
}
