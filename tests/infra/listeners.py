"""What listens on a host, and what the inventory says should."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from infra.fleet import Machine


@dataclass(frozen=True, order=True)
class Listener:
    """A socket that takes datagrams or connections.

    Attributes:
        protocol: udp or tcp.
        address: the address it is bound to; ``*`` for all of both families.
        port: its port.
        user: whom it belongs to; root for one that systemd holds.
    """

    protocol: str
    address: str
    port: int
    user: str

    def __str__(self) -> str:
        return f"{self.protocol} {self.address}:{self.port} of {self.user}"

    @property
    def is_local(self) -> bool:
        """Whether only the host itself reaches it."""
        return self.address != "*" and ip_address(self.address).is_loopback


def expected(machine: Machine) -> set[Listener]:
    """Return what should listen on a host that the roles provision."""
    return set(_of_proxy(machine)) | set(_of_rtpengine(machine)) | set(_of_tunnels(machine))


def _at(protocol: str, place: str, user: str) -> Listener:
    address, port = place.rsplit(":", 1)
    return Listener(protocol, address.strip("[]"), int(port), user)


def _of_proxy(machine: Machine) -> Iterator[Listener]:
    if machine.group == "sip":
        address = machine.variables["sip_proxy_listen_address"]
        for protocol in ("udp", "tcp"):
            yield _at(protocol, f"{address}:{machine.variables['sip_proxy_port']}", machine.proxy)
        if machine.variables["sip_proxy_hep"] and machine.proxy == "opensips":
            yield _at("udp", f"{address}:{machine.variables['sip_proxy_hep_port']}", machine.proxy)
        if machine.variables["sip_proxy_metrics"]:
            yield _at("tcp", machine.variables["sip_proxy_metrics"], machine.proxy)
        if machine.variables["sip_proxy_tls"]:
            port = machine.variables["sip_proxy_tls_port"]
            yield _at("tcp", f"{address}:{port}", machine.proxy)


def _of_rtpengine(machine: Machine) -> Iterator[Listener]:
    if machine.group == "media":
        for place in machine.variables["rtpengine_listen_ng"]:
            yield _at("udp", place, "rtpengine")
        for name in ("rtpengine_listen_cli", "rtpengine_listen_http"):
            if machine.variables[name]:
                yield _at("tcp", machine.variables[name], "rtpengine")


def _of_tunnels(machine: Machine) -> Iterator[Listener]:
    protocols = {"client": "udp", "server": "tcp"}
    for instance in machine.instances:
        yield _at(protocols[instance["role"]], instance["listen"], "root")
        if instance.get("metrics"):
            yield _at("tcp", instance["metrics"], "ngtunnel")
    for instance in machine.variables.get("socat_instances", ()):
        yield _at(protocols[machine.variables["socat_role"]], instance["listen"], "daemon")


def allowed(machine: Machine, listener: Listener) -> bool:
    """Whether a listener may be there without having to: ours to log in, a call's, an operator's.

    The inventory names others in ``also_listening``, a list like ``[{protocol: udp, port: 68}]``.
    """
    variables = machine.variables
    login = int(machine.host.variables.get("ansible_port") or 22)
    if machine.host.connection == "ssh" and (listener.protocol, listener.port) == ("tcp", login):
        return True
    if listener.user == "rtpengine" and listener.protocol == "udp":
        ports = range(variables["rtpengine_port_min"], variables["rtpengine_port_max"] + 1)
        addresses = [interface["address"] for interface in variables["rtpengine_interfaces"]]
        return listener.port in ports and listener.address in addresses
    others = variables.get("also_listening") or []
    return {"protocol": listener.protocol, "port": listener.port} in others


def found(machine: Machine) -> set[Listener]:
    """Return what listens on a host."""
    users = {"0": "root"}
    shown = machine.output("ss -Hlntue 2>/dev/null; echo users; getent passwd")
    listing, passwd = shown.split("users\n", 1)
    for line in passwd.splitlines():
        name, _, uid, *_ = line.split(":")
        users[uid] = name
    return {_parse(line, users) for line in listing.splitlines()}


def _parse(line: str, users: dict[str, str]) -> Listener:
    protocol, _, _, _, place, *_ = line.split()
    uid = re.search(r"\buid:(\d+)", line)
    without_interface = re.sub(r"%[^:\]]+", "", place)
    return _at(protocol, without_interface, users[uid[1] if uid else "0"])
