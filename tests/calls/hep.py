"""A collector of captures, as Homer is one: HEP 3 over UDP (hep-3.txt of the HEP working group)."""

import socket
import struct
import time
from collections.abc import Iterator

from calls.sockets import on
from slowbye.hosts import Host

_HEADER = struct.Struct(">4sH")
_CHUNK = struct.Struct(">HHH")
_PAYLOAD = 15
_MAX_DATAGRAM_BYTES = 65_535


class Collector:
    """Listens for copies of SIP messages.

    Args:
        host: where.
        port: its UDP port, at the host's address.
    """

    def __init__(self, host: Host, port: int) -> None:
        self._socket = on(host, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self._socket.bind((host.address, port))

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()

    def messages(self, within_s: float) -> Iterator[bytes]:
        """Yield the SIP messages that come within a time."""
        deadline = time.monotonic() + within_s
        while (left_s := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left_s)
            try:
                yield payload(self._socket.recv(_MAX_DATAGRAM_BYTES))
            except TimeoutError:
                return


def payload(packet: bytes) -> bytes:
    """Return what a packet is a copy of.

    Raises:
        ValueError: it is no HEP 3, or has none.
    """
    magic, length = _HEADER.unpack_from(packet)
    if magic != b"HEP3" or length != len(packet):
        raise ValueError(f"no packet of HEP 3: {packet[:20]!r}")
    at = _HEADER.size
    while at < length:
        _, kind, size = _CHUNK.unpack_from(packet, at)
        if kind == _PAYLOAD:
            return packet[at + _CHUNK.size : at + size]
        at += size
    raise ValueError("a packet without a payload")
