"""Answers Prometheus over HTTP from the event loop that the tunnel runs on.

The library's own servers bring threads with them; here whoever reads the counters is never in the
middle of somebody else's adding to them. To be imported by a process that is scraped only: the
library costs 24 ms and 4 MiB; a scrape takes 2 ms.
"""

import asyncio
import os
from asyncio import StreamReader, StreamWriter

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from ngtunnel.collector import Source, registry_of
from ngtunnel.config import Address

MAX_REQUEST_BYTES = 8_192
"""A scraper's request has a few hundred bytes."""

MAX_CONNECTIONS = 16
"""At once. Whoever on this host opens more gets no answer: the tunnel needs descriptors too."""

REQUEST_TIMEOUT_S = 5.0
"""For the request, and again for the reply."""

_TEXT = "text/plain; charset=utf-8"


async def serve(address: Address, source: Source) -> asyncio.Server:
    """Listen for scrapes of ``/metrics``.

    Args:
        address: of this host; anybody who reaches it may read.
        source: what is asked at each scrape.

    Returns:
        The server, which serves until it is closed.

    Raises:
        OSError: the address cannot be listened on.
    """
    exposition = _Exposition(source)
    try:
        return await asyncio.start_server(
            exposition.answer, address.host, address.port, limit=MAX_REQUEST_BYTES
        )
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise OSError(error.errno, f"cannot listen on {address} for metrics: {why}") from error


class _Exposition:
    def __init__(self, source: Source) -> None:
        self._registry = registry_of(source)
        self._open = 0

    async def answer(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Answer one request, and close."""
        self._open += 1
        try:
            if self._open <= MAX_CONNECTIONS:
                async with asyncio.timeout(REQUEST_TIMEOUT_S):
                    reply = await self._reply(reader)
                async with asyncio.timeout(REQUEST_TIMEOUT_S):
                    writer.write(reply)
                    await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            # Whoever asked went away, never asked, or asked at too great a length.
            pass
        finally:
            self._open -= 1
            writer.close()

    async def _reply(self, reader: StreamReader) -> bytes:
        request = await reader.readuntil(b"\r\n\r\n")
        method, _, rest = request.partition(b" ")
        target = rest.partition(b" ")[0].partition(b"?")[0]
        if method not in (b"GET", b"HEAD"):
            return _http("405 Method Not Allowed", _TEXT, b"GET only\n")
        if target not in (b"/", b"/metrics"):
            return _http("404 Not Found", _TEXT, b"there is /metrics only\n")
        reply = _http("200 OK", CONTENT_TYPE_PLAIN_0_0_4, generate_latest(self._registry))
        return reply if method == b"GET" else reply[: reply.index(b"\r\n\r\n") + 4]


def _http(status: str, content_type: str, body: bytes) -> bytes:
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    ).encode() + body
