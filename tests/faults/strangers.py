"""Connections that should not be let in, from a host that may reach the server's port."""

import contextlib
import os
import secrets
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator

from faults.hosts import STRANGER, Hosts
from faults.tunnel import PORT
from ngtunnel.config import TlsFiles
from ngtunnel.core.wire import SERVER_HELLO_SIZE, VERSION, ClientHello, Protocol

_PATIENCE_S = 5.0

HELLO = ClientHello(VERSION, Protocol.NG, bytes(16)).encode()


def connected(hosts: Hosts, address: str) -> socket.socket:
    """Return a TCP connection from the stranger's host."""
    with hosts.on(STRANGER):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        tcp = socket.socket(family, socket.SOCK_STREAM)
    tcp.settimeout(_PATIENCE_S)
    try:
        tcp.connect((address, PORT))
    except BaseException:
        tcp.close()
        raise
    return tcp


def secured(hosts: Hosts, address: str, files: TlsFiles) -> ssl.SSLSocket:
    """Return a connection past its TLS handshake, or what it takes for that.

    With TLS 1.3 a client hears only afterwards that its certificate was not accepted.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(files.ca)
    context.load_cert_chain(files.certificate, files.key)
    return context.wrap_socket(connected(hosts, address), server_hostname="media1")


def is_let_in(hosts: Hosts, address: str, files: TlsFiles) -> bool:
    """Whether a client with these certificates is welcomed."""
    try:
        with secured(hosts, address, files) as link:
            link.sendall(HELLO)
            return len(link.recv(SERVER_HELLO_SIZE)) > 0
    except OSError:
        return False


@contextlib.contextmanager
def meanwhile(act: Callable[[], object], every_s: float = 0.0) -> Iterator[list[int]]:
    """Do something again and again in other threads; the list has one number: how often."""
    done = [0]
    stop = threading.Event()

    def go_on() -> None:
        while not stop.wait(every_s):
            with contextlib.suppress(OSError):
                act()
            done[0] += 1

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield done
    finally:
        stop.set()
        thread.join()


def send_garbage(hosts: Hosts, address: str) -> None:
    """Connect, say something that is no TLS, or begins like it, and go away."""
    with connected(hosts, address) as tcp:
        # 22, 3, 1: a handshake record that announces 256 bytes.
        tcp.sendall(secrets.choice((b"", b"\x16\x03\x01\x01\x00\x01")) + os.urandom(64))


def many_connections(hosts: Hosts, address: str, count: int) -> list[socket.socket]:
    """Open connections that say nothing, and keep those that the server keeps."""
    made: list[socket.socket] = []
    with hosts.on(STRANGER):
        for _ in range(count):
            tcp = socket.socket()
            tcp.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                tcp.connect((address, PORT))
            made.append(tcp)
    return made


def wait_for_end(tcp: socket.socket) -> float:
    """Return after how many seconds the server ends a connection; what it says is ignored.

    Raises:
        TimeoutError: it does not, within 5 s.
    """
    began = time.monotonic()
    tcp.settimeout(_PATIENCE_S)
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while tcp.recv(65536):
            pass
    return time.monotonic() - began
