"""A proxy's load: commands at a steady rate; and for each when it was answered, and with what.

One file with nothing but the standard library, so that any host can run it: ``python3 load.py
ADDRESS PORT --seconds 60``. It says ``{"began": MONOTONIC}`` at once; then, after ``--seconds`` or
when its standard input ends, waits for late replies and says what came of it all as one line of
JSON. Every reply is compared as a whole where ``--reply-bytes`` says what it has to be.
"""

import argparse
import contextlib
import gc
import json
import os
import select
import socket
import sys
from collections import deque
from time import monotonic
from typing import Any

GIVE_UP_S = 6.0
"""No proxy waits longer: five tries of one second (``rtpengine_tout``, ``rtpengine_retr``)."""

RETRY_S = 1.0
LONGEST_BYTES = 65536
_BUFFER_BYTES = 4 << 20


def request(cookie: bytes, command: str, size: int) -> bytes:
    """Return an ng request of about that many bytes, all of which follow from the cookie."""
    return _padded(cookie, b"7:command%d:%be" % (len(command), command.encode()), size)


def reply(cookie: bytes, size: int) -> bytes:
    """Return the ng reply of that size that belongs to the cookie."""
    return _padded(cookie, b"6:result2:oke", size)


def raw(cookie: bytes, size: int) -> bytes:
    """Return a datagram that is no ng."""
    return (cookie * (size // len(cookie) + 1))[:size]


def _padded(cookie: bytes, tail: bytes, size: int) -> bytes:
    space = size - len(cookie) - len(tail) - len(b" d4:fill:")
    # The fill's length stands before it and takes room as well.
    fill = space - len(str(space - len(str(space))))
    if fill <= 0:
        return b"%b d%b" % (cookie, tail)
    return b"%b d4:fill%d:%b%b" % (cookie, fill, (cookie * (fill // len(cookie) + 1))[:fill], tail)


class _Sent:
    """One command.

    Attributes:
        at: when it was sent first.
        after: how long until the first answer; None so far.
        result: ``ok``, ``error`` (the tunnel's or rtpengine's), ``wrong``; "" so far.
        answers: how many came.
        datagram: what to send again, where that is wanted.
        tries: how often it was sent.
        peer: where it was sent from.
    """

    __slots__ = ("after", "answers", "at", "datagram", "peer", "result", "tries")

    def __init__(self, at: float, datagram: bytes, peer: socket.socket) -> None:
        self.at = at
        self.after: float | None = None
        self.result = ""
        self.answers = 0
        self.datagram = datagram
        self.tries = 1
        self.peer = peer


class Load:
    """Peers that send and listen."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._family = socket.AF_INET6 if ":" in options.address else socket.AF_INET
        self._epoll = select.epoll()
        self._open: dict[int, socket.socket] = {}
        self._peers = [self._peer() for _ in range(options.peers)]
        self._short_lived: deque[tuple[float, socket.socket]] = deque()
        self._sent: dict[bytes, _Sent] = {}
        self._retries: deque[tuple[float, _Sent]] = deque()
        self._name = os.urandom(4).hex().encode()
        self._waiting = 0
        self.strangers = 0
        self.refused = 0

    def run(self) -> None:
        """Send until the time or the standard input ends, then wait for late replies."""
        step = 1 / self._options.rate
        next_at = began = monotonic()
        # /dev/null cannot be waited for, nor has it to say anything: then --seconds decides.
        with contextlib.suppress(PermissionError):
            self._epoll.register(sys.stdin.fileno(), select.EPOLLIN | select.EPOLLHUP)
        while monotonic() - began < self._options.seconds:
            now = monotonic()
            while next_at <= now:
                self._send_next(now)
                next_at += step
            if not self._turn(next_at - now):
                break
        with contextlib.suppress(FileNotFoundError, PermissionError):
            self._epoll.unregister(sys.stdin.fileno())
        ended = monotonic()
        # A little longer than the last answer: there may be second ones.
        while monotonic() - ended < (GIVE_UP_S if self._waiting else self._options.linger):
            self._turn(0.05)

    def outcome(self) -> dict[str, Any]:
        """Return what came of it, times in seconds of the monotonic clock."""
        return {
            "commands": [
                [sent.at, sent.after, sent.result, sent.answers, sent.tries]
                for sent in self._sent.values()
            ],
            "strangers": self.strangers,
            "refused": self.refused,
        }

    def _peer(self) -> socket.socket:
        made = socket.socket(self._family, socket.SOCK_DGRAM)
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        made.connect((self._options.address, self._options.port))
        self._open[made.fileno()] = made
        self._epoll.register(made.fileno(), select.EPOLLIN)
        return made

    def _send_next(self, now: float) -> None:
        options = self._options
        number = len(self._sent)
        if number * options.fresh % 1 + options.fresh >= 1:
            peer = self._peer()
            self._short_lived.append((now, peer))
        else:
            peer = self._peers[number % len(self._peers)]
        cookie = b"%b_%08x" % (self._name, number)
        if options.raw:
            datagram = raw(cookie, options.request_bytes)
        else:
            datagram = request(cookie, options.command, options.request_bytes)
        sent = self._sent[cookie] = _Sent(now, datagram, peer)
        self._waiting += 1
        if options.tries > 1:
            self._retries.append((now + RETRY_S, sent))
        self._send(sent)

    def _send(self, sent: _Sent) -> None:
        try:
            sent.peer.send(sent.datagram)
        except ConnectionRefusedError:
            # The answer to an earlier datagram; this one has not been sent.
            self.refused += 1
            with contextlib.suppress(OSError):
                sent.peer.send(sent.datagram)

    def _turn(self, wait_s: float) -> bool:
        """Receive for up to that long; False once the standard input has ended."""
        for descriptor, _ in self._epoll.poll(max(0.0, wait_s)):
            if descriptor == sys.stdin.fileno():
                return False
            self._receive(self._open[descriptor])
        now = monotonic()
        while self._retries and self._retries[0][0] <= now:
            self._retry(self._retries.popleft()[1], now)
        while self._short_lived and now - self._short_lived[0][0] > GIVE_UP_S:
            old = self._short_lived.popleft()[1]
            del self._open[old.fileno()]
            old.close()
        return True

    def _retry(self, sent: _Sent, now: float) -> None:
        if not sent.answers and sent.tries < self._options.tries:
            sent.tries += 1
            self._retries.append((now + RETRY_S, sent))
            self._send(sent)

    def _receive(self, peer: socket.socket) -> None:
        while True:
            try:
                datagram = peer.recv(LONGEST_BYTES)
            except BlockingIOError:
                return
            except ConnectionRefusedError:
                self.refused += 1
                continue
            self._answered(datagram, peer)

    def _answered(self, datagram: bytes, peer: socket.socket) -> None:
        cookie = datagram[: len(self._name) + 9]
        sent = self._sent.get(cookie)
        if sent is None:
            self.strangers += 1
            return
        if not sent.answers:
            sent.after = monotonic() - sent.at
            self._waiting -= 1
        sent.answers += 1
        result = self._judge(datagram, cookie) if peer is sent.peer else "misdelivered"
        if sent.answers == 1 or result not in ("ok", "error"):
            sent.result = result

    def _judge(self, datagram: bytes, cookie: bytes) -> str:
        size = self._options.reply_bytes
        if self._options.raw:
            return "ok" if datagram == raw(cookie, self._options.request_bytes) else "wrong"
        if b"6:result5:error" in datagram:
            return "error"
        if size is None:
            return "ok" if datagram[len(cookie) : len(cookie) + 2] == b" d" else "wrong"
        return "ok" if datagram == reply(cookie, size) else "wrong"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Send ng commands at a steady rate.")
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("--rate", type=float, default=200, help="commands per second")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--peers", type=int, default=8, help="sockets that stay")
    parser.add_argument("--fresh", type=float, default=0.0, help="share with their own socket")
    parser.add_argument("--command", default="offer")
    parser.add_argument("--request-bytes", type=int, default=300)
    parser.add_argument("--reply-bytes", type=int, help="what each right reply has; else any size")
    parser.add_argument("--tries", type=int, default=1, help="5: again after 1 s, as proxies do")
    parser.add_argument("--raw", action="store_true", help="no ng; replies are echoes")
    parser.add_argument("--linger", type=float, default=0.5, help="seconds, for second answers")
    return parser.parse_args()


def main() -> None:
    """Run the load."""
    load = Load(_options())
    gc.disable()
    sys.stdout.write(json.dumps({"began": monotonic()}) + "\n")
    sys.stdout.flush()
    load.run()
    sys.stdout.write(json.dumps(load.outcome()) + "\n")


if __name__ == "__main__":
    main()
