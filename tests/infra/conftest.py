"""The hosts of the inventory as parameters, and the journal of whatever a failing test was about.

A test is run for each host, unit or service that its arguments name: ``machine`` is any host that
was made here, ``proxy_host`` and ``media_host`` are those of one kind, ``prepared_host`` is either,
``closed_host`` is closed to strangers, ``tls_host`` has a certificate; ``unit`` is whatever systemd
has to run, ``service`` what of it is a process, ``binder`` a service that opens its sockets itself,
``reader`` what has configuration and ``keeper`` what has secrets.
"""

from collections.abc import Callable, Generator, Sequence

import pytest

import lab_preflight
from infra import fleet
from infra.fleet import Machine, Unit
from slowbye.errors import SlowbyeError

pytest_plugins = ["lab_preflight"]

# The lab's own hosts listen to nobody, and are strangers to the others.
_GROUPS = {"sip": 1, "media": 1, "clients": 0, "nat": 0, "natted": 0, "wan": 0}

_MACHINES = pytest.StashKey[Sequence[Machine]]()


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Find out what there is to test, before the tests are collected."""
    config.addinivalue_line("markers", "crashes: kills what it tests, and so comes last")
    if config.option.help:
        return None
    if status := lab_preflight.examine(config, _GROUPS, disturbs=False):
        return status
    try:
        found = list(fleet.machines(config.stash[lab_preflight.LAB], _GROUPS))
    except SlowbyeError as error:
        return lab_preflight.refuse(error)
    config.stash[_MACHINES] = found
    return None


_PARAMETERS: dict[str, Callable[[Sequence[Machine]], Sequence[Machine | Unit]]] = {
    "machine": lambda machines: [each for each in machines if each.is_ours],
    "proxy_host": lambda machines: [each for each in machines if each.group == "sip"],
    "media_host": lambda machines: [each for each in machines if each.group == "media"],
    "prepared_host": lambda machines: [each for each in machines if each.variables],
    "closed_host": lambda machines: [
        each for each in machines if each.variables.get("firewall_policy") == "drop"
    ],
    "tls_host": lambda machines: [
        each for each in machines if any(end["tls"] for end in each.instances)
    ],
    "unit": lambda machines: _units(machines),
    "service": lambda machines: [each for each in _units(machines) if each.user],
    # The tunnel's sockets are systemd's, which binds addresses that are not there yet.
    "binder": lambda machines: [
        each for each in _units(machines) if each.user and not each.name.startswith("ngtunnel@")
    ],
    "reader": lambda machines: [each for each in _units(machines) if each.configuration],
    "keeper": lambda machines: [each for each in _units(machines) if each.secrets],
}


def _units(machines: Sequence[Machine]) -> list[Unit]:
    return [unit for machine in machines for unit in fleet.units(machine)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for name, select in _PARAMETERS.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, select(metafunc.config.stash[_MACHINES]), ids=str)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("crashes") is not None)


@pytest.fixture(scope="session")
def machines(pytestconfig: pytest.Config) -> Sequence[Machine]:
    """All hosts under test."""
    return pytestconfig.stash[_MACHINES]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        for value in getattr(item, "funcargs", {}).values():
            if isinstance(value, Machine | Unit):
                report.sections.append((f"journal of {value}", value.journal()))
    return report
