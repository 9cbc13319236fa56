"""Hosts of the lab are restarted, in either order, and calls work again without anybody's help."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import tunnel_links
from one_call import place_one
from slowbye.errors import SlowbyeError
from slowbye.hosts import Host, Inventory
from slowbye.reproduce.playbook import play

_BOOTED_S = 20.0
_WORKS_S = 10.0
"""By when calls work again, counted from the start of the host that boots last."""


@pytest.fixture(scope="module", autouse=True)
def _as_found(lab: Inventory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Begin with a WAN that does no harm, and let the proxy forget afterwards whom it missed."""
    logs: Path = tmp_path_factory.mktemp("playbooks")
    play(lab.path, "wan", {"wan_profile": "clean"}, logs / "wan.log")
    yield
    play(lab.path, "fresh", {}, logs / "fresh.log")


@pytest.mark.parametrize(
    "order", [("sip", "media"), ("media", "sip"), ("wan",)], ids=" first, then ".join
)
def test_calls_work_again_after_a_reboot(
    lab: Inventory,
    order: tuple[str, ...],
    request: pytest.FixtureRequest,
    record_testsuite_property: Callable[[str, object], None],
) -> None:
    hosts = [lab.first(group) for group in order]
    # Who does not end in time has a power cut instead: both have to do.
    stop = ["podman", "stop", "--time", "5", *(host.target for host in hosts)]
    subprocess.run(stop, check=True, capture_output=True)
    for host in hosts:
        begun = time.monotonic()
        subprocess.run(["podman", "start", host.target], check=True, capture_output=True)
        _wait_until_booted(host)
    while not _works(lab):
        assert time.monotonic() - begun < _WORKS_S, "calls do not work again"
    took_s = time.monotonic() - begun
    record_testsuite_property(request.node.name, json.dumps({"works_after_s": took_s}))
    assert took_s < _WORKS_S
    tunnel_links.wait_until_up(lab)


def _wait_until_booted(host: Host) -> None:
    deadline = time.monotonic() + _BOOTED_S
    # Nothing is said while systemd does not listen yet.
    while not (state := host.run(["systemctl", "is-system-running", "--wait"]).stdout.strip()):
        assert time.monotonic() < deadline, f"{host.name} does not boot"
    assert state == "running", host.run(["systemctl", "--failed", "--no-legend"]).stdout


def _works(lab: Inventory) -> bool:
    try:
        result = place_one(lab.first("clients"), lab.first("sip"), "ngtunnel")
    except SlowbyeError:
        return False  # the proxy is not there yet
    (placed,) = result.calls
    return not placed.failure and placed.rtp_ok
