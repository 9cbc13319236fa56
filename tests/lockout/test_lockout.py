"""Rules that would lock Ansible out of a host are undone by the host itself."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from slowbye.hosts import Host, Inventory

_KEPT = "/etc/nftables.d/slowbye.nft"
_TRIAL_S = 20
_PLAYBOOK = Path(__file__).with_name("firewall.yml")


@dataclass(frozen=True)
class Rules:
    """What filters a host's packets: as loaded, and as a reboot would load them."""

    loaded: str
    kept: str


def _rules(host: Host) -> Rules:
    def said(command: str) -> str:
        done = host.run(["sudo", "sh", "-c", command])
        assert done.returncode == 0, done.stderr
        return done.stdout

    # Without -s it counts what was dropped.
    return Rules(said("nft --stateless list table inet slowbye"), said(f"cat {_KEPT}"))


def _apply(lab: Inventory, **variables: object) -> subprocess.CompletedProcess[str]:
    """Run the role, its variables as given."""
    program = Path(sys.executable).with_name("ansible-playbook")
    extra = json.dumps({"firewall_trial": _TRIAL_S, **variables})
    command = [str(program), "-i", lab.path, str(_PLAYBOOK), "-e", extra]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240
    )


def _only_on(host: Host, rule: str) -> str:
    """Return firewall_rules that have a rule on one host, and none on others."""
    return f"{{{{ [{rule!r}] if inventory_hostname == '{host.name}' else [] }}}}"


@pytest.fixture(autouse=True)
def _as_found(lab: Inventory) -> Iterator[None]:
    """Begin and end with the inventory's own rules."""
    assert _apply(lab).returncode == 0
    yield
    assert _apply(lab).returncode == 0


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param("tcp dport {port} ct state new drop", id="new connections"),
        pytest.param("tcp dport {port} drop", id="every connection"),
        pytest.param("drop", id="everything"),
    ],
)
def test_rules_that_cut_ssh_are_undone_by_themselves(lab: Inventory, rule: str) -> None:
    """Whether they cut new connections only, or the one that they came by as well."""
    host = lab.first("sip")
    before = _rules(host)
    cut = rule.format(port=_port(host))
    done = _apply(lab, firewall_rules=_only_on(host, cut))
    assert done.returncode != 0
    said = " ".join(done.stdout.split())
    assert f"The new rules for {host.name} did not let Ansible in again" in said, done.stdout
    assert _rules(host) == before


def test_the_host_itself_undoes_them_when_nobody_comes_back(lab: Inventory) -> None:
    """The play may have been interrupted, or the control node be gone."""
    host = lab.first("sip")
    before = _rules(host)
    # The rules that are kept, with one before them that lets nobody in.
    trial = r"""
        sed '/iif lo accept/a tcp dport { 1-65535 } drop' %s >/run/slowbye-firewall/trial.nft
        systemd-run --quiet --on-active=1 --timer-property=AccuracySec=100ms slowbye-firewall try 8
    """
    assert host.run(["sudo", "sh", "-c", trial % _KEPT]).returncode == 0
    begun = time.monotonic()
    while _answers(host):
        assert time.monotonic() - begun < 8, "nobody was locked out"
    while not _answers(host):
        assert time.monotonic() - begun < 60, "the rules are not undone"
    assert _rules(host) == before


def _answers(host: Host) -> bool:
    """Whether a new connection can be made, without a SYN having to be sent again."""
    try:
        with socket.create_connection((host.target, _port(host)), timeout=0.9):
            return True
    except OSError:
        return False


def _port(host: Host) -> int:
    return int(host.variables.get("ansible_port") or 22)


def test_rules_that_leave_a_way_in_are_kept(lab: Inventory) -> None:
    host = lab.first("sip")
    rule = "tcp dport 9 counter drop"
    done = _apply(lab, firewall_rules=_only_on(host, rule))
    assert done.returncode == 0, done.stdout
    time.sleep(_TRIAL_S)  # the time after which they would have been undone
    rules = _rules(host)
    assert rule in rules.kept
    assert "tcp dport 9 counter drop" in rules.loaded


def test_rules_that_nft_refuses_are_not_even_tried(lab: Inventory) -> None:
    host = lab.first("sip")
    before = _rules(host)
    done = _apply(lab, firewall_rules=_only_on(host, "tcp dport ssh-or-so drop"))
    assert done.returncode != 0
    assert "failed to validate" in done.stdout
    assert "slowbye-firewall try" not in done.stdout
    assert _rules(host) == before
