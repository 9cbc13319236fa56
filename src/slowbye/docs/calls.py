"""Reads what a test of ``tests/calls`` left behind: ``results/calls/TEST.json``."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sipmessage import Message, Request, Response

from slowbye.docs.flow import Flow, Step
from slowbye.docs.names import Names
from slowbye.errors import SlowbyeError

_SHOWN_HEADERS = (
    "Via", "Route", "Record-Route", "Path", "Max-Forwards", "From", "To", "Call-ID", "CSeq",
    "Contact", "Expires", "Supported", "Require",
)  # fmt: skip
"""What has to do with a message's way; the rest of it is none of the pages' matter."""

_SHOWN_SDP = ("o=", "c=", "m=")
_TRYING = 100
_PROXY, _NAT = "proxy", "nat"


def read_test(path: Path) -> tuple[str, Flow]:
    """Return the proxy's name in small letters, and the flow, of one test.

    Responses of 100 are left out, and so are repetitions: both depend on how busy the machine is.

    Raises:
        SlowbyeError: the test has not run, or left something else.
    """
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
        passed = [_Passed(each) for each in saved["messages"] if each["transport"] != "ng"]
        # A phone behind NAT also gets what keeps its way open: that is no part of the call.
        at_proxy = {each.message.call_id for each in passed if _PROXY in each.ends}
        passed = [each for each in passed if each.message.call_id in at_proxy]
        names = Names()
        for each in passed:
            names.learn(each.message, each.ends[0])
        steps = [each.step(names) for each in passed if not each.is_trying]
        seen_by = saved["test"].rpartition("/")[2]
        flow = Flow(seen_by, _columns(steps), tuple(dict.fromkeys(steps)))
        return saved["proxy"].lower(), flow
    except FileNotFoundError as error:
        raise SlowbyeError(
            f"{path} is not there: `pytest tests/calls` leaves it when {path.stem} has run and is "
            "marked as a ladder"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SlowbyeError(f"{path} is not what tests/calls leaves behind: {error}") from error


def _columns(steps: Sequence[Step]) -> tuple[str, ...]:
    """Return the actors from left to right: the caller, the proxy, and then everybody else.

    A NAT stands beside whoever is behind it, on the proxy's side.
    """
    calling = next((step for step in steps if step.method == "INVITE"), steps[0])
    order = [calling.source, _PROXY]
    hidden = (step.source for step in steps if step.target == _NAT and step.source != _PROXY)
    behind = next(hidden, None)
    order += [step.source for step in steps] + [step.target for step in steps]
    columns = [name for name in dict.fromkeys(order) if name != _NAT]
    if behind is not None:
        at = columns.index(behind)
        columns.insert(at + 1 if at < columns.index(_PROXY) else at, _NAT)
    return tuple(columns)


class _Passed:
    """A message of a test."""

    def __init__(self, saved: Mapping[str, Any]) -> None:
        self.message = Message.parse(saved["text"].encode())
        self.ends: tuple[str, str] = (saved["from"], saved["to"])
        self._transport: str = saved["transport"].upper()

    @property
    def is_trying(self) -> bool:
        return isinstance(self.message, Response) and self.message.code == _TRYING

    def step(self, names: Names) -> Step:
        sender, receiver = self.ends
        return Step(
            source=sender,
            target=receiver,
            label=_label(self.message),
            transport=self._transport,
            method=self.message.cseq.method,
            lines=tuple(names.apply(line, sender) for line in _lines(self.message)),
        )


def _label(message: Request | Response) -> str:
    return message.method if isinstance(message, Request) else f"{message.code} {message.phrase}"


def _lines(message: Request | Response) -> list[str]:
    first = bytes(message).partition(b"\r\n")[0].decode(errors="replace")
    headers = [
        f"{name}: {value}" for name in _SHOWN_HEADERS for value in message.headers.getlist(name)
    ]
    body = message.body.decode(errors="replace").splitlines()
    return [first, *headers, *(line for line in body if line.startswith(_SHOWN_SDP))]
