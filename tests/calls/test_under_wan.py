"""Over the tunnel, calls of every kind end as fast as they should, whatever the WAN does."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

import pytest

from calls.dialog import Dialog
from calls.kinds import KINDS
from calls.rtpengine import Rtpengine
from calls.scene import NewWire, Scene
from calls.talking import hang_up, talk
from calls.wan import Router, Wan, impairing
from slowbye.hosts import Inventory
from slowbye.measure.ng_trace import Exchange
from slowbye.netem.profile import profile_names
from slowbye.reproduce.playbook import play

pytestmark = pytest.mark.alone

TUNNEL = "ngtunnel"
ENDED_BY_RTPENGINE = "ended_by_rtpengine"

_COMMAND_MS = 300.0
"""Beyond its round trips a command takes less than this: a client that hears nothing for 500 ms
(RFC 3261, T1) asks again. It leaves room for a busy machine, and none for a late fragment."""

_ROUND_TRIPS = 3
"""One to be lost, one to be sent again in, and one in which that was noticed."""

_SILENCE_S = 1
"""Without media a call lives no longer, as rtpengine sees it, when its timeout is tested."""


@dataclass(frozen=True)
class Made:
    """One call of every kind, made under one profile.

    Attributes:
        calls: their Call-IDs, or what went wrong, by kind.
        ng: what was asked of rtpengine.
        held: which calls rtpengine still holds when all are over.
    """

    wan: Wan
    calls: dict[str, Future[str]]
    ng: list[Exchange]
    held: set[str]


@pytest.fixture(scope="module")
def router(lab: Inventory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    """The WAN's router; the proxy has forgotten everybody else's calls.

    An invitation that another test left unanswered ends by a timer, which would then be blocked by
    rtpengine, and all other timers with it: those calls use whatever way is the default.
    """
    play(lab.path, "fresh", {}, tmp_path_factory.mktemp("fresh") / "fresh.log")
    with impairing(lab) as router:
        yield router


@pytest.fixture(scope="module", params=profile_names())
def made(
    request: pytest.FixtureRequest,
    lab: Inventory,
    router: Router,
    rtpengine: Rtpengine,
    new_wire: NewWire,
) -> Iterator[Made]:
    """One call of each kind under each profile: all at once, a profile takes longer than a call."""
    wan = router.impair(request.param)
    scene = Scene(lab, new_wire(f"under_wan-{wan.profile}"))
    parties = [(scene.registered("caller"), scene.registered("callee")) for _ in KINDS]
    silent, ended = talk(scene.registered("caller"), scene.registered("callee"), TUNNEL)
    calls: dict[str, Future[str]] = {}
    with ThreadPoolExecutor(len(KINDS)) as pool:
        for kind, (caller, callee) in zip(KINDS, parties, strict=True):
            calls[kind.__name__] = pool.submit(kind, caller, callee, TUNNEL)
        wait(calls.values())
        calls[ENDED_BY_RTPENGINE] = pool.submit(_outlive, silent, ended, rtpengine)
    over = {call.result() for call in calls.values() if not call.exception()}
    yield Made(wan, calls, scene.wire.ng(), rtpengine.kept(over))
    scene.close()


def _outlive(calling: Dialog, called: Dialog, rtpengine: Rtpengine) -> str:
    """Wait until rtpengine has ended a call that nobody speaks in, and hang up."""
    with rtpengine.ending_silent_calls(after_s=_SILENCE_S):
        assert rtpengine.forgets(calling.call_id)
    hang_up(calling, called.client)
    return calling.call_id


@pytest.mark.parametrize("kind", [*(kind.__name__ for kind in KINDS), ENDED_BY_RTPENGINE])
def test_rtpengine_answers_in_time_and_holds_no_call(made: Made, kind: str) -> None:
    call_id = made.calls[kind].result()
    assert call_id not in made.held
    bound_ms = _ROUND_TRIPS * made.wan.rtt_ms + _COMMAND_MS
    took = [(each.command, each.ms) for each in made.ng if each.call_id == call_id]
    assert {"offer", "delete"} <= {command for command, _ in took}
    assert [(command, ms) for command, ms in took if ms is None or ms > bound_ms] == []
