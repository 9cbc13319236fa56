"""Keeps a profile's background traffic flowing for the time of a run."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager

from slowbye.errors import SlowbyeError
from slowbye.measure import load
from slowbye.netem.model import Profile
from slowbye.reproduce.plan import Plan


@contextmanager
def background_load(plan: Plan, profile: Profile) -> Iterator[None]:
    """Send the profile's load, if it has one, from the first host of one group to another's.

    Raises:
        SlowbyeError: the sender ended before the run did.
    """
    if profile.load is None:
        yield
        return
    sender = plan.inventory.first(profile.load.source)
    receiver = plan.inventory.first(profile.load.to)
    program = ["python3", "-c", inspect.getsource(load)]
    rate, seconds = f"{profile.load.rate_bit:.0f}", f"{plan.calls_under(profile).longest_s:.0f}"
    process = sender.popen([*program, receiver.address, rate, seconds])
    assert process.stdin is not None  # noqa: S101
    assert process.stderr is not None  # noqa: S101
    try:
        yield
        if process.poll() is not None:
            said = process.stderr.read().decode(errors="replace").strip().splitlines()
            fault = said[-1] if said else "it ended early"
            raise SlowbyeError(f"{sender.name}: background traffic stopped: {fault}")
    finally:
        process.stdin.close()
        process.wait()
