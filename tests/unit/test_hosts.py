import subprocess
from pathlib import Path

import pytest

from slowbye.errors import SlowbyeError
from slowbye.hosts import PODMAN_CONNECTION, Host, Inventory, read_inventory

_LAB = """
all:
  vars:
    prefix: lab-
  children:
    sip:
      hosts:
        sip1: {public_address: 198.18.1.1, sip_proxy_workers: 4}
      vars:
        ansible_connection: containers.podman.podman
        ansible_host: "{{ prefix }}{{ inventory_hostname }}"
    media:
      hosts:
        media1:
          ansible_user: root
          ansible_port: 2022
          ansible_ssh_common_args: -J "gate{{ 1 }}" -o UserKnownHostsFile=known
    wan: {}
"""


def inventory(tmp_path: Path, text: str = _LAB) -> str:
    path = tmp_path / "hosts.yml"
    path.write_text(text)
    return str(path)


def test_variables_are_rendered_and_the_connection_is_known(tmp_path: Path) -> None:
    sip = read_inventory(inventory(tmp_path)).first("sip")
    assert (sip.name, sip.target, sip.address) == ("sip1", "lab-sip1", "198.18.1.1")
    assert sip.variables["sip_proxy_workers"] == 4
    assert sip.command_line(["id", "-u"]) == ["podman", "exec", "-i", "lab-sip1", "id", "-u"]


def test_a_host_that_is_no_container_is_reached_by_ssh(tmp_path: Path) -> None:
    media = read_inventory(inventory(tmp_path)).first("media")
    command = media.command_line(["echo", "a b"])
    assert command[0] == "ssh"
    assert command[-2:] == ["media1", "echo 'a b'"]
    assert command[command.index("-p") + 1] == "2022"
    assert command[command.index("-J") + 1] == "gate1"
    assert "UserKnownHostsFile=known" in command


def test_a_user_who_may_become_root_does() -> None:
    host = Host("sip1", "ssh", "x", {"ansible_become": True})
    assert host.command_line(["echo", "a b"])[-1] == "sudo -n echo 'a b'"


def test_an_inventory_that_was_written_is_read_as_it_was(tmp_path: Path) -> None:
    known = read_inventory(inventory(tmp_path))
    read = Inventory.from_json(known.to_json())
    assert read.path == known.path
    assert [read.first(group) for group in ("sip", "media")] == [
        known.first(group) for group in ("sip", "media")
    ]


@pytest.mark.parametrize("group", ["wan", "nonsense"])
def test_a_group_without_hosts_is_named(tmp_path: Path, group: str) -> None:
    with pytest.raises(SlowbyeError, match=f"no host in its group '{group}'"):
        read_inventory(inventory(tmp_path)).first(group)


def test_a_host_without_a_public_address_is_named(tmp_path: Path) -> None:
    media = read_inventory(inventory(tmp_path)).first("media")
    with pytest.raises(SlowbyeError, match="media1 has no public_address"):
        _ = media.address


def test_a_missing_inventory_is_named(tmp_path: Path) -> None:
    with pytest.raises(SlowbyeError, match="no such file"):
        read_inventory(str(tmp_path / "nowhere"))


def test_an_empty_inventory_is_said_to_be_empty(tmp_path: Path) -> None:
    with pytest.raises(SlowbyeError, match="has no hosts"):
        read_inventory(inventory(tmp_path, "all: {}"))


def test_a_broken_inventory_is_named(tmp_path: Path) -> None:
    with pytest.raises(SlowbyeError, match=r"hosts\.yml"):
        read_inventory(inventory(tmp_path, "all: ["))


def _answer(status: int, stderr: str = "") -> object:
    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, status, "", stderr)

    return run


def test_a_container_that_is_not_running_names_the_playbook(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subprocess, "run", _answer(125, "Error: no such container"))
    with pytest.raises(SlowbyeError, match=r"^sip1 is not running: bring the lab up with"):
        Host("sip1", PODMAN_CONNECTION, "lab-sip1").check_up()


def test_a_container_that_was_stopped_names_the_playbook_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = "Error: can only create exec sessions on running containers: container state improper\n"
    monkeypatch.setattr(subprocess, "run", _answer(255, said))
    with pytest.raises(SlowbyeError, match=r"^sip1 is not running: bring the lab up with"):
        Host("sip1", PODMAN_CONNECTION, "lab-sip1").check_up()


def test_a_host_that_ssh_cannot_reach_gives_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", _answer(255, "ssh: connect to host x: No route\n"))
    with pytest.raises(SlowbyeError, match="sip1 cannot be reached over ssh: ssh: connect"):
        Host("sip1", "ssh", "x").check_up()


def test_a_command_that_fails_is_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", _answer(3, "inactive"))
    assert Host("sip1", "ssh", "x").run(["false"]).returncode == 3
