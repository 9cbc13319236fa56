"""The two ends of a tunnel as systemd runs them: the socket stays, the service is restarted."""

import fcntl
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from faults.hosts import Hosts

RESTART_S = 0.1
"""RestartSec= of the unit."""

_PATIENCE_S = 10.0
_HAND_OVER = 'LISTEN_PID=$$ LISTEN_FDS=1 exec "${@:2}" 3<&"$1"'


class End:
    """One end: its configuration, its held socket, its process, its log.

    Args:
        hosts: where.
        host: which of them.
        config: the configuration file; its name is also the log's.
        kind: of the held socket; None lets the process bind for itself.
        address: of the held socket.
    """

    def __init__(
        self,
        hosts: Hosts,
        host: str,
        config: Path,
        kind: socket.SocketKind | None,
        address: tuple[str, int],
    ) -> None:
        self._hosts = hosts
        self._host = host
        self.config = config
        self._role = "client" if kind is socket.SOCK_DGRAM else "server"
        self.log_file = config.with_suffix(".log")
        self._held = None if kind is None else self._hold(kind, address)
        self._process: subprocess.Popen[str] | None = None
        self._stopping = threading.Event()
        self._started = threading.Event()
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self.starts = 0

    def start(self) -> None:
        """Start it, and from then on again whenever it ends."""
        self.log_file.touch()
        self._keeper.start()
        assert self._started.wait(_PATIENCE_S)

    def stop(self) -> None:
        """End it for good."""
        self._stopping.set()
        while self._keeper.is_alive():
            if self._process is not None:
                self._process.kill()
            self._keeper.join(0.05)
        if self._held is not None:
            self._held.close()

    @property
    def process(self) -> subprocess.Popen[str]:
        """The present process."""
        assert self._process is not None
        return self._process

    @property
    def resident_bytes(self) -> int:
        """Memory of the present process (VmRSS, proc(5))."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
        assert found
        return int(found[1]) * 1024

    def kill(self) -> None:
        """Kill the present process with -9, and return when it has ended."""
        self.signal(signal.SIGKILL, ends=True)

    def signal(self, number: signal.Signals, *, ends: bool = False) -> None:
        """Send a signal; if it ends the process, return when it has ended."""
        process = self.process
        if ends:
            self._started.clear()
        process.send_signal(number)
        if ends:
            process.wait(_PATIENCE_S)

    def wait_until_restarted(self) -> None:
        """Wait until there is a process again after :meth:`kill`."""
        assert self._started.wait(_PATIENCE_S), f"{self._role} not started again"

    @property
    def log(self) -> list[str]:
        """What it has logged so far, over all its processes."""
        return self.log_file.read_text().splitlines()

    def logged(self, pattern: str) -> list[str]:
        """Return the lines that match."""
        return [line for line in self.log if re.search(pattern, line)]

    def wait_for_log(self, pattern: str, count: int = 1, patience_s: float = _PATIENCE_S) -> None:
        """Wait until so many lines match.

        Raises:
            AssertionError: it takes too long; with the whole log.
        """
        deadline = time.monotonic() + patience_s
        while len(self.logged(pattern)) < count:
            log = "\n".join(self.log)
            assert time.monotonic() < deadline, f"no {pattern!r} in the {self._role}'s log:\n{log}"
            time.sleep(0.01)

    def _hold(self, kind: socket.SocketKind, address: tuple[str, int]) -> socket.socket:
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        with self._hosts.on(self._host):
            held = socket.socket(family, kind)
        if kind is socket.SOCK_STREAM:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(address)
        if kind is socket.SOCK_STREAM:
            held.listen(1024)
        # Clear of descriptor 3, which is where the service gets it.
        descriptor = fcntl.fcntl(held.fileno(), fcntl.F_DUPFD_CLOEXEC, 10)
        held.close()
        return socket.socket(fileno=descriptor)

    def _keep(self) -> None:
        while not self._stopping.is_set():
            self._process = self._start_process()
            self.starts += 1
            self._started.set()
            self._process.wait()
            self._stopping.wait(RESTART_S)

    def _start_process(self) -> subprocess.Popen[str]:
        program = [sys.executable, "-m", "ngtunnel", self._role, "--config", str(self.config)]
        with self.log_file.open("a") as log:
            if self._held is None:
                return self._hosts.start(self._host, *program, stderr=log)
            number = self._held.fileno()
            hand_over = ["bash", "-c", _HAND_OVER, "ngtunnel", str(number), *program]
            return self._hosts.start(self._host, *hand_over, stderr=log, pass_fds=(number,))
