"""Draws a message flow as a ladder of text, in the manner of RFC 3665."""

from collections.abc import Sequence

from slowbye.docs.flow import Step

_AROUND_LABEL = len("--  ->")
"""What an arrow needs beside its label."""

_BETWEEN_NAMES = 2


def draw(actors: Sequence[str], steps: Sequence[Step]) -> str:
    """Return the ladder, its lines without trailing blanks.

    Args:
        actors: the columns, from left to right; those that no step touches are left out.
        steps: in order; an arrow may pass other columns.
    """
    touched = {name for step in steps for name in (step.source, step.target)}
    columns = [name for name in actors if name in touched]
    times = [len(step.at) + 1 for step in steps if step.at]
    margin = max(times, default=0)
    position = _positions(columns, steps, margin)
    width = max(position.values(), default=0) + 1
    lines = [_heading(columns, position), _rungs(position, width)]
    before = ""
    for step in steps:
        at = "" if step.at == before else step.at
        before = step.at
        lines.append(_line(step, at, position, width))
    lines.append(_rungs(position, width))
    return "\n".join(line.rstrip() for line in lines)


def _positions(columns: Sequence[str], steps: Sequence[Step], margin: int) -> dict[str, int]:
    """Place the columns so that every label has room."""
    position: dict[str, int] = {}
    for index, name in enumerate(columns):
        if index == 0:
            position[name] = margin + len(name) // 2
            continue
        left = columns[index - 1]
        names = (len(left) + 1) // 2 + len(name) // 2 + _BETWEEN_NAMES
        at = position[left] + names
        for step in steps:
            if name not in (step.source, step.target):
                continue
            other = step.source if step.target == name else step.target
            if other in position:
                at = max(at, position[other] + len(_label(step)) + _AROUND_LABEL + 1)
        position[name] = at
    return position


def _label(step: Step) -> str:
    return f"{step.label} (TCP)" if step.transport == "TCP" else step.label


def _heading(columns: Sequence[str], position: dict[str, int]) -> str:
    line = ""
    for name in columns:
        line = line.ljust(position[name] - len(name) // 2) + name
    return line


def _rungs(position: dict[str, int], width: int) -> str:
    cells = [" "] * width
    for at in position.values():
        cells[at] = "|"
    return "".join(cells)


def _line(step: Step, at: str, position: dict[str, int], width: int) -> str:
    cells = list(at.ljust(width))
    for column in position.values():
        cells[column] = "|"
    left, right = sorted((position[step.source], position[step.target]))
    label = _label(step)
    if left == right:
        remark = f" {label} "
        cells += [" "] * (left + 1 + len(remark) - len(cells))
        cells[left + 1 : left + 1 + len(remark)] = remark
        return "".join(cells)
    cells[left + 1 : right] = f" {label} ".center(right - left - 1, "-")
    head = right - 1 if position[step.source] == left else left + 1
    cells[head] = "X" if step.lost else ">" if head == right - 1 else "<"
    return "".join(cells)
