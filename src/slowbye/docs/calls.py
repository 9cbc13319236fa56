"""Reads what a test of ``tests/calls`` left behind: ``results/calls/TEST.json``."""

import json
from collections.abc import Mapping
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


def read_test(path: Path) -> tuple[str, Flow]:
    """Return the proxy's name in small letters, and the flow, of one test.

    Responses of 100 are left out, and so are repetitions: both depend on how busy the machine is.

    Raises:
        SlowbyeError: the test has not run, or left something else.
    """
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
        names = Names()
        steps = [step for each in saved["messages"] if (step := _step(each, names))]
        actors = tuple(name for name in saved["actors"] if name != "rtpengine")
        flow = Flow(saved["test"].rpartition("/")[2], actors, tuple(dict.fromkeys(steps)))
        return saved["proxy"].lower(), flow
    except FileNotFoundError as error:
        raise SlowbyeError(
            f"{path} is not there: `pytest tests/calls` leaves it when {path.stem} has run and is "
            "marked as a ladder"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SlowbyeError(f"{path} is not what tests/calls leaves behind: {error}") from error


def _step(saved: Mapping[str, Any], names: Names) -> Step | None:
    if saved["transport"] == "ng":
        return None
    message = Message.parse(saved["text"].encode())
    names.learn(message, saved["from"])
    if isinstance(message, Response) and message.code == _TRYING:
        return None
    return Step(
        source=saved["from"],
        target=saved["to"],
        label=_label(message),
        transport=saved["transport"].upper(),
        method=message.cseq.method,
        lines=tuple(names.apply(line, saved["from"]) for line in _lines(message)),
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
