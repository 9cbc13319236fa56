"""When links and expiries are looked at, and whether this process was run in between."""

from ngtunnel.config import Timing

_SLEPT_S = 0.5


class Ticker:
    """Ticks four times a heartbeat.

    Attributes:
        at: when the next tick is due.
    """

    __slots__ = ("_every", "_slept", "at")

    def __init__(self, timing: Timing, now: float) -> None:
        self.at = now
        self._every = timing.heartbeat / 4
        # A tick that comes later than this means that this process was not run.
        self._slept = min(_SLEPT_S, timing.dead_after / 2)

    def tick(self, now: float) -> float:
        """Set the next tick; return for how many seconds this process was not run, if so."""
        late = now - self.at
        self.at = now + self._every
        return late if late > self._slept else 0.0
