"""The errors in a unit's journal that are worth a look."""

import json
from collections.abc import Iterable, Iterator, Mapping

from disturbance import TAG, spans, time_us
from infra.fleet import PROXIES, Unit

_PING_TRIES_US, _SAME_BREATH_US = 10_000_000, 100_000


def errors(unit: Unit) -> list[str]:
    """Return what a unit, or systemd of it, has logged as an error since the host's boot."""
    query = "journalctl --quiet --output=json --output-fields=MESSAGE,_PID"
    logged = unit.machine.output(
        f"{query} --boot --priority=err --unit=%s; echo marks; {query} --identifier=%s",
        unit.name,
        TAG,
    )
    lines = logged.splitlines()
    middle = lines.index("marks")
    entries, marks = (
        [_entry(line) for line in part] for part in (lines[:middle], lines[middle + 1 :])
    )
    disturbed = list(spans(marks))
    about_socat = list(_about_socat(unit, entries))
    return [
        entry["MESSAGE"]
        for entry in entries
        if not any(begin <= time_us(entry) <= end for begin, end in disturbed)
        and not any(
            entry.get("_PID") == pid and begin <= time_us(entry) <= end
            for pid, begin, end in about_socat
        )
    ]


def _entry(line: str) -> dict[str, str]:
    """Return an entry; of a message that is too long, or no text, journalctl gives no text."""
    entry = json.loads(line)
    return {**entry, "MESSAGE": entry["MESSAGE"] if isinstance(entry["MESSAGE"], str) else "(data)"}


def _about_socat(
    unit: Unit, entries: Iterable[Mapping[str, str]]
) -> Iterator[tuple[str, int, int]]:
    """Return who complained of a node behind socat, and when.

    That socat loses datagrams that arrive together is what it is there to show: where all workers
    of a proxy ping it when they start, one or the other gets no answer in five tries.
    """
    instances = unit.machine.variables["socat_instances"]
    nodes = [f"<udp:{each['listen']}>" for each in instances]
    for entry in entries:
        if unit.user in PROXIES and any(node in entry["MESSAGE"] for node in nodes):
            end = time_us(entry)
            yield entry["_PID"], end - _PING_TRIES_US, end + _SAME_BREATH_US
