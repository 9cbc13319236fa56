"""Turns what the tunnel counts into Prometheus' metric families, when asked and not before."""

import platform
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate
from typing import Protocol

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from ngtunnel import __version__
from ngtunnel.core.counters import Counters, Histogram, LinkSnapshot, LinkState, Snapshot


class Source(Protocol):
    """Whatever counts: one end of the tunnel."""

    @property
    def counters(self) -> Counters:
        """What only grows."""

    def snapshot(self) -> Snapshot:
        """What goes up and down, as it is now."""


def registry_of(source: Source) -> CollectorRegistry:
    """Make a registry with the tunnel's metrics and the process's own: memory, CPU, descriptors."""
    registry = CollectorRegistry()
    registry.register(TunnelCollector(source))
    ProcessCollector(registry=registry)
    return registry


class TunnelCollector(Collector):
    """Reads counters and a snapshot at each scrape."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def describe(self) -> list[Metric]:
        """Spare the registry a first scrape, which it would use to find names taken twice."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield every family, those without samples too."""
        counters, snapshot = self._source.counters, self._source.snapshot()
        yield _about(snapshot)
        yield from _commands(counters)
        yield from _totals(counters)
        yield from _levels(snapshot)
        yield from _links(snapshot.links)
        yield _by_label(
            "reconnects", "Times a link was established again.", "link", counters.reconnects
        )


def _about(snapshot: Snapshot) -> Metric:
    about = {
        "version": __version__,
        "python": platform.python_version(),
        "role": snapshot.role,
        "protocol": snapshot.protocol,
    }
    family = GaugeMetricFamily("ngtunnel_build_info", "What runs here.", labels=list(about))
    family.add_metric(list(about.values()), 1)
    return family


def _commands(counters: Counters) -> Iterator[Metric]:
    commands = CounterMetricFamily(
        "ngtunnel_commands", "ng commands by result.", labels=["command", "result"]
    )
    for (command, result), count in counters.commands.items():
        commands.add_metric([command, result], count)
    yield commands
    seconds = HistogramMetricFamily(
        "ngtunnel_command_seconds",
        "From an ng command's arrival to its reply's departure.",
        labels=["command"],
    )
    for command, histogram in counters.command_seconds.items():
        seconds.add_metric([command], _buckets(histogram), histogram.total)
    yield seconds


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    bounds = [*map(str, histogram.bounds), "+Inf"]
    return list(zip(bounds, accumulate(histogram.counts), strict=True))


def _totals(counters: Counters) -> Iterator[Metric]:
    for name, help_text, count in (
        ("resends", "Commands sent again because their link died.", counters.resends),
        ("hedges", "Commands also sent on a second link.", counters.hedges),
        ("hedge_wins", "Hedges whose reply was the first.", counters.hedge_wins),
        ("error_replies", "Commands answered by this end with an error.", counters.error_replies),
    ):
        yield CounterMetricFamily(f"ngtunnel_{name}", help_text, value=count)
    yield _by_label("dropped", "Datagrams dropped, by cause.", "cause", counters.dropped)
    yield _by_label(
        "refused_connections", "Connections refused, by cause.", "cause", counters.refused
    )
    yield _by_label(
        "bytes",
        "Payload bytes over UDP.",
        "direction",
        {"in": counters.bytes_in, "out": counters.bytes_out},
    )
    yield _by_label(
        "datagrams",
        "Datagrams over UDP.",
        "direction",
        {"in": counters.datagrams_in, "out": counters.datagrams_out},
    )


def _by_label(name: str, help_text: str, label: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(f"ngtunnel_{name}", help_text, labels=[label])
    for value, count in counts.items():
        family.add_metric([value], count)
    return family


def _levels(snapshot: Snapshot) -> Iterator[Metric]:
    for name, help_text, value in (
        ("start_time_seconds", "When the tunnel started (Unix time).", snapshot.started),
        ("sessions", "UDP peers known.", snapshot.sessions),
        ("commands_in_flight", "ng commands that wait for a reply.", snapshot.in_flight),
        ("queue_bytes", "Bytes waiting to be sent.", snapshot.queue_bytes),
    ):
        yield GaugeMetricFamily(f"ngtunnel_{name}", help_text, value=value)
    expiry = snapshot.certificate_not_after
    if expiry is not None:
        yield GaugeMetricFamily(
            "ngtunnel_certificate_expiry_seconds",
            "When this end's certificate expires (Unix time).",
            value=expiry,
        )


def _links(links: list[LinkSnapshot]) -> Iterator[Metric]:
    states = GaugeMetricFamily("ngtunnel_links", "Links by state.", labels=["state"])
    # States without a link count zero: an alert on "no link up" needs a number to compare with.
    for state in LinkState:
        states.add_metric([state], sum(link.state == state for link in links))
    yield states
    since = GaugeMetricFamily(
        "ngtunnel_link_state_since_seconds",
        "When the link came into its state (Unix time).",
        labels=["link", "peer", "state"],
    )
    for link in links:
        since.add_metric([link.name, link.peer, link.state], link.since)
    yield since
    yield _per_link("rtt_seconds", "Smoothed round trip time of the link.", links, _rtt)
    yield _per_link(
        "queue_bytes", "Bytes waiting for the link.", links, lambda one: one.queue_bytes
    )
    octets = CounterMetricFamily(
        "ngtunnel_link_bytes", "Bytes over the link.", labels=["link", "direction"]
    )
    for link in links:
        octets.add_metric([link.name, "sent"], link.sent_bytes)
        octets.add_metric([link.name, "received"], link.received_bytes)
    yield octets


def _rtt(link: LinkSnapshot) -> float | None:
    return link.rtt


def _per_link(
    name: str,
    help_text: str,
    links: list[LinkSnapshot],
    value_of: Callable[[LinkSnapshot], float | None],
) -> Metric:
    family = GaugeMetricFamily(f"ngtunnel_link_{name}", help_text, labels=["link"])
    for link in links:
        value = value_of(link)
        if value is not None:
            family.add_metric([link.name], value)
    return family
