"""Starting the programs of a tunnel, and stopping them with everything they forked."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bench.errors import BenchError
from bench.usage import session_members

_START_S = 15.0
_STOP_S = 5.0
_POLL_S = 0.01
_TCP_LISTEN = "0A"


@dataclass(frozen=True)
class Program:
    """One program of a tunnel.

    Attributes:
        argv: the command.
        transport: ``tcp`` or ``udp``: what it listens on.
        port: where; it counts as started once it does.
    """

    argv: tuple[str, ...]
    transport: str
    port: int


class Running:
    """A program in a session of its own, by which its children are known."""

    def __init__(self, program: Program, log: IO[bytes]) -> None:
        """Start it.

        Args:
            program: what to start.
            log: where its output goes.

        Raises:
            BenchError: it is not installed.
        """
        self.program = program
        self._log = log
        try:
            self._popen = subprocess.Popen(
                program.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise BenchError(f"{program.argv[0]}: not installed") from error
        self.pid = self._popen.pid

    def wait_until_listening(self) -> None:
        """Wait until its port is open.

        Raises:
            BenchError: it ended, or takes too long; with the last line that it wrote.
        """
        deadline = time.monotonic() + _START_S
        while not is_listening(self.program.transport, self.program.port):
            if self._popen.poll() is not None:
                raise BenchError(f"{self._name} ended with {self._popen.returncode}: {self._said}")
            if time.monotonic() > deadline:
                raise BenchError(
                    f"{self._name} does not listen within {_START_S:g} s: {self._said}"
                )
            time.sleep(_POLL_S)

    def stop(self) -> None:
        """End it and all that it forked."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            members = self._members()
            for pid in members:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            deadline = time.monotonic() + _STOP_S
            while self._members() and time.monotonic() < deadline:
                time.sleep(_POLL_S)
        self._popen.wait()

    def _members(self) -> list[int]:
        self._popen.poll()
        return session_members(self.pid)

    @property
    def _name(self) -> str:
        return " ".join(self.program.argv[:2])

    @property
    def _said(self) -> str:
        lines = Path(self._log.name).read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


def is_listening(transport: str, port: int) -> bool:
    """Say whether something on this machine listens on a port (/proc/net, see proc(5))."""
    return any(
        int(local.rpartition(":")[2], 16) == port and (transport == "udp" or state == _TCP_LISTEN)
        for local, state in _sockets(transport)
    )


def _sockets(transport: str) -> list[tuple[str, str]]:
    found = []
    for path in (f"/proc/net/{transport}", f"/proc/net/{transport}6"):
        with contextlib.suppress(FileNotFoundError):
            for line in Path(path).read_text().splitlines()[1:]:
                words = line.split()
                found.append((words[1], words[3]))
    return found


def stop_all(running: Sequence[Running]) -> None:
    """End them, the last one first."""
    for each in reversed(running):
        each.stop()
