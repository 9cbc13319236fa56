"""Log lines: priorities for the journal, and a bound on how many."""

import io
import logging
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from ngtunnel import logs

WRITE = """
import logging, sys
from ngtunnel import logs
logs.set_up("info")
logger = logging.getLogger("ngtunnel")
logger.debug("hidden")
logger.info("two\\nlines")
logger.error("three %d", 3)
"""


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    caplog.set_level(logging.INFO)
    written: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: written.append(record.getMessage())  # type: ignore[method-assign]
    LOGGER.addHandler(handler)
    yield written
    LOGGER.removeHandler(handler)


LOGGER = logging.getLogger("ngtunnel.test")


class Clock:
    """Seconds that pass when told so."""

    now = 1000.0

    def read(self) -> float:
        """Tell the time."""
        return self.now


def _stderr_of(script: str, journal: str | None) -> str:
    """Run a process whose stderr is a pipe that is, or is not, the journal's."""
    read, write = os.pipe()
    status = os.fstat(write)
    environment = {name: value for name, value in os.environ.items() if name != "JOURNAL_STREAM"}
    if journal is not None:
        environment["JOURNAL_STREAM"] = journal.format(dev=status.st_dev, ino=status.st_ino)
    subprocess.run([sys.executable, "-c", script], stderr=write, env=environment, check=True)
    os.close(write)
    with open(read) as pipe:
        return pipe.read()


def test_the_journal_gets_the_priority_of_every_line() -> None:
    written = _stderr_of(WRITE, journal="{dev}:{ino}")
    assert written.splitlines() == ["<6>two", "<6>lines", "<3>three 3"]


@pytest.mark.parametrize("journal", [None, "1:2"])
def test_whoever_else_reads_gets_time_and_level(journal: str | None) -> None:
    written = _stderr_of(WRITE, journal).splitlines()
    assert [line.split()[2:] for line in written] == [["INFO", "two"], [], ["ERROR", "three", "3"]]


def test_a_stream_without_a_file_is_no_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    stream = io.StringIO()
    logs.set_up("warning", stream)
    LOGGER.warning("there")
    assert stream.getvalue().endswith("WARNING there\n")


def test_the_first_lines_pass_and_the_rest_is_counted(lines: list[str]) -> None:
    clock = Clock()
    limit = logs.RateLimit(burst=2, interval_s=10, clock=clock.read)
    for number in range(10):
        limit.log(LOGGER, logging.WARNING, "bad hello", "line %d", number)
    assert lines == ["line 0", "line 1"]
    clock.now += 12
    limit.log(LOGGER, logging.WARNING, "bad hello", "line %d", 10)
    assert lines[2:] == ["bad hello: …and 8 more like it in the last 12 s", "line 10"]


def test_one_categorys_flood_hides_no_other(lines: list[str]) -> None:
    limit = logs.RateLimit(burst=1, interval_s=10, clock=Clock().read)
    for _ in range(3):
        limit.log(LOGGER, logging.WARNING, "bad hello", "a")
        limit.log(LOGGER, logging.WARNING, "not allowed", "b")
    assert lines == ["a", "b"]


def test_a_flood_that_ended_is_counted_all_the_same(lines: list[str]) -> None:
    clock = Clock()
    limit = logs.RateLimit(burst=1, interval_s=10, clock=clock.read)
    for _ in range(3):
        limit.log(LOGGER, logging.WARNING, "bad hello", "a")
    limit.flush()
    assert lines == ["a"]
    clock.now += 10
    limit.flush()
    limit.flush()
    assert lines == ["a", "bad hello: …and 2 more like it in the last 10 s"]


def test_few_lines_are_followed_by_no_count(lines: list[str]) -> None:
    clock = Clock()
    limit = logs.RateLimit(burst=1, interval_s=10, clock=clock.read)
    limit.log(LOGGER, logging.WARNING, "bad hello", "a")
    clock.now += 10
    limit.flush()
    limit.log(LOGGER, logging.WARNING, "bad hello", "b")
    assert lines == ["a", "b"]
