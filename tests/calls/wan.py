"""The WAN's profiles, put in force on its router by the same command as the playbook's."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from slowbye.hosts import Host, Inventory
from slowbye.netem.model import Effect
from slowbye.netem.profile import load_profile

_EXPIRE = "5m"
"""A test run that is killed leaves an impaired WAN for no longer than this."""

_RTT_MS = 20.0
_LOSSY_RTT_MS = 40.0
"""What is lost is waited for in round trips; too much of short ones is the hosts' own."""


@dataclass(frozen=True)
class Wan:
    """A WAN with a profile in force.

    Attributes:
        profile: its name.
        rtt_ms: the round trip between any two nets.
    """

    profile: str
    rtt_ms: float


class Router:
    """The WAN's router.

    Args:
        host: the router.
    """

    def __init__(self, host: Host) -> None:
        self._host = host

    def impair(self, profile: str, **settings: str) -> Wan:
        """Put a profile in force instead of whatever is."""
        effect = load_profile(profile).effect
        rtt_ms = _LOSSY_RTT_MS if effect is Effect.LOSS else _RTT_MS
        given = [f"--set={name}={value}" for name, value in settings.items()]
        self._wan("apply", profile, f"--rtt={rtt_ms:g}ms", f"--expire={_EXPIRE}", *given)
        return Wan(profile, rtt_ms)

    def clear(self) -> None:
        """Make the WAN as fast as the machine again."""
        self._wan("clear")

    def _wan(self, *arguments: str) -> None:
        done = self._host.run(["slowbye", "wan", *arguments])
        assert done.returncode == 0, f"{self._host.name}: {done.stderr}"


@contextmanager
def impairing(lab: Inventory) -> Iterator[Router]:
    """Give the router to whoever impairs the WAN, and clear it afterwards."""
    router = Router(lab.first("wan"))
    try:
        yield router
    finally:
        router.clear()
