"""What rtpengine holds, asked at its own command line (``listen-cli``) on the media hosts."""

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from slowbye.hosts import Host

_CLI = "127.0.0.1/2224"
_ASK = f'exec 3<>/dev/tcp/{_CLI} && printf "%s\\n" "$1" >&3 && cat <&3'
_CALL_ID = re.compile(r"^(?:callid|ID): *([^ |]+)", re.M)  # of 10.5, and of 12.5
_LOOK_S = 0.1
_PATIENCE_S = 5.0
_LINGERS_S = 30.0
"""The role's own delete-delay, for inventories that leave it alone."""


class Rtpengine:
    """All media hosts of the lab.

    Args:
        hosts: the media hosts.
    """

    def __init__(self, hosts: Sequence[Host]) -> None:
        self.hosts = hosts

    def ask(self, host: Host, command: str) -> str:
        """Give a command to one rtpengine's command line and return what it says."""
        done = host.run(["bash", "-c", _ASK, "bash", command])
        assert done.returncode == 0, f"{host.name}: rtpengine-ctl's port: {done.stderr}"
        return done.stdout

    def holds(self, call_id: str) -> bool:
        """Whether any of them has a session for the call; one that lingers is one."""
        return call_id in self._held()

    @contextmanager
    def ending_silent_calls(self, after_s: int) -> Iterator[None]:
        """Have calls without media ended soon (its option ``timeout``) while the block runs."""
        before = {host.name: self.ask(host, "list timeout") for host in self.hosts}
        try:
            for host in self.hosts:
                self.ask(host, f"set timeout {after_s}")
            yield
        finally:
            for host in self.hosts:
                self.ask(host, f"set timeout {before[host.name].strip().rpartition('=')[2]}")

    def forgets(self, call_id: str) -> bool:
        """Wait until no rtpengine holds the call; whether that came to pass."""
        return not self.kept({call_id})

    def kept(self, call_ids: set[str]) -> set[str]:
        """Wait until they hold none of these calls; return those that they hold nevertheless.

        A deleted call lingers for a while (``delete-delay``), and is held until then.
        """
        lingers_s = max(
            float(_LINGERS_S if each is None else each)
            for each in (host.variables.get("rtpengine_delete_delay") for host in self.hosts)
        )
        deadline = time.monotonic() + lingers_s + _PATIENCE_S
        while (held := call_ids & self._held()) and time.monotonic() < deadline:
            time.sleep(_LOOK_S)
        return held

    def _held(self) -> set[str]:
        said = (self.ask(host, "list sessions all") for host in self.hosts)
        return {call_id for each in said for call_id in _CALL_ID.findall(each)}
