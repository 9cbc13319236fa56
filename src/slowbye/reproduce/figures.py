"""Makes a run's figures of what was measured on the clients, on the wire and in the journal."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from slowbye.measure.ng_trace import CommandTimes, NgTrace, by_command
from slowbye.measure.percentiles import summarize
from slowbye.netem.model import Effect, Profile
from slowbye.reproduce.paths import NgPath
from slowbye.reproduce.plan import Plan
from slowbye.reproduce.run import Run, call_figures
from slowbye.reproduce.verdict import judge
from slowbye.sip.result import BatchResult

_MTU_BYTES = 1500
_HEADER_BYTES = 28
"""Of IPv4 and UDP; an IPv6 header takes 20 more, which no reply's size has yet been within."""


@dataclass(frozen=True)
class Measured:
    """What one run left behind.

    Attributes:
        batch: the calls.
        at_proxy, at_rtpengine: ng as seen at either end. Only rtpengine's end sees replies whose
            fragments the WAN then loses; what came there by other paths is told by its cookie.
        node_disabled: the proxy's journal says that it gave rtpengine up.
        rtt_ms: measured before the calls.
        packets_lost: by the captures.
        notes: what ``slowbye call`` warned of.
    """

    batch: BatchResult
    at_proxy: NgTrace
    at_rtpengine: NgTrace
    node_disabled: bool
    rtt_ms: float | None
    packets_lost: int = 0
    notes: list[str] = field(default_factory=list)


def make_run(
    plan: Plan,
    path: NgPath,
    profile: Profile,
    measured: Measured,
    clean_bye_p99_ms: float | None = None,
) -> Run:
    """Return the figures of a run, judged.

    Args:
        plan: what was run.
        path: over which it was run.
        profile: under which.
        measured: what it left behind.
        clean_bye_p99_ms: of ``direct`` on the clean WAN, if that was run before.
    """
    conditions = plan.conditions(profile, clean_bye_p99_ms)
    asked = measured.at_proxy.exchanges
    cookies = {exchange.cookie for exchange in asked}
    at_rtpengine = measured.at_rtpengine.exchanges
    arrived = [each for each in at_rtpengine if each.proxy_cookie in cookies]
    ng = dict(by_command(asked, plan.try_ms, conditions.give_up_ms))
    sent = by_command(arrived, plan.try_ms, conditions.give_up_ms)
    for command, times in ng.items():
        if command in sent:
            largest = max(times.reply_bytes_max, sent[command].reply_bytes_max)
            ng[command] = replace(times, reply_bytes_max=largest)
    arguments = {"delay_ms": conditions.delay_ms} if profile.effect is Effect.FRAGMENTS_LATE else {}
    if conditions.rtt_ms != plan.rtt_ms:
        arguments["rtt_ms"] = conditions.rtt_ms
    carrier = report_command(sent)
    figures = call_figures(measured.batch, plan.workers)
    run = Run(
        path=path.name,
        profile=profile.name,
        profile_args=arguments,
        effect=str(profile.effect),
        at_once=plan.calls_under(profile).at_once,
        calls=figures.calls,
        failed=figures.failed,
        failures=figures.failures,
        rtp_ok=figures.rtp_ok,
        setup_ms=figures.setup_ms,
        bye_ms=figures.bye_ms,
        bystander_ms=figures.bystander_ms,
        byes_under_way=figures.byes_under_way,
        starved_ms=figures.starved_ms,
        ng=ng,
        report_command=carrier,
        reply_fragmented=_large(sent, carrier),
        rtpengine_ms={command: times.p50 for command, times in sent.items()},
        node_disabled=measured.node_disabled,
        rtt_measured_ms=measured.rtt_ms,
        packets_lost_by_capture=measured.packets_lost,
        notes=measured.notes,
        ng_ms=summarize(each.ms for each in asked if each.ms is not None),
        garbled=measured.at_proxy.garbled + measured.at_rtpengine.garbled,
        duplicated=measured.at_proxy.duplicated,
    )
    return replace(run, verdict=judge(run, conditions))


def report_command(sent: Mapping[str, CommandTimes]) -> str:
    """Return which command brought the call's report, of those that rtpengine's host saw.

    From 3.6 on, OpenSIPS deletes without a from-tag, and rtpengine before 13 leaves the report
    out of the reply to that (``call_delete_branch`` in daemon/call.c): the proxy queries first.
    """
    return "query" if "query" in sent and not _large(sent, "delete") else "delete"


def _large(sent: Mapping[str, CommandTimes], command: str) -> bool:
    """Tell whether a reply was cut, or on a loopback, which cuts none, would have been on a WAN."""
    times = sent.get(command)
    if times is None:
        return False
    return times.fragmented > 0 or times.reply_bytes_max + _HEADER_BYTES > _MTU_BYTES
