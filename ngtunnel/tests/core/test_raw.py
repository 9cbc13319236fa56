"""A raw tunnel: any UDP, and no opinion of it."""

from hypothesis import given
from hypothesis import strategies as st

from ngtunnel.config import Limits, Protocol
from ngtunnel.core.wire import Kind, pack_header
from tests.core.wiring import OTHER_PEER, PEER, Tunnel, client_config, mirror, server_config

RAW = Protocol.RAW


def raw(links: int = 2, limits: Limits | None = None, seed: int = 1) -> Tunnel:
    """A tunnel to a target that sends everything back."""
    return Tunnel(
        client_config(RAW, links, limits=limits), server_config(RAW), target=mirror, seed=seed
    ).start()


@given(st.lists(st.binary(max_size=3000), max_size=25), st.integers(0, 1000))
def test_whatever_is_sent_arrives_whole_in_order_and_so_does_what_comes_back(
    sent: list[bytes], seed: int
) -> None:
    tunnel = raw(seed=seed)
    for datagram in sent:
        tunnel.ask(datagram)
    tunnel.advance(0.1)
    assert [data for _, data in tunnel.arrived] == sent
    assert [each.data for each in tunnel.replies] == sent


def test_an_empty_datagram_and_the_longest_are_datagrams_like_others() -> None:
    tunnel = raw()
    sent = [b"", b"m" * 65_507, b""]
    for datagram in sent:
        tunnel.ask(datagram)
        tunnel.advance(0.1)
    assert [each.data for each in tunnel.replies] == sent


def test_the_same_datagram_twice_arrives_twice() -> None:
    tunnel = raw()
    tunnel.ask(b"1 d7:command4:pinge")
    tunnel.ask(b"1 d7:command4:pinge")
    tunnel.advance(0.1)
    assert len(tunnel.arrived) == len(tunnel.replies) == 2


def test_each_peer_gets_what_was_sent_to_it() -> None:
    tunnel = raw()
    tunnel.ask(b"one", PEER)
    tunnel.ask(b"two", OTHER_PEER)
    tunnel.advance(0.1)
    assert [(each.peer, each.data) for each in tunnel.replies] == [
        (PEER, b"one"),
        (OTHER_PEER, b"two"),
    ]


def test_without_a_link_datagrams_are_dropped_and_counted_and_nothing_is_answered() -> None:
    tunnel = raw()
    tunnel.kill_server()
    tunnel.ask(b"anything")
    tunnel.advance(0.1)
    assert tunnel.client.counters.dropped["no_link"] == 1
    assert tunnel.replies == []


def test_the_target_may_speak_unasked_and_reaches_a_peer_whose_link_has_died() -> None:
    tunnel = raw()
    tunnel.target = lambda _: [(0.1 * number, b"%d" % number) for number in range(10)]
    tunnel.ask(b"begin")
    tunnel.advance(0.45)
    index = next(index for index in (0, 1) if (at := tunnel.client.link(index)) and at.chosen)
    tunnel.server_down = True
    tunnel.reset(index)
    tunnel.advance(1)
    assert [each.data for each in tunnel.replies] == [b"%d" % number for number in range(10)]


def test_a_link_that_stalls_for_a_moment_delays_a_peers_datagrams_and_reorders_none() -> None:
    tunnel = raw()
    sent = [b"%d" % number for number in range(8)]
    tunnel.ask(sent[0])
    tunnel.advance(0.1)
    for index in (0, 1):
        tunnel.stall(index)
        tunnel.ask(sent[1 + 3 * index])
        tunnel.advance(0.4)
        tunnel.ask(sent[2 + 3 * index])
        tunnel.advance(0.1)
        tunnel.resume(index)
        tunnel.ask(sent[3 + 3 * index])
        tunnel.advance(0.3)
    tunnel.ask(sent[7])
    tunnel.advance(0.3)
    assert [data for _, data in tunnel.arrived] == sent


def test_what_comes_back_keeps_a_silent_peer_known() -> None:
    tunnel = raw(limits=Limits(session_idle=2.0))
    tunnel.target = lambda _: [(0.5 * number, b"%d" % number) for number in range(20)]
    tunnel.ask(b"begin")
    tunnel.advance(10)
    assert len(tunnel.replies) == 20
    tunnel.advance(4.1)
    assert tunnel.client.snapshot(0, 0, 0).sessions == 0


def test_what_comes_back_for_a_peer_that_is_forgotten_is_dropped_and_counted() -> None:
    tunnel = raw()
    sent_ms = int(tunnel.now * 1000)
    tunnel.inject(0, pack_header(Kind.DATA, 4711, sent_ms, 0), up=False)
    tunnel.advance(0.1)
    assert tunnel.client.counters.dropped["no_session"] == 1
    assert tunnel.replies == []


def test_nobody_listening_behind_the_server_has_no_answer_in_a_raw_tunnel() -> None:
    tunnel = raw()
    tunnel.target_down = True
    tunnel.ask(b"anything")
    tunnel.advance(0.1)
    assert tunnel.replies == []
    assert tunnel.server.counters.dropped["target_refused"] == 1
