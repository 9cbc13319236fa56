"""Logging to stderr, as the journal likes it, and never a flood of it."""

import logging
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

BURST = 5
"""So many lines of a category pass at once."""

INTERVAL_S = 10.0
"""Then the rest of the category is counted until this long after its first line."""

_PRIORITIES = (
    (logging.CRITICAL, 2),
    (logging.ERROR, 3),
    (logging.WARNING, 4),
    (logging.INFO, 6),
    (logging.NOTSET, 7),
)


def set_up(level: str, stream: TextIO | None = None) -> None:
    """Log to stderr, with priorities where the journal reads it.

    Args:
        level: the least that is logged: ``debug``, ``info``, ``warning`` or ``error``.
        stream: in the place of stderr.
    """
    stream = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_ForJournal() if _is_journal(stream) else _ForPerson())
    # Nobody reads what these would look up for every line.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def _is_journal(stream: TextIO) -> bool:
    # JOURNAL_STREAM is inherited by children whose stderr goes elsewhere (systemd.exec(5)).
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


class _ForJournal(logging.Formatter):
    """Prefixes every line with its priority (sd-daemon(3))."""

    def format(self, record: logging.LogRecord) -> str:
        priority = next(number for least, number in _PRIORITIES if record.levelno >= least)
        return "\n".join(f"<{priority}>{line}" for line in super().format(record).splitlines())


class _ForPerson(logging.Formatter):
    """Writes time and level before the message."""

    default_msec_format = "%s.%03d"

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname:<7} {message}", style="{")


@dataclass(slots=True)
class _Window:
    """The lines of one category since the first of them.

    Attributes:
        since: when the first came, by the limit's clock.
        passed: how many were logged.
        held: how many were not.
        logger: where the last one held was bound for.
        level: and its level.
    """

    since: float
    logger: logging.Logger
    level: int
    passed: int = 0
    held: int = 0


class RateLimit:
    """Lets the first lines of a category pass, and counts the rest.

    Args:
        burst: how many pass in each interval.
        interval_s: how long the rest is counted before the count is logged.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        burst: int = BURST,
        interval_s: float = INTERVAL_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._burst = burst
        self._interval_s = interval_s
        self._clock = clock
        self._windows: dict[str, _Window] = {}

    def log(
        self, logger: logging.Logger, level: int, key: str, message: str, *args: object
    ) -> None:
        """Log a line, or count it if too many of its category came.

        Args:
            logger: where to.
            level: such as ``logging.WARNING``.
            key: the category, as a person reads it; there must be few, so no addresses in it.
            message: in the style of `logging`.
            args: for the message.
        """
        now = self._clock()
        window = self._windows.get(key)
        if window is not None and now - window.since >= self._interval_s:
            self._close(key, window, now)
            window = None
        if window is None:
            window = self._windows[key] = _Window(now, logger, level)
        if window.passed < self._burst:
            window.passed += 1
            logger.log(level, message, *args)
        else:
            window.held += 1
            window.logger, window.level = logger, level

    def flush(self) -> None:
        """Log the counts whose interval is over; to be called now and then."""
        now = self._clock()
        for key, window in list(self._windows.items()):
            if now - window.since >= self._interval_s:
                self._close(key, window, now)

    def _close(self, key: str, window: _Window, now: float) -> None:
        del self._windows[key]
        if window.held:
            window.logger.log(
                window.level,
                "%s: …and %d more like it in the last %.0f s",
                key,
                window.held,
                now - window.since,
            )


_LIMIT = RateLimit()

limited = _LIMIT.log
"""Log a line through the process's one limit: ``limited(logger, level, key, message, *args)``."""

flush = _LIMIT.flush
"""Log the counts that are due in the process's one limit."""
