"""The tables that a person reads."""

import os
from collections.abc import Callable

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.cases import Case
from bench.figures import Spread, over_rounds, ratios, wrong_datagrams
from bench.measure import Measurement
from bench.session import Plan, Results
from bench.targets import Judged
from bench.variants import Variant
from bench.variants.direct import DIRECT
from bench.variants.socat import SOCAT

_MIB = 1 << 20
_MISSING = "-"
_SPEED = ("round\ntrips/s", "x socat", "x direct", "p50\nµs", "x socat", "p99\nµs", "p99.9\nµs")
_COST = ("CPU µs/\nround trip", "RSS\nMiB", "PSS\nMiB", "processes", "wrong datagrams")
_MARKS = {True: ("✓", "green"), False: ("✗", "red"), None: (_MISSING, "")}
_LEGEND = (
    "Medians over the rounds, with the lowest and the highest of the ratios, which are taken "
    "within a round. CPU time, memory and processes are both ends' together. A request that is "
    "lost holds its place for 1 s, as it holds the proxy's worker until that sends it again."
)

_Cells = Callable[[Case, Variant, Results], list[str | Text]]


def show(plan: Plan, results: Results, judged: list[Judged], console: Console) -> None:
    """Print the tables of each case, then the targets."""
    for case in plan.cases:
        console.print(f"\n[bold]{case.name}[/]: {case.about}")
        console.print(_table(plan, case, results, _SPEED, _speed))
        console.print(_table(plan, case, results, _COST, _cost))
    console.print(f"\n{_LEGEND}", style="dim")
    console.print(f"{_disturbance(results)}\n", style="dim")
    for each in judged:
        mark, style = _MARKS[each.ok]
        console.print(Text(f"{mark} {each.target}: {each.found}", style=style))


def _disturbance(results: Results) -> str:
    others = over_rounds(dict(enumerate(results.all())), lambda each: each.other_cpus)
    cpus = os.cpu_count()
    if others is None:
        return "Nothing was measured."
    return f"Other programs used {others.median:.1f} of {cpus} CPUs (at worst {others.high:.1f})."


def _table(
    plan: Plan, case: Case, results: Results, titles: tuple[str, ...], cells: _Cells
) -> Table:
    table = Table(pad_edge=False, padding=(0, 1, 0, 0), header_style="bold", box=box.SIMPLE_HEAD)
    table.add_column("", no_wrap=True)
    for title in titles:
        wraps = title == _COST[-1]
        table.add_column(title, justify="left" if wraps else "right", no_wrap=not wraps)
    for variant in plan.variants:
        if variant.serves(case.peers):
            table.add_row(variant.name, *cells(case, variant, results))
    return table


def _speed(case: Case, variant: Variant, results: Results) -> list[str | Text]:
    measured = results.of(case.name, variant.name)
    socat, direct = (results.of(case.name, base.name) for base in (SOCAT, DIRECT))
    return [
        _number(over_rounds(measured, _rate), 0),
        _ratio(ratios(measured, socat, _rate)),
        _ratio(ratios(measured, direct, _rate)),
        _number(over_rounds(measured, lambda each: each.p50_us), 0),
        _ratio(ratios(measured, socat, lambda each: each.p50_us)),
        _number(over_rounds(measured, lambda each: each.p99_us), 0),
        _number(over_rounds(measured, lambda each: each.p999_us), 0),
    ]


def _cost(case: Case, variant: Variant, results: Results) -> list[str | Text]:
    measured = results.of(case.name, variant.name)
    return [
        _number(over_rounds(measured, _cpu_us), 0),
        _number(over_rounds(measured, lambda each: each.memory.rss_bytes / _MIB or None), 1),
        _number(over_rounds(measured, lambda each: each.memory.pss_bytes / _MIB or None), 1),
        _number(over_rounds(measured, lambda each: each.memory.processes or None), 0),
        _wrong(case, variant, results),
    ]


def _rate(measurement: Measurement) -> float:
    return measurement.per_second


def _cpu_us(measurement: Measurement) -> float | None:
    cpu_s = measurement.cpu_s_per_1000
    return None if cpu_s is None else cpu_s * 1000


def _number(found: Spread | None, digits: int) -> str:
    return _MISSING if found is None else f"{found.median:.{digits}f}"


def _ratio(found: Spread | None) -> str:
    return f"{found.median:.2f}\n{found.low:.2f}-{found.high:.2f}" if found else _MISSING


def _wrong(case: Case, variant: Variant, results: Results) -> Text:
    measured = results.of(case.name, variant.name)
    counts = wrong_datagrams(measured)
    words = [f"{count} {kind}" for kind, count in counts.items()]
    for total, what in (
        (sum(each.errors for each in measured.values()), "ng errors"),
        (sum(each.late for each in measured.values()), "late"),
    ):
        words += [f"{total} {what}"] if total else []
    if failed := results.failed.get((case.name, variant.name)):
        words.append(failed)
    return Text(", ".join(words) or "none", style="red" if counts or failed else "")
