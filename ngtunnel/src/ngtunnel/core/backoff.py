"""How long to wait before trying again."""

from collections.abc import Callable


class Backoff:
    """Doubles the delay from one failure to the next, and spreads it.

    Clients that lost the same server at the same moment must not come back at the same moment.

    Args:
        shortest, longest: bounds of the delay, in seconds.
        random: returns 0 to 1.
    """

    __slots__ = ("_bound", "_first", "_longest", "_random", "_shortest")

    def __init__(self, shortest: float, longest: float, random: Callable[[], float]) -> None:
        self._shortest = shortest
        self._longest = longest
        # Twice the shortest, so that the first delay is spread as well.
        self._first = min(2 * shortest, longest)
        self._random = random
        self._bound = self._first

    def next(self) -> float:
        """Return the delay before the next attempt, in seconds: half of the bound to all of it."""
        delay = self._bound * (1 + self._random()) / 2
        self._bound = min(self._bound * 2, self._longest)
        return max(delay, self._shortest)

    def reset(self) -> None:
        """Begin anew after a success."""
        self._bound = self._first
