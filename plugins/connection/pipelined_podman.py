"""Ansible's way into the lab's containers: the podman connection, with pipelining.

The collection's plugin copies each module into the container and runs five commands for it; handing
the module to Python's standard input takes one, which makes plays about twice as fast.
"""

from typing import Any

from ansible.plugins.connection import ensure_connect
from ansible_collections.containers.podman.plugins.connection.podman import Connection as Podman

DOCUMENTATION = """
name: pipelined_podman
short_description: Run modules in Podman containers through their standard input
description: As containers.podman.podman, with pipelining.
author: slowbye
options:
  remote_addr:
    description: The container's name.
    default: inventory_hostname
    vars: [{name: inventory_hostname}, {name: ansible_host}]
  remote_user:
    description: User in the container; root when not given.
    vars: [{name: ansible_user}]
  podman_extra_args:
    description: Further arguments to podman.
    default: ''
    vars: [{name: ansible_podman_extra_args}]
  podman_executable:
    description: The podman command.
    default: podman
    vars: [{name: ansible_podman_executable}]
"""


class Connection(Podman):  # type: ignore[misc]
    """The collection's connection, given a standard input."""

    transport = "pipelined_podman"
    has_pipelining = True
    always_pipeline_modules = True

    def _podman(self, cmd: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(cmd, list) and cmd[0] == "exec":
            cmd = ["exec", "--interactive", *cmd[1:]]
        return super()._podman(cmd, *args, **kwargs)

    def _connect(self) -> None:
        """Do nothing: most tasks move no file, and need no mount of the container's root."""
        self._connected = True

    @ensure_connect
    def put_file(self, in_path: str, out_path: str) -> None:
        """Copy a file into the container, through its root as the control node sees it."""
        super()._connect()
        super().put_file(in_path, out_path)

    @ensure_connect
    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Copy a file out of the container."""
        super()._connect()
        super().fetch_file(in_path, out_path)
