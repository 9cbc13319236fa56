import pytest

from slowbye.measure.percentiles import Percentiles, percentile, summarize


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([7.0], 50, 7.0),
        ([7.0], 99, 7.0),
        ([1.0, 2.0], 50, 1.0),
        ([3.0, 1.0, 2.0], 50, 2.0),
        (list(range(1, 101)), 99, 99),
        (list(range(1, 101)), 100, 100),
        (list(range(1, 201)), 99, 198),
        (list(range(1, 21)), 99, 20),
    ],
)
def test_a_percentile_is_the_nearest_rank(
    values: list[float], percent: float, expected: float
) -> None:
    assert percentile(values, percent) == expected


@pytest.mark.parametrize("percent", [0, -1, 100.5])
def test_a_percentage_is_above_0_and_at_most_100(percent: float) -> None:
    with pytest.raises(ValueError, match="percentile"):
        percentile([1.0], percent)


def test_nothing_measured_is_none_and_not_zero() -> None:
    assert summarize([]) == Percentiles(None, None, None)
    assert summarize(iter([4.0, 1.0])) == Percentiles(1.0, 4.0, 4.0)
