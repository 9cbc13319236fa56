"""How long to wait before trying again."""

from collections.abc import Callable


class Backoff:
    """Doubles the delay from one failure to the next, and spreads it.

    Clients that lost the same server at the same moment must not come back at the same moment.

    Args:
        shortest, longest: bounds of the delay, in seconds.
        random: returns 0 to 1.
    """

    __slots__ = ("_delay", "_longest", "_random", "_shortest")

    def __init__(self, shortest: float, longest: float, random: Callable[[], float]) -> None:
        self._shortest = shortest
        self._longest = longest
        self._random = random
        self._delay = shortest

    def next(self) -> float:
        """Return the delay before the next attempt, in seconds: half of the bound to all of it."""
        delay = self._delay * (1 + self._random()) / 2
        self._delay = min(self._delay * 2, self._longest)
        return max(delay, self._shortest)

    def reset(self) -> None:
        """Begin anew after a success."""
        self._delay = self._shortest
