"""Three hosts: a proxy's, a media host, and a stranger who can reach the media host.

They are network namespaces without names, so that nothing of them is left when the test's process
ends, however it ends; and whatever is started on them dies with the thread that started it.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from netem.router import ip, namespace, new_namespace

SIP, MEDIA, STRANGER = "sip", "media", "stranger"
ADDRESSES = {
    4: {SIP: "198.18.1.1", MEDIA: "198.18.1.2", STRANGER: "198.18.2.1"},
    6: {SIP: "2001:2:0:1::1", MEDIA: "2001:2:0:1::2", STRANGER: "2001:2:0:2::1"},
}
"""RFC 2544 and RFC 5180: for benchmarking, and nobody's."""

_TESTS = Path(__file__).parents[1]
_NICE = -15
_CABLES = ((SIP, "sip0", 1), (STRANGER, "stranger0", 2))


def _python_path() -> list[str]:
    return [str(_TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]


@dataclass(frozen=True)
class Hosts:
    """The namespaces' descriptors, by name."""

    descriptors: dict[str, int]

    def on(self, host: str) -> contextlib.AbstractContextManager[None]:
        """Be on a host: sockets made there belong to it, and so do processes started there."""
        return namespace(self.descriptors[host])

    def start(
        self,
        host: str,
        *command: str | Path,
        stdin: int | None = subprocess.DEVNULL,
        stdout: int | None = None,
        stderr: IO[str] | None = None,
        pass_fds: tuple[int, ...] = (),
    ) -> subprocess.Popen[str]:
        """Start a process on a host; it dies with the calling thread at the latest."""
        with self.on(host):
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *command],
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                text=True,
                pass_fds=pass_fds,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(_python_path())},
            )
        # What is asked is how soon the tunnel answers, not what else keeps this machine busy.
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, process.pid, _NICE)
        return process

    def start_python(
        self, host: str, module: str, *arguments: str, stdin: int | None = subprocess.DEVNULL
    ) -> subprocess.Popen[str]:
        """Start one of this directory's programs, its output piped."""
        return self.start(
            host, sys.executable, "-m", module, *arguments, stdin=stdin, stdout=subprocess.PIPE
        )

    def firewall(self, host: str, *rules: str) -> None:
        """Put these rules in force in the place of all others; none: everything passes.

        Args:
            host: where.
            rules: in nft's language, each beginning with its chain, ``input`` or ``output``.
        """
        script = ["add table inet faults", "delete table inet faults"]
        if rules:
            script += ["add table inet faults"]
            for chain in ("input", "output"):
                hook = f"{{ type filter hook {chain} priority 0; }}"
                script.append(f"add chain inet faults {chain} {hook}")
            script += [f"add rule inet faults {rule}" for rule in rules]
        with self.on(host):
            subprocess.run(["nft", "-f", "-"], input="\n".join(script), text=True, check=True)

    def connections(self, host: str, port: int) -> list[int]:
        """Return the local ports of TCP connections from a host to a port."""
        with self.on(host):
            shown = subprocess.run(
                ["ss", "-Htn", "state", "established", f"( dport = {port} )"],
                check=True,
                capture_output=True,
                text=True,
            ).stdout
        return [int(line.split()[2].rpartition(":")[2]) for line in shown.splitlines()]

    def reset(self, host: str, local_port: int) -> None:
        """Reset one TCP connection of a host, at both ends, as ``ss -K`` does."""
        with self.on(host):
            subprocess.run(
                ["ss", "-K", "-tn", f"( sport = {local_port} )"], check=True, capture_output=True
            )

    def close(self) -> None:
        """Give the namespaces up."""
        for descriptor in self.descriptors.values():
            os.close(descriptor)


@contextlib.contextmanager
def three_hosts() -> Iterator[Hosts]:
    """Make the hosts, and a cable from each to the media host."""
    hosts = Hosts({name: new_namespace() for name in (SIP, MEDIA, STRANGER)})
    try:
        for name in hosts.descriptors:
            with hosts.on(name):
                ip("link set lo up")
        for name, interface, net in _CABLES:
            with hosts.on(MEDIA):
                there = f"/proc/{os.getpid()}/fd/{hosts.descriptors[name]}"
                ip(
                    f"link add {interface} type veth peer name eth0 netns {there}",
                    f"addr add 198.18.{net}.2/24 dev {interface}",
                    f"addr add 2001:2:0:{net}::2/64 dev {interface} nodad",
                    f"link set {interface} up",
                )
            with hosts.on(name):
                ip(
                    f"addr add {ADDRESSES[4][name]}/24 dev eth0",
                    f"addr add {ADDRESSES[6][name]}/64 dev eth0 nodad",
                    "link set eth0 up",
                    f"route add default via 198.18.{net}.2",
                    f"route add default via 2001:2:0:{net}::2",
                )
        yield hosts
    finally:
        hosts.close()
