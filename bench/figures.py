"""Medians, spreads and ratios of what was measured."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

from bench.measure import Measurement

Value = Callable[[Measurement], float | None]


@dataclass(frozen=True)
class Spread:
    """The middle and the extremes of some values."""

    median: float
    low: float
    high: float


def spread(values: list[float]) -> Spread | None:
    """Return the spread; None of no values."""
    return Spread(median(values), min(values), max(values)) if values else None


def over_rounds(measured: Mapping[int, Measurement], value: Value) -> Spread | None:
    """Return the spread of one figure over all rounds."""
    found = [value(each) for each in measured.values()]
    return spread([each for each in found if each is not None])


def ratios(
    measured: Mapping[int, Measurement], base: Mapping[int, Measurement], value: Value
) -> Spread | None:
    """Return the spread of a figure's ratio to another's in the same round."""
    found = []
    for number, each in measured.items():
        over = value(each)
        under = value(base[number]) if number in base else None
        if over is not None and under:
            found.append(over / under)
    return spread(found)


def wrong_datagrams(measured: Mapping[int, Measurement]) -> dict[str, int]:
    """Return how many datagrams went wrong over all rounds, by kind, in both directions."""
    total: dict[str, int] = {}
    for each in measured.values():
        for counts in (each.wrong, each.wrong_requests):
            for kind, count in counts.items():
                total[kind] = total.get(kind, 0) + count
    return total
