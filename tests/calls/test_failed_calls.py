"""A call that does not come about leaves nothing at rtpengine, and everybody learns of it."""

from collections.abc import Callable

import pytest

from calls.client import Client
from calls.kinds import busy, cancelled, unanswered
from calls.rtpengine import Rtpengine
from calls.talking import hang_up, invite
from calls.wire import Wire


@pytest.mark.ladder("A call is cancelled while it rings")
def test_media_is_released_once_the_callee_has_ended_the_invite(
    caller: Client, callee: Client, wire: Wire, rtpengine: Rtpengine
) -> None:
    call_id = cancelled(caller, callee)

    (terminated,) = wire.responses(487, "INVITE", callee.address)
    (cancel,) = wire.requests("CANCEL", wire.proxy)
    (invite,) = wire.requests("INVITE", wire.proxy)
    assert cancel.destination == callee.address
    assert cancel.message.via[0].parameters["branch"] == invite.message.via[0].parameters["branch"]
    (delete,) = [each for each in wire.ng() if each.command == "delete"]
    assert delete.first_ms / 1000 >= terminated.at
    assert rtpengine.forgets(call_id)


def test_a_cancel_that_crosses_the_answer_leaves_the_call_its_media(
    caller: Client, callee: Client, rtpengine: Rtpengine
) -> None:
    calling, called = invite(caller, callee)
    called.answer()
    calling.receive(200)
    calling.cancel()
    calling.ack()
    callee.receive_request("ACK")
    assert rtpengine.holds(calling.call_id)

    hang_up(calling, callee)
    assert rtpengine.forgets(calling.call_id)


@pytest.mark.ladder("The callee is busy")
def test_a_refusal_reaches_the_caller_as_it_was(
    caller: Client, callee: Client, wire: Wire, rtpengine: Rtpengine
) -> None:
    call_id = busy(caller, callee)
    (refusal,) = wire.responses(486, "INVITE", wire.proxy)
    assert refusal.destination == caller.address
    assert rtpengine.forgets(call_id)


@pytest.mark.ladder("Nobody answers for as long as the invitation stands")
def test_a_call_that_nobody_answers_is_cancelled_when_its_invitation_expires(
    caller: Client, callee: Client, wire: Wire, rtpengine: Rtpengine
) -> None:
    call_id = unanswered(caller, callee)
    (cancel,) = wire.requests("CANCEL", wire.proxy)
    assert cancel.destination == callee.address
    assert rtpengine.forgets(call_id)


def test_a_call_to_a_phone_by_a_transport_that_the_proxy_lacks_leaves_nothing(
    caller: Client, new_client: Callable[..., Client], rtpengine: Rtpengine
) -> None:
    phone = new_client("phone")
    phone.contact = f"<sip:{phone.user}@{phone.sent_by};transport=sctp>"
    phone.register()
    calling = caller.invite(phone.uri)
    calling.ack_failure(caller.receive_failure("INVITE"))
    assert rtpengine.forgets(calling.call_id)
