import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from slowbye.ng.client import NgClient
from slowbye.ng.codec import decode, encode_reply
from slowbye.ng.errors import NgReplyError, NgTimeoutError


@contextmanager
def rtpengine(answers: Callable[[str], list[bytes]]) -> Iterator[int]:
    """Answer one request on loopback, as told; yields the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def serve() -> None:
            datagram, peer = server.recvfrom(65535)
            for answer in answers(decode(datagram).cookie):
                server.sendto(answer, peer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


def test_the_reply_with_the_right_cookie_is_returned() -> None:
    def answers(cookie: str) -> list[bytes]:
        return [b"noise", encode_reply("other", "ok"), encode_reply(cookie, "pong")]

    with rtpengine(answers) as port, NgClient("127.0.0.1", port) as client:
        assert client.ask("ping").result == "pong"


def test_an_error_says_why_rtpengine_refused() -> None:
    def answers(cookie: str) -> list[bytes]:
        return [encode_reply(cookie, "error", {"error-reason": "Unknown call-id"})]

    with (
        rtpengine(answers) as port,
        NgClient("127.0.0.1", port) as client,
        pytest.raises(NgReplyError, match="refused delete: Unknown call-id"),
    ):
        client.ask("delete", {"call-id": "x"})


def test_silence_ends_with_the_timeout() -> None:
    with (
        rtpengine(lambda cookie: []) as port,
        NgClient("127.0.0.1", port, timeout_s=0.05) as client,
        pytest.raises(NgTimeoutError, match=r"within 0\.05 s"),
    ):
        client.ask("ping")


def test_a_closed_port_is_told_from_silence() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with NgClient("127.0.0.1", port) as client, pytest.raises(NgTimeoutError, match="nobody"):
        client.ask("ping")
