"""Calls as most tests need them: set up, changed, and ended."""

from calls.client import Client
from calls.dialog import Dialog
from calls.messages import Headers


def is_answered(client: Client, within_s: float = 1.0) -> bool:
    """Whether the proxy itself answers OPTIONS; over a WAN that is idle it does so at once."""
    client.send(client.build("OPTIONS", f"sip:{client.proxy[0]}"))
    try:
        client.receive_response(200, "OPTIONS", within_s)
    except AssertionError:
        return False
    return True


def invite(
    caller: Client,
    callee: Client,
    body: bytes | None = None,
    path: str | None = None,
    headers: Headers | None = None,
) -> tuple[Dialog, Dialog]:
    """Send an INVITE, have it arrive, and return the caller's and the callee's dialog.

    Args:
        caller: who sends the INVITE.
        callee: who gets it.
        body: the offer, if not the usual one.
        path: which way ng takes (lab only).
        headers: what the INVITE has besides.
    """
    calling = caller.invite(callee.uri, body, headers, path)
    return calling, Dialog.called(callee, callee.receive_request("INVITE"))


def pick_up(calling: Dialog, called: Dialog, body: bytes = b"") -> None:
    """Have the callee answer, and the caller's ACK, which may have a body, arrive."""
    called.answer()
    calling.receive(200)
    calling.ack(body=body)
    called.client.receive_request("ACK")


def talk(
    caller: Client, callee: Client, path: str | None = None, headers: Headers | None = None
) -> tuple[Dialog, Dialog]:
    """Set up a call that rings before it is answered: see :func:`invite`."""
    calling, called = invite(caller, callee, path=path, headers=headers)
    called.ring()
    calling.receive(180)
    pick_up(calling, called)
    return calling, called


def change_media(who: Dialog, other: Client, offer: str, answer: str) -> tuple[bytes, bytes]:
    """Send a re-INVITE with new directions; return what each side got to see of the other's SDP."""
    who.offer(offer)
    invited = other.receive_request("INVITE")
    body = other.sdp(answer, who.offers)
    other.reply(invited, 200, headers={"Contact": other.contact}, body=body)
    accepted = who.receive(200)
    who.ack()
    other.receive_request("ACK")
    return invited.body, accepted.body


def hang_up(who: Dialog, other: Client) -> None:
    """Send BYE, have it answered, and wait for the answer."""
    who.send("BYE")
    other.reply(other.receive_request("BYE"), 200)
    who.client.receive_response(200, "BYE")
