"""What a configuration has.

Each attribute's annotation says how its value is read; its name is the key, with the unit as a
suffix where it has one. Times are seconds once loaded, whatever unit the file has them in.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeAlias

from ngtunnel.config import values
from ngtunnel.config.table import Key
from ngtunnel.config.values import Address, Network, NotAllowedError


class Role(StrEnum):
    """Which end of the tunnel."""

    CLIENT = "client"
    SERVER = "server"


class Protocol(StrEnum):
    """What the datagrams are."""

    NG = "ng"
    RAW = "raw"


class LogLevel(StrEnum):
    """The least that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def _table(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise NotAllowedError("a table")


def _tls_table(value: Any) -> dict[str, Any] | None:
    if isinstance(value, dict):
        return value
    if value is False:
        return None
    raise NotAllowedError(
        "a table { certificate, key, ca }, or false to carry everything in the clear"
    )


def _ms(low: float, high: float, only: Role | None = None) -> Key:
    return Key(values.number(low, high, per=1000), "_ms", only)


def _count(low: int, high: int, only: Role | None = None) -> Key:
    return Key(values.whole_number(low, high), "", only)


@dataclass(frozen=True, slots=True)
class Timing:
    """Times, in seconds here and in milliseconds in the file.

    Attributes:
        heartbeat: how often each link is pinged.
        dead_after: a link from which nothing came for this long is dead; more than two heartbeats,
            so that one lost ping kills no link.
        connect_timeout: for the TCP connection, the TLS handshake and the hello together: three
            round trips. 1.5 s lets them succeed up to a round trip time of 0.5 s, or one of
            0.16 s when the first SYN was lost and the kernel sent it again after 1 s (RFC 6298,
            2.1), and yet gives up before the kernel's next try at 3 s, which a new attempt beats.
        reconnect_min: back-off before the second attempt to connect.
        reconnect_max: the longest back-off.
        hedge_min: a command's reply is waited for at least this long before it is asked for on a
            second link too.
        hedge_max: and at most this long.
        drain: how long after SIGTERM replies are still waited for.
        max_age: datagrams older than this are dropped: the proxy has sent its own retry by then
            (``rtpengine_tout`` is 1 s).
        command_timeout: a command without a reply is forgotten: the proxy has given up by then
            (five tries of 1 s).
        hello_timeout: for the TLS handshake and the hello of a connection just accepted.
    """

    heartbeat: Annotated[float, _ms(10, 10_000)] = 0.2
    dead_after: Annotated[float, _ms(30, 60_000)] = 0.8
    connect_timeout: Annotated[float, _ms(100, 30_000, Role.CLIENT)] = 1.5
    reconnect_min: Annotated[float, _ms(1, 10_000, Role.CLIENT)] = 0.05
    reconnect_max: Annotated[float, _ms(10, 60_000, Role.CLIENT)] = 2.0
    hedge_min: Annotated[float, _ms(1, 5_000, Role.CLIENT)] = 0.01
    hedge_max: Annotated[float, _ms(1, 10_000, Role.CLIENT)] = 0.5
    drain: Annotated[float, _ms(0, 30_000)] = 1.0
    max_age: Annotated[float, _ms(50, 60_000)] = 1.0
    command_timeout: Annotated[float, _ms(100, 60_000)] = 5.0
    hello_timeout: Annotated[float, _ms(100, 60_000, Role.SERVER)] = 2.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds memory.

    Attributes:
        sessions: UDP peers known at once.
        session_idle: a peer silent for this long is forgotten; seconds, in the file too.
        queue_bytes: the most that waits for one link; what exceeds it is dropped.
        datagram_bytes: the longest datagram; 65507 is the longest that UDP over IPv4 has.
        links: connections past their hello.
        pending_links: connections before their hello.
        links_per_client: connections of one client, past their hello.
    """

    sessions: Annotated[int, _count(1, 1_000_000)] = 10_000
    session_idle: Annotated[float, Key(values.number(1, 86_400), "_s")] = 60.0
    queue_bytes: Annotated[int, _count(4_096, 1 << 30)] = 1 << 20
    datagram_bytes: Annotated[int, _count(512, 65_507)] = 65_507
    links: Annotated[int, _count(1, 4_096, Role.SERVER)] = 64
    pending_links: Annotated[int, _count(1, 4_096, Role.SERVER)] = 32
    links_per_client: Annotated[int, _count(1, 4_096, Role.SERVER)] = 16


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The PEM files of one end; relative paths start at the configuration's directory.

    Attributes:
        certificate: its own certificate, followed by intermediate ones if there are any.
        key: the certificate's private key, without a passphrase.
        ca: the certificates of the only authorities that are believed.
        server_name: what the server's certificate must be for; None means the host it is at.
    """

    certificate: Annotated[Path, Key(values.path)]
    key: Annotated[Path, Key(values.path)]
    ca: Annotated[Path, Key(values.path)]
    server_name: Annotated[str | None, Key(values.host_name, only=Role.CLIENT)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Common:
    """What both ends have.

    Attributes:
        protocol: whether the datagrams are understood.
        metrics: where Prometheus may ask; None for nowhere.
        log_level: the least that is logged.
        tls: the certificates; None carries everything in the clear.
    """

    tls: Annotated[TlsFiles | None, Key(_tls_table)]
    protocol: Annotated[Protocol, Key(values.one_of(Protocol))] = Protocol.NG
    metrics: Annotated[Address | None, Key(values.own_address)] = None
    log_level: Annotated[LogLevel, Key(values.one_of(LogLevel))] = LogLevel.INFO
    timing: Annotated[Timing, Key(_table)] = field(default_factory=Timing)
    limits: Annotated[Limits, Key(_table)] = field(default_factory=Limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfig(_Common):
    """The end at the proxy: UDP in, TCP out.

    Attributes:
        listen: where the proxy sends its datagrams to (UDP).
        server: where the server listens (TCP).
        links: how many connections are kept open.
        error_reason: what the proxy is told when no link is up.
        in_flight_file: keeps the requests that wait for replies over the process's death.
    """

    role: ClassVar[Role] = Role.CLIENT

    listen: Annotated[Address, Key(values.own_address)]
    server: Annotated[Address, Key(values.far_address)]
    links: Annotated[int, _count(1, 16)] = 2
    error_reason: Annotated[str, Key(values.text(200))] = "ngtunnel: no link to rtpengine"
    in_flight_file: Annotated[Path | None, Key(values.path)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig(_Common):
    """The end at rtpengine: TCP in, UDP out.

    Attributes:
        listen: where clients connect to (TCP).
        target: where the datagrams go to (UDP).
        allow: addresses that may connect; an empty one allows nobody, None everybody.
        allow_names: names of which a client's certificate must have one; None allows all that the
            authority signed.
    """

    role: ClassVar[Role] = Role.SERVER

    listen: Annotated[Address, Key(values.own_address)]
    target: Annotated[Address, Key(values.far_address)]
    allow: Annotated[tuple[Network, ...] | None, Key(values.networks)] = None
    allow_names: Annotated[frozenset[str] | None, Key(values.names)] = None


Config: TypeAlias = ClientConfig | ServerConfig
