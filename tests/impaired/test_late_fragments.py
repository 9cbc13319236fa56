"""The WAN as somebody left it, delaying fragments by seconds: what a call feels of that."""

from one_call import place_one
from slowbye.hosts import Inventory

_FAST_MS = 500.0
_SLOW_MS = 2000.0


def test_a_call_through_the_tunnel_ends_at_once(lab: Inventory) -> None:
    assert _bye_ms(lab, "ngtunnel") < _FAST_MS


def test_a_call_without_it_does_not(lab: Inventory) -> None:
    # Otherwise nothing was cured: see `slowbye wan show` on the router.
    assert _bye_ms(lab, "direct") > _SLOW_MS


def _bye_ms(lab: Inventory, path: str) -> float:
    (call,) = place_one(lab.first("clients"), lab.first("sip"), path, "2s", 2000).calls
    assert not call.failure, call.failure
    assert call.rtp_ok
    assert call.bye is not None
    return call.bye.ms
