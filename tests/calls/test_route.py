"""Route in requests: ours is consumed, a stranger's is refused, and strict routers are served."""

from collections.abc import Callable

import pytest
from sipmessage import Request

from calls import messages
from calls.client import Client
from calls.talking import hang_up, talk
from calls.wire import Wire


@pytest.fixture
def stranger(new_client: Callable[..., Client]) -> Client:
    """Somebody who listens, and of whom the proxy knows nothing."""
    return new_client("stranger")


def _route(client: Client, loose: bool = True) -> str:
    return f"<sip:{client.sent_by}{';lr' if loose else ''}>"


def _ours(client: Client) -> str:
    return f"<sip:{client.proxy[0]};lr>"


def test_a_preloaded_route_to_us_is_consumed(caller: Client, callee: Client, wire: Wire) -> None:
    caller.route = [_ours(caller)]
    calling, _ = talk(caller, callee)
    hang_up(calling, callee)

    (invite,) = wire.requests("INVITE", wire.proxy)
    assert invite.destination == callee.address
    assert messages.values(invite.message, "Route") == []


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE", "REGISTER"])
@pytest.mark.parametrize("after_ours", [False, True], ids=["alone", "after ours"])
def test_a_preloaded_route_to_somebody_else_is_refused(
    caller: Client, callee: Client, stranger: Client, wire: Wire, method: str, after_ours: bool
) -> None:
    caller.route = [*([_ours(caller)] if after_ours else []), _route(stranger)]
    uri = callee.uri if method != "REGISTER" else f"sip:{caller.proxy[0]}"
    caller.send(caller.build(method, uri))
    caller.receive_response(403, method)

    assert wire.requests(method, wire.proxy) == []


def test_a_request_within_a_dialog_whose_route_names_somebody_else_is_refused(
    caller: Client, callee: Client, stranger: Client, wire: Wire
) -> None:
    calling, _ = talk(caller, callee)
    recorded = calling.route_set
    calling.route_set = [_route(stranger)]
    calling.send("BYE")
    caller.receive_response(403, "BYE")
    calling.route_set = recorded
    hang_up(calling, callee)

    assert {each.destination for each in wire.requests("BYE", wire.proxy)} == {callee.address}


def test_a_stranger_with_a_route_but_without_a_user_of_ours_is_refused(
    stranger: Client, wire: Wire
) -> None:
    stranger.route = [_ours(stranger)]
    stranger.send(stranger.build("MESSAGE", f"sip:somebody@{stranger.sent_by}"))
    stranger.receive_response(403, "MESSAGE")

    assert wire.requests("MESSAGE", wire.proxy) == []


@pytest.mark.ladder("A strict router is next: its URI becomes the Request-URI")
def test_a_strict_router_that_comes_next_finds_itself_in_the_request_uri(
    caller: Client, callee: Client, stranger: Client, wire: Wire
) -> None:
    calling, _ = talk(caller, callee)
    target = calling.remote_target
    calling.route_set = [*calling.route_set, _route(stranger, loose=False)]
    calling.send("BYE")
    bye = stranger.receive_request("BYE")

    # RFC 3261 section 16.6, step 6: the target goes to the end of the Route.
    assert str(bye.uri) == f"sip:{stranger.sent_by}"
    assert [messages.uri_of(each) for each in messages.values(bye, "Route")] == [target]

    stranger.reply(bye, 200)
    caller.receive_response(200, "BYE")


@pytest.mark.ladder("A strict router came before: our URI is the Request-URI")
def test_a_request_from_a_strict_router_gets_its_target_back(
    caller: Client, callee: Client, wire: Wire
) -> None:
    calling, _ = talk(caller, callee)
    target = calling.remote_target
    # RFC 3261 section 16.4: who came before made our Record-Route the Request-URI.
    (recorded,) = calling.route_set
    calling.remote_target, calling.route_set = messages.uri_of(recorded), [f"<{target}>"]
    hang_up(calling, callee)

    (bye,) = wire.requests("BYE", wire.proxy)
    assert bye.destination == callee.address
    assert isinstance(bye.message, Request)
    assert str(bye.message.uri) == messages.uri_of(callee.contact)
    assert messages.values(bye.message, "Route") == []
