"""The table of ``slowbye wan show``."""

import time

from rich.console import Console
from rich.table import Table

from slowbye.netem.control import InForce
from slowbye.netem.tree import classid

_WIDTH = 150


def print_table(in_force: InForce) -> None:
    """Print one row for each class, with the kernel's counters."""
    state = in_force.state
    table = Table(title=_title(in_force), title_justify="left")
    for name in ("interface", "class", "matches", "qdisc"):
        table.add_column(name, no_wrap=True)
    for name in ("packets", "bytes", "dropped", "backlog"):
        table.add_column(name, justify="right")
    previous = None
    for row in in_force.rows:
        if previous not in (None, row.interface):
            table.add_section()
        counters = row.counters
        table.add_row(
            "" if row.interface == previous else row.interface,
            classid(row.classid),
            row.matches,
            row.options,
            str(counters.packets),
            str(counters.bytes),
            str(counters.dropped),
            f"{counters.backlog_packets}p {counters.backlog_bytes}b",
        )
        previous = row.interface
    # A table that is cut by the terminal can still be read; one that is folded cannot.
    console = Console()
    console = Console(width=max(console.width, _WIDTH))
    console.print(table)
    if not state.complete:
        console.print("An apply or clear broke off: run slowbye wan clear.")


def _title(in_force: InForce) -> str:
    state = in_force.state
    parameters = "".join(f" {key}={value}" for key, value in state.parameters.items())
    title = f"{state.profile}{parameters}, base RTT {state.rtt_ms:g} ms"
    if state.expiry:
        title += f", expires in {max(0, state.expiry.at - time.time()):.0f} s"
    return title
