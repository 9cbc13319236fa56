"""How many datagrams to read at once from a socket that is ready."""

_MOST = 64
"""What fits a few TCP segments; more would only delay the first of them."""

_TIMES = 4


class Appetite:
    """Learns from what was there: a read that finds nothing costs as much as one that does.

    Attributes:
        wanted: how many reads to try.
    """

    __slots__ = ("_full", "wanted")

    def __init__(self) -> None:
        self.wanted = 1
        self._full = 0

    def satisfied(self) -> None:
        """As many came as were wanted; some times in a row, and more may be there."""
        self._full += 1
        if self._full == _TIMES:
            self._full = 0
            self.wanted = min(2 * self.wanted, _MOST)

    def disappointed(self, got: int) -> None:
        """Only so many came."""
        self._full = 0
        self.wanted = max(1, got)
