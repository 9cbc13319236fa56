"""What an impairment is, and what a profile made of impairments promises."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from slowbye.errors import SlowbyeError

PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "icmpv6": 58, "sctp": 132}
_WITH_PORTS = frozenset({6, 17, 132})
DISTRIBUTIONS = ("uniform", "normal", "pareto", "paretonormal")


class Effect(enum.StrEnum):
    """What a profile does to large ng replies on the ``direct`` path (plain UDP over the WAN).

    ``NONE``: nothing that a call would show. ``FRAGMENTS_LATE``: fragments arrive after
    ``Profile.fragment_delay_ms``. ``FRAGMENTS_LOST``: no fragment arrives. ``LOSS``: single packets
    of any kind are lost. ``UDP_LOST``: no UDP arrives. ``FRAGMENTS_WAIT``: fragments wait for as
    long as the background load (``Profile.load``) keeps the link busy.
    """

    NONE = "none"
    FRAGMENTS_LATE = "fragments-late"
    FRAGMENTS_LOST = "fragments-lost"
    LOSS = "loss"
    UDP_LOST = "udp-lost"
    FRAGMENTS_WAIT = "fragments-wait"


class Direction(enum.StrEnum):
    """Of ``between: [a, b]``: both ways, or only the packets from a to b."""

    BOTH = "both"
    ONE_WAY = "one-way"


@dataclass(frozen=True)
class Match:
    """What an impairment applies to, such as ``fragments``, ``all``, ``udp`` or ``udp/2223``.

    Every IP header names its protocol, so ``udp`` also matches the fragments of UDP datagrams. Only
    a first fragment has ports, so ``udp/2223`` (source or destination) matches whole datagrams.
    """

    text: str
    fragments_only: bool = False
    protocol: int | None = None
    port: int | None = None

    @classmethod
    def parse(cls, text: str, where: str) -> "Match":
        """Read a match.

        Raises:
            SlowbyeError: not a match; the message begins with `where`.
        """
        if text == "all":
            return cls(text)
        if text == "fragments":
            return cls(text, fragments_only=True)
        name, slash, port_text = text.partition("/")
        protocol = PROTOCOLS.get(name)
        if protocol is None and name.isascii() and name.isdecimal() and int(name) < 256:
            protocol = int(name)
        if protocol is None:
            raise SlowbyeError(
                f"{where} {text!r}: expected fragments, all, a protocol ({', '.join(PROTOCOLS)} or "
                "its number) or protocol/port, such as udp/2223"
            )
        if not slash:
            return cls(text, protocol=protocol)
        if protocol not in _WITH_PORTS:
            raise SlowbyeError(f"{where} {text!r}: {name} has no ports; write {name} alone")
        if not (port_text.isascii() and port_text.isdecimal() and 0 < int(port_text) < 65536):
            raise SlowbyeError(f"{where} {text!r}: a port is a number from 1 to 65535")
        return cls(text, protocol=protocol, port=int(port_text))

    @property
    def takes_whole(self) -> bool:
        """Whether packets that are not fragments can match."""
        return not self.fragments_only

    @property
    def takes_fragments(self) -> bool:
        """Whether fragments can match."""
        return self.port is None


@dataclass(frozen=True)
class Impairment:
    """What happens to the packets that match; the terms are those of tc-netem(8).

    Attributes:
        match: the packets.
        between: the two nets that they travel between; None means any.
        direction: both ways, or from the first net to the second.
        delay_ms: added to the base delay of the WAN.
        jitter_ms: random variation of the delay, plus or minus. netem sends each packet when its
            own delay is over, so jitter reorders packets that are closer together than it.
        distribution: of the jitter; one of DISTRIBUTIONS.
        loss_pct: of packets lost, 0 to 100; likewise ``duplicate_pct`` and ``corrupt_pct``.
        reorder_pct: of packets that escape the added delay and so overtake the others.
        rate_bit: link rate in bit/s that these packets share; None for no limit.
        limit: packets that may be queued; None to size it from delay and rate.
    """

    match: Match
    between: tuple[str, str] | None = None
    direction: Direction = Direction.BOTH
    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    distribution: str = "uniform"
    loss_pct: float = 0.0
    reorder_pct: float = 0.0
    duplicate_pct: float = 0.0
    corrupt_pct: float = 0.0
    rate_bit: float | None = None
    limit: int | None = None

    def describe_match(self) -> str:
        """Say what matches, as in the table of ``slowbye wan show``."""
        if self.between is None:
            return self.match.text
        arrow = "↔" if self.direction is Direction.BOTH else "→"
        return f"{self.match.text} {self.between[0]} {arrow} {self.between[1]}"


@dataclass(frozen=True)
class Shape:
    """The link towards the net `to` is narrowed to `rate_bit` (whole Ethernet frames, bit/s).

    Its classes have strict priority in the order of the profile: unmatched traffic first, then the
    first impairment's, and so on.
    """

    to: str
    rate_bit: float


@dataclass(frozen=True)
class Load:
    """Background traffic that a profile needs: bit/s of whole Ethernet frames; others send it."""

    rate_bit: float
    source: str
    to: str


@dataclass(frozen=True)
class Profile:
    """A named set of impairments; the first that matches a packet wins.

    Attributes:
        parameters: name to value as text, after overrides (``{"delay": "4s"}``).
        effect_parameter: the parameter that decides how strong the effect is, if one does.
    """

    name: str
    description: str
    effect: Effect
    impairments: tuple[Impairment, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    effect_parameter: str | None = None
    shape: Shape | None = None
    load: Load | None = None

    @property
    def fragment_delay_ms(self) -> float:
        """How much later than other packets fragments arrive: 0 unless FRAGMENTS_LATE."""
        if self.effect is not Effect.FRAGMENTS_LATE:
            return 0.0
        return next((i.delay_ms for i in self.impairments if i.match.takes_fragments), 0.0)
