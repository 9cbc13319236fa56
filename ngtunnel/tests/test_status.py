"""The status of running tunnels, from their metrics to what a person reads."""

import json
import socket
import threading
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from prometheus_client.exposition import generate_latest

from ngtunnel import status_command
from ngtunnel.collector import registry_of
from ngtunnel.config import Address
from ngtunnel.core.counters import LinkState
from ngtunnel.status import Status, StatusError, parse, quantile, read
from ngtunnel.status_text import describe, duration, expiry, latency, size
from tests.standing_tunnel import StandingTunnel, free_port, link, served

INFINITY = float("inf")


def busy() -> StandingTunnel:
    tunnel = StandingTunnel()
    counters = tunnel.counters
    for milliseconds in range(1, 101):
        counters.command_seconds["delete"].observe(milliseconds / 1000)
    counters.command_seconds["query"].observe(7.0)
    counters.commands["delete", "ok"] = 99
    counters.commands["delete", "error"] = 1
    counters.commands["query", "ok"] = 1
    counters.reconnects["1"] = 3
    counters.dropped["stale"] = 6
    counters.dropped["queue full"] = 0
    counters.datagrams_in, counters.bytes_in = 101, 30_300
    counters.hedges, counters.hedge_wins = 5, 2
    return tunnel


def status_of(tunnel: StandingTunnel) -> Status:
    return parse("127.0.0.1:9223", generate_latest(registry_of(tunnel)).decode())


def test_a_status_says_all_that_the_metrics_say() -> None:
    status = status_of(busy())
    assert (status.role, status.protocol, status.sessions, status.in_flight) == (
        "client",
        "ng",
        7,
        2,
    )
    assert [asdict(one) for one in status.links] == [
        {
            "name": name,
            "state": state,
            "peer": "198.18.2.1:2223",
            "since": 1_700_000_100.0,
            "rtt_ms": rtt_ms,
            "sent_bytes": 111,
            "received_bytes": 222,
            "queue_bytes": 3,
            "reconnects": reconnects,
        }
        for name, state, rtt_ms, reconnects in [("0", "up", 20.5, 0), ("1", "waiting", None, 3)]
    ]
    delete, query = status.commands
    assert delete.results == {"ok": 99, "error": 1}
    assert delete.p50_ms == pytest.approx(50, abs=1)
    assert delete.p99_ms == pytest.approx(99, abs=1)
    assert query.p50_ms == query.longest_ms == 5000
    assert status.certificate_not_after == 1_800_000_000


@pytest.mark.parametrize(
    ("buckets", "share", "expected"),
    [
        ([], 0.5, None),
        ([(1.0, 0), (INFINITY, 0)], 0.5, None),
        ([(1.0, 10), (INFINITY, 10)], 0.5, 0.5),
        ([(1.0, 10), (INFINITY, 10)], 1.0, 1.0),
        ([(1.0, 0), (2.0, 10), (INFINITY, 10)], 0.5, 1.5),
        ([(1.0, 5), (2.0, 5), (4.0, 10), (INFINITY, 10)], 0.75, 3.0),
        ([(1.0, 5), (INFINITY, 10)], 0.99, 1.0),
    ],
)
def test_quantiles_are_interpolated_within_their_bucket(
    buckets: list[tuple[float, float]], share: float, expected: float | None
) -> None:
    assert quantile(buckets, share) == expected


def test_a_person_reads_a_table() -> None:
    status = replace(status_of(busy()), memory_bytes=27_000_000)
    assert describe("media1", status, now=1_700_000_400.0) == (
        """\
media1: client, ng, 1 of 2 links up, running for 7 min, version 0.1.0

  link  state      for       RTT   sent  received  waiting  reconnects  peer
  0     up       5 min  20.50 ms  111 B     222 B      3 B           0  198.18.2.1:2223
  1     waiting  5 min         -  111 B     222 B      3 B           3  198.18.2.1:2223

  command  ok  error       p50       p99
  delete   99      1  50.00 ms  99.00 ms
  query     1      0  > 5.00 s  > 5.00 s

  sessions       7, 4.1 kB waiting
  in flight      2
  sent again     0, as their link died
  hedged         5, of which the second link won 2
  error replies  0, as no link was up
  from UDP       101 datagrams, 30.3 kB
  to UDP         0 datagrams, 0 B
  dropped        6 stale
  refused        none
  certificate    valid until 2027-01-15 08:00 UTC, for 1157 d more
  memory         27.0 MB"""
    )


@pytest.mark.parametrize(
    ("protocol", "consequence"),
    [
        ("ng", "NO LINK UP: every command is answered with an error"),
        ("raw", "NO LINK UP: every datagram is dropped"),
    ],
)
def test_a_client_without_a_link_says_so_at_once(protocol: str, consequence: str) -> None:
    tunnel = StandingTunnel()
    tunnel.now = replace(
        tunnel.now, protocol=protocol, links=[link("0", LinkState.CONNECTING, None)]
    )
    status = status_of(tunnel)
    assert not status.carries
    assert consequence in describe("media1", status, 0).splitlines()[1]


def test_a_server_without_a_client_is_well() -> None:
    tunnel = StandingTunnel()
    tunnel.now = replace(tunnel.now, role="server", links=[], certificate_not_after=None)
    status = status_of(tunnel)
    text = describe("media1", status, 1_700_000_000)
    assert status.carries
    assert text.startswith("media1: server, ng, 0 of 0 links up, running for 0 s")
    assert "certificate" not in text
    assert "hedged" not in text


def test_quantities_are_written_with_their_unit() -> None:
    assert [duration(s) for s in (-1, 59, 120, 7200, 86_400 * 2)] == (
        ["0 s", "59 s", "2 min", "2 h", "2 d"]
    )
    assert [latency(ms) for ms in (None, 0.123, 1500)] == ["-", "0.12 ms", "1.50 s"]
    assert [size(b) for b in (999, 1500, 2_000_000, 3_500_000_000)] == (
        ["999 B", "1.5 kB", "2.0 MB", "3.5 GB"]
    )
    assert expiry(0, 1) == "EXPIRED on 1970-01-01 00:00 UTC"


def test_a_running_tunnel_is_asked_over_http() -> None:
    with served(busy()) as address:
        assert read(address).commands[0].command == "delete"


def test_a_tunnel_that_does_not_run_is_told_with_its_address() -> None:
    address = Address("127.0.0.1", free_port())
    with pytest.raises(StatusError) as raised:
        read(address)
    assert str(raised.value) == f"{address}: nobody listens there: is the tunnel running?"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no metrics: SSH-2.0-OpenSSH_9.2"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "no metrics: HTTP 404 Not Found"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nother 1.0", "not a tunnel's"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<html>{{{", "not a tunnel's"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\xff", "no metrics: 'utf-8' codec"),
        (b"", "no metrics: Remote end closed connection"),
    ],
)
def test_whatever_else_listens_there_is_not_taken_for_a_tunnel(answer: bytes, error: str) -> None:
    def serve_one() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve_one)
        thread.start()
        with pytest.raises(StatusError) as raised:
            read(Address(*listening.getsockname()))
        thread.join()
    assert error in str(raised.value)


def test_without_an_address_every_instance_is_shown_and_bad_ones_spoil_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(status_command, "CONFIG_DIRECTORY", tmp_path)
    base = 'role = "client"\nlisten = "127.0.0.1:2223"\nserver = "198.18.2.1:2223"\ntls = false\n'
    with served(busy()) as address:
        (tmp_path / "media1.toml").write_text(f'{base}metrics = "{address}"\n')
        assert status_command.show(None, None, as_json=False)
        (tmp_path / "media2.toml").write_text(f'{base}metrics = "127.0.0.1:{free_port()}"\n')
        (tmp_path / "media3.toml").write_text(base)
        assert not status_command.show(None, None, as_json=True)
    text, _, written = capsys.readouterr().out.partition("[\n")
    assert text.startswith("media1: client, ng, 1 of 2 links up")
    assert [one["name"] for one in json.loads("[" + written)] == ["media1"]


def test_each_instance_that_does_not_answer_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(status_command, "CONFIG_DIRECTORY", tmp_path)
    base = 'role = "client"\nlisten = "127.0.0.1:2223"\nserver = "198.18.2.1:2223"\ntls = false\n'
    port = free_port()
    (tmp_path / "media2.toml").write_text(f'{base}metrics = "127.0.0.1:{port}"\n')
    (tmp_path / "media3.toml").write_text(base)
    assert not status_command.show(None, None, as_json=False)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        f"ngtunnel: media2: 127.0.0.1:{port}: nobody listens there: is the tunnel running?",
        f'ngtunnel: {tmp_path}/media3.toml: metrics: is missing: set it, such as "127.0.0.1:9223"',
    ]
