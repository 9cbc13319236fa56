from pathlib import Path

import pytest

from slowbye.errors import SlowbyeError
from slowbye.reproduce import playbook

_YAML = """TASK [wan : Apply the profile] *******
[ERROR]: Task failed: Module failed: non-zero return code
fatal: [wan1]: FAILED! =>
    changed: false
    msg: non-zero return code
    rc: 2
    stderr: 'slowbye: no netem'

PLAY RECAP ****
"""


def test_the_first_failure_is_told_with_its_host() -> None:
    assert playbook.failure(_YAML).startswith("wan1: non-zero return code")


def test_what_the_command_said_is_told_too() -> None:
    assert "slowbye: no netem" in playbook.failure(_YAML)


def test_json_results_are_read_as_well() -> None:
    output = (
        'fatal: [sip1]: UNREACHABLE! => {"changed": false, "msg": "no route", "unreachable": true}'
    )
    assert playbook.failure(output).startswith("sip1: no route")


def test_an_error_before_any_task_is_told() -> None:
    assert "does not appear" in playbook.failure("x\n[ERROR]: 'x' does not appear to be a host\n")


def test_silence_is_told() -> None:
    assert playbook.failure("") == "it said nothing"


def test_another_directory_is_told_from_slowbyes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SlowbyeError, match=r"no playbooks/wan\.yml in .*: run this in slowbye's"):
        playbook.check_present("wan")


def test_a_failing_playbook_names_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "playbooks" / "wan.yml").write_text(
        "- hosts: all\n  gather_facts: false\n  tasks:\n"
        "    - ansible.builtin.fail:\n        msg: No netem {{ what }} here\n"
    )
    log = tmp_path / "ansible.log"
    with pytest.raises(SlowbyeError, match=r"wan\.yml failed: localhost: No netem at all here"):
        playbook.play("localhost,", "wan", {"what": "'at all'"}, log)
    assert "playbooks/wan.yml" in log.read_text()
