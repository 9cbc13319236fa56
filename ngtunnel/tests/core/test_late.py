"""Which replies are late, and on which link."""

import pytest

from ngtunnel.config import Timing
from ngtunnel.core.late import LateReplies
from ngtunnel.core.link import Link
from tests.core.test_commands import command
from tests.core.test_link import link

TIMING = Timing(hedge_min=0.010, hedge_max=0.500)


def replies(*links: Link) -> LateReplies:
    late = LateReplies(TIMING)
    for each in links:
        late.watch(each)
    return late


def usual(seconds: float) -> Link:
    """A link on which replies take so long, and never longer; a quarter more is late."""
    made, _ = link()
    for _ in range(50):
        made.commands.add(seconds)
    return made


def test_nothing_is_late_when_nothing_was_asked() -> None:
    late = replies(usual(0.1))
    assert late.next() is None
    assert late.take(100.0) == []


def test_the_reply_that_is_late_first_is_asked_for_first_whatever_was_asked_before() -> None:
    slow, quick = usual(0.320), usual(0.080)
    late = replies(slow, quick)
    one, two = command(b"1"), command(b"2")
    late.asked(one, slow, 10.0)
    late.asked(two, quick, 10.1)
    assert late.next() == pytest.approx(10.2, abs=0.001)
    assert late.take(10.19) == []
    assert late.take(10.21) == [two]
    assert late.next() == pytest.approx(10.4, abs=0.001)
    assert late.take(10.41) == [one]
    assert late.next() is None


def test_a_command_that_is_answered_is_not_late() -> None:
    at = usual(0.080)
    late = replies(at)
    for number in range(4):
        each = command(b"%d" % number)
        each.done = number != 2
        late.asked(each, at, 10.0 + number)
    assert late.next() == pytest.approx(12.1, abs=0.001)
    assert [each.cookie for each in late.take(20.0)] == [b"2"]


def test_several_commands_may_be_late_at_the_same_moment() -> None:
    at = usual(0.080)
    late = replies(at)
    both = [command(b"1"), command(b"2")]
    for each in both:
        late.asked(each, at, 10.0)
    assert late.take(10.2) == both


@pytest.mark.parametrize(("seconds", "bound"), [(0.0001, 0.010), (10.0, 0.500)])
def test_what_is_late_is_bounded_both_ways(seconds: float, bound: float) -> None:
    at = usual(seconds)
    late = replies(at)
    late.asked(command(), at, 10.0)
    assert late.next() == pytest.approx(10.0 + bound)


def test_before_anything_was_measured_a_reply_is_given_all_the_time_allowed() -> None:
    at, _ = link()
    late = replies(at)
    late.asked(command(), at, 10.0)
    assert late.next() == pytest.approx(10.5)


def test_before_commands_were_measured_heartbeats_tell_what_is_usual() -> None:
    at, _ = link()
    at.round_trip.add(0.080)
    late = replies(at)
    late.asked(command(), at, 10.0)
    assert late.next() == pytest.approx(10.0 + 0.080 + 4 * 0.040)


def test_what_was_asked_on_a_link_that_is_lost_is_late_no_more() -> None:
    at = usual(0.080)
    late = replies(at)
    late.asked(command(), at, 10.0)
    late.forget(at)
    assert late.next() is None
