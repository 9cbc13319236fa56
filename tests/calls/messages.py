"""SIP messages built header by header, so that a test can change any of them."""

import re
import secrets
from collections.abc import Mapping

from sipmessage import URI, Request, Response

Headers = Mapping[str, str | list[str] | None]
"""What a test wants different: a value, several, or None for "leave this header out"."""

SDP = "application/sdp"

PHRASES = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    302: "Moved Temporarily",
    404: "Not Found",
    480: "Temporarily Unavailable",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    603: "Decline",
}

_BRANCH_COOKIE = "z9hG4bK"
_COPIED = ("Via", "Record-Route", "From", "To", "Call-ID", "CSeq")

# A comma within <> belongs to a URI.
_LISTED = re.compile(r'((?:[^,<"]|"(?:[^"\\]|\\.)*"|<[^>]*>)+)')


def token() -> str:
    """Return what has not been used before."""
    return secrets.token_hex(5)


def branch() -> str:
    """Return the branch of a new transaction (RFC 3261 section 8.1.1.7)."""
    return _BRANCH_COOKIE + token()


def values(message: Request | Response, name: str) -> list[str]:
    """Return a header's values in order, character by character as they came.

    Several in one line are taken apart; only for headers that are lists (Via, Route,
    Record-Route, Contact).
    """
    return [
        value.strip() for line in message.headers.getlist(name) for value in _LISTED.findall(line)
    ]


def uri_of(address: str) -> str:
    """Return the URI of a Contact, Route or Record-Route."""
    inside = re.search(r"<([^>]*)>", address)
    return inside[1] if inside else address.partition(";")[0]


def tag_of(address: str) -> str:
    """Return the tag of a From or To; empty when it has none."""
    found = re.search(r";\s*tag=([^;>\s]+)", address.rpartition(">")[2] or address)
    return found[1] if found else ""


def request(method: str, uri: str, headers: Headers, body: bytes = b"") -> Request:
    """Build a request from its lines; the URI may be any that sipmessage can write."""
    message = Request(method, URI.parse(uri), body)
    change(message, headers)
    return message


def response(
    to: Request, code: int, phrase: str, headers: Headers | None = None, body: bytes = b""
) -> Response:
    """Build the response to a request (RFC 3261 section 8.2.6)."""
    message = Response(code, phrase, body)
    for name in _COPIED:
        lines = to.headers.getlist(name)
        if lines:
            message.headers.setlist(name, list(lines))
    change(message, headers or {})
    return message


def change(message: Request | Response, headers: Headers) -> None:
    """Set, add or remove headers."""
    for name, value in headers.items():
        if value is None:
            message.headers.remove(name)
        elif isinstance(value, str):
            message.headers.set(name, value)
        else:
            message.headers.setlist(name, list(value))


def set_body(message: Request | Response, body: bytes, kind: str = SDP) -> None:
    """Give a message a body, with its length and, unless it is empty, its type."""
    message.body = body
    if body:
        message.headers.set("Content-Type", kind)
    message.headers.set("Content-Length", str(len(body)))


def name_of(message: Request | Response) -> str:
    """Say what it is: ``INVITE``, or ``200 OK (INVITE)``."""
    if isinstance(message, Request):
        return message.method
    method = (message.headers.get("CSeq") or "?").split()[-1]
    return f"{message.code} {message.phrase} ({method})"
