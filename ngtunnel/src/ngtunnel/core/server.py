"""The server's end without its sockets: frames on many links in, datagrams to one target out.

The shell has a UDP socket for each session. It brings bytes and the time, and takes away
:attr:`ServerCore.to_target`, :attr:`ServerCore.actions` and what the links have queued.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from ngtunnel.config import Protocol, ServerConfig
from ngtunnel.core import ng
from ngtunnel.core.counters import Counters, LinkSnapshot, LinkState, Snapshot
from ngtunnel.core.link import Link, LinkDeadError, make_link
from ngtunnel.core.sessions import Session, SessionTable
from ngtunnel.core.ticker import Ticker
from ngtunnel.core.wire import (
    CLIENT_HELLO_SIZE,
    MAX_PAYLOAD,
    VERSION,
    ClientHello,
    Kind,
    ServerHello,
    Status,
    WireError,
)
from ngtunnel.core.wire import Protocol as WireProtocol

_DATA, _CLOSE = int(Kind.DATA), int(Kind.CLOSE)
_AGAIN_S = 0.5
"""From here on a repeated request is the proxy's own retry (1 s), and no hedge of the client's."""

_LONGEST_MARKED = MAX_PAYLOAD - ng.MARK_SIZE
"""A request longer than this goes out as it came in, rather than not at all."""

_MAX_WAITING = 65536
"""Requests remembered, each of about 200 bytes; rtpengine is slower than this by far."""


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Close this link once its queue is written; the core has done with it, for this reason."""

    link: int
    reason: str


@dataclass(frozen=True, slots=True)
class LinkUp:
    """A client has introduced itself."""

    link: int


@dataclass(frozen=True, slots=True)
class Forget:
    """Close the UDP socket of this session."""

    session: "TargetSession"


Action = Disconnect | LinkUp | Forget


class TargetSession(Session):
    """One client's UDP peer, as seen from the target.

    Attributes:
        key: client id and number.
        link: where its last request came from.
        socket: the shell's, to the target; None until there is one.
    """

    __slots__ = ("key", "link", "socket")

    def __init__(self, key: tuple[bytes, int], now: float) -> None:
        super().__init__(now)
        self.key = key
        self.link: ServerLink
        self.socket: Any = None


class ServerLink:
    """One accepted connection.

    Attributes:
        number: the shell's name for it.
        name: the client, for logs and metrics.
        host: its address.
        proxy: what stays the same when it connects again: the name it has proved, or its address.
        mark: what its cookies begin with at the target.
        link: None until the client has said hello.
    """

    __slots__ = (
        "client_id", "deadline", "hello", "host", "link", "mark", "name", "number", "proxy", "since"
    )  # fmt: skip

    def __init__(self, number: int, name: str, host: str, now: float, deadline: float) -> None:
        self.number = number
        self.name = name
        self.host = host
        self.proxy = host
        self.mark = b""
        self.since = now
        self.deadline = deadline
        self.hello = b""
        self.client_id = b""
        self.link: Link | None = None


class _Waiting:
    """A request at the target, and the links that want its reply."""

    __slots__ = ("links", "since")
    links: tuple[ServerLink, ...]

    def __init__(self, link: ServerLink, now: float) -> None:
        self.links = (link,)
        self.since = now


class ServerCore:
    """The server's state machine.

    Args:
        config: the server's.
        now: the monotonic clock, in seconds; so everywhere.

    Attributes:
        counters: what happened so far.
        to_target: (session, datagram) to send; the shell clears the list.
        actions: what the shell has to do or say; it clears the list.
        links: by the shell's number.
        writable: links with something queued; the shell clears it.
    """

    def __init__(self, config: ServerConfig, now: float) -> None:
        self.counters = Counters()
        self.to_target: list[tuple[TargetSession, bytes]] = []
        self.actions: list[Action] = []
        self.links: dict[int, ServerLink] = {}
        self.writable: set[ServerLink] = set()
        self._config = config
        self._ng = config.protocol is Protocol.NG
        self._protocol = WireProtocol.NG if self._ng else WireProtocol.RAW
        self._sessions: SessionTable[tuple[bytes, int], TargetSession] = SessionTable(
            config.limits.sessions, config.limits.session_idle, TargetSession
        )
        self._waiting: dict[tuple[TargetSession, bytes], _Waiting] = {}
        self._longest = config.limits.datagram_bytes
        self._ticker = Ticker(config.timing, now)

    # What happens to the links

    def accepted(self, number: int, name: str, host: str, now: float) -> None:
        """A client has connected.

        If too many have not said hello yet, the oldest goes of the host that has the most of them:
        a flood from one host keeps no other out.
        """
        pending = [each for each in self.links.values() if each.link is None]
        if len(pending) >= self._config.limits.pending_links:
            self.counters.refused["pending"] += 1
            hosts = Counter(each.host for each in pending)
            crowd = max(hosts, key=hosts.__getitem__)
            oldest = next(each for each in pending if each.host == crowd)
            self._drop(oldest, "too many others wait to say hello as well")
        deadline = now + self._config.timing.hello_timeout
        self.links[number] = ServerLink(number, name, host, now, deadline)

    def proved(self, number: int, name: str) -> None:
        """A client has proved who it is; by default it is its address."""
        self.links[number].proxy = name

    def received(self, number: int, data: bytes, now: float) -> bytes:
        """Take bytes that came on a link, and return what to write to it at once (a hello)."""
        at = self.links.get(number)
        if at is None:
            return b""
        hello = b""
        try:
            link = at.link
            if link is None:
                at.hello += data
                if len(at.hello) < CLIENT_HELLO_SIZE:
                    return b""
                data = at.hello[CLIENT_HELLO_SIZE:]
                hello, link = self._introduced(at, now)
                if link is None:
                    return hello
            for kind, session, _, payload in link.receive(data, now):
                if kind == _DATA:
                    self._request(at, session, payload, now)
                elif kind == _CLOSE:
                    self._close(at, session)
            if link.queued:
                self.writable.add(at)
        except WireError as error:
            self.counters.refused["garbage"] += 1
            self._drop(at, str(error))
        return hello

    def lost(self, number: int) -> None:
        """A link was closed by the other end."""
        at = self.links.pop(number, None)
        if at is not None and at.link is not None:
            at.link.end()
            self.writable.discard(at)

    # What comes from the target

    def reply(self, session: TargetSession, data: bytes, now: float) -> None:
        """Take a datagram of the target."""
        counters = self.counters
        counters.datagrams_in += 1
        counters.bytes_in += len(data)
        if len(data) > self._longest:
            counters.dropped["too_long"] += 1
            return
        wanting: tuple[ServerLink, ...] = (session.link,)
        if self._ng:
            data = data.removeprefix(session.link.mark)
            cookie = ng.cookie_of(data)
            waiting = None if cookie is None else self._waiting.pop((session, cookie), None)
            if waiting is None:
                counters.dropped["duplicate"] += 1
                return
            wanting = waiting.links
        if not self._to_client(session, wanting, _DATA, data, now):
            counters.dropped["no_link"] += 1

    def refused(self, session: TargetSession, now: float) -> None:
        """Nobody listens on the target's port."""
        self.counters.dropped["target_refused"] += 1
        self._to_client(session, (session.link,), Kind.REFUSED, b"", now)

    # Time

    def next_timer(self) -> float:
        """Return when :meth:`timeout` is to be called next."""
        return self._ticker.at

    def timeout(self, now: float) -> None:
        """Do what is due."""
        slept = self._ticker.tick(now)
        for at in list(self.links.values()):
            self._tick_link(at, slept, now)
        self._forget_waiting(now)
        self.actions.extend(Forget(session) for session in self._sessions.expire(now))

    def drain(self, now: float) -> None:
        """Tell every client that this server is about to stop."""
        for at in self.links.values():
            if at.link is not None:
                at.link.queue(Kind.DRAIN, 0, b"", now)
                self.writable.add(at)

    @property
    def in_flight(self) -> int:
        """Requests whose reply has not come from the target."""
        return len(self._waiting)

    def snapshot(self, now: float, wall: float, started: float) -> Snapshot:
        """Return what goes up and down, for metrics.

        Args:
            now: the monotonic clock.
            wall: the time of day, in seconds since the epoch.
            started: when the process started, likewise.
        """
        links = [
            LinkSnapshot(
                name=at.name,
                state=LinkState.UP,
                rtt=at.link.round_trip.smoothed,
                since=wall - (now - at.since),
                sent_bytes=at.link.sent,
                received_bytes=at.link.received,
                queue_bytes=at.link.queued,
                peer=at.name,
            )
            for at in self.links.values()
            if at.link is not None
        ]
        return Snapshot(
            role="server",
            protocol=self._config.protocol.value,
            started=started,
            links=links,
            sessions=len(self._sessions),
            in_flight=len(self._waiting),
            queue_bytes=sum(link.queue_bytes for link in links),
            certificate_not_after=None,
        )

    # Inside

    def _introduced(self, at: ServerLink, now: float) -> tuple[bytes, Link | None]:
        """Judge a hello; return the answer, and the link if it is a good one."""
        hello = ClientHello.decode(at.hello[:CLIENT_HELLO_SIZE])
        status = self._judge(hello)
        answer = ServerHello(VERSION, status).encode()
        if status is not Status.OK:
            self.counters.refused[status.name.lower()] += 1
            self._drop(at, f"its hello is not acceptable: {status.name.lower().replace('_', ' ')}")
            return answer, None
        at.client_id, at.hello = hello.client_id, b""
        if self._ng:
            # A client's links may come from several addresses; a command sent again must stay one.
            own = (each for each in self.links.values() if each.client_id == hello.client_id)
            at.mark = max(each.mark for each in own) or ng.mark_of(at.proxy)
        at.link = make_link(self._config, at.name, self.counters, now)
        self.actions.append(LinkUp(at.number))
        return answer, at.link

    def _judge(self, hello: ClientHello) -> Status:
        if hello.version != VERSION:
            return Status.WRONG_VERSION
        if hello.protocol != self._protocol:
            return Status.WRONG_PROTOCOL
        limits = self._config.limits
        established = [each for each in self.links.values() if each.link is not None]
        own = sum(each.client_id == hello.client_id for each in established)
        if len(established) >= limits.links or own >= limits.links_per_client:
            return Status.FULL
        return Status.OK

    def _request(self, at: ServerLink, number: int, payload: bytes, now: float) -> None:
        counters = self.counters
        session = self._sessions.use((at.client_id, number), now)
        session.link = at
        if self._ng:
            cookie = ng.cookie_of(payload)
            if cookie is None:
                counters.dropped["not_ng"] += 1
                return
            key = (session, cookie)
            waiting = self._waiting.get(key)
            if waiting is None:
                self._waiting[key] = _Waiting(at, now)
                if len(self._waiting) > _MAX_WAITING:
                    del self._waiting[next(iter(self._waiting))]
            else:
                if at not in waiting.links:
                    waiting.links += (at,)
                # A hedge only wants the same reply on its link as well.
                if now - waiting.since < _AGAIN_S:
                    return
        counters.datagrams_out += 1
        counters.bytes_out += len(payload)
        marked = len(payload) <= _LONGEST_MARKED
        self.to_target.append((session, at.mark + payload if marked else payload))

    def _to_client(
        self,
        session: TargetSession,
        wanting: tuple[ServerLink, ...],
        kind: int,
        data: bytes,
        now: float,
    ) -> bool:
        """Queue a frame on those links that are up or, if none is, on another of the client's."""
        client_id, number = session.key
        up = False
        for at in wanting:
            link = at.link
            if link is not None and link.up:
                link.queue(kind, number, data, now)
                self.writable.add(at)
                up = True
        if up:
            return True
        others = tuple(at for at in self.links.values() if at.client_id == client_id)[:1]
        return bool(others) and self._to_client(session, others, kind, data, now)

    def _close(self, at: ServerLink, number: int) -> None:
        session = self._sessions.remove((at.client_id, number))
        if session is not None:
            self.actions.append(Forget(session))

    def _drop(self, at: ServerLink, reason: str) -> None:
        self.actions.append(Disconnect(at.number, reason))
        self.lost(at.number)

    def _tick_link(self, at: ServerLink, slept: float, now: float) -> None:
        if at.link is None:
            at.deadline += slept
            if now > at.deadline:
                self.counters.refused["hello_timeout"] += 1
                self._drop(at, "no hello in time")
            return
        try:
            at.link.tick(now, slept)
        except LinkDeadError as dead:
            self._drop(at, str(dead))
            return
        if at.link.queued:
            self.writable.add(at)

    def _forget_waiting(self, now: float) -> None:
        """Forget requests that the proxy has given up; rtpengine may still answer, to nobody."""
        timeout = self._config.timing.command_timeout
        old = []
        for key, waiting in self._waiting.items():
            if now - waiting.since <= timeout:
                break
            old.append(key)
        for key in old:
            del self._waiting[key]
        self.counters.dropped["unanswered"] += len(old)
