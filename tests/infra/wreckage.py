"""Marks in a host's journal between which a test breaks things: errors there tell nobody anything.

The marks stay, so that the next run of the tests knows as well what an earlier one did.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from infra.fleet import PROXIES, Machine, Unit

_TAG = "slowbye-infra"
_STOPPED_AFTER_US = 60_000_000
_PING_TRIES_US, _SAME_BREATH_US = 10_000_000, 100_000
_BEGIN, _END = "breaks what it tests from here", "to here"


@contextmanager
def breaking(machine: Machine) -> Iterator[None]:
    """Mark the journal of a host before and after what is done within."""
    machine.output("logger --tag %s %s", _TAG, _BEGIN)
    try:
        yield
    finally:
        machine.output("logger --tag %s %s", _TAG, _END)


def errors(unit: Unit) -> list[str]:
    """Return what a unit, or systemd of it, has logged as an error since the host's boot."""
    query = "journalctl --boot --quiet --output=json --output-fields=MESSAGE,_PID"
    logged = unit.machine.output(
        f"{query} --priority=err --unit=%s; echo marks; {query} --identifier=%s", unit.name, _TAG
    )
    lines = logged.splitlines()
    middle = lines.index("marks")
    entries, marks = (
        [json.loads(line) for line in part] for part in (lines[:middle], lines[middle + 1 :])
    )
    spans = list(_spans(marks))
    about_socat = list(_about_socat(unit, entries))
    return [
        entry["MESSAGE"]
        for entry in entries
        if not any(begin <= _time_us(entry) <= end for begin, end in spans)
        and not any(
            entry.get("_PID") == pid and begin <= _time_us(entry) <= end
            for pid, begin, end in about_socat
        )
    ]


def _about_socat(
    unit: Unit, entries: Iterable[Mapping[str, str]]
) -> Iterator[tuple[str, int, int]]:
    """Return who complained of a node behind socat, and when.

    That socat loses datagrams that arrive together is what it is there to show: where all workers
    of a proxy ping it when they start, one or the other gets no answer, after five tries.
    """
    instances = unit.machine.variables["socat_instances"]
    nodes = [f"<udp:{each['listen']}>" for each in instances]
    for entry in entries:
        if unit.user in PROXIES and any(node in entry["MESSAGE"] for node in nodes):
            end = _time_us(entry)
            yield entry["_PID"], end - _PING_TRIES_US, end + _SAME_BREATH_US


def _time_us(entry: Mapping[str, str]) -> int:
    return int(entry["__REALTIME_TIMESTAMP"])


def _spans(marks: Iterable[Mapping[str, str]]) -> Iterator[tuple[int, int]]:
    begin = None
    for mark in marks:
        if mark["MESSAGE"] == _BEGIN:
            begin = _time_us(mark)
        elif begin is not None:
            yield begin, _time_us(mark)
            begin = None
    if begin is not None:  # the run was stopped within
        yield begin, begin + _STOPPED_AFTER_US
