"""Single expectations of a run: each returns, in sentences, what is not as it should be."""

from slowbye.reproduce.conditions import Conditions
from slowbye.reproduce.paths import DIRECT
from slowbye.reproduce.run import Run
from slowbye.units import format_ms

_WAN_ADDS_MS = 1.0
_OFFER_SLACK_MS = 10.0
_CLEAN_SLACK_MS = 20.0
_SLOW_SLACK_MS = 340.0
_CURE_FACTOR = 1.10
_CURE_SLACK_MS = 2.0
_LOSSY_ROUND_TRIPS = 3
"""A command that is lost, noticed and sent again has made two round trips, and waited for one."""


def no_call_failed(run: Run, conditions: Conditions) -> list[str]:
    """Every call was set up and torn down."""
    if not run.failed:
        return []
    most = max(run.failures, key=lambda reason: run.failures[reason], default="no reason given")
    return [f"{run.failed} of {run.calls} calls failed, mostly: {most}"]


def rtp_both_ways(run: Run, conditions: Conditions) -> list[str]:
    """Both parties of every call that was set up received RTP."""
    answered = run.calls - run.failed
    if run.rtp_ok >= answered:
        return []
    return [f"only {run.rtp_ok} of {answered} calls had RTP both ways"]


def node_stays_enabled(run: Run, conditions: Conditions) -> list[str]:
    """The proxy never gave rtpengine up."""
    return ["the proxy switched rtpengine off"] if run.node_disabled else []


def capture_is_complete(run: Run, conditions: Conditions) -> list[str]:
    """Tcpdump missed nothing, so the figures of ng hold."""
    if not run.packets_lost_by_capture:
        return []
    return [f"the capture missed {run.packets_lost_by_capture} packets: run again"]


def wan_is_exact(run: Run, conditions: Conditions) -> list[str]:
    """The WAN adds less than a millisecond to its nominal round trip."""
    if run.rtt_measured_ms is None:
        return []
    added_ms = run.rtt_measured_ms - conditions.rtt_ms
    if 0 <= added_ms < _WAN_ADDS_MS:
        return []
    return [
        f"the WAN's round trip is {run.rtt_measured_ms:.2f} ms instead of {conditions.rtt_ms:g} "
        f"to {conditions.rtt_ms + _WAN_ADDS_MS:g} ms"
    ]


def bye_is_fast(run: Run, conditions: Conditions) -> list[str]:
    """BYE takes a round trip to each of caller, rtpengine and callee, and a little for the hosts.

    A proxy that has to ask for the call report before it deletes makes one more to rtpengine.
    """
    round_trips = 3 if run.report_command == "delete" else 4
    limit_ms = round_trips * conditions.rtt_ms + _CLEAN_SLACK_MS
    if run.path == DIRECT:
        limit_ms += conditions.delay_ms
    if conditions.queued:
        limit_ms += run.at_once * conditions.rtt_ms
    if run.bye_ms.p99 is None:
        return ["no BYE was sent"]
    if run.bye_ms.p99 < limit_ms:
        return []
    return [f"BYE p99 is {format_ms(run.bye_ms.p99)}, not below {format_ms(limit_ms)}"]


def bye_is_cured(run: Run, conditions: Conditions) -> list[str]:
    """BYE takes as long as over the direct path on a clean WAN, and hardly more."""
    clean_ms = conditions.clean_bye_p99_ms
    if clean_ms is None:
        return bye_is_fast(run, conditions)
    limit_ms = _CURE_FACTOR * clean_ms + _CURE_SLACK_MS
    if run.bye_ms.p99 is None:
        return ["no BYE was sent"]
    if run.bye_ms.p99 <= limit_ms:
        return []
    return [
        f"BYE p99 is {format_ms(run.bye_ms.p99)}, more than {format_ms(limit_ms)}: "
        f"{_CURE_FACTOR:g} times that of {DIRECT} on the clean WAN ({format_ms(clean_ms)}), and "
        f"{format_ms(_CURE_SLACK_MS)}"
    ]


def ng_survives_loss(run: Run, conditions: Conditions) -> list[str]:
    """Hardly any command takes more than three round trips, though packets are lost."""
    limit_ms = _LOSSY_ROUND_TRIPS * conditions.rtt_ms
    if run.ng_ms.p99 is None:
        return ["rtpengine never replied"]
    if run.ng_ms.p99 <= limit_ms:
        return []
    return [
        f"ng p99 is {format_ms(run.ng_ms.p99)}, more than {format_ms(limit_ms)}: "
        f"{_LOSSY_ROUND_TRIPS} round trips of {conditions.rtt_ms:g} ms"
    ]


def every_command_is_answered(run: Run, conditions: Conditions) -> list[str]:
    """No command stayed without its reply."""
    return [
        f"{times.unanswered} of {times.count} {command} commands were never answered"
        for command, times in run.ng.items()
        if times.unanswered
    ]


def datagrams_are_whole(run: Run, conditions: Conditions) -> list[str]:
    """Each datagram came out as it went in, once."""
    reasons = []
    if run.garbled:
        reasons.append(f"{run.garbled} datagrams came out cut or merged")
    if run.duplicated:
        reasons.append(f"{run.duplicated} replies came out twice")
    return reasons


def large(run: Run, conditions: Conditions) -> list[str]:
    """A call report was too large for one packet: without that there is nothing to cure."""
    if run.reply_fragmented or run.failed == run.calls:
        return []
    size = run.report.reply_bytes_max if run.report else 0
    return [
        f"no reply to {run.report_command} was larger than a packet (the largest has {size} bytes),"
        " so nothing could have been cured"
    ]


def fragmented(run: Run, conditions: Conditions) -> list[str]:
    """A call report left rtpengine in fragments: without that there is no bug to show."""
    if run.reply_fragmented:
        return []
    size = run.report.reply_bytes_max if run.report else 0
    return [
        f"no reply to {run.report_command} left rtpengine in fragments (the largest has {size} "
        "bytes), so nothing could have been reproduced"
    ]


def bye_is_delayed(run: Run, conditions: Conditions) -> list[str]:
    """The typical BYE takes the fragments' delay."""
    return _within_delay("BYE p50", run.bye_ms.p50, conditions)


def bye_queues(run: Run, conditions: Conditions) -> list[str]:
    """The typical BYE takes the fragments' delay, or that of several."""
    if run.bye_ms.p50 is not None and run.bye_ms.p50 >= conditions.delay_ms:
        return []
    return [f"BYE p50 is not above {format_ms(conditions.delay_ms)}"]


def only_the_report_is_delayed(run: Run, conditions: Conditions) -> list[str]:
    """The delay is that of the call report; offer and answer, which fit a packet, are fast."""
    report = run.report
    reasons = _within_delay(
        f"ng {run.report_command} p50", report.p50 if report else None, conditions
    )
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


def bystander_starves(run: Run, conditions: Conditions) -> list[str]:
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


def node_gets_disabled(run: Run, conditions: Conditions) -> list[str]:
    """The proxy gave rtpengine up."""
    return [] if run.node_disabled else ["the proxy never switched rtpengine off"]


def new_calls_fail(run: Run, conditions: Conditions) -> list[str]:
    """A call that begins after the outage fails; there is none where all began at once."""
    if run.failed or run.calls <= run.at_once:
        return []
    return ["no call failed, though rtpengine should have been switched off"]


def every_call_fails(run: Run, conditions: Conditions) -> list[str]:
    """No call works."""
    good = run.calls - run.failed
    return [f"{good} of {run.calls} calls worked without UDP to rtpengine"] if good else []


def most_calls_work(run: Run, conditions: Conditions) -> list[str]:
    """At least half of the calls work."""
    if 2 * run.failed <= run.calls:
        return []
    return [f"{run.failed} of {run.calls} calls failed, more than single losses explain"]


def the_report_waits(run: Run, conditions: Conditions) -> list[str]:
    """Offers share the busy link and wait a little as well, but ahead of all fragments."""
    report, offer = run.report, run.ng.get("offer")
    if report is None or offer is None or offer.p50 is None:
        return [f"rtpengine never replied to offer, or was never sent a {run.report_command}"]
    limit_ms = max(2 * conditions.rtt_ms + _OFFER_SLACK_MS, 3 * offer.p50)
    if report.p50 is None or report.p50 > limit_ms:
        return []
    return [
        f"ng {run.report_command} p50 is {format_ms(report.p50)}, not above {format_ms(limit_ms)}: "
        "the fragments did not wait behind the other traffic"
    ]
