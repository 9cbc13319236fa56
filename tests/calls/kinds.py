"""Whole calls, each of one kind, from the first INVITE to the last ACK.

Each function takes a caller, a callee and which way ng takes, and returns the call's Call-ID when
the call is over for both sides.
"""

from collections.abc import Callable

from calls.client import Client
from calls.dialog import Dialog
from calls.talking import hang_up, talk

Kind = Callable[[Client, Client, str | None], str]

RINGS_S = 1
"""For how long an invitation to nobody rings."""


def ended_by_the_caller(caller: Client, callee: Client, path: str | None = None) -> str:
    """BYE from the caller."""
    calling, _ = talk(caller, callee, path)
    hang_up(calling, callee)
    return calling.call_id


def ended_by_the_callee(caller: Client, callee: Client, path: str | None = None) -> str:
    """BYE from the callee, who knows nothing of the way that ng takes."""
    calling, called = talk(caller, callee, path)
    hang_up(called, caller)
    return calling.call_id


def cancelled(caller: Client, callee: Client, path: str | None = None) -> str:
    """CANCEL while it rings."""
    calling = caller.invite(callee.uri, path=path)
    called = Dialog.called(callee, callee.receive_request("INVITE"))
    called.ring()
    calling.receive(180)
    calling.cancel()
    caller.receive_response(200, "CANCEL")
    callee.reply(callee.receive_request("CANCEL"), 200)
    called.respond(487)
    callee.receive_request("ACK")
    calling.ack_failure(calling.receive(487))
    return calling.call_id


def busy(caller: Client, callee: Client, path: str | None = None) -> str:
    """486 Busy Here."""
    return _refused(caller, callee, path, 486)


def unavailable(caller: Client, callee: Client, path: str | None = None) -> str:
    """480 Temporarily Unavailable."""
    return _refused(caller, callee, path, 480)


def _refused(caller: Client, callee: Client, path: str | None, code: int) -> str:
    calling = caller.invite(callee.uri, path=path)
    called = Dialog.called(callee, callee.receive_request("INVITE"))
    called.respond(code)
    callee.receive_request("ACK")
    calling.ack_failure(calling.receive(code))
    return calling.call_id


def unanswered(caller: Client, callee: Client, path: str | None = None) -> str:
    """It rings for as long as the invitation stands; then the proxy says 408 and cancels it."""
    calling = caller.invite(callee.uri, headers={"Expires": str(RINGS_S)}, path=path)
    called = Dialog.called(callee, callee.receive_request("INVITE"))
    called.ring()
    calling.receive(180)
    callee.reply(callee.receive_request("CANCEL"), 200)
    called.respond(487)
    callee.receive_request("ACK")
    calling.ack_failure(calling.receive(408))
    return calling.call_id


def held_and_resumed(caller: Client, callee: Client, path: str | None = None) -> str:
    """The caller holds the call and resumes it, then the callee does; and BYE."""
    calling, called = talk(caller, callee, path)
    change_media(calling, callee, "sendonly", "recvonly")
    change_media(calling, callee, "sendrecv", "sendrecv")
    change_media(called, caller, "inactive", "inactive")
    change_media(called, caller, "sendrecv", "sendrecv")
    hang_up(calling, callee)
    return calling.call_id


def offered_late(caller: Client, callee: Client, path: str | None = None) -> str:
    """INVITE without SDP: the 200 has the offer, and the ACK the answer."""
    calling = caller.invite(callee.uri, b"", path=path)
    called = Dialog.called(callee, callee.receive_request("INVITE"))
    called.answer()
    calling.receive(200)
    calling.ack(body=caller.sdp())
    callee.receive_request("ACK")
    hang_up(calling, callee)
    return calling.call_id


def heard_early(caller: Client, callee: Client, path: str | None = None) -> str:
    """183 with SDP before the 200, which has the same again."""
    calling = caller.invite(callee.uri, path=path)
    called = Dialog.called(callee, callee.receive_request("INVITE"))
    called.respond(183, body=callee.sdp())
    calling.receive(183)
    called.answer()
    calling.receive(200)
    calling.ack()
    callee.receive_request("ACK")
    hang_up(calling, callee)
    return calling.call_id


def updated(caller: Client, callee: Client, path: str | None = None) -> str:
    """UPDATE with a new offer (RFC 3311), in the middle of the call."""
    calling, _ = talk(caller, callee, path)
    calling.send("UPDATE", body=caller.sdp("sendonly", 2))
    callee.reply(
        callee.receive_request("UPDATE"),
        200,
        headers={"Contact": callee.contact, "Content-Type": "application/sdp"},
        body=callee.sdp("recvonly", 2),
    )
    caller.receive_response(200, "UPDATE")
    hang_up(calling, callee)
    return calling.call_id


def change_media(who: Dialog, other: Client, offer: str, answer: str) -> tuple[bytes, bytes]:
    """Send a re-INVITE with new directions; return what each side got to see of the other's SDP."""
    who.offer(offer)
    invite = other.receive_request("INVITE")
    other.reply(invite, 200, headers={"Contact": other.contact}, body=other.sdp(answer, who.offers))
    accepted = who.receive(200)
    who.ack()
    other.receive_request("ACK")
    return invite.body, accepted.body


KINDS: tuple[Kind, ...] = (
    ended_by_the_caller,
    ended_by_the_callee,
    cancelled,
    busy,
    unavailable,
    unanswered,
    held_and_resumed,
    offered_late,
    heard_early,
    updated,
)
