"""Marks in the hosts' journals between which tests did things that no operator does.

What services log in the meantime as errors tells nobody anything: they were killed, their network
was impaired, or they were sent nonsense. The marks stay for as long as the journal does, so that
``tests/infra`` can look at a lab that other tests have used before.
"""

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress

from slowbye.errors import SlowbyeError
from slowbye.hosts import Host

TAG = "slowbye-tests"
"""The identifier of the marks, as in ``journalctl --identifier``."""

_STOPPED_AFTER_US = 60_000_000


def begin(hosts: Sequence[Host]) -> str:
    """Mark the beginning in the journals of some hosts, and return what :func:`end` needs."""
    key = secrets.token_hex(4)
    _mark(hosts, f"begin {key}")
    return key


def end(hosts: Sequence[Host], key: str) -> None:
    """Mark the end of what has begun; a host that is gone has no journal to look at."""
    _mark(hosts, f"end {key}", may_be_gone=True)


@contextmanager
def disturbing(*hosts: Host) -> Iterator[None]:
    """Mark the journals before and after what is done within."""
    key = begin(hosts)
    try:
        yield
    finally:
        end(hosts, key)


def _mark(hosts: Sequence[Host], text: str, may_be_gone: bool = False) -> None:
    def mark(host: Host) -> None:
        with suppress(SlowbyeError) if may_be_gone else nullcontext():
            host.run(["logger", "--tag", TAG, text])

    with ThreadPoolExecutor(len(hosts) or 1) as pool:
        list(pool.map(mark, hosts))


def time_us(entry: Mapping[str, str]) -> int:
    """Return the time of a journal's entry, in microseconds."""
    return int(entry["__REALTIME_TIMESTAMP"])


def spans(marks: Iterable[Mapping[str, str]]) -> Iterator[tuple[int, int]]:
    """Return the times of disturbance.

    Args:
        marks: a journal's entries under :data:`TAG`, as from ``--output=json``.

    Yields:
        Beginning and end in microseconds; a run of tests that was stopped within is taken to have
        disturbed nobody after a minute.
    """
    begun: dict[str, int] = {}
    for mark in marks:
        what, key = mark["MESSAGE"].split()
        if what == "begin":
            begun[key] = time_us(mark)
        elif key in begun:
            yield begun.pop(key), time_us(mark)
    for beginning in begun.values():
        yield beginning, beginning + _STOPPED_AFTER_US
