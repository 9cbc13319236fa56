#!/usr/bin/python
"""Starts, stops, restarts or reloads the units of many instances of ngtunnel at once."""

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: ngtunnel_units
short_description: The state of the units of instances
description:
  - What ansible.builtin.systemd_service does for one unit.
author: slowbye
options:
  instances:
    description: The names of the instances. None is fine.
    type: list
    elements: str
    required: true
  unit:
    description: Which of their units.
    type: str
    choices: [service, socket]
    default: service
  state:
    description:
      - What they are to be. They are restarted one after the other, each away for a moment.
    type: str
    choices: [started, stopped, restarted, reloaded]
    required: true
  enabled:
    description: Whether they are started at boot. Left as it is if this is not given.
    type: bool
"""

RETURN = """
units:
  description: Those that changed.
  type: list
  returned: always
  sample: [ngtunnel@media1.socket]
"""

_RUNNING = ("active", "activating", "reloading", "refreshing")
_VERBS = {
    "started": "start",
    "stopped": "stop",
    "restarted": "restart",
    "reloaded": "reload-or-restart",
}


class Units:
    """systemd, for the units of one task."""

    def __init__(self, module: AnsibleModule, names: list[str]) -> None:
        self._module = module
        self.names = names
        said = self._systemctl("show", "--property=ActiveState,UnitFileState", "--", *names)
        blocks = [dict(line.split("=", 1) for line in block.splitlines()) for block in said]
        self._states = dict(zip(names, blocks, strict=True))

    def outside(self, state: str) -> list[str]:
        """Return those for which something is to be done."""
        if state in ("restarted", "reloaded"):
            return self.names
        wanted = state == "started"
        return [n for n in self.names if (self._states[n]["ActiveState"] in _RUNNING) != wanted]

    def enabled_otherwise(self, enabled: bool) -> list[str]:
        """Return those that are enabled and should not be, or the other way round."""
        return [n for n in self.names if (self._states[n]["UnitFileState"] == "enabled") != enabled]

    def do(self, verb: str, names: list[str]) -> None:
        """Run a command of systemctl for units, together."""
        if names:
            self._systemctl(verb, "--", *names)

    def _systemctl(self, *arguments: str) -> list[str]:
        status, said, complaint = self._module.run_command(["systemctl", *arguments])
        if status:
            self._module.fail_json(msg=f"systemctl {' '.join(arguments)}: {complaint.strip()}")
        return [block for block in said.split("\n\n") if block.strip()]


def main() -> None:
    """Do what Ansible asks for."""
    module = AnsibleModule(
        {
            "instances": {"type": "list", "elements": "str", "required": True},
            "unit": {"choices": ["service", "socket"], "default": "service"},
            "state": {"choices": list(_VERBS), "required": True},
            "enabled": {"type": "bool"},
        },
        supports_check_mode=True,
    )
    names = [f"ngtunnel@{each}.{module.params['unit']}" for each in module.params["instances"]]
    state: str = module.params["state"]
    enabled: bool | None = module.params["enabled"]
    if not names:
        module.exit_json(changed=False, units=[])
    units = Units(module, names)
    switched = [] if enabled is None else units.enabled_otherwise(enabled)
    moved = units.outside(state)
    if not module.check_mode:
        units.do("enable" if enabled else "disable", switched)
        for together in [[name] for name in moved] if state == "restarted" else [moved]:
            units.do(_VERBS[state], together)
    changed = [name for name in names if name in switched or name in moved]
    module.exit_json(changed=bool(changed), units=changed)


if __name__ == "__main__":
    main()
