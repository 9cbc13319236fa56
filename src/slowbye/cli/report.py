"""``slowbye report``: show the results of an earlier run again."""

import json
from pathlib import Path

import click
from rich.console import Console

from slowbye.reproduce import html, results, table


@click.command()
@click.argument(
    "directory", type=click.Path(path_type=Path), default=Path("results/latest"), required=False
)
@click.option("--json", "as_json", is_flag=True, help="Print reproduce.json.")
@click.option("--html", "as_html", is_flag=True, help="Write report.html again, say where.")
def command(directory: Path, as_json: bool, as_html: bool) -> None:
    """Show the results of an earlier run again (by default results/latest)."""
    session = results.load(directory)
    if as_json:
        click.echo(json.dumps(session.to_json(), indent=1))
    elif as_html:
        click.echo(html.write(session, directory))
    else:
        table.show(session, Console())
