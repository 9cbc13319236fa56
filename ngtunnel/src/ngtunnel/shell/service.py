"""What both ends have in common: the event loop, signals, systemd, metrics, the timer."""

import asyncio
import gc
import logging
import signal
import socket
import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import monotonic, time
from typing import Any, Generic, Protocol, TypeVar

from ngtunnel import logs, systemd
from ngtunnel.config import Address, ClientConfig, Config, ServerConfig, TlsFiles
from ngtunnel.core.counters import Counters, Snapshot
from ngtunnel.errors import ConfigError

_FLUSH_S = 1.0
_logger = logging.getLogger("ngtunnel")

ConfigT = TypeVar("ConfigT", ClientConfig, ServerConfig)


class _Core(Protocol):
    counters: Counters

    @property
    def in_flight(self) -> int: ...

    def snapshot(self, now: float, wall: float, started: float) -> Snapshot: ...


CoreT = TypeVar("CoreT", bound=_Core)


class Service(ABC, Generic[CoreT]):
    """One end of a tunnel, running.

    Args:
        config: of this end.
        loop: the event loop.

    Attributes:
        started: seconds since the epoch.
    """

    _core: CoreT

    def __init__(self, config: Config, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.started = time()
        self._tls = config.tls
        self._drain_s = config.timing.drain
        self._context: ssl.SSLContext | None = None
        self._certificate_not_after: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = float("inf")

    @abstractmethod
    def start(self) -> None:
        """Begin."""

    @abstractmethod
    def make_context(self, files: TlsFiles) -> ssl.SSLContext:
        """Return this end's TLS context.

        Raises:
            ConfigError: the certificates are not good.
        """

    @abstractmethod
    def on_timer(self) -> None:
        """The time given to :meth:`wake_at` has come."""

    @abstractmethod
    async def drain(self) -> None:
        """Take nothing new, and wait a little for what is under way."""

    @abstractmethod
    def close(self) -> None:
        """Close all sockets."""

    @property
    @abstractmethod
    def status(self) -> str:
        """One line for systemd."""

    @property
    def counters(self) -> Counters:
        """What happened so far, for metrics."""
        return self._core.counters

    def snapshot(self) -> Snapshot:
        """Return the present state, for metrics."""
        snapshot = self._core.snapshot(monotonic(), time(), self.started)
        return replace(snapshot, certificate_not_after=self._certificate_not_after)

    def reload(self) -> None:
        """Read the certificates; links that are up keep theirs.

        Raises:
            ConfigError: they are not good; those that were read before stay.
        """
        if self._tls is not None:
            from ngtunnel.tls import not_after

            self._context = self.make_context(self._tls)
            self._certificate_not_after = not_after(self._tls)

    async def answered(self) -> None:
        """Wait for the replies that are under way, as long as draining may take."""
        deadline = monotonic() + self._drain_s
        while self._core.in_flight and monotonic() < deadline:
            await asyncio.sleep(0.005)

    def notify_status(self) -> None:
        """Tell systemd."""
        systemd.notify(f"STATUS={self.status}")

    def wake_at(self, at: float) -> None:
        """Call :meth:`on_timer` at this time of the monotonic clock, or earlier."""
        if at < self._timer_at:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_at = at
            self._timer = self.loop.call_later(max(0.0, at - monotonic()), self._due)

    def _due(self) -> None:
        self._timer_at = float("inf")
        self.on_timer()


def serve(
    config: ConfigT,
    path: Path,
    make: Callable[[ConfigT, asyncio.AbstractEventLoop], Service[Any]],
) -> int:
    """Run one end until SIGTERM or SIGINT; return the exit status.

    Args:
        config: from ``path``.
        path: for messages.
        make: makes the service.

    Raises:
        ConfigError: a certificate is not good.
        OSError: an address cannot be listened on.
    """
    logs.set_up(config.log_level)
    # Nothing on the hot path is in a cycle, and a collection takes as long as 100 commands.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(config, path, make))
    return 0


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _serve(
    config: ConfigT,
    path: Path,
    make: Callable[[ConfigT, asyncio.AbstractEventLoop], Service[Any]],
) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    service = make(config, loop)
    loop.add_signal_handler(signal.SIGHUP, _reload, service, path)
    try:
        metrics = None
        if config.metrics is not None:
            from ngtunnel.metrics import serve as serve_metrics

            metrics = await serve_metrics(config.metrics, service)
        service.start()
        systemd.notify("READY=1")
        service.notify_status()
        _watch(loop, systemd.watchdog_interval())
        _flush_log(loop)
        await stop.wait()
        systemd.notify("STOPPING=1")
        await service.drain()
        if metrics is not None:
            metrics.close()
    finally:
        service.close()


def _reload(service: Service[Any], path: Path) -> None:
    systemd.notify(f"RELOADING=1\nMONOTONIC_USEC={int(monotonic() * 1e6)}")
    try:
        service.reload()
    except ConfigError as error:
        _logger.error("certificates not reloaded, the earlier ones stay: %s", error)
    else:
        _logger.info("certificates of %s read again", path)
    systemd.notify("READY=1")


def _watch(loop: asyncio.AbstractEventLoop, interval: float | None) -> None:
    """Tell systemd again and again that the event loop turns."""
    if interval is not None:
        systemd.notify("WATCHDOG=1")
        loop.call_later(interval, _watch, loop, interval)


def _flush_log(loop: asyncio.AbstractEventLoop) -> None:
    """Tell now and then how many lines were held back, also when no more of them come."""
    logs.flush()
    loop.call_later(_FLUSH_S, _flush_log, loop)


def bind(address: Address, kind: socket.SocketKind) -> socket.socket:
    """Return the socket that systemd holds for this service, or a new one.

    Raises:
        ConfigError: systemd holds another kind of socket.
        OSError: the address cannot be used.
    """
    inherited = systemd.inherited_sockets()
    if inherited:
        if len(inherited) > 1 or inherited[0].type != kind:
            wanted = "ListenDatagram" if kind is socket.SOCK_DGRAM else "ListenStream"
            raise ConfigError(f"the socket unit has to have one {wanted}=, and nothing else")
        return inherited[0]
    family, _, _, _, where = socket.getaddrinfo(address.host, address.port, type=kind)[0]
    made = socket.socket(family, kind)
    try:
        made.setblocking(False)
        if kind is socket.SOCK_STREAM:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(where)
        if kind is socket.SOCK_STREAM:
            made.listen(1024)
    except OSError as error:
        made.close()
        raise OSError(error.errno, f"cannot listen on {address}: {error.strerror}") from error
    return made
