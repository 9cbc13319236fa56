"""Whether a proxy came to harm: its processes, its journal, and the calls that it carries."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from slowbye.hosts import Host
from slowbye.measure import journal
from slowbye.reproduce.calls import Calls, place
from slowbye.sip.result import BatchResult

_LOOK = ["ps", "-C", "kamailio,opensips", "-o", "pid=,comm="]

# Kamailio's and OpenSIPS's levels, and what their main process says of one that died.
_SERIOUS = re.compile(r"CRITICAL|ALERT|core was|exited by a signal|segfault|BUG:")

# What Kamailio says of a Via whose transport it does not know, on the level of a bug.
_HARMLESS = re.compile(r"(?:invalid|unknown) proto \d+")

_CALLS = Calls(number=4, at_once=2, media="1s", media_ms=1000, transport="udp")


class Watch:
    """Looks at a proxy from the moment it is made.

    Args:
        proxy: its host.
    """

    def __init__(self, proxy: Host) -> None:
        self._proxy = proxy
        self._processes = self._look()
        assert self._processes, f"no proxy is running on {proxy.name}"
        (self._unit,) = {name for _, name in self._processes}
        self._since = journal.cursor(proxy)

    @property
    def name(self) -> str:
        """``kamailio`` or ``opensips``."""
        return self._unit

    def assert_unharmed(self) -> None:
        """Make sure that no process died since the last look, and that none ever complained."""
        self.assert_same_processes()
        said = journal.read_since(self._proxy, self._unit, self._since)
        serious = [entry for entry in said if _SERIOUS.search(entry.message)]
        worst = next((str(one) for one in serious if not _HARMLESS.search(one.message)), None)
        assert worst is None, f"{self._unit} says {worst}"

    def assert_same_processes(self) -> None:
        """Make sure that no process died since the last look."""
        before, self._processes = self._processes, self._look()
        gone, new = len(before - self._processes), len(self._processes - before)
        assert before == self._processes, f"{gone} processes died, {new} were started"

    def _look(self) -> set[tuple[str, str]]:
        lines = self._proxy.run(_LOOK).stdout.splitlines()
        return {(pid, name) for pid, name in map(str.split, lines)}


@contextmanager
def calls_meanwhile(proxy: Host, client: Host) -> Iterator[None]:
    """Keep calls with RTP going for as long as the context lasts: all of them must go well."""
    over = threading.Event()
    batches: list[BatchResult] = []

    def keep_calling() -> None:
        while not over.is_set():
            argv = _CALLS.command_line(proxy.address, None)
            batches.append(place(client, _CALLS, argv, lambda _: None)[0])

    thread = threading.Thread(target=keep_calling)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    calls = [call for batch in batches for call in batch.calls]
    assert calls, "no call was placed meanwhile"
    bad = [call.failure or "no RTP" for call in calls if call.failure or not call.rtp_ok]
    assert not bad, f"{len(bad)} of {len(calls)} calls meanwhile went wrong: {bad[0]}"
