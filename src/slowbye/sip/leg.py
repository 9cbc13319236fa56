"""One party's side of a call: a dialog and its media."""

import asyncio
from collections.abc import Sequence

import sipmessage
from sipua import Dialog, DialogLayer
from sipua.dialog import replace_tag

from slowbye.sip import sdp
from slowbye.sip.media import MediaStream
from slowbye.sip.transactions import Exchange, Transactions

SDP_TYPE = sipmessage.MediaType(mime_type="application/sdp")

Headers = Sequence[tuple[str, str]]


class Leg(Dialog):
    """A dialog whose requests go where RFC 3261 §12.2.1.1 sends them, to the remote target.

    Attributes:
        media: this party's RTP.
        confirmed: set when the ACK of our 200 has come.
    """

    def __init__(
        self,
        *,
        call_id: str,
        dialog_layer: DialogLayer,
        local_address: sipmessage.Address,
        remote_address: sipmessage.Address,
        remote_uri: sipmessage.URI,
        route_set: list[sipmessage.Address],
        transactions: Transactions,
        media: MediaStream,
        headers: Headers,
    ) -> None:
        super().__init__(
            call_id=call_id,
            dialog_layer=dialog_layer,
            local_address=local_address,
            remote_address=remote_address,
            remote_uri=remote_uri,
            route_set=route_set,
        )
        self._transactions = transactions
        self.media = media
        self.headers = headers
        self.confirmed = asyncio.Event()
        self._open = True

    def create_request(self, method: str) -> sipmessage.Request:
        """Create a request of this dialog, with the user's own headers."""
        request = super().create_request(method)
        request.uri = self.remote_uri
        for name, value in self.headers:
            request.headers.add(name, value)
        return request

    async def invite(self) -> Exchange:
        """Offer our media; :meth:`talk` starts it when the call is answered."""
        request = self.create_request("INVITE")
        request.content_type = SDP_TYPE
        request.body = self.media.describe()
        exchange = await self._transactions.exchange(request)
        if exchange.succeeded and exchange.response is not None:
            self._established(exchange.response)
        return exchange

    def talk(self, response: sipmessage.Response) -> None:
        """Start our media towards the answer's.

        Raises:
            SdpError: the answer has no media to talk to.
        """
        self.media.start(sdp.read(response.body))

    async def hang_up_late(self, response: sipmessage.Response) -> None:
        """End a call that was answered after it had been given up (RFC 3261 §9.1)."""
        self._established(response)
        await self.bye()

    def _established(self, response: sipmessage.Response) -> None:
        """Take the dialog's state from a 2xx (RFC 3261 §12.1.2)."""
        tag = response.to_address.parameters.get("tag") or ""
        self.remote_address = replace_tag(self.remote_address, tag)
        if response.contact:
            self.remote_uri = response.contact[0].uri
        self.route_set = list(reversed(response.record_route))

    async def cancel(self, invite: sipmessage.Request) -> Exchange:
        """Give up an INVITE that has had a provisional response (RFC 3261 §9.1)."""
        cancel = sipmessage.Request("CANCEL", invite.uri)
        cancel.via = invite.via[:1]
        cancel.max_forwards = 70
        cancel.to_address = invite.to_address
        cancel.from_address = invite.from_address
        cancel.call_id = invite.call_id
        cancel.cseq = sipmessage.CSeq(sequence=invite.cseq.sequence, method="CANCEL")
        cancel.route = invite.route
        for name, value in self.headers:
            cancel.headers.add(name, value)
        return await self._transactions.exchange(cancel)

    async def answer(self, request: sipmessage.Request) -> None:
        """Ring, answer at once, and start our media.

        Raises:
            SdpError: the offer has no media to talk to.
        """
        remote = sdp.read(request.body)
        await self.send_response(self.create_response(request, 180))
        await self._accept(request)
        self.media.start(remote)

    async def _accept(self, request: sipmessage.Request) -> None:
        response = self.create_response(request, 200)
        response.content_type = SDP_TYPE
        response.body = self.media.describe()
        await self.send_response(response)

    async def bye(self) -> Exchange:
        """Stop sending media and hang up."""
        self.media.stop()
        return await self._transactions.exchange(self.create_request("BYE"))

    async def handle_request(self, request: sipmessage.Request) -> None:
        """Handle what the other side sends within the call."""
        if request.method == "ACK":
            self.confirmed.set()
        elif request.method == "BYE":
            self.media.stop()
            await self.send_response(self.create_response(request, 200))
        elif request.method == "INVITE":
            await self._reinvited(request)
        else:
            code = 200 if request.method in ("OPTIONS", "INFO", "UPDATE", "CANCEL") else 501
            await self.send_response(self.create_response(request, code))

    async def _reinvited(self, request: sipmessage.Request) -> None:
        try:
            remote = sdp.read(request.body)
        except sdp.SdpError:
            await self.send_response(self.create_response(request, 488))
            return
        await self._accept(request)
        self.media.start(remote)

    def close(self) -> None:
        """End the media and forget the dialog."""
        self.media.close()
        if self._open:
            self._open = False
            self._dialog_layer._dialog_terminated(self)
