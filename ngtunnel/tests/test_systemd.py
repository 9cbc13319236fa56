"""The service's side of systemd's protocols, against real sockets and a real exec."""

import fcntl
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ngtunnel import systemd

REPORT = """
import json, os
from ngtunnel import systemd
taken = systemd.inherited_sockets()
print(json.dumps([
    [int(s.family), int(s.type), s.getsockname()[1], s.getblocking(), s.get_inheritable()]
    for s in taken
]))
print(len(systemd.inherited_sockets()), *(name for name in os.environ if "LISTEN" in name))
"""


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Stand where systemd does: a datagram socket whose name is in the environment."""
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(path)
        listening.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        yield listening


def test_systemd_is_told_the_state_as_it_is(manager: socket.socket) -> None:
    systemd.notify("READY=1\nSTATUS=2 of 2 links up")
    assert manager.recv(100) == b"READY=1\nSTATUS=2 of 2 links up"


def test_a_socket_with_an_abstract_name_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"ngtunnel-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name}")
        listening.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
        systemd.notify("WATCHDOG=1")
        assert listening.recv(100) == b"WATCHDOG=1"


def test_without_systemd_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    systemd.notify("READY=1")


def test_a_systemd_that_went_away_does_no_harm(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    systemd.notify("READY=1")


@pytest.mark.timeout(10)
def test_a_systemd_that_does_not_read_never_blocks_the_tunnel(manager: socket.socket) -> None:
    for _ in range(10_000):
        systemd.notify("WATCHDOG=1")
    assert manager.recv(100) == b"WATCHDOG=1"


@pytest.mark.parametrize(
    ("environment", "interval"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "3000000"}, 1.5),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}, 1.5),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_needed_if_it_watches_this_process(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], interval: float | None
) -> None:
    for name in ("WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert systemd.watchdog_interval() == interval


def _report(*sockets: socket.socket, script: str = REPORT, pid: str = "$$") -> str:
    """Run a process that gets sockets as systemd hands them over: from descriptor 3 on."""
    redirections = " ".join(f"{3 + index}<&{one.fileno()}" for index, one in enumerate(sockets))
    shell = f'LISTEN_FDS={len(sockets)} LISTEN_PID={pid} exec "$0" -c "$1" {redirections}'
    return subprocess.run(
        ["bash", "-c", shell, sys.executable, script],
        pass_fds=[one.fileno() for one in sockets],
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def _moved(one: socket.socket) -> socket.socket:
    """Keep clear of descriptors 3 and 4, which the shell is about to overwrite."""
    fd = fcntl.fcntl(one.fileno(), fcntl.F_DUPFD_CLOEXEC, 7)
    one.close()
    return socket.socket(fileno=fd)


def test_sockets_are_taken_over_whatever_they_are_and_once_only() -> None:
    udp = _moved(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    tcp = _moved(socket.socket(socket.AF_INET6, socket.SOCK_STREAM))
    with udp, tcp:
        udp.bind(("127.0.0.1", 0))
        tcp.bind(("::1", 0))
        tcp.listen()
        taken, left = _report(udp, tcp).splitlines()
        assert json.loads(taken) == [
            [socket.AF_INET, socket.SOCK_DGRAM, udp.getsockname()[1], False, False],
            [socket.AF_INET6, socket.SOCK_STREAM, tcp.getsockname()[1], False, False],
        ]
        assert left == "0"


def test_sockets_meant_for_another_process_are_left_alone() -> None:
    with _moved(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as udp:
        assert _report(udp, pid="1").startswith("[]\n0 ")


def test_a_descriptor_that_is_no_socket_is_told() -> None:
    script = """
from ngtunnel import errors, systemd
import os
os.dup2(os.open("/dev/null", os.O_RDONLY), 3)
try:
    systemd.inherited_sockets()
except errors.ConfigError as error:
    print(error)
"""
    with _moved(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as udp:
        assert _report(udp, script=script).startswith(
            "file descriptor 3 from systemd: is not a socket"
        )
