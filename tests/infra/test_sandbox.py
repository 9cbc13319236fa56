"""What a service that somebody took over could do: next to nothing."""

from functools import cache

import pytest

from infra import sandbox
from infra.fleet import Unit
from infra.sandbox import Findings

# capabilities(7)
_CAP_NET_ADMIN, _CAP_SYS_NICE = 12, 23


@pytest.fixture
def findings(service: Unit) -> Findings:
    """What is seen from within; skipped where the kernel refuses what the unit asks for."""
    found = sandbox.explore(service)
    asked = service.show("ProtectSystem", "ProtectHome", "PrivateTmp")
    if not found.is_apart and not {"no", ""} & set(asked.values()):
        pytest.skip(
            f"{service.machine}'s kernel gives its units no view of the file system of their own "
            "(a container without CAP_SYS_ADMIN), and systemd starts them without: the unit asks"
        )
    return found


def test_a_service_can_change_nothing_of_the_system(findings: Findings) -> None:
    assert sorted(findings.written & {*sandbox.WRITTEN}) == []


def test_a_service_sees_nobodys_home(findings: Findings) -> None:
    assert "/home" not in findings.seen


def test_a_service_has_a_tmp_of_its_own(findings: Findings) -> None:
    assert "/tmp" not in findings.seen  # noqa: S108


@cache
def _status(service: Unit) -> dict[str, str]:
    pid = service.show("MainPID")["MainPID"]
    lines = service.machine.output("cat /proc/%s/status", pid).splitlines()
    return {key: value.strip() for key, value in (line.split(":", 1) for line in lines)}


def test_a_service_has_no_capability_and_can_get_none(service: Unit) -> None:
    """Apart from rtpengine's where the kernel forwards for it, as Debian's unit gives them."""
    may = 0
    if service.user == "rtpengine" and service.machine.variables["rtpengine_table"] >= 0:
        may = 1 << _CAP_NET_ADMIN | 1 << _CAP_SYS_NICE
    status = _status(service)
    for kind in ("CapPrm", "CapEff", "CapInh", "CapAmb", "CapBnd"):
        assert int(status[kind], 16) & ~may == 0, f"{kind} is {status[kind]}"


def test_systemd_finds_a_service_hardly_exposed(service: Unit) -> None:
    """Of 100: what is left is said, with its reason, in roles/sandbox/README.md."""
    analysis = "systemd-analyze security --no-pager --threshold=20 %s"
    judged = service.machine.run(analysis, service.name)
    assert judged.rc == 0, judged.stdout.strip().splitlines()[-1]


def test_a_service_gains_no_privilege_by_running_a_setuid_program(service: Unit) -> None:
    assert _status(service)["NoNewPrivs"] == "1"
