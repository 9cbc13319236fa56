"""Opening links: TCP, and TLS if there is any, on non-blocking sockets."""

import asyncio
import socket
import ssl

from ngtunnel.config import Address
from ngtunnel.shell.secure import Secure
from ngtunnel.shell.stream import prepare


async def connect(
    server: Address, context: ssl.SSLContext | None, server_name: str | None
) -> tuple[socket.socket, Secure | None]:
    """Return a connected socket, and the TLS agreed on over it if there is any.

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
                return tcp, None
            secure = Secure(context, server_name)
            await secure.handshake(tcp)
            return tcp, secure
        except OSError:
            tcp.close()
            if not last:
                raise
        except BaseException:
            tcp.close()
            raise
    raise OSError(f"{server.host} has no address")
