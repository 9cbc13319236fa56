"""Three hosts around a router, each in a network namespace of its own that has no name.

Every function here runs in the one thread of the tests: sockets belong to the namespace in which
they were made, so a test sends from one host and receives on another without any process.
"""

import contextlib
import ctypes
import itertools
import json
import os
import select
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)
NETS = {"sip": 1, "media": 2, "clients": 3}
NETS_YAML = "nets:\n" + "".join(
    f'  {name}: {{interface: {name}0, cidrs: [198.18.{n}.0/24, "2001:2:0:{n}::/64"]}}\n'
    for name, n in NETS.items()
)
WHOLE_BYTES, FRAGMENTED_BYTES = 200, 2000


def address(net: str, version: int, host: int = 1) -> str:
    """Of the host on that net; the router is 254."""
    return f"198.18.{NETS[net]}.{host}" if version == 4 else f"2001:2:0:{NETS[net]}::{host}"


def _check(result: int) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


@contextlib.contextmanager
def namespace(fd: int) -> Iterator[None]:
    """Be in another network namespace."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        _check(_LIBC.setns(fd, _CLONE_NEWNET))
        yield
    finally:
        _check(_LIBC.setns(home, _CLONE_NEWNET))
        os.close(home)


def new_namespace() -> int:
    """Make a network namespace that lives for as long as its descriptor is open."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    _check(_LIBC.unshare(_CLONE_NEWNET))
    fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    _check(_LIBC.setns(home, _CLONE_NEWNET))
    os.close(home)
    return fd


def ip(*lines: str) -> None:
    """Run ip commands in the current namespace."""
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)


def tc(words: str) -> None:
    """Run one tc command in the current namespace."""
    subprocess.run(["tc", *words.split()], check=True)


def qdiscs() -> list[dict[str, Any]]:
    """What tc shows in the current namespace, but for the packets that htb has counted."""
    found: list[dict[str, Any]] = json.loads(_shown("-j", "qdisc", "show"))
    for each in found:
        each["options"].pop("direct_packets_stat", None)
    return found


def classes(interface: str) -> list[str]:
    """What tc shows of an interface's classes (not in JSON: iproute2 6.1 has none for htb)."""
    return sorted(_shown("class", "show", "dev", interface).splitlines())


def _shown(*words: str) -> str:
    return subprocess.run(["tc", *words], check=True, capture_output=True, text=True).stdout


@dataclass
class Router:
    """The router's namespace and its hosts'."""

    router: int
    hosts: dict[str, int]
    sockets: list[socket.socket] = field(default_factory=list)

    def at(self, net: str) -> contextlib.AbstractContextManager[None]:
        """Be on the host of a net, or on the router."""
        return namespace(self.router if net == "router" else self.hosts[net])

    def udp(self, net: str, version: int, port: int = 0) -> socket.socket:
        """A UDP socket on the host of that net."""
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        with self.at(net):
            made = socket.socket(family, socket.SOCK_DGRAM)
        made.bind((address(net, version), port))
        made.settimeout(3)
        self.sockets.append(made)
        return made

    def close_sockets(self) -> None:
        """Close what the test has opened."""
        while self.sockets:
            self.sockets.pop().close()

    def one_way_ms(
        self,
        source: str,
        destination: str,
        version: int = 4,
        size: int = WHOLE_BYTES,
        ports: tuple[int, int] = (0, 0),
    ) -> float:
        """How long a datagram takes: the soonest of some, because a busy machine adds to each.

        A quiet machine delivers all in the same time; while it does not, more are sent.

        Raises:
            AssertionError: none arrived.
        """
        sender = self.udp(source, version, ports[0])
        receiver = self.udp(destination, version, ports[1])
        took: list[float] = []
        for _ in range(6):
            arrived = [ms for _, ms in _send_numbered(sender, receiver, 4, size, 0.015, 0.5)]
            assert arrived
            took += arrived
            if max(arrived) - min(arrived) < 3:
                break
        sender.close()
        receiver.close()
        return min(took)

    def arrives(self, source: str, destination: str, version: int = 4, size: int = 200) -> bool:
        """Whether a datagram arrives within 300 ms."""
        sender, receiver = self.udp(source, version), self.udp(destination, version)
        return bool(_send_numbered(sender, receiver, 1, size, 0, 0.3))

    def send_numbered(
        self,
        source: str,
        destination: str,
        count: int,
        size: int,
        gap_s: float = 0.0,
        since_first: bool = False,
    ) -> list[tuple[int, float]]:
        """Send numbered datagrams; those that arrive, in order: (number, ms since it was sent).

        With `since_first` the times are since the first was sent: sending itself takes a while.
        """
        sender, receiver = self.udp(source, 4), self.udp(destination, 4)
        return _send_numbered(sender, receiver, count, size, gap_s, 0.5, since_first)


def _send_numbered(
    sender: socket.socket,
    receiver: socket.socket,
    count: int,
    size: int,
    gap_s: float,
    quiet_s: float,
    since_first: bool = False,
) -> list[tuple[int, float]]:
    """Receive until all have arrived and nothing more is on its way, or for `quiet_s`."""
    receiver.setblocking(False)
    target = receiver.getsockname()[:2]
    arrived: list[tuple[int, float]] = []
    sent: list[float] = []

    def receive(timeout_s: float) -> bool:
        if not select.select([receiver], [], [], max(0.0, timeout_s))[0]:
            return False
        # A datagram with a wrong checksum wakes select and is gone when it is read.
        with contextlib.suppress(BlockingIOError):
            number = int.from_bytes(receiver.recv(65536)[:4], "big")
            began = sent[0 if since_first else number]
            arrived.append((number, (time.monotonic() - began) * 1000))
        return True

    for number in range(count):
        sent.append(time.monotonic())
        sender.sendto(number.to_bytes(4, "big") + bytes(size - 4), target)
        while receive(sent[-1] + gap_s - time.monotonic()):
            pass
    while receive(quiet_s if len(arrived) < count else 0):
        pass
    return arrived


def make_router() -> Router:
    """Make the namespaces, their links and addresses; forwarding is on, resolution is fresh."""
    made = Router(new_namespace(), {net: new_namespace() for net in NETS})
    here = f"/proc/{os.getpid()}/fd"
    with made.at("router"):
        _no_duplicate_address_detection()
        for net, number in NETS.items():
            with made.at(net):
                _no_duplicate_address_detection()
            ip(
                f"link add {net}0 numtxqueues 2 type veth "
                f"peer name eth0 netns {here}/{made.hosts[net]}",
                f"addr add 198.18.{number}.254/24 dev {net}0",
                f"addr add 2001:2:0:{number}::254/64 dev {net}0",
                f"link set {net}0 up",
            )
        for path in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            _write_sysctl(path, "1")
    for net in NETS:
        with made.at(net):
            ip(
                "link set lo up",
                f"addr add {address(net, 4)}/24 dev eth0",
                f"addr add {address(net, 6)}/64 dev eth0",
                "link set eth0 up",
                f"route add default via {address(net, 4, 254)}",
                f"route add default via {address(net, 6, 254)}",
            )
    for version in (4, 6):
        for source, destination in itertools.permutations(NETS, 2):
            assert made.arrives(source, destination, version)
    made.close_sockets()
    return made


def _no_duplicate_address_detection() -> None:
    for which in ("all", "default"):
        _write_sysctl(f"ipv6/conf/{which}/accept_dad", "0")
        _write_sysctl(f"ipv6/conf/{which}/router_solicitations", "0")


def _write_sysctl(path: str, value: str) -> None:
    with open(f"/proc/sys/net/{path}", "w", encoding="ascii") as file:
        file.write(value)
