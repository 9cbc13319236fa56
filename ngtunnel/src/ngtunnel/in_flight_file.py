"""Requests in flight, kept in a file that outlives the process.

A client that is killed has read requests from its socket that nobody else will ever see. They
stand in this file, which is mapped into memory and lies on a tmpfs (``RuntimeDirectory=``), and the
next process sends them again: rtpengine answers a repeated cookie from its cache. Keeping a request
costs about a microsecond and no system call.
"""

import fcntl
import mmap
import os
import socket
import struct
from pathlib import Path
from typing import Self

from ngtunnel.core.commands import Peer
from ngtunnel.errors import ConfigError

_SLOTS = 1024
_SLOT_BYTES = 16384
"""Holds a WebRTC offer of 10 KB; what is never written takes no memory."""
_SIZE = _SLOTS * _SLOT_BYTES

_HEADER = struct.Struct("=xBHHxxIId46s")
"""A byte for whether it is taken; then the length of the peer's host, its port, the request's
length, IPv6 flow and scope, when it came (monotonic seconds), and the peer's host as text."""

_ROOM = _SLOT_BYTES - _HEADER.size
_FREE, _TAKEN = 0, 1
_TAKEN_BYTE = bytes([_TAKEN])


class InFlightFile:
    """A file of slots, one request each; see :class:`ngtunnel.core.commands.InFlightStore`.

    The slot that was freed last is taken first, so that few pages are ever touched.

    Args:
        descriptor: of the file, locked and of the right size; kept open for its lock.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._memory = mmap.mmap(descriptor, _SIZE)
        self._free = list(range(_SLOTS - 1, -1, -1))
        self._cleared: list[int] = []

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the file, or make it.

        Raises:
            ConfigError: it cannot be used, or another process uses it.
        """
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(descriptor, _SIZE)
        except BlockingIOError as error:
            raise ConfigError(f"in_flight_file: {path} is in use by another ngtunnel") from error
        except OSError as error:
            raise ConfigError(f"in_flight_file: {path}: {error.strerror}") from error
        return cls(descriptor)

    def put(self, peer: Peer, request: bytes, now: float) -> int | None:
        """Keep a request; None if it is too large or no slot is left."""
        length = len(request)
        if length > _ROOM or not self._free:
            return None
        slot = self._free.pop()
        host = peer[0].encode()
        flow, scope = (peer[2], peer[3]) if len(peer) == 4 else (0, 0)
        memory, at = self._memory, slot * _SLOT_BYTES
        _HEADER.pack_into(memory, at, len(host), peer[1], length, flow, scope, now, host)
        memory[at + _HEADER.size : at + _HEADER.size + length] = request
        # Last, so that a slot that is taken is whole.
        memory[at] = _TAKEN
        return slot

    def clear(self, slot: int) -> None:
        """Forget a request at the next :meth:`flush`."""
        self._cleared.append(slot)

    def flush(self) -> None:
        """Forget what was cleared; to be called when the replies have left this process.

        It may be killed at any point: a proxy ignores the reply that it gets twice, but waits a
        second for one that it does not get.
        """
        memory = self._memory
        for slot in self._cleared:
            memory[slot * _SLOT_BYTES] = _FREE
        self._free += self._cleared
        self._cleared.clear()

    def recover(self, now: float, worth: float) -> list[tuple[Peer, bytes]]:
        """Return what an earlier process has left, in order of arrival; forget it when flushed.

        Args:
            now: the monotonic clock; it goes on from process to process.
            worth: seconds after which a request is no longer wanted.
        """
        memory = self._memory
        found: list[tuple[float, Peer, bytes]] = []
        for at in range(0, _SIZE, _SLOT_BYTES):
            # Not through the mapping, where each look would make a page resident: 4 MiB in all.
            if os.pread(self._descriptor, 1, at) != _TAKEN_BYTE:
                continue
            self._free.remove(at // _SLOT_BYTES)
            self._cleared.append(at // _SLOT_BYTES)
            host_length, port, length, flow, scope, when, host = _HEADER.unpack_from(memory, at)
            text = host[:host_length].decode("ascii", "replace")
            peer: Peer = (text, port, flow, scope) if ":" in text else (text, port)
            if 0 <= now - when <= worth and length <= _ROOM and _is_address(text):
                begin = at + _HEADER.size
                found.append((when, peer, memory[begin : begin + length]))
        found.sort(key=lambda each: each[0])
        return [(peer, request) for _, peer, request in found]

    def close(self) -> None:
        """Unmap the file and give up its lock; what is in it stays."""
        self._memory.close()
        os.close(self._descriptor)


def _is_address(text: str) -> bool:
    """Tell an address from what stands in a file that something else has written to."""
    address, _, _ = text.partition("%")
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, address)
    except (OSError, ValueError):
        return False
    return True
