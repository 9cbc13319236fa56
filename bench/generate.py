"""The generator's process: ``python -m bench.generate``.

Standard input is one line of JSON, a ``Load``. Standard output says ``{"at": "start"}`` and
``{"at": "end"}`` around what is measured, and then what came of it. It needs nothing but the
standard library.
"""

import gc
import json
import resource
import signal
import sys
import time
from typing import Any

from bench.generator import Generator
from bench.load import Load


def main() -> int:
    """Run one load; 1 if nothing answers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    load = Load.from_json(json.loads(sys.stdin.readline()))
    generator = Generator(load)
    gc.disable()
    try:
        generator.wait_until_answered()
        result = _measure(generator, load)
    except TimeoutError as error:
        _say({"at": "failed", "reason": str(error)})
        return 1
    finally:
        generator.close()
    _say({"at": "result", **result})
    return 0


def _measure(generator: Generator, load: Load) -> dict[str, Any]:
    _run(generator, load, load.warm_up_s)
    generator.tally.ticks.clear()
    _say({"at": "start"})
    began = time.perf_counter()
    _run(generator, load, load.seconds)
    seconds = time.perf_counter() - began
    ticks = dict(generator.tally.ticks)
    _say({"at": "end"})
    generator.drain()
    tally = generator.tally
    return {
        "seconds": seconds,
        "ticks": ticks,
        "wrong": dict(tally.wrong),
        "errors": tally.errors,
        "late": tally.late,
    }


def _run(generator: Generator, load: Load, seconds: float) -> None:
    until_ns = time.perf_counter_ns() + int(seconds * 1e9)
    if load.per_second:
        generator.paced(until_ns, load.per_second)
    elif len(load.peers) == load.in_flight == 1:
        generator.one_in_flight(until_ns)
    else:
        generator.many_in_flight(until_ns)


def _say(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)


if __name__ == "__main__":
    sys.exit(main())
