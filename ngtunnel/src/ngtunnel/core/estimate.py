"""Estimates of time: how long a round trip takes, and how much later than usual a frame came."""


class RoundTrip:
    """A smoothed round-trip time and its variation (RFC 6298, section 2).

    Attributes:
        smoothed: seconds; None before the first sample.
        variation: seconds.
    """

    __slots__ = ("smoothed", "variation")

    def __init__(self) -> None:
        self.smoothed: float | None = None
        self.variation = 0.0

    def add(self, seconds: float) -> None:
        """Take one sample in."""
        if self.smoothed is None:
            self.smoothed = seconds
            self.variation = seconds / 2
            return
        difference = seconds - self.smoothed
        self.variation += (abs(difference) - self.variation) / 4
        self.smoothed += difference / 8

    @property
    def patience(self) -> float | None:
        """By when a reply is late, in seconds; None before the first sample.

        The variation of a steady path shrinks to nothing; a quarter of the round trip stays, so
        that not every small delay counts as a loss.
        """
        if self.smoothed is None:
            return None
        return self.smoothed + max(4 * self.variation, self.smoothed / 4)


class Lateness:
    """Tells how much longer a frame was under way than the fastest lately.

    The two ends' clocks have nothing in common, but the smallest difference seen between them is
    that of a frame that waited nowhere. It is forgotten after one to two windows, so that clocks
    may drift and paths may change.

    Args:
        window: seconds.
    """

    __slots__ = ("_began", "_earlier", "_lowest", "_window")

    def __init__(self, window: float = 10.0) -> None:
        self._window = window
        self._began: float | None = None
        self._lowest = 0
        self._earlier = 0

    def of(self, sent_ms: int, now: float) -> int:
        """Return by how many milliseconds a frame is late; 0 if it is not.

        Args:
            sent_ms: its time stamp, modulo 2**32.
            now: this end's monotonic clock, in seconds.
        """
        difference = (int(now * 1000) - sent_ms) & 0xFFFFFFFF
        if self._began is None:
            self._began, self._lowest, self._earlier = now, difference, difference
        elif now - self._began > self._window:
            self._began, self._lowest, self._earlier = now, difference, self._lowest
        elif _signed(difference - self._lowest) < 0:
            self._lowest = difference
        return max(0, _signed(difference - self._lowest), _signed(difference - self._earlier))


def _signed(difference: int) -> int:
    """Read a difference modulo 2**32 as the small number that it stands for."""
    return (difference + 0x80000000 & 0xFFFFFFFF) - 0x80000000
