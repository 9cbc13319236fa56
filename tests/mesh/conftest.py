"""The lab of inventory/mesh, as new before each test; at the end a table of what calls felt."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import lab_preflight
import tunnel_links
from slowbye.hosts import Inventory
from slowbye.reproduce.playbook import play

pytest_plugins = ["lab_preflight"]

_RTT = "20ms"
_figures: dict[str, dict[str, float]] = {}


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    groups = {"sip": 1, "media": 2, "clients": 1, "wan": 1}  # calls need somewhere to move to
    return lab_preflight.examine(config, groups, default="inventory/mesh")


@pytest.fixture(scope="session")
def inventory(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Inventory:
    """The hosts, more than one of each kind that can be lost."""
    read = pytestconfig.stash[lab_preflight.LAB]
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
