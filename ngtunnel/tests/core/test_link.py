"""One link: heartbeat, death, queue, age."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngtunnel.core.counters import Counters
from ngtunnel.core.link import Link, LinkDeadError
from ngtunnel.core.wire import HEADER_SIZE, Frame, FrameReader, Kind, WireError, pack_header

HEARTBEAT, DEAD_AFTER, TICK = 0.2, 0.8, 0.05


def link(
    now: float = 0.0, queue_bytes: int = 1 << 20, max_age: float = 1.0, datagram_bytes: int = 65507
) -> tuple[Link, Counters]:
    counters = Counters()
    made = Link(
        "0",
        counters,
        heartbeat=HEARTBEAT,
        dead_after=DEAD_AFTER,
        max_age=max_age,
        queue_bytes=queue_bytes,
        datagram_bytes=datagram_bytes,
        now=now,
    )
    return made, counters


def frames(data: bytes) -> list[Frame]:
    return FrameReader().feed(data)


def kinds(data: bytes) -> list[int]:
    return [kind for kind, *_ in frames(data)]


def frame(kind: Kind, sent: float, session: int = 0, payload: bytes = b"") -> bytes:
    header = pack_header(kind, session, int(sent * 1000) % 2**32, len(payload))
    return header + payload


def run_until_dead(one: Link, begin: float, until: float, pong: bool = False) -> float:
    """Tick until the link is dead, and return when that was."""
    now = begin
    while now < until:
        try:
            one.tick(now)
        except LinkDeadError:
            return now
        if pong and Kind.PING in kinds(one.take(now)):
            one.receive(frame(Kind.PONG, now), now + 0.01)
        now += TICK
    return until


def waits_for_an_answer(one: Link) -> None:
    """Have it answer one heartbeat after 10 ms, and wait since 0.25 s for the next answer."""
    one.tick(0.0)
    one.receive(frame(Kind.PONG, 0.0), 0.010)
    one.take(0.2)
    one.tick(0.25)
    assert kinds(one.take(0.25)) == [Kind.PING]


def test_what_is_queued_is_written_in_order_with_the_senders_time() -> None:
    one, _ = link()
    assert one.queue(Kind.DATA, 1, b"first", 1.0)
    assert one.queue(Kind.CLOSE, 2, b"", 1.5)
    assert one.queue(Kind.DATA, 3, b"", 2**32 / 1000 + 0.25)
    assert one.queued == 3 * HEADER_SIZE + 5
    data = one.take(1.5)
    assert frames(data) == [
        (Kind.DATA, 1, 1000, b"first"),
        (Kind.CLOSE, 2, 1500, b""),
        (Kind.DATA, 3, 250, b""),
    ]
    assert (one.queued, one.sent, one.take(1.5)) == (0, len(data), b"")


def test_a_heartbeat_is_sent_at_once_and_then_in_its_rhythm_as_long_as_it_is_answered() -> None:
    one, _ = link()
    sent = []
    for step in range(41):
        now = step * TICK
        one.tick(now)
        if kinds(one.take(now)) == [Kind.PING]:
            sent.append(round(now, 3))
            one.receive(frame(Kind.PONG, now), now + 0.02)
    assert sent == pytest.approx([step * HEARTBEAT for step in range(11)])
    assert one.round_trip.smoothed == pytest.approx(0.02)


def test_a_ping_is_answered_with_its_own_payload() -> None:
    one, _ = link()
    assert one.receive(frame(Kind.PING, 0, payload=b"12345678"), 0.0) == []
    assert frames(one.take(0.0)) == [(Kind.PONG, 0, 0, b"12345678")]


def test_a_pong_that_nobody_asked_for_measures_nothing() -> None:
    one, _ = link()
    assert one.receive(frame(Kind.PONG, 0), 0.0) == []
    assert one.round_trip.smoothed is None


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.01, 0.2, 0.3]), st.booleans()), max_size=40))
def test_a_link_that_answers_no_heartbeat_is_dead_within_its_time_whatever_else_comes(
    traffic: list[tuple[float, bool]],
) -> None:
    one, _ = link()
    last = run_until_dead(one, 0.0, 3.0, pong=True)
    for pause, both in traffic:
        last += pause
        try:
            one.tick(last)
        except LinkDeadError:
            break
        one.receive(frame(Kind.DATA, last, 1, b"x"), last)
        if both:
            one.receive(frame(Kind.PING, last), last)
        one.queue(Kind.DATA, 1, b"y", last)
        one.take(last)
    died = run_until_dead(one, max(last, 3.0), 9.0)
    assert died <= max(last, 3.0 + DEAD_AFTER) + TICK + 1e-9


def test_a_link_that_was_never_answered_is_dead_as_soon_as_any_other() -> None:
    one, _ = link()
    assert DEAD_AFTER < run_until_dead(one, 0.0, 9.0) <= DEAD_AFTER + TICK + 1e-9


def test_the_message_says_for_how_long_nothing_was_heard() -> None:
    one, _ = link()
    one.tick(0.0)
    with pytest.raises(LinkDeadError, match=r"no answer to heartbeats for 0\.9 s"):
        one.tick(0.9)


def test_a_link_that_answers_lives_however_long() -> None:
    one, _ = link()
    assert run_until_dead(one, 0.0, 60.0, pong=True) == 60.0


def test_a_queue_that_was_full_for_a_moment_costs_the_link_no_heartbeat_and_no_answer() -> None:
    one, _ = link(queue_bytes=4096)
    while one.queue(Kind.DATA, 1, bytes(500), 0.0):
        pass
    while one.queue(Kind.DATA, 1, b"", 0.0):
        pass
    one.receive(frame(Kind.PING, 0.0), 0.0)
    one.tick(0.0)
    assert kinds(one.take(0.0))[-2:] == [Kind.PONG, Kind.PING]


def test_one_who_asks_for_echoes_and_reads_none_fills_no_memory() -> None:
    one, counters = link(queue_bytes=4096)
    for _ in range(2000):
        one.receive(frame(Kind.PING, 0.0, payload=bytes(3000)), 0.0)
    assert one.queued <= 2 * 4096
    assert counters.dropped["queue_full"] > 1990


def test_a_process_that_slept_does_not_blame_the_other_end() -> None:
    one, _ = link()
    waits_for_an_answer(one)
    one.tick(3.25, slept=2.95)
    died = run_until_dead(one, 3.3, 9.0)
    assert 3.0 + DEAD_AFTER - TICK <= died <= 3.0 + 0.01 + DEAD_AFTER + TICK + 1e-9


def test_after_sleep_a_link_that_died_is_found_out_as_soon_as_ever() -> None:
    one, _ = link()
    waits_for_an_answer(one)
    # Asleep until 3.25. What came meanwhile is read before timers run.
    one.receive(frame(Kind.PONG, 0.26), 3.25)
    one.tick(3.25, slept=2.95)
    assert run_until_dead(one, 3.3, 20.0) <= 3.25 + DEAD_AFTER + TICK + 1e-9


def test_a_link_is_suspect_when_its_answer_is_later_than_usual_until_something_comes() -> None:
    one, _ = link()
    waits_for_an_answer(one)
    one.tick(0.27)
    assert not one.suspect
    one.tick(0.30)
    assert one.suspect
    one.receive(frame(Kind.PONG, 0.25), 0.31)
    assert not one.suspect


def test_a_link_of_which_nothing_is_known_yet_is_not_suspect() -> None:
    one, _ = link()
    one.tick(0.0)
    one.tick(0.7)
    assert not one.suspect


def test_what_grew_old_in_the_queue_is_dropped_and_counted_but_no_heartbeat_is() -> None:
    one, counters = link(max_age=1.0)
    one.queue(Kind.DATA, 1, b"old", 0.0)
    one.queue(Kind.PING, 0, b"", 0.0)
    one.queue(Kind.DATA, 2, b"young", 0.5)
    assert [each[0] for each in frames(one.take(1.2))] == [Kind.PING, Kind.DATA]
    assert counters.dropped == {"stale": 1}
    assert one.queued == 0


def test_a_single_datagram_grows_old_as_well() -> None:
    one, counters = link(max_age=1.0)
    one.queue(Kind.DATA, 1, b"old", 0.0)
    assert one.take(1.1) == b""
    assert counters.dropped == {"stale": 1}
    assert (one.queued, one.sent) == (0, 0)


def test_the_queue_is_bounded_in_bytes_and_what_exceeds_it_is_counted() -> None:
    one, counters = link(queue_bytes=4096)
    size = 1000 - HEADER_SIZE
    assert [one.queue(Kind.DATA, 1, bytes(size), 0.0) for _ in range(5)] == [True] * 4 + [False]
    assert one.queued == 4000
    assert counters.dropped == {"queue_full": 1}
    one.take(0.0)
    assert one.queue(Kind.DATA, 1, bytes(size), 0.0)


def test_no_more_is_written_at_once_than_a_batch() -> None:
    one, _ = link()
    for _ in range(15):
        one.queue(Kind.DATA, 1, bytes(60_000), 0.0)
    lengths = []
    while data := one.take(0.0):
        lengths.append(len(data))
    assert sum(lengths) == 15 * (60_000 + HEADER_SIZE)
    assert len(lengths) > 2
    assert max(lengths) < 320 * 1024


@given(st.floats(-1e6, 1e6), st.integers(0, 2**32 - 1))
def test_a_datagram_that_comes_later_than_the_proxys_own_retry_is_dropped(
    offset: float, wrap: int
) -> None:
    one, counters = link(max_age=1.0)

    def arrives(sent: float, late: float) -> int:
        header = pack_header(Kind.DATA, 1, (int(sent * 1000 + offset) + wrap) % 2**32, 0)
        return len(one.receive(header, 100 + sent + late))

    assert arrives(0.0, 0.010) == 1
    assert arrives(0.1, 0.900) == 1
    assert arrives(0.2, 1.100) == 0
    assert arrives(1.4, 0.010) == 1
    assert counters.dropped == {"late": 1}


def test_what_concerns_the_link_itself_is_heard_however_late() -> None:
    one, _ = link()
    one.receive(frame(Kind.PING, 0.0), 0.0)
    drain = one.receive(frame(Kind.DRAIN, 0.0), 5.0)
    assert [kind for kind, *_ in drain] == [Kind.DRAIN]


def test_garbage_is_an_error() -> None:
    one, _ = link(datagram_bytes=512)
    with pytest.raises(WireError, match="513 bytes, when 512"):
        one.receive(pack_header(Kind.DATA, 1, 0, 513), 0.0)
    assert one.received == HEADER_SIZE
