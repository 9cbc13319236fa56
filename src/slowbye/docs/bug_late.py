"""A BYE whose call report comes in fragments: when they leave, when they arrive, who waits."""

from collections.abc import Iterable

from slowbye.docs.bug_call import ACTORS, Parties
from slowbye.docs.flow import Flow, Step
from slowbye.docs.rounding import clock, size
from slowbye.docs.run_wire import RunWire, SipSeen
from slowbye.errors import SlowbyeError
from slowbye.measure.fragments import Fragment
from slowbye.measure.reassembly import Datagram

_SOON_MS = 250.0
"""Less than half of any timer of SIP or ng."""


def fragments_of_report(wire: RunWire, report: str) -> Flow:
    """Return one report's fragments: how they leave rtpengine's host and arrive at the proxy's.

    Raises:
        SlowbyeError: no report of the run was cut into fragments.
    """
    for bye in wire.callers_bye():
        tries = _tries(wire, bye, report)
        left = _left(wire, tries)
        if not left:
            continue
        begin = left[0].time_ms
        datagram = left[0].datagram
        one = [each for each in left if each.datagram == datagram]
        arrived = [each for each in wire.fragments_at_proxy if each.datagram == datagram]
        steps = [_fragment("rtpengine", "WAN", each, begin) for each in _by_offset(one)]
        steps += [_fragment("WAN", "proxy", each, begin) for each in _by_offset(arrived)]
        whole = sum(each.length for each in one)
        return Flow(wire.name, ACTORS, tuple(steps), {"datagram": size(whole)})
    raise SlowbyeError(f"{wire.at_rtpengine} has no call report in fragments")


def bye_that_waits(wire: RunWire, report: str) -> Flow:
    """Return the first BYE whose report is cut into fragments, until the caller's 200 and beyond.

    Raises:
        SlowbyeError: the run has no such BYE.
    """
    for bye in wire.callers_bye():
        tries = _tries(wire, bye, report)
        if tries and _left(wire, tries):
            return _waiting(wire, bye, tries)
    raise SlowbyeError(f"{wire.at_rtpengine} has no call report in fragments")


def _waiting(wire: RunWire, bye: SipSeen, tries: list[Datagram]) -> Flow:
    parties = Parties(wire, bye.call_id)
    begin = bye.datagram.time_ms
    left = _left(wire, tries)
    arrived = [
        group
        for group in _datagrams(wire.fragments_at_proxy)
        if group[0].datagram in {each.datagram for each in left}
    ]
    comes_ms = arrived[0][-1].time_ms if arrived else float("inf")
    timed: list[tuple[float, Step]] = []
    for seen in wire.sip:
        if seen.call_id == bye.call_id and seen.datagram.time_ms >= begin:
            if seen.is_response("BYE", 100):
                continue
            at_ms = seen.datagram.time_ms
            timed.append((at_ms, parties.step(seen, clock(at_ms - begin))))
    # Whether one more try leaves in the last moment before the reply comes, milliseconds decide.
    in_time = [each for each in tries if each.time_ms < comes_ms - _SOON_MS]
    for each in in_time:
        at = clock(each.time_ms - begin)
        timed.append((each.time_ms, Step("proxy", "rtpengine", "the report, please", at=at)))
    for group in _datagrams(left)[: len(in_time)]:
        at_ms = group[0].time_ms
        label = f"{len(group)} fragments"
        step = Step("rtpengine", "WAN", label, at=clock(at_ms - begin), lost=not arrived)
        timed.append((at_ms, step))
    for group in arrived[:2]:
        at_ms = group[-1].time_ms
        step = Step("WAN", "proxy", f"{len(group)} fragments", at=clock(at_ms - begin))
        timed.append((at_ms, step))
    steps = [step for _, step in sorted(timed, key=lambda each: each[0])]
    steps.insert(2, Step("proxy", "proxy", "a worker waits", at=steps[1].at))
    facts = {"bye": clock(wire.answered_ms(bye)), "tries": str(len(in_time))}
    return Flow(wire.name, ACTORS, tuple(steps), facts)


def _tries(wire: RunWire, bye: SipSeen, report: str) -> list[Datagram]:
    """Return each transmission of the command whose reply is the call's report."""
    asked = [each for each in wire.commands(bye.call_id) if each.request.command == report]
    cookies = {each.request.cookie for each in asked[:1]}
    return [each.datagram for each in asked if each.request.cookie in cookies]


def _left(wire: RunWire, tries: Iterable[Datagram]) -> list[Fragment]:
    """Return the fragments of all replies to a command, as they left rtpengine's host."""
    cookies = {each.payload.partition(b" ")[0] for each in tries}
    ours = {
        each.datagram
        for each in wire.fragments_at_rtpengine
        if each.head.partition(b" ")[0] in cookies
    }
    return [each for each in wire.fragments_at_rtpengine if each.datagram in ours]


def _datagrams(fragments: Iterable[Fragment]) -> list[list[Fragment]]:
    """Group fragments by their datagram, in the order of the first one's time."""
    by_datagram: dict[tuple[str, str, int], list[Fragment]] = {}
    for each in fragments:
        by_datagram.setdefault(each.datagram, []).append(each)
    return list(by_datagram.values())


def _by_offset(fragments: Iterable[Fragment]) -> list[Fragment]:
    return sorted(fragments, key=lambda each: each.offset)


def _fragment(source: str, target: str, fragment: Fragment, begin_ms: float) -> Step:
    end = str(fragment.offset + fragment.length - 1) if fragment.more else "the end"
    label = f"bytes {fragment.offset} to {end}"
    return Step(source, target, label, at=clock(fragment.time_ms - begin_ms))
