"""A scripted user agent: it sends what the test says and nothing else, and keeps what it gets."""

import time
from dataclasses import dataclass

from sipmessage import Message, Request, Response

from calls import messages, sdp
from calls.dialog import Dialog
from calls.endpoint import Address, Arrival, Endpoint
from calls.inbox import Inbox, Received
from calls.media import Media
from calls.messages import Headers
from slowbye.hosts import Host

SIP_PORT = 5060


@dataclass(frozen=True)
class Sent:
    """A message as it left, at a time in seconds since the epoch."""

    message: Request | Response
    at: float
    transport: str


class Client(Inbox):
    """One user on one host, over UDP, TCP or TLS.

    Everything it puts into its messages is an attribute that a test may change: ``contact``,
    ``sent_by`` (of its Via), ``route`` (preloaded). What is special to one message is given to the
    method that sends it, or changed in the request before ``send``.

    It does by itself only what keeps UDP reliable: a repeated request is answered again as before.

    Args:
        host: where its sockets live: any host of the inventory.
        proxy: where it sends requests, unless told otherwise.
        user: the user part of its address.
        transport: ``udp``, ``tcp`` or ``tls``: what it sends over. It listens on the first two, at
            the same port.
        address: which of the host's addresses; by default the one on the WAN's side.
        call_id: the suffix of its Call-IDs, by which a capture is cut.
    """

    def __init__(
        self,
        host: Host,
        proxy: Address,
        user: str,
        transport: str = "udp",
        address: str | None = None,
        call_id: str = "calls.test",
    ) -> None:
        super().__init__(user)
        self.host = host
        self.user = user
        self.proxy = proxy
        self.transport = transport
        self.route: list[str] = []
        self.sent: list[Sent] = []
        self.not_sip: list[bytes] = []
        self._call_id_suffix = call_id
        self._arrivals: dict[str, Arrival] = {}
        self._answers: dict[str, bytes] = {}
        self._seen: set[bytes] = set()
        trusts = host.variables.get("client_authority")
        self._endpoint = Endpoint(host, address or host.address, self._arrived, trusts)
        self.address = self._endpoint.address
        self.media = Media(host, self.address[0])
        self.sent_by = "{}:{}".format(*self.address)
        parameter = "" if transport == "udp" else f";transport={transport}"
        self.contact = f"<sip:{user}@{self.sent_by}{parameter}>"

    @property
    def addresses(self) -> set[Address]:
        """Every address that it sends from: one for UDP, and one for each TCP connection."""
        return self._endpoint.addresses

    @property
    def uri(self) -> str:
        """What others dial: its address of record at the proxy."""
        return f"sip:{self.user}@{self.proxy[0]}"

    def close(self) -> None:
        """Close its sockets."""
        self._endpoint.close()
        self.media.close()

    def disconnect(self) -> None:
        """Close its TCP connections, as a client does that loses its network."""
        self._endpoint.disconnect()

    # Requests

    def build(
        self, method: str, uri: str, headers: Headers | None = None, body: bytes = b""
    ) -> Request:
        """Build a request outside of a dialog, complete and not yet sent.

        Args:
            method: its method.
            uri: its Request-URI; its To is the same.
            headers: what is to be different.
            body: SDP, unless ``headers`` say something else.
        """
        request = messages.request(
            method,
            uri,
            {
                "Via": self.via(),
                "Max-Forwards": "70",
                "Route": list(self.route) or None,
                "From": f"<{self.uri}>;tag={messages.token()}",
                "To": f"<{uri}>",
                "Call-ID": self.new_call_id(),
                "CSeq": f"1 {method}",
                "Contact": self.contact,
            },
        )
        messages.set_body(request, body)
        messages.change(request, headers or {})
        return request

    def via(self) -> str:
        """Return a Via with a new branch."""
        return f"SIP/2.0/{self.transport.upper()} {self.sent_by};rport;branch={messages.branch()}"

    def new_call_id(self) -> str:
        """Return a Call-ID that belongs to this test."""
        return f"{messages.token()}-{self._call_id_suffix}"

    def send(self, message: Request | Response, to: Address | None = None) -> None:
        """Send a message as it is.

        A request goes to the proxy, a response where the request came from, unless ``to`` says
        where.
        """
        data = bytes(message)
        back = None
        if isinstance(message, Response):
            via = messages.values(message, "Via")[0]
            self._answers[via] = data
            back = self._arrivals[via] if to is None else None
        transport = back.transport if back else self.transport
        self.sent.append(Sent(message, time.time(), transport))
        if back:
            self._send_back(data, back)
        else:
            self._endpoint.send(data, to or self.proxy, transport)

    def send_bytes(self, data: bytes, to: Address | None = None) -> None:
        """Send anything, to the proxy by default."""
        self._endpoint.send(data, to or self.proxy, self.transport)

    def register(self, expires: int = 120, headers: Headers | None = None) -> Response:
        """Register its contact and return the 200."""
        given = {"To": f"<{self.uri}>", "Expires": str(expires), **(headers or {})}
        request = self.build("REGISTER", f"sip:{self.proxy[0]}", given)
        self.send(request)
        return self.receive_response(200, "REGISTER")

    def invite(
        self,
        uri: str,
        body: bytes | None = None,
        headers: Headers | None = None,
        path: str | None = None,
    ) -> Dialog:
        """Send an INVITE and return the dialog that it may become.

        Args:
            uri: whom.
            body: the offer; by default one with two-way audio, and ``b""`` for a late one.
            headers: what is to be different.
            path: which way ng takes (the header X-Ng-Path, lab only).
        """
        offer = self.sdp() if body is None else body
        chosen = {"X-Ng-Path": path} if path else {}
        request = self.build("INVITE", uri, {**chosen, **(headers or {})}, offer)
        self.send(request)
        return Dialog.calling(self, request)

    def sdp(self, direction: str = "sendrecv", version: int = 1) -> bytes:
        """Describe its media."""
        return sdp.describe(*self.media.address, direction, version)

    # Responses

    def reply(
        self,
        request: Request,
        code: int,
        phrase: str = "",
        headers: Headers | None = None,
        body: bytes = b"",
    ) -> Response:
        """Answer a request, and return what was sent.

        Its To gets a tag when it has none; within a dialog it has one.
        """
        answer = messages.response(request, code, phrase or messages.PHRASES.get(code, "Whatever"))
        to = answer.headers["To"]
        if code > 100 and not messages.tag_of(to):
            answer.headers.set("To", f"{to};tag={messages.token()}")
        messages.set_body(answer, body)
        messages.change(answer, headers or {})
        self.send(answer)
        return answer

    def _arrived(self, arrival: Arrival) -> None:
        try:
            message = Message.parse(arrival.data)
            via = messages.values(message, "Via")[0]
        except (ValueError, IndexError):
            self.not_sip.append(arrival.data)
            return
        repeated = arrival.data in self._seen
        self._seen.add(arrival.data)
        received = Received(message, arrival.at, arrival.source, arrival.transport, repeated)
        if isinstance(message, Request):
            self._arrivals[via] = arrival
            if via in self._answers and message.method != "ACK":
                self._send_back(self._answers[via], arrival)
        self.take_in(received)

    def _send_back(self, data: bytes, request: Arrival) -> None:
        if request.connection is not None:
            self._endpoint.send_over(data, request.connection)
        else:
            self._endpoint.send(data, request.source, "udp")
