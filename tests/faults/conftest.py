"""Hosts, tunnels and the length of faults; and at the end a table of what came of each."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

# Certificates for tests are made in one place, which is the tunnel's own tests.
sys.path.insert(0, str(Path(__file__).parents[2] / "ngtunnel"))

from faults.hosts import Hosts, three_hosts
from faults.outcome import Outcome
from faults.tunnel import Setting, Tunnel, tunnel

_SHORT_S = 6.0
_figures: dict[str, dict[str, float]] = {}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--duration", type=float, default=_SHORT_S, metavar="SECONDS",
        help="how long each fault lasts, with a kill every 3 s of it, or 2 s if it is short",
    )  # fmt: skip


@pytest.fixture
def duration(request: pytest.FixtureRequest) -> float:
    """How long a fault goes on, in seconds."""
    seconds: float = request.config.getoption("duration")
    return seconds


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    """Hosts of this test's own."""
    with three_hosts() as made:
        yield made


@pytest.fixture
def start(hosts: Hosts, tmp_path: Path) -> Iterator[Callable[..., Tunnel]]:
    """Start a tunnel that is not as by default."""
    with ExitStack() as stack:

        def start(setting: Setting | None = None, *, wait: bool = True) -> Tunnel:
            return stack.enter_context(tunnel(hosts, tmp_path, setting, wait=wait))

        yield start


@pytest.fixture
def through(start: Callable[..., Tunnel]) -> Tunnel:
    """A tunnel as by default."""
    return start()


@pytest.fixture
def report(
    request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> Callable[..., None]:
    """Note an outcome's figures for the table and the JUnit report."""

    def note(outcome: Outcome | None = None, **more: float) -> None:
        figures = (outcome.figures if outcome else {}) | more
        _figures[request.node.name] = figures
        record_property("figures", json.dumps(figures))

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _figures:
        terminalreporter.section("figures")
    for name, figures in _figures.items():
        terminalreporter.write_line(name.removeprefix("test_").replace("_", " "))
        said = ", ".join(f"{key} {value:g}" for key, value in figures.items())
        terminalreporter.write_line(f"    {said}")
