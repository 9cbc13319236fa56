"""One measurement: start a tunnel, send one load through it, stop it."""

import contextlib
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from bench.cases import Case
from bench.certificates import Certificates
from bench.errors import BenchError
from bench.load import Load
from bench.machine import busy_seconds
from bench.ports import any_port, free_ports
from bench.processes import Running, stop_all
from bench.usage import CpuTime, Memory, memory
from bench.variants import Ground, Setup, Variant
from slowbye.measure.percentiles import percentile

_ROOT = Path(__file__).parent.parent
_TICKS_PER_US = 10
_STOP_S = 10.0


@dataclass(frozen=True)
class Measurement:
    """What one load through one tunnel came to.

    Attributes:
        round_trips: right replies while measuring.
        per_second: of these.
        p50_us: round-trip times, in microseconds.
        p99_us: the same.
        p999_us: the same: 99.9 %.
        cpu_s_per_1000: CPU seconds of both ends for 1000 round trips; None: there is no tunnel.
        memory: of both ends, after the load.
        wrong: replies that arrived merged, split …, or not at all, from the first one on.
        wrong_requests: the same of requests, at the responder.
        repeated: requests that arrived more than once, which a tunnel that knows of ng may do.
        errors: ng errors instead of replies.
        late: right replies after the proxy would have sent again.
        other_cpus: how many CPUs were busy with something else meanwhile.
    """

    round_trips: int
    per_second: float
    p50_us: float | None
    p99_us: float | None
    p999_us: float | None
    cpu_s_per_1000: float | None
    memory: Memory
    wrong: dict[str, int]
    wrong_requests: dict[str, int]
    repeated: int
    errors: int
    late: int
    other_cpus: float


def measure(
    variant: Variant, case: Case, seconds: float, certificates: Certificates, directory: Path
) -> Measurement:
    """Measure once.

    Args:
        variant: the tunnel.
        case: the load.
        seconds: how long to measure, after a warm-up.
        certificates: for tunnels over TLS.
        directory: where a directory for this measurement is made and removed.

    Raises:
        BenchError: something did not start, or nothing was answered.
    """
    with contextlib.ExitStack() as stack:
        own = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=directory)))
        setup = variant.build(Ground(own, free_ports(any_port()), certificates, case.peers))
        responder = stack.enter_context(_responder(setup, case))
        running: list[Running] = []
        stack.callback(lambda: stop_all(running))
        log = stack.enter_context((own / "log").open("wb"))
        for program in setup.programs:
            running.append(Running(program, log))
            running[-1].wait_until_listening()
        leaders = [each.pid for each in running]
        generator = stack.enter_context(_generator(setup, case, seconds))
        try:
            _expect(generator, "start")
            tunnel, load = CpuTime(leaders), CpuTime([responder.pid, generator.pid])
            busy_before = busy_seconds()
            _expect(generator, "end")
            cpu_s, busy_s = tunnel.spent_s(), busy_seconds() - busy_before
            others_s = max(0.0, busy_s - cpu_s - load.spent_s())
            used = memory(leaders)
            result = _expect(generator, "result")
        except BenchError as error:
            raise BenchError(f"{variant.name}, {case.name}: {error}{_last_line(own)}") from error
        responder.terminate()
        arrived = json.loads(_pipe(responder.stdout).readline())
    return digest(result, arrived, cpu_s if leaders else None, others_s, used)


def digest(
    result: dict[str, Any],
    arrived: dict[str, Any],
    cpu_s: float | None,
    others_s: float,
    used: Memory,
) -> Measurement:
    """Make a measurement of what was heard.

    Args:
        result: from the generator.
        arrived: from the responder.
        cpu_s: what the tunnel used; None: there is none.
        others_s: CPU seconds of all other programs.
        used: by the tunnel.
    """
    ticks = Counter({int(tick): count for tick, count in result["ticks"].items()})
    times_us = [tick / _TICKS_PER_US for tick in ticks.elements()]
    round_trips = len(times_us)
    p50, p99, p999 = (
        percentile(times_us, percent) if times_us else None for percent in (50, 99, 99.9)
    )
    return Measurement(
        round_trips=round_trips,
        per_second=round_trips / result["seconds"],
        p50_us=p50,
        p99_us=p99,
        p999_us=p999,
        cpu_s_per_1000=1000 * cpu_s / round_trips if cpu_s is not None and round_trips else None,
        memory=used,
        wrong=_positive(result["wrong"]),
        wrong_requests=_positive(arrived["wrong"]),
        repeated=arrived["repeated"],
        errors=result["errors"],
        late=result["late"],
        other_cpus=others_s / result["seconds"],
    )


def _positive(counts: dict[str, int]) -> dict[str, int]:
    return {kind: count for kind, count in counts.items() if count}


def responder_arguments(setup: Setup, case: Case) -> list[str]:
    """Return the command line of the responder."""
    argv = ["--request-bytes", str(case.request_bytes), "--reply-bytes", str(case.reply_bytes)]
    argv += ["--to-own-port"] if setup.to_own_port else []
    return [*argv, *(f"{host}:{port}" for host, port in setup.responder)]


def load_line(setup: Setup, case: Case, seconds: float) -> str:
    """Return what the generator reads."""
    load = Load(
        peers=list(setup.peers),
        in_flight=case.in_flight,
        per_second=case.per_second,
        request_bytes=case.request_bytes,
        reply_bytes=case.reply_bytes,
        warm_up_s=case.warm_up_s(),
        seconds=seconds,
        fresh_sockets=case.fresh_sockets,
    )
    return json.dumps(asdict(load))


@contextlib.contextmanager
def _responder(setup: Setup, case: Case) -> Iterator[subprocess.Popen[str]]:
    with _process("bench.responder", *responder_arguments(setup, case)) as process:
        _expect(process, "listening")
        yield process


@contextlib.contextmanager
def _generator(setup: Setup, case: Case, seconds: float) -> Iterator[subprocess.Popen[str]]:
    load = load_line(setup, case, seconds)
    with _process("bench.generate") as process:
        print(load, file=_pipe(process.stdin), flush=True)
        yield process


@contextlib.contextmanager
def _process(module: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=_ROOT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.communicate(timeout=_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _expect(process: subprocess.Popen[str], at: str) -> dict[str, Any]:
    line = _pipe(process.stdout).readline()
    if not line:
        raise BenchError("the load ended early")
    message: dict[str, Any] = json.loads(line)
    if message["at"] != at:
        raise BenchError(message.get("reason", f"expected {at}, read {line.strip()}"))
    return message


def _last_line(directory: Path) -> str:
    lines = (directory / "log").read_text(errors="replace").strip().splitlines()
    return f" ({lines[-1]})" if lines else ""


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None  # noqa: S101 - it was asked for
    return stream
