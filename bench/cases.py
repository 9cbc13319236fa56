"""What is sent: how many peers, how many requests at once, how large."""

from dataclasses import dataclass

_REQUEST_BYTES = 300
_REPLY_BYTES = 1851
"""Of a ``delete`` in a plain two-party call: rtpengine 10.5.3.5, measured."""
_LARGE_REPLY_BYTES = 8192
_RAMP_PER_S = 250
_STEADY_PER_S = 100


@dataclass(frozen=True)
class Case:
    """One kind of load.

    Attributes:
        name: as in tables and on the command line.
        about: the same in words.
        peers: UDP sockets that send.
        in_flight: requests of each that are under way together.
        per_second: of all together; None: as fast as the replies come.
        reply_bytes: the size of the replies; requests have 300 bytes.
        fresh_sockets: each request comes from a new socket, as OpenSIPS sends asynchronous ones.
    """

    name: str
    about: str
    peers: int
    in_flight: int
    reply_bytes: int = _REPLY_BYTES
    per_second: float | None = None
    request_bytes: int = _REQUEST_BYTES
    fresh_sockets: bool = False

    def warm_up_s(self) -> float:
        """Return how long to send before measuring; every peer comes to its turn in it."""
        return 1 + self.peers / self.per_second if self.per_second else 1.0


ONE = Case("one", f"1 peer, 1 in flight, {_REPLY_BYTES}-byte replies", 1, 1)
EIGHT = Case("8x8", f"8 peers, 8 in flight each, {_REPLY_BYTES}-byte replies", 8, 8)
ONE_LARGE = Case(
    "one-8k", f"1 peer, 1 in flight, {_LARGE_REPLY_BYTES}-byte replies", 1, 1, _LARGE_REPLY_BYTES
)
EIGHT_LARGE = Case(
    "8x8-8k",
    f"8 peers, 8 in flight each, {_LARGE_REPLY_BYTES}-byte replies",
    8,
    8,
    _LARGE_REPLY_BYTES,
)
THOUSAND = Case(
    "1000", f"1000 peers, {_RAMP_PER_S} requests/s in all", 1000, 1, per_second=_RAMP_PER_S
)
FRESH = Case(
    "fresh",
    f"each request from a new socket, {_STEADY_PER_S} requests/s in all",
    8,
    1,
    per_second=_STEADY_PER_S,
    fresh_sockets=True,
)
STEADY = Case(
    "steady", f"8 peers, {_STEADY_PER_S} requests/s in all", 8, 1, per_second=_STEADY_PER_S
)
"""What a proxy with eight workers sends that is not overloaded."""

CASES = (ONE, EIGHT, ONE_LARGE, EIGHT_LARGE, THOUSAND, FRESH)
WAN_CASES = (ONE, EIGHT, ONE_LARGE, EIGHT_LARGE, STEADY)
