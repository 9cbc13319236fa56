"""CPU time and memory of processes, with all they forked, from /proc (proc(5))."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_KIB = 1024
# Fields of /proc/PID/stat, counted from the state, which follows the name in parentheses.
_SESSION, _UTIME, _CUTIME, _CSTIME = 3, 11, 13, 14


@dataclass(frozen=True)
class Memory:
    """Resident memory of some processes.

    Attributes:
        processes: how many there are.
        rss_bytes: the sum of what each has resident; shared pages count once for each.
        pss_bytes: the same with shared pages divided among those that share them.
    """

    processes: int
    rss_bytes: int
    pss_bytes: int


def session_members(leader: int) -> list[int]:
    """Return the processes of a session: the one that leads it, and what it forked."""
    return [pid for pid, fields in _stats() if int(fields[_SESSION]) == leader]


def cpu_seconds(leaders: Iterable[int]) -> float:
    """Return the CPU time that sessions used so far, with that of their members that ended."""
    wanted = set(leaders)
    return sum(
        _own_cpu_seconds(pid, fields)
        + sum(int(field) for field in fields[_CUTIME : _CSTIME + 1]) / _TICKS_PER_S
        for pid, fields in _stats()
        if int(fields[_SESSION]) in wanted
    )


class CpuTime:
    """The CPU time that sessions use from now on."""

    def __init__(self, leaders: Iterable[int]) -> None:
        self._leaders = tuple(leaders)
        self._before_s = cpu_seconds(self._leaders)

    def spent_s(self) -> float:
        """Return how much it is so far, in seconds."""
        return cpu_seconds(self._leaders) - self._before_s


def _own_cpu_seconds(pid: int, fields: list[str]) -> float:
    """Read it in nanoseconds where the kernel tells, as a thousand processes use a tick each."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        return sum(int((each / "schedstat").read_text().split()[0]) for each in threads) / 1e9
    except OSError:
        return sum(int(field) for field in fields[_UTIME:_CUTIME]) / _TICKS_PER_S


def memory(leaders: Iterable[int]) -> Memory:
    """Return the resident memory of sessions."""
    wanted = set(leaders)
    sums = {"Rss": 0, "Pss": 0}
    processes = 0
    for pid, fields in _stats():
        if int(fields[_SESSION]) not in wanted:
            continue
        # It may have ended meanwhile.
        with contextlib.suppress(OSError):
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            processes += 1
            for line in rollup.splitlines()[1:]:
                name, _, value = line.partition(":")
                if name in sums:
                    sums[name] += int(value.split()[0]) * _KIB
    return Memory(processes, sums["Rss"], sums["Pss"])


def _stats() -> Iterator[tuple[int, list[str]]]:
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                text = Path(entry.path, "stat").read_text(errors="replace")
                yield int(entry.name), text.rpartition(")")[2].split()
