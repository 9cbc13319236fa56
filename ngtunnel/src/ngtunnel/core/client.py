"""The client's end without its sockets: datagrams of UDP peers in, frames on several links out.

The shell brings bytes and the time, and takes away :attr:`ClientCore.to_peers`,
:attr:`ClientCore.actions` and what the links have queued.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ngtunnel.config import ClientConfig, Protocol
from ngtunnel.core import ng
from ngtunnel.core.backoff import Backoff
from ngtunnel.core.commands import Command, InFlight, InFlightStore, Peer, PeerSession
from ngtunnel.core.counters import Counters, LinkSnapshot, LinkState, Snapshot
from ngtunnel.core.late import LateReplies
from ngtunnel.core.link import Link, LinkDeadError, make_link
from ngtunnel.core.sessions import SessionTable
from ngtunnel.core.ticker import Ticker
from ngtunnel.core.wire import (
    SERVER_HELLO_SIZE,
    VERSION,
    ClientHello,
    Kind,
    ServerHello,
    Status,
    WireError,
)
from ngtunnel.core.wire import Protocol as WireProtocol

_DATA, _REFUSED, _DRAIN = int(Kind.DATA), int(Kind.REFUSED), int(Kind.DRAIN)

_REFUSALS = {
    Status.WRONG_VERSION: "it speaks version {version}, this client {own}: update the older",
    Status.WRONG_PROTOCOL: "its protocol is not this client's: ng or raw, and the same on both",
    Status.NOT_ALLOWED: "it does not allow this client: see allow and allow_names there",
    Status.FULL: "it has no room for another link: see limits there",
}


@dataclass(frozen=True, slots=True)
class Connect:
    """Open this link; say :meth:`ClientCore.connected` or :meth:`ClientCore.lost`."""

    index: int


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Close this link; the core has done with it, for this reason."""

    index: int
    reason: str


@dataclass(frozen=True, slots=True)
class LinkUp:
    """The server has welcomed this link."""

    index: int


@dataclass(frozen=True, slots=True)
class NotNg:
    """A peer sent something else, which was dropped."""

    peer: Peer
    begins: bytes


Action = Connect | Disconnect | LinkUp | NotNg


class _Slot:
    """One of the links that there should be, up or not."""

    __slots__ = ("at", "backoff", "failed", "hello", "link", "since", "state", "was_up")

    def __init__(self, backoff: Backoff, now: float) -> None:
        self.state = LinkState.WAITING
        self.backoff = backoff
        self.at = now  # of the next attempt, or by when the present one must have succeeded
        self.since = now
        self.link: Link | None = None
        self.hello = b""
        self.failed = False
        self.was_up = False


class ClientCore:
    """The client's state machine.

    Args:
        config: the client's.
        client_id: 16 random bytes, new for each process.
        random: returns 0 to 1, for back-off.
        now: the monotonic clock, in seconds; so everywhere.
        store: keeps requests in flight beyond this process.

    Attributes:
        counters: what happened so far.
        to_peers: datagrams for the UDP peers; the shell sends them and clears the list.
        actions: what the shell has to do or say; it clears the list.
        links: those that are up.
    """

    def __init__(
        self,
        config: ClientConfig,
        client_id: bytes,
        random: Callable[[], float],
        now: float,
        store: InFlightStore | None = None,
    ) -> None:
        timing, limits = config.timing, config.limits
        self.counters = Counters()
        self.to_peers: list[tuple[Peer, bytes]] = []
        self.actions: list[Action] = []
        self.links: list[Link] = []
        self._config = config
        self._timing = timing
        self._ng = config.protocol is Protocol.NG
        protocol = WireProtocol.NG if self._ng else WireProtocol.RAW
        self._longest = limits.datagram_bytes
        self._hello = ClientHello(VERSION, protocol, client_id).encode()
        self._slots = [
            _Slot(Backoff(timing.reconnect_min, timing.reconnect_max, random), now)
            for _ in range(config.links)
        ]
        self._sessions: SessionTable[Peer, PeerSession] = SessionTable(
            limits.sessions, limits.session_idle, self._new_session
        )
        self._by_number: dict[int, PeerSession] = {}
        self._last_number = 0
        self._in_flight = InFlight(limits.queue_bytes, timing.command_timeout, store)
        self._late = LateReplies(timing)
        self._ticker = Ticker(timing, now)

    # What comes from the UDP peers

    @property
    def settled(self) -> bool:
        """Whether it is known if the server can be reached: no datagram should be read before."""
        return bool(self.links) or all(slot.failed or slot.was_up for slot in self._slots)

    def datagram(self, peer: Peer, data: bytes, now: float) -> None:
        """Take a peer's datagram."""
        counters = self.counters
        counters.datagrams_in += 1
        counters.bytes_in += len(data)
        if len(data) > self._longest:
            counters.dropped["too_long"] += 1
            return
        session = self._sessions.use(peer, now)
        if not self._ng:
            link = self._link_for(session)
            if link is None:
                counters.dropped["no_link"] += 1
            else:
                link.queue(_DATA, session.number, data, now)
            return
        cookie = ng.cookie_of(data)
        if cookie is None:
            counters.dropped["not_ng"] += 1
            self.actions.append(NotNg(peer, data[:32]))
            return
        # A proxy that asks again has the same command, and gets one reply.
        command = session.commands.get(cookie)
        if command is not None:
            command.repeated = True
        else:
            command = Command(session, cookie, ng.command_of(data), data, now)
            if not self._in_flight.add(command):
                counters.dropped["queue_full"] += 1
                return
        link = self._link_for(session)
        if link is None:
            self._answer_with_error(command)
        else:
            self._send(command, link, now)

    @property
    def in_flight(self) -> int:
        """Commands that wait for a reply."""
        return len(self._in_flight)

    # What happens to the links

    def link(self, index: int) -> Link | None:
        """Return a link by its number; None unless it is up."""
        return self._slots[index].link

    def take(self, index: int, now: float) -> bytes:
        """Return what a link has to write; empty if there is nothing."""
        link = self._slots[index].link
        return b"" if link is None else link.take(now)

    def connected(self, index: int) -> bytes:
        """Return what is to be sent first on a link that is now open."""
        self._slots[index].hello = b""
        return self._hello

    def received(self, index: int, data: bytes, now: float) -> None:
        """Take bytes that came on a link."""
        slot = self._slots[index]
        link = slot.link
        try:
            if link is None:
                slot.hello += data
                if len(slot.hello) < SERVER_HELLO_SIZE:
                    return
                data = slot.hello[SERVER_HELLO_SIZE:]
                link = self._welcomed(index, slot.hello[:SERVER_HELLO_SIZE], now)
            for kind, number, _, payload in link.receive(data, now):
                if kind == _DATA:
                    self._reply(link, number, payload, now)
                elif kind == _REFUSED:
                    self._target_refused(number)
                elif kind == _DRAIN:
                    link.draining = True
                    slot.state = LinkState.DRAINING
        except WireError as error:
            self._give_up(index, str(error), now)

    def lost(self, index: int, now: float) -> None:
        """A link could not be opened, or was closed by the other end."""
        slot = self._slots[index]
        link, slot.link = slot.link, None
        if now - slot.since > self._timing.reconnect_max and slot.state is not LinkState.CONNECTING:
            slot.backoff.reset()
        slot.state, slot.since = LinkState.WAITING, now
        slot.at = now + slot.backoff.next()
        slot.failed = True
        if link is None:
            return
        link.end()
        self.links.remove(link)
        self._late.forget(link)
        for command in self._in_flight:
            if link in command.links:
                command.links.remove(link)
                command.repeated = True
                if not command.links:
                    self._send_again(command, now)

    # Time

    def next_timer(self) -> float:
        """Return when :meth:`timeout` is to be called next."""
        late = self._late.next()
        return self._ticker.at if late is None else min(late, self._ticker.at)

    def timeout(self, now: float) -> None:
        """Do what is due."""
        for command in self._late.take(now):
            self._hedge(command, now)
        if now < self._ticker.at:
            return
        slept = self._ticker.tick(now)
        for index, slot in enumerate(self._slots):
            self._tick_slot(index, slot, slept, now)
        self.counters.dropped["unanswered"] += self._in_flight.expire(now)
        for session in self._sessions.expire(now):
            self._by_number.pop(session.number, None)
            if session.link is not None and session.link.up:
                session.link.queue(Kind.CLOSE, session.number, b"", now)

    def snapshot(self, now: float, wall: float, started: float) -> Snapshot:
        """Return what goes up and down, for metrics.

        Args:
            now: the monotonic clock.
            wall: the time of day, in seconds since the epoch.
            started: when the process started, likewise.
        """
        links = []
        for index, slot in enumerate(self._slots):
            link = slot.link
            links.append(
                LinkSnapshot(
                    name=str(index),
                    state=slot.state,
                    rtt=link.round_trip.smoothed if link else None,
                    since=wall - (now - slot.since),
                    sent_bytes=link.sent if link else 0,
                    received_bytes=link.received if link else 0,
                    queue_bytes=link.queued if link else 0,
                    peer=str(self._config.server),
                )
            )
        return Snapshot(
            role="client",
            protocol=self._config.protocol.value,
            started=started,
            links=links,
            sessions=len(self._sessions),
            in_flight=len(self._in_flight),
            queue_bytes=sum(link.queued for link in self.links),
            certificate_not_after=None,
        )

    # Inside

    def _new_session(self, peer: Peer, now: float) -> PeerSession:
        self._last_number = self._last_number % 0xFFFFFFFF + 1
        session = PeerSession(peer, self._last_number, now)
        self._by_number[session.number] = session
        return session

    def _link_for(self, session: PeerSession) -> Link | None:
        """Return the session's link, or choose another if that one is not at its best."""
        link = session.link
        # Raw datagrams have to stay in order, whatever it costs; ng commands have cookies.
        patient = not self._ng
        if link is not None and link.up and not link.draining and (patient or not link.suspect):
            return link
        session.link = self._best_link(own=link)
        return session.link

    def _best_link(self, own: Link | None = None, but: Sequence[Link] = ()) -> Link | None:
        """Return the best link; a session's own unless another is better, for the sake of order."""
        candidates = [link for link in self.links if not link.draining and link not in but]
        if not candidates:
            return None
        best = min(
            candidates, key=lambda link: (link.suspect, link is not own, link.queued, link.chosen)
        )
        best.chosen += 1
        return best

    def _send(self, command: Command, link: Link, now: float) -> None:
        link.queue(_DATA, command.session.number, command.request, now)
        links = command.links
        if link not in links:
            links.append(link)
        if len(self.links) > len(links):
            self._late.asked(command, link, now)

    def _hedge(self, command: Command, now: float) -> None:
        command.links[-1].suspect = True
        link = self._best_link(but=command.links)
        if link is not None:
            self.counters.hedges += 1
            self._send(command, link, now)

    def _send_again(self, command: Command, now: float) -> None:
        link = self._link_for(command.session)
        if link is None:
            self._answer_with_error(command)
            return
        self.counters.resends += 1
        self._send(command, link, now)

    def _answer_with_error(self, command: Command) -> None:
        cookie = command.cookie
        self._in_flight.end(command.session, cookie)
        self.counters.error_replies += 1
        self.counters.commands[command.name, "no_link"] += 1
        reply = ng.error_reply(command.request, cookie, self._config.error_reason)
        self.to_peers.append((command.session.peer, reply))

    def _reply(self, link: Link, number: int, payload: bytes, now: float) -> None:
        counters = self.counters
        session = self._by_number.get(number)
        if session is None:
            counters.dropped["no_session"] += 1
            return
        if not self._ng:
            session.used = now
        else:
            cookie = ng.cookie_of(payload)
            command = self._in_flight.end(session, cookie) if cookie is not None else None
            if command is None:
                counters.dropped["duplicate"] += 1
                return
            seconds = now - command.since
            counters.commands[command.name, ng.result_of(payload)] += 1
            counters.command_seconds[command.name].observe(seconds)
            if link is not command.links[0]:
                counters.hedge_wins += 1
            elif not command.repeated:
                link.commands.add(seconds)
        counters.datagrams_out += 1
        counters.bytes_out += len(payload)
        self.to_peers.append((session.peer, payload))

    def _target_refused(self, number: int) -> None:
        """Nobody listens behind the server: say so at once, as ICMP would without a tunnel."""
        session = self._by_number.get(number)
        for command in list(session.commands.values()) if session is not None else ():
            self._answer_with_error(command)

    def _welcomed(self, index: int, hello: bytes, now: float) -> Link:
        answer = ServerHello.decode(hello)
        if answer.status != Status.OK:
            text = _REFUSALS.get(answer.status, "it refuses this client (status {status})")  # type: ignore[call-overload]
            raise WireError(text.format(version=answer.version, own=VERSION, status=answer.status))
        slot = self._slots[index]
        if slot.was_up:
            self.counters.reconnects[str(index)] += 1
        slot.link = make_link(self._config, str(index), self.counters, now)
        slot.state, slot.since, slot.was_up = LinkState.UP, now, True
        self.links.append(slot.link)
        self._late.watch(slot.link)
        self.actions.append(LinkUp(index))
        return slot.link

    def _give_up(self, index: int, reason: str, now: float) -> None:
        self.actions.append(Disconnect(index, reason))
        self.lost(index, now)

    def _tick_slot(self, index: int, slot: _Slot, slept: float, now: float) -> None:
        if slot.link is not None:
            try:
                slot.link.tick(now, slept)
            except LinkDeadError as dead:
                self._give_up(index, str(dead), now)
        elif now < slot.at:
            return
        elif slot.state is LinkState.CONNECTING:
            self._give_up(index, "no answer to the hello in time", now)
        else:
            slot.state, slot.since = LinkState.CONNECTING, now
            slot.at = now + self._timing.connect_timeout
            self.actions.append(Connect(index))
