"""The table that a person reads."""

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.cases import Case
from bench.figures import Spread, over_rounds, ratios, wrong_datagrams
from bench.session import Plan, Results
from bench.targets import Judged
from bench.variants import Variant
from bench.variants.direct import DIRECT
from bench.variants.socat import SOCAT

_MIB = 1 << 20
_MISSING = "-"
_COLUMNS = (
    "round\ntrips/s",
    "x socat",
    "x direct",
    "p50\nµs",
    "p99\nµs",
    "p99.9\nµs",
    "p50\nx socat",
    "CPU ms\n/1000",
    "RSS\nMiB",
    "PSS\nMiB",
    "pro-\ncesses",
)
_MARKS = {True: ("✓", "green"), False: ("✗", "red"), None: (_MISSING, "")}


def show(plan: Plan, results: Results, judged: list[Judged], console: Console) -> None:
    """Print a table for each case, then the targets."""
    for case in plan.cases:
        console.print(f"\n[bold]{case.name}[/]: {case.about}, {case.reply_bytes}-byte replies")
        console.print(_case(plan, case, results))
    console.print(
        "\nMedians over the rounds; in parentheses the lowest and the highest. Ratios are taken "
        "within a round.\nProcesses, memory and CPU time are both ends' together."
    )
    console.print()
    for each in judged:
        mark, style = _MARKS[each.ok]
        console.print(Text(f"{mark} {each.target}: {each.found}", style=style))


def _case(plan: Plan, case: Case, results: Results) -> Table:
    table = Table(pad_edge=False, padding=(0, 1, 0, 0), header_style="bold", box=box.SIMPLE_HEAD)
    table.add_column("", no_wrap=True)
    for title in _COLUMNS:
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("wrong datagrams", overflow="fold")
    for variant in plan.variants:
        table.add_row(variant.name, *_row(case, variant, results))
    return table


def _row(case: Case, variant: Variant, results: Results) -> list[str | Text]:
    measured = results.of(case.name, variant.name)
    if not measured:
        reason = results.failed.get((case.name, variant.name), "not for so many peers")
        return [*([_MISSING] * len(_COLUMNS)), Text(reason, style="dim")]
    socat, direct = (results.of(case.name, base.name) for base in (SOCAT, DIRECT))
    return [
        _number(over_rounds(measured, lambda each: each.per_second), 0),
        _ratio(ratios(measured, socat, lambda each: each.per_second)),
        _ratio(ratios(measured, direct, lambda each: each.per_second)),
        _number(over_rounds(measured, lambda each: each.p50_us), 0),
        _number(over_rounds(measured, lambda each: each.p99_us), 0),
        _number(over_rounds(measured, lambda each: each.p999_us), 0),
        _ratio(ratios(measured, socat, lambda each: each.p50_us)),
        _number(
            over_rounds(
                measured,
                lambda each: None if each.cpu_s_per_1000 is None else 1000 * each.cpu_s_per_1000,
            ),
            1,
        ),
        _number(over_rounds(measured, lambda each: each.memory.rss_bytes / _MIB or None), 1),
        _number(over_rounds(measured, lambda each: each.memory.pss_bytes / _MIB or None), 1),
        _number(over_rounds(measured, lambda each: each.memory.processes), 0),
        _wrong(case, variant, results),
    ]


def _number(found: Spread | None, digits: int) -> str:
    return _MISSING if found is None else f"{found.median:.{digits}f}"


def _ratio(found: Spread | None) -> str:
    if found is None:
        return _MISSING
    return f"{found.median:.2f} ({found.low:.2f}-{found.high:.2f})"


def _wrong(case: Case, variant: Variant, results: Results) -> Text:
    measured = results.of(case.name, variant.name)
    counts = wrong_datagrams(measured)
    words = [f"{count} {kind}" for kind, count in counts.items()]
    for kind in ("errors", "late"):
        total = sum(getattr(each, kind) for each in measured.values())
        words += [f"{total} {kind}"] if total else []
    if failed := results.failed.get((case.name, variant.name)):
        words.append(failed)
    return Text(", ".join(words) or "none", style="red" if counts else "")
