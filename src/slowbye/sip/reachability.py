"""Whether anything listens where the proxy should be, told by ICMP rather than by a timeout."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from sipua import TransportAddress

# RFC 5626 §4.4.1: a keep-alive, which a SIP proxy does not take for a message.
_KEEP_ALIVE = b"\r\n\r\n"


class _Probe(asyncio.DatagramProtocol):
    def __init__(self, refused: "asyncio.Future[OSError]") -> None:
        self._refused = refused

    def error_received(self, exc: Exception) -> None:
        if isinstance(exc, OSError) and not self._refused.done():
            self._refused.set_result(exc)


@contextlib.asynccontextmanager
async def refusal(proxy: TransportAddress, bind: str) -> AsyncIterator["asyncio.Future[OSError]"]:
    """Yield a future that resolves if the network says that the proxy cannot be reached.

    The clients' own UDP sockets are not connected, so the kernel keeps ICMP errors from them.

    Raises:
        OSError: the local address cannot be used.
    """
    loop = asyncio.get_running_loop()
    refused: asyncio.Future[OSError] = loop.create_future()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Probe(refused), local_addr=(bind, 0), remote_addr=(proxy.host, proxy.port)
    )
    try:
        transport.sendto(_KEEP_ALIVE)
        yield refused
    finally:
        transport.close()
