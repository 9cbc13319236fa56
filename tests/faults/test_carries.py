"""What is carried."""

import time
from collections.abc import Callable

import pytest

from faults.tunnel import Setting, Tunnel

Report = Callable[..., None]
Start = Callable[..., Tunnel]


def test_ipv6_carries_it_all(start: Start, report: Report) -> None:
    through = start(Setting(version=6))
    with through.load() as outcome:
        time.sleep(2)
    report(outcome)
    outcome.nothing_lost()


@pytest.mark.parametrize("size", [1, 40, 1473, 65507])
def test_raw_carries_any_datagram(start: Start, report: Report, size: int) -> None:
    through = start(Setting(raw=True))
    sizes = ("--request-bytes", str(max(size, 20)), "--rate", "50" if size > 9000 else "200")
    with through.load(*sizes) as outcome:
        time.sleep(1)
    report(outcome)
    outcome.nothing_lost()


def test_the_largest_datagrams_are_carried_both_ways(start: Start, report: Report) -> None:
    through = start(Setting(reply_bytes=65507))
    with through.load("--request-bytes", "65507", "--rate", "50") as outcome:
        time.sleep(2)
    report(outcome)
    outcome.nothing_lost()
