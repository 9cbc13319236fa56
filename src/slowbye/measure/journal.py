"""What a service said during a run, and whether the proxy switched an rtpengine node off."""

import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from slowbye.errors import SlowbyeError
from slowbye.hosts import Host

_NODE_DISABLED = re.compile(
    # OpenSIPS, modules/rtpengine/rtpengine.c: "proxy <udp:…> does not respond, disable it".
    r"proxy <(?P<opensips>[^>]*)> does not respond, disable it"
    # Kamailio, src/modules/rtpengine/rtpengine.c, says only why it disables the node:
    # `timeout waiting reply for command "delete" from RTPEngine <udp:…>`, or, where its host says
    # that nobody listens, "can't read reply for …" or "can't send command …".
    r"|(?:timeout waiting|can't read) reply for command .* from RTPEngine <(?P<silent>[^>]*)>"
    r"|can't send command .* to RTPEngine <(?P<refused>[^>]*)>"
    # Either, in rtpp_test() or rtpe_test(), when a ping is answered with anything but pong. It
    # names no node.
    r"|proxy responded with invalid response"
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
    # Not --after-cursor: with --unit, systemd 252 leaves out the unit's first entry after a cursor
    # that points to an entry of another.
    start = [] if since is None else [f"--cursor={since}"]
    done = host.run(["journalctl", "--quiet", "--output=json", f"--unit={unit}", *start])
    if done.returncode != 0:
        raise SlowbyeError(f"{host.name}: journalctl failed: {done.stderr.strip()}")
    return parse(done.stdout, since)


def parse(output: str, but: str | None = None) -> list[Entry]:
    """Read ``journalctl -o json``: one object a line; a message that is not text is a byte list.

    Args:
        output: what it printed.
        but: the cursor of an entry to leave out.
    """
    entries = []
    for line in output.splitlines():
        fields = json.loads(line)
        if but is not None and fields.get("__CURSOR") == but:
            continue
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


def node_disabled(entries: Iterable[Entry], nodes: Collection[str]) -> bool:
    """Tell whether the proxy gave one of some rtpengine nodes up.

    Args:
        entries: what the proxy said.
        nodes: as the proxy is told of them (``udp:198.18.2.1:2223``); empty for any, of which it
            may have given one up without naming it. A proxy that has several paths pings the nodes
            of all when it starts, those of the others too.
    """
    for entry in entries:
        said = _NODE_DISABLED.search(entry.message)
        if said is None:
            continue
        node = next(filter(None, said.groups()), None)
        if not nodes or node in nodes:
            return True
    return False
