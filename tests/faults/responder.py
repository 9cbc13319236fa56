"""Answers from the cookie, in the place of rtpengine: a UDP responder, and no more than that.

``python -m faults.responder ADDRESS PORT``; it says ``ready`` when it listens. Like rtpengine it
gives the same reply to a repeated cookie.
"""

import argparse
import heapq
import select
import socket
from time import monotonic
from typing import Any

from faults.load import LONGEST_BYTES, reply

_BUFFER_BYTES = 4 << 20


def main() -> None:
    """Answer until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("--reply-bytes", type=int, default=1851)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds")
    parser.add_argument("--raw", action="store_true", help="echo")
    options = parser.parse_args()
    family = socket.AF_INET6 if ":" in options.address else socket.AF_INET
    udp = socket.socket(family, socket.SOCK_DGRAM)
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
    udp.bind((options.address, options.port))
    print("ready", flush=True)
    later: list[tuple[float, bytes, Any]] = []
    while True:
        wait_s = max(0.0, later[0][0] - monotonic()) if later else None
        if select.select([udp], [], [], wait_s)[0]:
            datagram, peer = udp.recvfrom(LONGEST_BYTES)
            # The server has put its mark before the proxy's cookie.
            mark, tilde, cookie = datagram.partition(b" ")[0].rpartition(b"~")
            right = mark + tilde + reply(cookie, options.reply_bytes)
            answer = datagram if options.raw else right
            heapq.heappush(later, (monotonic() + options.delay, answer, peer))
        while later and later[0][0] <= monotonic():
            _, answer, peer = heapq.heappop(later)
            udp.sendto(answer, peer)


if __name__ == "__main__":
    main()
