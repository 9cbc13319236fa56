"""The tunnel's wire format, version 1: a hello each way, then length-prefixed frames.

A hello is of fixed length and a frame's length field has 16 bits, so that whatever a stranger
sends, what is buffered of it stays below 64 KiB.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Self, TypeAlias

MAGIC = b"NGTN"
VERSION = 1

MAX_PAYLOAD = 65507
"""The largest UDP datagram over IPv4: 65535 less the IP header (20) and the UDP header (8)."""

CLIENT_ID_SIZE = 16

_CLIENT_HELLO = struct.Struct("!4sBBxx16s")
_SERVER_HELLO = struct.Struct("!4sBBxx")
_HEADER = struct.Struct("!BIIH")

CLIENT_HELLO_SIZE = _CLIENT_HELLO.size
SERVER_HELLO_SIZE = _SERVER_HELLO.size
HEADER_SIZE = _HEADER.size

pack_header = _HEADER.pack
"""(kind, session, sent_ms, payload length) to bytes; kept bare, as it runs for every datagram."""


class WireError(Exception):
    """The other end does not speak this protocol; the message says how one knows."""


class Kind(IntEnum):
    """What a frame is.

    Attributes:
        DATA: one datagram of a session.
        CLOSE: the client has forgotten the session.
        REFUSED: nobody listens on the target's port (ICMP port unreachable).
        PING, PONG: heartbeat; the payload comes back unchanged.
        DRAIN: the server is about to stop, and takes no new requests.
    """

    DATA = 1
    CLOSE = 2
    REFUSED = 3
    PING = 4
    PONG = 5
    DRAIN = 6


class Protocol(IntEnum):
    """What the datagrams are, as the hello says it."""

    RAW = 0
    NG = 1


class Status(IntEnum):
    """The server's answer to a hello."""

    OK = 0
    WRONG_VERSION = 1
    WRONG_PROTOCOL = 2
    NOT_ALLOWED = 3
    FULL = 4


Frame: TypeAlias = tuple[int, int, int, bytes]
"""(kind, session, sent_ms, payload): a :class:`Kind` as a plain number; the UDP peer that it
belongs to, numbered by the client, or 0 for the link itself; the sender's monotonic clock in
milliseconds, modulo 2**32; at most :data:`MAX_PAYLOAD` bytes. A bare tuple, as it is made for every
datagram.
"""


@dataclass(frozen=True, slots=True)
class ClientHello:
    """The first bytes on a link.

    Attributes:
        client_id: random per client process; its links share sessions.
    """

    version: int
    protocol: int
    client_id: bytes

    def encode(self) -> bytes:
        """Return :data:`CLIENT_HELLO_SIZE` bytes."""
        return _CLIENT_HELLO.pack(MAGIC, self.version, self.protocol, self.client_id)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read what :meth:`encode` wrote.

        Raises:
            WireError: it is no hello.
        """
        magic, version, protocol, client_id = _CLIENT_HELLO.unpack(data)
        if magic != MAGIC:
            raise WireError(f"this is no ngtunnel client: it began with {data[:8]!r}")
        return cls(version, protocol, client_id)


@dataclass(frozen=True, slots=True)
class ServerHello:
    """The server's answer."""

    version: int
    status: int

    def encode(self) -> bytes:
        """Return :data:`SERVER_HELLO_SIZE` bytes."""
        return _SERVER_HELLO.pack(MAGIC, self.version, self.status)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read what :meth:`encode` wrote.

        Raises:
            WireError: it is no hello.
        """
        magic, version, status = _SERVER_HELLO.unpack(data)
        if magic != MAGIC:
            raise WireError(f"this is no ngtunnel server: it began with {data[:8]!r}")
        return cls(version, status)


class FrameReader:
    """Cuts a byte stream into frames, however it arrives.

    Args:
        limit: the largest payload that is accepted, in bytes.
    """

    __slots__ = ("_limit", "_needed", "_rest")

    def __init__(self, limit: int = MAX_PAYLOAD) -> None:
        self._limit = limit
        self._rest = bytearray()
        self._needed = HEADER_SIZE

    @property
    def buffered(self) -> int:
        """Bytes of an incomplete frame; at most a header and the limit."""
        return len(self._rest)

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that are complete with these bytes.

        Raises:
            WireError: a frame of unknown kind, or larger than the limit. The stream is lost.
        """
        if self._rest:
            self._rest += data
            if len(self._rest) < self._needed:
                return []
            data = bytes(self._rest)
            self._rest.clear()
        frames: list[Frame] = []
        at, end = 0, len(data)
        self._needed = HEADER_SIZE
        while end - at >= HEADER_SIZE:
            kind, session, sent_ms, length = _HEADER.unpack_from(data, at)
            if not 1 <= kind <= 6:
                raise WireError(f"a frame of unknown kind {kind}")
            if length > self._limit:
                raise WireError(f"a frame of {length} bytes, when {self._limit} are allowed")
            begin = at + HEADER_SIZE
            if begin + length > end:
                self._needed = HEADER_SIZE + length
                break
            at = begin + length
            frames.append((kind, session, sent_ms, data[begin:at]))
        self._rest += data[at:]
        return frames
