"""The lab of inventory/mesh, as new before each test; at the end a table of what calls felt."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))

import tunnel_links

from slowbye.errors import SlowbyeError
from slowbye.hosts import Inventory, read_inventory
from slowbye.reproduce.playbook import play

_ROOT = Path(__file__).parents[2]
_INVENTORY = os.environ.get("SLOWBYE_INVENTORY", "inventory/mesh")
_RTT = "20ms"
_figures: dict[str, dict[str, float]] = {}


@pytest.fixture(scope="session")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Inventory:
    """The hosts, more than one of each kind that can be lost."""
    os.chdir(_ROOT)
    try:
        read = read_inventory(_INVENTORY)
        for group in ("sip", "media", "clients", "wan"):
            for host in read.group(group):
                host.check_up()
    except SlowbyeError as error:
        pytest.exit(f"the lab is not up: {error}", returncode=2)
    if len(read.group("media")) < 2:
        pytest.exit(f"{_INVENTORY} has one media host: calls have nowhere to move", returncode=2)
    log = tmp_path_factory.mktemp("wan") / "wan.log"
    play(read.path, "wan", {"wan_profile": "clean", "wan_rtt": _RTT}, log)
    return read


@pytest.fixture
def lab(inventory: Inventory, tmp_path: Path) -> Inventory:
    """The hosts, with links up and nothing remembered."""
    tunnel_links.wait_until_up(inventory)
    play(inventory.path, "fresh", {}, tmp_path / "fresh.log")
    return inventory


@pytest.fixture
def note(record_testsuite_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Note figures under a name, for the table and the JUnit report."""

    def note(name: str, **figures: float) -> None:
        rounded = {key: float(round(value)) for key, value in figures.items()}
        _figures[name] = rounded
        record_testsuite_property(name, json.dumps(rounded))

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _figures:
        return
    terminalreporter.section("what calls felt; times in ms")
    columns = list(next(iter(_figures.values())))
    width = max(map(len, _figures))
    heads = "  ".join(column.replace("_", " ") for column in columns)
    terminalreporter.write_line(f"{'':{width}}  {heads}")
    for name, figures in _figures.items():
        cells = "  ".join(f"{figures[column]:>{len(column)}.0f}" for column in columns)
        terminalreporter.write_line(f"{name:{width}}  {cells}")
