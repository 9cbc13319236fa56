"""Where the nets are: which interface leads to each, and which addresses are in it."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from slowbye.errors import SlowbyeError
from slowbye.netem.fields import Fields, did_you_mean, read_yaml

DEFAULT_NETS = Path("/etc/slowbye/wan.yml")

Cidr = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class Net:
    """A net behind one interface of a router."""

    name: str
    interface: str
    cidrs: tuple[Cidr, ...]


@dataclass(frozen=True)
class Nets:
    """The nets that meet at this router, by name."""

    nets: tuple[Net, ...]
    where: str

    def __getitem__(self, name: str) -> Net:
        """The net of that name.

        Raises:
            SlowbyeError: there is none; the known ones are named.
        """
        for net in self.nets:
            if net.name == name:
                return net
        known = [net.name for net in self.nets]
        raise SlowbyeError(
            f"{self.where}: unknown net {name!r}{did_you_mean(name, known)} "
            f"(known: {', '.join(known)})"
        )


@dataclass(frozen=True)
class Host:
    """A single interface of a host that is not the WAN's router.

    Attributes:
        interface: what leaves through it is impaired, and what arrives when `ingress`.
        peers: only traffic with these addresses; empty for any.
        ingress: needs the kernel's ifb.
    """

    interface: str
    peers: tuple[Cidr, ...] = ()
    ingress: bool = False


def load_nets(path: Path = DEFAULT_NETS) -> Nets:
    """Read the file that names this router's nets.

    ``nets: {sip: {interface: sip0, cidrs: [198.18.1.0/24]}, …}``

    Raises:
        SlowbyeError: no such file, or a fault in it; file and key are named.
    """
    if path == DEFAULT_NETS and not path.exists():
        raise SlowbyeError(
            f"{path} does not exist: name this router's nets there (or in --nets FILE), "
            "or impair one interface with --interface"
        )
    top = Fields(read_yaml(path), str(path), ("nets",))
    entries = top.get("nets")
    if not isinstance(entries, dict) or not entries:
        raise SlowbyeError(f"{top.name('nets')}: expected net names, each with interface and cidrs")
    nets = tuple(_read_net(str(name), entry, f"{path}: nets") for name, entry in entries.items())
    for index, net in enumerate(nets):
        for other in nets[:index]:
            if other.interface == net.interface:
                raise SlowbyeError(
                    f"{path}: nets {other.name} and {net.name} have the same interface "
                    f"{net.interface}"
                )
    return Nets(nets, str(path))


def parse_cidr(text: str, where: str) -> Cidr:
    """Read ``198.18.1.0/24``, ``2001:db8::/64`` or a single address.

    Raises:
        SlowbyeError: not a network, or host bits are set.
    """
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise SlowbyeError(f"{where}: {error}") from error


def _read_net(name: str, entry: object, where: str) -> Net:
    fields = Fields(entry, f"{where}.{name}", ("interface", "cidrs"))
    interface = fields.required("interface")
    if not interface or len(interface) > 15 or "/" in interface or " " in interface:
        raise SlowbyeError(f"{fields.name('interface')}: {interface!r} is not an interface name")
    cidrs = tuple(parse_cidr(text, fields.name("cidrs")) for text in fields.texts("cidrs"))
    if not cidrs:
        raise SlowbyeError(f"{fields.name('cidrs')}: expected a list such as [198.18.1.0/24]")
    return Net(name, interface, cidrs)
