"""The ng commands that wait for a reply."""

from collections.abc import Iterator
from typing import Protocol

from ngtunnel.core.link import Link
from ngtunnel.core.sessions import Session

Peer = tuple[str, int] | tuple[str, int, int, int]
"""A UDP peer's socket address, IPv4 or IPv6."""


class PeerSession(Session):
    """A UDP peer of the client.

    Attributes:
        peer: its address.
        number: its name on the wire.
        link: the link that it uses, so that its datagrams stay in order.
        commands: those that wait, by cookie.
    """

    __slots__ = ("commands", "link", "number", "peer")

    def __init__(self, peer: Peer, number: int, now: float) -> None:
        super().__init__(now)
        self.peer = peer
        self.number = number
        self.link: Link | None = None
        self.commands: dict[bytes, Command] = {}

    @property
    def busy(self) -> bool:
        """Whether a command waits: its reply must find the session."""
        return bool(self.commands)


class Command:
    """One request that waits for its reply.

    Attributes:
        session, cookie: whose, and its name there.
        name: the ng command.
        request: the whole datagram.
        since: when the proxy sent it first.
        links: where it was sent, those that are up; the first is the one that was chosen for it.
        repeated: it was sent for other reasons than a late reply, so that the time of its reply
            says nothing of a link (Karn's algorithm, RFC 6298, section 3).
        done: it is answered, or given up.
        slot: where the in-flight file keeps it.
    """

    __slots__ = (
        "cookie", "done", "links", "name", "repeated", "request", "session", "since", "slot",
    )  # fmt: skip

    def __init__(
        self, session: PeerSession, cookie: bytes, name: str, request: bytes, since: float
    ) -> None:
        self.session = session
        self.cookie = cookie
        self.name = name
        self.request = request
        self.since = since
        self.links: list[Link] = []
        self.repeated = False
        self.done = False
        self.slot: int | None = None


class InFlightStore(Protocol):
    """Keeps requests beyond the life of the process."""

    def put(self, peer: Peer, request: bytes, now: float) -> int | None:
        """Keep a request and return its slot; None if it cannot be kept."""

    def clear(self, slot: int) -> None:
        """Forget it."""


class InFlight:
    """Commands in the order of their arrival; each session has its own by cookie.

    Args:
        limit: bound of the requests' sizes together, in bytes.
        timeout: seconds after which the proxy has given a command up.
        store: optional.
    """

    def __init__(self, limit: int, timeout: float, store: InFlightStore | None = None) -> None:
        self._limit = limit
        self._timeout = timeout
        self._store = store
        self._commands: dict[Command, None] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._commands)

    def __iter__(self) -> Iterator[Command]:
        """Over a copy, so that commands may end meanwhile."""
        return iter(list(self._commands))

    def add(self, command: Command) -> bool:
        """Let a command wait; False if there is no room."""
        if self._bytes + len(command.request) > self._limit:
            return False
        self._bytes += len(command.request)
        self._commands[command] = None
        command.session.commands[command.cookie] = command
        if self._store is not None:
            command.slot = self._store.put(command.session.peer, command.request, command.since)
        return True

    def end(self, session: PeerSession, cookie: bytes) -> Command | None:
        """Remove and return a command that is answered or given up; None if it does not wait."""
        command = session.commands.pop(cookie, None)
        if command is not None:
            del self._commands[command]
            command.done = True
            self._bytes -= len(command.request)
            if command.slot is not None and self._store is not None:
                self._store.clear(command.slot)
        return command

    def expire(self, now: float) -> int:
        """Forget the commands that the proxy has given up, and return how many."""
        old: list[Command] = []
        for command in self._commands:
            if now - command.since <= self._timeout:
                break
            old.append(command)
        for command in old:
            self.end(command.session, command.cookie)
        return len(old)
