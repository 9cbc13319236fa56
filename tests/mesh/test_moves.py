"""A tunnel ends while calls are set up over all of them: they go to another media host at once."""

import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from mesh.calling import Calling, calling
from mesh.stops import STOPS, Stop
from slowbye.hosts import Host, Inventory
from slowbye.reproduce.installed import find_proxy
from slowbye.sip.result import CallResult

_UNDISTURBED_S = 3.0
_NOTICE_S = 1.0
"""A link that is dead without a word is noticed within this (``dead_after_ms`` and a heartbeat),
and as long waits a proxy before it asks again."""

_AT_ONCE_MS = 500.0
"""An error at once and one more command; several times that, for machines that are busy."""

_BYSTANDER_MS = 250.0
"""Less than the time after which SIP asks again over UDP (RFC 3261, T1 is 500 ms)."""


@pytest.fixture(autouse=True)
def _another_is_asked(inventory: Inventory) -> None:
    """What a tunnel without a link replies is to make the proxy ask its next node."""
    proxy = find_proxy(inventory.first("sip"))
    if proxy.name == "opensips" and proxy.version.startswith(("3.4.", "3.5.")):
        pytest.skip(f"OpenSIPS {proxy.version} asks no other node when one replies with an error")


@pytest.mark.parametrize("stop", STOPS, ids=lambda stop: stop.name)
def test_calls_move_to_another_media_host_at_once(
    lab: Inventory, stop: Stop, note: Callable[..., None]
) -> None:
    sip, media = lab.group("sip")[-1], lab.group("media")[-1]
    # Mended when the calls have ended: what is entered first is left last.
    with ExitStack() as mended, calling(lab) as callings:
        time.sleep(_UNDISTURBED_S)
        begun = time.time()
        mended.enter_context(stop.make(sip, media))
        done = time.time()
    noticed = done + (_NOTICE_S if stop.silent else 0)
    for each in callings:
        before = [call for call in each.calls if call not in each.begun(begun)]
        # Until then both ways were in use, or nothing could move.
        assert len(_hosts(lab, before)) == len(lab.group("media")), each.proxy.name
        note(f"{stop.name}, {each.proxy.name}", **_felt(each, media, begun))

    for each in callings:
        after = each.begun(noticed)
        assert [call.failure for call in each.calls if call.failure] == []
        assert len(after) >= 12, "the calls ended too soon to see it"
        assert all(call.rtp_ok for call in after)
        assert (media.address in _hosts(lab, after)) is not stop.hits(each.proxy, lab)
        assert _slowest_ms(after) < _AT_ONCE_MS
        assert _slowest_ms(each.calls) < _AT_ONCE_MS + (_NOTICE_S * 1000 if stop.silent else 0)
        assert all(options.status == 200 for options in each.bystander)
        assert max(options.ms for options in each.bystander) < _BYSTANDER_MS


def _felt(calling: Calling, media: Host, begun: float) -> dict[str, float]:
    """Return what the callers of one proxy felt, times in milliseconds."""
    calls, after = calling.calls, calling.begun(begun)
    before = [call for call in calls if call not in after]
    there = [calling.begun_at(call) for call in after if _host(call) == media.address]
    return {
        "calls": len(calls),
        "failed": sum(bool(call.failure) for call in calls),
        "silent": sum(not call.rtp_ok for call in calls),
        "setup_before": max(call.invite.ms for call in before),
        "setup_max": max(call.invite.ms for call in after),
        "BYE_before": max(call.bye.ms for call in before if call.bye),
        "BYE_max": max(call.bye.ms for call in after if call.bye),
        "bystander_max": max(options.ms for options in calling.bystander),
        "last_there_after": (max(there) - begun) * 1000 if there else 0,
    }


def _slowest_ms(calls: list[CallResult]) -> float:
    """Return the longest that an INVITE or a BYE took."""
    return max(each.ms for call in calls for each in (call.invite, call.bye) if each)


def _host(call: CallResult) -> str:
    """Return the address that the caller was told to send media to."""
    return call.caller.remote.rpartition(":")[0] if call.caller else ""


def _hosts(lab: Inventory, calls: list[CallResult]) -> set[str]:
    return {_host(call) for call in calls} & {host.address for host in lab.group("media")}
