"""Percentiles of measured times, by nearest rank: always a value that was really measured."""

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Percentiles:
    """The middle, the tail and the worst of some times, in milliseconds; None: none measured."""

    p50: float | None
    p99: float | None
    max: float | None


def percentile(values_ms: Iterable[float], percent: float) -> float:
    """Return the smallest value that at least ``percent`` of the values do not exceed.

    Nearest rank: the value at rank ``ceil(percent / 100 * n)`` of the sorted values. With fewer
    than 100 values p99 is therefore the largest.

    Args:
        values_ms: at least one number, in any order.
        percent: above 0, at most 100.

    Raises:
        ValueError: there are no values, or the percentage is out of range.
    """
    ordered = sorted(values_ms)
    if not ordered or not 0 < percent <= 100:
        raise ValueError(f"no percentile {percent} of {len(ordered)} values")
    return ordered[math.ceil(percent / 100 * len(ordered)) - 1]


def summarize(values_ms: Iterable[float]) -> Percentiles:
    """Return p50, p99 and the maximum."""
    values = list(values_ms)
    if not values:
        return Percentiles(None, None, None)
    return Percentiles(percentile(values, 50), percentile(values, 99), max(values))
