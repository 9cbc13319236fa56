"""Shows a session on a terminal: what ran, a table, and what it means."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from slowbye.measure.ng_trace import CommandTimes
from slowbye.reproduce.results import Session
from slowbye.reproduce.run import Run
from slowbye.units import format_ms

MISSING = "–"  # noqa: RUF001 - a dash, as in any table

_COLUMNS = (
    ("path", "left"),
    ("WAN", "left"),
    ("calls ok", "right"),
    ("setup p50", "right"),
    ("BYE p50", "right"),
    ("BYE p99", "right"),
    ("bystander p99", "right"),
    ("ng delete p50", "right"),
    ("reply", "right"),
    ("rtpengine", "left"),
    ("", "left"),
)


def show(session: Session, console: Console) -> None:
    """Print everything that a person needs to know."""
    for line in headline(session):
        console.print(line, highlight=False, markup=False)
    console.print()
    console.print(_table(session))
    console.print()
    for run in session.runs:
        console.print(verdict_line(run), highlight=False)


def headline(session: Session) -> list[str]:
    """Say what ran, and why that."""
    proxy = session.proxy
    why = f" ({proxy.reason})" if proxy.reason else ""
    wan = session.wan
    measured = "" if wan.rtt_measured_ms is None else f", measured {wan.rtt_measured_ms:.2f} ms"
    driver = f"{wan.driver} driver, " if wan.driver else ""
    return [
        f"{proxy.name} {proxy.version}{why}, rtpengine {session.rtpengine_version}",
        f"WAN: {driver}Linux {wan.kernel}, RTT {wan.rtt_ms:g} ms{measured}",
    ]


def profile_name(run: Run) -> str:
    """Name a run's profile with its parameters (``fragment-delay 4.00 s``)."""
    delay_ms = run.profile_args.get("delay_ms")
    return run.profile if delay_ms is None else f"{run.profile} {format_ms(delay_ms)}"


def verdict_line(run: Run) -> Text:
    """Say in words what a run showed, and whether it should have."""
    verdict = run.verdict
    if verdict is None:
        return Text(f"? {run.path}, {profile_name(run)}: not judged")
    mark, style = ("✓", "bold green") if verdict.ok else ("✗", "bold red")
    line = Text.assemble((mark, style), f" {run.path}, {profile_name(run)}: {verdict.found}.")
    if not verdict.ok:
        line.append(f" Expected: {verdict.expected}. ")
        line.append("; ".join(verdict.reasons) + ".", style="red")
    for note in run.notes:
        line.append(f" Note: {note}.", style="yellow")
    return line


def cell(value_ms: float | None) -> str:
    """Show a time, or a dash where nothing was measured."""
    return MISSING if value_ms is None else format_ms(value_ms)


def reply_size(times: CommandTimes | None) -> str:
    """Show a reply's size, or a dash where none was seen."""
    return f"{times.reply_bytes_max} B" if times and times.reply_bytes_max else MISSING


def _table(session: Session) -> Table:
    table = Table(pad_edge=False, header_style="bold")
    for title, side in _COLUMNS:
        table.add_column(title, justify="right" if side == "right" else "left", no_wrap=True)
    for run in session.runs:
        table.add_row(*_row(run))
    return table


def _row(run: Run) -> list[Text]:
    delete = run.ng.get("delete")
    slow_ms = 1000.0
    good = run.calls - run.failed

    def timed(value_ms: float | None) -> Text:
        return Text(cell(value_ms), style="yellow" if (value_ms or 0) >= slow_ms else "")

    fragments = " in fragments" if run.reply_fragmented else ""
    return [
        Text(run.path),
        Text(profile_name(run)),
        Text(f"{good}/{run.calls}", style="red" if run.failed else ""),
        timed(run.setup_ms.p50),
        timed(run.bye_ms.p50),
        timed(run.bye_ms.p99),
        timed(run.bystander_ms.p99),
        timed(delete.p50 if delete else None),
        Text(reply_size(delete) + fragments),
        Text("switched off", style="red") if run.node_disabled else Text("on"),
        Text("as expected" if run.verdict and run.verdict.ok else "NOT AS EXPECTED"),
    ]
