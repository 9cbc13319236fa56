"""The client's end by itself: hellos, start-up, what it shows of itself."""

from pathlib import Path

import pytest

from ngtunnel.config import Protocol, Timing
from ngtunnel.core.client import ClientCore, Connect, Disconnect, LinkUp
from ngtunnel.core.counters import LinkState
from ngtunnel.core.wire import VERSION, Kind, ServerHello, Status, pack_header
from ngtunnel.in_flight_file import InFlightFile
from tests.core.wiring import PEER, Tunnel, client_config, reply_to, request

ID = bytes(range(16))
OK = ServerHello(VERSION, Status.OK).encode()


def core(protocol: Protocol = Protocol.NG, links: int = 2) -> ClientCore:
    return ClientCore(client_config(protocol, links), ID, lambda: 0.0, 100.0)


def test_it_connects_all_its_links_at_once() -> None:
    client = core(links=3)
    client.timeout(100.0)
    assert client.actions == [Connect(0), Connect(1), Connect(2)]


@pytest.mark.parametrize(("protocol", "on_wire"), [(Protocol.RAW, 0), (Protocol.NG, 1)])
def test_its_hello_says_version_protocol_and_who_it_is(protocol: Protocol, on_wire: int) -> None:
    client = core(protocol)
    client.timeout(100.0)
    assert client.connected(0) == b"NGTN\x01" + bytes([on_wire, 0, 0]) + ID


def test_a_link_is_up_when_the_servers_hello_is_there_however_it_is_cut() -> None:
    client = core()
    client.timeout(100.0)
    client.connected(0)
    client.actions.clear()
    for byte in OK[:-1]:
        client.received(0, bytes([byte]), 100.0)
        assert client.links == []
        assert client.take(0, 100.0) == b""
    client.received(0, OK[-1:], 100.0)
    assert client.actions == [LinkUp(0)]
    assert client.links == [client.link(0)]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (Status.WRONG_VERSION, "it speaks version 9, this client 1: update the older"),
        (Status.WRONG_PROTOCOL, "its protocol is not this client's: ng or raw"),
        (Status.NOT_ALLOWED, "it does not allow this client: see allow and allow_names there"),
        (Status.FULL, "it has no room for another link: see limits there"),
        (77, "it refuses this client (status 77)"),
    ],
)
def test_a_hello_that_refuses_says_why_and_what_to_do(status: int, reason: str) -> None:
    client = core(links=1)
    client.timeout(100.0)
    client.connected(0)
    client.actions.clear()
    client.received(0, ServerHello(9, status).encode(), 100.0)
    (gone,) = client.actions
    assert isinstance(gone, Disconnect)
    assert gone.reason.startswith(reason)
    assert client.link(0) is None
    assert client.settled


def test_somebody_else_behind_the_port_is_told_by_its_first_bytes() -> None:
    client = core()
    client.timeout(100.0)
    client.connected(0)
    client.received(0, b"HTTP/1.1 400", 100.0)
    assert client.actions[-1] == Disconnect(
        0, "this is no ngtunnel server: it began with b'HTTP/1.1'"
    )


def test_frames_that_only_a_client_sends_mean_nothing_from_a_server() -> None:
    tunnel = Tunnel().start()
    tunnel.ask(request(b"1"))
    tunnel.inject(0, pack_header(Kind.CLOSE, 1, 0, 0), up=False)
    tunnel.advance(0.1)
    assert len(tunnel.answers(b"1")) == 1
    assert len(tunnel.client.links) == 2


def test_half_a_hello_of_an_earlier_connection_does_not_count() -> None:
    client = core(links=1)
    client.timeout(100.0)
    client.connected(0)
    client.received(0, OK[:4], 100.0)
    client.lost(0, 100.1)
    client.timeout(100.2)
    client.connected(0)
    client.received(0, OK, 100.2)
    assert len(client.links) == 1


def test_datagrams_are_not_to_be_read_before_a_link_is_up_or_all_have_failed() -> None:
    client = core()
    assert not client.settled
    client.timeout(100.0)
    client.lost(0, 100.0)
    assert not client.settled
    client.lost(1, 100.0)
    assert client.settled


def test_one_link_that_is_up_is_enough_to_begin() -> None:
    client = core()
    client.timeout(100.0)
    client.connected(1)
    client.received(1, OK, 100.0)
    assert client.settled


def test_once_begun_a_client_goes_on_whatever_becomes_of_its_links() -> None:
    tunnel = Tunnel().start()
    tunnel.kill_server()
    assert tunnel.client.settled
    tunnel.ask(request(b"1"))
    assert len(tunnel.replies) == 1


@pytest.mark.parametrize(("dead_after", "slept"), [(0.8, 3.0), (0.8, 0.7), (0.1, 0.2)])
def test_a_process_that_slept_gives_its_links_the_time_to_answer_and_no_more(
    dead_after: float, slept: float
) -> None:
    timing = Timing(heartbeat=0.04, dead_after=dead_after)
    client = ClientCore(client_config(links=1, timing=timing), ID, lambda: 0.0, 100.0)
    client.timeout(100.0)
    client.connected(0)
    client.received(0, OK, 100.0)
    client.timeout(100.01)
    client.actions.clear()
    # Woken, and timers run before what has come meanwhile is read.
    woken, ticks = 100.02 + slept, int((dead_after - 0.03) / 0.01)
    for step in range(ticks):
        client.timeout(woken + step * 0.01)
    assert client.actions == []
    for step in range(ticks, ticks + 4):
        client.timeout(woken + step * 0.01)
    assert isinstance(client.actions[0], Disconnect)


def test_a_timer_that_is_early_does_nothing() -> None:
    client = core()
    client.timeout(100.0)
    client.actions.clear()
    assert client.next_timer() > 100.0
    client.timeout(100.001)
    assert client.actions == []


def test_it_shows_its_links_in_every_state() -> None:
    tunnel = Tunnel()
    waiting = tunnel.client.snapshot(tunnel.now, 5000.0, 4000.0)
    assert [link.state for link in waiting.links] == [LinkState.WAITING] * 2
    assert [link.rtt for link in waiting.links] == [None, None]
    tunnel.advance(0.005)
    connecting = tunnel.client.snapshot(tunnel.now, 5000.0, 4000.0)
    assert [link.state for link in connecting.links] == [LinkState.CONNECTING] * 2
    tunnel.advance(1)
    tunnel.ask(request(b"1"))
    up = tunnel.client.snapshot(tunnel.now, 5000.0, 4000.0)
    assert (up.role, up.protocol, up.started, up.sessions, up.in_flight) == (
        "client", "ng", 4000.0, 1, 1,
    )  # fmt: skip
    assert [(link.name, link.state, link.peer) for link in up.links] == [
        ("0", LinkState.UP, "198.18.2.1:2223"),
        ("1", LinkState.UP, "198.18.2.1:2223"),
    ]
    for link in up.links:
        assert link.rtt == pytest.approx(0.02)
        assert link.since == pytest.approx(4999.0, abs=0.05)
        assert link.sent_bytes > 0
        assert link.received_bytes > 0


def test_it_shows_what_waits_to_be_written() -> None:
    tunnel = Tunnel().start()
    for index in (0, 1):
        tunnel.stall(index, room=0)
    tunnel.ask(request(b"1"))
    shown = tunnel.client.snapshot(tunnel.now, 0, 0)
    assert shown.queue_bytes == 11 + len(request(b"1"))
    assert sum(link.queue_bytes for link in shown.links) == shown.queue_bytes


def test_a_request_in_flight_when_the_process_dies_is_sent_by_the_next(tmp_path: Path) -> None:
    first = InFlightFile.open(tmp_path / "in-flight")
    killed = Tunnel(target=lambda _: [], store=first).start()
    killed.ask(request(b"1"))
    killed.advance(0.1)
    first.close()

    second = InFlightFile.open(tmp_path / "in-flight")
    tunnel = Tunnel(store=second).start()
    for peer, left_over in second.recover(killed.now, 5.0):
        tunnel.ask(left_over, peer)
    second.flush()
    tunnel.advance(0.1)
    second.flush()
    assert [(each.peer, each.data) for each in tunnel.replies] == [(PEER, reply_to(request(b"1")))]
    assert second.recover(tunnel.now, 5.0) == []
    second.close()
