"""Writes a session as one self-contained page, to show to whoever runs the network."""

from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from slowbye.reproduce import table, timeline
from slowbye.reproduce.results import Session

_FILE = "report.html"


def write(session: Session, directory: Path) -> Path:
    """Write report.html into a results directory and return its path."""
    path = directory / _FILE
    path.write_text(render(session, directory), encoding="utf-8")
    return path


def render(session: Session, directory: Path) -> str:
    """Return the page; the charts are drawn from the raw calls in the directory."""
    environment = Environment(
        loader=PackageLoader("slowbye.reproduce", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["ms"] = table.cell
    charts = {
        id(run): timeline.read_timeline(directory / f"{run.path}-{run.profile}.calls.json")
        for run in session.runs
    }
    slowest = max(
        (
            value
            for run in session.runs
            for value in (run.bye_ms.p50, run.bystander_ms.p99)
            if value
        ),
        default=1.0,
    )
    return environment.get_template("report.html.j2").render(
        session=session,
        headline=table.headline(session),
        runs=[(run, table.profile_name(run), charts[id(run)]) for run in session.runs],
        reply_size=table.reply_size,
        reply_time=table.reply_time,
        slowest=slowest,
        width=timeline.WIDTH,
        conclusion=session.conclusion,
        finding_cell=table.finding_cell,
    )
