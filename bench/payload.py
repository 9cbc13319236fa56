"""Datagrams that look like ng, every byte of which follows from their cookie.

A request is ``COOKIE d4:fill…:…7:command5:querye``, a reply ``COOKIE d4:fill…:…6:result2:oke``
(rtpengine, docs/ng_control_protocol.md: cookie, space, bencoded dictionary; both OpenSIPS and
rtpengine write ``command`` and ``result`` last). The cookie is peer and sequence number; the fill
is a piece of one fixed pseudo-random block, at a place that the cookie decides. So the right
datagram for a cookie is made by copying, and compared as a whole.
"""

import random
from collections.abc import Callable
from zlib import crc32

COOKIE_BYTES = 13
"""``PPPP_SSSSSSSS``: peer and sequence number, in hexadecimal."""

HEAD = b" d4:fill"
MAX_DATAGRAM_BYTES = 65_507
MAX_PEERS = 0x10000

_BLOCK_BYTES = 1 << 18
BLOCK = random.Random(3261).randbytes(_BLOCK_BYTES + MAX_DATAGRAM_BYTES)  # noqa: S311

REQUEST_TAIL = b"7:command5:querye"
REPLY_TAIL = b"6:result2:oke"
_REQUEST_SALT = 0
_REPLY_SALT = 1

Make = Callable[[bytes], bytes]
"""Makes the one right datagram for a cookie."""


def cookie(peer: int, sequence: int) -> bytes:
    """Return the cookie of a peer's request.

    Args:
        peer: from 0 to 65535.
        sequence: from 0 to 2**32 - 1, used once by each peer.
    """
    return b"%04x_%08x" % (peer, sequence)


def read_cookie(text: bytes) -> tuple[int, int]:
    """Return the peer and the sequence number of a well-formed cookie."""
    return int(text[:4], 16), int(text[5:], 16)


def requests(size: int) -> Make:
    """Return what makes requests of exactly ``size`` bytes.

    Raises:
        ValueError: no datagram can have that size.
    """
    return _maker(size, REQUEST_TAIL, _REQUEST_SALT)


def replies(size: int) -> Make:
    """Return what makes replies of exactly ``size`` bytes.

    Raises:
        ValueError: no datagram can have that size.
    """
    return _maker(size, REPLY_TAIL, _REPLY_SALT)


def _maker(size: int, tail: bytes, salt: int) -> Make:
    fill = _fill_bytes(size, len(tail))
    head = HEAD + b"%d:" % fill
    block, places = BLOCK, _BLOCK_BYTES

    def make(cookie: bytes) -> bytes:
        place = crc32(cookie, salt) % places
        return b"".join((cookie, head, block[place : place + fill], tail))

    return make


def _fill_bytes(size: int, tail: int) -> int:
    """Return how long the fill is; its length is written in front of it, in digits."""
    for digits in range(1, 6):
        fill = size - COOKIE_BYTES - len(HEAD) - digits - len(":") - tail
        if fill > 0 and len(str(fill)) == digits and size <= MAX_DATAGRAM_BYTES:
            return fill
    raise ValueError(f"no datagram of {size} bytes: choose another size, from 60 to 65507")
