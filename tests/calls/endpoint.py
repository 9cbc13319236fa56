"""A SIP endpoint's sockets: one port for UDP and TCP, read by a thread, everything kept."""

import random
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from calls.sockets import on
from slowbye.hosts import Host
from slowbye.sip.framing import FramingError, MessageStream

Address = tuple[str, int]

PORTS = range(20_000, 30_000)
"""Where clients listen: below the ports that a kernel gives by itself, where nobody else sits."""

_MAX_DATAGRAM_BYTES = 65_535
_CONNECT_TIMEOUT_S = 5.0


class Connection:
    """A TCP connection, either way."""

    def __init__(self, sock: socket.socket, peer: Address) -> None:
        self.sock = sock
        self.peer = peer
        self.stream = MessageStream()


@dataclass(frozen=True)
class Arrival:
    """Bytes that came, cut into messages already.

    Attributes:
        at: when, in seconds since the epoch.
        source: where from.
        connection: over which connection; None is UDP.
    """

    data: bytes
    at: float
    source: Address
    connection: Connection | None

    @property
    def transport(self) -> str:
        """``udp``, ``tcp`` or ``tls``."""
        if self.connection is None:
            return "udp"
        return "tls" if isinstance(self.connection.sock, ssl.SSLSocket) else "tcp"


class Endpoint:
    """Sockets on a host, bound to one port.

    Args:
        host: where they live.
        address: which of its addresses.
        arrived: called from the reading thread with each message.
        trusts: the file with the authority that vouches for whom it connects to by TLS.

    Attributes:
        address: where it listens.
        addresses: also the ends of the TCP connections that it made.
    """

    def __init__(
        self,
        host: Host,
        address: str,
        arrived: Callable[[Arrival], None],
        trusts: str | None = None,
    ) -> None:
        self._host = host
        self._arrived = arrived
        self._trusts = trusts
        self._udp, self._listener = on(host, lambda: _bind(address))
        self.address: Address = self._udp.getsockname()
        self.addresses = {self.address}
        self._connections: dict[Address, Connection] = {}
        self._lock = threading.Lock()
        self._wake, self._woken = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        for sock in (self._udp, self._listener, self._woken):
            self._selector.register(sock, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def send(self, data: bytes, to: Address, transport: str) -> None:
        """Send to an address; over TCP on the connection to it, which is made when needed."""
        if transport == "udp":
            self._udp.sendto(data, to)
        else:
            self.send_over(data, self._connected(to, transport))

    def send_over(self, data: bytes, connection: Connection) -> None:
        """Send on a connection that is there."""
        with self._lock:
            connection.sock.sendall(data)

    def disconnect(self) -> None:
        """Close every TCP connection; the next message to somebody makes a new one."""
        for connection in list(self._connections.values()):
            self._drop(connection)

    def close(self) -> None:
        """Close everything."""
        self._wake.close()
        self._thread.join()
        self.disconnect()
        self._selector.close()
        for sock in (self._udp, self._listener, self._woken):
            sock.close()

    def _connected(self, to: Address, transport: str) -> Connection:
        known = self._connections.get(to)
        if known is not None:
            return known

        def connect() -> socket.socket:
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            sock.bind((self.address[0], 0))
            sock.settimeout(_CONNECT_TIMEOUT_S)
            sock.connect(to)
            return sock

        sock = on(self._host, connect)
        if transport == "tls":
            context = ssl.create_default_context(cafile=self._trusts)
            sock = context.wrap_socket(sock, server_hostname=to[0])
            # what is readable may be no more than a session ticket
            sock.setblocking(False)
        return self._adopt(sock, to)

    def _adopt(self, sock: socket.socket, peer: Address) -> Connection:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(sock, peer)
        self.addresses.add(sock.getsockname())
        self._connections[peer] = connection
        self._selector.register(sock, selectors.EVENT_READ, connection)
        self._wake.send(b"\0")
        return connection

    def _drop(self, connection: Connection) -> None:
        if self._connections.pop(connection.peer, None) is not None:
            self._selector.unregister(connection.sock)
            connection.sock.close()

    def _read(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._woken:
                    if not self._woken.recv(4096):
                        return
                elif key.fileobj is self._udp:
                    data, source = self._udp.recvfrom(_MAX_DATAGRAM_BYTES)
                    self._arrived(Arrival(data, time.time(), source, None))
                elif key.fileobj is self._listener:
                    self._adopt(*self._listener.accept())
                else:
                    self._read_connection(key.data)

    def _read_connection(self, connection: Connection) -> None:
        try:
            with self._lock:
                data = connection.sock.recv(_MAX_DATAGRAM_BYTES)
            messages = connection.stream.feed(data)
        except ssl.SSLWantReadError:
            return
        except (OSError, FramingError):
            data, messages = b"", []
        if not data:
            self._drop(connection)
        for message in messages:
            self._arrived(Arrival(message, time.time(), connection.peer, connection))


def _bind(address: str) -> tuple[socket.socket, socket.socket]:
    """Bind a UDP socket and a TCP listener to the same port."""
    for port in random.sample(PORTS, 100):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            udp.bind((address, port))
            listener.bind((address, port))
            listener.listen()
        except OSError as error:
            udp.close()
            listener.close()
            last = error
        else:
            return udp, listener
    raise last
