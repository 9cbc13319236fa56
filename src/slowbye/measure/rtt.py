"""The round-trip time between two hosts, by ping."""

import re

from slowbye.errors import SlowbyeError
from slowbye.hosts import Host
from slowbye.measure.percentiles import percentile

_TIME = re.compile(r"time=([0-9.]+) ms")


def measure_rtt_ms(host: Host, address: str, count: int = 50) -> float:
    """Return the median round-trip time from a host to an address, in milliseconds.

    Raises:
        SlowbyeError: nothing came back.
    """
    done = host.run(["ping", "-n", "-c", str(count), "-i", "0.02", "-W", "2", address])
    times_ms = parse(done.stdout)
    if not times_ms:
        raise SlowbyeError(
            f"{host.name} gets no answer from {address} through the WAN: "
            "bring the lab up with `ansible-playbook playbooks/lab.yml`"
        )
    return percentile(times_ms, 50)


def parse(output: str) -> list[float]:
    """Read the round-trip times that iputils' ping prints, in milliseconds."""
    return [float(value) for value in _TIME.findall(output)]
