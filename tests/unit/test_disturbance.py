"""Which times the marks in a journal excuse."""

from disturbance import spans

_SECOND = 1_000_000


def _mark(time_s: int, message: str) -> dict[str, str]:
    return {"__REALTIME_TIMESTAMP": str(time_s * _SECOND), "MESSAGE": message}


def test_what_was_begun_and_ended_is_excused() -> None:
    assert list(spans([_mark(1, "begin a"), _mark(5, "end a")])) == [(_SECOND, 5 * _SECOND)]


def test_two_at_the_same_time_do_not_end_each_other() -> None:
    marks = [_mark(1, "begin a"), _mark(2, "begin b"), _mark(3, "end a"), _mark(9, "end b")]
    assert list(spans(marks)) == [(_SECOND, 3 * _SECOND), (2 * _SECOND, 9 * _SECOND)]


def test_a_run_that_was_stopped_excuses_a_minute() -> None:
    assert list(spans([_mark(1, "begin a")])) == [(_SECOND, 61 * _SECOND)]


def test_an_end_without_a_beginning_excuses_nothing() -> None:
    assert list(spans([_mark(1, "end a")])) == []
