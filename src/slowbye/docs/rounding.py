"""Times and sizes in words that are the same on the next day and on the next machine."""

_STEP_S = 0.5
"""SIP's and ng's timers lie on this grid: T1 is 500 ms (RFC 3261 17.1.1.1), a try of ng 1 s. What a
busy machine adds is less than half of it."""


def clock(ms: float) -> str:
    """Return a time to the nearest half of a second: "0 s", "3.5 s"."""
    return f"{round(ms / 1000 / _STEP_S) * _STEP_S:g} s"


def size(length: int) -> str:
    """Return a size to the next lower thousand of bytes: "over 3000 bytes"."""
    return f"over {length // 1000 * 1000} bytes"
