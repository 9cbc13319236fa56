import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from reproduce_samples import session

from slowbye.errors import SlowbyeError
from slowbye.reproduce import results

NOW = datetime(2026, 1, 1, 12, 30, tzinfo=UTC)


def test_latest_points_to_the_newest_session(tmp_path: Path) -> None:
    first = results.make_directory(tmp_path, NOW)
    second = results.make_directory(tmp_path, NOW)
    results.make_latest(first)
    results.make_latest(second)
    assert first.name == "20260101T123000Z"
    assert second != first
    assert (tmp_path / "latest").resolve() == second.resolve()


def test_a_session_reads_back_as_it_was_saved(tmp_path: Path) -> None:
    results.save(tmp_path, session())
    assert results.load(tmp_path) == session()


def test_the_file_has_the_documented_keys(tmp_path: Path) -> None:
    results.save(tmp_path, session())
    data = json.loads((tmp_path / "reproduce.json").read_text())
    assert data["schema"] == 1
    assert data["proxy"]["name"] == "kamailio"
    assert data["rtpengine"] == {"version": "10.5.3.5"}
    assert {"driver", "kernel", "rtt_ms"} <= data["wan"].keys()
    run = data["runs"][1]
    assert run["profile_args"] == {"delay_ms": 4000}
    assert run["ng"]["delete"]["reply_bytes_max"] == 1851
    assert {"p50", "p99", "max"} == run["bye_ms"].keys()


def test_a_directory_without_results_says_so(tmp_path: Path) -> None:
    with pytest.raises(SlowbyeError, match="no results in"):
        results.load(tmp_path)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "cannot be read"),
        ("[]", "schema None"),
        ('{"schema": 2}', "schema 2; this slowbye reads schema 1"),
        ('{"schema": 1}', "not complete"),
    ],
)
def test_a_file_that_is_no_result_is_named(tmp_path: Path, text: str, fault: str) -> None:
    (tmp_path / "reproduce.json").write_text(text)
    with pytest.raises(SlowbyeError, match=fault):
        results.load(tmp_path)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file")
    with pytest.raises(SlowbyeError, match="results directory"):
        results.make_directory(tmp_path / "results", NOW)
