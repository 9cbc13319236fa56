"""Ng commands at a steady rate on a proxy's host of the lab, beside its own."""

import json
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from faults.outcome import Outcome
from slowbye.hosts import Host

_PROGRAM = Path(__file__).parents[1] / "faults" / "load.py"
_THERE = "/run/load.py"
_GRACE_S = 15.0
"""For late replies, and for a machine that is busy."""


@contextmanager
def load(host: Host, node: str, seconds: float) -> Iterator[Outcome]:
    """Send pings to an ng node for so long; the outcome is filled in when the block ends.

    A ping is answered by rtpengine without an error: each error is the tunnel's.

    Args:
        host: where.
        node: as the proxy is told of it, ``udp:127.0.0.1:2223``.
        seconds: for how long; the block may take as long or less.
    """
    address, _, port = node.removeprefix("udp:").rpartition(":")
    host.run(["sh", "-c", 'printf %s "$1" >"$2"', "sh", _PROGRAM.read_text(), _THERE])
    what = ["--command", "ping", "--rate", "200", "--seconds", f"{seconds:g}", "--fresh", "0.25"]
    process = host.popen(["python3", _THERE, address, port, *what])
    assert process.stdin is not None
    assert process.stdout is not None
    # Ends it, if it does not end.
    leash = threading.Timer(seconds + _GRACE_S, process.stdin.close)
    leash.start()
    outcome = Outcome()
    try:
        # A container shares this machine's clock.
        outcome.began = json.loads(process.stdout.readline())["began"]
        yield outcome
        outcome.fill(json.loads(process.stdout.read()))
    finally:
        leash.cancel()
        process.stdin.close()
        process.wait()
    assert len(outcome.commands) >= math.floor(0.9 * 200 * seconds), "the load was not kept up"
