"""Places the calls: ``slowbye call`` on the clients' host, where the callers live."""

import json
import math
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from slowbye.errors import SlowbyeError
from slowbye.hosts import Host
from slowbye.sip.result import BatchResult

PROGRAM = "/opt/slowbye/bin/slowbye"
"""Where the role ``slowbye`` installs this package on a host."""

_BYSTANDER_EVERY = "100ms"
_WARNING = "slowbye: "
_SLOWEST_CALL_S = 80.0
"""INVITE and BYE at their transaction timeouts (RFC 3261 timers B and F, 32 s each), and some."""


@dataclass(frozen=True)
class Calls:
    """How calls are placed.

    Attributes:
        number: calls in all.
        at_once: calls under way together.
        media: how long each call exchanges RTP, with its unit.
        media_ms: the same as a number.
        transport: ``udp`` or ``tcp``.
    """

    number: int
    at_once: int
    media: str
    media_ms: float
    transport: str

    def command_line(self, proxy_address: str, header: str | None) -> list[str]:
        """Return the command for the clients' host."""
        headers = [] if header is None else ["--header", header]
        return [
            PROGRAM, "call", "--proxy", proxy_address, "--calls", str(self.number),
            "--at-once", str(self.at_once), "--media", self.media, "--transport", self.transport,
            "--bystander", _BYSTANDER_EVERY, "--json", *headers,
        ]  # fmt: skip

    @property
    def longest_s(self) -> float:
        """By when the calls are over, whatever happens to them."""
        rounds = math.ceil(self.number / self.at_once)
        return rounds * (self.media_ms / 1000 + _SLOWEST_CALL_S) + 60


def place(
    host: Host, calls: Calls, argv: list[str], progress: Callable[[str], None]
) -> tuple[BatchResult, list[str]]:
    """Run ``slowbye call`` and return what it measured; failed calls are a result too.

    The second value is what it warned of: a host too busy to measure, for example.

    Args:
        host: the clients' host.
        calls: for how long to wait.
        argv: from :meth:`Calls.command_line`.
        progress: told each line that the command writes to its standard error.

    Raises:
        SlowbyeError: the command failed or did not end.
    """
    process = host.popen(argv)
    stdin, stdout, stderr = process.stdin, process.stdout, process.stderr
    assert stdin is not None  # noqa: S101
    assert stdout is not None  # noqa: S101
    assert stderr is not None  # noqa: S101
    said: list[str] = []
    listener = threading.Thread(target=_listen, args=(stderr, said, progress), daemon=True)
    listener.start()
    output: list[bytes] = []
    reader = threading.Thread(target=lambda: output.append(stdout.read()), daemon=True)
    reader.start()
    try:
        process.wait(calls.longest_s)
    except subprocess.TimeoutExpired as error:
        raise SlowbyeError(
            f"{host.name}: the calls were not over after {calls.longest_s:g} s"
        ) from error
    finally:
        stdin.close()
        process.wait()
    reader.join()
    listener.join()
    batch = _read(host, process.returncode, b"".join(output), said)
    return batch, [line.removeprefix(_WARNING) for line in said if line.startswith(_WARNING)]


def _listen(stderr: IO[bytes], said: list[str], progress: Callable[[str], None]) -> None:
    for raw in stderr:
        line = raw.decode(errors="replace").strip()
        if line:
            said.append(line)
            progress(line)


def _read(host: Host, status: int, output: bytes, said: list[str]) -> BatchResult:
    try:
        if status not in (0, 1):
            raise ValueError(f"exit status {status}")
        return BatchResult.from_json(json.loads(output))
    except (ValueError, KeyError, TypeError) as error:
        fault = said[-1] if said else str(error)
        raise SlowbyeError(f"{host.name}: `slowbye call` failed: {fault}") from error
