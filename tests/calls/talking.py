"""Calls as most tests need them: set up, and ended."""

from calls.client import Client
from calls.dialog import Dialog
from calls.messages import Headers


def talk(
    caller: Client, callee: Client, path: str | None = None, headers: Headers | None = None
) -> tuple[Dialog, Dialog]:
    """Set up a call and return the caller's and the callee's dialog.

    Args:
        caller: who sends the INVITE.
        callee: who rings and answers.
        path: which way ng takes (lab only).
        headers: what the INVITE has besides.
    """
    calling = caller.invite(callee.uri, headers=headers, path=path)
    called = Dialog.called(callee, callee.receive_request("INVITE"))
    called.ring()
    calling.receive(180)
    called.answer()
    calling.receive(200)
    calling.ack()
    callee.receive_request("ACK")
    return calling, called


def hang_up(who: Dialog, other: Client) -> None:
    """Send BYE, have it answered, and wait for the answer."""
    who.send("BYE")
    other.reply(other.receive_request("BYE"), 200)
    who.client.receive_response(200, "BYE")
