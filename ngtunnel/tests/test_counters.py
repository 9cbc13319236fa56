"""Counters and histograms."""

import pytest

from ngtunnel.core.counters import Counters, Histogram


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [(0.0, 0), (0.5, 0), (1.0, 0), (1.001, 1), (2.0, 1), (2.001, 2), (1e9, 2)],
)
def test_a_duration_falls_in_the_first_bucket_whose_bound_it_does_not_exceed(
    seconds: float, bucket: int
) -> None:
    histogram = Histogram((1.0, 2.0))
    histogram.observe(seconds)
    assert histogram.counts == [int(index == bucket) for index in range(3)]
    assert histogram.total == seconds


def test_bucket_bounds_ascend_without_repeats() -> None:
    bounds = Histogram().bounds
    assert list(bounds) == sorted(set(bounds))


def test_the_proxys_own_time_outs_are_bounds_so_that_they_can_be_counted_exactly() -> None:
    assert {1.0, 5.0} <= set(Histogram().bounds)


def test_a_cause_is_counted_from_nothing_and_each_end_counts_for_itself() -> None:
    one, other = Counters(), Counters()
    one.dropped["stale"] += 1
    one.commands["delete", "ok"] += 2
    one.command_seconds["delete"].observe(0.02)
    assert (one.dropped, one.commands) == ({"stale": 1}, {("delete", "ok"): 2})
    assert sum(one.command_seconds["delete"].counts) == 1
    assert not other.dropped
    assert not other.commands
    assert not other.command_seconds
