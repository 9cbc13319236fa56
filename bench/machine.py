"""What else this machine does while something is measured (/proc/stat, see proc(5))."""

import os
import time
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_LOOK_S = 0.25
_QUIET_CPUS = 0.3
# user, nice, system, (idle, iowait,) irq, softirq, steal: what a CPU is busy with, or not given.
_BUSY = (1, 2, 3, 6, 7, 8)


def busy_seconds() -> float:
    """Return the CPU time that all CPUs together spent busy since the machine started."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    return sum(int(fields[index]) for index in _BUSY) / _TICKS_PER_S


def wait_until_quiet(seconds: float) -> None:
    """Wait until hardly anything runs, but no longer than ``seconds``."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        before = busy_seconds()
        time.sleep(_LOOK_S)
        if busy_seconds() - before < _QUIET_CPUS * _LOOK_S:
            return
