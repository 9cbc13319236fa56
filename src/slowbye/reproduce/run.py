"""The figures of one run: a path under a profile. This is a ``runs`` entry of reproduce.json."""

import enum
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from slowbye.measure.ng_trace import CommandTimes
from slowbye.measure.percentiles import Percentiles, summarize
from slowbye.sip.result import BatchResult, Transaction

NOT_MEASURED = Percentiles(None, None, None)


class Outcome(enum.StrEnum):
    """How the calls of a run went.

    ``FAST``: nothing delayed them. ``SLOW``: none failed, but BYEs waited. ``FAILING``: some
    failed. ``OUTAGE``: most failed, or the proxy gave rtpengine up.
    """

    FAST = "fast"
    SLOW = "slow"
    FAILING = "failing"
    OUTAGE = "outage"


@dataclass(frozen=True)
class Verdict:
    """Whether a run shows what its profile should cause.

    Attributes:
        ok: it does.
        expected: what the profile should cause, in words.
        found: what was measured, in one or two sentences.
        reasons: why not, when not; a sentence each.
        outcome: how the calls went, expected or not.
        only_times: nothing but times is wrong, and not by so much that a busy machine could not
            have caused it.
    """

    ok: bool
    expected: str
    found: str
    reasons: list[str] = field(default_factory=list)
    outcome: Outcome = Outcome.FAST
    only_times: bool = False


@dataclass(frozen=True)
class Run:
    """What one run measured; times in milliseconds, sizes in bytes.

    Attributes:
        profile_args: what is the profile's own: ``delay_ms``, or ``rtt_ms`` where its round trip is
            not the session's.
        effect: what the profile does to the WAN, in the profile's own word.
        at_once: how many calls were let be under way together.
        failed: calls that were not set up and torn down.
        failures: the reasons of the failed ones, with their counts.
        rtp_ok: calls in which both parties received RTP.
        setup_ms: INVITE to 200, of the calls that were set up.
        bye_ms: BYE to its final answer, or to the client's giving up.
        bystander_ms: the same for a third client's OPTIONS.
        byes_under_way: the most BYEs that were unanswered at one time.
        starved_ms: the longest time that at least as many BYEs were unanswered as the proxy has
            workers.
        ng: per command, seen at the proxy's host.
        report_command: the command whose reply carries the call's report: ``delete``, or ``query``
            where the proxy's delete names no tag and rtpengine leaves the report out of its reply.
        reply_fragmented: at least one such reply was larger than a packet: it left rtpengine's host
            in fragments, or would have, had it not been carried over TCP.
        rtpengine_ms: median time per command inside rtpengine's host; the rest is the path.
        node_disabled: the proxy gave rtpengine up.
        rtt_measured_ms: median ping between the proxy's and rtpengine's hosts before the calls.
        packets_lost_by_capture: packets that tcpdump missed; figures of ng are incomplete then.
        notes: what may have spoilt the measurement.
        ng_ms: all commands together, seen at the proxy's host.
        garbled: datagrams, at either end, that are no ng message: cut off, or several in one.
        duplicated: replies that the proxy got beyond one for each request it sent.
    """

    path: str
    profile: str
    profile_args: dict[str, float]
    effect: str
    at_once: int
    calls: int
    failed: int
    failures: dict[str, int]
    rtp_ok: int
    setup_ms: Percentiles
    bye_ms: Percentiles
    bystander_ms: Percentiles
    byes_under_way: int
    starved_ms: float
    ng: Mapping[str, CommandTimes]
    reply_fragmented: bool
    rtpengine_ms: Mapping[str, float | None]
    node_disabled: bool
    rtt_measured_ms: float | None
    packets_lost_by_capture: int = 0
    notes: list[str] = field(default_factory=list)
    verdict: Verdict | None = None
    report_command: str = "delete"
    ng_ms: Percentiles = NOT_MEASURED
    garbled: int = 0
    duplicated: int = 0

    @property
    def report(self) -> CommandTimes | None:
        """The times of the report's command; None where it was never sent."""
        return self.ng.get(self.report_command)

    @property
    def asked(self) -> int:
        """How many commands the proxy sent, retransmissions not counted."""
        return sum(times.count for times in self.ng.values())

    @property
    def unanswered(self) -> int:
        """How many of them got no reply that can be read."""
        return sum(times.unanswered for times in self.ng.values())

    def to_json(self) -> dict[str, Any]:
        """Return plain values for reproduce.json."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild what :meth:`to_json` returned.

        Raises:
            KeyError, TypeError, ValueError: the data is not of this form.
        """
        named = ("setup_ms", "bye_ms", "bystander_ms", "ng_ms")
        times = {name: Percentiles(**data[name]) for name in named if name in data}
        commands = {
            command: CommandTimes(**{**value, "gave_up": Percentiles(**value["gave_up"])})
            for command, value in data["ng"].items()
        }
        verdict = None
        if judged := data.get("verdict"):
            outcome = Outcome(judged.get("outcome", Outcome.FAST))
            verdict = Verdict(**{**judged, "outcome": outcome})
        return cls(**{**data, **times, "ng": commands, "verdict": verdict})


@dataclass(frozen=True)
class CallFigures:
    """What the clients felt: the part of :class:`Run` that ``slowbye call`` measures."""

    calls: int
    failed: int
    failures: dict[str, int]
    rtp_ok: int
    setup_ms: Percentiles
    bye_ms: Percentiles
    bystander_ms: Percentiles
    byes_under_way: int
    starved_ms: float


def call_figures(batch: BatchResult, workers: int) -> CallFigures:
    """Summarize a batch of calls.

    Args:
        batch: what ``slowbye call`` reported.
        workers: how many SIP workers the proxy has.
    """
    byes = [call.bye for call in batch.calls if call.bye is not None]
    failures = Counter(call.failure for call in batch.calls if call.failure)
    return CallFigures(
        calls=len(batch.calls),
        failed=failures.total(),
        failures=dict(failures.most_common()),
        rtp_ok=sum(call.rtp_ok for call in batch.calls),
        setup_ms=summarize(call.invite.ms for call in batch.calls if _is_ok(call.invite)),
        bye_ms=summarize(bye.ms for bye in byes),
        bystander_ms=summarize(options.ms for options in batch.bystander),
        byes_under_way=max((count for _, count in _under_way(byes)), default=0),
        starved_ms=_longest_at_least(byes, workers),
    )


def _is_ok(transaction: Transaction) -> bool:
    return transaction.status is not None and 200 <= transaction.status < 300


def _under_way(transactions: list[Transaction]) -> list[tuple[float, int]]:
    """Return (time in ms, how many are under way from then on), in order of time."""
    changes = [(each.start_ms, 1) for each in transactions]
    changes += [(each.start_ms + each.ms, -1) for each in transactions]
    count = 0
    steps = []
    for time_ms, change in sorted(changes):
        count += change
        steps.append((time_ms, count))
    return steps


def _longest_at_least(transactions: list[Transaction], number: int) -> float:
    """Return the longest time in ms during which at least ``number`` are under way."""
    longest, since = 0.0, None
    for time_ms, count in _under_way(transactions):
        if count >= number and since is None:
            since = time_ms
        elif count < number and since is not None:
            longest, since = max(longest, time_ms - since), None
    return longest
