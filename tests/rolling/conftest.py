"""Two hosts of each kind, as new, and higher versions of what runs on them; then as they were."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import lab_preflight
import made_with
import tunnel_links
from rolling.fleet import Fleet
from slowbye.hosts import Inventory
from slowbye.reproduce.playbook import play

pytest_plugins = ["lab_preflight", "made_with"]

_NEWER = "../tests/rolling/newer"


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    groups = {"sip": 2, "media": 2, "clients": 1}
    return lab_preflight.examine(config, groups, default="inventory/mesh")


@pytest.fixture(scope="session")
def fleet(lab: Inventory, pytestconfig: pytest.Config) -> Iterator[Fleet]:
    """The hosts, with links up and nothing remembered, beside packages of a higher version."""
    log = Path("results/rolling/playbooks.log")
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    tunnel_links.wait_until_up(lab)
    play(lab.path, "fresh", {}, log)
    play(lab.path, _NEWER, {}, log)
    yield Fleet(lab, log, made_with.variables(pytestconfig))
    play(lab.path, _NEWER, {"newer": "false"}, log)


@pytest.fixture
def note(record_testsuite_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Note figures under a name, for the JUnit report and whoever reads the output."""

    def note(name: str, **figures: float) -> None:
        print(name, figures)
        record_testsuite_property(name, json.dumps(figures))

    return note
