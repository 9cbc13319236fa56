"""Writes the fleet's status: one table, and below it what is not as it should be."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from slowbye.fleet.host_status import HostStatus
from slowbye.units import format_duration

MISSING = "–"  # noqa: RUF001 - a dash, as in any table

_COLUMNS = ("host", "runs", "up for", "calls", "links up", "RTT", "nodes in use", "certificates")
_RIGHT = {"up for", "calls", "links up", "RTT"}


def show(hosts: Sequence[HostStatus], console: Console) -> None:
    """Print the table and the problems."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in _COLUMNS:
        table.add_column(column, justify="right" if column in _RIGHT else "left", no_wrap=True)
    for host in hosts:
        table.add_row(*_cells(host), style="red" if host.problems else None)
    console.print(table)
    problems = [f"{host.name}: {problem}" for host in hosts for problem in host.problems]
    for line in problems or [f"Nothing is wrong with these {len(hosts)} hosts."]:
        console.print(line, highlight=False, markup=False)


def _cells(host: HostStatus) -> list[str]:
    up = [link for link in host.links if link.state == "up"]
    times = [link.rtt_ms for link in up if link.rtt_ms is not None]
    return [
        host.name,
        "\n".join(f"{program} {version}" for program, version in host.programs.items()) or MISSING,
        MISSING if host.up_s is None else format_duration(host.up_s),
        MISSING if host.calls is None else str(host.calls),
        f"{len(up)} of {len(host.links)}" if host.links else MISSING,
        _range_of(times),
        "\n".join(_sets(host)) or MISSING,
        "\n".join(f"{name} {days:.0f} d" for name, days in host.certificates.items()) or MISSING,
    ]


def _range_of(times_ms: Sequence[float]) -> str:
    if not times_ms:
        return MISSING
    low, high = min(times_ms), max(times_ms)
    return f"{low:.1f} ms" if high - low < 1 else f"{low:.1f} to {high:.1f} ms"


def _sets(host: HostStatus) -> list[str]:
    names = dict.fromkeys(node.node_set for node in host.nodes)
    return [
        f"{name} {sum(not node.disabled for node in nodes)} of {len(nodes)}"
        for name in names
        for nodes in [[node for node in host.nodes if node.node_set == name]]
    ]
