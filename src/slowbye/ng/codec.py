"""The ng datagram: ``COOKIE SPACE DICTIONARY``, the dictionary in bencode or JSON.

Source: rtpengine, docs/ng_control_protocol.md, "Basics". rtpengine answers in the encoding it
was asked in, and writes bencoded dictionaries with *unsorted* keys, which the bencode
specification forbids; they are accepted here.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from bencodepy import Bencode, BencodeDecodeError  # type: ignore[import-untyped]

from slowbye.ng.errors import NgBodyError, NgCookieError, NgKindError

Value: TypeAlias = "int | str | bytes | list[Value] | dict[str, Value]"
Body: TypeAlias = dict[str, Value]

MAX_DATAGRAM_BYTES = 65_535
"""The largest UDP datagram: nothing longer is looked at."""

_MAX_COOKIE_BYTES = 255
"""Real cookies have 10 to 40 bytes; a bound keeps a stray packet from being scanned to its end."""

_SHOWN_BYTES = 24

_BENCODE = Bencode(encoding="utf-8", encoding_fallback="value")


class Encoding(StrEnum):
    """How the dictionary is written."""

    BENCODE = "bencode"
    JSON = "json"


@dataclass(frozen=True)
class Request:
    """What a proxy asks of rtpengine.

    Attributes:
        cookie: unique for each request; the same again means "retransmitted".
        command: ``ping``, ``offer``, ``answer``, ``delete``, ``query`` …
        body: the whole dictionary, ``command`` included.
    """

    cookie: str
    command: str
    body: Body
    encoding: Encoding = Encoding.BENCODE


@dataclass(frozen=True)
class Reply:
    """What rtpengine answers.

    Attributes:
        cookie: the request's.
        result: ``ok``, ``pong``, ``error``, ``load limit`` …
        body: the whole dictionary, ``result`` included.
    """

    cookie: str
    result: str
    body: Body
    encoding: Encoding = Encoding.BENCODE


def proxy_cookie(cookie: str) -> str:
    """Return a cookie as the proxy made it: ngtunnel puts ``MARK~`` before it for rtpengine."""
    return cookie.rpartition("~")[2]


def encode_command(
    cookie: str,
    command: str,
    arguments: Body | None = None,
    encoding: Encoding = Encoding.BENCODE,
) -> bytes:
    """Write a request.

    Args:
        cookie: any printable text without white space.
        command: the ng command.
        arguments: the other keys of the dictionary.
        encoding: bencode, which all versions of rtpengine understand, or JSON.

    Returns:
        The datagram.

    Raises:
        NgCookieError: the cookie is empty, too long or has white space in it.
    """
    return _encode(cookie, {**(arguments or {}), "command": command}, encoding)


def encode_reply(
    cookie: str, result: str, body: Body | None = None, encoding: Encoding = Encoding.BENCODE
) -> bytes:
    """Write a reply, as rtpengine would.

    Raises:
        NgCookieError: as for :func:`encode_command`.
    """
    return _encode(cookie, {**(body or {}), "result": result}, encoding)


def decode(datagram: bytes) -> Request | Reply:
    """Read a request or a reply.

    Raises:
        NgCookieError: there is no cookie.
        NgBodyError: the rest is not a dictionary in bencode or JSON.
        NgKindError: the dictionary has neither ``command`` nor ``result``.
    """
    cookie, encoding, body = _split(datagram)
    command, result = body.get("command"), body.get("result")
    if isinstance(command, str):
        return Request(cookie, command, body, encoding)
    if isinstance(result, str):
        return Reply(cookie, result, body, encoding)
    keys = ", ".join(list(body)[:8]) or "none"
    raise NgKindError(f"ng message {cookie}: neither a command nor a result among its keys: {keys}")


def _encode(cookie: str, body: Body, encoding: Encoding) -> bytes:
    if not cookie or len(cookie.encode()) > _MAX_COOKIE_BYTES or cookie.split() != [cookie]:
        raise NgCookieError(f"ng cookie {cookie!r}: one word of 1 to {_MAX_COOKIE_BYTES} bytes")
    if encoding is Encoding.JSON:
        return cookie.encode() + b" " + json.dumps(body, separators=(",", ":")).encode()
    written = _BENCODE.encode(body)
    assert isinstance(written, bytes)  # noqa: S101 - the library is untyped
    return cookie.encode() + b" " + written


def _split(datagram: bytes) -> tuple[str, Encoding, Body]:
    if len(datagram) > MAX_DATAGRAM_BYTES:
        raise NgBodyError(f"{len(datagram)} bytes are more than a UDP datagram holds")
    raw_cookie, space, raw_body = datagram.partition(b" ")
    if not space or not 0 < len(raw_cookie) <= _MAX_COOKIE_BYTES:
        raise NgCookieError(f"no ng cookie at the start of {_shown(datagram)}")
    try:
        cookie = raw_cookie.decode("ascii")
    except UnicodeDecodeError as error:
        raise NgCookieError(f"ng cookie is not ASCII: {_shown(datagram)}") from error
    if raw_body[:1] == b"d":
        encoding, body = Encoding.BENCODE, _read_bencode(raw_body)
    elif raw_body[:1] == b"{":
        encoding, body = Encoding.JSON, _read_json(raw_body)
    else:
        raise NgBodyError(
            f"ng message {cookie}: expected a bencoded or JSON dictionary, found {_shown(raw_body)}"
        )
    if not isinstance(body, dict) or not all(isinstance(key, str) for key in body):
        raise NgBodyError(f"ng message {cookie}: not a dictionary with text keys")
    return cookie, encoding, body


def _read_bencode(raw: bytes) -> object:
    try:
        return _BENCODE.decode(raw)
    except (BencodeDecodeError, RecursionError) as error:
        raise NgBodyError(f"not bencode ({error}): {_shown(raw)}") from error


def _read_json(raw: bytes) -> object:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise NgBodyError(f"not JSON ({error}): {_shown(raw)}") from error


def _shown(raw: bytes) -> str:
    rest = "…" if len(raw) > _SHOWN_BYTES else ""
    return f"{raw[:_SHOWN_BYTES]!r}{rest}"
