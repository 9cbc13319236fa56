"""SIPp on a host: started with one of the scenarios, and its own figures read afterwards."""

import csv
import io
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from slowbye.hosts import Host
from slowbye.measure.percentiles import Percentiles, summarize

_SCENARIOS = Path(__file__).with_name("scenarios")
_PATIENCE_S = 32
"""How long a call may wait for one message: as long as a SIP transaction lives (64 * T1)."""


@dataclass(frozen=True)
class Figures:
    """What SIPp counted and timed.

    Attributes:
        calls: calls begun.
        failed: calls that did not go as the scenario says.
        retransmissions: requests sent again because no reply came within 500 ms.
        response_ms: by name of the scenario's timers (``INVITE``, ``BYE``).
    """

    calls: int
    failed: int
    retransmissions: int
    response_ms: Mapping[str, Percentiles]


@dataclass(frozen=True)
class Sipp:
    """One SIPp: on which host, behind which port, and what it calls itself and its peer.

    Attributes:
        host: where it runs.
        proxy: where its requests go, ``address:port``.
        port: its own.
        user: the callee, or who it is.
        here: the address that it writes into Via, Contact and SDP; a private one is as behind NAT.
        path: of ng commands, for the proxy of a lab that knows several.
    """

    host: Host
    proxy: str
    port: int
    user: str
    here: str
    path: str

    def run(self, scenario: str, calls: int, rate: int, pause_ms: int) -> Figures:
        """Place calls, or a registration, and wait for the end of the last one.

        Args:
            scenario: the name of its file.
            calls: how many.
            rate: how many of them begin in a second.
            pause_ms: how long each ``<pause/>`` of the scenario is.
        """
        what = ["-m", str(calls), "-r", str(rate), "-d", str(pause_ms), "-nostdin"]
        limit_s = calls // rate + 2 * _PATIENCE_S
        with self._directory(scenario) as directory:
            done = self.host.run(
                [*self._command(directory, scenario), *what, "-timeout", f"{limit_s}s"],
                timeout_s=limit_s + 10,
            )
            errors = self._read(directory / "errors.log")
            assert done.returncode in (0, 1), f"sipp {scenario}: {errors or done.stdout[-2000:]}"
            print(errors)  # pytest shows it when a test fails
            return self._figures(directory, scenario)

    @contextmanager
    def placing(self, scenario: str, rate: int, pause_ms: int) -> Iterator[list[Figures]]:
        """Place calls for as long as the context lasts; the figures are there when it has ended.

        Args:
            scenario: the name of its file.
            rate: how many calls begin in a second.
            pause_ms: how long each ``<pause/>`` of the scenario is.
        """
        what = ["-r", str(rate), "-d", str(pause_ms), "-nostdin"]
        with self._directory(scenario) as directory:
            command = [*self._command(directory, scenario), *what]
            process = self.host.popen(command, stdout=subprocess.DEVNULL)
            assert process.stdin is not None
            figures: list[Figures] = []
            try:
                yield figures
                # No more calls; it ends with the last one.
                self.host.run(["sh", "-c", f"kill -USR1 $(cat {directory}/pid)"])
                process.wait(timeout=2 * _PATIENCE_S)
            finally:
                process.stdin.close()
                process.wait(timeout=15)
                print(self._read(directory / "errors.log"))
            figures.append(self._figures(directory, scenario))

    @contextmanager
    def serving(self, scenario: str, pause_ms: int = 0) -> Iterator[None]:
        """Answer calls, for as long as the context lasts."""
        # On a busy machine the proxy repeats an INVITE that waits in SIPp's socket. SIPp would
        # abort the call when it comes to the repetition: it is the caller who judges.
        what = ["-d", str(pause_ms), "-nostdin", "-default_behaviors", "all,-abortunexp"]
        with self._directory(scenario) as directory:
            process = self.host.popen(
                [*self._command(directory, scenario), *what],
                stdout=subprocess.DEVNULL,
            )
            assert process.stdin is not None
            try:
                yield
            finally:
                process.stdin.close()
                process.wait(timeout=15)
                print(self._read(directory / "errors.log"))

    def _command(self, directory: PurePosixPath, scenario: str) -> list[str]:
        return [
            *("sh", "-c", 'cd "$1" && shift && echo $$ >pid && exec "$@"', "sh", str(directory)),
            *("sipp", self.proxy, "-sf", f"{scenario}.xml", "-s", self.user),
            *("-i", self.host.address, "-p", str(self.port)),
            *("-key", "here", self.here, "-key", "path", self.path),
            *("-recv_timeout", f"{_PATIENCE_S * 1000}"),
            *("-trace_err", "-error_file", "errors.log"),
            *("-trace_stat", "-stf", "stat.csv", "-fd", "1"),
            *("-trace_rtt", "-rtt_freq", "1"),
        ]

    @contextmanager
    def _directory(self, scenario: str) -> Iterator[PurePosixPath]:
        """Make a directory on the host that has the scenario, and takes what SIPp writes."""
        text = (_SCENARIOS / f"{scenario}.xml").read_text(encoding="utf-8")
        make = 'cd "$(mktemp -d)" && printf %s "$2" >"$1.xml" && pwd'
        done = self.host.run(["sh", "-c", make, "sh", scenario, text])
        assert done.returncode == 0, done.stderr
        directory = PurePosixPath(done.stdout.strip())
        try:
            yield directory
        finally:
            self.host.run(["rm", "-r", str(directory)])

    def _read(self, path: PurePosixPath) -> str:
        return self.host.run(["sh", "-c", f"cat {path} 2>/dev/null"]).stdout

    def _figures(self, directory: PurePosixPath, scenario: str) -> Figures:
        *_, last = csv.DictReader(io.StringIO(self._read(directory / "stat.csv")), delimiter=";")
        # Named after the scenario and the process; one run leaves one. Each line is the time of
        # day in ms, the response time in ms, and the timer.
        times: dict[str, list[float]] = {}
        for row in csv.reader(
            io.StringIO(self._read(directory / f"{scenario}_*_rtt.csv")), delimiter=";"
        ):
            if row and row[0].replace(".", "").isdigit():
                times.setdefault(row[2], []).append(float(row[1]))
        return Figures(
            calls=int(last["TotalCallCreated"]),
            failed=int(last["FailedCall(C)"]),
            retransmissions=int(last["Retransmissions(C)"]),
            response_ms={name: summarize(values) for name, values in times.items()},
        )
