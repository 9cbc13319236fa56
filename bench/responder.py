"""The far end: answers each ng-like request with the reply that follows from its cookie.

A process of its own with nothing but the standard library; when it is told to stop (SIGTERM),
one line of JSON on standard output says what arrived.
"""

import argparse
import gc
import json
import select
import signal
import socket
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from bench.payload import COOKIE_BYTES, REQUEST_TAIL, read_cookie, replies, requests
from bench.verify import Content, judge

_BUFFER_BYTES = 4 << 20
_LONGEST = 65_536
_MARK_BYTES = 9


class Responder:
    """Answers, and counts what arrived.

    Attributes:
        wrong: requests that arrived merged, split or corrupted.
        repeated: right requests that arrived again; rtpengine answers such from its cache.
    """

    def __init__(self, request_bytes: int, reply_bytes: int) -> None:
        self._request = requests(request_bytes)
        self._reply = replies(reply_bytes)
        self._seen: dict[int, bytearray] = {}
        self.wrong: Counter[str] = Counter()
        self.repeated = 0

    def answer(self, datagram: bytes) -> bytes | None:
        """Return the reply to a datagram; None if it is no request.

        Of merged requests the first is answered, as rtpengine does, which ignores what follows
        the dictionary (lib/bencode.c).
        """
        mark = datagram[:_MARK_BYTES]
        if mark.endswith(b"~"):
            # A tunnel has told its proxies' cookies apart (ngtunnel.core.ng.mark_of).
            reply = self.answer(datagram[_MARK_BYTES:])
            return None if reply is None else mark + reply
        name = datagram[:COOKIE_BYTES]
        if datagram != self._request(name):
            verdict = judge(datagram, self._request, REQUEST_TAIL)
            self.wrong[verdict.content] += 1
            if verdict.content is not Content.MERGED or not datagram.startswith(verdict.whole[:1]):
                return None
            name = verdict.whole[0]
        self._note(name)
        return self._reply(name)

    def _note(self, name: bytes) -> None:
        peer, sequence = read_cookie(name)
        seen = self._seen.get(peer)
        if seen is None:
            seen = self._seen[peer] = bytearray(1024)
        if sequence >= len(seen):
            seen.extend(bytes(sequence + 1))
        if seen[sequence]:
            self.repeated += 1
        seen[sequence] = 1


def serve(responder: Responder, sockets: list[socket.socket], to_own_port: bool) -> NoReturn:
    """Answer for ever."""
    ways = {each.fileno(): _way(responder, each, to_own_port) for each in sockets}
    if len(ways) == 1:
        (receive_and_answer,) = ways.values()
        while True:
            receive_and_answer()
    with select.epoll() as epoll:
        for descriptor in ways:
            epoll.register(descriptor, select.EPOLLIN)
        while True:
            for descriptor, _ in epoll.poll():
                ways[descriptor]()


def _way(responder: Responder, listening: socket.socket, to_own_port: bool) -> Callable[[], None]:
    answer, receive, send = responder.answer, listening.recvfrom, listening.sendto
    port = listening.getsockname()[1]

    def receive_and_answer() -> None:
        datagram, peer = receive(_LONGEST)
        reply = answer(datagram)
        if reply is not None:
            send(reply, (peer[0], port) if to_own_port else peer)

    return receive_and_answer


def _listen(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_DGRAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((host.strip("[]"), int(port)))
    return listening


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--request-bytes", type=int, required=True)
    parser.add_argument("--reply-bytes", type=int, required=True)
    parser.add_argument(
        "--to-own-port",
        action="store_true",
        help="answer to the port listened on, as RTP does, not to the one that asked",
    )
    parser.add_argument("addresses", nargs="+", metavar="HOST:PORT")
    return parser.parse_args()


def main() -> None:
    """Answer until SIGTERM."""
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    arguments = _arguments()
    responder = Responder(arguments.request_bytes, arguments.reply_bytes)
    sockets = [_listen(address) for address in arguments.addresses]
    gc.disable()
    print(json.dumps({"at": "listening"}), flush=True)
    try:
        serve(responder, sockets, arguments.to_own_port)
    finally:
        arrived = {"at": "arrived", "wrong": responder.wrong, "repeated": responder.repeated}
        print(json.dumps(arrived), flush=True)


if __name__ == "__main__":
    main()
