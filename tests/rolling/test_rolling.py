"""Hosts get another version one after the other, under ten calls a second, and nobody notices."""

from collections.abc import Callable

import pytest

from rolling.fleet import Fleet
from rolling.load import RATE, Load, load
from slowbye.errors import SlowbyeError

_LATEST = {
    "rtpengine_version": "latest",
    "kamailio_version": "latest",
    "opensips_version": "latest",
}
_WITHOUT_SIGNIFICANCE = 100
"""Fewer calls than that, and the load was none."""


def _assert_nobody_noticed(result: Load, note: Callable[..., None], name: str) -> None:
    for proxy, figures in result.figures.items():
        invite = figures.response_ms["INVITE"]
        note(
            f"{name}, {proxy}",
            calls=figures.calls,
            failed=figures.failed,
            resent=figures.retransmissions,
            setup_p50=invite.p50 or 0,
            setup_p99=invite.p99 or 0,
            setup_max=invite.max or 0,
            BYE_max=figures.response_ms["BYE"].max or 0,
        )
    note(f"{name}, with media", calls=len(result.calls), failed=len(result.failures))
    assert all(each.calls > _WITHOUT_SIGNIFICANCE for each in result.figures.values())
    assert {name: each.failed for name, each in result.figures.items() if each.failed} == {}
    assert result.failures == []
    assert result.gaps == []


def test_an_upgrade_under_calls_fails_none_and_cuts_none(
    fleet: Fleet, note: Callable[..., None]
) -> None:
    before = {host.name: fleet.versions(host) for host in fleet.hosts}
    with load(fleet.lab) as result:
        fleet.play("upgrade", _LATEST)
    after = {host.name: fleet.versions(host) for host in fleet.hosts}
    assert {name: [f"{each}+next1" for each in had.values()] for name, had in before.items()} == {
        name: list(has.values()) for name, has in after.items()
    }
    assert RATE >= 10
    _assert_nobody_noticed(result, note, "upgrade")


def test_a_rollback_under_calls_returns_to_what_ran_before(
    fleet: Fleet, note: Callable[..., None]
) -> None:
    upgraded = {host.name: fleet.versions(host) for host in fleet.hosts}
    assert all("+next1" in each for has in upgraded.values() for each in has.values())
    with load(fleet.lab) as result:
        fleet.play("rollback", {})
    for host in fleet.hosts:
        has = fleet.versions(host)
        assert [f"{each}+next1" for each in has.values()] == list(upgraded[host.name].values())
    _assert_nobody_noticed(result, note, "rollback")


def test_a_check_that_fails_leaves_the_other_hosts_alone(fleet: Fleet) -> None:
    first, *others = fleet.hosts
    started = {host.name: fleet.started(host) for host in others}
    # callers would send their media to themselves
    nowhere = [{"address": "127.0.0.1"}]
    with load(fleet.lab) as result, pytest.raises(SlowbyeError):
        fleet.play("upgrade", {"rtpengine_interfaces": nowhere})
    said = fleet.said()
    assert f"{first.name} was changed" in said
    assert "no media came" in said
    assert f"Not touched: {', '.join(host.name for host in others)}" in said
    assert {host.name: fleet.started(host) for host in others} == started
    assert result.failures == []
    assert result.gaps == []

    fleet.play("rollback", {"upgrade_hosts": first.name})
    with load(fleet.lab) as result:
        fleet.play("upgrade", {"upgrade_hosts": first.name})
    assert result.failures == []
