"""Fragments delayed on the WAN, and at the end a table of what SIPp counted and timed."""

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import lab_preflight
from sipp.sipp import Figures
from slowbye.hosts import Inventory
from slowbye.reproduce.playbook import play

pytest_plugins = ["lab_preflight"]

_RESULTS = Path("results/sipp/sipp.json")
_IMPAIRED = {"wan_profile": "fragment-delay", "wan_delay": "4s", "wan_expire": "10m"}
_noted = pytest.StashKey[dict[str, Figures]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--load-seconds",
        type=int,
        default=10,
        help="for how long 50 calls begin each second (make test-all: 60)",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_noted] = {}


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    return lab_preflight.examine(config, {"sip": 1, "media": 1, "clients": 1, "wan": 1})


@pytest.fixture(scope="session")
def impaired(lab: Inventory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inventory]:
    """The hosts, nothing remembered, and fragments delayed between proxy and media hosts."""
    log = tmp_path_factory.mktemp("ansible") / "playbooks.log"
    play(lab.path, "fresh", {}, log)
    play(lab.path, "wan", _IMPAIRED, log)
    yield lab
    play(lab.path, "wan", {}, log)


@pytest.fixture
def note(
    request: pytest.FixtureRequest, record_testsuite_property: Callable[[str, object], None]
) -> Callable[[str, Figures], None]:
    """Note figures under a name, for the table, the JUnit report and the results."""

    def note(name: str, figures: Figures) -> None:
        request.config.stash[_noted][name] = figures
        record_testsuite_property(name, json.dumps(dataclasses.asdict(figures)))

    return note


def pytest_sessionfinish(session: pytest.Session) -> None:
    if noted := session.config.stash.get(_noted, None):
        _RESULTS.parent.mkdir(parents=True, exist_ok=True)
        results = {name: dataclasses.asdict(figures) for name, figures in noted.items()}
        _RESULTS.write_text(json.dumps({"schema": 1, "runs": results}, indent=1) + "\n")


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    noted = config.stash[_noted]
    if not noted:
        return
    terminalreporter.section("what SIPp counted and timed; times in ms")
    width = max(map(len, noted))
    terminalreporter.write_line(f"{'':{width}}  calls  failed  resent  response  p50   p99   max")
    for name, figures in noted.items():
        row = f"{name:{width}}  {figures.calls:5}  {figures.failed:6}  {figures.retransmissions:6}"
        for timer, times in figures.response_ms.items():
            ms = "  ".join(
                f"{0 if value is None else value:4.0f}"
                for value in (times.p50, times.p99, times.max)
            )
            terminalreporter.write_line(f"{row}  {timer:8}{ms}")
            row = " " * len(row)
