"""A SIP proxy on loopback, for tests: it forwards, and it can be told to misbehave."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import sipmessage
from sipua import TransportAddress, create_response

from slowbye.sip.framing import MessageStream

Message = sipmessage.Request | sipmessage.Response
Send = Callable[[bytes], None]


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, proxy: "StubProxy") -> None:
        self.proxy = proxy

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if data.strip():
            self.proxy.links[addr] = lambda data: self.transport.sendto(data, addr)
            self.proxy.received(data, addr)


class _Tcp(asyncio.Protocol):
    def __init__(self, proxy: "StubProxy") -> None:
        self.proxy = proxy
        self.stream = MessageStream()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.address = transport.get_extra_info("peername")
        self.proxy.links[self.address] = transport.write
        self.proxy.connections.append(transport)

    def data_received(self, data: bytes) -> None:
        for message in self.stream.feed(data):
            self.proxy.received(message, self.address)


class StubProxy:
    """Registrar and record-routing proxy; it keeps what it has seen.

    Attributes:
        intercept: called with each message before it is handled; True swallows it.
        refuse: the status of every INVITE, instead of forwarding it.
        hold_s: how long a method is held back before it is handled.
    """

    def __init__(self) -> None:
        self.links: dict[Any, Send] = {}
        self.connections: list[Any] = []
        self.users: dict[str | None, Any] = {}
        self.sources: dict[str | None, Any] = {}
        self.seen: list[Message] = []
        self.intercept: Callable[[Message], bool] = lambda message: False
        self.refuse: int | None = None
        self.hold_s: dict[str, float] = {}

    @classmethod
    @asynccontextmanager
    async def running(
        cls, transport: str = "udp", host: str = "127.0.0.1"
    ) -> AsyncIterator["StubProxy"]:
        """Run a proxy on a free port while the block runs."""
        proxy = cls()
        await proxy.open(transport, host)
        try:
            yield proxy
        finally:
            proxy.server.close()

    async def open(self, transport: str, host: str) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self.server: Any
        if transport == "tcp":
            self.server = await loop.create_server(lambda: _Tcp(self), host, 0)
            port = self.server.sockets[0].getsockname()[1]
        else:
            self.server, _ = await loop.create_datagram_endpoint(
                lambda: _Udp(self), local_addr=(host, 0)
            )
            port = self.server.get_extra_info("sockname")[1]
        self.address = TransportAddress(transport, host, port)

    def requests(self, method: str) -> list[sipmessage.Request]:
        """Return the requests of a method that were seen, in their order."""
        return [m for m in self.seen if isinstance(m, sipmessage.Request) and m.method == method]

    def received(self, data: bytes, source: Any) -> None:
        """Handle a message."""
        message = sipmessage.Message.parse(data)
        self.seen.append(message)
        if self.intercept(message):
            return
        if isinstance(message, sipmessage.Response):
            self.forward_response(message)
            return
        hold_s = self.hold_s.get(message.method, 0)
        asyncio.get_running_loop().call_later(hold_s, self._request, message, source)

    def _send(self, message: Message, destination: Any) -> None:
        message.content_length = len(message.body)
        self.links[destination](bytes(message))

    def answer(self, request: sipmessage.Request, code: int, source: Any) -> None:
        """Answer a request oneself."""
        response = create_response(request=request, code=code)
        to = response.to_address
        if code > 100 and "tag" not in to.parameters:
            response.to_address = dataclasses.replace(
                to, parameters=to.parameters.replace(tag="stub")
            )
        self._send(response, source)

    def _request(self, request: sipmessage.Request, source: Any) -> None:
        in_dialog = "tag" in request.to_address.parameters
        if request.method == "REGISTER":
            self.users[request.to_address.uri.user] = source
            self.answer(request, 200, source)
        elif request.method in ("OPTIONS", "CANCEL"):
            self.answer(request, 200, source)
        elif request.method == "INVITE" and not in_dialog:
            self._invite(request, source)
        elif request.route:
            host = request.uri.host.strip("[]")
            link = next(link for link in self.links if link[:2] == (host, request.uri.port))
            self._forward(request, source, link)

    def _invite(self, request: sipmessage.Request, source: Any) -> None:
        self.answer(request, 100, source)
        if self.refuse is not None:
            self.answer(request, self.refuse, source)
            return
        me = sipmessage.URI.parse(f"sip:{self._host}:{self.address.port};lr")
        request.record_route = [sipmessage.Address(uri=me)]
        self._forward(request, source, self.users[request.uri.user])

    @property
    def _host(self) -> str:
        host = self.address.host
        return f"[{host}]" if ":" in host else host

    def _forward(self, request: sipmessage.Request, source: Any, destination: Any) -> None:
        branch = f"{request.via[0].parameters['branch']}-stub"
        self.sources[branch] = source
        via = sipmessage.Via(
            transport=self.address.protocol.upper(),
            host=self._host,
            port=self.address.port,
            parameters=sipmessage.Parameters(branch=branch),
        )
        request.via = [via, *request.via]
        request.route = request.route[1:]
        self._send(request, destination)

    def forward_response(self, response: sipmessage.Response) -> None:
        """Send a response on to where its request came from."""
        source = self.sources[response.via[0].parameters["branch"]]
        response.via = response.via[1:]
        self._send(response, source)
