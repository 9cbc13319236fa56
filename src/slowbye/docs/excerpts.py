"""Chooses messages of a flow, and of a message the lines that a page is about."""

from collections.abc import Sequence
from difflib import SequenceMatcher

from slowbye.docs.flow import Flow, Step
from slowbye.errors import SlowbyeError


def choose(flow: Flow, what: str, source: str, target: str, number: int = 1) -> Step:
    """Return a message of a flow.

    Args:
        flow: which.
        what: "INVITE", or "200 INVITE": the status of a response and its CSeq's method.
        source: who sent it.
        target: who got it.
        number: the first such message, the second …

    Raises:
        SlowbyeError: there is none.
    """
    code, _, method = what.rpartition(" ")
    found = [
        step
        for step in flow.steps
        if (step.source, step.target, step.method) == (source, target, method)
        if step.label.partition(" ")[0] == (code or method)
    ]
    if len(found) < number:
        raise SlowbyeError(
            f"{flow.seen_by} has {len(found)} {what} from {source} to {target}, and a page "
            f"shows number {number}: see docs/templates"
        )
    return found[number - 1]


def excerpt(step: Step, headers: Sequence[str]) -> list[str]:
    """Return a message's first line and those of some headers, in the order asked for.

    Args:
        step: the message.
        headers: names; ``"c="`` and the like are lines of the SDP. Those it has not are left out.
    """
    return [line for part in _parts(step, headers) for line in part]


def _parts(step: Step, headers: Sequence[str]) -> list[list[str]]:
    """Return the first line, and the lines of each header."""
    starts = [name if name.endswith("=") else f"{name}:" for name in headers]
    rest = [[line for line in step.lines[1:] if line.startswith(start)] for start in starts]
    return [[step.lines[0]], *rest]


def passed_on(flow: Flow, what: str, ends: tuple[str, str, str], number: int) -> tuple[Step, Step]:
    """Return a message as it came to one between two others, and as it left.

    A request may come again, with credentials, before it is passed on: it is the one with the same
    CSeq.

    Raises:
        SlowbyeError: it was not passed on.
    """
    source, between, target = ends
    went = choose(flow, what, between, target, number)
    same = ("CSeq: ", "Call-ID: ")
    for came in flow.steps:
        if (came.source, came.target, came.label) == (source, between, went.label) and all(
            _line(came, name) == _line(went, name) for name in same
        ):
            return came, went
    raise SlowbyeError(f"{flow.seen_by} has no {what} from {source} that {between} passed on")


def _line(step: Step, start: str) -> str:
    return next((line for line in step.lines[1:] if line.startswith(start)), "")


def difference(before: Step, after: Step, headers: Sequence[str]) -> list[str]:
    """Return the chosen lines of two messages as a diff: what the one between them has changed."""
    lines = []
    for old, new in zip(_parts(before, headers), _parts(after, headers), strict=True):
        for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            if kind == "equal":
                lines += [f" {line}" for line in old[a:b]]
            else:
                lines += [f"-{line}" for line in old[a:b]] + [f"+{line}" for line in new[c:d]]
    return lines
