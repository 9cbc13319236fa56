"""Round trips and lateness."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngtunnel.core.estimate import Lateness, RoundTrip

WRAP = 1 << 32


def test_before_the_first_sample_nothing_is_known() -> None:
    estimate = RoundTrip()
    assert estimate.smoothed is None
    assert estimate.patience is None


def test_the_first_sample_and_its_half_are_where_the_estimate_begins() -> None:
    estimate = RoundTrip()
    estimate.add(0.040)
    assert (estimate.smoothed, estimate.variation) == (0.040, 0.020)
    assert estimate.patience == pytest.approx(0.120)


def test_the_second_sample_is_weighted_as_rfc_6298_says() -> None:
    estimate = RoundTrip()
    estimate.add(0.040)
    estimate.add(0.080)
    assert estimate.variation == pytest.approx(0.75 * 0.020 + 0.25 * 0.040)
    assert estimate.smoothed == pytest.approx(0.875 * 0.040 + 0.125 * 0.080)


def test_a_steady_path_leaves_a_quarter_of_its_round_trip_for_small_delays() -> None:
    estimate = RoundTrip()
    for _ in range(200):
        estimate.add(0.040)
    assert estimate.patience == pytest.approx(0.050)


@given(st.lists(st.floats(0.0001, 5), min_size=1, max_size=100))
def test_the_estimate_lies_among_the_samples_and_patience_above_it(samples: list[float]) -> None:
    estimate = RoundTrip()
    for each in samples:
        estimate.add(each)
    assert estimate.smoothed is not None
    assert estimate.patience is not None
    assert min(samples) - 1e-9 <= estimate.smoothed <= max(samples) + 1e-9
    assert estimate.patience >= 1.25 * estimate.smoothed - 1e-9


@given(st.integers(0, WRAP - 1), st.floats(0, 1e6), st.integers(2, 5000))
def test_lateness_is_told_whatever_the_clocks_are_set_to_even_when_the_stamp_wraps(
    stamp: int, now: float, late_ms: int
) -> None:
    lateness = Lateness()
    assert lateness.of(stamp, now) == 0
    for step in range(1, 40):
        assert lateness.of((stamp + 100 * step) % WRAP, now + step / 10) <= 1
    held_up = lateness.of((stamp + 4000) % WRAP, now + 4 + late_ms / 1000)
    assert abs(held_up - late_ms) <= 1


def test_frames_just_before_and_after_the_stamp_wraps_are_on_time() -> None:
    lateness = Lateness()
    assert lateness.of(WRAP - 1, 10.0) == 0
    assert lateness.of(0, 10.001) <= 1
    assert lateness.of(499, 11.5) == pytest.approx(1000, abs=1)


def test_a_frame_that_was_faster_than_all_before_sets_the_mark() -> None:
    lateness = Lateness()
    assert lateness.of(0, 5.050) == 0
    assert lateness.of(1000, 6.010) == 0
    assert lateness.of(2000, 7.050) == 40


def test_the_fastest_frame_sets_the_mark_though_the_difference_of_the_clocks_wraps() -> None:
    lateness = Lateness()
    assert lateness.of(5000, 5.0) == 0
    assert lateness.of(6010, 6.0) == 0
    assert lateness.of(7000, 7.050) == 60


def test_a_slower_frame_does_not_set_the_mark_though_the_difference_of_the_clocks_wraps() -> None:
    lateness = Lateness(window=10)
    for second in range(0, 20, 2):
        lateness.of(second * 1000 + 5, second)
    assert lateness.of(19_000, 19.005) == 10
    assert lateness.of(20_000, 20.5) == pytest.approx(505, abs=1)
    # The first window, which also knew the faster frames, is forgotten.
    assert lateness.of(24_000, 24.4) == pytest.approx(405, abs=1)


@pytest.mark.parametrize("parts_per_million", [-500, -50, 50, 500])
def test_clocks_that_drift_never_make_a_frame_late(parts_per_million: int) -> None:
    lateness = Lateness()
    for step in range(5 * 3600):
        sent = step * 0.2 * (1 + parts_per_million / 1e6)
        assert lateness.of(int(sent * 1000) % WRAP, step * 0.2 + 77) <= 12


def test_a_path_that_became_longer_is_the_new_measure_after_two_windows() -> None:
    lateness = Lateness(window=10)
    late = [
        lateness.of(step * 200, step * 0.2 + (0.01 if step < 100 else 0.5)) for step in range(300)
    ]
    assert max(late[:100]) <= 1
    assert late[100] == pytest.approx(490, abs=1)
    assert late[100 + 50 - 1] == pytest.approx(490, abs=1)
    assert max(late[100 + 102 :]) <= 1


def test_one_frame_that_was_held_up_does_not_become_the_measure_when_a_window_ends() -> None:
    lateness = Lateness(window=10)
    for step in range(51):
        lateness.of(step * 200, step * 0.2)
    assert lateness.of(10_200, 13.0) == pytest.approx(2800, abs=1)
    assert lateness.of(13_100, 13.9) == pytest.approx(800, abs=1)
