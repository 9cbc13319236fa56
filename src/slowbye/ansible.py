"""Ansible, run for what it says: one object of JSON."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from slowbye.errors import SlowbyeError

_ENVIRONMENT = {
    "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1",
    "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
    "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "0",
    "ANSIBLE_DEPRECATION_WARNINGS": "0",
    "ANSIBLE_NOCOLOR": "1",
}


def ask(inventory: str, program: str, *arguments: str) -> dict[str, Any]:
    """Run one of Ansible's programs to its end, whatever its exit status.

    Args:
        inventory: path of the inventory.
        program: ``ansible`` or ``ansible-playbook``.
        arguments: the program's.

    Returns:
        What the callback plugin ``ansible.posix.json`` writes: ``{"plays": [{"tasks": …}]}``.

    Raises:
        SlowbyeError: Ansible is not installed, or refuses its arguments or the inventory.
    """
    path = Path(sys.executable).with_name(program)
    try:
        done = subprocess.run(
            [path, "-i", inventory, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env={**os.environ, **_ENVIRONMENT},
        )
    except FileNotFoundError as error:
        raise SlowbyeError(
            f"Ansible is not installed beside {sys.executable}: pip install 'slowbye[control]'"
        ) from error
    try:
        answer = json.loads(done.stdout)
    except ValueError as error:
        lines = done.stderr.strip().splitlines() or [f"{program} printed nothing"]
        fault = next((line for line in lines if "ERROR" in line), lines[-1])
        raise SlowbyeError(f"inventory {inventory}: {fault}") from error
    assert isinstance(answer, dict)  # noqa: S101 - the callback writes one object
    return answer
