"""``python -m slowbye.docs check`` says where a page is not what was on the wire."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from slowbye.docs.__main__ import main
from slowbye.errors import SlowbyeError

INVITE = (
    "INVITE sip:callee-0123456789@198.18.1.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.18.1.1;branch=z9hG4bK1"
    "\r\n{recorded}From: <sip:caller-0123456789@198.18.1.1>;tag=a\r\n"
    "To: <sip:callee-0123456789@198.18.1.1>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n\r\n"
)


def leave(calls: Path, proxy: str, recorded: str) -> None:
    """Leave behind what a test with one INVITE would."""
    calls.mkdir(exist_ok=True)
    sent = {"from": "proxy", "to": "callee", "transport": "udp"}
    sent["text"] = INVITE.format(recorded=recorded)
    whole = {"test": "test_bye.py::test_a_call", "proxy": proxy, "messages": [sent]}
    (calls / "test_a_call.json").write_text(json.dumps(whole))


def run(verb: str, calls: Path) -> Result:
    return CliRunner().invoke(main, [verb, "--calls", str(calls)])


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with one page, which was written from the calls of both proxies."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs" / "templates").mkdir(parents=True)
    shown = '{{ message("test_a_call", "INVITE", "proxy", "callee", "Record-Route") }}\n'
    (tmp_path / "docs" / "templates" / "page.md.j2").write_text(shown)
    for proxy in ("OpenSIPS", "Kamailio"):
        leave(tmp_path / "calls", proxy, "Record-Route: <sip:198.18.1.1;lr>\r\n")
        run("write", tmp_path / "calls")
    return tmp_path / "calls"


def test_nothing_is_said_against_what_was_just_written(calls: Path) -> None:
    result = run("check", calls)
    assert result.exit_code == 0
    assert "page.md are what the captures say" in result.output


def test_a_header_that_is_gone_is_a_line_of_a_diff(calls: Path) -> None:
    leave(calls, "Kamailio", "")
    result = run("check", calls)
    assert isinstance(result.exception, SlowbyeError)
    assert "--- docs/captures/kamailio/test_a_call.yml" in result.output
    assert "-      - 'Record-Route: <sip:198.18.1.1;lr>'" in result.output


def test_a_page_that_was_written_by_hand_is_a_diff_too(calls: Path) -> None:
    page = Path("docs/page.md")
    page.write_text(page.read_text() + "and more\n")
    result = run("check", calls)
    assert isinstance(result.exception, SlowbyeError)
    assert "-and more" in result.output


def test_what_no_page_shows_any_more_is_removed(calls: Path) -> None:
    old = Path("docs/captures/kamailio/test_another.yml")
    old.write_text("")
    run("write", calls)
    assert not old.exists()
