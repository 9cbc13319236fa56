"""When as many calls end as the proxy has workers, others feel it, unless there is the tunnel."""

import math
import statistics
import time
from collections.abc import Callable, Iterator

import pytest
from sipmessage import Response

from calls.client import Client
from calls.dialog import Dialog
from calls.scene import NewWire, Scene
from calls.talking import talk
from calls.wan import impairing
from slowbye.hosts import Host, Inventory

pytestmark = pytest.mark.alone

_DELAY = "3s"
"""Less than the 5 s after which the proxy gives rtpengine up, and much more than a round trip."""

_DEFAULT_WORKERS = 8
_AT_ONCE_MS = 50.0
"""A round trip of 20 ms, one that a worker may wait for rtpengine, and a little for the hosts."""

_OPTIONS = 20
_INTERVAL_S = 0.01
_PATIENCE_S = 1.0
"""What has not been answered by then has waited long enough to know."""

HangUp = Callable[[str], None]


@pytest.fixture(scope="module", autouse=True)
def _late_fragments(lab: Inventory) -> Iterator[None]:
    with impairing(lab) as router:
        router.impair("fragment-delay", delay=_DELAY)
        yield


@pytest.fixture
def hang_up_at_once(lab: Inventory, proxy: Host, new_wire: NewWire) -> Iterator[HangUp]:
    """Sets up as many calls as the proxy has workers, and sends their BYEs together."""
    workers = int(proxy.variables.get("sip_proxy_workers") or _DEFAULT_WORKERS)
    scene = Scene(lab, new_wire("starvation"))
    calls: list[tuple[Dialog, Client]] = []

    def hang_up_at_once(path: str) -> None:
        for _ in range(workers):
            caller, callee = scene.registered("caller"), scene.registered("callee")
            calls.append((talk(caller, callee, path)[0], callee))
        for calling, _ in calls:
            calling.send("BYE")

    yield hang_up_at_once
    for calling, callee in calls:
        callee.reply(callee.receive_request("BYE", timeout_s=10), 200)
        calling.client.receive_response(200, "BYE")
    scene.close()


@pytest.fixture
def bystander(new_client: Callable[..., Client]) -> Client:
    """A client that has nothing to do with the calls."""
    return new_client("bystander")


def test_a_bystander_waits_while_all_workers_wait_for_rtpengine(
    hang_up_at_once: HangUp, bystander: Client
) -> None:
    hang_up_at_once("direct")
    assert statistics.median(_options_ms(bystander)) > _AT_ONCE_MS


def test_a_bystander_is_answered_at_once_when_all_workers_use_the_tunnel(
    hang_up_at_once: HangUp, bystander: Client
) -> None:
    hang_up_at_once("ngtunnel")
    assert statistics.median(_options_ms(bystander)) < _AT_ONCE_MS


def _options_ms(client: Client) -> list[float]:
    """Send OPTIONS to the proxy, and return how long each waited; for ever, if unanswered."""
    for _ in range(_OPTIONS):
        client.send(client.build("OPTIONS", f"sip:{client.proxy[0]}"))
        time.sleep(_INTERVAL_S)
    deadline = time.monotonic() + _PATIENCE_S
    while len(client.received) < _OPTIONS and time.monotonic() < deadline:
        time.sleep(_INTERVAL_S)
    came = {
        each.message.call_id: each.at
        for each in client.received
        if isinstance(each.message, Response) and each.message.code == 200
    }
    return [(came.get(each.message.call_id, math.inf) - each.at) * 1000 for each in client.sent]
