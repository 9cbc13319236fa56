"""TLS as a layer of bytes between a link and its TCP socket.

OpenSSL's own sockets read each record with two system calls and stop after it; here whatever has
come is decrypted in one go, and whatever is queued is written in one go.
"""

import asyncio
import socket
import ssl

_READ_BYTES = 64 * 1024


class Secure:
    """One connection's TLS.

    Args:
        context: whom to believe, and what to show.
        server_name: whom the other end's certificate has to name; None for the server's end.
    """

    def __init__(self, context: ssl.SSLContext, server_name: str | None) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.tls = context.wrap_bio(
            self._incoming,
            self._outgoing,
            server_side=server_name is None,
            server_hostname=server_name,
        )

    async def handshake(self, tcp: socket.socket) -> None:
        """Agree with the other end.

        Raises:
            OSError: no agreement was reached.
        """
        loop = asyncio.get_running_loop()
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                await loop.sock_sendall(tcp, self._outgoing.read())
                received = await loop.sock_recv(tcp, _READ_BYTES)
                if not received:
                    raise ConnectionResetError(None, "closed by the other end") from None
                self._incoming.write(received)
            except ssl.SSLError:
                # The other end is told why.
                await loop.sock_sendall(tcp, self._outgoing.read())
                raise
            else:
                await loop.sock_sendall(tcp, self._outgoing.read())
                return

    def open(self, data: bytes) -> bytes:
        """Decrypt what has come; empty if that is no whole record.

        Raises:
            ssl.SSLError: the other end refuses this one, or it was tampered with.
        """
        self._incoming.write(data)
        opened = []
        try:
            while self._incoming.pending:
                opened.append(self.tls.read(_READ_BYTES))
        except ssl.SSLWantReadError:
            pass
        return b"".join(opened)

    def seal(self, data: bytes) -> bytes:
        """Encrypt what is to be written."""
        while data:
            data = data[self.tls.write(data) :]
        return self._outgoing.read()


def reason_of(error: OSError) -> str:
    """Say for the log why a link could not be opened."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not good: {error.verify_message}"
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    return error.strerror or str(error)
