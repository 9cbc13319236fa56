"""One end of the WAN: runs a tunnel's programs and one process of the load on this host.

It does what lines of JSON on standard input ask, and answers with such lines. When standard input
closes, because its driver is done, was interrupted or died, it stops all that it started.
"""

import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import IO, Any

from bench.errors import BenchError
from bench.machine import busy_seconds
from bench.ports import free_ports
from bench.processes import Program, Running, stop_all
from bench.usage import cpu_seconds, memory

_PORTS = 100
_STOP_S = 10.0

Message = dict[str, Any]


class End:
    """What runs here.

    Args:
        directory: exists, and is the only place where something is written.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._running: list[Running] = []
        self._load: subprocess.Popen[str] | None = None
        self._relay: threading.Thread | None = None
        self._saying = threading.Lock()
        self._log = (directory / "log").open("ab")

    def ports(self, first: int) -> Message:
        """Return free ports from ``first`` on."""
        return {"ports": list(itertools.islice(free_ports(first), _PORTS))}

    def program(self, argv: list[str], transport: str, port: int) -> Message:
        """Start a program of the tunnel."""
        self._running.append(Running(Program(tuple(argv), transport, port), self._log))
        self._running[-1].wait_until_listening()
        return {}

    def write(self, name: str, text: str) -> Message:
        """Write a configuration file."""
        (self._directory / name).write_text(text)
        return {}

    def load(self, module: str, arguments: list[str], line: str) -> Message:
        """Start a process of the load; what it says is passed on."""
        self._load = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            text=True,
            start_new_session=True,
        )
        self._relay = threading.Thread(target=self._pass_on, args=(_pipe(self._load.stdout),))
        self._relay.start()
        print(line, file=_pipe(self._load.stdin), flush=True)
        return {}

    def usage(self) -> Message:
        """Return what this end used so far, and the whole host."""
        leaders = [each.pid for each in self._running]
        loads = [self._load.pid] if self._load else []
        return {
            "cpu_s": cpu_seconds(leaders),
            "load_cpu_s": cpu_seconds(loads),
            "busy_s": busy_seconds(),
            "memory": asdict(memory(leaders)),
        }

    def said(self) -> Message:
        """Return the last line that the tunnel's programs wrote."""
        lines = (self._directory / "log").read_text(errors="replace").strip().splitlines()
        return {"line": lines[-1] if lines else ""}

    def end_load(self) -> Message:
        """Stop the process of the load; what it says last comes before the answer."""
        if self._load and self._relay:
            self._load.terminate()
            try:
                self._load.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self._load.kill()
                self._load.wait()
            self._relay.join()
            self._load = None
        return {}

    def close(self) -> None:
        """Stop everything."""
        self.end_load()
        stop_all(self._running)

    def serve(self, lines: Iterator[str]) -> None:
        """Do what each line asks."""
        ways = {
            way.__name__: way
            for way in (
                self.ports,
                self.program,
                self.write,
                self.load,
                self.usage,
                self.said,
                self.end_load,
            )
        }
        for line in lines:
            asked = json.loads(line)
            way = ways[asked.pop("do")]
            try:
                self._say({"at": way.__name__, **way(**asked)})
            except BenchError as error:
                self._say({"at": "failed", "reason": str(error)})

    def _say(self, message: Message) -> None:
        with self._saying:
            print(json.dumps(message), flush=True)

    def _pass_on(self, said: IO[str]) -> None:
        for line in said:
            with self._saying:
                print(line, end="", flush=True)


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None  # noqa: S101 - it was asked for
    return stream


def _terminate(number: int, frame: FrameType | None) -> None:
    raise SystemExit


def main(directory: str) -> None:
    """Serve until standard input closes; then the directory is removed."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _terminate)
    os.chdir(directory)
    end = End(Path(directory))
    try:
        # Nobody may be there any more to hear what is said.
        with contextlib.suppress(BrokenPipeError):
            end.serve(iter(sys.stdin.readline, ""))
    finally:
        end.close()
        shutil.rmtree(directory, ignore_errors=True)
