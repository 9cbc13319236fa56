"""What a slow BYE does to those who have nothing to do with it."""

from slowbye.docs.bug_call import sip_label
from slowbye.docs.flow import SIP_PORT, Flow, Step
from slowbye.docs.rounding import clock
from slowbye.docs.run_wire import RunWire, SipSeen
from slowbye.errors import SlowbyeError

_ACTORS = ("bystander", "proxy")
_LONG_MS = 1000.0


def longest_options(wire: RunWire) -> Flow:
    """Return the OPTIONS of a third client that waited longest for its answer.

    How long exactly is chance: it is as late as it came after the workers had begun to wait.

    Raises:
        SlowbyeError: there is none with an answer.
    """
    asked: dict[str, SipSeen] = {}
    waited: dict[str, float] = {}
    for seen in wire.sip:
        if seen.is_request("OPTIONS") and seen.datagram.destination[1] == SIP_PORT:
            asked.setdefault(seen.call_id, seen)
        elif seen.is_response("OPTIONS", 200) and seen.call_id in asked:
            first = asked[seen.call_id].datagram.time_ms
            waited.setdefault(seen.call_id, seen.datagram.time_ms - first)
    if not waited:
        raise SlowbyeError(f"{wire.at_proxy} has no OPTIONS that was answered")
    longest_ms = max(waited.values())
    when = "> 1 s" if longest_ms > _LONG_MS else clock(longest_ms)
    steps = (
        Step("bystander", "proxy", "OPTIONS", at="0 s"),
        Step("proxy", "bystander", "200 OK", at=when),
    )
    return Flow(wire.name, _ACTORS, steps, {"longest": when})


def refused_call(wire: RunWire) -> Flow:
    """Return the first INVITE that the proxy refused because it had given rtpengine up.

    Raises:
        SlowbyeError: it refused none.
    """
    invited: dict[str, SipSeen] = {}
    for seen in wire.sip:
        if seen.is_request("INVITE") and seen.datagram.destination[1] == SIP_PORT:
            invited.setdefault(seen.call_id, seen)
        elif seen.is_response("INVITE", 503) and seen.call_id in invited:
            begin_ms = invited[seen.call_id].datagram.time_ms
            refused = clock(seen.datagram.time_ms - begin_ms)
            asked = wire.commands(seen.call_id)
            steps = (
                Step("caller", "proxy", "INVITE", at="0 s"),
                Step("proxy", "caller", sip_label(seen), at=refused),
            )
            return Flow(wire.name, ("caller", "proxy"), steps, {"commands": str(len(asked))})
    raise SlowbyeError(f"{wire.at_proxy} has no INVITE that was answered with 503")
