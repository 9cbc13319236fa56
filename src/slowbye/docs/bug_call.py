"""A call of a run whose WAN is clean: all that its proxy says to everyone."""

from sipmessage import Request

from slowbye.docs.flow import Flow, Step
from slowbye.docs.run_wire import NgSeen, RunWire, SipSeen
from slowbye.errors import SlowbyeError
from slowbye.measure.reassembly import Datagram
from slowbye.ng import codec

ACTORS = ("callee", "caller", "proxy", "WAN", "rtpengine")
"""The columns: SIP to the left of the proxy, ng to its right."""


class Parties:
    """Who is who in one call, by address and port.

    Raises:
        SlowbyeError: the capture lacks the call's INVITE.
    """

    def __init__(self, wire: RunWire, call_id: str) -> None:
        invites = [s for s in wire.sip if s.call_id == call_id and s.is_request("INVITE")]
        if not invites:
            raise SlowbyeError(f"{wire.at_proxy} has no INVITE of call {call_id}")
        self._caller = invites[0].datagram.source
        self._proxy = invites[0].datagram.destination

    def name(self, end: tuple[str, int]) -> str:
        """Return an end's name."""
        if end == self._proxy:
            return "proxy"
        return "caller" if end == self._caller else "callee"

    def step(self, seen: SipSeen, at: str = "") -> Step:
        """Return the step of a SIP message."""
        message, datagram = seen.message, seen.datagram
        return Step(
            source=self.name(datagram.source),
            target=self.name(datagram.destination),
            label=sip_label(seen),
            at=at,
            method=message.cseq.method,
        )


def sip_label(seen: SipSeen) -> str:
    """Return what stands on a SIP message's arrow."""
    message = seen.message
    return message.method if isinstance(message, Request) else f"{message.code} {message.phrase}"


def whole_call(wire: RunWire) -> Flow:
    """Return the flow of a call: every SIP message but 100, every ng message, each once.

    A callee answers while it still rings. It is the first call in which its ringing had reached the
    caller by then, as in nearly all; which call that is, only chance makes different.

    Raises:
        SlowbyeError: the run has no such call.
    """
    flows = [_flow(wire, bye.call_id) for bye in wire.callers_bye()]
    return next((flow for flow in flows if _rang_before_it_was_answered(flow)), flows[0])


def _rang_before_it_was_answered(flow: Flow) -> bool:
    invite = [(step.source, step.label) for step in flow.steps if step.method == "INVITE"]
    rang, answered = ("proxy", "180 Ringing"), ("callee", "200 OK")
    return {rang, answered} <= set(invite) and invite.index(rang) < invite.index(answered)


def _flow(wire: RunWire, call_id: str) -> Flow:
    parties = Parties(wire, call_id)
    commands = {asked.request.cookie: asked.request.command for asked in wire.commands(call_id)}
    steps: dict[Datagram, Step] = {
        sip.datagram: parties.step(sip)
        for sip in wire.sip
        if sip.call_id == call_id and not sip.is_response("INVITE", 100)
    }
    steps |= {
        ng.datagram: _ng_step(ng, commands[ng.message.cookie])
        for ng in wire.ng_at_proxy
        if ng.message.cookie in commands
    }
    first: dict[tuple[object, ...], Datagram] = {}
    for datagram in sorted(steps, key=lambda each: each.time_ms):
        first.setdefault((datagram.source, datagram.destination, datagram.payload), datagram)
    return Flow(wire.name, ACTORS, tuple(steps[datagram] for datagram in first.values()))


def _ng_step(seen: NgSeen, command: str) -> Step:
    method = "INVITE" if command in ("offer", "answer") else "BYE"
    if isinstance(seen.message, codec.Request):
        return Step("proxy", "rtpengine", command, method=method)
    count = seen.datagram.fragments
    said = seen.message.result
    label = f"{said}, in {count} fragments" if count > 1 else said
    return Step("rtpengine", "proxy", label, method=method)
