"""Ansible's way to hosts that are not there: each module is answered at once.

What a host would say stands here: that it has all files, that nothing listens, and who it is.
"""

import json
import time
from typing import Any

from ansible.plugins.connection import ConnectionBase  # type: ignore[import-untyped]

DOCUMENTATION = """
name: nowhere
short_description: Answer every module at once
description: For measuring what the control node does. There is no host.
author: slowbye
options:
  remote_addr:
    description: The address that the host would have.
    vars: [{name: ansible_host}]
"""


class Connection(ConnectionBase):  # type: ignore[misc]
    """Answers that let a check run go on."""

    transport = "nowhere"
    has_pipelining = True
    always_pipeline_modules = True

    def _connect(self) -> None:
        self._connected = True

    def exec_command(
        self, cmd: str, in_data: bytes | None = None, sudoable: bool = True
    ) -> tuple[int, bytes, bytes]:
        """Return what a host would, whatever it is asked."""
        if in_data is None:
            return 0, b"ansible-tmp-1=/nowhere\n", b""
        return 0, json.dumps(_answer(self.get_option("remote_addr"))).encode(), b""

    def put_file(self, in_path: str, out_path: str) -> None:
        """Do nothing."""

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""
        self._connected = False


def _answer(address: str) -> dict[str, Any]:
    now = time.time()
    return {
        "changed": False,
        "rc": 0,
        # a version, for whoever asked for one, and no listener for whoever asked for those
        "stdout": "12.5.1",
        "stdout_lines": ["12.5.1"],
        "stderr": "",
        "stat": {"exists": True, "isdir": False, "islnk": False, "checksum": "0" * 40},
        "files": [],
        "content": "",
        "status": {"ActiveState": "active"},
        "ansible_facts": {
            "all_ipv4_addresses": [address],
            "architecture": "x86_64",
            "default_ipv4": {"address": address},
            "distribution": "Debian",
            "distribution_major_version": "12",
            "distribution_release": "bookworm",
            "python": {"executable": "/usr/bin/python3", "version": {"major": 3, "minor": 11}},
            "python_version": "3.11.2",
            "service_mgr": "systemd",
            "services": {},
        },
        "system": {"id": "debian", "version_id": "12", "pretty_name": "Debian GNU/Linux 12"},
        "clock": {"asked_at": now, "now": now, "synchronized": True},
        "disks": {"/": 100_000},
        "addresses": {address: 1500},
        "sources": {"http://deb.debian.org/debian/dists/bookworm/InRelease": ""},
        "names": {},
        "ways": {},
        "mtu": 1500,
    }
