"""Runs a playbook quietly, its output in a log file."""

import json
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml

from slowbye.errors import SlowbyeError

_STOP_TIMEOUT_S = 20.0

_FATAL = re.compile(
    r"^(?:fatal|failed): \[(?P<host>[^\]\s]+)[^\]]*\].*?=> ?(?P<result>.*(?:\n(?:[ \t].*)?)*)",
    re.MULTILINE,
)


def command_line(inventory: str, playbook: str, variables: Mapping[str, object]) -> list[str]:
    """Return the command that runs ``playbooks/PLAYBOOK.yml``."""
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    extra = [word for each in variables.items() for word in ("-e", _extra(*each))]
    return [program, "-i", inventory, f"playbooks/{playbook}.yml", *extra]


def _extra(name: str, value: object) -> str:
    return f"{name}={value}" if isinstance(value, str) else json.dumps({name: value})


def check_present(*playbooks: str) -> None:
    """Make sure that this is slowbye's directory.

    Raises:
        SlowbyeError: a playbook is missing.
    """
    for playbook in playbooks:
        if not Path(f"playbooks/{playbook}.yml").is_file():
            raise SlowbyeError(
                f"no playbooks/{playbook}.yml in {Path.cwd()}: run this in slowbye's directory"
            )


def play(inventory: str, playbook: str, variables: Mapping[str, object], log: Path) -> None:
    """Run a playbook to its end, appending what it says to a log file.

    It runs in a session of its own: a Ctrl-C is ours to handle, and ends it.

    Raises:
        SlowbyeError: it failed: on which host, why, and where the log is.
    """
    command = command_line(inventory, playbook, variables)
    with log.open("a+", encoding="utf-8", errors="replace") as file:
        file.write(f"$ {shlex.join(command)}\n")
        file.flush()
        begin = file.tell()
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise SlowbyeError(f"{command[0]} is not installed") from error
        try:
            status = process.wait()
        except BaseException:
            process.send_signal(signal.SIGINT)
            process.wait(_STOP_TIMEOUT_S)
            raise
        file.seek(begin)
        said = file.read()
    if status != 0:
        raise SlowbyeError(f"playbooks/{playbook}.yml failed: {failure(said)} (all of it: {log})")


def failure(output: str) -> str:
    """Return the first failure of a playbook's output, as one line.

    Both of Ansible's result formats are YAML: JSON is a subset of it.
    """
    fatal = _FATAL.search(output)
    if fatal is None:
        lines = output.strip().splitlines() or ["it said nothing"]
        return next((line for line in lines if "ERROR" in line), lines[-1]).strip()
    try:
        result = yaml.safe_load(fatal["result"])
    except yaml.YAMLError:
        result = fatal["result"]
    return f"{fatal['host']}: {_reason(result)}"


def _reason(result: object) -> str:
    if not isinstance(result, dict):
        return " ".join(str(result).split())
    said = str(result.get("stderr") or result.get("module_stderr") or "").strip().splitlines()
    reasons = [str(result.get("msg", "no reason given")), *said[-1:]]
    return ": ".join(" ".join(reason.split()) for reason in reasons)
