"""Driving an end of the WAN from here."""

import base64
import io
import json
import subprocess
import zipfile
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from bench.errors import BenchError
from slowbye.hosts import Host

_ROOT = Path(__file__).parent.parent.parent
_SHIPPED = (
    *("__init__", "errors", "generate", "generator", "load", "machine", "payload", "peer"),
    *("ports", "processes", "responder", "usage", "verify", "wan/__init__", "wan/end"),
)
"""What an end consists of; none of it imports anything but these and the standard library."""

_BOOT = """
import base64, os, sys
directory = sys.argv[1]
os.mkdir(directory, 0o700)
archive = os.path.join(directory, "bench.zip")
with open(archive, "wb") as file:
    file.write(base64.b64decode(sys.stdin.readline()))
sys.path.insert(0, archive)
from bench.wan.end import main
main(directory)
"""
_CLOSE_S = 30.0


def archive() -> bytes:
    """Return the program of an end, as a zip file."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for name in _SHIPPED:
            file.write(_ROOT / "bench" / f"{name}.py", f"bench/{name}.py")
    return made.getvalue()


class RemoteEnd:
    """An end that runs on a host, until the context ends.

    Args:
        host: where.
        directory: made there, and removed.

    Attributes:
        name: the host's.
    """

    def __init__(self, host: Host, directory: str) -> None:
        self.name = host.name
        self._heard: list[dict[str, Any]] = []
        # In a session of its own: a Ctrl-C is ours to handle.
        self._process = subprocess.Popen(
            host.command_line(["python3", "-c", _BOOT, directory]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._send(base64.b64encode(archive()).decode())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let it stop everything and end."""
        try:
            self._process.communicate(timeout=_CLOSE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Let it do something, and return its answer.

        Raises:
            BenchError: it could not, or it ended.
        """
        self._send(json.dumps({"do": do, **arguments}))
        return self.expect(do)

    def expect(self, at: str) -> dict[str, Any]:
        """Wait for a message.

        Args:
            at: which; others that come before are kept for later.

        Raises:
            BenchError: something failed there.
        """
        for number, message in enumerate(self._heard):
            if message["at"] == at:
                return self._heard.pop(number)
        while line := _pipe(self._process.stdout).readline():
            message = json.loads(line)
            if message["at"] == at:
                return message  # type: ignore[no-any-return]
            if message["at"] == "failed":
                raise BenchError(f"{self.name}: {message['reason']}")
            self._heard.append(message)
        raise BenchError(f"{self.name}: {self._last_words()}")

    def _send(self, line: str) -> None:
        try:
            print(line, file=_pipe(self._process.stdin), flush=True)
        except BrokenPipeError as error:
            raise BenchError(f"{self.name}: {self._last_words()}") from error

    def _last_words(self) -> str:
        lines = _pipe(self._process.stderr).read().strip().splitlines()
        return lines[-1] if lines else "the end there ended early"


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None  # noqa: S101 - it was asked for
    return stream
