"""What rtpengine holds, asked at its own command line (``listen-cli``) on the media hosts."""

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from slowbye.hosts import Host

_CLI = "127.0.0.1/2224"
_ASK = f'exec 3<>/dev/tcp/{_CLI} && printf "%s\\n" "$1" >&3 && cat <&3'
_LIST = "list sessions all"
_HELD = re.compile(r"^callid: *(\S+) *\| *deletion ?mark: *no\b", re.M)
_LOOK_S = 0.1
_PATIENCE_S = 5.0


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

    def calls(self) -> set[str]:
        """Return the Call-IDs of all sessions that are not marked for deletion.

        A deleted session lingers (``delete-delay``) so that late packets find it.
        """
        return {found[1] for host in self.hosts for found in _HELD.finditer(self.ask(host, _LIST))}

    def holds(self, call_id: str) -> bool:
        """Whether any of them has a session for the call."""
        return call_id in self.calls()

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

    def forgets(self, call_id: str, within_s: float = _PATIENCE_S) -> bool:
        """Wait until no rtpengine holds the call; whether that came to pass."""
        deadline = time.monotonic() + within_s
        while self.holds(call_id):
            if time.monotonic() > deadline:
                return False
            time.sleep(_LOOK_S)
        return True
