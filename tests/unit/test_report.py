import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from reproduce_samples import clean_run, outage_run, same, session
from reproduce_samples import command as command_times
from rich.console import Console

from slowbye.cli.report import command
from slowbye.errors import SlowbyeError
from slowbye.reproduce import html, results, table
from slowbye.reproduce.results import Session
from slowbye.reproduce.run import Verdict


def shown(of: Session) -> str:
    console = Console(width=160, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    table.show(of, console)
    return console.export_text()


def test_the_headline_says_which_proxy_ran_and_why() -> None:
    text = shown(session())
    assert "kamailio 5.6.3: OpenSIPS's repository cannot be reached" in text
    assert "rtpengine 10.5.3.5 across a WAN of 20 ms RTT (measured 20.31 ms, uml driver" in text


def test_a_row_has_what_a_person_needs() -> None:
    (row,) = [line for line in shown(session()).splitlines() if "fragment-delay 4s  " in line]
    for cell in ("direct", "20/20", "90 ms", "4.06 s", "3.50 s", "4.02 s", "1851 B"):
        assert cell in row


def test_what_is_wrong_is_said_with_what_was_expected() -> None:
    wrong = replace(clean_run(), verdict=Verdict(False, "fast calls", "BYE took 1 s", ["too slow"]))
    text = " ".join(shown(replace(session(), runs=[wrong])).split())
    assert "✗ direct, clean: BYE took 1 s. Expected: fast calls. But: - too slow" in text


def test_times_that_were_never_measured_are_dashes() -> None:
    assert table.cell(None) == table.reply_size(None) == table.MISSING


def test_a_reply_that_the_proxy_did_not_wait_for_took_longer_than_that() -> None:
    given_up = command_times(None, gave_up=same(5000), unanswered=20)
    assert table.reply_time(given_up) == ">5.00 s"
    assert table.reply_time(None) == table.MISSING


def test_the_page_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    page = html.write(session(), tmp_path).read_text()
    assert "As expected" in page
    assert "4.06 s" in page
    for outside in ("http:", "https:", "src=", "@import", "url("):
        assert outside not in page


def test_the_page_escapes_what_it_did_not_write(tmp_path: Path) -> None:
    run = outage_run(failures={"<script>alert(1)</script>": 10})
    page = html.write(replace(session(), runs=[run]), tmp_path).read_text()
    assert "<script>" not in page


def test_the_command_shows_a_session_again(tmp_path: Path) -> None:
    results.save(tmp_path, session())
    runner = CliRunner()
    assert "fragment-delay" in runner.invoke(command, [str(tmp_path)]).output
    assert json.loads(runner.invoke(command, [str(tmp_path), "--json"]).output)["schema"] == 1
    assert runner.invoke(command, [str(tmp_path), "--html"]).output.strip().endswith("report.html")


def test_the_command_refuses_a_directory_without_results(tmp_path: Path) -> None:
    with pytest.raises(SlowbyeError, match="no results in"):
        CliRunner().invoke(command, [str(tmp_path)], catch_exceptions=False)
