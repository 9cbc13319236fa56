"""What has come for a client, and how a test waits for it."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from sipmessage import Request, Response

from calls import messages
from calls.endpoint import Address

PATIENCE_S = 5.0
"""How long a test waits for what must come; much longer than anything that works takes."""

Wanted = Callable[[Request | Response], bool]


@dataclass(frozen=True)
class Received:
    """A message as it came.

    Attributes:
        at: when, in seconds since the epoch.
        source: where from.
        repeated: the same bytes had come before: a retransmission.
    """

    message: Request | Response
    at: float
    source: Address
    transport: str
    repeated: bool


class Inbox:
    """Everything that has come, and of that what no test has waited for yet.

    Args:
        name: whose it is, for errors.

    Attributes:
        received: everything, in order.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.received: list[Received] = []
        self._inbox: list[Received] = []
        self._came = threading.Condition()

    def take_in(self, received: Received) -> None:
        """Keep a message, and wake up who waits for it; nobody waits for repetitions."""
        self.received.append(received)
        if not received.repeated:
            with self._came:
                self._inbox.append(received)
                self._came.notify_all()

    def receive_request(self, method: str, timeout_s: float = PATIENCE_S) -> Request:
        """Wait for the next request with a method; what else came stays to be waited for.

        Raises:
            AssertionError: it did not come; what came instead.
        """
        message = self._receive(
            lambda message: isinstance(message, Request) and message.method == method,
            method,
            timeout_s,
        )
        assert isinstance(message, Request)
        return message

    def receive_response(
        self, code: int, method: str = "", timeout_s: float = PATIENCE_S
    ) -> Response:
        """Wait for the next response with a status, to a request with a method.

        Raises:
            AssertionError: it did not come; what came instead.
        """

        def wanted(message: Request | Response) -> bool:
            return (
                isinstance(message, Response)
                and message.code == code
                and method in ("", message.cseq.method)
            )

        message = self._receive(wanted, f"{code} ({method or 'any'})", timeout_s)
        assert isinstance(message, Response)
        return message

    def receive_failure(self, method: str, timeout_s: float = PATIENCE_S) -> Response:
        """Wait for a response that says that a request has failed, whatever its status.

        Raises:
            AssertionError: it did not come; what came instead.
        """

        def wanted(message: Request | Response) -> bool:
            return (
                isinstance(message, Response)
                and message.code >= 300
                and message.cseq.method == method
            )

        message = self._receive(wanted, f"a failure ({method})", timeout_s)
        assert isinstance(message, Response)
        return message

    def receives_nothing(self, method: str, within_s: float) -> bool:
        """Whether no request with a method comes within a time."""
        try:
            self.receive_request(method, within_s)
        except AssertionError:
            return True
        return False

    def _receive(self, wanted: Wanted, what: str, timeout_s: float) -> Request | Response:
        deadline = time.monotonic() + timeout_s
        with self._came:
            while True:
                for received in self._inbox:
                    if wanted(received.message):
                        self._inbox.remove(received)
                        return received.message
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    break
                self._came.wait(left_s)
            others = ", ".join(messages.name_of(each.message) for each in self._inbox)
        raise AssertionError(
            f"{self.name} waited {timeout_s:g} s for {what}; what came is {others or 'nothing'}"
        )
