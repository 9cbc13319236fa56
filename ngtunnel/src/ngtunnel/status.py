"""Asks a running tunnel for its metrics, and makes of them what a person wants to know."""

import http.client
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import inf

from prometheus_client.parser import text_string_to_metric_families

from ngtunnel.config import Address

TIMEOUT_S = 3.0
"""The tunnel answers on loopback within milliseconds."""


class StatusError(Exception):
    """A tunnel did not say how it is; the message says where it was asked."""


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """One link; times in milliseconds or seconds since the epoch, as the names say."""

    name: str
    state: str
    peer: str
    since: float
    rtt_ms: float | None
    sent_bytes: int
    received_bytes: int
    queue_bytes: int
    reconnects: int


@dataclass(frozen=True, slots=True)
class CommandStatus:
    """One ng command.

    Attributes:
        command: such as ``delete``.
        results: how many replies by result.
        p50_ms: interpolated within a bucket of the histogram; None without any reply.
        p99_ms: likewise.
        longest_ms: the histogram's last bound: a percentile of so much may be any longer time.
    """

    command: str
    results: dict[str, int]
    p50_ms: float | None
    p99_ms: float | None
    longest_ms: float


@dataclass(frozen=True, slots=True)
class Status:
    """One end of a tunnel; times in seconds since the epoch."""

    address: str
    role: str
    protocol: str
    version: str
    started: float
    links: list[LinkStatus]
    commands: list[CommandStatus]
    sessions: int
    in_flight: int
    queue_bytes: int
    resends: int
    hedges: int
    hedge_wins: int
    error_replies: int
    dropped: dict[str, int]
    refused: dict[str, int]
    bytes: dict[str, int]
    datagrams: dict[str, int]
    certificate_not_after: float | None
    memory_bytes: int | None

    @property
    def carries(self) -> bool:
        """Whether datagrams get through; a server without a client has nothing to carry."""
        return self.role == "server" or any(link.state == "up" for link in self.links)


def read(address: Address) -> Status:
    """Ask the tunnel whose metrics are served at an address.

    Raises:
        StatusError: nobody answers there, or it is not a tunnel.
    """
    # Not urllib, which would ask a proxy if the environment has one.
    connection = http.client.HTTPConnection(address.host, address.port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/metrics")
        response = connection.getresponse()
        body = response.read().decode()
    except ConnectionRefusedError:
        raise StatusError(f"{address}: nobody listens there: is the tunnel running?") from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise StatusError(f"{address}: no metrics: {str(error) or type(error).__name__}") from None
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise StatusError(f"{address}: no metrics: HTTP {response.status} {response.reason}")
    try:
        return parse(str(address), body)
    except (LookupError, ValueError):
        raise StatusError(f"{address}: the metrics there are not a tunnel's") from None


def parse(address: str, text: str) -> Status:
    """Make a status of metrics in Prometheus' text format.

    Args:
        address: where they come from.
        text: the metrics.

    Raises:
        LookupError: metrics are missing.
        ValueError: it is not that format.
    """
    samples = _Samples(text)
    about = next(samples.labels("ngtunnel_build_info"), None)
    if about is None:
        raise LookupError("ngtunnel_build_info")
    return Status(
        address=address,
        role=about["role"],
        protocol=about["protocol"],
        version=about["version"],
        started=samples.only("ngtunnel_start_time_seconds"),
        links=[_link(samples, labels) for labels in samples.labels(_STATE_SINCE)],
        commands=[_command(samples, name) for name in samples.values_of(_COMMANDS, "command")],
        sessions=int(samples.only("ngtunnel_sessions")),
        in_flight=int(samples.only("ngtunnel_commands_in_flight")),
        queue_bytes=int(samples.only("ngtunnel_queue_bytes")),
        resends=int(samples.only("ngtunnel_resends_total")),
        hedges=int(samples.only("ngtunnel_hedges_total")),
        hedge_wins=int(samples.only("ngtunnel_hedge_wins_total")),
        error_replies=int(samples.only("ngtunnel_error_replies_total")),
        dropped=samples.by("ngtunnel_dropped_total", "cause"),
        refused=samples.by("ngtunnel_refused_connections_total", "cause"),
        bytes=samples.by("ngtunnel_bytes_total", "direction"),
        datagrams=samples.by("ngtunnel_datagrams_total", "direction"),
        certificate_not_after=samples.get("ngtunnel_certificate_expiry_seconds"),
        memory_bytes=_whole(samples.get("process_resident_memory_bytes")),
    )


_STATE_SINCE = "ngtunnel_link_state_since_seconds"
_COMMANDS = "ngtunnel_commands_total"
_BUCKETS = "ngtunnel_command_seconds_bucket"


class _Samples:
    """Samples by name, then by their labels."""

    def __init__(self, text: str) -> None:
        self._found: dict[str, list[tuple[dict[str, str], float]]] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                found = self._found.setdefault(sample.name, [])
                found.append((dict(sample.labels), sample.value))

    def matching(self, name: str, **wanted: str) -> Iterator[tuple[dict[str, str], float]]:
        return (
            (labels, value)
            for labels, value in self._found.get(name, ())
            if wanted.items() <= labels.items()
        )

    def labels(self, name: str) -> Iterator[dict[str, str]]:
        return (labels for labels, _ in self.matching(name))

    def values_of(self, name: str, label: str) -> list[str]:
        return sorted({labels[label] for labels in self.labels(name)})

    def by(self, name: str, label: str, **wanted: str) -> dict[str, int]:
        return {labels[label]: int(value) for labels, value in self.matching(name, **wanted)}

    def get(self, name: str, **wanted: str) -> float | None:
        return next((value for _, value in self.matching(name, **wanted)), None)

    def only(self, name: str, **wanted: str) -> float:
        value = self.get(name, **wanted)
        if value is None:
            raise LookupError(name)
        return value


def _link(samples: _Samples, labels: dict[str, str]) -> LinkStatus:
    name = labels["link"]
    rtt = samples.get("ngtunnel_link_rtt_seconds", link=name)
    octets = samples.by("ngtunnel_link_bytes_total", "direction", link=name)
    return LinkStatus(
        name=name,
        state=labels["state"],
        peer=labels["peer"],
        since=samples.only(_STATE_SINCE, link=name),
        rtt_ms=None if rtt is None else rtt * 1000,
        sent_bytes=octets["sent"],
        received_bytes=octets["received"],
        queue_bytes=int(samples.only("ngtunnel_link_queue_bytes", link=name)),
        reconnects=int(samples.get("ngtunnel_reconnects_total", link=name) or 0),
    )


def _command(samples: _Samples, command: str) -> CommandStatus:
    buckets = sorted(
        (float(labels["le"]), count)
        for labels, count in samples.matching(_BUCKETS, command=command)
    )
    return CommandStatus(
        command=command,
        results=samples.by(_COMMANDS, "result", command=command),
        p50_ms=_ms(quantile(buckets, 0.5)),
        p99_ms=_ms(quantile(buckets, 0.99)),
        longest_ms=max((bound * 1000 for bound, _ in buckets if bound != inf), default=0.0),
    )


def quantile(buckets: Iterable[tuple[float, float]], share: float) -> float | None:
    """Estimate a quantile as Prometheus' histogram_quantile() does.

    Args:
        buckets: upper bounds, ascending up to infinity, and the counts cumulated up to each.
        share: 0.99 for the 99th percentile.

    Returns:
        Interpolated linearly within its bucket; the last finite bound if it exceeds that; None if
        nothing was counted.
    """
    known = list(buckets)
    if not known or known[-1][1] == 0:
        return None
    rank = share * known[-1][1]
    at = next(index for index, (_, count) in enumerate(known) if count >= rank)
    bound, count = known[at]
    low, below = known[at - 1] if at else (0.0, 0.0)
    return low if bound == inf else low + (bound - low) * (rank - below) / (count - below)


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)
