"""One real run on the lab, made once and looked at by all tests.

SLOWBYE_RESULTS names a results directory to look at instead; SLOWBYE_INVENTORY another inventory.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from slowbye.errors import SlowbyeError
from slowbye.hosts import Inventory, read_inventory
from slowbye.reproduce import results
from slowbye.reproduce.results import Session
from slowbye.reproduce.run import Run

_ROOT = Path(__file__).parents[2]
_INVENTORY = os.environ.get("SLOWBYE_INVENTORY", "inventory/lab")

# Two calls more than the proxy has workers begin together, and four more when it is blocked or
# has switched rtpengine off.
_CALLS = 14


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "isolation: that the lab's packets stay on this machine")


@pytest.fixture(scope="session")
def lab() -> Inventory:
    os.chdir(_ROOT)
    try:
        inventory = read_inventory(_INVENTORY)
        for group in ("sip", "media", "clients", "wan"):
            for host in inventory.group(group):
                host.check_up()
    except SlowbyeError as error:
        pytest.exit(f"the lab is not up: {error}", returncode=2)
    return inventory


@pytest.fixture(scope="session")
def session(lab: Inventory, tmp_path_factory: pytest.TempPathFactory) -> Session:
    if earlier := os.environ.get("SLOWBYE_RESULTS"):
        return results.load(Path(earlier))
    root = tmp_path_factory.mktemp("results")
    program = str(Path(sys.executable).with_name("slowbye"))
    where = ["--inventory", _INVENTORY, "--results", str(root)]
    what = ["--calls", str(_CALLS), "--delay", "4s"]
    profiles = ["--profiles", "clean,fragment-delay,fragment-drop"]
    done = subprocess.run(
        [program, "reproduce", *where, *what, *profiles], capture_output=True, text=True
    )
    print(done.stdout)
    if done.returncode not in (0, 1):
        pytest.exit(f"nothing could be run: {done.stderr.strip().splitlines()[-1]}", returncode=2)
    return results.load(root / "latest")


def _run(session: Session, profile: str) -> Run:
    return next(run for run in session.runs if run.profile == profile and run.path == "direct")


@pytest.fixture(scope="session")
def clean(session: Session) -> Run:
    return _run(session, "clean")


@pytest.fixture(scope="session")
def delayed(session: Session) -> Run:
    return _run(session, "fragment-delay")


@pytest.fixture(scope="session")
def dropped(session: Session) -> Run:
    return _run(session, "fragment-drop")
