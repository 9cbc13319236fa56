"""The hosts of an inventory, and how to run commands on them.

The inventory is the one place that knows the lab's addresses. Ansible itself reads it, because
its variables may be templates: ``ansible-inventory --list`` prints those unrendered, so a
``debug`` task, which contacts no host, is asked for the values instead.
"""

import json
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from slowbye import ansible
from slowbye.errors import SlowbyeError

PODMAN_CONNECTION = "containers.podman.podman"

_VARIABLES = (
    "public_address",
    "untrusted_address",
    "stranger_addresses",
    "private_address",
    "nat_udp_timeout",
    "ansible_connection",
    "ansible_host",
    "ansible_user",
    "ansible_become",
    "ansible_port",
    "ansible_ssh_private_key_file",
    "ansible_ssh_common_args",
    "lab_container",
    "sip_proxy_workers",
    "sip_proxy_rtpengine_tout_ms",
    "sip_proxy_rtpengine_retr",
    "sip_proxy_rtpengine_disable_tout",
    "sip_proxy_rtpengine_sets",
    "sip_proxy_ng_path_header",
    "sip_proxy_users",
    "sip_proxy_realm",
    "sip_proxy_min_expires",
    "sip_proxy_tls",
    "sip_proxy_hep",
    "sip_proxy_tls_port",
    "client_authority",
    "sip_proxy_ban_seconds",
    "sip_proxy_ban_requests",
    "sip_proxy_ban_wrong_credentials",
    "sip_proxy_nat_ping_interval",
    "rtpengine_listen_ng",
    "rtpengine_delete_delay",
)
"""The host variables that measuring needs; an unset one is None."""

_LEASH = """exec 3<&0
"$@" </dev/null 3<&- & command=$!
(while read -r _; do :; done <&3; kill -TERM $command) 2>/dev/null & leash=$!
exec 3<&-
wait $command; status=$?
kill $leash 2>/dev/null
exit $status"""
"""Ends a remote command when our end of its standard input closes: when we stop it, or are killed.

Neither ``podman exec`` nor ssh without a terminal takes the remote process along when it dies.
"""

_CONNECTION_FAILED = {PODMAN_CONNECTION: 125, "ssh": 255}
"""The exit status by which podman and ssh say that they, not the command, failed."""

_NOT_RUNNING = "can only create exec sessions on running containers"
"""What podman says, with another exit status, of a container that is stopped."""


@dataclass(frozen=True)
class Host:
    """One host of the inventory.

    Attributes:
        name: its name in the inventory.
        connection: Ansible's connection plugin: Podman's, or anything else for ssh.
        target: the container's name, or the name or address for ssh.
        variables: the host variables listed in this module, rendered; None where unset.
    """

    name: str
    connection: str = "ssh"
    target: str = ""
    variables: Mapping[str, Any] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """The address on the side of the WAN.

        Raises:
            SlowbyeError: the inventory gives none.
        """
        address = self.variables.get("public_address")
        if not address:
            raise SlowbyeError(f"{self.name} has no public_address: set it in the inventory")
        return str(address)

    def command_line(self, argv: Sequence[str]) -> list[str]:
        """Return the local command that runs ``argv`` on the host, its standard input connected."""
        if self.connection == PODMAN_CONNECTION:
            return ["podman", "exec", "-i", self.target, *argv]
        options = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=10"]
        for option, name in (
            ("-l", "ansible_user"),
            ("-p", "ansible_port"),
            ("-i", "ansible_ssh_private_key_file"),
        ):
            if self.variables.get(name):
                options += [option, str(self.variables[name])]
        options += shlex.split(self.variables.get("ansible_ssh_common_args") or "")
        become = ["sudo", "-n"] if self.variables.get("ansible_become") else []
        return ["ssh", *options, self.target, shlex.join([*become, *argv])]

    def run(self, argv: Sequence[str], timeout_s: float = 30) -> subprocess.CompletedProcess[str]:
        """Run a command to its end and return its output, whatever its exit status.

        Raises:
            SlowbyeError: the host cannot be reached, or the command outlasts ``timeout_s``.
        """
        remote = ["timeout", "--kill-after=5", f"{timeout_s:g}", *argv]
        try:
            done = subprocess.run(
                self.command_line(remote),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout_s + 15,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise SlowbyeError(f"{error.filename} is not installed on this machine") from error
        except subprocess.TimeoutExpired as error:
            raise SlowbyeError(f"{self.name} did not finish `{shlex.join(argv)}`") from error
        not_running = done.returncode == 255 and _NOT_RUNNING in done.stderr
        if done.returncode == _CONNECTION_FAILED[self._kind] or not_running:
            raise SlowbyeError(self._unreachable(done.stderr))
        if done.returncode == 124:
            raise SlowbyeError(
                f"{self.name} did not finish `{shlex.join(argv)}` within {timeout_s:g} s"
            )
        return done

    def popen(self, argv: Sequence[str], stdout: Any = subprocess.PIPE) -> subprocess.Popen[bytes]:
        """Start a command that ends when its standard input is closed, or this process dies.

        Args:
            argv: the command; it reads nothing itself.
            stdout: where its output goes, as for :class:`subprocess.Popen`. Its standard error
                is a pipe.
        """
        return subprocess.Popen(
            self.command_line(["sh", "-c", _LEASH, "sh", *argv]),
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def check_up(self) -> None:
        """Make sure that commands can be run.

        Raises:
            SlowbyeError: the host is not there, and what to do about it.
        """
        self.run(["true"], timeout_s=15)

    @property
    def _kind(self) -> str:
        return PODMAN_CONNECTION if self.connection == PODMAN_CONNECTION else "ssh"

    def _unreachable(self, stderr: str) -> str:
        if self._kind == PODMAN_CONNECTION:
            return (
                f"{self.name} is not running: bring the lab up with "
                "`ansible-playbook playbooks/lab.yml`"
            )
        reason = stderr.strip().splitlines()[-1] if stderr.strip() else "ssh failed"
        return f"{self.name} cannot be reached over ssh: {reason}"


def _kind_of(connection: str) -> str:
    """Take the lab's own connection to containers, which is only faster, for the collection's."""
    return PODMAN_CONNECTION if connection == "namespaces" else connection


class Inventory:
    """The hosts of one inventory, by group."""

    def __init__(
        self, path: str, hosts: Mapping[str, Host], groups: Mapping[str, Sequence[str]]
    ) -> None:
        self.path = path
        self._hosts = hosts
        self._groups = groups

    def group(self, name: str) -> list[Host]:
        """Return the hosts of a group, in the inventory's order.

        Raises:
            SlowbyeError: there is no such group, or nobody is in it.
        """
        members = [self._hosts[host] for host in self._groups.get(name, ()) if host in self._hosts]
        if not members:
            raise SlowbyeError(f"inventory {self.path} has no host in its group {name!r}")
        return members

    def first(self, group: str) -> Host:
        """Return the first host of a group.

        Raises:
            SlowbyeError: as :meth:`group`.
        """
        return self.group(group)[0]

    def to_json(self) -> str:
        """Write it, for another process that need not ask Ansible then."""
        hosts = [asdict(host) for host in self._hosts.values()]
        return json.dumps({"path": self.path, "hosts": hosts, "groups": self._groups})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what :meth:`to_json` wrote."""
        read = json.loads(text)
        hosts = {each["name"]: Host(**each) for each in read["hosts"]}
        return cls(read["path"], hosts, read["groups"])


def read_inventory(path: str) -> Inventory:
    """Read an inventory with the Ansible beside this Python.

    Raises:
        SlowbyeError: the inventory is missing, unreadable or empty, or Ansible is not installed.
    """
    if not Path(path).exists():
        raise SlowbyeError(f"inventory {path}: no such file or directory")
    asked = {name: f"{{{{ {name} | default(none) }}}}" for name in _VARIABLES}
    arguments = json.dumps({"msg": {"variables": asked, "groups": "{{ groups }}"}})
    answer = ansible.ask(path, "ansible", "all", "-m", "ansible.builtin.debug", "-a", arguments)
    tasks = [task for play in answer.get("plays", ()) for task in play["tasks"]]
    found: dict[str, Any] = tasks[0]["hosts"] if tasks else {}
    if not found:
        raise SlowbyeError(f"inventory {path} has no hosts")
    hosts: dict[str, Host] = {}
    groups: dict[str, list[str]] = {}
    for name, result in found.items():
        message = result.get("msg")
        if not isinstance(message, dict):
            raise SlowbyeError(f"inventory {path}, host {name}: {message}")
        variables = message["variables"]
        groups = message["groups"]
        hosts[name] = Host(
            name=name,
            connection=_kind_of(variables["ansible_connection"] or "ssh"),
            target=variables["ansible_host"] or name,
            variables=variables,
        )
    return Inventory(path, hosts, groups)
