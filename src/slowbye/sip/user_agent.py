"""One SIP client: a user, a socket of its own, and the calls that come to it."""

import asyncio
from dataclasses import dataclass

import sipmessage
from sipua import DialogLayer, TransportAddress, create_response
from sipua.utils import create_contact, create_via, random_string

from slowbye.sip import sdp
from slowbye.sip.clock import Clock
from slowbye.sip.leg import Headers, Leg
from slowbye.sip.media import MediaStream
from slowbye.sip.transactions import Exchange, Transactions
from slowbye.sip.transport import ProxyTransport

ALLOWED = "INVITE, ACK, CANCEL, BYE, OPTIONS"


@dataclass(frozen=True)
class Site:
    """What the clients of one batch have in common.

    Attributes:
        proxy: where every request goes.
        domain: the host part of the users' addresses.
        bind: the local address of signalling and media.
        timeout_s: bounds each transaction.
        hurry: done when the batch is interrupted; every wait is brief from then on.
    """

    proxy: TransportAddress
    domain: str
    bind: str
    timeout_s: float
    clock: Clock
    hurry: "asyncio.Future[None]"


class UserAgent:
    """A client of one user; :meth:`open` it first, :meth:`close` it last."""

    def __init__(self, site: Site, user: str) -> None:
        self._site = site
        self.address = sipmessage.Address(
            uri=sipmessage.URI(scheme="sip", user=user, host=site.domain)
        )
        self._transport = ProxyTransport(site.proxy, site.clock)
        self._transactions = Transactions(self._transport, site.clock, site.timeout_s, site.hurry)
        self._dialogs = DialogLayer(self._transactions)
        self._dialogs.request_handler = self._handle_request
        self._expected: dict[str, tuple[MediaStream, Headers]] = {}
        self._answered: dict[str, Leg] = {}
        self._register_call_id = random_string(22)
        self._register_cseq = 0

    async def open(self) -> None:
        """Open the socket.

        Raises:
            OSError: the address is not local, or the proxy refuses the connection.
        """
        await self._transport.open(self._site.bind)

    async def close(self) -> None:
        """Close the socket."""
        await self._transport.close()

    async def register(self, expires_s: int) -> Exchange:
        """Bind our address to our socket for a time; 0 removes it (RFC 3261 §10.2)."""
        self._register_cseq += 1
        request = self._request("REGISTER", sipmessage.URI(scheme="sip", host=self._site.domain))
        request.to_address = self.address
        request.call_id = self._register_call_id
        request.cseq = sipmessage.CSeq(sequence=self._register_cseq, method="REGISTER")
        request.contact = [create_contact()]
        request.expires = expires_s
        return await self._transactions.exchange(request)

    async def options(self) -> Exchange:
        """Ask the proxy itself what it can do (RFC 3261 §11)."""
        uri = sipmessage.URI(scheme="sip", host=self._site.domain)
        request = self._request("OPTIONS", uri)
        request.to_address = sipmessage.Address(uri=uri)
        request.contact = [create_contact()]
        return await self._transactions.exchange(request)

    def _request(self, method: str, uri: sipmessage.URI) -> sipmessage.Request:
        request = sipmessage.Request(method, uri)
        request.via = [create_via()]
        request.max_forwards = 70
        request.from_address = sipmessage.Address(
            uri=self.address.uri, parameters=sipmessage.Parameters(tag=random_string(10))
        )
        request.call_id = random_string(22)
        request.cseq = sipmessage.CSeq(sequence=1, method=method)
        return request

    def calling(self, callee: sipmessage.Address, media: MediaStream, headers: Headers) -> Leg:
        """Make the caller's leg of a new call; its INVITE is not sent yet."""
        return Leg(
            call_id=random_string(22),
            dialog_layer=self._dialogs,
            local_address=self.address,
            remote_address=callee,
            remote_uri=callee.uri,
            route_set=[],
            transactions=self._transactions,
            media=media,
            headers=headers,
        )

    def expect(self, call_id: str, media: MediaStream, headers: Headers) -> None:
        """Answer the call of this Call-ID, when it comes, with this media."""
        self._expected[call_id] = (media, headers)

    def leg(self, call_id: str) -> Leg | None:
        """Return our leg of a call that came."""
        return self._answered.get(call_id)

    def answered(self, call_id: str) -> Leg | None:
        """Return our leg of a call that came, and expect it no longer."""
        self._expected.pop(call_id, None)
        return self._answered.pop(call_id, None)

    async def _handle_request(self, request: sipmessage.Request) -> None:
        """Handle what belongs to no dialog."""
        if request.method == "INVITE":
            await self._invited(request)
        elif request.method in ("OPTIONS", "CANCEL"):
            # Calls are answered at once, so a CANCEL comes too late and changes nothing (§9.2).
            await self._refuse(request, 200)
        elif request.method == "BYE":
            await self._refuse(request, 481)
        elif request.method != "ACK":
            await self._refuse(request, 405)

    async def _refuse(self, request: sipmessage.Request, code: int) -> None:
        response = create_response(request=request, code=code)
        response.headers.set("Allow", ALLOWED)
        await self._transactions.send_response(response)

    async def _invited(self, request: sipmessage.Request) -> None:
        if request.call_id in self._answered:
            # The same INVITE by another way: RFC 3261 §8.2.2.2, a merged request.
            await self._refuse(request, 482)
            return
        expected = self._expected.pop(request.call_id, None)
        if expected is None or not request.contact:
            await self._refuse(request, 480 if expected is None else 400)
            return
        media, headers = expected
        leg = Leg(
            call_id=request.call_id,
            dialog_layer=self._dialogs,
            local_address=request.to_address,
            remote_address=request.from_address,
            remote_uri=request.contact[0].uri,
            route_set=request.record_route,
            transactions=self._transactions,
            media=media,
            headers=headers,
        )
        self._answered[request.call_id] = leg
        try:
            await leg.answer(request)
        except sdp.SdpError:
            await self._refuse(request, 488)
