"""Every metric that the alerts and the dashboard use is one that a host really has."""

from collections.abc import Iterator

import pytest

import monitored
from infra.fleet import PROXIES, Machine


def _places(machine: Machine) -> Iterator[str]:
    for instance in machine.instances:
        yield instance.get("metrics", "")
    yield machine.variables.get("rtpengine_listen_http", "") if machine.group == "media" else ""
    yield machine.variables.get("sip_proxy_metrics", "") if machine.group == "sip" else ""


def _names(machine: Machine) -> set[str]:
    """Return the names of the host's metrics, those of which there is no sample yet too."""
    found = set()
    for place in filter(None, _places(machine)):
        text = machine.get(f"http://{place}/metrics")
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split()
                found |= {name, f"{name}_bucket"} if kind == "histogram" else {name}
            elif line and not line.startswith("#"):
                found.add(line.replace("{", " ").split()[0])
    return found


def test_a_host_has_every_metric_that_is_watched(prepared_host: Machine) -> None:
    found = _names(prepared_host)
    kinds = {name.split("_")[0] for name in found}
    if not kinds:
        pytest.skip(f"{prepared_host} shows no metrics")
    wanted = {name for name in monitored.metrics() if name.split("_")[0] in kinds}
    assert wanted - found == set()
    if prepared_host.group == "sip" and prepared_host.variables.get("sip_proxy_metrics"):
        assert kinds & {*PROXIES} == {prepared_host.proxy}
