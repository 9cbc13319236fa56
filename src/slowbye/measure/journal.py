"""What a service said during a run, and whether the proxy switched an rtpengine node off."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from slowbye.errors import SlowbyeError
from slowbye.hosts import Host

_NODE_DISABLED = re.compile(
    # OpenSIPS, modules/rtpengine/rtpengine.c: "proxy <udp:…> does not respond, disable it".
    r"does not respond, disable it"
    # Kamailio, src/modules/rtpengine/rtpengine.c, says only this before it disables the node:
    # `timeout waiting reply for command "delete" from RTPEngine <udp:…>`.
    r"|timeout waiting reply for command .* from RTPEngine <"
    # Either, when it starts and its first ping is not answered.
    r"|proxy did not respond to ping"
)


@dataclass(frozen=True)
class Entry:
    """One line of the journal: when (Unix time in milliseconds), who and what."""

    time_ms: float
    identifier: str
    message: str

    def __str__(self) -> str:
        when = datetime.fromtimestamp(self.time_ms / 1000, UTC).isoformat(timespec="milliseconds")
        return f"{when} {self.identifier}: {self.message}"


def cursor(host: Host) -> str | None:
    """Return the journal's present end, or None when it is empty.

    Raises:
        SlowbyeError: the journal cannot be read.
    """
    done = host.run(["journalctl", "--quiet", "--lines=1", "--output=cat", "--show-cursor"])
    if done.returncode != 0:
        raise SlowbyeError(f"{host.name}: journalctl failed: {done.stderr.strip()}")
    marks = re.findall(r"^-- cursor: (\S+)$", done.stdout, re.MULTILINE)
    return marks[-1] if marks else None


def read_since(host: Host, unit: str, since: str | None) -> list[Entry]:
    """Return what a unit wrote after a cursor (None: everything it ever wrote).

    Raises:
        SlowbyeError: the journal cannot be read.
    """
    after = [] if since is None else [f"--after-cursor={since}"]
    done = host.run(["journalctl", "--quiet", "--output=json", f"--unit={unit}", *after])
    if done.returncode != 0:
        raise SlowbyeError(f"{host.name}: journalctl failed: {done.stderr.strip()}")
    return parse(done.stdout)


def parse(output: str) -> list[Entry]:
    """Read ``journalctl -o json``: one object a line; a message that is not text is a byte list."""
    entries = []
    for line in output.splitlines():
        fields = json.loads(line)
        message = fields.get("MESSAGE") or ""
        if isinstance(message, list):
            message = bytes(message).decode(errors="replace")
        entries.append(
            Entry(
                time_ms=int(fields["__REALTIME_TIMESTAMP"]) / 1000,
                identifier=fields.get("SYSLOG_IDENTIFIER", "?"),
                message=message,
            )
        )
    return entries


def node_disabled(entries: Iterable[Entry]) -> bool:
    """Tell whether the proxy gave an rtpengine node up."""
    return any(_NODE_DISABLED.search(entry.message) for entry in entries)
