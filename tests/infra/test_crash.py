"""Services that come back by themselves after a crash."""

import time
from collections.abc import Sequence

import pytest

from disturbance import disturbing
from infra import listeners
from infra.fleet import Machine, Unit

pytestmark = pytest.mark.crashes

_BACK_WITHIN_S = 15

# Kills the service's main process and waits for another, on the host itself: a command there takes
# longer than some services are away.
_KILL = """
before=$(systemctl show --property=MainPID --value {name})
[ "$before" != 0 ] && kill -KILL "$before"
for _ in $(seq {tries}); do
  now=$(systemctl show --property=MainPID --value {name})
  if [ "$now" != "$before" ] && [ "$now" != 0 ] && systemctl --quiet is-active {name}; then
    exit 0
  fi
  sleep 0.1
done
systemctl --no-pager --lines=0 status {name}
exit 1
"""


def _kill(service: Unit) -> None:
    script = _KILL.format(name=service.name, tries=10 * _BACK_WITHIN_S)
    back = service.machine.run("timeout %s sh -c %s", 2 * _BACK_WITHIN_S, script)
    assert back.rc == 0, f"not back within {_BACK_WITHIN_S} s: {back.stdout}"


def _amiss(service: Unit, machines: Sequence[Machine]) -> list[str]:
    """What the service has still to do before all is as it was: listen, and be linked."""
    missing = listeners.expected(service.machine) - listeners.found(service.machine)
    amiss = [f"nobody listens on {each}" for each in sorted(missing)]
    if service.name.startswith("ngtunnel@"):
        for each in machines:
            if each.group == "sip":
                status = each.run("ngtunnel status")
                amiss += [status.stdout + status.stderr] if status.rc else []
    return amiss


def test_a_service_is_back_and_at_work_after_a_crash(
    service: Unit, machines: Sequence[Machine]
) -> None:
    with disturbing(*(machine.host for machine in machines)):
        _kill(service)
        deadline = time.monotonic() + _BACK_WITHIN_S
        while (amiss := _amiss(service, machines)) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert amiss == []


def test_systemd_never_gives_a_service_up(service: Unit) -> None:
    """By default it does after five crashes in ten seconds."""
    shown = service.show("StartLimitIntervalUSec", "Restart")
    assert shown["StartLimitIntervalUSec"] == "0"
    assert shown["Restart"] in ("always", "on-failure")
