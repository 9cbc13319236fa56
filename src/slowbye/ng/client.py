"""A blocking ng client over UDP, for probing: one request at a time, no retransmission."""

import itertools
import os
import socket
import time
from types import TracebackType
from typing import Self

from slowbye.ng.codec import MAX_DATAGRAM_BYTES, Body, Reply, decode, encode_command
from slowbye.ng.errors import NgError, NgReplyError, NgTimeoutError


class NgClient:
    """Asks one rtpengine; use as a context manager.

    Args:
        address: rtpengine's ng address, IPv4 or IPv6.
        port: its ng port.
        timeout_s: how long to wait for each reply.
    """

    def __init__(self, address: str, port: int = 2223, timeout_s: float = 5.0) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._timeout_s = timeout_s
        self._peer = f"{address}:{port}"
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.connect((address, port))
        self._cookies = (f"{os.getpid()}_{number}" for number in itertools.count())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._socket.close()

    def ask(self, command: str, arguments: Body | None = None) -> Reply:
        """Send a command and wait for the reply with its cookie.

        Raises:
            NgTimeoutError: no reply in time, or nobody listens there.
            NgReplyError: rtpengine answered with an error.
        """
        cookie = next(self._cookies)
        reply = self._exchange(cookie, command, encode_command(cookie, command, arguments))
        if reply.result == "error":
            reason = reply.body.get("error-reason", "no reason given")
            raise NgReplyError(f"rtpengine at {self._peer} refused {command}: {reason!s}")
        return reply

    def _exchange(self, cookie: str, command: str, datagram: bytes) -> Reply:
        deadline = time.monotonic() + self._timeout_s
        try:
            self._socket.send(datagram)
            while (left_s := deadline - time.monotonic()) > 0:
                self._socket.settimeout(left_s)
                try:
                    message = decode(self._socket.recv(MAX_DATAGRAM_BYTES))
                except NgError:
                    continue
                if isinstance(message, Reply) and message.cookie == cookie:
                    return message
        except TimeoutError:
            pass
        except ConnectionRefusedError as error:
            raise NgTimeoutError(f"nobody listens for ng at {self._peer}") from error
        raise NgTimeoutError(
            f"rtpengine at {self._peer} did not answer {command} within {self._timeout_s:g} s"
        )
