"""How late this process's event loop is: the part of every measured time that is our own fault."""

import asyncio

TICK_S = 0.020


class LoopLag:
    """Measures, while it runs, how much later than asked a timer fires.

    The selector's clock has a resolution of one millisecond, which is always part of the lag.
    """

    def __init__(self) -> None:
        self.lags_ms: list[float] = []
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Tick until :meth:`stop`."""
        due_s = self._loop.time() + TICK_S
        self._timer = self._loop.call_at(due_s, self._tick, due_s)

    def stop(self) -> None:
        """Tick no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _tick(self, due_s: float) -> None:
        self.lags_ms.append((self._loop.time() - due_s) * 1000)
        self.start()
