"""What the generator is told to send, and what it tells came of it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Load:
    """What is sent.

    Attributes:
        peers: source (None: any) and destination of each.
        in_flight: requests of each peer that are under way together.
        per_second: of all peers together; None: as fast as replies come.
        request_bytes: the size of each request.
        reply_bytes: the size of each right reply.
        warm_up_s: before anything is measured; every peer sends at least once in it.
        seconds: how long is measured.
        fresh_sockets: a peer takes a new socket after each right reply; where paced only.
    """

    peers: list[tuple[tuple[str, int] | None, tuple[str, int]]]
    in_flight: int
    per_second: float | None
    request_bytes: int
    reply_bytes: int
    warm_up_s: float
    seconds: float
    fresh_sockets: bool = False

    @classmethod
    def from_json(cls, read: dict[str, Any]) -> "Load":
        """Make one from what ``dataclasses.asdict`` and JSON leave of it."""
        pairs = [
            (tuple(source) if source else None, tuple(destination))
            for source, destination in read["peers"]
        ]
        return cls(**{**read, "peers": pairs})


@dataclass
class Tally:
    """What came of it.

    Attributes:
        wrong: wrong datagrams by kind, over the whole run.
        errors: replies that were ng errors.
        late: right replies after ``LOST_AFTER_S``.
        ticks: how often each round-trip time was measured, in units of 100 ns.
    """

    wrong: Counter[str] = field(default_factory=Counter)
    errors: int = 0
    late: int = 0
    ticks: Counter[int] = field(default_factory=Counter)
