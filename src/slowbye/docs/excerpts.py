"""Chooses messages of a flow, and of a message the lines that a page is about."""

from collections.abc import Sequence
from difflib import ndiff

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
    lines = [step.lines[0]]
    for name in headers:
        start = name if name.endswith("=") else f"{name}:"
        lines += [line for line in step.lines[1:] if line.startswith(start)]
    return lines


def difference(before: Step, after: Step, headers: Sequence[str]) -> list[str]:
    """Return the chosen lines of two messages as a diff: what the one between them has changed."""
    compared = ndiff(excerpt(before, headers), excerpt(after, headers))
    return [line[0] + line[2:] for line in compared if line[0] in " +-"]
