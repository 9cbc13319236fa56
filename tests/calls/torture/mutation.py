"""Small changes to messages, as damage and malice make them."""

from collections.abc import Callable
from random import Random

_LARGEST_DATAGRAM_BYTES = 60_000
_AWKWARD = (
    b"\0", b"\r", b"\n", b"\r\n\r\n", b"\t", b"%", b"%00", b'"', b"\\", b"<", b">", b";", b",",
    b":", b"@", b"=", b"?", b"[", b"-1", b"4294967296", b"99999999999999999999", b"\xff",
)  # fmt: skip


def mutate(message: bytes, chance: Random) -> bytes:
    """Return a message with one to four changes.

    Args:
        message: a message, well-formed or not.
        chance: decides what is changed; the same state gives the same changes.
    """
    for _ in range(chance.randint(1, 4)):
        message = chance.choice(_CHANGES)(message, chance)
    return message[:_LARGEST_DATAGRAM_BYTES]


def _place(message: bytes, chance: Random) -> int:
    return chance.randrange(len(message) + 1)


def _replace_byte(message: bytes, chance: Random) -> bytes:
    at = _place(message, chance)
    return message[:at] + bytes([chance.randrange(256)]) + message[at + 1 :]


def _insert(message: bytes, chance: Random) -> bytes:
    at = _place(message, chance)
    return message[:at] + chance.choice(_AWKWARD) * chance.choice((1, 1, 2, 50)) + message[at:]


def _cut_out(message: bytes, chance: Random) -> bytes:
    at = _place(message, chance)
    return message[:at] + message[at + chance.randint(1, 60) :]


def _cut_off(message: bytes, chance: Random) -> bytes:
    return message[: _place(message, chance)]


def _repeat_line(message: bytes, chance: Random) -> bytes:
    lines = message.split(b"\r\n")
    line = chance.choice(lines)
    lines[chance.randrange(len(lines)) : 0] = [line] * chance.choice((1, 2, 100))
    return b"\r\n".join(lines)


def _swap_lines(message: bytes, chance: Random) -> bytes:
    lines = message.split(b"\r\n")
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"\r\n".join(lines)


def _swell(message: bytes, chance: Random) -> bytes:
    at = _place(message, chance)
    return (
        message[:at]
        + message[max(at - 1, 0) : at] * chance.choice((100, 1500, 9000))
        + message[at:]
    )


_CHANGES: tuple[Callable[[bytes, Random], bytes], ...] = (
    _replace_byte, _insert, _cut_out, _cut_off, _repeat_line, _swap_lines, _swell,
)  # fmt: skip
