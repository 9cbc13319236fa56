"""A third party keeps the server busy; who is let in already does not notice."""

import contextlib
import resource
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from faults.hosts import SIP
from faults.strangers import (
    connected,
    is_let_in,
    many_connections,
    meanwhile,
    send_garbage,
)
from faults.tunnel import PORT, Setting, Tunnel
from ngtunnel.config import TlsFiles
from tests.certificates import Authority, private_pem

Report = Callable[..., None]

_MORE_BYTES = 20 << 20
_LINES_PER_10_S = 20


@pytest.fixture
def bad_certificates(through: Tunnel, tmp_path: Path) -> dict[str, TlsFiles]:
    """Certificates that are not to be accepted, by what is wrong with them."""
    ca = through.authority
    other = Authority.create(tmp_path / "other", "other CA")
    alone = Authority.create(tmp_path / "alone", "sip1")
    key = tmp_path / "alone.key"
    key.touch(0o600)
    key.write_bytes(private_pem(alone.key))
    wrong = other.issue("sip1")
    return {
        "wrong": TlsFiles(wrong.certificate, wrong.key, ca.ca_file),
        "expired": ca.issue("sip1-of-old", "sip1", days=-1),
        "self-signed": TlsFiles(alone.ca_file, key, ca.ca_file),
        "of another host": ca.issue("sip9"),
    }


def test_wrong_certificates_are_refused_and_harm_nobody(
    through: Tunnel, duration: float, report: Report, bad_certificates: dict[str, TlsFiles]
) -> None:
    before = through.server.resident_bytes
    welcomed: list[str] = []

    def offer_all() -> None:
        welcomed.extend(
            what
            for what, files in bad_certificates.items()
            if is_let_in(through.hosts, through.address, files)
        )

    with through.load() as outcome, meanwhile(offer_all, 0.02) as offered:
        time.sleep(duration)
        _links_come_back(through)
    more = through.server.resident_bytes - before
    report(outcome, offered=4 * offered[0], more_kib=more // 1024)
    assert offered[0] > duration
    assert not welcomed
    assert through.server.logged("certificate has expired")
    assert through.server.logged("self-signed certificate|self signed certificate")
    assert through.server.logged("unable to get (local )?issuer certificate")
    assert through.server.logged("sip9, not in allow_names")
    _is_quiet(through, duration)
    assert more < _MORE_BYTES
    outcome.nothing_lost()


def test_a_flood_of_garbage_harms_nobody(through: Tunnel, duration: float, report: Report) -> None:
    before = through.server.resident_bytes

    def garbage() -> None:
        send_garbage(through.hosts, through.address)

    with through.load() as outcome, meanwhile(garbage) as sent:
        time.sleep(duration)
        _links_come_back(through)
    more = through.server.resident_bytes - before
    report(outcome, connections=sent[0], more_kib=more // 1024)
    assert sent[0] > 100 * duration
    assert through.server.logged("refused")
    _is_quiet(through, duration)
    assert more < _MORE_BYTES
    outcome.nothing_lost()


def test_ten_thousand_connections_harm_nobody(
    through: Tunnel, duration: float, report: Report
) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    before = through.server.resident_bytes
    with contextlib.ExitStack() as stack:
        with through.load() as outcome:
            for _ in range(10):
                for tcp in many_connections(through.hosts, through.address, 1000):
                    stack.enter_context(tcp)
                time.sleep(duration / 20)
            _links_come_back(through)
            time.sleep(duration / 2)
        more = through.server.resident_bytes - before
    report(outcome, connections=10_000, more_kib=more // 1024)
    assert through.server.logged("too many others")
    _is_quiet(through, duration)
    assert more < _MORE_BYTES
    outcome.nothing_lost()


def _links_come_back(through: Tunnel) -> None:
    """A link that is lost meanwhile is replaced: the strangers do not keep the client out."""
    old = through.hosts.connections(SIP, PORT)
    for link in old:
        ups = len(through.client.logged("is up"))
        through.hosts.reset(SIP, link)
        through.client.wait_for_log("is up", ups + 1, patience_s=3)


def _is_quiet(through: Tunnel, duration: float) -> None:
    lines = len(through.server.log)
    limit = _LINES_PER_10_S * (2 + duration / 10)
    assert lines < limit, f"{lines} lines in the log; the last is {through.server.log[-1]}"


def test_a_host_that_is_not_allowed_is_turned_away_at_once(
    start: Callable[..., Tunnel],
) -> None:
    through = start(Setting(server=('allow = ["198.18.1.1/32"]',)))
    with through.load() as outcome:
        for _ in range(100):
            with connected(through.hosts, through.address) as tcp, contextlib.suppress(OSError):
                assert not tcp.recv(100)
    assert len(through.server.logged("198.18.2.1 is not in allow")) == 5
    outcome.nothing_lost()
