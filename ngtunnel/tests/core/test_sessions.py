"""The table of UDP peers."""

from hypothesis import given
from hypothesis import strategies as st

from ngtunnel.core.sessions import Session, SessionTable


class Named(Session):
    """A session that knows its key."""

    def __init__(self, key: int, now: float) -> None:
        super().__init__(now)
        self.key = key


def table(limit: int = 10_000, idle: float = 60.0) -> SessionTable[int, Named]:
    return SessionTable(limit, idle, Named)


def keys(sessions: list[Named]) -> list[int]:
    return [each.key for each in sessions]


def test_a_peer_keeps_its_session_for_as_long_as_it_is_heard_of() -> None:
    sessions = table(idle=60)
    first = sessions.use(1, 0.0)
    for now in range(0, 600, 50):
        assert sessions.expire(now) == []
        assert sessions.use(1, now) is first
    assert sessions.get(1) is first


def test_a_session_goes_when_it_was_idle_for_longer_than_allowed_and_no_sooner() -> None:
    sessions = table(idle=60)
    sessions.use(1, 0.0)
    sessions.use(2, 30.0)
    assert sessions.expire(60.0) == []
    assert keys(sessions.expire(60.1)) == [1]
    assert keys(sessions.expire(90.1)) == [2]
    assert len(sessions) == 0
    assert sessions.get(1) is None


def test_a_session_used_again_within_the_second_in_which_it_began_lives_on_from_there() -> None:
    sessions = table(idle=60)
    sessions.use(1, 0.0)
    sessions.use(1, 0.9)
    assert sessions.expire(60.5) == []
    assert keys(sessions.expire(61.0)) == [1]


def test_a_session_that_replies_keep_alive_lives_though_its_peer_is_silent() -> None:
    sessions = table(idle=60)
    sessions.use(1, 0.0).used = 50.0
    sessions.use(2, 1.0)
    assert keys(sessions.expire(100.0)) == [2]
    assert keys(sessions.expire(110.1)) == [1]


def test_beyond_the_limit_the_peer_that_was_idle_the_longest_makes_room() -> None:
    sessions = table(limit=3)
    for key in (1, 2, 3):
        sessions.use(key, float(key))
    sessions.use(1, 10.0)
    sessions.use(4, 11.0)
    assert len(sessions) == 3
    assert sessions.get(2) is None
    assert [each.key for each in sessions] == [3, 1, 4]
    assert keys(sessions.expire(11.0)) == [2]
    assert sessions.expire(11.0) == []


def test_a_session_can_be_closed_before_its_time() -> None:
    sessions = table()
    first = sessions.use(1, 0.0)
    assert sessions.remove(1) is first
    assert sessions.remove(1) is None
    assert sessions.expire(1e9) == []


class Busy(Named):
    """A session for which something is to come, for as long as a test says so."""

    awaited = True

    @property
    def busy(self) -> bool:
        """Say what the test says."""
        return self.awaited


def test_a_busy_session_neither_expires_nor_makes_room_until_it_is_done() -> None:
    sessions = SessionTable(2, 10.0, Busy)
    busy = sessions.use(0, 0.0)
    assert sessions.expire(100.0) == []
    for key in (1, 2, 3):
        sessions.use(key, 100.0).awaited = False
    assert sessions.get(0) is busy
    assert [each.key for each in sessions.expire(100.0)] == [1, 2]
    busy.awaited = False
    assert [each.key for each in sessions.expire(200.0)] == [0, 3]


def test_a_table_of_busy_sessions_is_crowded_only_while_they_are_busy() -> None:
    sessions = SessionTable(2, 10.0, Busy)
    crowd = [sessions.use(key, 0.0) for key in range(5)]
    assert sessions.expire(1.0) == []
    assert len(sessions) == 5
    for each in crowd:
        each.awaited = False
    assert len(sessions.expire(2.0)) == 3
    assert len(sessions) == 2


def test_thousands_of_peers_that_live_for_one_datagram_leave_nothing_behind() -> None:
    sessions = table(limit=5000, idle=60)
    gone = 0
    for number in range(50_000):
        now = number / 500
        sessions.use(number, now)
        assert len(sessions) <= 5000
        if number % 25 == 0:
            gone += len(sessions.expire(now))
    gone += len(sessions.expire(1e9))
    assert gone == 50_000
    assert len(sessions) == 0


@given(
    st.lists(st.tuples(st.integers(0, 6), st.sampled_from([0.0, 0.1, 0.9, 1.1, 5.0])), max_size=60),
    st.integers(1, 5),
)
def test_every_session_goes_once_none_before_it_was_idle_and_none_outstays_it_by_another_time(
    uses: list[tuple[int, float]], limit: int
) -> None:
    sessions = table(limit=limit, idle=4)
    now, made, gone = 0.0, list[Named](), list[Named]()
    for key, pause in uses:
        now += pause
        session = sessions.use(key, now)
        if not any(each is session for each in made):
            made.append(session)
        assert len(sessions) <= limit
        kept = list(sessions)
        gone += sessions.expire(now)
        assert all(now - each.used > 4 for each in kept if sessions.get(each.key) is not each)
        assert all(now - each.used <= 8 for each in sessions)
    gone += sessions.expire(now + 100)
    assert len(sessions) == 0
    assert sorted(map(id, gone)) == sorted(map(id, made))
