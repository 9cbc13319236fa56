"""``slowbye reproduce``: run calls over each path under each WAN profile and judge the result."""

import json
import shlex
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import click
from rich.console import Console

from slowbye.hosts import read_inventory
from slowbye.reproduce import html, playbook, results, table
from slowbye.reproduce.lock import alone
from slowbye.reproduce.plan import Plan, make_plan
from slowbye.reproduce.progress import Progress
from slowbye.reproduce.results import Session
from slowbye.reproduce.session import (
    PLAYBOOKS,
    Reproduction,
    announcement,
    dry_run,
    look,
    steps,
)

_INTERRUPTED = 130


@click.command()
@click.option("--inventory", default="inventory/lab", show_default=True, help="The hosts.")
@click.option(
    "--profiles",
    default="clean,fragment-delay,fragment-drop,lossy,udp-blocked",
    show_default=True,
    help="WAN profiles, separated by commas.",
)
@click.option(
    "--paths",
    default="direct,socat,ngtunnel",
    show_default=True,
    help="Ways from the proxy to rtpengine, separated by commas.",
)
@click.option(
    "--only",
    default="",
    metavar="PATH/PROFILE,…",
    help="Not each path under each profile, but these, such as direct/clean,ngtunnel/udp-blocked.",
)
@click.option("--delay", default="4s", show_default=True, help="How late fragments arrive.")
@click.option("--rtt", default="20ms", show_default=True, help="The WAN's round-trip time.")
@click.option("--calls", default=20, show_default=True, help="Calls for each run.")
@click.option(
    "--at-once", type=int, help="Calls under way together.  [default: workers + 2; TCP: 1]"
)
@click.option("--transport", type=click.Choice(["udp", "tcp"]), default="udp", show_default=True)
@click.option("--media", default="2s", show_default=True, help="How long each call talks.")
@click.option(
    "--results",
    "root",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("results"),
    show_default=True,
    help="Where a directory for this session is made.",
)
@click.option("--json", "as_json", is_flag=True, help="Print reproduce.json instead of a table.")
@click.option("--dry-run", "only_show", is_flag=True, help="Print the commands that would be run.")
def command(
    inventory: str,
    profiles: str,
    paths: str,
    only: str,
    delay: str,
    rtt: str,
    calls: int,
    at_once: int | None,
    transport: str,
    media: str,
    root: Path,
    as_json: bool,
    only_show: bool,
) -> None:
    """Place real calls over each path under each WAN profile, and say what cured what.

    Exits with 0 when each run shows what its profile should cause, 1 when one does not, and 2
    when something is missing or mistyped.
    """
    plan = make_plan(
        read_inventory(inventory),
        delay=delay,
        rtt=rtt,
        calls=calls,
        at_once=at_once,
        profiles=_names(profiles),
        paths=_names(paths),
        only=_names(only),
        transport=transport,
        media=media,
    )
    if only_show:
        for words in dry_run(plan):
            click.echo(shlex.join(words))
        return
    playbook.check_present(*PLAYBOOKS)
    signal.signal(signal.SIGTERM, _terminate)
    with alone(inventory):
        session, directory = _run(plan, root)
    html.write(session, directory)
    if as_json:
        click.echo(json.dumps(session.to_json(), indent=1))
    else:
        table.show(session, Console())
        click.echo(f"\nCaptures, journals and report.html: {directory}")
    sys.exit(0 if session.conclusion.ok else 1)


def _run(plan: Plan, root: Path) -> tuple[Session, Path]:
    session = look(plan)
    directory = results.make_directory(root, datetime.now(UTC))
    click.echo(announcement(plan), err=True)
    with Progress(steps(plan)) as progress:
        reproduction = Reproduction(plan, directory, progress)
        try:
            return reproduction.run(session), directory
        except KeyboardInterrupt:
            progress.stop()
            wan = "clean again" if reproduction.wan_is_clean else "still impaired"
            click.echo(f"interrupted: the WAN is {wan}; what was measured: {directory}", err=True)
            sys.exit(_INTERRUPTED)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _terminate(number: int, frame: FrameType | None) -> None:
    """Make a polite kill the same as Ctrl-C, so that the WAN is cleaned."""
    raise KeyboardInterrupt
