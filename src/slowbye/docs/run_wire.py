"""What the captures of one run of ``slowbye reproduce`` hold, on both sides of the WAN."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sipmessage import Message, Request, Response

from slowbye.docs.flow import SIP_PORT
from slowbye.errors import SlowbyeError
from slowbye.measure.fragments import Fragment, read_fragments
from slowbye.measure.reassembly import Datagram, read_datagrams
from slowbye.ng import codec
from slowbye.ng.errors import NgError


@dataclass(frozen=True)
class SipSeen:
    """A SIP message as the proxy's host saw it; the datagram says when and between whom."""

    datagram: Datagram
    message: Request | Response

    @property
    def call_id(self) -> str:
        """The message's Call-ID."""
        return self.message.call_id

    def is_request(self, method: str) -> bool:
        """Tell whether it is a request of this method."""
        return isinstance(self.message, Request) and self.message.method == method

    def is_response(self, method: str, code: int) -> bool:
        """Tell whether it is a response of this code to a request of this method."""
        message = self.message
        return (
            isinstance(message, Response) and message.code == code and message.cseq.method == method
        )


@dataclass(frozen=True)
class NgSeen:
    """An ng message as a host saw it."""

    datagram: Datagram
    message: codec.Request | codec.Reply


@dataclass(frozen=True)
class Asked:
    """One transmission of an ng request, as the proxy's host saw it."""

    datagram: Datagram
    request: codec.Request


@dataclass(frozen=True)
class RunWire:
    """The captures of one run; each is read once, when it is first needed.

    Attributes:
        name: "PATH/PROFILE".
        at_proxy, at_rtpengine: what tcpdump wrote on either host.
    """

    name: str
    at_proxy: Path
    at_rtpengine: Path

    @cached_property
    def datagrams(self) -> list[Datagram]:
        """What came and went at the proxy, in order."""
        return list(read_datagrams(self.at_proxy))

    @cached_property
    def sip(self) -> list[SipSeen]:
        """The SIP messages among them."""
        return list(_sip(self.datagrams))

    @cached_property
    def ng_at_proxy(self) -> list[NgSeen]:
        """The ng messages among them."""
        return list(_ng(self.datagrams))

    @cached_property
    def ng_at_rtpengine(self) -> list[NgSeen]:
        """The ng messages at rtpengine's end."""
        return list(_ng(read_datagrams(self.at_rtpengine)))

    @cached_property
    def fragments_at_proxy(self) -> list[Fragment]:
        """The IP fragments that reached the proxy's host."""
        return list(read_fragments(self.at_proxy))

    @cached_property
    def fragments_at_rtpengine(self) -> list[Fragment]:
        """The IP fragments that left rtpengine's host."""
        return list(read_fragments(self.at_rtpengine))

    def commands(self, call_id: str) -> list[Asked]:
        """Return what the proxy asked rtpengine about a call, each transmission."""
        return [
            Asked(seen.datagram, seen.message)
            for seen in self.ng_at_proxy
            if isinstance(seen.message, codec.Request)
            and seen.message.body.get("call-id") == call_id
        ]

    def callers_bye(self) -> list[SipSeen]:
        """Return the first transmission of each BYE that a call's caller sent.

        Those come first whose reports are as long as reports get: a call's RTCP may not have been
        exchanged yet when it ends on a busy machine, and its report is a thousand bytes shorter.

        Raises:
            SlowbyeError: the run has none.
        """
        byes = list(self._callers_byes())
        if not byes:
            raise SlowbyeError(f"{self.at_proxy} has no call that ends with its caller's BYE")
        return sorted(byes, key=lambda bye: self._longest_reply(bye.call_id) // 1000, reverse=True)

    def _callers_byes(self) -> Iterator[SipSeen]:
        callers: dict[str, tuple[str, int]] = {}
        ended: set[str] = set()
        for seen in self.sip:
            if seen.datagram.destination[1] != SIP_PORT:
                continue
            if seen.is_request("INVITE"):
                callers.setdefault(seen.call_id, seen.datagram.source)
            elif seen.is_request("BYE") and seen.call_id not in ended:
                if callers.get(seen.call_id) == seen.datagram.source:
                    yield seen
                ended.add(seen.call_id)

    def _longest_reply(self, call_id: str) -> int:
        """Return the length of rtpengine's longest reply about a call, as it left rtpengine."""
        cookies = {asked.request.cookie for asked in self.commands(call_id)}
        lengths = (
            len(seen.datagram.payload)
            for seen in self.ng_at_rtpengine
            if isinstance(seen.message, codec.Reply)
            and codec.proxy_cookie(seen.message.cookie) in cookies
        )
        return max(lengths, default=0)

    def answered_ms(self, bye: SipSeen) -> float:
        """Return how long a BYE's sender waited for its 200.

        Raises:
            SlowbyeError: none came.
        """
        for each in self.sip:
            to_sender = each.datagram.destination == bye.datagram.source
            if each.call_id == bye.call_id and to_sender and each.is_response("BYE", 200):
                return each.datagram.time_ms - bye.datagram.time_ms
        raise SlowbyeError(f"{self.at_proxy} has a BYE without a 200: call {bye.call_id}")


def _sip(datagrams: list[Datagram]) -> Iterator[SipSeen]:
    for datagram in datagrams:
        if SIP_PORT not in (datagram.source[1], datagram.destination[1]):
            continue
        try:
            yield SipSeen(datagram, Message.parse(datagram.payload))
        except ValueError:  # a keep-alive
            continue


def _ng(datagrams: Iterator[Datagram] | list[Datagram]) -> Iterator[NgSeen]:
    for datagram in datagrams:
        if SIP_PORT in (datagram.source[1], datagram.destination[1]):
            continue
        try:
            yield NgSeen(datagram, codec.decode(datagram.payload))
        except NgError:
            continue
