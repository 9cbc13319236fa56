"""The server's end by itself: who is let in, and what it shows of itself."""

import pytest

from ngtunnel.config import Limits, Protocol
from ngtunnel.core import server as server_module
from ngtunnel.core.counters import LinkState
from ngtunnel.core.ng import MARK_SIZE, mark_of
from ngtunnel.core.server import Disconnect, Forget, LinkUp, ServerCore
from ngtunnel.core.wire import ClientHello, Kind, ServerHello, Status, pack_header
from tests.core.wiring import Tunnel, request, server_config

NOW = 50.0
ID = bytes(range(16))
HELLO = ClientHello(1, 1, ID).encode()


def core(protocol: Protocol = Protocol.NG, limits: Limits | None = None) -> ServerCore:
    return ServerCore(server_config(protocol, limits=limits), NOW)


def connect(server: ServerCore, number: int, hello: bytes = HELLO, host: str = "192.0.2.1") -> int:
    """Connect and say hello; return the status."""
    server.accepted(number, f"{host}:{number}", host, NOW)
    return ServerHello.decode(server.received(number, hello, NOW)).status


def data(number: int, payload: bytes) -> bytes:
    return pack_header(Kind.DATA, number, int(NOW * 1000), len(payload)) + payload


def test_a_client_is_welcomed_however_its_hello_is_cut() -> None:
    server = core()
    server.accepted(1, "a", "192.0.2.1", NOW)
    answers = [server.received(1, bytes([byte]), NOW) for byte in HELLO]
    assert answers[:-1] == [b""] * 23
    assert ServerHello.decode(answers[-1]) == ServerHello(1, Status.OK)
    assert server.actions == [LinkUp(1)]


def test_a_request_may_follow_a_hello_at_once() -> None:
    server = core()
    server.accepted(1, "a", "192.0.2.1", NOW)
    assert server.received(1, HELLO + data(7, request(b"1")), NOW)
    ((session, payload),) = server.to_target
    assert (session.key, payload) == ((ID, 7), mark_of("192.0.2.1") + request(b"1"))


def asked(server: ServerCore, number: int, cookie: bytes = b"1234_1", session: int = 1) -> bytes:
    """Send a request on a link; return the cookie that the target sees."""
    server.received(number, data(session, request(cookie)), NOW)
    _, payload = server.to_target.pop()
    return payload.partition(b" ")[0]


def test_two_proxies_that_make_the_same_cookie_are_two_to_the_target() -> None:
    server = core()
    for number, client in ((1, ID), (2, bytes(16))):
        connect(server, number, ClientHello(1, 1, client).encode(), f"192.0.2.{number}")
    first, second = asked(server, 1), asked(server, 2)
    assert first != second
    assert first[MARK_SIZE:] == second[MARK_SIZE:] == b"1234_1"


@pytest.mark.parametrize("host", ["192.0.2.1", "192.0.2.9"])
def test_a_cookie_stays_the_same_on_all_links_of_a_client(host: str) -> None:
    server = core()
    connect(server, 1)
    connect(server, 2, host=host)
    first = asked(server, 1)
    assert first == asked(server, 2, session=3)


def test_a_cookie_stays_the_same_when_its_proxy_host_is_another_process() -> None:
    server = core()
    connect(server, 1)
    connect(server, 2, ClientHello(1, 1, bytes(16)).encode())
    assert asked(server, 1) == asked(server, 2)


def test_a_name_that_was_proved_tells_proxies_behind_one_address_apart() -> None:
    server = core()
    for number, client in ((1, ID), (2, bytes(16))):
        server.accepted(number, f"a:{number}", "192.0.2.1", NOW)
        server.proved(number, f"sip{number}")
        server.received(number, ClientHello(1, 1, client).encode(), NOW)
    assert asked(server, 1) != asked(server, 2)


def test_the_proxy_gets_its_own_cookie_back() -> None:
    server = core()
    connect(server, 1)
    server.received(1, data(1, request(b"1234_1")), NOW)
    session, payload = server.to_target.pop()
    server.reply(session, payload.partition(b" ")[0] + b" d6:result2:oke", NOW)
    link = server.links[1].link
    assert link is not None
    assert link.take(NOW).endswith(b"1234_1 d6:result2:oke")


def test_a_raw_datagram_carries_no_mark() -> None:
    server = core(Protocol.RAW)
    connect(server, 1, ClientHello(1, 0, ID).encode())
    server.received(1, data(1, b"1234_1 d"), NOW)
    assert server.to_target.pop()[1] == b"1234_1 d"


@pytest.mark.parametrize(
    ("hello", "status"),
    [
        (ClientHello(2, 1, ID), Status.WRONG_VERSION),
        (ClientHello(0, 0, ID), Status.WRONG_VERSION),
        (ClientHello(1, 0, ID), Status.WRONG_PROTOCOL),
        (ClientHello(1, 9, ID), Status.WRONG_PROTOCOL),
    ],
)
def test_a_hello_that_does_not_fit_is_answered_with_the_reason(
    hello: ClientHello, status: Status
) -> None:
    server = core()
    assert connect(server, 1, hello.encode()) == status
    assert server.links == {}
    assert server.counters.refused == {status.name.lower(): 1}
    assert server.actions == [
        Disconnect(1, f"its hello is not acceptable: {status.name.lower().replace('_', ' ')}")
    ]


def test_a_raw_server_takes_raw_clients_only() -> None:
    server = core(Protocol.RAW)
    assert connect(server, 1, ClientHello(1, 0, ID).encode()) == Status.OK
    assert connect(server, 2, ClientHello(1, 1, ID).encode()) == Status.WRONG_PROTOCOL


def test_there_are_so_many_links_and_so_many_of_one_client_and_no_more() -> None:
    server = core(limits=Limits(links=3, links_per_client=2))
    other = ClientHello(1, 1, b"o" * 16).encode()
    third = ClientHello(1, 1, b"t" * 16).encode()
    assert connect(server, 1) == Status.OK
    assert connect(server, 2) == Status.OK
    assert connect(server, 3) == Status.FULL
    assert connect(server, 4, other) == Status.OK
    assert connect(server, 5, third) == Status.FULL
    server.lost(1)
    assert connect(server, 6, third) == Status.OK
    assert server.counters.refused == {"full": 2}


@pytest.mark.parametrize(
    "garbage",
    [b"GET / HTTP/1.1\r\nHost: media1\r\n\r\n", bytes(24), b"\x16\x03\x01\x02" + bytes(100)],
)
def test_a_stranger_is_turned_out_by_its_first_bytes(garbage: bytes) -> None:
    server = core()
    server.accepted(1, "a", "192.0.2.1", NOW)
    assert server.received(1, garbage, NOW) == b""
    (gone,) = server.actions
    assert isinstance(gone, Disconnect)
    assert gone.reason == f"this is no ngtunnel client: it began with {garbage[:8]!r}"
    assert server.counters.refused == {"garbage": 1}
    assert server.links == {}


def test_a_link_that_sends_garbage_after_its_hello_is_turned_out() -> None:
    server = core()
    connect(server, 1)
    server.received(1, pack_header(99, 0, 0, 0), NOW)
    assert server.actions[-1] == Disconnect(1, "a frame of unknown kind 99")
    assert server.links == {}


def test_what_still_comes_from_a_link_that_was_turned_out_is_ignored() -> None:
    server = core()
    server.accepted(1, "a", "192.0.2.1", NOW)
    server.received(1, bytes(24), NOW)
    assert server.received(1, HELLO, NOW) == b""
    server.lost(1)
    assert server.links == {}


def test_half_a_hello_and_silence_end_when_the_time_for_a_hello_is_over() -> None:
    server = core()
    server.timeout(NOW)
    server.accepted(1, "a", "192.0.2.1", NOW)
    server.received(1, HELLO[:10], NOW)
    for step in range(1, 41):
        server.timeout(NOW + step * 0.05)
    assert server.actions == []
    server.timeout(NOW + 2.05)
    assert server.actions == [Disconnect(1, "no hello in time")]
    assert server.counters.refused == {"hello_timeout": 1}


def test_a_server_that_slept_gives_a_hello_its_time_all_the_same() -> None:
    server = core()
    server.timeout(NOW)
    server.accepted(1, "a", "192.0.2.1", NOW)
    server.timeout(NOW + 3)
    assert server.actions == []
    server.timeout(NOW + 3.05)
    server.timeout(NOW + 3.1)
    assert server.received(1, HELLO, NOW + 3.1)


def test_a_flood_of_connections_from_one_host_keeps_no_other_out() -> None:
    server = core(limits=Limits(pending_links=32))
    server.accepted(1, "quiet", "192.0.2.7", NOW)
    for number in range(2, 10_000):
        server.accepted(number, "flood", "203.0.113.9", NOW)
        assert len(server.links) <= 32
    assert ServerHello.decode(server.received(1, HELLO, NOW)).status == Status.OK
    assert server.counters.refused["pending"] == 9_999 - 32
    assert server.actions[0] == Disconnect(2, "too many others wait to say hello as well")


def test_links_that_are_established_do_not_count_as_waiting_for_a_hello() -> None:
    server = core(limits=Limits(pending_links=2))
    for number in range(1, 11):
        assert connect(server, number) == Status.OK
    assert len(server.links) == 10


def test_a_request_that_is_no_ng_does_not_reach_the_target() -> None:
    server = core()
    connect(server, 1)
    server.received(1, data(7, b"OPTIONS sip:x"), NOW)
    assert server.to_target == []
    assert server.counters.dropped == {"not_ng": 1}


def test_a_client_may_close_a_session_and_one_that_is_not_there() -> None:
    server = core()
    connect(server, 1)
    server.received(1, data(7, request(b"1")), NOW)
    ((session, _),) = server.to_target
    server.received(1, pack_header(Kind.CLOSE, 7, 0, 0) + pack_header(Kind.CLOSE, 8, 0, 0), NOW)
    assert server.actions[-1] == Forget(session)
    assert server.snapshot(NOW, 0, 0).sessions == 0


def test_frames_that_only_a_server_sends_mean_nothing_from_a_client() -> None:
    server = core()
    connect(server, 1)
    actions = list(server.actions)
    server.received(1, pack_header(Kind.DRAIN, 0, 0, 0) + pack_header(Kind.REFUSED, 7, 0, 0), NOW)
    assert server.actions == actions
    assert len(server.links) == 1


def test_two_clients_with_the_same_session_number_and_cookie_are_kept_apart() -> None:
    server = core()
    connect(server, 1)
    connect(server, 2, ClientHello(1, 1, b"o" * 16).encode())
    for number in (1, 2):
        server.received(number, data(7, request(b"1")), NOW)
    (one, _), (two, _) = server.to_target
    assert one is not two
    server.reply(two, b"1 d6:result2:oke", NOW)
    assert {at.number for at in server.writable} == {2}


def test_a_ping_is_answered_without_anything_else_to_write() -> None:
    server = core()
    connect(server, 1)
    server.received(1, pack_header(Kind.PING, 0, 0, 0), NOW)
    (at,) = server.writable
    assert at.link is not None
    assert at.link.take(NOW) == pack_header(Kind.PONG, 0, int(NOW * 1000), 0)


def test_requests_that_the_target_never_answers_are_remembered_up_to_a_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server_module, "_MAX_WAITING", 100)
    server = core()
    connect(server, 1)
    for number in range(150):
        server.received(1, data(7, request(b"%d" % number)), NOW)
    assert server.in_flight == 100
    session = server.to_target[0][0]
    server.reply(session, b"0 d6:result2:oke", NOW)
    assert server.counters.dropped["duplicate"] == 1
    server.reply(session, b"149 d6:result2:oke", NOW)
    assert server.in_flight == 99


def test_peers_beyond_the_limit_push_out_the_one_that_was_idle_the_longest() -> None:
    server = core(limits=Limits(sessions=2))
    connect(server, 1)
    for number in (1, 2, 3):
        server.received(1, data(number, request(b"1")), NOW)
    server.timeout(NOW + 0.01)
    assert server.actions[-1] == Forget(server.to_target[0][0])
    assert server.snapshot(NOW, 0, 0).sessions == 2


def test_it_shows_the_links_that_have_introduced_themselves() -> None:
    tunnel = Tunnel().start(1)
    tunnel.server.accepted(99, "stranger", "192.0.2.9", tunnel.now)
    tunnel.ask(request(b"1"))
    tunnel.advance(tunnel.latency + 0.0001)
    shown = tunnel.server.snapshot(tunnel.now, 5000.0, 4000.0)
    assert (shown.role, shown.protocol, shown.started, shown.sessions, shown.in_flight) == (
        "server", "ng", 4000.0, 1, 1,
    )  # fmt: skip
    assert [(link.name, link.state, link.peer) for link in shown.links] == [
        ("client", LinkState.UP, "client")
    ] * 2
    for link in shown.links:
        assert link.rtt == pytest.approx(0.02)
        assert link.since == pytest.approx(4999.0, abs=0.05)
        assert link.sent_bytes > 0
        assert link.received_bytes > 0
    assert shown.queue_bytes == 0
    tunnel.server.drain(tunnel.now)
    assert tunnel.server.snapshot(tunnel.now, 0, 0).queue_bytes == 22


def test_a_frame_with_a_strange_session_number_is_a_session_like_any_other() -> None:
    server = core()
    connect(server, 1)
    for number in (0, 2**32 - 1):
        server.received(1, data(number, request(b"1")), NOW)
    assert [session.key[1] for session, _ in server.to_target] == [0, 2**32 - 1]
