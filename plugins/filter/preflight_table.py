"""What preflight found, as the lines of a table."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

_HOST = ("host", "system", "clock", "free", "MTU", "packages", "names")
_WAY = ("from", "to", "RTT", "1500 bytes", "fragments")
_PINGS = 3
# Ansible's yaml output breaks lines of more than 80 characters: cells are short.
_KEPT = {True: "kept", False: "not kept", None: "unknown"}


def preflight_table(looked: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return a line for each host, and one for each way between a proxy and a media host.

    Args:
        looked: what the module look_at_host said of each host, or how it could not be asked.
    """
    lines = _aligned([_HOST, *(_host(name, each) for name, each in looked.items())])
    ways = [
        _way(name, peer, way)
        for name, each in looked.items()
        for peer, way in each.get("ways", {}).items()
    ]
    return [*lines, "", *_aligned([_WAY, *ways])] if ways else lines


def _host(name: str, looked: Mapping[str, Any]) -> Sequence[str]:
    if "system" not in looked:
        return (name, "cannot be asked", *["-"] * (len(_HOST) - 2))
    system = looked["system"]
    sources = looked["sources"]
    resolved = looked["names"]
    return (
        name,
        f"{system['id']} {system['version_id']}",
        _KEPT[looked["clock"]["synchronized"]],
        f"{min(looked['disks'].values())} MB",
        str(looked["mtu"] or "-"),
        f"{sum(not fault for fault in sources.values())} of {len(sources)}",
        f"{sum(map(bool, resolved.values()))} of {len(resolved)}" if resolved else "-",
    )


def _way(name: str, peer: str, way: Mapping[str, Mapping[str, Any]]) -> Sequence[str]:
    small = way["small"]
    if not small["received"]:
        return (name, peer, "no answer to pings", "-", "-")
    return (
        name,
        peer,
        f"{small['rtt_ms']:.1f} ms",
        _passes(way["full"]),
        _passes(way["fragments"]),
    )


def _passes(ping: Mapping[str, Any]) -> str:
    if not ping["received"]:
        return "do not pass"
    lost = _PINGS - ping["received"]
    return f"{ping['rtt_ms']:.1f} ms" + (f", {lost} of {_PINGS} lost" if lost else "")


def _aligned(rows: Iterable[Sequence[str]]) -> list[str]:
    table = list(rows)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]


class FilterModule:
    """Ansible's way to the filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return it by name."""
        return {"preflight_table": preflight_table}
