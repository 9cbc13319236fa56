"""Both ends of an ng tunnel back to back: what a proxy sees."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngtunnel.config import Limits, Timing
from ngtunnel.core.client import NotNg
from ngtunnel.core.ng import MAX_COOKIE, result_of
from ngtunnel.core.wire import Kind, pack_header
from tests.core.wiring import (
    OTHER_PEER,
    PEER,
    Tunnel,
    client_config,
    echo,
    reply_to,
    request,
    server_config,
)

ERROR = b"%b d12:error-reason30:ngtunnel: no link to rtpengine6:result5:errore"
DEAD_WITHIN = 0.8 + 0.05
"""dead_after and a tick, in seconds."""


def carrier(tunnel: Tunnel) -> int:
    """The link that carries PEER's requests."""
    return next(
        index for index in range(2) if (link := tunnel.client.link(index)) and link.chosen == 1
    )


def settled_on(tunnel: Tunnel) -> int:
    """Send one request, and return the link that it took."""
    tunnel.ask(request(b"first"))
    tunnel.advance(0.1)
    assert len(tunnel.answers(b"first")) == 1
    return carrier(tunnel)


def test_a_request_comes_to_the_target_and_its_reply_back_to_the_peer_that_asked() -> None:
    tunnel = Tunnel().start()
    tunnel.ask(request(b"1"))
    tunnel.ask(request(b"1", "offer"), OTHER_PEER)
    tunnel.advance(0.1)
    assert [(each.peer, each.data) for each in tunnel.replies] == [
        (PEER, reply_to(request(b"1"))),
        (OTHER_PEER, reply_to(request(b"1", "offer"))),
    ]
    assert tunnel.client.counters.commands == {("delete", "ok"): 1, ("offer", "ok"): 1}
    assert tunnel.client.counters.hedges == 0


def test_each_peer_has_a_session_of_its_own_at_the_target() -> None:
    tunnel = Tunnel().start()
    for port in range(100):
        tunnel.ask(request(b"1"), ("127.0.0.1", 50_000 + port))
    tunnel.advance(0.1)
    assert len({id(session) for session, _ in tunnel.arrived}) == 100
    assert len(tunnel.replies) == 100


@given(st.lists(st.integers(0, 1500), min_size=1, max_size=30), st.integers(0, 1000))
def test_boundaries_and_order_within_a_peer_are_kept(lengths: list[int], seed: int) -> None:
    tunnel = Tunnel(seed=seed).start()
    sent = [
        request(b"%d" % number, "x" * length) if length else request(b"%d" % number)
        for number, length in enumerate(lengths)
    ]
    for number, datagram in enumerate(sent):
        tunnel.ask(datagram)
        if number % 3 == 0:
            tunnel.advance(0.001)
    tunnel.advance(0.2)
    assert [data for _, data in tunnel.arrived] == sent
    assert [each.data for each in tunnel.replies] == [reply_to(each) for each in sent]


def test_the_order_within_a_peer_outlives_a_stall_of_all_links() -> None:
    tunnel = Tunnel(client_config(timing=Timing(hedge_max=5.0))).start(3)
    settled_on(tunnel)
    tunnel.arrived.clear()
    for index in (0, 1):
        tunnel.stall(index)
    sent = [request(b"%d" % number) for number in range(20)]
    for datagram in sent:
        tunnel.ask(datagram)
        tunnel.advance(0.02)
    for index in (0, 1):
        tunnel.resume(index)
    tunnel.advance(0.1)
    assert list(dict.fromkeys(data for _, data in tunnel.arrived)) == sent


def test_datagrams_of_up_to_65507_bytes_are_carried_both_ways() -> None:
    head, tail = b"1 d7:command6:delete3:sdp65", b"e"
    datagram = head + b"x" * (65_507 - len(head) - len(tail)) + tail
    assert len(datagram) == 65_507
    answer = datagram.replace(b"7:command6:delete", b"6:result11:not a known")
    assert len(answer) > 65_507
    answer = answer[:65_507]
    tunnel = Tunnel(target=lambda _: [(0.0, answer)]).start()
    tunnel.ask(datagram)
    tunnel.advance(0.1)
    assert [data for _, data in tunnel.arrived] == [datagram]
    assert [each.data for each in tunnel.replies] == [answer]


def test_a_datagram_longer_than_allowed_is_dropped_where_it_is_read_and_costs_no_link() -> None:
    small = Limits(datagram_bytes=512)
    tunnel = Tunnel(client_config(limits=small), server_config(limits=small)).start()
    tunnel.ask(request(b"1", "x" * 600))
    tunnel.advance(0.1)
    tunnel.target = lambda datagram: [(0.0, b"2 d" + bytes(600)), (0.0, reply_to(datagram))]
    tunnel.ask(request(b"2"))
    tunnel.advance(0.1)
    assert tunnel.client.counters.dropped["too_long"] == 1
    assert tunnel.server.counters.dropped["too_long"] == 1
    assert tunnel.disconnects() == []
    assert [each.data for each in tunnel.replies] == [reply_to(request(b"2"))]


def test_a_proxys_retry_gets_one_reply_and_asks_the_target_again() -> None:
    tunnel = Tunnel(target=echo(1.5)).start()
    tunnel.ask(request(b"1"))
    tunnel.advance(1.0)
    tunnel.ask(request(b"1"))
    tunnel.advance(3.0)
    assert len(tunnel.answers(b"1")) == 1
    assert len(tunnel.arrived) == 2
    assert tunnel.server.counters.dropped["duplicate"] == 1


def test_a_retry_from_a_peer_whose_session_had_to_make_room_gets_one_reply() -> None:
    crowded = Limits(sessions=1)
    tunnel = Tunnel(client_config(limits=crowded)).start()
    tunnel.ask(request(b"1"))
    tunnel.ask(request(b"1"), OTHER_PEER)
    tunnel.ask(request(b"1"))
    tunnel.advance(2)
    assert len(tunnel.answers(b"1")) == len(tunnel.answers(b"1", OTHER_PEER)) == 1


def test_what_is_no_ng_is_dropped_counted_and_told_with_its_first_bytes() -> None:
    tunnel = Tunnel().start()
    tunnel.ask(b"OPTIONS sip:media1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1\r\n")
    tunnel.advance(0.1)
    assert tunnel.client.counters.dropped == {"not_ng": 1, "unanswered": 0}
    assert NotNg(PEER, b"OPTIONS sip:media1 SIP/2.0\r\nVia:") in tunnel.said
    assert tunnel.arrived == []


def test_a_reply_that_nobody_asked_for_is_dropped_at_the_server() -> None:
    tunnel = Tunnel(
        target=lambda datagram: [
            (0.0, b"x d6:result2:oke"),
            (0.0, b"no ng"),
            (0.0, reply_to(datagram)),
            (0.0, reply_to(datagram)),
        ]
    ).start()
    tunnel.ask(request(b"1"))
    tunnel.advance(0.1)
    assert [each.data for each in tunnel.replies] == [reply_to(request(b"1"))]
    assert tunnel.server.counters.dropped["duplicate"] == 3


# A link dies


def test_commands_in_flight_are_sent_again_at_once_when_their_link_dies() -> None:
    tunnel = Tunnel().start()
    first = settled_on(tunnel)
    tunnel.stall(first)
    for number in range(10):
        tunnel.ask(request(b"%d" % number))
    tunnel.advance(0.001)
    tunnel.reset(first)
    tunnel.advance(2 * tunnel.latency + 0.002)
    assert len(tunnel.replies) == 1 + 10
    assert tunnel.client.counters.resends == 10
    assert tunnel.client.counters.error_replies == 0


def test_a_reply_that_was_under_way_when_its_link_died_comes_by_the_other_link() -> None:
    tunnel = Tunnel(target=echo(0.05)).start()
    first = settled_on(tunnel)
    tunnel.ask(request(b"1"))
    tunnel.advance(0.03)
    tunnel.reset(first)
    tunnel.advance(0.06)
    assert [each.data for each in tunnel.answers(b"1")] == [reply_to(request(b"1"))]
    # The second copy only asks for the reply as well: the target is not asked twice.
    assert len([data for _, data in tunnel.arrived if data == request(b"1")]) == 1


def test_a_link_that_only_the_server_has_lost_does_not_cost_its_reply() -> None:
    tunnel = Tunnel(client_config(timing=Timing(hedge_max=5.0)), target=echo(0.05)).start()
    first = settled_on(tunnel)
    tunnel.ask(request(b"1"))
    tunnel.advance(0.02)
    tunnel.server.lost(first + 1)
    tunnel.advance(0.05)
    assert len(tunnel.answers(b"1")) == 1


@pytest.mark.parametrize(("up", "down"), [(True, True), (True, False), (False, True)])
def test_a_link_that_goes_nowhere_is_found_dead_in_time_whatever_the_traffic(
    up: bool, down: bool
) -> None:
    tunnel = Tunnel().start(2)
    first = settled_on(tunnel)
    tunnel.stall(first, up=up, down=down)
    began = tunnel.now
    number = 0
    while not tunnel.disconnects():
        number += 1
        tunnel.ask(request(b"%d" % number))
        tunnel.advance(0.01)
        assert tunnel.now - began < DEAD_WITHIN + 0.02
    assert "no answer to heartbeats" in tunnel.disconnects()[0]
    tunnel.advance(1)
    for each in range(1, number + 1):
        reply = tunnel.answers(b"%d" % each)
        assert len(reply) == 1
        assert result_of(reply[0].data) == "ok"
    assert tunnel.client.counters.error_replies == 0


def test_a_half_open_link_is_found_dead_by_the_server_as_well() -> None:
    tunnel = Tunnel().start(2)
    tunnel.unreachable = True
    tunnel.stall(0)
    tunnel.advance(DEAD_WITHIN + 0.01)
    assert len(tunnel.server.links) == 1


def test_a_lost_link_comes_back_and_is_used_again() -> None:
    tunnel = Tunnel().start()
    tunnel.reset(0)
    assert len(tunnel.client.links) == 1
    tunnel.advance(0.3)
    assert len(tunnel.client.links) == 2
    assert tunnel.client.counters.reconnects == {"0": 1}
    tunnel.reset(1)
    tunnel.ask(request(b"1"))
    tunnel.advance(0.1)
    assert len(tunnel.answers(b"1")) == 1


def test_a_link_that_was_up_for_long_is_tried_again_soon_and_one_that_never_was_ever_later() -> (
    None
):
    tunnel = Tunnel().start()
    tunnel.kill_server()
    tunnel.advance(60)
    tries = tunnel.connecting
    tunnel.advance(60)
    assert 2 * 60 / 2.1 <= tunnel.connecting - tries <= 2 * 60 / 1.0
    tunnel.start_server()
    tunnel.advance(5)
    assert len(tunnel.client.links) == 2
    tunnel.reset(0)
    tunnel.advance(0.1 + 0.05 + 3 * tunnel.latency)
    assert len(tunnel.client.links) == 2


def test_an_attempt_that_took_long_and_failed_is_no_success_after_which_to_begin_anew() -> None:
    timing = Timing(connect_timeout=0.6, reconnect_max=0.5)
    tunnel = Tunnel(client_config(links=1, timing=timing))
    tunnel.unreachable = True
    tunnel.start(100)
    assert tunnel.connecting <= 100 / (0.6 + 0.25)


def test_an_address_that_swallows_everything_is_tried_again_after_the_time_to_connect() -> None:
    tunnel = Tunnel()
    tunnel.unreachable = True
    tunnel.start(10)
    assert not tunnel.client.links
    assert 2 * 3 <= tunnel.connecting <= 2 * 6
    assert set(tunnel.disconnects()) == {"no answer to the hello in time"}
    tunnel.unreachable = False
    tunnel.advance(4)
    assert len(tunnel.client.links) == 2


# A reply is late


def test_a_late_reply_is_asked_for_on_the_second_link_and_the_first_to_come_wins() -> None:
    tunnel = Tunnel().start(2)
    first = settled_on(tunnel)
    tunnel.stall(first)
    tunnel.ask(request(b"1"))
    tunnel.advance(0.1)
    reply = tunnel.answers(b"1")
    assert len(reply) == 1
    # One round trip's patience, and one round trip on the second link.
    assert reply[0].at - (tunnel.now - 0.1) < 0.065 + 0.025
    assert (tunnel.client.counters.hedges, tunnel.client.counters.hedge_wins) == (1, 1)
    tunnel.resume(first)
    tunnel.advance(1)
    assert len(tunnel.answers(b"1")) == 1
    assert tunnel.client.counters.dropped["duplicate"] == 1


def test_a_reply_that_the_target_takes_time_for_comes_on_every_link_that_asked_for_it() -> None:
    tunnel = Tunnel().start(2)
    first = settled_on(tunnel)
    tunnel.target = echo(0.2)
    tunnel.stall(first, up=False)
    tunnel.ask(request(b"1"))
    tunnel.advance(0.25)
    assert len(tunnel.answers(b"1")) == 1
    assert len([data for _, data in tunnel.arrived if data == request(b"1")]) == 1


def test_the_time_after_which_a_reply_is_late_adapts_to_the_target() -> None:
    tunnel = Tunnel(latency=0.001, target=echo(0.1)).start()
    for number in range(50):
        tunnel.ask(request(b"%d" % number))
        tunnel.advance(0.3)
    assert len(tunnel.replies) == 50
    assert 1 <= tunnel.client.counters.hedges < 10


def test_a_reply_that_took_two_tries_of_the_proxy_says_nothing_of_the_link() -> None:
    tunnel = Tunnel(client_config(links=1)).start()
    tunnel.target = lambda _: []
    tunnel.ask(request(b"1"))
    tunnel.advance(1)
    tunnel.target = echo()
    tunnel.ask(request(b"1"))
    tunnel.advance(0.1)
    link = tunnel.client.link(0)
    assert len(tunnel.answers(b"1")) == 1
    assert link is not None
    assert link.commands.smoothed is None


def test_with_one_link_there_is_no_second_to_ask_on() -> None:
    tunnel = Tunnel(client_config(links=1), target=echo(0.9)).start()
    tunnel.ask(request(b"1"))
    tunnel.advance(2)
    assert len(tunnel.answers(b"1")) == 1
    assert tunnel.client.counters.hedges == 0


def test_a_reply_may_be_asked_for_on_one_link_after_the_other() -> None:
    tunnel = Tunnel(client_config(links=3)).start(2)
    tunnel.ask(request(b"first"))
    tunnel.advance(0.1)
    tunnel.target = lambda _: []
    tunnel.ask(request(b"1"))
    tunnel.advance(1)
    assert tunnel.client.counters.hedges == 2


def test_a_second_link_that_is_lost_before_the_reply_is_late_is_not_asked() -> None:
    tunnel = Tunnel(target=echo(0.5)).start()
    tunnel.ask(request(b"1"))
    tunnel.advance(0.001)
    tunnel.server_down = True
    tunnel.reset(1 - carrier(tunnel))
    tunnel.advance(0.9)
    assert tunnel.client.counters.hedges == 0
    assert len(tunnel.answers(b"1")) == 1


def test_a_command_that_was_sent_again_is_asked_for_once_more_if_it_is_late_there_too() -> None:
    tunnel = Tunnel(client_config(links=3)).start(2)
    tunnel.server_down = True
    tunnel.target = lambda _: []
    tunnel.ask(request(b"1"))
    first = next(index for index in range(3) if (link := tunnel.client.link(index)) and link.chosen)
    tunnel.reset(first)
    assert tunnel.client.counters.resends == 1
    tunnel.advance(1)
    assert tunnel.client.counters.hedges == 1


def test_links_that_have_died_do_not_stand_in_the_way_of_asking_on_another() -> None:
    tunnel = Tunnel(client_config(links=4), target=lambda _: []).start(2)
    tunnel.server_down = True
    tunnel.reset(2)
    tunnel.reset(3)
    tunnel.ask(request(b"1"))
    tunnel.advance(0.1)
    assert tunnel.client.counters.hedges == 1
    tunnel.server_down = False
    tunnel.advance(1)
    tunnel.server_down = True
    tunnel.reset(0)
    tunnel.reset(1)
    assert tunnel.client.counters.resends == 1
    tunnel.advance(0.6)
    assert tunnel.client.counters.hedges == 2


# No link


def test_without_a_link_each_request_is_answered_at_once_with_an_error_in_its_encoding() -> None:
    tunnel = Tunnel()
    tunnel.server_down = True
    tunnel.start(1)
    tunnel.ask(request(b"1"))
    tunnel.ask(b'2 {"command": "ping"}', OTHER_PEER)
    assert [each.data for each in tunnel.answers(b"1")] == [ERROR % b"1"]
    body = tunnel.answers(b"2", OTHER_PEER)[0].data.partition(b" ")[2]
    assert json.loads(body) == {
        "result": "error",
        "error-reason": "ngtunnel: no link to rtpengine",
    }
    assert {each.at for each in tunnel.replies} == {tunnel.now}
    assert tunnel.client.counters.error_replies == 2
    assert tunnel.client.counters.commands == {("delete", "no_link"): 1, ("ping", "no_link"): 1}


def test_when_the_last_link_dies_commands_in_flight_get_the_error_at_once() -> None:
    tunnel = Tunnel(target=echo(0.5)).start()
    tunnel.ask(request(b"1"))
    tunnel.advance(0.1)
    tunnel.kill_server()
    assert [each.data for each in tunnel.answers(b"1")] == [ERROR % b"1"]
    assert tunnel.replies[-1].at == tunnel.now
    tunnel.start_server()
    tunnel.advance(3)
    assert len(tunnel.answers(b"1")) == 1


def test_after_an_error_the_same_cookie_may_ask_again_and_gets_its_reply() -> None:
    tunnel = Tunnel().start()
    tunnel.kill_server()
    tunnel.ask(request(b"1"))
    tunnel.start_server()
    tunnel.advance(1)
    tunnel.ask(request(b"1"))
    tunnel.advance(0.1)
    assert [result_of(each.data) for each in tunnel.answers(b"1")] == ["error", "ok"]


def test_when_nobody_listens_behind_the_server_the_error_comes_at_once() -> None:
    tunnel = Tunnel(target=lambda _: []).start()
    tunnel.ask(request(b"other"), OTHER_PEER)
    tunnel.advance(0.1)
    tunnel.target_down = True
    tunnel.ask(request(b"1"))
    tunnel.advance(2 * tunnel.latency + 0.001)
    assert [each.data for each in tunnel.answers(b"1")] == [ERROR % b"1"]
    assert tunnel.answers(b"other", OTHER_PEER) == []
    assert tunnel.server.counters.dropped["target_refused"] == 1


def test_that_nobody_listens_is_told_nobody_when_the_client_has_gone_too() -> None:
    tunnel = Tunnel(client_config(links=1), target=lambda _: []).start()
    tunnel.ask(request(b"1"))
    tunnel.advance(0.1)
    ((session, _),) = tunnel.arrived
    tunnel.server_down = True
    tunnel.reset(0)
    tunnel.server.refused(session, tunnel.now)
    assert tunnel.server.counters.dropped["target_refused"] == 1
    assert not tunnel.server.writable


def test_the_reply_to_a_client_that_has_gone_is_dropped_and_counted() -> None:
    tunnel = Tunnel(target=echo(0.2)).start()
    tunnel.ask(request(b"1"))
    tunnel.advance(0.1)
    tunnel.unreachable = True
    tunnel.reset(0)
    tunnel.reset(1)
    tunnel.advance(0.2)
    assert tunnel.server.counters.dropped["no_link"] == 1


# The server stops


def test_a_server_that_stops_gets_no_new_requests_and_still_answers_the_old_ones() -> None:
    tunnel = Tunnel(target=echo(0.2)).start()
    tunnel.ask(request(b"old"))
    tunnel.advance(0.05)
    tunnel.server.drain(tunnel.now)
    tunnel.advance(2 * tunnel.latency)
    tunnel.ask(request(b"new"))
    assert [each.data for each in tunnel.answers(b"new")] == [ERROR % b"new"]
    tunnel.advance(0.3)
    assert [each.data for each in tunnel.answers(b"old")] == [reply_to(request(b"old"))]
    assert {str(link.state) for link in tunnel.client.snapshot(0, 0, 0).links} == {"draining"}


def test_a_server_tells_only_those_that_have_introduced_themselves_that_it_stops() -> None:
    tunnel = Tunnel().start()
    tunnel.server.accepted(99, "stranger", "192.0.2.9", tunnel.now)
    tunnel.server.drain(tunnel.now)
    assert {each.number for each in tunnel.server.writable} == {1, 2}


def test_peers_move_from_a_link_that_drains_to_one_that_does_not() -> None:
    tunnel = Tunnel().start()
    first = settled_on(tunnel)
    tunnel.inject(first, pack_header(Kind.DRAIN, 0, 0, 0), up=False)
    tunnel.advance(0.05)
    tunnel.ask(request(b"1"))
    tunnel.advance(0.1)
    assert result_of(tunnel.answers(b"1")[0].data) == "ok"
    other = tunnel.client.link(1 - first)
    assert other is not None
    assert other.chosen == 1


# Time


@pytest.mark.parametrize("late", [0.5, 1.2])
def test_a_reply_is_dropped_when_it_comes_later_than_the_proxys_own_retry(late: float) -> None:
    patient = Timing(hedge_max=5.0, dead_after=10.0)
    tunnel = Tunnel(client_config(links=1, timing=patient), server_config(timing=patient)).start(2)
    tunnel.ask(request(b"1"))
    tunnel.advance(tunnel.latency + 0.0005)
    tunnel.stall(0, up=False)
    tunnel.advance(late)
    tunnel.resume(0)
    tunnel.advance(0.1)
    assert len(tunnel.answers(b"1")) == (late < 1)
    assert tunnel.client.counters.dropped["late"] == (late > 1)


def test_requests_that_wait_too_long_for_a_full_link_are_dropped_before_they_are_sent() -> None:
    patient = Timing(hedge_max=5.0, dead_after=10.0)
    tunnel = Tunnel(client_config(links=1, timing=patient), server_config(timing=patient)).start(2)
    tunnel.stall(0, room=0)
    tunnel.ask(request(b"old"))
    tunnel.advance(0.8)
    tunnel.ask(request(b"young"))
    tunnel.advance(0.3)
    tunnel.resume(0)
    tunnel.advance(0.1)
    assert [data for _, data in tunnel.arrived] == [request(b"young")]
    assert tunnel.client.counters.dropped["stale"] == 1


@pytest.mark.parametrize("offset", [-1e6, -(2**32) / 1000 + 0.3, 0.0, 12345.678, 1e6])
@pytest.mark.parametrize("drift", [0.9995, 1.0005])
def test_the_two_ends_clocks_may_show_anything_and_drift_apart(offset: float, drift: float) -> None:
    tunnel = Tunnel(offset=offset, drift=drift).start()
    for number in range(60):
        tunnel.ask(request(b"%d" % number))
        tunnel.advance(0.5)
    assert len(tunnel.replies) == 60
    assert tunnel.client.counters.error_replies == 0
    assert tunnel.client.counters.dropped["late"] == tunnel.server.counters.dropped["late"] == 0


@pytest.mark.parametrize("seconds", [0.6, 1.0, 3.0])
def test_a_client_that_was_stopped_keeps_its_links_and_answers_what_waited(seconds: float) -> None:
    patient = Timing(dead_after=5.0)
    tunnel = Tunnel(server=server_config(timing=patient)).start(2)
    tunnel.pause_client(seconds)
    tunnel.advance(seconds / 2)
    tunnel.ask(request(b"1"))
    tunnel.advance(seconds / 2 + 0.5)
    assert tunnel.disconnects() == []
    assert result_of(tunnel.answers(b"1")[0].data) == "ok"


def test_a_link_that_died_while_the_client_was_stopped_is_found_dead_in_time_after() -> None:
    tunnel = Tunnel(server=server_config(timing=Timing(dead_after=10.0))).start(2)
    tunnel.pause_client(3.0)
    tunnel.advance(0.5)
    tunnel.stall(0)
    tunnel.advance(2.5 + DEAD_WITHIN + 0.01)
    assert len(tunnel.disconnects()) == 1


def test_a_server_that_was_stopped_does_not_blame_its_clients() -> None:
    tunnel = Tunnel(client_config(timing=Timing(dead_after=5.0))).start(2)
    tunnel.pause_server(3.0)
    tunnel.advance(4.0)
    assert tunnel.disconnects() == []
    assert len(tunnel.server.links) == 2


def test_a_command_without_a_reply_is_forgotten_at_both_ends_when_the_proxy_has_given_up() -> None:
    tunnel = Tunnel(target=lambda _: []).start()
    tunnel.ask(request(b"1"))
    tunnel.advance(4.9)
    assert (tunnel.client.in_flight, tunnel.server.in_flight) == (1, 1)
    tunnel.advance(0.3)
    assert (tunnel.client.in_flight, tunnel.server.in_flight) == (0, 0)
    assert tunnel.client.counters.dropped["unanswered"] == 1
    assert tunnel.server.counters.dropped["unanswered"] == 1


def test_a_peer_that_is_idle_is_forgotten_at_both_ends() -> None:
    short = Limits(session_idle=2.0)
    tunnel = Tunnel(client_config(limits=short)).start()
    tunnel.ask(request(b"1"))
    tunnel.advance(1.9)
    assert tunnel.server.snapshot(0, 0, 0).sessions == 1
    tunnel.advance(0.3)
    assert tunnel.client.snapshot(0, 0, 0).sessions == 0
    assert tunnel.server.snapshot(0, 0, 0).sessions == 0


def test_a_server_forgets_a_peer_by_itself_when_nobody_tells_it_to() -> None:
    tunnel = Tunnel(server=server_config(limits=Limits(session_idle=2.0))).start()
    tunnel.ask(request(b"1"))
    tunnel.advance(2.3)
    assert tunnel.client.snapshot(0, 0, 0).sessions == 1
    assert tunnel.server.snapshot(0, 0, 0).sessions == 0


def test_a_peer_that_goes_idle_while_no_link_is_up_is_forgotten_too() -> None:
    tunnel = Tunnel(client_config(limits=Limits(session_idle=1.0))).start()
    tunnel.ask(request(b"1"))
    tunnel.advance(0.1)
    tunnel.kill_server()
    tunnel.ask(request(b"2"), OTHER_PEER)
    tunnel.advance(2)
    assert tunnel.client.snapshot(0, 0, 0).sessions == 0


# Bounds


def test_commands_beyond_the_bound_are_dropped_and_counted() -> None:
    small = Limits(queue_bytes=4096, datagram_bytes=2000)
    tunnel = Tunnel(client_config(limits=small), target=lambda _: []).start()
    for number in range(5):
        tunnel.ask(request(b"%d" % number, "x" * 1000))
        tunnel.advance(0.05)
    assert tunnel.client.in_flight == 4
    assert tunnel.client.counters.dropped["queue_full"] == 1


def test_the_longest_cookie_that_is_allowed_is_carried() -> None:
    tunnel = Tunnel().start()
    tunnel.ask(request(b"c" * MAX_COOKIE))
    tunnel.advance(0.1)
    assert len(tunnel.answers(b"c" * MAX_COOKIE)) == 1


def test_garbage_from_the_server_costs_one_link_which_comes_back() -> None:
    tunnel = Tunnel().start()
    tunnel.inject(0, b"HTTP/1.1 400 Bad Request\r\n", up=False)
    tunnel.advance(0.02)
    assert tunnel.disconnects() == ["a frame of unknown kind 72"]
    tunnel.advance(0.4)
    assert len(tunnel.client.links) == 2


def test_garbage_from_a_client_costs_its_link_only() -> None:
    tunnel = Tunnel().start()
    tunnel.inject(0, bytes(100), up=True)
    tunnel.advance(0.3)
    assert tunnel.server.counters.refused == {"garbage": 1}
    assert len(tunnel.client.links) == 2
