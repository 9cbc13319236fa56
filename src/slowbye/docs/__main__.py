"""``python -m slowbye.docs``: write the pages, or say where they are not what was captured."""

import sys
from difflib import unified_diff
from pathlib import Path

import click

from slowbye.docs import bug
from slowbye.docs.calls import read_test
from slowbye.docs.flow import Flow
from slowbye.docs.pages import Pages
from slowbye.errors import SlowbyeError

_CALLS = click.option(
    "--calls", type=click.Path(path_type=Path), help="What tests/calls left: results/calls."
)
_RUN = click.option(
    "--run", type=click.Path(path_type=Path), help="What slowbye reproduce left: results/latest."
)


@click.group()
def main() -> None:
    """Make docs/*.md out of docs/templates, and of what was on the wire."""


@main.command()
@_CALLS
@_RUN
def write(calls: Path | None, run: Path | None) -> None:
    """Keep what was captured in docs/captures, and write the pages."""
    pages = Pages(Path("docs"))
    for proxy, name, flow in _captured(pages, calls, run):
        kept = pages.captured(proxy, name)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(flow.dump(), encoding="utf-8")
    for old in pages.shown_nowhere():
        old.unlink()
    for page in pages.names:
        written = pages.docs / page
        written.write_text(pages.render(page), encoding="utf-8")
        click.echo(f"wrote {written}")


@main.command()
@_CALLS
@_RUN
def check(calls: Path | None, run: Path | None) -> None:
    """Compare docs/captures with what was captured, and the pages with docs/captures."""
    pages = Pages(Path("docs"))
    differ = False
    for proxy, name, flow in _captured(pages, calls, run):
        differ |= _tell(pages.captured(proxy, name), flow.dump(), f"on {proxy}")
    for page in pages.names:
        differ |= _tell(pages.docs / page, pages.render(page), "from docs/captures")
    if differ:
        raise SlowbyeError("docs/ is not what the captures say: mend what broke, or `make docs`")
    click.echo(f"docs: {', '.join(pages.names)} are what the captures say")


@main.command()
def runs() -> None:
    """Print the runs that the pages show, as ``slowbye reproduce --only`` takes them."""
    click.echo(",".join(bug.runs()))


def _captured(pages: Pages, calls: Path | None, run: Path | None) -> list[tuple[str, str, Flow]]:
    """Return (proxy, name, flow) of all flows that the pages show, of the results given."""
    names = list(dict.fromkeys(name for page in pages.names for name in pages.flows_of(page)))
    found = []
    if run is not None:
        proxy, flows = bug.read_run(run, [name for name in names if name.startswith(bug.PREFIX)])
        found += [(proxy, name, flow) for name, flow in flows.items()]
    if calls is not None:
        for name in names:
            if not name.startswith(bug.PREFIX):
                proxy, flow = read_test(calls / f"{name}.json")
                found.append((proxy, name, flow))
    return found


def _tell(committed: Path, now: str, where: str) -> bool:
    """Print how a file differs from what it would be now, and return whether it does."""
    before = committed.read_text(encoding="utf-8") if committed.is_file() else ""
    lines = unified_diff(
        before.splitlines(), now.splitlines(), str(committed), f"now, {where}", lineterm=""
    )
    click.echo("".join(f"{line}\n" for line in lines), nl=False)
    return before != now


if __name__ == "__main__":
    try:
        main()
    except SlowbyeError as fault:
        click.echo(f"slowbye: {fault}", err=True)
        sys.exit(2)
