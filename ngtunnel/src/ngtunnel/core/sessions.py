"""The UDP peers that are known, and when they were last heard of."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

_ORDER_S = 1.0
"""The order of use is kept to within this time, which spares the hot path most of the upkeep."""


class Session:
    """What a table keeps of each session; both ends add to it.

    Attributes:
        used: when it was last used.
        ordered: when the table last moved it to the end of its order.
    """

    __slots__ = ("ordered", "used")

    def __init__(self, now: float) -> None:
        self.used = now
        self.ordered = now

    @property
    def busy(self) -> bool:
        """Whether something is still to come of it, so that it must not go yet."""
        return False


KeyT = TypeVar("KeyT", bound=Hashable)
SessionT = TypeVar("SessionT", bound=Session)


class SessionTable(Generic[KeyT, SessionT]):
    """Sessions by key, bounded in number and idle time.

    Every operation is O(1); to expire is so in the number of sessions that go, or are busy.

    Args:
        limit: how many sessions are kept; beyond, the one that was idle the longest goes, unless it
            is busy: whoever makes it so has bounds of its own.
        idle: seconds of silence after which a session goes.
        make: makes the session of a new key.
    """

    def __init__(self, limit: int, idle: float, make: Callable[[KeyT, float], SessionT]) -> None:
        self._limit = limit
        self._idle = idle
        self._make = make
        self._sessions: OrderedDict[KeyT, SessionT] = OrderedDict()
        self._evicted: list[SessionT] = []

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[SessionT]:
        return iter(self._sessions.values())

    def get(self, key: KeyT) -> SessionT | None:
        """Return a session without using it."""
        return self._sessions.get(key)

    def use(self, key: KeyT, now: float) -> SessionT:
        """Return the session of this key, a new one if there is none."""
        session = self._sessions.get(key)
        if session is None:
            session = self._sessions[key] = self._make(key, now)
            if len(self._sessions) > self._limit:
                self._make_room()
        elif now - session.ordered > _ORDER_S:
            session.ordered = now
            self._sessions.move_to_end(key)
        session.used = now
        return session

    def expire(self, now: float) -> list[SessionT]:
        """Remove those that are idle; return them, and those that others have pushed out since."""
        gone, self._evicted = self._evicted, []
        for _ in range(len(self._sessions)):
            key, session = next(iter(self._sessions.items()))
            crowded = len(self._sessions) > self._limit
            if now - session.ordered <= self._idle and not crowded:
                break
            if session.busy or (now - session.used <= self._idle and not crowded):
                session.ordered = now if session.busy else session.used
                self._sessions.move_to_end(key)
                continue
            del self._sessions[key]
            gone.append(session)
        return gone

    def remove(self, key: KeyT) -> SessionT | None:
        """Remove and return one session, if it is there."""
        return self._sessions.pop(key, None)

    def _make_room(self) -> None:
        key, oldest = next(iter(self._sessions.items()))
        if oldest.busy:
            self._sessions.move_to_end(key)
        else:
            del self._sessions[key]
            self._evicted.append(oldest)
