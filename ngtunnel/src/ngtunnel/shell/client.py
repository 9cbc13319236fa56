"""``ngtunnel client``: one UDP socket for all peers, and a TCP socket for each link."""

import asyncio
import logging
import os
import random
import socket
import ssl
from contextlib import suppress
from pathlib import Path
from time import monotonic

from ngtunnel.config import ClientConfig, TlsFiles
from ngtunnel.core.client import ClientCore, Connect, Disconnect, LinkUp, NotNg
from ngtunnel.in_flight_file import InFlightFile
from ngtunnel.logs import limited
from ngtunnel.shell.appetite import Appetite
from ngtunnel.shell.connect import connect
from ngtunnel.shell.readiness import Readiness
from ngtunnel.shell.secure import reason_of
from ngtunnel.shell.service import Service, bind, serve
from ngtunnel.shell.stream import Stream

_CAREFUL = 4
"""Datagrams at once, up to which each is kept safe from a kill at any time."""

_RECEIVE_BUFFER = 4 << 20
_logger = logging.getLogger("ngtunnel.client")


def run(config: ClientConfig, path: Path) -> int:
    """Run a client until SIGTERM; see :func:`ngtunnel.shell.service.serve`."""
    return serve(config, path, Client)


class Client(Service[ClientCore]):
    """The running client."""

    def __init__(self, config: ClientConfig, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(config, loop)
        self._config = config
        self._udp = bind(config.listen, socket.SOCK_DGRAM)
        _enlarge(self._udp)
        self.reload()
        self._store = store = (
            InFlightFile.open(config.in_flight_file) if config.in_flight_file else None
        )
        now = monotonic()
        self._core = ClientCore(config, os.urandom(16), random.random, now, store)
        self._left_over = store.recover(now, config.timing.command_timeout) if store else []
        self._readiness = Readiness(loop, self._handled)
        self._streams: dict[int, Stream] = {}
        self._connecting: dict[int, asyncio.Task[None]] = {}
        self._reading = False
        self._appetite = Appetite()

    def start(self) -> None:
        """Begin to connect. Datagrams wait in the kernel until it is known whether that works."""
        self._timeout()

    def make_context(self, files: TlsFiles) -> ssl.SSLContext:
        """Return a client's."""
        from ngtunnel.tls import client_context

        return client_context(files)

    @property
    def status(self) -> str:
        """One line for systemd."""
        return f"{len(self._core.links)} of {self._config.links} links to {self._config.server} up"

    async def drain(self) -> None:
        """Wait for replies, but read nothing more: the socket's next owner will."""
        if self._reading:
            self._readiness.remove(self._udp)
        await self.answered()

    def close(self) -> None:
        """Close all sockets."""
        for task in self._connecting.values():
            task.cancel()
        for stream in self._streams.values():
            stream.close()
        self._readiness.close()
        self._udp.close()

    # The hot path

    def _datagrams(self, _: int) -> None:
        """Read what has come, but no more often than it has lately been worth while."""
        receive, take, now = self._udp.recvfrom, self._core.datagram, monotonic()
        wanted = self._appetite.wanted
        # A datagram leaves the kernel when it stands in the file: whenever this process is killed,
        # the next one finds it in one of the two. That takes a second system call, which a flood
        # has no time for: there the microsecond in between is left to the proxy's own retry.
        peek = socket.MSG_PEEK if self._store is not None and wanted <= _CAREFUL else 0
        for count in range(wanted):
            try:
                data, peer = receive(65536, peek)
            except BlockingIOError:
                self._appetite.disappointed(count)
                return
            except OSError:
                # An earlier datagram's ICMP error: that peer has gone.
                continue
            try:
                take(peer, data, now)
            finally:
                if peek:
                    with suppress(OSError):
                        receive(1)
        self._appetite.satisfied()

    def _handled(self) -> None:
        core = self._core
        if core.to_peers:
            send = self._udp.sendto
            for peer, data in core.to_peers:
                try:
                    send(data, peer)
                except OSError:
                    core.counters.dropped["peer_gone"] += 1
            core.to_peers.clear()
            if self._store is not None:
                self._store.flush()
        for index, stream in tuple(self._streams.items()):
            link = core.link(index)
            if link is not None and link.queued:
                stream.flush()
        if core.actions:
            self._act()
        if not self._reading and core.settled:
            self._begin_reading()
        self.wake_at(core.next_timer())

    # Links and time

    def _timeout(self) -> None:
        self._core.timeout(monotonic())
        self._handled()

    def on_timer(self) -> None:
        """The core's timer is due."""
        self._timeout()

    def _act(self) -> None:
        actions, self._core.actions = self._core.actions, []
        for action in actions:
            match action:
                case Connect(index):
                    self._connecting[index] = self.loop.create_task(self._connect(index))
                case Disconnect(index, reason):
                    self._end(index, reason)
                case LinkUp(index):
                    _logger.info("link %d to %s is up", index, self._config.server)
                    self.notify_status()
                case NotNg(peer, begins):
                    limited(
                        _logger, logging.WARNING, "not-ng",
                        "%s:%d sent what is no ng, which is dropped: %r", peer[0], peer[1], begins,
                    )  # fmt: skip

    def _begin_reading(self) -> None:
        self._reading = True
        now = monotonic()
        for peer, request in self._left_over:
            self._core.datagram(peer, request, now)
        self._left_over = []
        self._readiness.add(self._udp, self._datagrams)

    async def _connect(self, index: int) -> None:
        config = self._config
        name = None
        if config.tls is not None:
            from ngtunnel.tls import expected_name

            name = expected_name(config.tls, config.server)
        try:
            tcp, secure = await connect(config.server, self._context, name)
        except OSError as error:
            self._lost(index, reason_of(error))
            return
        finally:
            self._connecting.pop(index, None)
        core = self._core
        stream = Stream(
            tcp,
            secure,
            self._readiness,
            on_data=lambda data: core.received(index, data, monotonic()),
            on_end=lambda reason: self._lost(index, reason),
            take=lambda: core.take(index, monotonic()),
        )
        self._streams[index] = stream
        stream.write(core.connected(index))
        stream.begin()

    def _end(self, index: int, reason: str) -> None:
        """The core has given a link up."""
        if (task := self._connecting.pop(index, None)) is not None:
            task.cancel()
        if (stream := self._streams.pop(index, None)) is not None:
            stream.close(reset=True)
        self._say_lost(index, reason)

    def _lost(self, index: int, reason: str) -> None:
        """The other end, or the network, has ended a link."""
        self._streams.pop(index, None)
        self._core.lost(index, monotonic())
        self._say_lost(index, reason)
        self._handled()

    def _say_lost(self, index: int, reason: str) -> None:
        limited(
            _logger, logging.WARNING, f"link-{index}",
            "link %d to %s is down: %s", index, self._config.server, reason,
        )  # fmt: skip
        self.notify_status()


def _enlarge(udp: socket.socket) -> None:
    """Make room for bursts, beyond what the system allows if this process may."""
    try:
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUFFORCE, _RECEIVE_BUFFER)  # type: ignore[attr-defined]
    except (AttributeError, PermissionError):
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
