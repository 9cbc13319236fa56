#!/usr/bin/python
"""Writes what makes the instances of ngtunnel on this host, all of them at once."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: ngtunnel_instances
short_description: The configuration of every instance, and the drop-ins of its units
description:
  - Nothing is replaced before ngtunnel has accepted every configuration that changed.
author: slowbye
options:
  instances:
    description:
      - One tunnel end each, with C(name), C(role), C(listen), C(tls) and C(protocol).
      - Further keys go into its configuration as they are.
    type: list
    elements: dict
    required: true
  defaults:
    description: Keys of the configuration that every instance has, unless it says otherwise.
    type: dict
    default: {}
  client_defaults:
    description: And those of clients that carry ng.
    type: dict
    default: {}
  certificates:
    description: The table C(tls) of instances with TLS, without C(server_name).
    type: dict
    default: {}
  before:
    description: Units that are started after the clients.
    type: list
    elements: str
    default: []
  command:
    description: The ngtunnel that is to accept the configuration.
    type: path
    required: true
"""

RETURN = """
stale:
  description: The instances that run with something else until they are restarted.
  type: list
  returned: always
  sample: [media1]
moved:
  description: Those that listen elsewhere, until their sockets are opened anew.
  type: list
  returned: always
  sample: []
"""

_CONFIGURATIONS = Path("/etc/ngtunnel")
_UNITS = Path("/etc/systemd/system")
_HEADER = "# Ansible managed\n"
_FILE_MODE = 0o644
_DIRECTORY_MODE = 0o755

Table = dict[str, Any]


def configuration(instance: Table, params: Table) -> str:
    """Return the configuration file of an instance."""
    table = dict(params["defaults"])
    if instance["role"] == "client" and instance["protocol"] == "ng":
        in_flight = f"/run/ngtunnel/{instance['name']}/in-flight"
        table |= {**params["client_defaults"], "in_flight_file": in_flight}
    table |= {key: instance[key] for key in instance if key not in ("name", "server_name")}
    if instance["tls"]:
        table["tls"] = dict(params["certificates"])
        if instance["role"] == "client":
            table["tls"]["server_name"] = instance.get("server_name")
    tables = {key: value for key, value in table.items() if isinstance(value, dict)}
    parts = [_pairs({key: value for key, value in table.items() if key not in tables})]
    parts += [f"[{name}]\n{_pairs(values)}" for name, values in tables.items()]
    return _HEADER + "\n".join(parts)


def _pairs(table: Table) -> str:
    # What TOML and JSON have in common is all that is needed here.
    return "".join(f"{key} = {json.dumps(table[key], ensure_ascii=False)}\n" for key in table)


def service(instance: Table, params: Table) -> str:
    """Return the drop-in that says which end an instance is."""
    order = ""
    if instance["role"] == "client" and params["before"]:
        order = f"[Unit]\nBefore={' '.join(params['before'])}\n\n"
    return f"{_HEADER}{order}[Service]\nEnvironment=ROLE={instance['role']}\n"


def socket(instance: Table) -> str:
    """Return the drop-in that says where an instance listens."""
    listen = {"client": "ListenDatagram", "server": "ListenStream"}[instance["role"]]
    return f"{_HEADER}[Socket]\n{listen}={instance['listen']}\n"


def paths(name: str) -> dict[str, Path]:
    """Return the files of an instance."""
    return {
        "configuration": _CONFIGURATIONS / f"{name}.toml",
        "service": _UNITS / f"ngtunnel@{name}.service.d/instance.conf",
        "socket": _UNITS / f"ngtunnel@{name}.socket.d/instance.conf",
    }


class Writer:
    """Compares files with what they should be, and then writes them."""

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module
        self._texts: dict[Path, str] = {}
        self.diff: list[dict[str, str]] = []
        self.changed: set[Path] = set()

    def want(self, path: Path, text: str) -> None:
        """Remember what a file should be."""
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        if before != text:
            self._texts[path] = text
            self.changed.add(path)
            self.diff.append(
                {
                    "before_header": str(path),
                    "after_header": str(path),
                    "before": before,
                    "after": text,
                }
            )

    def accepted_by(self, command: str) -> None:
        """Let ngtunnel look at the configurations that changed; the module ends if it refuses."""
        for path, text in self._texts.items():
            if path.suffix == ".toml":
                draft = self._draft(text)
                check = [command, "check", "--config", draft]
                status, _, complaint = self._module.run_command(check)
                os.unlink(draft)
                if status:
                    said = complaint.strip().replace(draft, str(path))
                    self._module.fail_json(msg=f"nothing was changed: {said}", diff=self.diff)

    def write(self) -> None:
        """Write what differs."""
        for path, text in self._texts.items():
            path.parent.mkdir(mode=_DIRECTORY_MODE, exist_ok=True)
            self._module.atomic_move(self._draft(text), str(path))

    def has_mode(self, path: Path, mode: int) -> None:
        """Give a file or directory its mode if it has another."""
        if path.exists() and self._module.set_mode_if_different(str(path), mode, changed=False):
            self.changed.add(path)

    def _draft(self, text: str) -> str:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", suffix=".toml", dir=self._module.tmpdir, delete=False
        ) as draft:
            draft.write(text)
        return draft.name


def main() -> None:
    """Do what Ansible asks for."""
    module = AnsibleModule(
        {
            "instances": {"type": "list", "elements": "dict", "required": True},
            "defaults": {"type": "dict", "default": {}},
            "client_defaults": {"type": "dict", "default": {}},
            "certificates": {"type": "dict", "default": {}},
            "before": {"type": "list", "elements": "str", "default": []},
            "command": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    files = {each["name"]: paths(each["name"]) for each in module.params["instances"]}
    writer = Writer(module)
    for each in module.params["instances"]:
        file = files[each["name"]]
        writer.want(file["configuration"], configuration(each, module.params))
        writer.want(file["service"], service(each, module.params))
        writer.want(file["socket"], socket(each))
    if os.access(module.params["command"], os.X_OK):  # a check run may have installed none
        writer.accepted_by(module.params["command"])
    if not module.check_mode:
        writer.write()
    stale = [name for name, file in files.items() if writer.changed & set(file.values())]
    moved = [name for name, file in files.items() if file["socket"] in writer.changed]
    for file in files.values():
        for path in file.values():
            writer.has_mode(path, _FILE_MODE)
            writer.has_mode(path.parent, _DIRECTORY_MODE)
    module.exit_json(changed=bool(writer.changed), stale=stale, moved=moved, diff=writer.diff)


if __name__ == "__main__":
    main()
