"""The hosts under test, and what the inventory says should be on them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import testinfra
from testinfra.backend.base import CommandResult

import lab_preflight
from infra import role_variables
from slowbye.hosts import PODMAN_CONNECTION, Host, Inventory

PROXIES = ("kamailio", "opensips")

_GET = """
import sys, urllib.error, urllib.request
try:
    with urllib.request.urlopen(sys.argv[1], timeout=5) as answer:
        print(answer.read().decode())
except urllib.error.HTTPError as error:
    print(error.code)
"""


@dataclass(frozen=True, eq=False)
class Machine:
    """One host.

    Attributes:
        host: what the inventory says of it.
        group: the group that it is tested as a member of.
        variables: those of the roles, rendered; empty for a host that they do not provision.
    """

    host: Host
    group: str
    variables: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        return self.host.name

    @property
    def is_ours(self) -> bool:
        """Whether all that is on it comes from here; another is only asked whom it reaches."""
        return bool(self.variables) or self.host.connection == PODMAN_CONNECTION

    @cached_property
    def shell(self) -> testinfra.host.Host:
        """Testinfra's way to run commands there as root."""
        if self.host.connection == PODMAN_CONNECTION:
            return testinfra.get_host(f"podman://{self.host.target}")
        user, port, key, more = (
            self.host.variables.get(f"ansible_{name}")
            for name in ("user", "port", "ssh_private_key_file", "ssh_common_args")
        )
        at = f"{user}@" if user else ""
        spec = f"ssh://{at}{self.host.target}{f':{port}' if port else ''}"
        options = {
            "ssh_extra_args": f"-o BatchMode=yes {more or ''}",
            "ssh_identity_file": key,
        }
        unprivileged = testinfra.get_host(spec, **options)
        if unprivileged.check_output("id -u") == "0":
            return unprivileged
        return testinfra.get_host(spec, sudo=True, **options)

    def run(self, command: str, *arguments: object) -> CommandResult:
        """Run a command as root; each ``%s`` in it takes one argument, quoted."""
        return self.shell.run(command, *map(str, arguments))

    def output(self, command: str, *arguments: object) -> str:
        """Return what a command prints; it has to succeed."""
        return self.shell.check_output(command, *map(str, arguments))

    def get(self, url: str) -> str:
        """Return what the host itself finds there over HTTP, or the status code of a refusal.

        It is empty if the answer was no HTTP, or none came.
        """
        return self.run("python3 -c %s %s", _GET, url).stdout.strip()

    def journal(self) -> str:
        """Return the last warnings of the host."""
        return self.run("journalctl --boot --quiet --no-pager --lines=40 --priority=warning").stdout

    @cached_property
    def properties(self) -> Mapping[str, Mapping[str, str]]:
        """The properties of all that should run on it, and of what should not, by unit."""
        names = [unit.name for unit in units(self)] + [f"{proxy}.service" for proxy in PROXIES]
        blocks = self.output(f"systemctl show {' '.join(names)}").split("\n\n")
        found = [dict(line.split("=", 1) for line in block.splitlines()) for block in blocks]
        return {properties["Id"]: properties for properties in found}

    @cached_property
    def proxy(self) -> str:
        """The SIP proxy that was chosen for it."""
        return self.output("cat /etc/slowbye/proxy")

    @property
    def instances(self) -> list[dict[str, Any]]:
        """The tunnel's instances, each with its role and tls."""
        if not self.variables:
            return []
        common = {"role": self.variables["ngtunnel_role"], "tls": self.variables["ngtunnel_tls"]}
        return [{**common, **instance} for instance in self.variables["ngtunnel_instances"]]


@dataclass(frozen=True)
class Unit:
    """A systemd unit that has to run on a host.

    Attributes:
        machine: the host.
        name: its name, with its type.
        user: whom its process belongs to; empty for a unit that is no process.
        configuration: the files that it reads, and that only root may change.
        secrets: those of them, and others, that nobody but root and its user may read.
    """

    machine: Machine
    name: str
    user: str = ""
    configuration: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.machine}:{self.name}"

    def show(self, *properties: str) -> dict[str, str]:
        """Return some of its properties, as systemd had them when the host was first asked.

        One that systemd does not know, as of a unit that is not installed, is empty.
        """
        shown = self.machine.properties[self.name]
        return {name: shown.get(name, "") for name in properties}

    def journal(self) -> str:
        """Return its last lines in the journal."""
        return self.machine.run("journalctl -qu %s --no-pager --lines=40", self.name).stdout


def machines(inventory: Inventory, groups: Iterable[str]) -> Iterator[Machine]:
    """Return the hosts of those groups that there are, but not the control node itself."""
    variables = role_variables.read(inventory.path)
    for group in groups:
        for host in lab_preflight.members(inventory, group):
            if host.connection != "local":
                yield Machine(host, group, variables.get(host.name, {}))


def units(machine: Machine) -> Iterator[Unit]:
    """Return what has to run on a host of the groups sip and media."""
    if not machine.variables:
        return
    if machine.group == "sip":
        files = [f"/etc/{machine.proxy}/{machine.proxy}.cfg"]
        if machine.variables["sip_proxy_users"]:
            files.append(f"/etc/{machine.proxy}/dbtext/subscriber")
        if machine.variables["sip_proxy_tls"]:
            files.append(f"/etc/{machine.proxy}/tls/key.pem")
        yield Unit(
            machine, f"{machine.proxy}.service", machine.proxy, tuple(files), secrets=tuple(files)
        )
    if machine.group == "media":
        yield Unit(
            machine,
            "rtpengine-daemon.service",
            user="rtpengine",
            configuration=("/etc/rtpengine/rtpengine.conf",),
            secrets=("/etc/rtpengine/rtpengine.conf",),
        )
    rules = "/etc/nftables.d/slowbye.nft"
    yield Unit(machine, "slowbye-firewall.service", configuration=(rules,))
    for instance in machine.instances:
        name = f"ngtunnel@{instance['name']}"
        tls = [f"/etc/ngtunnel/tls/{file}" for file in ("certificate.pem", "ca.pem", "key.pem")]
        files = [f"/etc/ngtunnel/{instance['name']}.toml", *(tls if instance["tls"] else ())]
        secrets = [file for file in files if file.endswith("key.pem")]
        if instance["role"] == "client" and instance.get("protocol", "ng") == "ng":
            secrets.append(f"/run/ngtunnel/{instance['name']}/in-flight")
        yield Unit(machine, f"{name}.service", "ngtunnel", tuple(files), tuple(secrets))
        yield Unit(machine, f"{name}.socket")
    for instance in machine.variables["socat_instances"]:
        file = f"/etc/socat-ng/{instance['name']}.conf"
        yield Unit(machine, f"socat-ng@{instance['name']}.service", "daemon", (file,))
