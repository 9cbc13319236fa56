"""``ngtunnel server``: a TCP listener, and for each session a UDP socket to the target."""

import asyncio
import ipaddress
import logging
import socket
import ssl
from pathlib import Path
from time import monotonic

from ngtunnel.config import ServerConfig, TlsFiles
from ngtunnel.core.server import Disconnect, Forget, LinkUp, ServerCore, TargetSession
from ngtunnel.logs import limited
from ngtunnel.shell.appetite import Appetite
from ngtunnel.shell.readiness import Readiness
from ngtunnel.shell.secure import Secure, reason_of
from ngtunnel.shell.service import Service, bind, serve
from ngtunnel.shell.stream import Stream, prepare

_ACCEPT_BATCH = 16
"""Connections accepted before links have their turn: a flood must not starve them."""

_NO_DESCRIPTORS_S = 0.1
_logger = logging.getLogger("ngtunnel.server")


def run(config: ServerConfig, path: Path) -> int:
    """Run a server until SIGTERM; see :func:`ngtunnel.shell.service.serve`."""
    return serve(config, path, Server)


class Server(Service[ServerCore]):
    """The running server."""

    def __init__(self, config: ServerConfig, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(config, loop)
        self._config = config
        self._listener = bind(config.listen, socket.SOCK_STREAM)
        self.reload()
        self._core = ServerCore(config, monotonic())
        self._readiness = Readiness(loop, self._handled)
        self._streams: dict[int, Stream] = {}
        self._handshakes: dict[int, asyncio.Task[None]] = {}
        self._names: dict[int, str] = {}
        self._up: set[int] = set()
        self._number = 0
        self._appetite = Appetite()
        target = socket.getaddrinfo(*config.target, type=socket.SOCK_DGRAM)[0]
        self._family, self._target = target[0], target[4]

    def start(self) -> None:
        """Begin to accept."""
        self.loop.add_reader(self._listener.fileno(), self._accept)
        self.on_timer()

    def make_context(self, files: TlsFiles) -> ssl.SSLContext:
        """Return a server's."""
        from ngtunnel.tls import server_context

        return server_context(files)

    @property
    def status(self) -> str:
        """One line for systemd."""
        return f"{len(self._streams)} links, to {self._config.target}"

    async def drain(self) -> None:
        """Accept nothing more, tell the clients, and let the target finish."""
        self.loop.remove_reader(self._listener.fileno())
        self._core.drain(monotonic())
        self._handled()
        await self.answered()

    def close(self) -> None:
        """Close all sockets."""
        for task in self._handshakes.values():
            task.cancel()
        for stream in self._streams.values():
            stream.close()
        self._readiness.close()
        self._listener.close()

    # The hot path

    def _handled(self) -> None:
        core = self._core
        if core.to_target:
            for session, data in core.to_target:
                self._send(session, data)
            core.to_target.clear()
        if core.writable:
            writable, core.writable = core.writable, set()
            for at in writable:
                stream = self._streams.get(at.number)
                if stream is not None:
                    stream.flush()
        if core.actions:
            self._act()

    def _send(self, session: TargetSession, data: bytes) -> None:
        if session.socket is None and not self._open(session):
            return
        try:
            session.socket.send(data)
        except ConnectionRefusedError:
            # The answer to an earlier datagram; this one has not been sent.
            self._core.refused(session, monotonic())
        except OSError:
            self._core.counters.dropped["target_busy"] += 1

    def _open(self, session: TargetSession) -> bool:
        try:
            udp = socket.socket(self._family, socket.SOCK_DGRAM)
        except OSError as error:
            self._core.counters.dropped["no_socket"] += 1
            limited(_logger, logging.ERROR, "peers", "no socket for a peer: %s", error.strerror)
            return False
        udp.setblocking(False)
        udp.connect(self._target)
        session.socket = udp
        self._readiness.add(udp, lambda _: self._replies(session))
        return True

    def _replies(self, session: TargetSession) -> None:
        """Read what has come, but no more often than it has lately been worth while."""
        receive, take, now = session.socket.recv, self._core.reply, monotonic()
        appetite = self._appetite
        for count in range(appetite.wanted):
            try:
                data = receive(65536)
            except BlockingIOError:
                appetite.disappointed(count)
                return
            except ConnectionRefusedError:
                self._core.refused(session, now)
                return
            take(session, data, now)
        appetite.satisfied()

    # Links and time

    def on_timer(self) -> None:
        """The core's timer is due."""
        now = monotonic()
        self._core.timeout(now)
        self._handled()
        self.wake_at(self._core.next_timer())

    def _act(self) -> None:
        actions, self._core.actions = self._core.actions, []
        for action in actions:
            match action:
                case Disconnect(number, reason):
                    self._end(number, reason)
                case LinkUp(number):
                    self._up.add(number)
                    _logger.info("link from %s is up", self._names[number])
                    self.notify_status()
                case Forget(session):
                    if session.socket is not None:
                        self._readiness.remove(session.socket)
                        session.socket.close()
                        session.socket = None

    def _accept(self) -> None:
        for _ in range(_ACCEPT_BATCH):
            try:
                tcp, address = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                limited(_logger, logging.ERROR, "accept", "no more links: %s", error.strerror)
                self.loop.remove_reader(self._listener.fileno())
                self.loop.call_later(
                    _NO_DESCRIPTORS_S, self.loop.add_reader, self._listener.fileno(), self._accept
                )
                return
            self._accepted(tcp, address[0], address[1])

    def _accepted(self, tcp: socket.socket, host: str, port: int) -> None:
        if not self._allowed(host):
            self.counters.refused["address"] += 1
            limited(
                _logger, logging.WARNING, "address",
                "%s is not in allow, and was not let in", host,
            )  # fmt: skip
            tcp.close()
            return
        prepare(tcp)
        self._number += 1
        number = self._number
        self._names[number] = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._core.accepted(number, self._names[number], host, monotonic())
        if self._context is None:
            self._begin(number, tcp)
        else:
            self._handshakes[number] = self.loop.create_task(
                self._secure(number, tcp, self._context)
            )
        self._act()

    async def _secure(self, number: int, tcp: socket.socket, context: ssl.SSLContext) -> None:
        secure = Secure(context, None)
        try:
            await secure.handshake(tcp)
        except asyncio.CancelledError:
            tcp.close()
            raise
        except OSError as error:
            tcp.close()
            self.counters.refused["tls"] += 1
            self._lost(number, f"no TLS: {reason_of(error)}")
            return
        finally:
            self._handshakes.pop(number, None)
        from ngtunnel.tls import peer_names

        names = peer_names(secure.tls)
        allowed = self._config.allow_names
        if allowed is not None and not names & allowed:
            self.counters.refused["name"] += 1
            tcp.close()
            self._lost(
                number, f"its certificate names {', '.join(sorted(names))}, not in allow_names"
            )
            return
        self._core.proved(number, ",".join(sorted(names)))
        self._begin(number, tcp, secure)

    def _begin(self, number: int, tcp: socket.socket, secure: Secure | None = None) -> None:
        core = self._core

        def data(received: bytes) -> None:
            hello = core.received(number, received, monotonic())
            if hello and (stream := self._streams.get(number)) is not None:
                stream.write(hello)

        def take() -> bytes:
            at = core.links.get(number)
            return b"" if at is None or at.link is None else at.link.take(monotonic())

        stream = self._streams[number] = Stream(
            tcp,
            secure,
            self._readiness,
            on_data=data,
            on_end=lambda reason: self._lost(number, reason),
            take=take,
        )
        stream.begin()
        self._handled()

    def _allowed(self, host: str) -> bool:
        if self._config.allow is None:
            return True
        address = ipaddress.ip_address(host.partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._config.allow)

    def _end(self, number: int, reason: str) -> None:
        """The core has done with a link."""
        if (task := self._handshakes.pop(number, None)) is not None:
            task.cancel()
        if (stream := self._streams.pop(number, None)) is not None:
            stream.close()
        self._say_lost(number, reason)

    def _lost(self, number: int, reason: str) -> None:
        """The other end, or the network, has ended a link."""
        self._streams.pop(number, None)
        self._core.lost(number)
        self._say_lost(number, reason)

    def _say_lost(self, number: int, reason: str) -> None:
        name = self._names.pop(number, None)
        if name is None:
            return
        if number not in self._up:
            limited(
                _logger, logging.WARNING, "refused", "connection from %s refused: %s", name, reason
            )
            return
        self._up.remove(number)
        limited(_logger, logging.WARNING, "link down", "link from %s is down: %s", name, reason)
        self.notify_status()
