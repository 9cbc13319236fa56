"""Judges a run: does it show what its profile should cause? Numbers in, sentences out."""

from collections.abc import Callable
from dataclasses import dataclass

from slowbye.netem.model import Effect
from slowbye.reproduce.run import Run, Verdict
from slowbye.units import format_ms

DIRECT = "direct"
"""The path on which ng crosses the WAN as plain UDP, so that its replies are fragmented there."""

_WAN_ADDS_MS = 1.0
_OFFER_SLACK_MS = 10.0
_CLEAN_SLACK_MS = 20.0
_SLOW_SLACK_MS = 340.0
_GIVE_UP_MARGIN_MS = 50.0


@dataclass(frozen=True)
class Conditions:
    """What a run was made under; times in milliseconds.

    Attributes:
        effect: what the profile does.
        delay_ms: how much later fragments arrive, at most.
        rtt_ms: the WAN's nominal round-trip time.
        try_ms, tries: how long the proxy waits for rtpengine, and how often it asks.
        workers: how many SIP workers the proxy has.
        disabled_s: for how long it does without a node that it gave up.
        queued: calls share a TCP connection, which one worker serves, so their BYEs wait for
            each other.
    """

    effect: Effect
    delay_ms: float
    rtt_ms: float
    try_ms: float = 1000.0
    tries: int = 5
    workers: int = 8
    disabled_s: int = 60
    queued: bool = False

    @property
    def give_up_ms(self) -> float:
        """When the proxy stops waiting for a reply."""
        return self.try_ms * self.tries


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
        reasons = ["no call was placed, so nothing was measured"]
    else:
        reasons = [reason for check in expectation.checks for reason in check(run, conditions)]
    return Verdict(not reasons, expectation.words, describe(run, conditions), reasons)


def expect(path: str, conditions: Conditions) -> Expectation:
    """Return what a profile should cause on a path.

    A path that is not ``direct`` carries the replies whole, so late, lost or waiting *fragments*
    are expected to leave it alone.
    """
    effect = conditions.effect
    if path != DIRECT and effect in (
        Effect.FRAGMENTS_LATE,
        Effect.FRAGMENTS_LOST,
        Effect.FRAGMENTS_WAIT,
    ):
        return Expectation("calls as on a clean WAN", (*_HEALTHY, _bye_is_fast))
    if effect is Effect.FRAGMENTS_LATE:
        return _expect_late_fragments(conditions)
    return _EXPECTATIONS[effect]


def _expect_late_fragments(conditions: Conditions) -> Expectation:
    arrives_ms = conditions.delay_ms + conditions.rtt_ms
    if abs(arrives_ms - conditions.give_up_ms) < _GIVE_UP_MARGIN_MS:
        return Expectation(
            "a slow BYE or an outage: the delay is where the proxy gives up", (_fragmented,)
        )
    if arrives_ms > conditions.give_up_ms:
        return _OUTAGE
    if conditions.queued:
        return Expectation(
            f"every BYE takes the fragments' {format_ms(conditions.delay_ms)} and those of all "
            "BYEs before it on the TCP connection",
            (_fragmented, _node_stays_enabled, _bye_queues, _only_delete_is_delayed),
        )
    return Expectation(
        f"every BYE takes the fragments' {format_ms(conditions.delay_ms)}, and no call fails",
        (_fragmented, *_HEALTHY, _bye_is_delayed, _only_delete_is_delayed, _bystander_starves),
    )


def describe(run: Run, conditions: Conditions) -> str:
    """Say what a run showed, in one or two sentences."""
    delete = run.ng.get("delete")
    size = f"{delete.reply_bytes_max}-byte " if delete and delete.reply_bytes_max else ""
    bye = "no BYE was sent" if run.bye_ms.p50 is None else f"BYE took {format_ms(run.bye_ms.p50)}"
    if run.node_disabled:
        return (
            f"{bye}: the proxy asked rtpengine {conditions.tries} times, "
            f"{conditions.try_ms / 1000:g} s each, got no reply in time and switched it off for "
            f"{conditions.disabled_s} s, so {run.failed} of {run.calls} calls failed"
        )
    if delete is None or delete.p50 is None:
        return f"{bye}, and rtpengine's reply to delete never came"
    how = "in fragments" if run.reply_fragmented else "in one piece"
    return f"{bye}: rtpengine's {size}reply to delete came {how} after {format_ms(delete.p50)}"


def _no_call_failed(run: Run, conditions: Conditions) -> list[str]:
    if not run.failed:
        return []
    most = max(run.failures, key=lambda reason: run.failures[reason], default="no reason given")
    return [f"{run.failed} of {run.calls} calls failed, mostly: {most}"]


def _rtp_both_ways(run: Run, conditions: Conditions) -> list[str]:
    answered = run.calls - run.failed
    if run.rtp_ok >= answered:
        return []
    return [f"only {run.rtp_ok} of {answered} calls had RTP both ways"]


def _node_stays_enabled(run: Run, conditions: Conditions) -> list[str]:
    return ["the proxy switched rtpengine off"] if run.node_disabled else []


def _capture_is_complete(run: Run, conditions: Conditions) -> list[str]:
    if not run.packets_lost_by_capture:
        return []
    return [f"the capture missed {run.packets_lost_by_capture} packets: run again"]


def _wan_is_exact(run: Run, conditions: Conditions) -> list[str]:
    if run.rtt_measured_ms is None:
        return []
    added_ms = run.rtt_measured_ms - conditions.rtt_ms
    if 0 <= added_ms < _WAN_ADDS_MS:
        return []
    return [
        f"the WAN's round trip is {run.rtt_measured_ms:.2f} ms instead of {conditions.rtt_ms:g} "
        f"to {conditions.rtt_ms + _WAN_ADDS_MS:g} ms"
    ]


def _bye_is_fast(run: Run, conditions: Conditions) -> list[str]:
    limit_ms = 3 * conditions.rtt_ms + _CLEAN_SLACK_MS
    if run.path == DIRECT:
        limit_ms += conditions.delay_ms
    if conditions.queued:
        limit_ms += run.at_once * conditions.rtt_ms
    if run.bye_ms.p99 is None:
        return ["no BYE was sent"]
    if run.bye_ms.p99 < limit_ms:
        return []
    return [f"BYE p99 is {format_ms(run.bye_ms.p99)}, not below {format_ms(limit_ms)}"]


def _fragmented(run: Run, conditions: Conditions) -> list[str]:
    if run.reply_fragmented:
        return []
    delete = run.ng.get("delete")
    size = delete.reply_bytes_max if delete else 0
    return [
        f"no reply to delete left rtpengine in fragments (the largest has {size} bytes), "
        "so nothing could have been reproduced"
    ]


def _bye_is_delayed(run: Run, conditions: Conditions) -> list[str]:
    return _within_delay("BYE p50", run.bye_ms.p50, conditions)


def _bye_queues(run: Run, conditions: Conditions) -> list[str]:
    if run.bye_ms.p50 is not None and run.bye_ms.p50 >= conditions.delay_ms:
        return []
    return [f"BYE p50 is not above {format_ms(conditions.delay_ms)}"]


def _only_delete_is_delayed(run: Run, conditions: Conditions) -> list[str]:
    delete = run.ng.get("delete")
    reasons = _within_delay("ng delete p50", delete.p50 if delete else None, conditions)
    limit_ms = conditions.rtt_ms + _OFFER_SLACK_MS
    for command in ("offer", "answer"):
        times = run.ng.get(command)
        if times is None or times.p50 is None:
            reasons.append(f"rtpengine never replied to {command}")
        elif times.p50 >= limit_ms:
            reasons.append(
                f"ng {command} p50 is {format_ms(times.p50)}, not below {format_ms(limit_ms)}"
            )
    return reasons


def _within_delay(what: str, value_ms: float | None, conditions: Conditions) -> list[str]:
    low_ms = conditions.delay_ms
    high_ms = low_ms + 3 * conditions.rtt_ms + _SLOW_SLACK_MS
    if value_ms is not None and low_ms <= value_ms <= high_ms:
        return []
    shown = "missing" if value_ms is None else format_ms(value_ms)
    return [f"{what} is {shown}, not between {format_ms(low_ms)} and {format_ms(high_ms)}"]


def _bystander_starves(run: Run, conditions: Conditions) -> list[str]:
    """The bystander waits as long as all workers do; half of that is what p99 must show."""
    if run.byes_under_way < conditions.workers or run.bystander_ms.p99 is None:
        return []
    if run.bystander_ms.p99 >= run.starved_ms / 2:
        return []
    return [
        f"{run.byes_under_way} BYEs were under way over {conditions.workers} workers for "
        f"{format_ms(run.starved_ms)}, but the bystander's p99 is only "
        f"{format_ms(run.bystander_ms.p99)}"
    ]


def _node_gets_disabled(run: Run, conditions: Conditions) -> list[str]:
    return [] if run.node_disabled else ["the proxy never switched rtpengine off"]


def _new_calls_fail(run: Run, conditions: Conditions) -> list[str]:
    """A call that begins after the outage fails; there is none where all began at once."""
    if run.failed or run.calls <= run.at_once:
        return []
    return ["no call failed, though rtpengine should have been switched off"]


def _every_call_fails(run: Run, conditions: Conditions) -> list[str]:
    good = run.calls - run.failed
    return [f"{good} of {run.calls} calls worked without UDP to rtpengine"] if good else []


def _most_calls_work(run: Run, conditions: Conditions) -> list[str]:
    if 2 * run.failed <= run.calls:
        return []
    return [f"{run.failed} of {run.calls} calls failed, more than single losses explain"]


def _delete_waits(run: Run, conditions: Conditions) -> list[str]:
    """Offers share the busy link and wait a little as well, but ahead of all fragments."""
    delete, offer = run.ng.get("delete"), run.ng.get("offer")
    if delete is None or offer is None or offer.p50 is None:
        return ["rtpengine never replied to offer, or was never asked to delete"]
    limit_ms = max(2 * conditions.rtt_ms + _OFFER_SLACK_MS, 3 * offer.p50)
    if delete.p50 is None or delete.p50 > limit_ms:
        return []
    return [
        f"ng delete p50 is {format_ms(delete.p50)}, not above {format_ms(limit_ms)}: "
        "the fragments did not wait behind the other traffic"
    ]


_HEALTHY: tuple[Check, ...] = (
    _no_call_failed,
    _rtp_both_ways,
    _node_stays_enabled,
    _capture_is_complete,
)

_OUTAGE = Expectation(
    "the proxy gives up, switches rtpengine off, and new calls fail",
    (_fragmented, _node_gets_disabled, _new_calls_fail),
)

_EXPECTATIONS = {
    Effect.NONE: Expectation("fast calls", (*_HEALTHY, _bye_is_fast, _wan_is_exact)),
    Effect.FRAGMENTS_LOST: _OUTAGE,
    Effect.LOSS: Expectation(
        "some commands are sent twice, most calls work", (_most_calls_work, _capture_is_complete)
    ),
    Effect.UDP_LOST: Expectation(
        "no call works, and the proxy switches rtpengine off",
        (_every_call_fails, _node_gets_disabled),
    ),
    Effect.FRAGMENTS_WAIT: Expectation(
        "the reply to delete waits behind other traffic, at least three times as long as offers",
        (_fragmented, _delete_waits),
    ),
}
