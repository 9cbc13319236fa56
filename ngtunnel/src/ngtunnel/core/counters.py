"""What the tunnel counts: plain numbers that the hot path adds to and a scrape reads.

No locks and no labels objects: one thread writes, and whoever reads does so on the same event loop.
"""

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field
from enum import StrEnum

BUCKET_BOUNDS_S = (
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.02,
    0.03,
    0.05,
    0.075,
    0.1,
    0.15,
    0.25,
    0.5,
    0.75,
    1.0,
    2.5,
    5.0,
)
"""Upper bounds of the histograms' buckets, in seconds.

Loopback takes 0.1 to 0.5 ms and a WAN 10 to 150 ms, so those ranges are the finest. A proxy
sends again after 1 s and gives up after 5 s (``rtpengine_tout``, ``rtpengine_retr``); both are
bounds.
"""


class Histogram:
    """Durations counted in buckets.

    Attributes:
        bounds: upper bounds of the buckets in seconds, ascending; each bound belongs to its bucket.
        counts: how many fell in each bucket (not cumulated); the last is what exceeded every bound.
        total: the sum of all durations, in seconds.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...] = BUCKET_BOUNDS_S) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration, in seconds."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds


@dataclass(slots=True)
class Counters:
    """Everything that only ever grows, since the process started.

    Whoever adds must keep the keys bounded: they become label values.

    Attributes:
        commands: ng commands by (command, result), such as ``("delete", "ok")``.
        command_seconds: from a request's arrival to its reply's departure, by command.
        resends: requests sent again because their link died.
        hedges: requests also sent on a second link because the reply was late.
        hedge_wins: hedges whose reply was the first.
        dropped: datagrams dropped, by cause.
        bytes_in: payload bytes taken from UDP.
        bytes_out: payload bytes given to UDP.
        datagrams_in: datagrams taken from UDP.
        datagrams_out: datagrams given to UDP.
        error_replies: ng errors that this end made up because no link was up.
        refused: connections refused, by cause.
        reconnects: how often each link was established again, by the link's name.
    """

    commands: defaultdict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    command_seconds: defaultdict[str, Histogram] = field(
        default_factory=lambda: defaultdict(Histogram)
    )
    resends: int = 0
    hedges: int = 0
    hedge_wins: int = 0
    dropped: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    bytes_in: int = 0
    bytes_out: int = 0
    datagrams_in: int = 0
    datagrams_out: int = 0
    error_replies: int = 0
    refused: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    reconnects: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))


class LinkState(StrEnum):
    """What a link is doing."""

    UP = "up"
    CONNECTING = "connecting"
    WAITING = "waiting"
    """Down, until the back-off has passed."""
    DRAINING = "draining"
    """Still carries replies, takes no new requests."""


@dataclass(frozen=True, slots=True)
class LinkSnapshot:
    """One link at one moment.

    Attributes:
        name: tells the process's links apart, and stays the same over reconnects.
        state: what the link is doing.
        rtt: smoothed round trip time in seconds; None before the first measurement.
        since: when it came into that state, in seconds since the epoch.
        sent_bytes: bytes written, frames' headers included.
        received_bytes: bytes read, frames' headers included.
        queue_bytes: bytes waiting to be written.
        peer: the far end's address as a person writes it.
    """

    name: str
    state: LinkState
    rtt: float | None
    since: float
    sent_bytes: int
    received_bytes: int
    queue_bytes: int
    peer: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One end of a tunnel at one moment: what goes up and down.

    Attributes:
        role: ``client`` or ``server``.
        protocol: ``ng`` or ``raw``.
        started: when the process started, in seconds since the epoch.
        links: every link, whatever its state.
        sessions: UDP peers known.
        in_flight: ng commands that wait for a reply.
        queue_bytes: bytes waiting anywhere in this process.
        certificate_not_after: when its own certificate expires, in seconds since the epoch;
            None without TLS.
    """

    role: str
    protocol: str
    started: float
    links: list[LinkSnapshot]
    sessions: int
    in_flight: int
    queue_bytes: int
    certificate_not_after: float | None
