"""Which commands wait for longer than usual, by the link that owes the reply."""

from collections import deque

from ngtunnel.config import Timing
from ngtunnel.core.commands import Command
from ngtunnel.core.link import Link


class LateReplies:
    """What was asked on each link, in that order: the first that is not answered is late first.

    Asking costs O(1), whatever is under way.

    Args:
        timing: bounds of what is usual.
    """

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._asked: dict[Link, deque[tuple[float, Command]]] = {}

    def watch(self, link: Link) -> None:
        """Begin with a link."""
        self._asked[link] = deque()

    def forget(self, link: Link) -> None:
        """Have done with a link."""
        del self._asked[link]

    def asked(self, command: Command, link: Link, now: float) -> None:
        """Note that a command was sent on a link."""
        self._asked[link].append((now, command))

    def next(self) -> float | None:
        """Return when the next reply is late; None if no command waits."""
        at = None
        for link, asked in self._asked.items():
            while asked and asked[0][1].done:
                asked.popleft()
            if asked:
                late = asked[0][0] + self._usual(link)
                at = late if at is None else min(at, late)
        return at

    def take(self, now: float) -> list[Command]:
        """Remove and return the commands whose reply is late."""
        late: list[Command] = []
        for link, asked in self._asked.items():
            if not asked:
                continue
            usual = self._usual(link)
            while asked and (asked[0][1].done or asked[0][0] + usual <= now):
                command = asked.popleft()[1]
                if not command.done:
                    late.append(command)
        return late

    def _usual(self, link: Link) -> float:
        """Return how long a reply usually takes at most, in seconds."""
        timing = self._timing
        patience = link.commands.patience or link.round_trip.patience or timing.hedge_max
        return min(max(patience, timing.hedge_min), timing.hedge_max)
