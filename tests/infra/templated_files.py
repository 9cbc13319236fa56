"""Which files on a host a template of the roles has written, as the roles' tasks themselves say."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from infra.fleet import PROXIES, Machine

_TEMPLATE = "ansible.builtin.template"
_PLAYBOOKS = ("playbooks/lab.yml", "playbooks/site.yml")


def patterns(machine: Machine) -> set[str]:
    """Return shell patterns of their names: what a task leaves open is a ``*``."""
    found: set[str] = set()
    for role in _roles(machine):
        variables = {**_variables(role, "defaults"), **_variables(role, "vars")}
        for path in sorted(Path("roles", role, "tasks").glob("*.yml")):
            for task in _templates(yaml.safe_load(path.read_text()) or []):
                found.update(_destinations(task, {**variables, **_known(machine)}))
    return found


def _known(machine: Machine) -> dict[str, Any]:
    chosen = {"sip_proxy_chosen": machine.proxy} if machine.group == "sip" else {}
    return {**machine.variables, **chosen}


def _roles(machine: Machine) -> set[str]:
    roles = set()
    for playbook in _PLAYBOOKS:
        for play in yaml.safe_load(Path(playbook).read_text()):
            if play["hosts"] == "lab" or machine.group in play["hosts"].split(":"):
                entries = play.get("roles", ())
                roles |= {entry if isinstance(entry, str) else entry["role"] for entry in entries}
    return roles | ({machine.proxy} & {*PROXIES} if machine.group == "sip" else set())


def _variables(role: str, kind: str) -> dict[str, Any]:
    path = Path("roles", role, kind, "main.yml")
    return (yaml.safe_load(path.read_text()) or {}) if path.exists() else {}


def _templates(tasks: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for task in tasks:
        if _TEMPLATE in task:
            yield task
        for section in ("block", "rescue", "always"):
            yield from _templates(task.get(section, ()))


def _destinations(task: Mapping[str, Any], variables: Mapping[str, Any]) -> Iterator[str]:
    loop = task.get("loop", [None])
    for item in loop if isinstance(loop, list) else [None]:
        known = {**variables, "item": item} if isinstance(item, str) else variables

        yield _fill(task[_TEMPLATE]["dest"], known)


def _fill(template: str, known: Mapping[str, Any]) -> str:
    def value(expression: re.Match[str]) -> str:
        found = known.get(expression[1])
        return _fill(found, known) if isinstance(found, str) else "*"

    return re.sub(r"{{ *(.*?) *}}", value, template)
