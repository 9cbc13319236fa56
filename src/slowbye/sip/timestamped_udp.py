"""A UDP socket that says when each datagram reached the kernel, not when we came to read it.

asyncio's own datagram transport does not hand out the kernel's timestamps, and on a busy host the
wait between arrival and reading is longer than a fast transaction takes.
"""

import asyncio
import contextlib
import socket
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

# include/uapi/asm-generic/socket.h: Python has no name for it.
_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("@ll")
_ANCILLARY_BYTES = socket.CMSG_SPACE(_TIMESPEC.size)

_MAX_DATAGRAM_BYTES = 65_535

# Other sockets get their turn after so many.
_DATAGRAMS_PER_TURN = 32

Received = Callable[[bytes, tuple[str, int], float], None]


class TimestampedUdp(asyncio.DatagramTransport):
    """A bound socket.

    Args:
        address: the local address; the kernel chooses the port.
        received: called with each datagram, its source, and its age in milliseconds.

    Raises:
        OSError: the address is not local.
    """

    def __init__(self, address: str, received: Received) -> None:
        super().__init__()
        self._received = received
        self._loop = asyncio.get_running_loop()
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            if sys.platform == "linux":
                self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            self._socket.bind((address, 0))
        except OSError:
            self._socket.close()
            raise
        self._sockname = self._socket.getsockname()
        self._loop.add_reader(self._socket, self._read)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return "sockname"; nothing else is known."""
        return self._sockname if name == "sockname" else default

    def sendto(self, data: Any, addr: Any = None) -> None:
        """Send at once; what the kernel does not take is lost, as UDP may be."""
        if not self.is_closing():
            with contextlib.suppress(OSError):
                self._socket.sendto(data, addr or ("", 0))

    def is_closing(self) -> bool:
        """Return whether the socket is closed."""
        return self._socket.fileno() < 0

    def close(self) -> None:
        """Close the socket; nothing is buffered."""
        if not self.is_closing():
            self._loop.remove_reader(self._socket)
            self._socket.close()

    def _read(self) -> None:
        for _ in range(_DATAGRAMS_PER_TURN):
            if self.is_closing():
                return
            try:
                data, ancillary, _, source = self._socket.recvmsg(
                    _MAX_DATAGRAM_BYTES, _ANCILLARY_BYTES
                )
            except OSError:
                return
            self._received(data, source[:2], _age_ms(ancillary))


def _age_ms(ancillary: list[tuple[int, int, bytes]]) -> float:
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
            seconds, nanoseconds = _TIMESPEC.unpack_from(data)
            age_ns = time.time_ns() - (seconds * 1_000_000_000 + nanoseconds)
            # The wall clock may have been set in between.
            return age_ns / 1e6 if 0 <= age_ns < 1_000_000_000 else 0.0
    return 0.0
