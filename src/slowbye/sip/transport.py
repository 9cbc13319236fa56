"""One client's socket to its proxy, with a timestamp on every request and final response.

sipua resolves each request's URI; a phone has an outbound proxy instead, and reaches it over one
socket. The times are taken here, because whatever is measured higher up includes the wait for a
turn in a busy event loop.
"""

import asyncio
import logging
from dataclasses import dataclass

import sipmessage
from sipua import TransportAddress, TransportLayer
from sipua.transaction import ClientTransactionKey, get_client_transaction_key
from sipua.transport import (
    TcpTransportChannel,
    TransportChannel,
    UdpTransportChannel,
    get_transport_destination,
    set_transport_source,
)

from slowbye.sip.addressing import url_host
from slowbye.sip.clock import Clock
from slowbye.sip.framing import FramingError, MessageStream
from slowbye.sip.timestamped_udp import TimestampedUdp

logger = logging.getLogger(__name__)

# Headers are parsed when they are looked at: missing, malformed, or without what sipua asserts.
_UNREADABLE = (ValueError, KeyError, IndexError, AssertionError)


@dataclass
class Flight:
    """When a request first left and when its final response came, in batch milliseconds."""

    sent_ms: float | None = None
    answered_ms: float | None = None


class _UdpChannel(UdpTransportChannel):
    clock: Clock
    arrived_ms = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.via_host = url_host(self.via_host)

    def received(self, data: bytes, source: tuple[str, int], age_ms: float) -> None:
        self.arrived_ms = self.clock.now_ms() - age_ms
        # Not UTF-8, so not SIP (RFC 3261 §7): dropped like anything else that does not parse.
        try:
            self.datagram_received(data, source)
        except UnicodeDecodeError:
            return


class _TcpChannel(TcpTransportChannel):
    clock: Clock
    stream: MessageStream
    arrived_ms = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.stream = MessageStream()
        super().connection_made(transport)
        self.via_host = url_host(self.via_host)

    def data_received(self, data: bytes) -> None:
        self.arrived_ms = self.clock.now_ms()
        try:
            for message in self.stream.feed(data):
                super().data_received(message)
        except (FramingError, UnicodeDecodeError):
            if self._transport is not None:
                self._transport.close()


class ProxyTransport(TransportLayer):
    """A transport layer whose every request goes to one proxy over one socket.

    Args:
        proxy: where requests go; ``protocol`` is "udp" or "tcp".
        clock: what the flights are timed with.
    """

    def __init__(self, proxy: TransportAddress, clock: Clock) -> None:
        super().__init__()
        self._proxy = proxy
        self._clock = clock
        self._flights: dict[ClientTransactionKey, Flight] = {}
        #: Done when the connection is closed; nothing that is outstanding will be answered then.
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def is_reliable(self) -> bool:
        """Whether the transport retransmits by itself."""
        return self._proxy.protocol == "tcp"

    async def open(self, bind: str) -> None:
        """Open the socket on a local address and a port of the kernel's choice.

        Raises:
            OSError: the address is not local, or the proxy refuses the connection.
        """
        if self.is_reliable:
            loop = asyncio.get_running_loop()
            await loop.create_connection(
                self._tcp_channel, self._proxy.host, self._proxy.port, local_addr=(bind, 0)
            )
        else:
            channel = self._udp_channel()
            channel.connection_made(TimestampedUdp(bind, channel.received))

    def flight(self, key: ClientTransactionKey) -> Flight:
        """Start to time a request that is about to be sent."""
        return self._flights.setdefault(key, Flight())

    def landed(self, key: ClientTransactionKey) -> None:
        """Forget a flight whose times have been read."""
        self._flights.pop(key, None)

    async def send_message(self, message: sipmessage.Message) -> bool:
        """Send a request to the proxy, or a response to where its request came from.

        Raises:
            ConnectionError: the socket is closed.
        """
        message.content_length = len(message.body)
        channel = next(iter(self._channels), None)
        if channel is None:
            raise ConnectionError("the connection to the proxy is closed")
        set_transport_source(message, channel)
        destination = self._proxy
        if isinstance(message, sipmessage.Request):
            flight = self._flights.get(get_client_transaction_key(message))
            if flight is not None and flight.sent_ms is None:
                flight.sent_ms = self._clock.now_ms()
        elif not self.is_reliable:
            destination = await get_transport_destination(message)
        await channel.send_message(message, destination)
        return self.is_reliable

    def _message_handler(self, channel: TransportChannel, message: sipmessage.Message) -> None:
        assert isinstance(channel, _UdpChannel | _TcpChannel)  # noqa: S101
        try:
            if isinstance(message, sipmessage.Response) and message.code >= 200:
                self._answered(get_client_transaction_key(message), channel.arrived_ms)
        except _UNREADABLE as fault:
            logger.warning("dropped a response that cannot be read: %s", fault)
        else:
            super()._message_handler(channel, message)

    def _answered(self, key: ClientTransactionKey, arrived_ms: float) -> None:
        flight = self._flights.get(key)
        if flight is not None and flight.answered_ms is None:
            flight.answered_ms = arrived_ms

    async def _handle_message(self, message: sipmessage.Message) -> None:
        try:
            await super()._handle_message(message)
        except _UNREADABLE as fault:
            logger.warning("dropped a message that cannot be read: %r", fault)

    def _disconnect_handler(self, channel: TransportChannel, exc: Exception | None) -> None:
        super()._disconnect_handler(channel, exc)
        if not self.closed.done():
            self.closed.set_result(None)

    def _udp_channel(self) -> _UdpChannel:
        channel = _UdpChannel(
            connect_handler=self._connect_handler,
            disconnect_handler=self._disconnect_handler,
            message_handler=self._message_handler,
        )
        channel.clock = self._clock
        return channel

    def _tcp_channel(self) -> _TcpChannel:
        channel = _TcpChannel(
            connect_handler=self._connect_handler,
            disconnect_handler=self._disconnect_handler,
            message_handler=self._message_handler,
        )
        channel.clock = self._clock
        return channel
