"""Writes a status as aligned text: what is wrong can be seen without knowing the metrics."""

import time
from collections.abc import Sequence

from ngtunnel.status import CommandStatus, LinkStatus, Status

_LATENCY_UNIT_CHANGE_MS = 1000


def describe(name: str, status: Status, now: float) -> str:
    """Write the status of one instance.

    Args:
        name: the instance's.
        status: how it is.
        now: seconds since the epoch.
    """
    up = sum(link.state == "up" for link in status.links)
    head = (
        f"{name}: {status.role}, {status.protocol}, {up} of {len(status.links)} links up, "
        f"running for {duration(now - status.started)}, version {status.version}"
    )
    if not status.carries:
        head += "\n  NO LINK UP: " + (
            "every command is answered with an error"
            if status.protocol == "ng"
            else "every datagram is dropped"
        )
    parts = [head, _links(status.links, now)]
    if status.commands:
        parts.append(_commands(status.commands))
    parts.append(_sums(status, now))
    return "\n\n".join(part for part in parts if part)


def _links(links: Sequence[LinkStatus], now: float) -> str:
    if not links:
        return ""
    rows = [
        (
            link.name,
            link.state,
            duration(now - link.since),
            latency(link.rtt_ms),
            size(link.sent_bytes),
            size(link.received_bytes),
            size(link.queue_bytes),
            str(link.reconnects),
            link.peer,
        )
        for link in links
    ]
    head = ("link", "state", "for", "RTT", "sent", "received", "waiting", "reconnects", "peer")
    return columns([head, *rows], left={0, 1, 8})


def _commands(commands: Sequence[CommandStatus]) -> str:
    results = sorted({result for one in commands for result in one.results}, key=_ok_first)
    rows = [
        (
            one.command,
            *(str(one.results.get(result, 0)) for result in results),
            latency(one.p50_ms, one.longest_ms),
            latency(one.p99_ms, one.longest_ms),
        )
        for one in commands
    ]
    return columns([("command", *results, "p50", "p99"), *rows], left={0})


def _ok_first(result: str) -> tuple[bool, str]:
    return result != "ok", result


def _sums(status: Status, now: float) -> str:
    rows = [("sessions", f"{status.sessions}, {size(status.queue_bytes)} waiting")]
    if status.protocol == "ng" and status.role == "client":
        rows += [
            ("in flight", str(status.in_flight)),
            ("sent again", f"{status.resends}, as their link died"),
            ("hedged", f"{status.hedges}, of which the second link won {status.hedge_wins}"),
            ("error replies", f"{status.error_replies}, as no link was up"),
        ]
    rows += [
        (
            "from UDP",
            f"{status.datagrams.get('in', 0)} datagrams, {size(status.bytes.get('in', 0))}",
        ),
        (
            "to UDP",
            f"{status.datagrams.get('out', 0)} datagrams, {size(status.bytes.get('out', 0))}",
        ),
        ("dropped", _causes(status.dropped)),
        ("refused", _causes(status.refused)),
    ]
    if status.certificate_not_after is not None:
        rows.append(("certificate", expiry(status.certificate_not_after, now)))
    if status.memory_bytes is not None:
        rows.append(("memory", size(status.memory_bytes)))
    return columns(rows, left={0, 1})


def _causes(counts: dict[str, int]) -> str:
    return (
        ", ".join(f"{count} {cause}" for cause, count in sorted(counts.items()) if count) or "none"
    )


def columns(rows: Sequence[Sequence[str]], left: set[int]) -> str:
    """Align columns: those in ``left`` to the left, the others, being numbers, to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  "
        + "  ".join(
            cell.ljust(width) if index in left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def duration(seconds: float) -> str:
    """Write how long something has lasted: ``12 s``, ``3 min``, ``4 h``, ``5 d``."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def latency(ms: float | None, longest_ms: float | None = None) -> str:
    """Write a latency, with ``>`` if it is the longest that can be told."""
    if ms is None:
        return "-"
    written = f"{ms / 1000:.2f} s" if ms >= _LATENCY_UNIT_CHANGE_MS else f"{ms:.2f} ms"
    return f"> {written}" if longest_ms is not None and ms >= longest_ms else written


def size(count: int) -> str:
    """Write a number of bytes: ``512 B``, ``1.5 kB``, ``27.0 MB``."""
    for unit, length in (("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)):
        if count >= length:
            return f"{count / length:.1f} {unit}"
    return f"{count} B"


def expiry(not_after: float, now: float) -> str:
    """Write until when a certificate is valid."""
    day = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(not_after))
    if not_after <= now:
        return f"EXPIRED on {day}"
    return f"valid until {day}, for {duration(not_after - now)} more"
