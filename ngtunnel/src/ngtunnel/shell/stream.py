"""One link's TCP socket, in the clear or with TLS, without waiting for either direction."""

import socket
import struct
from collections.abc import Callable
from ssl import SSLEOFError, SSLWantReadError, SSLWantWriteError

from ngtunnel.shell.readiness import READ, WRITE, Readiness

_READ_BYTES = 256 * 1024
_NOT_SENT_BYTES = 128 * 1024
"""How much may wait unsent in the kernel, where it can no longer be dropped when it is old."""

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_buffer = memoryview(bytearray(_READ_BYTES))
"""Shared by all links: to allocate so much for each read would cost more than the read."""

_CLOSED = "closed by the other end"
_LATER = (BlockingIOError, SSLWantReadError, SSLWantWriteError)


def prepare(tcp: socket.socket) -> None:
    """Set the options of a link's socket."""
    tcp.setblocking(False)
    tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _NOT_SENT_BYTES)


class Stream:
    """A connected socket, past its TLS handshake.

    Args:
        tcp: the socket, prepared.
        readiness: tells when it is ready.
        on_data: given what has come.
        on_end: told why there will be no more; the stream is closed then.
        take: returns the next bytes to write; empty if there are none.
    """

    __slots__ = (
        "_blocked", "_closed", "_left", "_on_data", "_on_end", "_pending", "_readiness", "_take",
        "_tcp",
    )  # fmt: skip

    def __init__(
        self,
        tcp: socket.socket,
        readiness: Readiness,
        on_data: Callable[[bytes], None],
        on_end: Callable[[str], None],
        take: Callable[[], bytes],
    ) -> None:
        self._tcp = tcp
        self._readiness = readiness
        self._on_data = on_data
        self._on_end = on_end
        self._take = take
        self._left = b""
        self._blocked = False
        self._closed = False
        # TLS may hold decrypted bytes that the kernel knows nothing of.
        self._pending: Callable[[], int] | None = getattr(tcp, "pending", None)
        readiness.add(tcp, self._ready)

    def write(self, data: bytes) -> None:
        """Write something ahead of what is queued: a hello."""
        self._left += data
        self.flush()

    def flush(self) -> None:
        """Write what is queued, until the kernel takes no more."""
        if self._blocked or self._closed:
            return
        data = self._left or self._take()
        while data:
            try:
                sent = self._tcp.send(data)
            except _LATER:
                sent = 0
            except OSError as error:
                self._end(_reason(error))
                return
            if sent == len(data):
                self._left = b""
                data = self._take()
            elif sent:
                # TLS writes a record of 16 KiB at a time.
                data = data[sent:]
            else:
                self._left = data
                self._blocked = True
                self._readiness.change(self._tcp, READ | WRITE)
                return

    def close(self, *, reset: bool = False) -> None:
        """Close it.

        Args:
            reset: throw away what the kernel has not delivered: it would only come late.
        """
        if self._closed:
            return
        self._closed = True
        self._readiness.remove(self._tcp)
        if reset:
            self._tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._tcp.close()

    def _ready(self, events: int) -> None:
        if events & WRITE:
            self._blocked = False
            self._readiness.change(self._tcp, READ)
            self.flush()
        if events & ~WRITE and not self._closed:
            self._read()

    def _read(self) -> None:
        try:
            data = self._receive()
            if self._pending is not None:
                while data and self._pending():
                    data += self._receive()
        except _LATER:
            return
        except OSError as error:
            self._end(_reason(error))
            return
        if data:
            self._on_data(data)
        else:
            self._end(_CLOSED)

    def _receive(self) -> bytes:
        return _buffer[: self._tcp.recv_into(_buffer)].tobytes()

    def _end(self, reason: str) -> None:
        self.close()
        self._on_end(reason)


def _reason(error: OSError) -> str:
    # Without a word of TLS's own: killed, or no longer interested.
    return _CLOSED if isinstance(error, SSLEOFError) else error.strerror or str(error)
