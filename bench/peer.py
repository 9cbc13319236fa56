"""One peer of the load: a UDP socket, and the requests it waits for."""

import socket

from bench.payload import cookie, read_cookie

_BUFFER_BYTES = 4 << 20


class Peer:
    """One socket, and what it waits for.

    Attributes:
        number: the peer's number, which its cookies carry.
        sent_ns: when each request under way was sent, oldest first.
        overdue: what was not answered in time.
        spoiled: what a wrong datagram was the answer to.
    """

    def __init__(
        self, number: int, source: tuple[str, int] | None, destination: tuple[str, int]
    ) -> None:
        """Open the socket.

        Args:
            number: from 0 to 65535.
            source: where to send from, and then whoever answers is heard; None: from any port,
                and only the destination is heard.
            destination: where to send to.
        """
        self._source = source
        self._connected = source is None
        self.destination = destination
        self.socket = self._open()
        self.number = number
        self.sent_ns: dict[bytes, int] = {}
        self.overdue: set[bytes] = set()
        self.spoiled: set[bytes] = set()
        self._sequence = 0

    def take_new_socket(self) -> None:
        """Close the socket and open another, from another port unless the source is given."""
        self.socket.close()
        self.socket = self._open()

    def _open(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.destination[0] else socket.AF_INET
        opened = socket.socket(family, socket.SOCK_DGRAM)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        if self._source:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind(self._source)
        else:
            opened.connect(self.destination)
        return opened

    def send(self, datagram: bytes) -> None:
        """Send to the destination.

        Raises:
            OSError: as for sockets.
        """
        if self._connected:
            self.socket.send(datagram)
        else:
            self.socket.sendto(datagram, self.destination)

    def next_cookie(self) -> bytes:
        """Return a cookie that was not used before."""
        name = cookie(self.number, self._sequence)
        self._sequence += 1
        return name

    def was_sent(self, name: bytes) -> bool:
        """Say whether a cookie is one of this peer's requests."""
        number, sequence = read_cookie(name)
        return number == self.number and sequence < self._sequence
