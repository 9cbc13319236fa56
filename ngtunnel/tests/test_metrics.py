"""Metrics: what a scrape says, and that whoever asks badly harms nobody."""

import asyncio
import math
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ngtunnel import metrics
from ngtunnel.config import Address
from tests.standing_tunnel import StandingTunnel, free_port


@asynccontextmanager
async def _serving(tunnel: StandingTunnel) -> AsyncIterator[Address]:
    address = Address("127.0.0.1", free_port())
    server = await metrics.serve(address, tunnel)
    try:
        yield address
    finally:
        server.close()
        await server.wait_closed()


async def _ask(address: Address, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(*address)
    writer.write(request)
    try:
        return await asyncio.wait_for(reader.read(), 5)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


def _run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 20))


def _scrape(tunnel: StandingTunnel) -> dict[tuple[str, ...], float]:
    """Ask as Prometheus does, and name each sample by its name and label values."""
    found = {}

    async def ask() -> None:
        async with _serving(tunnel) as address:
            reply = await _ask(address, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        head, _, body = reply.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert f"Content-Length: {len(body)}\r\n".encode() in head + b"\r\n"
        for family in text_string_to_metric_families(body.decode()):
            for sample in family.samples:
                found[(sample.name, *(value for _, value in sorted(sample.labels.items())))] = (
                    sample.value
                )

    _run(ask())
    return found


def test_counters_are_read_at_the_scrape() -> None:
    tunnel = StandingTunnel()
    counters = tunnel.counters
    counters.commands["delete", "ok"] = 3
    counters.commands["offer", "error"] = 1
    counters.resends, counters.hedges, counters.hedge_wins = 4, 5, 2
    counters.dropped["stale"] = 6
    counters.refused["not allowed"] = 7
    counters.reconnects["1"] = 8
    counters.bytes_in, counters.bytes_out = 1000, 2000
    counters.datagrams_in, counters.datagrams_out = 10, 20
    counters.error_replies = 9
    scraped = _scrape(tunnel)
    expected = {
        ("ngtunnel_commands_total", "delete", "ok"): 3,
        ("ngtunnel_commands_total", "offer", "error"): 1,
        ("ngtunnel_resends_total",): 4,
        ("ngtunnel_hedges_total",): 5,
        ("ngtunnel_hedge_wins_total",): 2,
        ("ngtunnel_dropped_total", "stale"): 6,
        ("ngtunnel_refused_connections_total", "not allowed"): 7,
        ("ngtunnel_reconnects_total", "1"): 8,
        ("ngtunnel_bytes_total", "in"): 1000,
        ("ngtunnel_bytes_total", "out"): 2000,
        ("ngtunnel_datagrams_total", "in"): 10,
        ("ngtunnel_datagrams_total", "out"): 20,
        ("ngtunnel_error_replies_total",): 9,
    }
    assert expected.items() <= scraped.items()


def test_durations_are_cumulated_in_buckets() -> None:
    tunnel = StandingTunnel()
    for seconds in (0.02, 0.021, 0.6, 7.0):
        tunnel.counters.command_seconds["delete"].observe(seconds)
    scraped = _scrape(tunnel)
    buckets = {
        bound: scraped["ngtunnel_command_seconds_bucket", "delete", bound]
        for bound in ("0.01", "0.02", "0.03", "0.5", "0.75", "5.0", "+Inf")
    }
    assert list(buckets.values()) == [0, 1, 2, 2, 3, 3, 4]
    assert scraped["ngtunnel_command_seconds_count", "delete"] == 4
    assert math.isclose(scraped["ngtunnel_command_seconds_sum", "delete"], 7.641)


def test_links_sessions_and_queues_are_told_as_they_are_now() -> None:
    expected = {
        ("ngtunnel_links", "up"): 1,
        ("ngtunnel_links", "waiting"): 1,
        ("ngtunnel_links", "connecting"): 0,
        ("ngtunnel_links", "draining"): 0,
        ("ngtunnel_link_rtt_seconds", "0"): 0.0205,
        ("ngtunnel_link_state_since_seconds", "1", "198.18.2.1:2223", "waiting"): 1_700_000_100,
        ("ngtunnel_link_bytes_total", "sent", "0"): 111,
        ("ngtunnel_link_bytes_total", "received", "0"): 222,
        ("ngtunnel_link_queue_bytes", "1"): 3,
        ("ngtunnel_sessions",): 7,
        ("ngtunnel_commands_in_flight",): 2,
        ("ngtunnel_queue_bytes",): 4096,
        ("ngtunnel_start_time_seconds",): 1_700_000_000,
        ("ngtunnel_certificate_expiry_seconds",): 1_800_000_000,
    }
    scraped = _scrape(StandingTunnel())
    assert expected.items() <= scraped.items()
    assert ("ngtunnel_link_rtt_seconds", "1") not in scraped
    assert scraped["process_resident_memory_bytes",] > 1_000_000


def test_without_tls_no_certificate_expires() -> None:
    tunnel = StandingTunnel()
    tunnel.now = replace(tunnel.now, certificate_not_after=None)
    assert ("ngtunnel_certificate_expiry_seconds",) not in _scrape(tunnel)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /metrics?x=1 HTTP/1.0\r\n\r\n", b"200"),
        (b"GET / HTTP/1.1\r\n\r\n", b"200"),
        (b"GET /etc/passwd HTTP/1.1\r\n\r\n", b"404"),
        (b"POST /metrics HTTP/1.1\r\n\r\n", b"405"),
        (b"\x16\x03\x01\x00\xff\r\n\r\n", b"405"),
    ],
)
def test_what_is_asked_badly_is_told_so(request_bytes: bytes, status: bytes) -> None:
    async def ask() -> None:
        async with _serving(StandingTunnel()) as address:
            assert (await _ask(address, request_bytes))[9:12] == status

    _run(ask())


def test_a_request_without_an_end_gets_no_answer_and_is_not_kept() -> None:
    async def ask() -> None:
        async with _serving(StandingTunnel()) as address:
            assert await _ask(address, b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000) == b""

    _run(ask())


def test_head_gets_the_head_only() -> None:
    async def ask() -> None:
        async with _serving(StandingTunnel()) as address:
            reply = await _ask(address, b"HEAD /metrics HTTP/1.1\r\n\r\n")
            assert reply.startswith(b"HTTP/1.1 200 OK\r\n")
            assert reply.endswith(b"\r\n\r\n")

    _run(ask())


def test_whoever_says_nothing_is_left_and_others_are_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metrics, "REQUEST_TIMEOUT_S", 0.3)

    async def ask() -> None:
        async with _serving(StandingTunnel()) as address:
            silent = asyncio.create_task(_ask(address, b"GET /metrics"))
            assert (await _ask(address, b"GET / HTTP/1.1\r\n\r\n"))[9:12] == b"200"
            assert not silent.done()
            assert await silent == b""

    _run(ask())


def test_more_connections_than_a_few_get_no_answer() -> None:
    async def ask() -> None:
        async with _serving(StandingTunnel()) as address:
            held = [await asyncio.open_connection(*address) for _ in range(metrics.MAX_CONNECTIONS)]
            assert await _ask(address, b"GET / HTTP/1.1\r\n\r\n") == b""
            for _, writer in held:
                writer.close()
                await writer.wait_closed()
            while not await _ask(address, b"GET / HTTP/1.1\r\n\r\n"):
                pass

    _run(ask())


def test_a_port_in_use_is_an_error_for_whoever_starts_the_server() -> None:
    async def ask() -> None:
        async with _serving(StandingTunnel()) as address:
            with pytest.raises(OSError) as raised:  # noqa: PT011 - asserted below
                await metrics.serve(address, StandingTunnel())
        assert raised.value.strerror == (
            f"cannot listen on {address} for metrics: Address already in use"
        )

    _run(ask())
