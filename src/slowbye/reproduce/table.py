"""Shows a session on a terminal: what ran, a table, and what it means."""

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from slowbye.measure.ng_trace import CommandTimes
from slowbye.reproduce.conclusion import CURED, Conclusion, Finding
from slowbye.reproduce.results import Session
from slowbye.reproduce.run import Outcome, Run
from slowbye.units import format_ms

MISSING = "–"  # noqa: RUF001 - a dash, as in any table

_WIDTH_OF_FILES = 120
"""Columns where nobody's window is the limit."""

_WIDTH_OF_TABLE = 92
"""Below, a row takes two lines."""

_TIMES = ("setup\np50", "BYE\np50", "BYE\np99", "bystander\np99", "report\np50")

_STYLES = {CURED: "green", Outcome.FAST: "green", Outcome.OUTAGE: "red"}

_SLOW_MS = 1000.0
"""From here on people notice; such times are coloured."""


def show(session: Session, console: Console) -> None:
    """Print everything that a person needs to know."""
    if not console.is_terminal:
        console.width = max(console.width, _WIDTH_OF_FILES)
    for line in headline(session):
        console.print(line, highlight=False, markup=False)
    console.print()
    console.print(_table(session, narrow=console.width < _WIDTH_OF_TABLE))
    console.print()
    for run in session.runs:
        for words in verdict_lines(run):
            console.print(words, highlight=False)
    conclusion = session.conclusion
    if not conclusion.text:
        return
    console.print()
    console.print(_matrix(conclusion))
    console.print()
    for paragraph in conclusion.text:
        console.print(paragraph, highlight=False, markup=False)


def headline(session: Session) -> list[str]:
    """Say what ran, and why that."""
    proxy, wan = session.proxy, session.wan
    why = f": {proxy.reason}" if proxy.reason else ""
    facts = [
        "" if wan.rtt_measured_ms is None else f"measured {wan.rtt_measured_ms:.2f} ms",
        f"{wan.driver} driver" if wan.driver else "",
        f"Linux {wan.kernel}" if wan.kernel else "",
    ]
    return [
        f"{proxy.name} {proxy.version}{why}",
        f"rtpengine {session.rtpengine_version} across a WAN of {wan.rtt_ms:g} ms RTT "
        f"({', '.join(fact for fact in facts if fact)})",
    ]


def profile_name(run: Run) -> str:
    """Name a run's profile with what is its own (``fragment-delay 4s``, ``lossy, RTT 40ms``)."""
    delay_ms, rtt_ms = (run.profile_args.get(name) for name in ("delay_ms", "rtt_ms"))
    delay = "" if delay_ms is None else f" {_typed(delay_ms)}"
    rtt = "" if rtt_ms is None else f", RTT {_typed(rtt_ms)}"
    return f"{run.profile}{delay}{rtt}"


def _typed(value_ms: float) -> str:
    """Write a time as people type it."""
    return f"{value_ms / 1000:g}s" if value_ms >= _SLOW_MS else f"{value_ms:g}ms"


def verdict_lines(run: Run) -> list[Text]:
    """Say in words what a run showed and, a line each, why it should not have."""
    name = f"{run.path}, {profile_name(run)}"
    verdict = run.verdict
    if verdict is None:
        return [Text(f"? {name}: not judged")]
    mark, style = ("✓", "bold green") if verdict.ok else ("✗", "bold red")
    lines = [Text.assemble((mark, style), f" {name}: {verdict.found}.")]
    if not verdict.ok:
        lines.append(Text(f"  Expected: {verdict.expected}. But:"))
        lines += [Text(f"  - {reason}", style="red") for reason in verdict.reasons]
    lines += [Text(f"  Note: {note}", style="yellow") for note in run.notes]
    return lines


def cell(value_ms: float | None) -> str:
    """Show a time, or a dash where nothing was measured."""
    return MISSING if value_ms is None else format_ms(value_ms)


def waited_ms(times: CommandTimes | None) -> float | None:
    """Return how long the proxy typically waited for a reply, or until it gave up."""
    if times is None or times.p50 is not None:
        return times.p50 if times else None
    return times.gave_up.p50


def reply_time(times: CommandTimes | None) -> str:
    """Show how long a reply took; ``>5.00 s`` where the proxy gave up before any came."""
    gave_up = times is not None and times.p50 is None and times.gave_up.p50 is not None
    return f"{'>' if gave_up else ''}{cell(waited_ms(times))}"


def reply_size(times: CommandTimes | None) -> str:
    """Show a reply's size, or a dash where none was seen."""
    return f"{times.reply_bytes_max} B" if times and times.reply_bytes_max else MISSING


def _table(session: Session, narrow: bool) -> Table:
    table = Table(pad_edge=False, padding=(0, 1, 0, 0), header_style="bold", box=box.SIMPLE_HEAD)
    for title in ("path\nWAN",) if narrow else ("path", "WAN"):
        table.add_column(title, no_wrap=True)
    for title in ("calls\nok", *_TIMES, "its\nreply", "node"):
        table.add_column(title, justify="right", no_wrap=True)
    for number, run in enumerate(session.runs):
        if number and run.profile != session.runs[number - 1].profile:
            table.add_section()
        names = (run.path, profile_name(run))
        table.add_row(*(("\n".join(names),) if narrow else names), *_row(run))
    return table


def _matrix(conclusion: Conclusion) -> Table:
    table = Table(pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", box=box.SIMPLE_HEAD)
    table.add_column("path", no_wrap=True)
    for profile, measure in conclusion.profiles.items():
        table.add_column(f"{profile}\n{measure}")
    for path, found in conclusion.matrix.items():
        cells = (found.get(profile) for profile in conclusion.profiles)
        table.add_row(path, *(_cell(finding) for finding in cells))
    return table


def _cell(finding: Finding | None) -> Text:
    if finding is None:
        return Text(MISSING, style="dim")
    mark = "" if finding.ok else "✗ "
    style = "yellow" if finding.garbled else _STYLES.get(finding.word, "yellow")
    return Text(f"{mark}{finding_cell(finding)}", style=style if finding.ok else "bold red")


def finding_cell(finding: Finding) -> str:
    """Show a word of the matrix, and what goes with it (``cured 71 ms``, ``fast 69 ms, 3 cut``)."""
    if finding.word == Outcome.OUTAGE or finding.p99_ms is None:
        return finding.word
    cut = f", {finding.unread} cut" if finding.garbled else ""
    return f"{finding.word} {format_ms(finding.p99_ms)}{cut}"


def _row(run: Run) -> list[Text]:
    times_ms = (
        run.setup_ms.p50,
        run.bye_ms.p50,
        run.bye_ms.p99,
        run.bystander_ms.p99,
    )
    return [
        Text(f"{run.calls - run.failed}/{run.calls}", style="red" if run.failed else ""),
        *(_timed(cell(ms), ms) for ms in times_ms),
        _timed(reply_time(run.report), waited_ms(run.report)),
        Text(reply_size(run.report)),
        Text("off", style="red") if run.node_disabled else Text("on"),
    ]


def _timed(text: str, value_ms: float | None) -> Text:
    return Text(text, style="yellow" if (value_ms or 0) >= _SLOW_MS else "")
