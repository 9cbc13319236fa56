"""A whole tunnel with its target, and the load through it."""

import contextlib
import json
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from faults.ends import End
from faults.hosts import ADDRESSES, MEDIA, SIP, Hosts
from faults.outcome import Outcome
from ngtunnel.config import TlsFiles
from tests.certificates import Authority

PORT = 2223
METRICS_PORT = 9223
METRICS = f'metrics = "127.0.0.1:{METRICS_PORT}"'
_READY_S = 10.0


@dataclass(frozen=True)
class Setting:
    """What differs between tunnels; the rest is as it is by default.

    Attributes:
        version: of IP.
        raw: no ng.
        reply_bytes: of the target; as large as rtpengine's report of a call.
        delay_s: of the target.
        client, server: more lines for their configurations.
    """

    version: int = 4
    raw: bool = False
    reply_bytes: int = 1851
    delay_s: float = 0.0
    client: tuple[str, ...] = ()
    server: tuple[str, ...] = ()


@dataclass
class Tunnel:
    """Two ends and a target, up.

    Attributes:
        hosts: where they are.
        authority: issued their certificates.
        setting: what is special about it.
        client, server: the ends.
        target: a responder in rtpengine's place.
        address: of the server.
        listen: where the client takes UDP.
    """

    hosts: Hosts
    authority: Authority
    setting: Setting
    client: End
    server: End
    target: subprocess.Popen[str]
    address: str
    listen: str

    def wait_until_up(self, links: int = 2, times: int = 1) -> None:
        """Wait until all links are up, or have been so many times."""
        for index in range(links):
            self.client.wait_for_log(rf"link {index} to .* is up", times)

    @contextlib.contextmanager
    def load(self, *options: str, host: str = SIP, fresh: float = 0.25) -> Iterator[Outcome]:
        """Send commands during the block; its outcome is filled in when the block ends."""
        outcome = Outcome()
        process = self.hosts.start_python(
            host, "faults.load", self.listen, str(PORT), "--fresh", str(fresh),
            *self._sizes(), *options, stdin=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            outcome.began = json.loads(process.stdout.readline())["began"]
            yield outcome
            process.stdin.close()
            outcome.fill(json.loads(process.stdout.read()))
        finally:
            process.kill()
            process.wait()
            process.stdout.close()

    def pause_media_host(self, seconds: float) -> None:
        """Stop everything on the media host for a while, as a hypervisor does."""
        processes = [self.server.process, self.target]
        for process in processes:
            process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        for process in processes:
            process.send_signal(signal.SIGCONT)

    def scrape(self, host: str) -> str:
        """Return an end's metrics, as Prometheus gets them."""
        with self.hosts.on(host), socket.create_connection(("127.0.0.1", METRICS_PORT), 5) as tcp:
            tcp.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            return b"".join(iter(lambda: tcp.recv(65536), b"")).decode()

    def _sizes(self) -> list[str]:
        if self.setting.raw:
            return ["--raw"]
        return ["--reply-bytes", str(self.setting.reply_bytes)]


@contextlib.contextmanager
def tunnel(
    hosts: Hosts, directory: Path, setting: Setting | None = None, *, wait: bool = True
) -> Iterator[Tunnel]:
    """Start a tunnel and its target, TLS on, sockets held as by systemd; end them afterwards."""
    setting = setting or Setting()
    address = ADDRESSES[setting.version][MEDIA]
    listen = "::1" if setting.version == 6 else "127.0.0.1"
    authority = Authority.create(directory / "ca")
    # In memory, as RuntimeDirectory= is: who writes to a file on a disk may have to wait for it.
    runtime = tempfile.TemporaryDirectory(prefix="ngtunnel-", dir="/dev/shm")
    in_flight = [] if setting.raw else [f'in_flight_file = "{runtime.name}/in-flight"']
    setting = replace(setting, client=(*in_flight, *setting.client))
    client_config, server_config = _configure(directory, authority, setting, address, listen)
    client = End(hosts, SIP, client_config, socket.SOCK_DGRAM, (listen, PORT))
    server = End(hosts, MEDIA, server_config, socket.SOCK_STREAM, (address, PORT))
    target = hosts.start_python(
        MEDIA, "faults.responder", listen, str(PORT), "--reply-bytes", str(setting.reply_bytes),
        "--delay", str(setting.delay_s), *(["--raw"] if setting.raw else []),
    )  # fmt: skip
    made = Tunnel(hosts, authority, setting, client, server, target, address, listen)
    try:
        assert target.stdout is not None
        assert target.stdout.readline() == "ready\n"
        server.start()
        client.start()
        if wait:
            made.wait_until_up()
        yield made
    finally:
        client.stop()
        server.stop()
        target.kill()
        target.wait()
        runtime.cleanup()


def tls_line(files: TlsFiles) -> str:
    """Return the ``tls`` line of a configuration."""
    pairs: list[tuple[str, Any]] = [
        ("certificate", files.certificate), ("key", files.key), ("ca", files.ca),
    ]  # fmt: skip
    if files.server_name is not None:
        pairs.append(("server_name", files.server_name))
    inside = ", ".join(f"{key} = {json.dumps(str(value))}" for key, value in pairs)
    return f"tls = {{ {inside} }}"


def at(address: str, port: int = PORT) -> str:
    """Write an address and a port as a configuration does."""
    return f'"[{address}]:{port}"' if ":" in address else f'"{address}:{port}"'


def _configure(
    directory: Path, authority: Authority, setting: Setting, address: str, listen: str
) -> tuple[Path, Path]:
    protocol = 'protocol = "raw"' if setting.raw else 'protocol = "ng"'
    client, server = directory / "client.toml", directory / "server.toml"
    client_lines = [
        'role = "client"',
        protocol,
        f"listen = {at(listen)}",
        f"server = {at(address)}",
        tls_line(authority.issue("sip1", server_name="media1")),
        METRICS,
        *setting.client,
    ]
    server_lines = [
        'role = "server"',
        protocol,
        f"listen = {at(address)}",
        f"target = {at(listen)}",
        'allow_names = ["sip1"]',
        tls_line(authority.issue("media1", server=True)),
        METRICS,
        *setting.server,
    ]
    client.write_text("\n".join(client_lines))
    server.write_text("\n".join(server_lines))
    return client, server
