"""All flows of the page on the bug, out of the results of one ``slowbye reproduce``."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from slowbye.docs.bug_call import whole_call
from slowbye.docs.bug_late import bye_that_waits, fragments_of_report
from slowbye.docs.bug_others import longest_options, refused_call
from slowbye.docs.bug_tunnels import report_through
from slowbye.docs.flow import Flow
from slowbye.docs.run_wire import RunWire
from slowbye.errors import SlowbyeError
from slowbye.reproduce import results
from slowbye.reproduce.run import Run

PREFIX = "bug-"
"""Of the names of these flows; all others are tests'."""

_Make = Callable[[RunWire, str], Flow]

_FLOWS: dict[str, tuple[str, str, _Make]] = {
    "bug-call": ("direct", "clean", lambda wire, _: whole_call(wire)),
    "bug-fragments": ("direct", "clean", fragments_of_report),
    "bug-fragments-late": ("direct", "fragment-delay", fragments_of_report),
    "bug-bye-late": ("direct", "fragment-delay", bye_that_waits),
    "bug-bye-lost": ("direct", "fragment-drop", bye_that_waits),
    "bug-refused": ("direct", "fragment-drop", lambda wire, _: refused_call(wire)),
    "bug-bystander": ("direct", "fragment-delay", lambda wire, _: longest_options(wire)),
    "bug-bystander-cured": ("ngtunnel", "fragment-delay", lambda wire, _: longest_options(wire)),
    "bug-socat": (
        "socat", "fragment-delay", lambda wire, report: report_through(wire, report, "socat", True)
    ),
    "bug-ngtunnel": (
        "ngtunnel", "fragment-delay",
        lambda wire, report: report_through(wire, report, "ngtunnel", False),
    ),
}  # fmt: skip


def read_run(directory: Path, names: list[str]) -> tuple[str, dict[str, Flow]]:
    """Return the proxy's name and some of the flows.

    Raises:
        SlowbyeError: the directory holds no results, lacks a run, or a run lacks what is shown.
    """
    session = results.load(directory)
    runs = {(run.path, run.profile): run for run in session.runs}
    flows = {}
    for name in names:
        if name not in _FLOWS:
            raise SlowbyeError(f"a page shows {name!r}; there are {', '.join(_FLOWS)}")
        path, profile, make = _FLOWS[name]
        if (path, profile) not in runs:
            raise SlowbyeError(
                f"{directory} has no run {path}/{profile}: `slowbye reproduce --only "
                f"{path}/{profile},…` makes it"
            )
        captures = (directory / f"{path}-{profile}{end}" for end in (".pcap", ".rtpengine.pcap"))
        wire = RunWire(f"{path}/{profile}", *captures)
        run = runs[path, profile]
        flow = make(wire, run.report_command)
        flows[name] = replace(flow, facts={**flow.facts, **_load(run, session.patience)})
    return session.proxy.name, flows


def _load(run: Run, patience: Mapping[str, float]) -> dict[str, str]:
    """Say whether the proxy's workers were enough for the BYEs of a run."""
    workers = int(patience["workers"])
    enough = "more" if run.byes_under_way > workers else "no more"
    return {"workers": str(workers), "BYEs than workers": enough}


def runs() -> list[str]:
    """Return the runs that all flows need, as ``slowbye reproduce --only`` takes them."""
    return list(dict.fromkeys(f"{path}/{profile}" for path, profile, _ in _FLOWS.values()))
