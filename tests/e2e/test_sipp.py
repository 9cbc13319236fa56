"""SIPp, a client that nobody here wrote, through the lab's proxy."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from slowbye.hosts import Host, Inventory

CALLS = 100
UAS_PORT = "5070"
_SCENARIO = Path(__file__).with_name("sipp") / "register.xml"


@pytest.fixture
def fresh(lab: Inventory) -> None:
    ansible = Path(sys.executable).with_name("ansible-playbook")
    subprocess.run([ansible, "playbooks/fresh.yml"], check=True, capture_output=True)


@pytest.fixture
def callee(lab: Inventory, fresh: None) -> Iterator[Host]:
    """SIPp's uas, registered as the user that its uac calls."""
    host = lab.group("clients")[0]
    proxy = f"{lab.group('sip')[0].address}:5060"
    here = ["-i", host.address, "-p", UAS_PORT]
    write = 'printf %s "$1" >/run/register.xml'
    host.run(["sh", "-c", write, "sh", _SCENARIO.read_text()])
    done = host.run(["sipp", proxy, "-sf", "/run/register.xml", *here, "-s", "service", "-m", "1"])
    assert done.returncode == 0, done.stdout[-2000:]
    uas = host.popen(["sipp", "-sn", "uas", *here], stdout=subprocess.DEVNULL)
    assert uas.stdin is not None
    yield host
    uas.stdin.close()
    uas.wait(timeout=10)


def test_sipp_completes_a_hundred_calls(lab: Inventory, callee: Host) -> None:
    proxy = f"{lab.group('sip')[0].address}:5060"
    what = ["-sn", "uac", "-s", "service", "-m", str(CALLS), "-r", "20", "-d", "200"]
    done = callee.run(
        ["sipp", proxy, *what, "-i", callee.address, "-timeout", "60s", "-timeout_error"],
        timeout_s=90,
    )
    successful = [line for line in done.stdout.splitlines() if "Successful call" in line]
    assert done.returncode == 0, done.stdout[-3000:]
    assert successful[-1].split()[-1] == str(CALLS)
