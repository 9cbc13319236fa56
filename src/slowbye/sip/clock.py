"""The clock that every time of a batch is read from."""

import time


class Clock:
    """Milliseconds since the batch began, monotonic."""

    def __init__(self) -> None:
        self._origin_s = time.perf_counter()

    def now_ms(self) -> float:
        """Return the milliseconds since this clock was made."""
        return (time.perf_counter() - self._origin_s) * 1000
