"""One link's TCP socket, with or without TLS on it, without waiting for either direction."""

import socket
import struct
from collections.abc import Callable

from ngtunnel.shell.readiness import READ, WRITE, Readiness
from ngtunnel.shell.secure import Secure, reason_of

_READ_BYTES = 256 * 1024
_NOT_SENT_BYTES = 128 * 1024
"""How much may wait unsent in the kernel, where it can no longer be dropped when it is old."""

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_buffer = memoryview(bytearray(_READ_BYTES))
"""Shared by all links: to allocate so much for each read would cost more than the read."""


def prepare(tcp: socket.socket) -> None:
    """Set the options of a link's socket."""
    tcp.setblocking(False)
    tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _NOT_SENT_BYTES)


class Stream:
    """A connected socket, past its TLS handshake.

    Args:
        tcp: the socket, prepared.
        secure: TLS, if there is any.
        readiness: tells when it is ready.
        on_data: given what has come.
        on_end: told why there will be no more; the stream is closed then.
        take: returns the next bytes to write; empty if there are none.
    """

    __slots__ = (
        "_blocked", "_closed", "_left", "_on_data", "_on_end", "_readiness", "_secure", "_take",
        "_tcp",
    )  # fmt: skip

    def __init__(
        self,
        tcp: socket.socket,
        secure: Secure | None,
        readiness: Readiness,
        on_data: Callable[[bytes], None],
        on_end: Callable[[str], None],
        take: Callable[[], bytes],
    ) -> None:
        self._tcp = tcp
        self._secure = secure
        self._readiness = readiness
        self._on_data = on_data
        self._on_end = on_end
        self._take = take
        self._left = b""
        self._blocked = False
        self._closed = False
        readiness.add(tcp, self._ready)

    def begin(self) -> None:
        """Give on what the other end has sent on the heels of its handshake."""
        if self._secure is not None:
            self._opened(b"")

    def write(self, data: bytes) -> None:
        """Write something ahead of what is queued: a hello."""
        self._left += self._sealed(data)
        self.flush()

    def flush(self) -> None:
        """Write what is queued, until the kernel takes no more."""
        if self._blocked or self._closed:
            return
        data = self._left or self._sealed(self._take())
        while data:
            try:
                sent = self._tcp.send(data)
            except BlockingIOError:
                sent = 0
            except OSError as error:
                self._end(error)
                return
            if sent < len(data):
                self._left = data[sent:]
                self._blocked = True
                self._readiness.change(self._tcp, READ | WRITE)
                return
            self._left = b""
            data = self._sealed(self._take())

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
            data = _buffer[: self._tcp.recv_into(_buffer)].tobytes()
        except BlockingIOError:
            return
        except OSError as error:
            self._end(error)
            return
        if not data:
            self._end(ConnectionResetError(None, "closed by the other end"))
        elif self._secure is None:
            self._on_data(data)
        else:
            self._opened(data)

    def _opened(self, data: bytes) -> None:
        assert self._secure is not None  # noqa: S101
        try:
            opened = self._secure.open(data)
        except OSError as error:
            self._end(error)
            return
        if opened:
            self._on_data(opened)

    def _sealed(self, data: bytes) -> bytes:
        return self._secure.seal(data) if data and self._secure is not None else data

    def _end(self, error: OSError) -> None:
        self.close()
        self._on_end(reason_of(error))
