"""How long to wait before connecting again."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from ngtunnel.core.backoff import Backoff


@given(st.integers(0, 2**32), st.integers(1, 30))
def test_every_delay_lies_between_the_shortest_and_the_longest(seed: int, attempts: int) -> None:
    backoff = Backoff(0.05, 2.0, Random(seed).random)  # noqa: S311
    assert all(0.05 <= backoff.next() <= 2.0 for _ in range(attempts))


def test_the_delay_doubles_with_each_failure_up_to_the_longest() -> None:
    most = Backoff(0.05, 2.0, lambda: 1.0)
    assert [most.next() for _ in range(7)] == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    least = Backoff(0.05, 2.0, lambda: 0.0)
    assert [least.next() for _ in range(7)] == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


def test_clients_that_lost_the_same_server_come_back_spread_over_time() -> None:
    backoffs = [Backoff(0.05, 2.0, Random(seed).random) for seed in range(100)]  # noqa: S311
    for _ in range(3):
        delays = sorted(each.next() for each in backoffs)
        assert len(set(delays)) == 100
        assert delays[-1] - delays[0] > 0.9 * delays[0]


def test_after_a_success_it_begins_anew() -> None:
    backoff = Backoff(0.05, 2.0, lambda: 0.0)
    before = [backoff.next() for _ in range(5)]
    backoff.reset()
    assert [backoff.next() for _ in range(5)] == before


def test_bounds_that_are_equal_leave_nothing_to_spread() -> None:
    backoff = Backoff(0.3, 0.3, lambda: 0.0)
    assert [backoff.next() for _ in range(3)] == [0.3, 0.3, 0.3]
