"""One real run on the lab, made once and looked at by all tests.

SLOWBYE_RESULTS names a results directory to look at instead.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import lab_preflight
from slowbye.hosts import Inventory
from slowbye.reproduce import results
from slowbye.reproduce.results import Session
from slowbye.reproduce.run import Run

pytest_plugins = ["lab_preflight"]

# Two calls more than the proxy has workers begin together, and four more when it is blocked or
# has switched rtpengine off.
_CALLS = 14

_BUG = ("direct/clean", "direct/fragment-delay")
"""What a lab without tunnels, inventory/direct, is there to show."""

_CURE = (
    "socat/fragment-delay",
    "ngtunnel/fragment-delay",
    "direct/fragment-drop",
    "ngtunnel/fragment-drop",
    "ngtunnel/lossy",
    "direct/udp-blocked",
    "ngtunnel/udp-blocked",
)
"""The cure, and the direct path beside it: only what that suffers from can be cured."""

_RESULTS = Path("results/e2e")
"""By inventory; the pages of docs/ are compared with the lab's."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "isolation: that the lab's packets stay on this machine")


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    return lab_preflight.examine(config, {"sip": 1, "media": 1, "clients": 1, "wan": 1})


@pytest.fixture(scope="session")
def session(lab: Inventory) -> Session:
    if earlier := os.environ.get("SLOWBYE_RESULTS"):
        return results.load(Path(earlier))
    paths = [each["name"] for each in lab.first("sip").variables["sip_proxy_rtpengine_sets"]]
    runs = _BUG if paths == ["direct"] else _BUG + _CURE
    root = _RESULTS / Path(lab.path).name
    shutil.rmtree(root, ignore_errors=True)
    program = str(Path(sys.executable).with_name("slowbye"))
    where = ["--inventory", lab.path, "--results", str(root)]
    what = ["--paths", ",".join(paths), "--only", ",".join(runs), "--calls", str(_CALLS)]
    reproduce = [program, "reproduce", *where, *what, "--delay", "4s"]
    done = subprocess.run(reproduce, capture_output=True, text=True)
    print(done.stdout)
    if done.returncode not in (0, 1):
        pytest.exit(f"nothing could be run: {done.stderr.strip().splitlines()[-1]}", returncode=2)
    session = results.load(root / "latest")
    assert done.returncode == (0 if session.conclusion.ok else 1)
    return session


@pytest.fixture(scope="session")
def run_of(session: Session) -> Callable[[str, str], Run]:
    """Find a run of the session by its path and profile."""
    runs = {(run.path, run.profile): run for run in session.runs}
    return lambda path, profile: runs[path, profile]


@pytest.fixture(scope="session")
def clean(run_of: Callable[[str, str], Run]) -> Run:
    return run_of("direct", "clean")


@pytest.fixture(scope="session")
def delayed(run_of: Callable[[str, str], Run]) -> Run:
    return run_of("direct", "fragment-delay")


@pytest.fixture(scope="session")
def bye_round_trips(clean: Run) -> int:
    """How often a BYE crosses the WAN: OpenSIPS asks for the call report before it deletes."""
    return 3 if clean.report_command == "delete" else 4
