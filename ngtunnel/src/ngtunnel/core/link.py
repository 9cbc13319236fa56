"""One link of the tunnel, at either end: frames in and out, heartbeat, and how well it does."""

from collections import deque

from ngtunnel.config import Config
from ngtunnel.core.counters import Counters
from ngtunnel.core.estimate import Lateness, RoundTrip
from ngtunnel.core.wire import HEADER_SIZE, Frame, FrameReader, Kind, pack_header

_DATA, _PING, _PONG = int(Kind.DATA), int(Kind.PING), int(Kind.PONG)
_BATCH_BYTES = 64 * 1024
"""How much is written at once: more would only wait in the kernel, where it grows old unseen."""


_CONTROL_BYTES = 4096
"""What a queue that is full of datagrams still takes of heartbeats and notices: to lose an answer
to a heartbeat would end a link that is only busy."""


class LinkDeadError(Exception):
    """Nothing has come from the other end for too long."""


class Link:
    """The state of one established link, without its socket.

    Args:
        name: tells it apart in logs and metrics.
        counters: of this end.
        heartbeat, dead_after: seconds between pings, and of silence until the link is dead.
        max_age: seconds after which a datagram is no longer worth delivering.
        queue_bytes: bound of what waits to be written.
        datagram_bytes: the largest datagram accepted.
        now: when it was established.

    Attributes:
        round_trip: of heartbeats.
        commands: round trip of ng commands, their time at rtpengine included.
        up: false once it is lost.
        chosen: how often it was chosen, to spread sessions.
        suspect: it owes an answer for longer than usual; others are preferred.
        draining: the other end takes no new requests.
        queued: bytes that wait to be written.
        sent, received: bytes so far, frames' headers included.
    """

    __slots__ = (
        "_answered", "_counters", "_dead_after", "_heartbeat", "_lateness", "_max_age",
        "_max_age_ms", "_now", "_now_ms", "_out", "_ping_at", "_pinged", "_queue_bytes", "_reader",
        "chosen", "commands", "draining", "name", "queued", "received", "round_trip", "sent",
        "suspect", "up",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        counters: Counters,
        *,
        heartbeat: float,
        dead_after: float,
        max_age: float,
        queue_bytes: int,
        datagram_bytes: int,
        now: float,
    ) -> None:
        self.name = name
        self.round_trip = RoundTrip()
        self.commands = RoundTrip()
        self.up = True
        self.suspect = False
        self.draining = False
        self.chosen = 0
        self.queued = 0
        self.sent = 0
        self.received = 0
        self._counters = counters
        self._heartbeat = heartbeat
        self._dead_after = dead_after
        self._max_age = max_age
        self._max_age_ms = max_age * 1000
        self._queue_bytes = queue_bytes
        self._out: deque[tuple[float, int, bytes]] = deque()
        self._reader = FrameReader(datagram_bytes)
        self._lateness = Lateness()
        self._now, self._now_ms = now, int(now * 1000) & 0xFFFFFFFF
        self._ping_at = now
        self._pinged: float | None = None
        self._answered = now

    def queue(self, kind: int, session: int, payload: bytes, now: float) -> bool:
        """Queue one frame; False if the queue is full, which is counted."""
        size = HEADER_SIZE + len(payload)
        bound = self._queue_bytes if kind == _DATA else self._queue_bytes + _CONTROL_BYTES
        if self.queued + size > bound:
            self._counters.dropped["queue_full"] += 1
            return False
        if now != self._now:
            self._now, self._now_ms = now, int(now * 1000) & 0xFFFFFFFF
        header = pack_header(kind, session, self._now_ms, len(payload))
        self._out.append((now, kind, header + payload))
        self.queued += size
        return True

    def take(self, now: float) -> bytes:
        """Return frames to write, in order; empty if there are none. What grew old is dropped."""
        out = self._out
        if len(out) == 1 and now - out[0][0] <= self._max_age:
            self.queued = 0
            data = out.popleft()[2]
            self.sent += len(data)
            return data
        chunks: list[bytes] = []
        size = 0
        while out and size < _BATCH_BYTES:
            queued_at, kind, data = out.popleft()
            self.queued -= len(data)
            if kind == _DATA and now - queued_at > self._max_age:
                self._counters.dropped["stale"] += 1
                continue
            chunks.append(data)
            size += len(data)
        self.sent += size
        return b"".join(chunks)

    def end(self) -> None:
        """Mark it as lost, and keep nothing: sessions may remember a link for long."""
        self.up = False
        self.queued = 0
        self._out.clear()

    def receive(self, data: bytes, now: float) -> list[Frame]:
        """Take bytes in and return the frames that concern sessions, or the whole tunnel.

        Raises:
            WireError: the stream is no tunnel's.
        """
        self.received += len(data)
        self.suspect = False
        frames = []
        stamp, late_ms = -1, 0
        for frame in self._reader.feed(data):
            kind, _, sent_ms, payload = frame
            if sent_ms != stamp:
                stamp, late_ms = sent_ms, self._lateness.of(sent_ms, now)
            if kind == _DATA:
                if late_ms <= self._max_age_ms:
                    frames.append(frame)
                else:
                    self._counters.dropped["late"] += 1
            elif kind == _PING:
                self.queue(_PONG, 0, payload, now)
            elif kind == _PONG:
                self._pong(now)
            else:
                frames.append(frame)
        return frames

    def tick(self, now: float, slept: float = 0.0) -> None:
        """Send a heartbeat if it is time.

        Args:
            now: the clock.
            slept: for how long this process was not run, in seconds, if it was; the other end is
                not to blame for that.

        Raises:
            LinkDeadError: the other end has not answered for too long.
        """
        # An answer that was read on waking is newer than the sleep.
        self._answered = min(self._answered + slept, now)
        if self._pinged is None:
            if now >= self._ping_at:
                self._pinged = now
                self._ping_at = now + self._heartbeat
                self.queue(_PING, 0, b"", now)
            return
        silent = now - self._answered
        if silent > self._dead_after:
            raise LinkDeadError(f"no answer to heartbeats for {silent:.1f} s")
        patience = self.round_trip.patience
        if patience is not None and now - self._pinged > patience:
            self.suspect = True

    def _pong(self, now: float) -> None:
        if self._pinged is not None:
            self.round_trip.add(now - self._pinged)
            self._pinged = None
            self._answered = now


def make_link(config: Config, name: str, counters: Counters, now: float) -> Link:
    """Make a link that keeps to an end's configuration."""
    timing, limits = config.timing, config.limits
    return Link(
        name,
        counters,
        heartbeat=timing.heartbeat,
        dead_after=timing.dead_after,
        max_age=timing.max_age,
        queue_bytes=limits.queue_bytes,
        datagram_bytes=limits.datagram_bytes,
        now=now,
    )
