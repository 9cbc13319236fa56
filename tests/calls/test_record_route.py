"""The proxy stays in the path of a dialog: Record-Route, and the Route set that comes of it."""

from collections.abc import Callable

import pytest
from sipmessage import Request

from calls import messages
from calls.client import Client
from calls.talking import change_media, hang_up, talk
from calls.wire import Seen, Wire


def _uris(values: list[str]) -> list[str]:
    return [messages.uri_of(value) for value in values]


def _transport(route: str) -> str:
    """Return the transport of a Route's URI; without one it is UDP (RFC 3261 section 18.1.1)."""
    parameters = messages.uri_of(route).split(";")[1:]
    named = [value for name, _, value in (each.partition("=") for each in parameters) if value]
    return next((value for value in named if value in ("tcp", "udp")), "udp")


def _loose(route: str) -> bool:
    return any(each.partition("=")[0] == "lr" for each in messages.uri_of(route).split(";")[1:])


def _assert_loose_routed(request: Seen, to: Client) -> None:
    """The proxy took its Routes away, and the Request-URI is the remote target.

    Over TCP it may go where the connection ends, or name the port at which the client listens.
    """
    assert isinstance(request.message, Request)
    uri = request.message.uri
    assert uri.user == to.user
    assert (uri.host, uri.port) in to.addresses
    assert request.destination in to.addresses
    assert messages.values(request.message, "Route") == []


@pytest.mark.ladder("A call: Record-Route, and the Route set of the requests within it")
def test_requests_within_a_dialog_are_loose_routed_in_both_directions(
    caller: Client, callee: Client, wire: Wire
) -> None:
    calling, called = talk(caller, callee)
    change_media(called, caller, "sendrecv", "sendrecv")
    hang_up(calling, callee)

    first, back = wire.requests("INVITE", wire.proxy)
    (recorded,) = messages.values(first.message, "Record-Route")
    assert _loose(recorded)
    assert calling.route_set == called.route_set == [recorded]
    _assert_loose_routed(back, to=caller)
    (bye,) = wire.requests("BYE", wire.proxy)
    _assert_loose_routed(bye, to=callee)


@pytest.mark.ladder("From UDP to TCP: two Record-Routes")
@pytest.mark.parametrize(("of_caller", "of_callee"), [("udp", "tcp"), ("tcp", "udp")])
def test_a_change_of_transport_is_recorded_twice_and_works_in_both_directions(
    new_client: Callable[..., Client], wire: Wire, of_caller: str, of_callee: str
) -> None:
    caller = new_client("caller", transport=of_caller)
    callee = new_client("callee", transport=of_callee)
    caller.register()
    callee.register()

    calling, called = talk(caller, callee)
    change_media(called, caller, "sendrecv", "sendrecv")
    hang_up(calling, callee)

    # Each side's first Route is the proxy as that side reaches it.
    assert [_transport(route) for route in called.route_set] == [of_callee, of_caller]
    assert [_transport(route) for route in calling.route_set] == [of_caller, of_callee]
    assert all(_loose(route) for route in called.route_set)
    assert _uris(calling.route_set) == _uris(called.route_set)[::-1]
    _, back = wire.requests("INVITE", wire.proxy)
    assert back.transport == of_caller
    _assert_loose_routed(back, to=caller)
    (bye,) = [each for each in wire.requests("BYE") if each.destination in callee.addresses]
    assert bye.transport == of_callee
    _assert_loose_routed(bye, to=callee)


def test_the_ack_of_a_200_is_loose_routed_to_the_callee(
    caller: Client, callee: Client, wire: Wire
) -> None:
    calling, _ = talk(caller, callee)
    hang_up(calling, callee)

    sent, relayed = wire.requests("ACK")
    assert messages.values(sent.message, "Route") == calling.route_set
    _assert_loose_routed(relayed, to=callee)


def test_the_ack_of_a_refusal_ends_at_the_proxy(caller: Client, callee: Client, wire: Wire) -> None:
    calling = caller.invite(callee.uri)
    invite = callee.receive_request("INVITE")
    callee.reply(invite, 486)
    calling.ack_failure(calling.receive(486))
    # Once the proxy has answered this, it has seen the ACK.
    caller.send(caller.build("OPTIONS", f"sip:{caller.proxy[0]}"))
    caller.receive_response(200, "OPTIONS")

    of_proxy = wire.requests("ACK", wire.proxy)
    assert [each.destination for each in of_proxy] == [callee.address]
    # It is the proxy's own, of the transaction of its INVITE (section 17.1.1.3).
    (via,) = messages.values(of_proxy[0].message, "Via")
    assert via == messages.values(invite, "Via")[0]


def test_a_client_that_keeps_no_route_set_hangs_up_by_the_name_it_dialled(
    caller: Client, callee: Client, wire: Wire
) -> None:
    calling, _ = talk(caller, callee)
    calling.route_set, calling.remote_target = [], callee.uri
    hang_up(calling, callee)

    (bye,) = wire.requests("BYE", wire.proxy)
    assert bye.destination == callee.address


def test_a_request_within_a_dialog_without_a_route_is_not_relayed_to_strangers(
    caller: Client, callee: Client, wire: Wire
) -> None:
    calling, _ = talk(caller, callee)
    recorded = calling.route_set
    calling.route_set = []
    calling.send("BYE")
    caller.receive_response(404, "BYE")
    calling.route_set = recorded
    hang_up(calling, callee)

    assert len(wire.requests("BYE", wire.proxy)) == 1
