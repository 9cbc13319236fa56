"""SIP transactions over sipua's, with what RFC 3261 asks for and a measurement needs.

sipua 0.5.7 retransmits requests (Timers A, E, G) and gives up (B, F, H). Added here:

- each request is timed at the socket and bounded by a timeout of our own;
- the ACK for a 2xx has a branch and a target of its own (§13.2.2.4), and a repeated final
  response is acknowledged again (RFC 6026 §7.2);
- a repeated request gets the final response again (§17.2.2), also an INVITE its 2xx, which is
  resent until its ACK comes (§13.3.1.4).
"""

import asyncio
from dataclasses import dataclass
from typing import Any

import sipmessage
from sipua import TransactionLayer
from sipua.transaction import (
    T1,
    T2,
    TIMER_D,
    ClientInviteTransaction,
    ClientNonInviteTransaction,
    ServerTransactionKey,
    TransactionState,
    get_client_transaction_key,
    get_server_transaction_key,
)
from sipua.utils import create_via

from slowbye.sip.clock import Clock
from slowbye.sip.result import Transaction
from slowbye.sip.transport import ProxyTransport

# What a batch that was interrupted still grants a transaction, in seconds.
BRIEFLY_S = 2.0

# RFC 3261 §17.1.1.2 and §17.1.2.2: Timers B and F, 64*T1.
TIMER_B_S = 64 * T1

_PENDING = (TransactionState.Calling, TransactionState.Proceeding)


@dataclass
class Exchange:
    """A request and what came of it.

    Attributes:
        response: the final response, or None.
        lost: the connection to the proxy was lost meanwhile.
        running: what still waits for the final response after a timeout.
        proceeding: an INVITE that has had a provisional response and no final one.
    """

    request: sipmessage.Request
    measured: Transaction
    response: sipmessage.Response | None
    lost: bool
    running: "asyncio.Task[sipmessage.Response]"
    proceeding: bool

    @property
    def succeeded(self) -> bool:
        """Whether the final response is a 2xx."""
        return self.response is not None and self.response.code < 300


class _ClientInvite(ClientInviteTransaction):
    """An INVITE that acknowledges as the RFC has it, and again when the response is repeated."""

    _ack: sipmessage.Request | None = None

    @property
    def proceeding(self) -> bool:
        return self._state == TransactionState.Proceeding

    async def receive_response(self, response: sipmessage.Response) -> None:
        if response.code < 200:
            await super().receive_response(response)
        elif self._state in _PENDING:
            self._ack = _ack(self._request, response)
            await self._transport_layer.send_message(self._ack)
            self._set_state(TransactionState.Completed)
            self._start_timer("D", TIMER_D)
            if not self._future.done():
                self._future.set_result(response)
        elif self._ack is not None:
            await self._transport_layer.send_message(self._ack)


def _ack(request: sipmessage.Request, response: sipmessage.Response) -> sipmessage.Request:
    if response.code < 300 and response.contact:
        ack = sipmessage.Request("ACK", response.contact[0].uri)
        ack.via = [create_via()]
        ack.route = list(reversed(response.record_route))
    else:
        ack = sipmessage.Request("ACK", request.uri)
        ack.via = request.via[:1]
        ack.route = request.route
    ack.max_forwards = 70
    ack.to_address = response.to_address
    ack.from_address = request.from_address
    ack.call_id = request.call_id
    ack.cseq = sipmessage.CSeq(sequence=request.cseq.sequence, method="ACK")
    return ack


class Transactions(TransactionLayer):
    """The transaction layer of one client.

    Args:
        transport: the client's socket.
        clock: what giving up is timed with.
        timeout_s: how long a request may wait for its final response; at most Timer B.
        hurry: done when the batch was interrupted; then every wait is brief.
    """

    def __init__(
        self,
        transport: ProxyTransport,
        clock: Clock,
        timeout_s: float,
        hurry: "asyncio.Future[None]",
    ) -> None:
        super().__init__(transport)
        self._transport = transport
        self._clock = clock
        self._timeout_s = timeout_s
        self._hurry = hurry
        self._answers: dict[ServerTransactionKey, sipmessage.Response] = {}
        self._resends: dict[tuple[str, int], asyncio.TimerHandle] = {}
        self._sending: set[asyncio.Task[bool]] = set()

    async def exchange(self, request: sipmessage.Request) -> Exchange:
        """Send a request and wait for its final response, no longer than the timeout."""
        key = get_client_transaction_key(request)
        client = (_ClientInvite if request.method == "INVITE" else ClientNonInviteTransaction)(
            request=request, transaction_layer=self
        )
        self._client_transactions[key] = client
        flight = self._transport.flight(key)
        begun_ms = self._clock.now_ms()
        running = asyncio.create_task(client.run())
        running.add_done_callback(_retrieved)
        # The request leaves before its time begins to run.
        await asyncio.sleep(0)
        await self._patiently(running, client)
        response = None
        if running.done() and running.exception() is None:
            response = running.result()
        sent_ms = begun_ms if flight.sent_ms is None else flight.sent_ms
        ended_ms = flight.answered_ms if response is not None else None
        self._transport.landed(key)
        return Exchange(
            request=request,
            measured=Transaction(
                method=request.method,
                start_ms=round(sent_ms, 3),
                ms=round((self._clock.now_ms() if ended_ms is None else ended_ms) - sent_ms, 3),
                status=None if response is None else response.code,
            ),
            response=response,
            lost=response is None and self._transport.closed.done(),
            running=running,
            proceeding=isinstance(client, _ClientInvite) and client.proceeding,
        )

    async def _patiently(
        self,
        running: "asyncio.Task[sipmessage.Response]",
        client: ClientInviteTransaction | ClientNonInviteTransaction,
    ) -> None:
        if not self._hurry.done():
            awaited: set[asyncio.Future[Any]] = {running, self._hurry, self._transport.closed}
            await asyncio.wait(
                awaited, timeout=self._timeout_s, return_when=asyncio.FIRST_COMPLETED
            )
        # An INVITE that is proceeding may take for ever, but it can be cancelled.
        cancellable = isinstance(client, _ClientInvite) and client.proceeding
        if self._transport.closed.done() or cancellable:
            return
        if self._hurry.done() and not running.done():
            await asyncio.wait({running}, timeout=min(BRIEFLY_S, self._timeout_s))

    async def send_response(self, response: sipmessage.Response) -> None:
        """Send a response, and remember a final one for when the request is repeated."""
        await super().send_response(response)
        if response.code < 200:
            return
        loop = asyncio.get_running_loop()
        key = get_server_transaction_key(response)
        self._answers[key] = response
        loop.call_later(TIMER_B_S, self._answers.pop, key, None)
        accepted = response.cseq.method == "INVITE" and response.code < 300
        if accepted and not self._transport.is_reliable:
            self._resend_later(response, T1, TIMER_B_S)

    def _resend_later(self, response: sipmessage.Response, wait_s: float, left_s: float) -> None:
        def resend() -> None:
            sending = asyncio.ensure_future(self._transport.send_message(response))
            self._sending.add(sending)
            sending.add_done_callback(self._sending.discard)
            self._resend_later(response, min(2 * wait_s, T2), left_s - wait_s)

        key = (response.call_id, response.cseq.sequence)
        self._resends.pop(key, None)
        if left_s > 0:
            self._resends[key] = asyncio.get_running_loop().call_later(wait_s, resend)

    async def _receive_request(self, request: sipmessage.Request) -> None:
        key = get_server_transaction_key(request)
        if request.method == "ACK":
            resend = self._resends.pop((request.call_id, request.cseq.sequence), None)
            if resend is not None:
                resend.cancel()
            if key not in self._server_transactions and self.request_handler is not None:
                await self.request_handler(request)
        elif key in self._answers:
            await self._transport.send_message(self._answers[key])
            return
        await super()._receive_request(request)


def _retrieved(running: "asyncio.Task[sipmessage.Response]") -> None:
    """Look at the outcome, or asyncio complains about a timeout that nobody waited for."""
    if not running.cancelled():
        running.exception()
