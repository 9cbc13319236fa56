"""A run's calls over time, as the rectangles of a chart: what every caller and bystander felt."""

import json
from dataclasses import dataclass
from pathlib import Path

from slowbye.sip.result import BatchResult, Transaction

WIDTH = 860.0
ROW = 9.0
_GAP = 2.0
_TOP = 4.0
_TICKS = 8


@dataclass(frozen=True)
class Box:
    """One rectangle, in the chart's own units; ``kind`` is its style, ``title`` its tooltip."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


@dataclass(frozen=True)
class Timeline:
    """A chart: rectangles, and (position, label) of the time axis's ticks."""

    height: float
    boxes: list[Box]
    ticks: list[tuple[float, str]]


def read_timeline(path: Path) -> Timeline | None:
    """Draw what ``slowbye call`` reported, or None where the file is missing or unreadable."""
    try:
        return draw(BatchResult.from_json(json.loads(path.read_text(encoding="utf-8"))))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def draw(batch: BatchResult) -> Timeline | None:
    """Draw a row for each call, and one below for the bystander; None where nothing was placed."""
    ends = [_end_ms(call.bye or call.invite) for call in batch.calls]
    ends += [_end_ms(options) for options in batch.bystander]
    if not ends:
        return None
    scale = WIDTH / max(max(ends), 1.0)
    boxes = []
    for row, call in enumerate(batch.calls):
        y = _TOP + row * (ROW + _GAP)
        kind = "failed" if call.failure else "setup"
        boxes.append(_box(call.invite, y, scale, kind, call.failure))
        if call.bye is not None:
            talk_from = _end_ms(call.invite)
            talk = Transaction("talking", talk_from, call.bye.start_ms - talk_from, None)
            boxes.append(_box(talk, y, scale, "talk"))
            boxes.append(_box(call.bye, y, scale, "bye", call.failure))
    y = _TOP + len(batch.calls) * (ROW + _GAP) + ROW
    boxes += [_box(options, y, scale, "bystander") for options in batch.bystander]
    return Timeline(y + ROW + _TOP, boxes, _ticks(max(ends), scale))


def _end_ms(transaction: Transaction) -> float:
    return transaction.start_ms + transaction.ms


def _box(each: Transaction, y: float, scale: float, kind: str, failure: str = "") -> Box:
    title = f"{each.method}: {each.ms:.0f} ms" + (f" ({failure})" if failure else "")
    return Box(each.start_ms * scale, y, max(each.ms * scale, 1.0), ROW, kind, title)


def _ticks(end_ms: float, scale: float) -> list[tuple[float, str]]:
    step_s = next(step for step in (1, 2, 5, 10, 20, 60, 3600) if end_ms / 1000 / step <= _TICKS)
    count = int(end_ms / 1000 / step_s) + 1
    return [(tick * step_s * 1000 * scale, f"{tick * step_s} s") for tick in range(count)]
