"""Opening links: TCP, and TLS if there is any, on non-blocking sockets."""

import asyncio
import socket
import ssl

from ngtunnel.config import Address
from ngtunnel.shell.stream import prepare


async def connect(
    server: Address, context: ssl.SSLContext | None, server_name: str | None
) -> socket.socket:
    """Return a connected socket, its TLS handshake done.

    Args:
        server: resolved anew each time, and each of its addresses tried.
        context: for TLS; None for none.
        server_name: whom the certificate has to name.

    Raises:
        OSError: it could not be resolved or reached, or its certificate is not good.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    for last, (family, kind, proto, _, address) in zip(
        range(len(found) - 1, -1, -1), found, strict=True
    ):
        tcp = socket.socket(family, kind, proto)
        try:
            prepare(tcp)
            await loop.sock_connect(tcp, address)
            if context is None:
                return tcp
            return await handshake(tcp, context, server_name=server_name)
        except OSError:
            tcp.close()
            if not last:
                raise
        except BaseException:
            tcp.close()
            raise
    raise OSError(f"{server.host} has no address")


async def handshake(
    tcp: socket.socket, context: ssl.SSLContext, *, server_name: str | None = None
) -> ssl.SSLSocket:
    """Return the socket with TLS on it; the client's end if there is a server's name.

    Raises:
        OSError: the handshake failed; the socket is closed.
    """
    secure = context.wrap_socket(
        tcp,
        server_side=server_name is None,
        server_hostname=server_name,
        do_handshake_on_connect=False,
    )
    loop = asyncio.get_running_loop()
    try:
        while True:
            try:
                secure.do_handshake()
                return secure
            except ssl.SSLWantReadError:
                await _ready(loop, secure.fileno(), write=False)
            except ssl.SSLWantWriteError:
                await _ready(loop, secure.fileno(), write=True)
    except BaseException:
        secure.close()
        raise


def reason_of(error: OSError) -> str:
    """Say for the log why a link could not be opened."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not good: {error.verify_message}"
    if isinstance(error, ssl.SSLEOFError):
        return "closed by the other end"
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    return error.strerror or str(error)


async def _ready(loop: asyncio.AbstractEventLoop, descriptor: int, *, write: bool) -> None:
    ready = loop.create_future()
    add = loop.add_writer if write else loop.add_reader
    remove = loop.remove_writer if write else loop.remove_reader

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    add(descriptor, wake)
    try:
        await ready
    finally:
        remove(descriptor)
