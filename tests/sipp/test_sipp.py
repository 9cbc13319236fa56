"""Calls by SIPp, while fragments need four seconds: no call fails, and no BYE is slow."""

from collections.abc import Callable

import pytest

from sipp.sipp import Figures, Sipp
from slowbye.hosts import Inventory

_PATH = "ngtunnel"
_RATE = 50
_SLOW_MS = 1000
"""A BYE that waited for a fragment takes four seconds; an undisturbed one about 70 ms."""

_PRIVATE = "192.168.5.10"
"""RFC 1918: what a client behind NAT believes that its address is."""

Note = Callable[[str, Figures], None]


def _pair(lab: Inventory, port: int, here: str | None = None) -> tuple[Sipp, Sipp]:
    """Return a caller and its callee, who is registered."""
    host = lab.first("clients")
    proxy = f"{lab.first('sip').address}:5060"
    address = here or host.address
    caller, callee = (
        Sipp(host, proxy, own, user=f"sipp-{port}", here=address, path=_PATH)
        for own in (port, port + 1)
    )
    assert callee.run("register", calls=1, rate=1, pause_ms=0).failed == 0
    return caller, callee


def _assert_no_bye_was_slow(figures: Figures, timer: str = "BYE") -> None:
    slowest = figures.response_ms[timer].max
    assert slowest is not None
    assert slowest < _SLOW_MS


def test_a_hundred_calls_are_set_up_and_ended(impaired: Inventory, note: Note) -> None:
    caller, callee = _pair(impaired, 5070)
    with callee.serving("answer"):
        figures = caller.run("call", calls=100, rate=20, pause_ms=200)
    note("call", figures)
    assert (figures.calls, figures.failed) == (100, 0)
    _assert_no_bye_was_slow(figures)


def test_calls_are_held_and_taken_up_again(impaired: Inventory, note: Note) -> None:
    caller, callee = _pair(impaired, 5072)
    with callee.serving("answer"):
        figures = caller.run("hold", calls=20, rate=10, pause_ms=200)
    note("hold", figures)
    assert (figures.calls, figures.failed) == (20, 0)
    _assert_no_bye_was_slow(figures)


def test_a_callee_hangs_up_on_a_caller_who_gives_a_private_address(
    impaired: Inventory, note: Note
) -> None:
    caller, callee = _pair(impaired, 5074, here=_PRIVATE)
    with callee.serving("hang-up", pause_ms=200):
        figures = caller.run("hung-up-on", calls=20, rate=10, pause_ms=0)
    note("private address", figures)
    assert (figures.calls, figures.failed) == (20, 0)
    _assert_no_bye_was_slow(figures, "hung up")


def test_fifty_calls_a_second_all_succeed_and_none_ends_slowly(
    impaired: Inventory, note: Note, pytestconfig: pytest.Config
) -> None:
    calls = _RATE * pytestconfig.getoption("--load-seconds")
    caller, callee = _pair(impaired, 5076)
    with callee.serving("answer"):
        figures = caller.run("call", calls=calls, rate=_RATE, pause_ms=1000)
    note(f"{_RATE} calls/s", figures)
    assert (figures.calls, figures.failed) == (calls, 0)
    _assert_no_bye_was_slow(figures)
