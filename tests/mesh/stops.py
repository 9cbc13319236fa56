"""Ways in which a tunnel ends, and back."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from slowbye.hosts import Host, Inventory

PORT = 2223

_HOLE = f"""table inet hole
delete table inet hole
table inet hole {{
  chain input {{ type filter hook input priority -10; tcp dport {PORT} drop; }}
  chain output {{ type filter hook output priority -10; tcp sport {PORT} drop; }}
}}"""


@dataclass(frozen=True)
class Stop:
    """One way.

    Attributes:
        name: in words.
        make: do it to a proxy host's and a media host's end while the block runs.
        silent: nobody answers what is under way. The client hears nothing and has to notice; or it
            has itself gone, and the proxy has to ask again.
        one_proxy: only that proxy host loses the media host.
    """

    name: str
    make: Callable[[Host, Host], AbstractContextManager[None]]
    silent: bool = False
    one_proxy: bool = False

    def hits(self, proxy: Host, lab: Inventory) -> bool:
        """Whether a proxy loses the media host."""
        return not self.one_proxy or proxy == lab.group("sip")[-1]


@contextmanager
def _server_stopped(sip: Host, media: Host) -> Iterator[None]:
    with _stopped(media, ".*"):
        yield


@contextmanager
def _client_stopped(sip: Host, media: Host) -> Iterator[None]:
    with _stopped(sip, f'server = "{media.address}:'):
        yield


@contextmanager
def _host_killed(sip: Host, media: Host) -> Iterator[None]:
    container = media.variables["lab_container"]
    subprocess.run(["podman", "kill", container], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["podman", "start", container], check=True, capture_output=True)
        booted = ["podman", "exec", container, "systemctl", "is-system-running", "--wait"]
        subprocess.run(booted, check=False, capture_output=True)


@contextmanager
def _black_holed(sip: Host, media: Host) -> Iterator[None]:
    _run(media, ["sh", "-c", 'printf %s "$1" | nft -f -', "sh", _HOLE])
    try:
        yield
    finally:
        _run(media, ["nft", "delete", "table", "inet", "hole"])


@contextmanager
def _stopped(host: Host, pattern: str) -> Iterator[None]:
    """Stop the instances whose configuration matches, with the sockets that would start them."""
    configs = _run(host, ["sh", "-c", 'grep -l "$1" /etc/ngtunnel/*.toml', "sh", pattern]).split()
    names = [each.rpartition("/")[2].removesuffix(".toml") for each in configs]
    units = [f"ngtunnel@{name}.{kind}" for kind in ("socket", "service") for name in names]
    _run(host, ["systemctl", "stop", *units])
    try:
        yield
    finally:
        _run(host, ["systemctl", "start", *units])


def _run(host: Host, argv: list[str]) -> str:
    done = host.run(argv)
    assert done.returncode == 0, f"{host.name}: {done.stderr}"
    return done.stdout


STOPS = (
    Stop("server stopped", _server_stopped),
    Stop("client stopped", _client_stopped, silent=True, one_proxy=True),
    Stop("media host killed", _host_killed, silent=True),
    Stop("black-holed", _black_holed, silent=True),
)
