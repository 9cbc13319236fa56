"""Probing whatever speaks ng over UDP."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from ngtunnel.config import Address
from ngtunnel.probe import Probe, ProbeError, as_json, describe, run

Answer = Callable[[bytes, bytes], list[bytes]]
"""From a request's cookie and dictionary to the datagrams that answer it."""


@contextmanager
def answering(answer: Answer, host: str = "127.0.0.1") -> Iterator[Address]:
    """Answer ng requests from a thread."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as udp:
        udp.bind((host, 0))

        def serve() -> None:
            while True:
                request, peer = udp.recvfrom(65_535)
                if request == b"stop":
                    return
                cookie, _, dictionary = request.partition(b" ")
                for datagram in answer(cookie, dictionary):
                    udp.sendto(datagram, peer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield Address(*udp.getsockname()[:2])
        finally:
            with socket.socket(family, socket.SOCK_DGRAM) as stopping:
                stopping.sendto(b"stop", udp.getsockname())
            thread.join()


def pong(cookie: bytes, dictionary: bytes) -> list[bytes]:
    assert dictionary == b"d7:command4:pinge"
    return [cookie + b" d6:result4:ponge"]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_every_ping_is_answered(host: str) -> None:
    with answering(pong, host) as address:
        probe = run(address, 10, large=False)
    assert (probe.sent, len(probe.times_ms), probe.lost, probe.errors) == (10, 10, 0, {})
    assert probe.good
    assert probe.fragments == 1
    assert describe(address, probe).splitlines()[0] == f"{address}: 10 of 10 answered (ping)"
    assert "whole at an MTU of 1500" in describe(address, probe)


def test_every_request_has_a_cookie_of_its_own() -> None:
    cookies = set()

    def remember(cookie: bytes, dictionary: bytes) -> list[bytes]:
        cookies.add(cookie)
        return pong(cookie, dictionary)

    with answering(remember) as address:
        run(address, 20, large=False)
    assert len(cookies) == 20


def test_a_large_reply_is_told_with_its_size_and_fragments() -> None:
    def statistics(cookie: bytes, dictionary: bytes) -> list[bytes]:
        assert dictionary == b"d7:command10:statisticse"
        head = cookie + b" d6:result2:ok1:x7654:"
        return [head + b"x" * (7571 - len(head) - 1) + b"e"]

    with answering(statistics) as address:
        probe = run(address, 3, large=True)
    assert (probe.reply_bytes, probe.fragments, probe.good) == (7571, 6, True)
    assert "replies of up to 7571 bytes: over UDP, 6 fragments" in describe(address, probe)


@pytest.mark.parametrize(
    ("ip_version", "reply_bytes", "fragments"),
    [
        (4, 1, 1),
        (4, 1472, 1),
        (4, 1473, 2),
        (4, 1480 * 2 - 8, 2),
        (4, 1480 * 2 - 7, 3),
        (6, 1452, 1),
        (6, 1453, 2),
        (6, 1448 * 2 - 8, 2),
        (6, 1448 * 2 - 7, 3),
    ],
)
def test_fragments_are_counted_as_the_kernel_makes_them(
    ip_version: int, reply_bytes: int, fragments: int
) -> None:
    assert Probe("ping", ip_version, reply_bytes=reply_bytes).fragments == fragments


def test_a_lost_reply_is_counted_and_the_next_request_sent() -> None:
    asked = []

    def answer_the_second(cookie: bytes, dictionary: bytes) -> list[bytes]:
        asked.append(cookie)
        return pong(cookie, dictionary) if len(asked) == 2 else []

    with answering(answer_the_second) as address:
        probe = run(address, 3, large=False, timeout_s=0.1)
    assert (probe.sent, probe.lost, probe.good) == (3, 2, False)


def test_a_late_or_foreign_reply_is_not_taken_for_the_one_awaited() -> None:
    def confuse(cookie: bytes, dictionary: bytes) -> list[bytes]:
        return [b"other d6:result4:ponge", b"", b"\xff\x00", *pong(cookie, dictionary)]

    with answering(confuse) as address:
        probe = run(address, 5, large=False)
    assert probe.good
    assert probe.reply_bytes == 16 + len(" d6:result4:ponge")


def test_without_any_reply_there_are_no_times() -> None:
    with answering(lambda _cookie, _dictionary: []) as address:
        probe = run(address, 1, large=False, timeout_s=0.05)
    assert describe(address, probe) == f"{address}: 0 of 1 answered (ping)"
    assert json.loads(as_json(address, probe))["ms"] == {}


def test_an_error_is_told_with_its_reason() -> None:
    def refuse(cookie: bytes, _dictionary: bytes) -> list[bytes]:
        return [cookie + b" d12:error-reason7:no link6:result5:errore"]

    with answering(refuse) as address:
        probe = run(address, 2, large=False)
    assert probe.errors == {"no link": 2}
    assert not probe.good
    assert describe(address, probe).endswith("answered with an error 2 times: no link")


def test_a_result_without_a_reason_is_told_as_it_is() -> None:
    with answering(lambda cookie, _dictionary: [cookie + b" d6:result10:load limite"]) as address:
        assert run(address, 1, large=False).errors == {"the result is load limit": 1}


def test_nobody_listening_is_told_with_the_address() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        address = Address(*udp.getsockname())
    with pytest.raises(ProbeError) as raised:
        run(address, 1, large=False)
    assert str(raised.value) == f"{address}: nobody listens there"


def test_a_name_that_is_nobodys_is_told() -> None:
    with pytest.raises(ProbeError, match=r"^nobody.invalid:2223: "):
        run(Address("nobody.invalid", 2223), 1, large=False)


def test_percentiles_are_times_that_were_measured() -> None:
    probe = Probe("ping", 4, sent=4, times_ms=[4.0, 1.0, 3.0, 2.0])
    assert [probe.percentile_ms(share) for share in (0.0, 0.5, 0.51, 0.99, 1.0)] == [1, 2, 3, 4, 4]


def test_programs_get_the_same_as_json() -> None:
    probe = Probe("ping", 4, sent=2, times_ms=[1.0, 3.0], reply_bytes=33)
    assert json.loads(as_json(Address("::1", 2223), probe)) == {
        "address": "[::1]:2223",
        "command": "ping",
        "sent": 2,
        "lost": 0,
        "ms": {"min": 1.0, "p50": 1.0, "p99": 3.0, "max": 3.0},
        "reply_bytes_max": 33,
        "fragments_at_mtu_1500": 1,
        "errors": {},
    }


@pytest.mark.timeout(10)
def test_foreign_replies_do_not_prolong_the_wait() -> None:
    done = threading.Event()

    def babble(peer: tuple[str, int]) -> None:
        while not done.wait(0.02):
            udp.sendto(b"other d6:result4:ponge", peer)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        udp.settimeout(5)

        def answer() -> None:
            babble(udp.recvfrom(100)[1])

        thread = threading.Thread(target=answer)
        thread.start()
        probe = run(Address(*udp.getsockname()), 1, large=False, timeout_s=0.2)
        done.set()
        thread.join()
    assert probe.lost == 1
