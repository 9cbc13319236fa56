"""What the tunnel understands of ng: cookie, command and result; and how to say "error".

A datagram is ``COOKIE DICTIONARY``, the dictionary in bencode or JSON (rtpengine,
docs/ng_control_protocol.md). Nothing is decoded in full: this runs for every datagram, on whatever
arrives.
"""

import json
import re
from hashlib import blake2s

MAX_COOKIE = 255
"""OpenSIPS sends 12 to 40 bytes, Kamailio the same; rtpengine has no limit."""

MARK_SIZE = 9
"""The length of what :func:`mark_of` returns."""

OTHER = "other"

COMMANDS = frozenset(
    {
        "ping", "offer", "answer", "delete", "query", "list", "statistics", "start recording",
        "stop recording", "pause recording", "start forwarding", "stop forwarding", "block DTMF",
        "unblock DTMF", "block media", "unblock media", "silence media", "unsilence media",
        "play media", "stop media", "play DTMF", "publish", "subscribe request",
        "subscribe answer", "unsubscribe",
    }
)  # fmt: skip
RESULTS = frozenset({"ok", "pong", "error", "load limit"})

_COMMAND_LABELS = {name.encode(): name for name in COMMANDS}
_RESULT_LABELS = {name.encode(): name for name in RESULTS}

_DICTIONARIES = (b"d", b"{")
_LONGEST_LENGTH = 3
"""Two digits and a colon: no command or result is longer."""

_ENDS_OK = b"6:result2:oke"
"""As rtpengine ends nearly every reply: it writes the result last."""

_JSON_TEXT = r'"\s*:\s*"([a-zA-Z ]{1,32})"'
_JSON_COMMAND = re.compile(('"command' + _JSON_TEXT).encode())
_JSON_RESULT = re.compile(('"result' + _JSON_TEXT).encode())


def cookie_of(datagram: bytes) -> bytes | None:
    """Return the cookie, by which requests and replies belong together; None if this is not ng."""
    end = datagram.find(b" ", 0, MAX_COOKIE + 1)
    # Both encodings of a dictionary begin with a letter of their own.
    if end < 1 or datagram[end + 1 : end + 2] not in _DICTIONARIES:
        return None
    return datagram[:end]


def mark_of(proxy: str) -> bytes:
    """Return what tells the cookies of this proxy host from those of others.

    rtpengine remembers commands by their cookie alone, whoever sent them (daemon/cookie_cache.c).
    Proxies make cookies of a process id and a counter, and two whose hosts booted alike make the
    same ones: one of them would get the other's replies.
    """
    return blake2s(proxy.encode(), digest_size=MARK_SIZE // 2).hexdigest().encode() + b"~"


def command_of(request: bytes) -> str:
    """Return one of :data:`COMMANDS`, or ``other``: a label with few values."""
    return _COMMAND_LABELS.get(_text(request, b"7:command", _JSON_COMMAND), OTHER)


def result_of(reply: bytes) -> str:
    """Return one of :data:`RESULTS`, or ``other``."""
    if reply.endswith(_ENDS_OK):
        return "ok"
    return _RESULT_LABELS.get(_text(reply, b"6:result", _JSON_RESULT), OTHER)


def error_reply(request: bytes, cookie: bytes, reason: str) -> bytes:
    """Return an ng error in the encoding of its request.

    Args:
        request: the datagram that cannot be served.
        cookie: its cookie.
        reason: for ``error-reason``; OpenSIPS can be told to fail over on it
            (``extra_failover_error``).
    """
    if request[len(cookie) + 1 : len(cookie) + 2] == b"{":
        return cookie + b" " + json.dumps({"result": "error", "error-reason": reason}).encode()
    text = reason.encode()
    return b"%b d12:error-reason%d:%b6:result5:errore" % (cookie, len(text), text)


def _text(datagram: bytes, key: bytes, json_pattern: re.Pattern[bytes]) -> bytes:
    """Return a short text value of the dictionary, as far as that can be told by looking."""
    at = datagram.find(key)
    if at < 0:
        found = json_pattern.search(datagram)
        return found[1] if found else b""
    at += len(key)
    if datagram[at + 1 : at + 2] == b":":
        # One digit, as nearly always.
        end = at + 2 + datagram[at] - ord("0")
        return datagram[at + 2 : end] if 0 < end - at - 2 < 10 else b""
    colon = datagram.find(b":", at, at + _LONGEST_LENGTH)
    length = datagram[at:colon]
    if colon < 0 or not length.isdigit():
        return b""
    return datagram[colon + 1 : colon + 1 + int(length)]
