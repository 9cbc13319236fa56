"""One side of a call: what RFC 3261 section 12 has it remember, and what a test may override."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipmessage import Request, Response

from calls import messages

if TYPE_CHECKING:
    from calls.client import Client
    from calls.messages import Headers


_OF_TRANSACTION = ("Via", "Max-Forwards", "From", "To", "Call-ID")


class Dialog:
    """A dialog from one client's point of view.

    Its state are plain attributes: ``route_set`` (header values as they came, in the order in which
    they go into Route), ``remote_target`` (a URI), ``local``, ``remote`` (the values of From and
    To), ``call_id``, ``sequence`` (of the last request that this side sent), ``answered`` (the
    last 2xx that it got). A test that wants a client to do something else changes them.
    """

    def __init__(self, client: Client, invite: Request, local: str, remote: str) -> None:
        self.client = client
        self.invite = invite
        self.call_id = invite.call_id
        self.local = local
        self.remote = remote
        self.sequence = 0
        self.route_set: list[str] = []
        self.remote_target = ""
        self.answered: Response | None = None
        self.offers = 1
        self._confirmed = False

    @classmethod
    def calling(cls, client: Client, invite: Request) -> Dialog:
        """Begin as the caller, whose INVITE has been sent."""
        self = cls(client, invite, invite.headers["From"], invite.headers["To"])
        self.sequence = invite.cseq.sequence
        self.remote_target = str(invite.uri)
        return self

    @classmethod
    def called(cls, client: Client, invite: Request) -> Dialog:
        """Begin as the callee, who has received the INVITE (section 12.1.1)."""
        tagged = f"{invite.headers['To']};tag={messages.token()}"
        self = cls(client, invite, tagged, invite.headers["From"])
        self.route_set = messages.values(invite, "Record-Route")
        self._confirmed = True
        self.remote_target = messages.uri_of(invite.headers["Contact"])
        return self

    # The caller's side

    def receive(self, code: int, timeout_s: float | None = None) -> Response:
        """Wait for a response to the INVITE and learn from it (section 12.1.2)."""
        wait = {} if timeout_s is None else {"timeout_s": timeout_s}
        response = self.client.receive_response(code, "INVITE", **wait)
        if 100 < code < 300:
            self.learn(response)
        return response

    def learn(self, response: Response) -> None:
        """Take the remote tag and target, and once the route set, from a response."""
        self.remote = response.headers["To"]
        if response.headers.get("Contact"):
            self.remote_target = messages.uri_of(response.headers["Contact"])
        if not self._confirmed:
            self.route_set = list(reversed(messages.values(response, "Record-Route")))
        if 200 <= response.code < 300:
            self.answered = response
            self._confirmed = True

    def ack(self, headers: Headers | None = None, body: bytes = b"") -> Request:
        """Acknowledge the 200 of the last INVITE of this side (section 13.2.2.4)."""
        request = self.build("ACK", headers, body)
        self.client.send(request)
        return request

    def ack_failure(self, response: Response) -> None:
        """Acknowledge a negative response, hop by hop (section 17.1.1.3)."""
        self.client.send(self.of_invite("ACK", {"To": response.headers["To"]}))

    def cancel(self) -> Request:
        """Cancel the INVITE (section 9.1)."""
        request = self.of_invite("CANCEL")
        self.client.send(request)
        return request

    def of_invite(self, method: str, headers: Headers | None = None) -> Request:
        """Build what belongs to the INVITE's own transaction: CANCEL, and the ACK of a failure."""
        request = messages.request(
            method,
            str(self.invite.uri),
            {
                **{name: self.invite.headers.getlist(name)[:1] for name in _OF_TRANSACTION},
                "Route": list(self.invite.headers.getlist("Route")) or None,
                "CSeq": f"{self.invite.cseq.sequence} {method}",
            },
        )
        messages.set_body(request, b"")
        messages.change(request, headers or {})
        return request

    # The callee's side

    def respond(
        self, code: int, phrase: str = "", headers: Headers | None = None, body: bytes = b""
    ) -> Response:
        """Answer the INVITE with this dialog's tag, and this client's Contact."""
        own: Headers = {"To": self.local, "Contact": self.client.contact}
        return self.client.reply(self.invite, code, phrase, {**own, **(headers or {})}, body)

    def ring(self) -> Response:
        """Send 180 Ringing."""
        return self.respond(180)

    def answer(self, body: bytes | None = None, headers: Headers | None = None) -> Response:
        """Send 200 OK, by default with an answer for two-way audio."""
        return self.respond(200, "", headers, self.client.sdp() if body is None else body)

    # Both sides

    def build(self, method: str, headers: Headers | None = None, body: bytes = b"") -> Request:
        """Build a request within the dialog (section 12.2.1.1), not yet sent."""
        if method not in ("ACK", "CANCEL"):
            self.sequence += 1
        request = messages.request(
            method,
            self.remote_target,
            {
                "Via": self.client.via(),
                "Max-Forwards": "70",
                "Route": list(self.route_set) or None,
                "From": self.local,
                "To": self.remote,
                "Call-ID": self.call_id,
                "CSeq": f"{self.sequence} {method}",
                "Contact": self.client.contact,
            },
        )
        messages.set_body(request, body)
        messages.change(request, headers or {})
        return request

    def send(self, method: str, headers: Headers | None = None, body: bytes = b"") -> Request:
        """Build and send a request within the dialog."""
        request = self.build(method, headers, body)
        self.client.send(request)
        return request

    def offer(self, direction: str, headers: Headers | None = None) -> Request:
        """Send a re-INVITE that changes the direction of the media."""
        self.offers += 1
        body = self.client.sdp(direction, self.offers)
        self.invite = self.send("INVITE", headers, body)
        return self.invite
