"""RTP of one client: packets sent, and packets received (RFC 3550 section 5.1)."""

import random
import socket
import struct
import time

from calls.sockets import on
from slowbye.hosts import Host

Address = tuple[str, int]

PORTS = range(10_000, 20_000, 2)
"""Even ports, as RTP has them, where neither SIP clients nor kernels look for theirs."""

_HEADER = struct.Struct(">BBHII")
_VERSION_2 = 0x80
_FRAME = b"\xff" * 160
"""20 ms of silence in PCMU."""

_PACKET_S = 0.02
_MAX_DATAGRAM_BYTES = 2048


class Media:
    """A client's RTP socket.

    Args:
        host: where it lives.
        address: which of its addresses.
    """

    def __init__(self, host: Host, address: str) -> None:
        self._socket = on(host, lambda: _bind(address))
        self.address: Address = self._socket.getsockname()
        self.ssrc = random.getrandbits(32)
        self._sequence = 0

    def send(self, to: Address, packets: int = 1) -> None:
        """Send RTP packets, 20 ms apart."""
        for number in range(packets):
            if number:
                time.sleep(_PACKET_S)
            stamp = self._sequence * len(_FRAME)
            header = _HEADER.pack(_VERSION_2, 0, self._sequence & 0xFFFF, stamp, self.ssrc)
            self._socket.sendto(header + _FRAME, to)
            self._sequence += 1

    def hears(self, other: "Media", within_s: float = 2.0) -> Address | None:
        """Wait for a packet that another client sent, and return where it came from.

        None means that none came.
        """
        deadline = time.monotonic() + within_s
        while (left_s := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left_s)
            try:
                packet, source = self._socket.recvfrom(_MAX_DATAGRAM_BYTES)
            except TimeoutError:
                break
            if len(packet) >= _HEADER.size and _HEADER.unpack_from(packet)[4] == other.ssrc:
                return str(source[0]), int(source[1])
        return None

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def _bind(address: str) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for port in random.sample(PORTS, 100):
        try:
            sock.bind((address, port))
        except OSError as error:
            last = error
        else:
            return sock
    raise last
