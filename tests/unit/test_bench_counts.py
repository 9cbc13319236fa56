"""The generator and the responder against a tunnel that does each wrong thing once."""

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from bench.generator import Generator
from bench.load import Load, Tally
from bench.payload import COOKIE_BYTES, cookie, read_cookie, replies, requests
from bench.responder import Responder

_REQUEST, _REPLY = requests(300), replies(1851)
Answers = Callable[[bytes], list[bytes]]


@pytest.fixture
def far_end() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
        far.bind(("127.0.0.1", 0))
        far.settimeout(0.05)
        yield far


def _tally(far_end: socket.socket, answers: Answers, in_flight: int = 2) -> Tally:
    """Send for a moment to a far end that answers as told."""
    stop = threading.Event()

    def answer() -> None:
        while not stop.is_set():
            try:
                request, peer = far_end.recvfrom(65_536)
            except TimeoutError:
                continue
            for reply in answers(request[:COOKIE_BYTES]):
                far_end.sendto(reply, peer)

    thread = threading.Thread(target=answer)
    thread.start()
    generator = Generator(Load([(None, far_end.getsockname())], in_flight, None, 300, 1851, 0, 0))
    try:
        generator.many_in_flight(time.perf_counter_ns() + 100_000_000)
        generator.drain()
    finally:
        stop.set()
        thread.join()
        generator.close()
    return generator.tally


def _is_fifth(name: bytes) -> bool:
    return read_cookie(name)[1] == 5


def _wrong(tally: Tally) -> dict[str, int]:
    return {kind: count for kind, count in tally.wrong.items() if count}


def test_right_replies_are_round_trips_and_nothing_is_wrong(far_end: socket.socket) -> None:
    tally = _tally(far_end, lambda name: [_REPLY(name)])
    assert tally.ticks.total() > 10
    assert _wrong(tally) == {}
    assert (tally.errors, tally.late) == (0, 0)


def test_a_reply_that_never_comes_is_lost(far_end: socket.socket) -> None:
    tally = _tally(far_end, lambda name: [] if _is_fifth(name) else [_REPLY(name)])
    assert _wrong(tally) == {"lost": 1}


def test_a_second_reply_is_duplicated(far_end: socket.socket) -> None:
    tally = _tally(far_end, lambda name: [_REPLY(name)] * (2 if _is_fifth(name) else 1))
    assert _wrong(tally) == {"duplicated": 1}


def test_two_replies_in_one_datagram_are_merged_and_neither_is_lost(
    far_end: socket.socket,
) -> None:
    held: list[bytes] = []

    def answers(name: bytes) -> list[bytes]:
        if _is_fifth(name):
            held.append(_REPLY(name))
            return []
        return [held.pop() + _REPLY(name)] if held else [_REPLY(name)]

    assert _wrong(_tally(far_end, answers)) == {"merged": 1}


def test_a_reply_in_two_datagrams_is_split_and_not_lost(far_end: socket.socket) -> None:
    def answers(name: bytes) -> list[bytes]:
        reply = _REPLY(name)
        return [reply[:1448], reply[1448:]] if _is_fifth(name) else [reply]

    assert _wrong(_tally(far_end, answers)) == {"split": 2}


def test_a_changed_byte_is_corrupted(far_end: socket.socket) -> None:
    def answers(name: bytes) -> list[bytes]:
        reply = _REPLY(name)
        return [reply[:99] + bytes([reply[99] ^ 1]) + reply[100:] if _is_fifth(name) else reply]

    assert _wrong(_tally(far_end, answers)) == {"corrupted": 1}


def test_another_peers_reply_is_misdelivered(far_end: socket.socket) -> None:
    others = _REPLY(cookie(9, 0))
    tally = _tally(far_end, lambda name: [_REPLY(name), *([others] if _is_fifth(name) else [])])
    assert _wrong(tally) == {"misdelivered": 1}


def test_an_ng_error_is_counted_apart(far_end: socket.socket) -> None:
    error = b" d12:error-reason7:no link6:result5:errore"
    tally = _tally(far_end, lambda name: [name + error if _is_fifth(name) else _REPLY(name)])
    assert _wrong(tally) == {}
    assert tally.errors == 1


def test_a_reply_after_the_proxys_retry_is_late_and_not_lost(far_end: socket.socket) -> None:
    def answers(name: bytes) -> list[bytes]:
        if _is_fifth(name):
            time.sleep(1.15)
        return [_REPLY(name)]

    tally = _tally(far_end, answers, in_flight=1)
    assert _wrong(tally) == {}
    assert tally.late == 1


def test_the_responder_answers_what_it_is_asked() -> None:
    responder = Responder(300, 1851)
    assert responder.answer(_REQUEST(cookie(1, 2))) == _REPLY(cookie(1, 2))
    assert not responder.wrong
    assert responder.repeated == 0


def test_the_responder_answers_with_the_mark_that_a_tunnel_put_before_the_cookie() -> None:
    responder, mark = Responder(300, 1851), b"8f14e45f~"
    assert responder.answer(mark + _REQUEST(cookie(1, 2))) == mark + _REPLY(cookie(1, 2))
    assert responder.answer(mark + _REQUEST(cookie(1, 2))[:-1]) is None
    assert responder.wrong.total() == 1


def test_the_responder_counts_a_request_that_comes_again_and_answers_it() -> None:
    responder = Responder(300, 1851)
    assert responder.answer(_REQUEST(cookie(1, 2))) == responder.answer(_REQUEST(cookie(1, 2)))
    assert responder.repeated == 1


def test_the_responder_answers_the_first_of_merged_requests_as_rtpengine_does() -> None:
    responder = Responder(300, 1851)
    merged = _REQUEST(cookie(1, 2)) + _REQUEST(cookie(1, 3))
    assert responder.answer(merged) == _REPLY(cookie(1, 2))
    assert responder.wrong == {"merged": 1}


@pytest.mark.parametrize(
    ("datagram", "kind"),
    [(_REQUEST(cookie(1, 2))[:200], "split"), (b"OPTIONS sip:a SIP/2.0\r\n", "corrupted")],
)
def test_the_responder_does_not_answer_what_is_no_request(datagram: bytes, kind: str) -> None:
    responder = Responder(300, 1851)
    assert responder.answer(datagram) is None
    assert responder.wrong == {kind: 1}


@pytest.mark.parametrize("fresh_sockets", [True, False])
def test_requests_come_from_a_new_socket_each_only_where_that_is_asked(
    far_end: socket.socket, fresh_sockets: bool
) -> None:
    destination = far_end.getsockname()
    load = Load([(None, destination)], 1, 100.0, 300, 1851, 0, 0, fresh_sockets)
    ports: list[int] = []
    stop = threading.Event()

    def answer() -> None:
        while not stop.is_set():
            try:
                request, peer = far_end.recvfrom(65_536)
            except TimeoutError:
                continue
            ports.append(peer[1])
            far_end.sendto(_REPLY(request[:COOKIE_BYTES]), peer)

    thread = threading.Thread(target=answer)
    thread.start()
    generator = Generator(load)
    try:
        generator.paced(time.perf_counter_ns() + 100_000_000, 100.0)
        generator.drain()
    finally:
        stop.set()
        thread.join()
        generator.close()
    assert generator.tally.ticks.total() == len(ports) > 5
    assert _wrong(generator.tally) == {}
    # The kernel may give a port that was used some time before.
    assert (len(set(ports)) > len(ports) / 2) is fresh_sockets
