"""Captures a host's packets into a file on this machine."""

import re
import subprocess
import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from slowbye.errors import SlowbyeError
from slowbye.hosts import Host

_START_TIMEOUT_S = 20.0
_STOP_TIMEOUT_S = 20.0
_LONGEST_PACKET_BYTES = 16 * 1024
"""More than any ng reply in a call, also on a loopback, which does not fragment."""

_BUFFER_KIB = 32 * 1024
"""Room for 2000 packets: in immediate mode each takes the longest packet's room. With tcpdump's
default length a buffer of 4 MiB holds 16, and a burst of fragments is lost."""

_DROPPED = re.compile(r"(\d+) packets? dropped by kernel")


def ng_filter(ng_ports: Iterable[int], sip_port: int | None = 5060) -> str:
    """Return the pcap filter for ng and SIP, and for every IP fragment.

    Only a datagram's first fragment has ports, so the others must be taken for being fragments:
    IPv4 by its offset and "more fragments" bit, IPv6 by next header 44 (RFC 8200 section 4.5).
    """
    parts = [f"udp port {port}" for port in sorted(set(ng_ports))]
    if sip_port is not None:
        parts.append(f"port {sip_port}")
    return " or ".join([*parts, "(ip[6:2] & 0x3fff != 0)", "(ip6[6] = 44)"])


class Capture:
    """A running tcpdump; as a context manager it stops, completely written, on leaving.

    It captures on all interfaces: a plain path crosses the public one, a tunnel the loopback.
    When this process dies, so does the remote tcpdump.

    Args:
        host: where to capture.
        path: the pcap file to write here.
        pcap_filter: what to capture.
    """

    def __init__(self, host: Host, path: Path, pcap_filter: str) -> None:
        self._host = host
        self._path = path
        self._filter = pcap_filter
        self._log: list[str] = []
        self._listening = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None

    @property
    def dropped(self) -> int:
        """How many packets the kernel dropped because tcpdump was too slow; known when stopped."""
        return sum(int(count) for line in self._log for count in _DROPPED.findall(line))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start, and return when packets are being captured.

        Raises:
            SlowbyeError: tcpdump did not start; why.
        """
        # Immediate mode: without it the kernel's last, not yet full, block is lost on stopping.
        argv = ["tcpdump", "-i", "any", "-n", "-U", "--immediate-mode", "-w", "-"]
        room = [f"--snapshot-length={_LONGEST_PACKET_BYTES}", f"--buffer-size={_BUFFER_KIB}"]
        with self._path.open("wb") as file:
            self._process = self._host.popen([*argv, *room, self._filter], stdout=file)
        assert self._process.stderr is not None  # noqa: S101
        self._reader = threading.Thread(
            target=self._read_log, args=(self._process.stderr,), daemon=True
        )
        self._reader.start()
        self._listening.wait(_START_TIMEOUT_S)
        if not any("listening on" in line for line in self._log):
            self.stop()
            raise SlowbyeError(f"{self._host.name}: tcpdump did not start: {self._last_line()}")

    def stop(self) -> None:
        """Stop tcpdump and wait until all of its output is in the file."""
        if self._process is None:
            return
        assert self._process.stdin is not None  # noqa: S101
        self._process.stdin.close()
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._reader is not None:
            self._reader.join(_STOP_TIMEOUT_S)
        self._process = None

    def _read_log(self, stderr: IO[bytes]) -> None:
        for raw in stderr:
            line = raw.decode(errors="replace").strip()
            self._log.append(line)
            if "listening on" in line:
                self._listening.set()
        self._listening.set()

    def _last_line(self) -> str:
        return next((line for line in reversed(self._log) if line), "it said nothing")
