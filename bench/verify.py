"""What is wrong with a datagram that is not the expected one.

No sockets here: bytes in, a verdict out. See ``payload`` for what makes it possible to tell.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from bench.payload import BLOCK, HEAD, Make

_START = re.compile(rb"[0-9a-f]{4}_[0-9a-f]{8}" + HEAD)
_ERROR = re.compile(rb"[0-9a-f]{4}_[0-9a-f]{8} d.*6:result5:error", re.DOTALL)
_COOKIE = re.compile(rb"[0-9a-f]{4}_[0-9a-f]{8}")

_HEADER_PIECE = re.compile(rb"[0-9a-f]{0,4}_?[0-9a-f]{0,8} ?d?4?:?f?i?l?l?\d{0,5}:?")
"""Any piece of a header, whichever end is missing."""

_KNOWN_BYTES = 8
"""So many bytes in a row are in the pseudo-random block by chance once in 10**13 datagrams."""


class Wrong(StrEnum):
    """The ways in which a tunnel can spoil datagrams."""

    MERGED = "merged"
    SPLIT = "split"
    LOST = "lost"
    DUPLICATED = "duplicated"
    CORRUPTED = "corrupted"
    MISDELIVERED = "misdelivered"


class Content(StrEnum):
    """What one received datagram holds."""

    WHOLE = "whole"
    ERROR = "error"
    MERGED = "merged"
    SPLIT = "split"
    CORRUPTED = "corrupted"


@dataclass(frozen=True)
class Verdict:
    """What a received datagram holds.

    Attributes:
        content: one whole datagram, an ng error, or what happened to it.
        cookies: those found in it, in order; a piece from the middle of a datagram has none.
        whole: the cookies of the datagrams that are whole in it.
    """

    content: Content
    cookies: tuple[bytes, ...]
    whole: tuple[bytes, ...]


def judge(datagram: bytes, make: Make, tail: bytes) -> Verdict:
    """Say what a datagram holds: one whole datagram, several, a piece of one, or garbage.

    Args:
        datagram: as received.
        make: makes the right datagram for a cookie.
        tail: what right datagrams end with.
    """
    starts = [match.start() for match in _START.finditer(datagram)]
    cookies = tuple(_cookie_at(datagram, start) for start in starts)
    if not starts and (error := _ERROR.match(datagram)):
        return Verdict(Content.ERROR, (_cookie_at(datagram, error.start()),), ())
    whole: list[bytes] = []
    before = datagram[: starts[0]] if starts else datagram
    pieces = [before] if before else []
    beginnings = 0
    for name, (start, end) in zip(cookies, pairwise([*starts, len(datagram)]), strict=True):
        part, right = datagram[start:end], make(name)
        if part.startswith(right):
            whole.append(name)
            if part != right:
                pieces.append(part[len(right) :])
        elif right.startswith(part):
            beginnings += 1
        else:
            return Verdict(Content.CORRUPTED, cookies, ())
    if not datagram or not all(_is_piece(piece, tail) for piece in pieces):
        content = Content.CORRUPTED
    elif len(whole) + beginnings + len(pieces) > 1:
        content = Content.MERGED
    else:
        content = Content.WHOLE if whole else Content.SPLIT
    return Verdict(content, cookies, tuple(whole))


def _cookie_at(datagram: bytes, start: int) -> bytes:
    found = _COOKIE.match(datagram, start)
    assert found is not None  # noqa: S101 - both patterns begin with a cookie
    return found[0]


def _is_piece(piece: bytes, tail: bytes) -> bool:
    """Say whether these bytes, without a whole header, are from some right datagram."""
    if tail.endswith(piece):
        return True
    lengths = range(len(tail), 0, -1)
    rest = piece[: len(piece) - next((n for n in lengths if piece.endswith(tail[:n])), 0)]
    header = _HEADER_PIECE.match(rest)
    fill = rest[header.end() :] if header else rest
    return len(fill) < _KNOWN_BYTES or fill in BLOCK
