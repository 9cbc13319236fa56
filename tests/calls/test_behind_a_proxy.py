"""What has passed another proxy comes from that proxy, which says nothing about the client."""

from collections.abc import Callable

import pytest

from calls import messages
from calls.client import Client
from calls.dialog import Dialog
from calls.messages import Headers
from calls.reach import bound_to
from calls.wire import Wire

_INSIDE = "192.168.1.7:5060"
"""Where a client is that only the edge proxy can reach."""


@pytest.fixture
def edge(new_client: Callable[..., Client]) -> Client:
    """A proxy between a client and ours: it sends what it got, with a Via of its own on top."""
    return new_client("edge")


def _through(edge: Client) -> list[str]:
    return [edge.via(), f"SIP/2.0/UDP {_INSIDE};branch={messages.branch()}"]


@pytest.mark.ladder("An INVITE that has passed another proxy")
def test_an_invite_keeps_its_contact(edge: Client, callee: Client) -> None:
    contact = f"<sip:{edge.user}@{_INSIDE}>"
    calling = edge.invite(callee.uri, headers={"Via": _through(edge), "Contact": contact})

    invite = callee.receive_request("INVITE")
    assert messages.values(invite, "Contact") == [contact]

    Dialog.called(callee, invite).respond(486)
    callee.receive_request("ACK")
    calling.ack_failure(calling.receive(486))


def test_an_answer_that_passed_another_proxy_keeps_its_contact(
    caller: Client, edge: Client
) -> None:
    edge.register()
    calling = caller.invite(edge.uri)
    invite = edge.receive_request("INVITE")
    contact = f"<sip:{edge.user}@{_INSIDE}>"
    recorded = [f"<sip:{edge.sent_by};lr>", *messages.values(invite, "Record-Route")]
    edge.reply(invite, 200, headers={"Contact": contact, "Record-Route": recorded}, body=edge.sdp())

    assert messages.values(calling.receive(200), "Contact") == [contact]

    calling.ack()
    edge.receive_request("ACK")
    edge_leg = calling.build("BYE")
    caller.send(edge_leg)
    edge.reply(edge.receive_request("BYE"), 200)
    caller.receive_response(200, "BYE")


def test_a_registration_goes_by_its_contact(edge: Client, wire: Wire) -> None:
    contact = f"<sip:{edge.user}@{_INSIDE}>"
    edge.register(headers={"Via": _through(edge), "Contact": contact})

    (ok,) = wire.responses(200, "REGISTER", wire.proxy)
    (bound,) = messages.values(ok.message, "Contact")
    assert messages.uri_of(bound) == messages.uri_of(contact)
    assert bound_to(bound) is None


@pytest.mark.ladder("A registration with a Path, and a call along it")
def test_a_call_follows_the_path_of_the_registration(
    caller: Client, edge: Client, wire: Wire
) -> None:
    path = f"<sip:{edge.sent_by};lr>"
    contact = f"<sip:{edge.user}@{_INSIDE}>"
    headers: Headers = {
        "Via": _through(edge),
        "Contact": contact,
        "Path": path,
        "Supported": "path",
    }
    ok = edge.register(headers=headers)
    assert ok.headers["Path"] == path

    calling = caller.invite(edge.uri)
    invite = edge.receive_request("INVITE")
    assert str(invite.uri) == messages.uri_of(contact)
    assert messages.values(invite, "Route") == [path]
    (sent,) = wire.requests("INVITE", wire.proxy)
    assert sent.destination == edge.address

    Dialog.called(edge, invite).respond(486)
    edge.receive_request("ACK")
    calling.ack_failure(calling.receive(486))
