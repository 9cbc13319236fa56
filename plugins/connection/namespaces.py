"""Ansible's way into the lab's containers: through their namespaces.

A task is one to five commands. `podman exec` takes 0.2 s for each, entering the namespaces of the
container's first process takes a quarter of that, and a lab is some four hundred tasks.
"""

import shlex
import shutil
import subprocess
from pathlib import Path

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection import ConnectionBase, ensure_connect

DOCUMENTATION = """
name: namespaces
short_description: Run modules in this machine's Podman containers, by way of their namespaces
description: As root, with pipelining. A command gets no capability that the container lacks.
author: slowbye
options:
  remote_addr:
    description: The container's name.
    default: inventory_hostname
    vars: [{name: inventory_hostname}, {name: ansible_host}]
"""

_ENVIRONMENT = (
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/root",
    "container=podman",
)
_NAMESPACES = ("--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd")
_LAST_CAPABILITY = Path("/proc/sys/kernel/cap_last_cap")


class Connection(ConnectionBase):  # type: ignore[misc]
    """Commands and files, to and from a container that runs on this machine."""

    transport = "namespaces"
    has_pipelining = True
    always_pipeline_modules = True

    def _connect(self) -> None:
        """Find the container's first process.

        Raises:
            AnsibleConnectionFailure: there is no such container, or it does not run.
        """
        name = self.get_option("remote_addr")
        inspect = ["podman", "inspect", "--type=container", "--format={{.State.Pid}}", name]
        done = subprocess.run(inspect, capture_output=True, text=True)
        pid = done.stdout.strip()
        if done.returncode or pid == "0":
            raise AnsibleConnectionFailure(f"container {name} does not run: {done.stderr.strip()}")
        self._process = Path("/proc", pid)
        self._connected = True

    @ensure_connect
    def exec_command(
        self, cmd: str, in_data: bytes | None = None, sudoable: bool = True
    ) -> tuple[int, bytes, bytes]:
        """Run a command; return its exit status, output and error output."""
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        enter = ["nsenter", f"--target={self._process.name}", *_NAMESPACES]
        confined = ["setpriv", f"--bounding-set={self._capabilities()}"]
        argv = [*enter, *confined, "env", "-i", *_ENVIRONMENT, *shlex.split(cmd)]
        done = subprocess.run(argv, input=in_data or b"", capture_output=True)
        return done.returncode, done.stdout, done.stderr

    def _capabilities(self) -> str:
        """Return the container's capabilities, as setpriv wants them."""
        status = (self._process / "status").read_text().splitlines()
        (mask,) = (line.split()[1] for line in status if line.startswith("CapBnd:"))
        every = range(int(_LAST_CAPABILITY.read_text()) + 1)
        return ",".join(["-all", *(f"+cap_{each}" for each in every if int(mask, 16) >> each & 1)])

    @ensure_connect
    def put_file(self, in_path: str, out_path: str) -> None:
        """Copy a file into the container."""
        super().put_file(in_path, out_path)
        shutil.copyfile(in_path, self._inside(out_path))

    @ensure_connect
    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Copy a file out of the container."""
        super().fetch_file(in_path, out_path)
        shutil.copyfile(self._inside(in_path), out_path)

    def _inside(self, path: str) -> Path:
        return self._process / "root" / path.lstrip("/")

    def close(self) -> None:
        """Do nothing: nothing is held open."""
        self._connected = False
