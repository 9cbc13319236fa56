"""Both cores back to back: simulated connections and a simulated clock, no sockets and no waiting.

The tunnel does what the shell does, in the shell's order: what has come is read first, then timers
run, then what is queued is written.
"""

import heapq
import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

from ngtunnel.config import Address, ClientConfig, Limits, Protocol, ServerConfig, Timing
from ngtunnel.core import client as client_core
from ngtunnel.core import server as server_core
from ngtunnel.core.client import ClientCore
from ngtunnel.core.commands import InFlightStore, Peer
from ngtunnel.core.ng import cookie_of
from ngtunnel.core.server import ServerCore, ServerLink, TargetSession

PEER: Peer = ("127.0.0.1", 40001)
OTHER_PEER: Peer = ("::1", 40002, 0, 0)

Target = Callable[[bytes], list[tuple[float, bytes]]]
"""What the target answers to a datagram: (after how many seconds, reply)."""


def client_config(
    protocol: Protocol = Protocol.NG,
    links: int = 2,
    timing: Timing | None = None,
    limits: Limits | None = None,
) -> ClientConfig:
    """A client's configuration."""
    return ClientConfig(
        tls=None,
        protocol=protocol,
        listen=Address("127.0.0.1", 2223),
        server=Address("198.18.2.1", 2223),
        links=links,
        timing=timing or Timing(),
        limits=limits or Limits(),
    )


def server_config(
    protocol: Protocol = Protocol.NG, timing: Timing | None = None, limits: Limits | None = None
) -> ServerConfig:
    """A server's configuration."""
    return ServerConfig(
        tls=None,
        protocol=protocol,
        listen=Address("198.18.2.1", 2223),
        target=Address("127.0.0.1", 2223),
        timing=timing or Timing(),
        limits=limits or Limits(),
    )


def request(cookie: bytes, command: str = "delete") -> bytes:
    """An ng request in bencode."""
    return b"%b d7:command%d:%be" % (cookie, len(command), command.encode())


def reply_to(datagram: bytes) -> bytes:
    """The reply that :func:`echo` gives: it tells whose it is."""
    cookie = cookie_of(datagram)
    assert cookie is not None
    return b"%b d4:echo%d:%b6:result2:oke" % (cookie, len(datagram), datagram)


def echo(delay: float = 0.001) -> Target:
    """A target that answers every ng request."""
    return lambda datagram: [(delay, reply_to(datagram))]


def mirror(datagram: bytes) -> list[tuple[float, bytes]]:
    """A raw target: sends everything back."""
    return [(0.0, datagram)]


@dataclass(frozen=True)
class Reply:
    """A datagram that a peer was sent."""

    at: float
    peer: Peer
    data: bytes


class Direction:
    """Half a TCP connection: bytes in order, late or not at all, but never lost or mixed up."""

    def __init__(self, arrives: Callable[[bytes | None], None]) -> None:
        self.arrives = arrives
        self.on_the_way: deque[tuple[float, bytes | None]] = deque()
        self.stalled = False
        self.room = 1 << 30

    @property
    def full(self) -> bool:
        """Whether the sender's kernel takes no more."""
        return self.stalled and sum(len(data or b"") for _, data in self.on_the_way) >= self.room


class Connection:
    """One TCP connection, from a client's slot to a link of the server."""

    def __init__(self, tunnel: "Tunnel", index: int, number: int) -> None:
        self.index = index
        self.number = number
        self.up = Direction(lambda data: tunnel.at_server(self, data))
        self.down = Direction(lambda data: tunnel.at_client(self, data))


class Tunnel:
    """A client and a server, what is between them, a proxy before and a target behind them.

    Args:
        latency: one way, in seconds.
        target: answers the datagrams.
        offset, drift: the server's clock is the client's times ``drift`` plus ``offset``.
        seed: decides where the byte stream is cut.

    Attributes:
        replies: what the peers were sent.
        arrived: what came to the target, with the session it came from.
        connecting: how many connections were attempted.
    """

    def __init__(
        self,
        client: ClientConfig | None = None,
        server: ServerConfig | None = None,
        *,
        latency: float = 0.01,
        target: Target | None = None,
        offset: float = 0.0,
        drift: float = 1.0,
        seed: int = 1,
        store: InFlightStore | None = None,
    ) -> None:
        self.now = 1000.0
        self.latency = latency
        self.target = target or echo()
        self.target_down = False
        self.server_down = False
        self.unreachable = False
        self.replies: list[Reply] = []
        self.arrived: list[tuple[TargetSession, bytes]] = []
        self.said: list[client_core.Action | server_core.Action] = []
        self.connecting = 0
        self._server_config = server or server_config()
        self._offset, self._drift = offset, drift
        self._random = random.Random(seed)  # noqa: S311
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._numbers = count(1)
        self._attempts = [0] * 16
        self._connections: dict[int, Connection] = {}
        self._blocked: set[ServerLink] = set()
        self._client_wakes = self._server_wakes = 0.0
        self._awaited: set[tuple[Peer, bytes]] = set()
        config = client or client_config()
        self.is_ng = config.protocol is Protocol.NG
        self.client = ClientCore(config, b"i" * 16, self._random.random, self.now, store)
        self.server = ServerCore(self._server_config, self._server_now)

    # What a test does

    def start(self, seconds: float = 0.5) -> "Tunnel":
        """Let the links come up, and their round trips be measured."""
        self.advance(seconds)
        return self

    def ask(self, data: bytes, peer: Peer = PEER) -> None:
        """Send a datagram from a peer; a client that sleeps finds it when it wakes."""
        if self.now < self._client_wakes:
            self.after(self._client_wakes - self.now, lambda: self.ask(data, peer))
            return
        cookie = cookie_of(data)
        if cookie is not None:
            self._awaited.add((peer, cookie))
        self.client.datagram(peer, data, self.now)
        self._settle()

    def after(self, seconds: float, then: Callable[[], None]) -> None:
        """Do something later."""
        heapq.heappush(self._events, (self.now + seconds, next(self._order), then))

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        until = self.now + seconds
        self._settle()
        for _ in range(1_000_000):
            timer, run = min(
                (max(self.client.next_timer(), self._client_wakes), self._client_timer),
                (max(self._server_timer_at(), self._server_wakes), self._server_timer),
                key=lambda each: each[0],
            )
            if self._events and self._events[0][0] <= min(timer, until):
                at, _, run = heapq.heappop(self._events)
            elif timer <= until:
                at = timer
            else:
                self.now = until
                return
            self.now = max(self.now, at)
            run()
            self._settle()
        raise AssertionError("time stands still")

    def reset(self, index: int) -> None:
        """Have a connection reset at both ends."""
        connection = self._connections.pop(index, None)
        if connection is not None:
            connection.up.arrives = connection.down.arrives = lambda _: None
            self.client.lost(index, self.now)
            self.server.lost(connection.number)
        self._settle()

    def stall(self, index: int, *, up: bool = True, down: bool = True, room: int = 1 << 30) -> None:
        """Let nothing arrive in these directions, and the sender's kernel take ``room`` bytes."""
        connection = self._connections.get(index)
        if connection is None:
            return
        for direction, chosen in ((connection.up, up), (connection.down, down)):
            if chosen:
                direction.stalled, direction.room = True, room

    def resume(self, index: int) -> None:
        """Let what was held up arrive."""
        connection = self._connections.get(index)
        if connection is not None:
            connection.up.stalled = connection.down.stalled = False
            self._deliver(connection.up)
            self._deliver(connection.down)
            self._settle()

    def inject(self, index: int, data: bytes, *, up: bool) -> None:
        """Put bytes of somebody else's into a stream."""
        connection = self._connections.get(index)
        if connection is not None:
            self._send(connection.up if up else connection.down, data)

    def kill_server(self) -> None:
        """Have the server's process die with all it knew; nobody listens until it is started."""
        self.server_down = True
        self.server = ServerCore(self._server_config, self._server_now)
        self._blocked.clear()
        for index in list(self._connections):
            self.reset(index)

    def start_server(self) -> None:
        """Have the server listen again."""
        self.server_down = False

    def pause_client(self, seconds: float) -> None:
        """Stop the client's process for a while (SIGSTOP)."""
        self._client_wakes = self.now + seconds
        self.after(seconds, self._wake)

    def pause_server(self, seconds: float) -> None:
        """Stop the server's process for a while."""
        self._server_wakes = self.now + seconds
        self.after(seconds, self._wake)

    def answers(self, cookie: bytes, peer: Peer = PEER) -> list[Reply]:
        """The replies that a peer got to one request."""
        return [
            each for each in self.replies if each.peer == peer and cookie_of(each.data) == cookie
        ]

    def disconnects(self) -> list[str]:
        """Why the client gave links up, so far."""
        return [each.reason for each in self.said if isinstance(each, client_core.Disconnect)]

    # What happens by itself

    @property
    def _server_now(self) -> float:
        return self.now * self._drift + self._offset

    def _server_timer_at(self) -> float:
        return (self.server.next_timer() - self._offset) / self._drift

    def _client_timer(self) -> None:
        self.client.timeout(self.now)

    def _server_timer(self) -> None:
        self.server.timeout(self._server_now)

    def at_client(self, connection: Connection, data: bytes | None) -> None:
        """Bytes, or the end of the stream, have come to the client."""
        if data is None:
            self._forget(connection)
            self.client.lost(connection.index, self.now)
        else:
            self.client.received(connection.index, data, self.now)

    def at_server(self, connection: Connection, data: bytes | None) -> None:
        """Bytes, or the end of the stream, have come to the server."""
        if data is None:
            self._forget(connection)
            self.server.lost(connection.number)
        elif hello := self.server.received(connection.number, data, self._server_now):
            self._send(connection.down, hello)

    def _forget(self, connection: Connection) -> None:
        if self._connections.get(connection.index) is connection:
            del self._connections[connection.index]

    def _send(self, direction: Direction, data: bytes | None) -> None:
        at = self.now + self.latency
        if direction.on_the_way:
            at = max(at, direction.on_the_way[-1][0])
        direction.on_the_way.append((at, data))
        self.after(at - self.now, lambda: self._deliver(direction))

    def _deliver(self, direction: Direction) -> None:
        waiting = direction.on_the_way
        while waiting and waiting[0][0] <= self.now + 1e-9 and not direction.stalled:
            if self.now < self._wakes(direction):
                return
            data = waiting.popleft()[1]
            for piece in [None] if data is None else self._cut(data):
                direction.arrives(piece)

    def _wakes(self, direction: Direction) -> float:
        to_client = any(direction is each.down for each in self._connections.values())
        return self._client_wakes if to_client else self._server_wakes

    def _wake(self) -> None:
        for connection in list(self._connections.values()):
            self._deliver(connection.up)
            self._deliver(connection.down)

    def _cut(self, data: bytes) -> Iterator[bytes]:
        at = 0
        while at < len(data):
            end = at + self._random.choice((1, 7, 100, 1 << 20))
            yield data[at:end]
            at = end

    def _settle(self) -> None:
        """Do what a shell does after each turn of its event loop."""
        if self.now >= self._client_wakes:
            self._after_client()
        if self.now >= self._server_wakes:
            self._after_server()

    def _after_client(self) -> None:
        client = self.client
        for peer, data in client.to_peers:
            if self.is_ng:
                cookie = cookie_of(data)
                assert cookie is not None
                assert (peer, cookie) in self._awaited, f"nobody asked for {data!r}"
                self._awaited.remove((peer, cookie))
            self.replies.append(Reply(self.now, peer, data))
        client.to_peers.clear()
        for index, connection in self._connections.items():
            while not connection.up.full and (data := client.take(index, self.now)):
                self._send(connection.up, data)
        actions, client.actions = client.actions, []
        self.said += actions
        for action in actions:
            if isinstance(action, client_core.Connect):
                self._connect(action.index)
            elif isinstance(action, client_core.Disconnect):
                self._attempts[action.index] += 1
                connection_lost = self._connections.pop(action.index, None)
                if connection_lost is not None:
                    connection_lost.down.arrives = lambda _: None
                    self._send(connection_lost.up, None)

    def _after_server(self) -> None:
        server = self.server
        to_target, server.to_target = server.to_target, []
        for session, data in to_target:
            self._to_target(session, data)
        self._blocked |= server.writable
        server.writable.clear()
        by_number = {each.number: each for each in self._connections.values()}
        for at in list(self._blocked):
            connection = by_number.get(at.number)
            assert at.link is not None
            if connection is None or not at.link.up:
                self._blocked.discard(at)
                continue
            while not connection.down.full and (data := at.link.take(self._server_now)):
                self._send(connection.down, data)
            if not at.link.queued:
                self._blocked.discard(at)
        actions, server.actions = server.actions, []
        self.said += actions
        for action in actions:
            if isinstance(action, server_core.Disconnect) and action.link in by_number:
                connection = by_number[action.link]
                connection.up.arrives = lambda _: None
                self._send(connection.down, None)
            elif isinstance(action, server_core.Forget):
                action.session.socket = None

    def _connect(self, index: int) -> None:
        self.connecting += 1
        self._attempts[index] += 1
        attempt = self._attempts[index]

        def answered() -> None:
            if attempt != self._attempts[index] or self.unreachable:
                return
            if self.server_down:
                self.client.lost(index, self.now)
                return
            connection = Connection(self, index, next(self._numbers))
            self._connections[index] = connection
            self.server.accepted(connection.number, "client", "192.0.2.1", self._server_now)
            self._send(connection.up, self.client.connected(index))

        self.after(self.latency, answered)

    def _to_target(self, session: TargetSession, data: bytes) -> None:
        if self.target_down:
            self.server.refused(session, self._server_now)
            return
        # The target answers with the cookie that it was given; tests see what the proxy sees.
        plain = data.removeprefix(session.link.mark)
        mark = data[: len(data) - len(plain)]
        self.arrived.append((session, plain))
        session.socket = self
        for delay, answer in self.target(plain):
            reply = mark + answer
            self.after(delay, lambda reply=reply: self._from_target(session, reply))  # type: ignore[misc]

    def _from_target(self, session: TargetSession, reply: bytes) -> None:
        if session.socket is None:
            return
        if self.now < self._server_wakes:
            self.after(self._server_wakes - self.now, lambda: self._from_target(session, reply))
            return
        self.server.reply(session, reply, self._server_now)
