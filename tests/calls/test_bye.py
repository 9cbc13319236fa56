"""A call ends when either side says so, and rtpengine holds nothing of it afterwards."""

import pytest

from calls import messages
from calls.client import Client
from calls.rtpengine import Rtpengine
from calls.talking import hang_up, talk
from calls.wire import Wire


@pytest.mark.ladder("A call, and a BYE from the caller")
def test_the_caller_ends_the_call(
    caller: Client, callee: Client, rtpengine: Rtpengine, wire: Wire
) -> None:
    calling, _ = talk(caller, callee)
    assert rtpengine.holds(calling.call_id)

    hang_up(calling, callee)

    assert rtpengine.forgets(calling.call_id)
    assert [each.name for each in wire.requests("BYE", caller.address)] == ["BYE"]
    assert [each.destination for each in wire.requests("BYE", wire.proxy)] == [callee.address]


@pytest.mark.ladder("A call, and a BYE from the callee")
def test_the_callee_ends_the_call(
    caller: Client, callee: Client, rtpengine: Rtpengine, wire: Wire
) -> None:
    calling, called = talk(caller, callee)
    assert rtpengine.holds(calling.call_id)

    hang_up(called, caller)

    assert rtpengine.forgets(calling.call_id)
    assert [each.name for each in wire.requests("BYE", callee.address)] == ["BYE"]
    assert [each.destination for each in wire.requests("BYE", wire.proxy)] == [caller.address]


def test_the_proxy_records_a_loose_route(caller: Client, callee: Client, wire: Wire) -> None:
    calling, _ = talk(caller, callee)
    hang_up(calling, callee)

    (invite,) = wire.requests("INVITE", wire.proxy)
    (route,) = messages.values(invite.message, "Record-Route")
    assert ";lr" in messages.uri_of(route)
    assert wire.proxy[0] in messages.uri_of(route)
