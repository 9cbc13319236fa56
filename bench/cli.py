"""The command line of ``python -m bench``, which ``make bench`` runs."""

import json
import os
import platform
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from bench import targets
from bench.cases import CASES, WAN_CASES, Case
from bench.errors import BenchError
from bench.session import OnStep, Plan, Results, missing, run
from bench.table import show
from bench.targets import Judged
from bench.variants import VARIANTS, Variant
from bench.wan import session as wan
from bench.wan.session import CLEAN, FRAGMENT_DELAY, LOSSY, PROFILES, WAN_VARIANTS, Profile

_INTERRUPTED = 130
_QUICK = 2, 1.0
_USUAL = {"loopback": (5, 2.0), "wan": (2, 10.0)}
"""Rounds, and seconds of each measurement."""

Named = TypeVar("Named", Case, Variant, Profile)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--where",
    default="loopback",
    show_default=True,
    type=click.Choice(["loopback", "wan"]),
    help="On this machine, or between the lab's first proxy host and its first media host.",
)
@click.option(
    "--profiles",
    default=f"{CLEAN.name},{LOSSY.name}",
    show_default=True,
    help=f"Of the WAN; there is {FRAGMENT_DELAY.name}, too.",
)
@click.option("--inventory", default="inventory/lab", show_default=True, help="Of the WAN.")
@click.option("--rounds", type=click.IntRange(1, 100), help="[default: 5; across the WAN 2]")
@click.option(
    "--seconds",
    type=click.FloatRange(0.1, 600),
    help="How long each measurement takes, after its warm-up.  [default: 2; across the WAN 10]",
)
@click.option(
    "--patience",
    default=5.0,
    show_default=True,
    type=click.FloatRange(0, 600),
    help="Seconds to wait at most, before each measurement, for other programs to become quiet.",
)
@click.option("--cases", default="", help="Some of them, separated by commas.  [default: all]")
@click.option("--variants", default="", help="Some of them, likewise.  [default: all]")
@click.option("--quick", is_flag=True, help="Two rounds of a second: a look, not a result.")
@click.option(
    "--results",
    "root",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("results"),
    show_default=True,
    help="Where a directory for this run is made.",
)
@click.option("--json", "as_json", is_flag=True, help="Print bench.json instead of tables.")
@click.option("--dry-run", "only_show", is_flag=True, help="Say what would be measured.")
def command(
    where: str,
    profiles: str,
    inventory: str,
    rounds: int | None,
    seconds: float | None,
    patience: float,
    cases: str,
    variants: str,
    quick: bool,
    root: Path,
    as_json: bool,
    only_show: bool,
) -> None:
    """Compare the tunnels under the same verified ng traffic.

    Exits with 0 when each target that was measured is reached, 1 when one is not, and 2 when
    something is missing or mistyped.
    """
    across_wan = where == "wan"
    usual = _QUICK if quick else _USUAL[where]
    plan = Plan(
        cases=_chosen("case", cases, WAN_CASES if across_wan else CASES),
        variants=_chosen("variant", variants, WAN_VARIANTS if across_wan else VARIANTS),
        rounds=rounds or usual[0],
        seconds=seconds or usual[1],
        patience_s=patience,
    )
    measure = partial(run, plan)
    if across_wan:
        chosen = _chosen("profile", profiles, PROFILES)
        measure = partial(wan.run, inventory, chosen, plan)
        plan = wan.under(plan, chosen)
    if only_show:
        _describe(plan)
        return
    if absent := [] if across_wan else missing(plan.variants):
        raise BenchError(
            "not installed: "
            + ", ".join(f"{each.name} ({_how_to_get(each)})" for each in absent)
            + "; or leave them out with --variants"
        )
    signal.signal(signal.SIGTERM, _terminate)
    started, results = datetime.now(UTC), Results()
    interrupted = False
    try:
        _run(measure, plan, results)
    except KeyboardInterrupt:
        interrupted = True
        click.echo("interrupted: everything is stopped again; so far:", err=True)
        if not results.measured:
            sys.exit(_INTERRUPTED)
    judged = targets.judge_wan(results) if across_wan else targets.judge(results)
    report = {"where": where, **_report(plan, results, judged, started)}
    label = "bench-wan" if across_wan else "bench"
    directory = root / f"{label}-{started:%Y%m%dT%H%M%SZ}"
    directory.mkdir(parents=True)
    (directory / "bench.json").write_text(json.dumps(report, indent=1) + "\n")
    if as_json:
        click.echo(json.dumps(report, indent=1))
    else:
        show(plan, results, judged, Console())
        click.echo(f"\nAll figures: {directory / 'bench.json'}")
    if interrupted:
        sys.exit(_INTERRUPTED)
    sys.exit(1 if any(each.ok is False for each in judged) else 0)


def _run(measure: Callable[[OnStep, Results], None], plan: Plan, results: Results) -> None:
    console = Console(stderr=True)
    columns = (BarColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=len(list(plan.steps())))

        def on_step(number: int, case: Case, variant: Variant) -> None:
            label = f"round {number + 1}/{plan.rounds} · {case.name} · {variant.name}"
            progress.update(task, description=label)
            progress.advance(task)

        measure(on_step, results)


def _describe(plan: Plan) -> None:
    for case in plan.cases:
        click.echo(f"case {case.name}: {case.about}")
    for variant in plan.variants:
        click.echo(f"variant {variant.name}: {variant.about}")
    click.echo(
        f"{plan.rounds} rounds of {plan.seconds:g} s each: about {plan.about_s() / 60:.0f} min"
    )


def _chosen(kind: str, names: str, known: Sequence[Named]) -> list[Named]:
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    for name in wanted:
        if name not in {each.name for each in known}:
            allowed = ", ".join(each.name for each in known)
            raise BenchError(f"{name!r} is no {kind}: use some of {allowed}")
    return [each for each in known if not wanted or each.name in wanted]


def _how_to_get(variant: Variant) -> str:
    return f"apt-get install {variant.package}" if variant.package else "bin/setup --dev"


def _report(
    plan: Plan, results: Results, judged: list[Judged], started: datetime
) -> dict[str, Any]:
    return {
        "schema": 1,
        "started": f"{started:%Y-%m-%dT%H:%M:%SZ}",
        "machine": {
            "kernel": platform.release(),
            "python": platform.python_version(),
            "cpus": os.cpu_count(),
            "load_after": os.getloadavg()[0],
        },
        "rounds": plan.rounds,
        "seconds": plan.seconds,
        "targets": [asdict(each) for each in judged],
        "cases": [
            {
                **asdict(case),
                "variants": [
                    {
                        "name": variant.name,
                        "about": variant.about,
                        "failed": results.failed.get((case.name, variant.name)),
                        "rounds": [
                            {"round": number, **asdict(measured)}
                            for number, measured in results.of(case.name, variant.name).items()
                        ],
                    }
                    for variant in plan.variants
                ],
            }
            for case in plan.cases
        ],
    }


def _terminate(number: int, frame: FrameType | None) -> None:
    """Make a polite kill the same as Ctrl-C, so that everything is stopped."""
    raise KeyboardInterrupt


def main() -> None:
    """Run it; a BenchError is one sentence on stderr and exit status 2."""
    try:
        command()
    except BenchError as error:
        click.echo(f"bench: {error}", err=True)
        sys.exit(2)
