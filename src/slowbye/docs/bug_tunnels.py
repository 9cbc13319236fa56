"""A call report that crosses the WAN over TCP: what goes in at one end, and what comes out."""

from slowbye.docs.flow import Flow, Step
from slowbye.docs.rounding import clock, size
from slowbye.docs.run_wire import RunWire, SipSeen
from slowbye.errors import SlowbyeError
from slowbye.measure.reassembly import Datagram
from slowbye.ng import codec


def report_through(wire: RunWire, report: str, tunnel: str, cut: bool) -> Flow:
    """Return a call report's way through a tunnel.

    Args:
        wire: a run whose path is the tunnel.
        report: the command whose reply is the report.
        tunnel: what to call the column that stands for both ends of the tunnel.
        cut: choose a reply that comes out in pieces, else one that comes out whole.

    Raises:
        SlowbyeError: there is no such reply.
    """
    for bye in wire.callers_bye():
        for asked in wire.commands(bye.call_id):
            if asked.request.command != report:
                continue
            came = _came(wire, asked.datagram)
            sent = _sent(wire, asked.request.cookie)
            if not came or sent is None:
                continue
            whole = _dictionary(came[0]) == _dictionary(sent)
            if (len(came) > 1 and not whole) if cut else whole:
                return _flow(wire, bye, tunnel, sent, came)
    how = "in pieces" if cut else "whole"
    raise SlowbyeError(f"{wire.at_proxy} has no call report that came {how}: run it once more")


def _flow(wire: RunWire, bye: SipSeen, tunnel: str, sent: Datagram, came: list[Datagram]) -> Flow:
    whole = size(len(sent.payload))
    # How many pieces there are, and how large, is chance.
    out = (
        [whole]
        if _dictionary(came[0]) == _dictionary(sent)
        else ["its first part", "the rest of it"]
    )
    asks = "the report, please"
    steps = [
        Step("caller", "proxy", "BYE", at="0 s"),
        Step("proxy", tunnel, asks, at="0 s"),
        Step(tunnel, "rtpengine", asks, at="0 s"),
        Step("rtpengine", tunnel, whole, at="0 s"),
        *(Step(tunnel, "proxy", each, at="0 s") for each in out),
        Step("proxy", "caller", "200 OK", at=clock(wire.answered_ms(bye))),
    ]
    actors = ("caller", "proxy", tunnel, "rtpengine")
    return Flow(wire.name, actors, tuple(steps), {"report": whole})


def _sent(wire: RunWire, cookie: str) -> Datagram | None:
    """Return rtpengine's reply as it left rtpengine, where ngtunnel marks the proxy's cookie."""
    replies = (
        each.datagram
        for each in wire.ng_at_rtpengine
        if isinstance(each.message, codec.Reply)
        and codec.proxy_cookie(each.message.cookie) == cookie
    )
    return next(replies, None)


def _dictionary(reply: Datagram) -> bytes:
    return reply.payload.partition(b" ")[2]


def _came(wire: RunWire, request: Datagram) -> list[Datagram]:
    """Return what the proxy got on the socket it had asked from, until it asked again."""
    got: list[Datagram] = []
    for datagram in wire.datagrams:
        if datagram.time_ms <= request.time_ms:
            continue
        if (datagram.source, datagram.destination) == (request.source, request.destination):
            break
        if (datagram.destination, datagram.source) == (request.source, request.destination):
            got.append(datagram)
    return got
