"""The variables that the roles see on each host: the inventory's, and the roles' own defaults.

What a host should look like is derived from them. Ansible itself puts them together, from
playbooks/site.yml, whose roles are all skipped.
"""

import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from slowbye import ansible
from slowbye.errors import SlowbyeError

_OF_EVERY_HOST = ("also_listening", "ansible_port", "lab_name")
"""Variables that belong to no role."""


def read(inventory: str) -> dict[str, Mapping[str, Any]]:
    """Return the rendered variables of each provisioned host; one that is not set is None.

    Raises:
        SlowbyeError: a host cannot be asked for its facts, or a variable cannot be rendered.
    """
    plays = yaml.safe_load(Path("playbooks/site.yml").read_text())
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as playbook:
        json.dump([_showing(play) for play in plays], playbook)
        playbook.flush()
        answer = ansible.ask(inventory, "ansible-playbook", playbook.name)
    found: dict[str, Mapping[str, Any]] = {}
    for name, variables in _shown(answer):
        found[name] = {**found.get(name, {}), **variables}
    return found


def _showing(play: Mapping[str, Any]) -> dict[str, Any]:
    """Return a play that has the same variables, and shows them instead of doing anything."""
    roles = [role if isinstance(role, str) else role["role"] for role in play["roles"]]
    names = {*_OF_EVERY_HOST, *(name for role in roles for name in _defaults(role))}
    asked = {name: f"{{{{ {name} | default(none) }}}}" for name in sorted(names)}
    return {
        "hosts": play["hosts"],
        "gather_facts": play.get("gather_facts", True),
        "gather_subset": play.get("gather_subset", ["all"]),
        "roles": [{"role": role, "when": False} for role in roles],
        "tasks": [{"name": "show", "ansible.builtin.debug": {"msg": asked}}],
    }


def _defaults(role: str) -> Mapping[str, Any]:
    defaults = yaml.safe_load(Path("roles", role, "defaults/main.yml").read_text())
    assert isinstance(defaults, dict)
    return defaults


def _shown(answer: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for play in answer["plays"]:
        for task in play["tasks"]:
            for name, result in task["hosts"].items():
                if result.get("failed") or result.get("unreachable"):
                    raise SlowbyeError(f"{name}: {result.get('msg')}")
                if task["task"]["name"] == "show":
                    yield name, result["msg"]
