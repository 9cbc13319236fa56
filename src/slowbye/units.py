"""Quantities as people type them: ``4s``, ``20ms``, ``1%``, ``2mbit``.

A bare number is refused: tc reads ``delay 4`` as microseconds, people mean seconds.
"""

import re

from slowbye.errors import SlowbyeError

_NUMBER_AND_UNIT = re.compile(r"(?P<number>[0-9]+(\.[0-9]+)?)\s*(?P<unit>[a-z%]*)", re.IGNORECASE)

_MS_PER = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0, "h": 3_600_000.0}
_BIT_PER_S = {"bit": 1, "kbit": 1_000, "mbit": 1_000_000, "gbit": 1_000_000_000}


def _parse(what: str, text: str, factors: dict[str, float] | dict[str, int], example: str) -> float:
    match = _NUMBER_AND_UNIT.fullmatch(text.strip())
    if match is None:
        raise SlowbyeError(f"{what} {text!r}: expected a number and a unit, such as {example}")
    factor = factors.get(match["unit"].lower())
    if factor is None:
        fault = f"unknown unit {match['unit']!r}" if match["unit"] else "the unit is missing"
        raise SlowbyeError(
            f"{what} {text!r}: {fault}; use one of {', '.join(factors)}, such as {example}"
        )
    return float(match["number"]) * factor


def parse_duration_ms(text: str, what: str = "duration") -> float:
    """Read a duration with its unit (``250us``, ``20ms``, ``4s``, ``5m``, ``1h``).

    Args:
        text: number and unit; negative numbers and bare numbers are refused.
        what: the name of the parameter, for the error.

    Returns:
        Milliseconds.

    Raises:
        SlowbyeError: the text is not a duration.
    """
    return _parse(what, text, _MS_PER, "4s or 20ms")


def parse_rate_bit(text: str, what: str = "rate") -> float:
    """Read a bit rate with tc's units (``2mbit``), in bits per second.

    Raises:
        SlowbyeError: the text is not a rate.
    """
    return _parse(what, text, _BIT_PER_S, "2mbit")


def parse_percent(text: str, what: str = "percentage") -> float:
    """Read a percentage (``1%``, ``0.5%``), as 0 to 100.

    Raises:
        SlowbyeError: the text is not a percentage from 0% to 100%.
    """
    value = _parse(what, text, {"%": 1.0}, "1%")
    if value > 100:
        raise SlowbyeError(f"{what} {text!r}: at most 100%")
    return value


def format_ms(value_ms: float) -> str:
    """Show milliseconds at the precision a reader needs (``0.42 ms``, ``38 ms``, ``4.02 s``)."""
    if value_ms >= 1000:
        return f"{value_ms / 1000:.2f} s"
    return f"{value_ms:.0f} ms" if value_ms >= 10 else f"{value_ms:.2f} ms"


def format_duration(seconds: float) -> str:
    """Show how long something has lasted (``12 s``, ``3 min``, ``4 h``, ``5 d``)."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
