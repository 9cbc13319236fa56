"""What a stranger, a fault or a slip of the hand brings in: one clear line in the log, no harm."""

import contextlib
import signal
import socket
import ssl
import subprocess
import sys
import time

import pytest

from faults.hosts import MEDIA, SIP
from faults.strangers import HELLO, connected, secured, wait_for_end
from faults.tunnel import PORT, Tunnel
from ngtunnel.core.wire import MAX_PAYLOAD, ClientHello, Kind, Protocol, Status, pack_header

_TIMES = 20
_PASS = 5
"""Lines of one kind that pass; the rest is counted."""


def test_plain_text_to_the_tls_port_is_refused(through: Tunnel) -> None:
    with through.load() as outcome:
        for _ in range(_TIMES):
            with connected(through.hosts, through.address) as tcp:
                tcp.sendall(b"GET / HTTP/1.1\r\n\r\n")
                assert wait_for_end(tcp) < 0.5
    assert len(through.server.logged(r"198\.18\.2\.1.* refused: no TLS: http request")) == _PASS
    outcome.nothing_lost()


def test_an_oversized_frame_ends_its_link_only(through: Tunnel) -> None:
    frame = pack_header(Kind.DATA, 1, 0, MAX_PAYLOAD + 1)
    with through.load() as outcome:
        for _ in range(_TIMES):
            with _welcomed(through) as link:
                link.sendall(frame)
                assert wait_for_end(link) < 0.5
    assert len(through.server.logged("a frame of 65508 bytes, when 65507 are allowed")) == _PASS
    outcome.nothing_lost()


def test_a_wrong_version_is_told_so(through: Tunnel) -> None:
    hello = ClientHello(9, Protocol.NG, bytes(16)).encode()
    with through.load() as outcome:
        for _ in range(_TIMES):
            with _trusted(through) as link:
                link.sendall(hello)
                assert link.recv(100)[5] == Status.WRONG_VERSION
                assert wait_for_end(link) < 0.5
    assert len(through.server.logged("version")) == _PASS
    outcome.nothing_lost()


def test_half_a_frame_and_silence_end_the_link_within_a_second(through: Tunnel) -> None:
    with through.load() as outcome, contextlib.ExitStack() as stack:
        links = [stack.enter_context(_welcomed(through)) for _ in range(8)]
        for link in links:
            link.sendall(pack_header(Kind.DATA, 1, 0, 1000) + b"half")
        began = time.monotonic()
        for link in links:
            wait_for_end(link)
        assert time.monotonic() - began < 1.2
    assert len(through.server.logged("no answer to heartbeats")) == _PASS
    outcome.nothing_lost()


@pytest.mark.parametrize("said", [b"", HELLO[:10]], ids=["nothing", "half a hello"])
def test_a_client_that_does_not_introduce_itself_is_turned_away(
    through: Tunnel, said: bytes
) -> None:
    with through.load() as outcome, contextlib.ExitStack() as stack:
        links = [stack.enter_context(_trusted(through)) for _ in range(8)]
        for link in links:
            link.sendall(said)
        began = time.monotonic()
        for link in links:
            wait_for_end(link)
        assert time.monotonic() - began < 2.5
    assert len(through.server.logged("no hello in time")) == _PASS
    outcome.nothing_lost()


def test_a_datagram_that_is_no_ng_is_dropped_and_told(through: Tunnel) -> None:
    with through.hosts.on(SIP):
        peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with through.load() as outcome, peer:
        for size in (0, 1, 300, 65507):
            for _ in range(_TIMES):
                peer.sendto(b"\x80" * size, (through.listen, PORT))
                time.sleep(0.005)
    assert len(through.client.logged("sent what is no ng, which is dropped")) == _PASS
    outcome.nothing_lost()


def test_lines_that_were_held_back_are_counted_in_the_log_too(through: Tunnel) -> None:
    for _ in range(_TIMES):
        with connected(through.hosts, through.address) as tcp:
            tcp.sendall(b"GET / HTTP/1.1\r\n\r\n")
            wait_for_end(tcp)
    through.server.wait_for_log(f"{_TIMES - _PASS} more like it", patience_s=12)


def _is_refused(through: Tunnel, role: str, config: str, status: int) -> str:
    """Start another instance that cannot start; return the one line that it says."""
    path = through.client.config.with_name("another.toml")
    path.write_text(config)
    with through.hosts.on(SIP if role == "client" else MEDIA):
        ended = subprocess.run(
            [sys.executable, "-m", "ngtunnel", role, "--config", path],
            capture_output=True,
            text=True,
            timeout=10,
        )
    assert ended.returncode == status, ended
    said = ended.stderr.splitlines()
    assert len(said) == 1, said
    return said[0]


def test_a_missing_certificate_is_named(through: Tunnel) -> None:
    config = through.client.config.read_text().replace("sip1.pem", "sip7.pem")
    config = config.replace(f'listen = "{through.listen}:', f'listen = "{through.listen}:1')
    with through.load() as outcome:
        said = _is_refused(through, "client", config, 2)
    assert "sip7.pem (tls.certificate): No such file or directory" in said
    outcome.nothing_lost()


def test_a_key_that_the_world_can_read_is_refused(through: Tunnel) -> None:
    key = through.authority.issue("sip8").key
    key.chmod(0o644)
    config = through.client.config.read_text().replace("sip1.", "sip8.")
    config = config.replace(f'listen = "{through.listen}:', f'listen = "{through.listen}:1')
    with through.load() as outcome:
        said = _is_refused(through, "client", config, 2)
    assert f"{key} (tls.key): has mode 0644" in said
    assert "chmod" in said
    outcome.nothing_lost()


@pytest.mark.parametrize("role", ["client", "server"])
def test_a_port_in_use_is_named(through: Tunnel, role: str) -> None:
    end = through.client if role == "client" else through.server
    lines = end.config.read_text().splitlines()
    config = "\n".join(line for line in lines if not line.startswith("in_flight_file"))
    with through.load() as outcome:
        said = _is_refused(through, role, config, 1)
    where = through.listen if role == "client" else through.address
    assert f"cannot listen on {where}:{PORT}: Address already in use" in said
    outcome.nothing_lost()


def test_a_bad_certificate_at_reload_leaves_the_earlier_ones_in_use(through: Tunnel) -> None:
    files = through.authority.issue("media1", server=True)
    with through.load() as outcome:
        files.certificate.write_text("no certificate")
        through.server.signal(signal.SIGHUP)
        through.server.wait_for_log("certificates not reloaded, the earlier ones stay")
        for link in through.hosts.connections(SIP, PORT):
            ups = len(through.client.logged("is up"))
            through.hosts.reset(SIP, link)
            through.client.wait_for_log("is up", ups + 1)
    outcome.nothing_lost()


def test_a_server_whose_certificate_is_not_good_is_named_and_not_used(through: Tunnel) -> None:
    with through.load() as outcome:
        through.authority.issue("media1", server=True, days=-1)
        through.server.signal(signal.SIGHUP)
        through.server.wait_for_log(r"media1.pem \(tls.certificate\): expired on")
        through.hosts.reset(SIP, through.hosts.connections(SIP, PORT)[0])
        through.client.wait_for_log("its certificate is not good: certificate has expired", 3)
    outcome.nothing_lost()


def _trusted(through: Tunnel) -> ssl.SSLSocket:
    """Return a connection with a certificate that the server accepts."""
    files = through.authority.issue("sip1-too", "sip1")
    return secured(through.hosts, through.address, files)


def _welcomed(through: Tunnel) -> ssl.SSLSocket:
    """Return a connection past its hello."""
    link = _trusted(through)
    link.sendall(HELLO)
    assert link.recv(100)[5] == Status.OK
    return link
