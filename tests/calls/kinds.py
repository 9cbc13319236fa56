"""Whole calls, each of one kind, from the first INVITE to the last ACK.

Each function takes a caller, a callee and which way ng takes, and returns the call's Call-ID when
the call is over for both sides.
"""

from collections.abc import Callable

from calls.client import Client
from calls.dialog import Dialog
from calls.talking import change_media, hang_up, invite, pick_up, talk

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
    calling, called = invite(caller, callee, path=path)
    called.ring()
    calling.receive(180)
    calling.cancel()
    caller.receive_response(200, "CANCEL")
    _give_up_ringing(called)
    calling.ack_failure(calling.receive(487))
    return calling.call_id


def _give_up_ringing(called: Dialog) -> None:
    """Take the CANCEL, and end the INVITE."""
    callee = called.client
    callee.reply(callee.receive_request("CANCEL"), 200)
    called.respond(487)
    callee.receive_request("ACK")


def busy(caller: Client, callee: Client, path: str | None = None) -> str:
    """486 Busy Here."""
    return _refused(caller, callee, path, 486)


def unavailable(caller: Client, callee: Client, path: str | None = None) -> str:
    """480 Temporarily Unavailable."""
    return _refused(caller, callee, path, 480)


def _refused(caller: Client, callee: Client, path: str | None, code: int) -> str:
    calling, called = invite(caller, callee, path=path)
    called.respond(code)
    callee.receive_request("ACK")
    calling.ack_failure(calling.receive(code))
    return calling.call_id


def unanswered(caller: Client, callee: Client, path: str | None = None) -> str:
    """It rings for as long as the invitation stands; then the proxy cancels it.

    And says 408, unless the callee's 487 is faster: OpenSIPS cancels first (RFC 3261 section 16.8).
    """
    calling, called = invite(caller, callee, path=path, headers={"Expires": str(RINGS_S)})
    called.ring()
    calling.receive(180)
    _give_up_ringing(called)
    over = caller.receive_failure("INVITE")
    assert over.code in (408, 487)
    calling.ack_failure(over)
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
    calling, called = invite(caller, callee, b"", path)
    pick_up(calling, called, caller.sdp())
    hang_up(calling, callee)
    return calling.call_id


def heard_early(caller: Client, callee: Client, path: str | None = None) -> str:
    """183 with SDP before the 200, which has the same again."""
    calling, called = invite(caller, callee, path=path)
    called.respond(183, body=callee.sdp())
    calling.receive(183)
    pick_up(calling, called)
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
