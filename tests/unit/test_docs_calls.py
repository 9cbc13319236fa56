"""What tests/calls leaves behind becomes a flow, without what chance put into it."""

import json
from pathlib import Path

import pytest

from slowbye.docs.calls import read_test
from slowbye.errors import SlowbyeError

TEXT = (
    "{first}\r\nVia: SIP/2.0/UDP 198.18.3.1:20001;branch=z9hG4bKaa\r\n"
    "From: <sip:caller-0123456789@198.18.1.1>;tag=a\r\nTo: <sip:callee-0123456789@198.18.1.1>\r\n"
    "Call-ID: {call}\r\nCSeq: 1 INVITE\r\nUser-Agent: somebody\r\nContact: {contact}\r\n\r\n"
    "v=0\r\nc=IN IP4 198.18.3.1\r\n"
)
CONTACT = "<sip:caller-0123456789@198.18.3.1:20001>"
PING = "OPTIONS sip:phone-0123456789@192.168.200.10 SIP/2.0"
INVITE = "INVITE sip:callee-0123456789@198.18.1.1 SIP/2.0"


def saved(tmp_path: Path, *messages: tuple[str, str, str]) -> Path:
    described = [
        {"at_ms": 0.0, "from": sender, "to": to, "transport": "udp", "name": "", "bytes": 0,
         "text": TEXT.format(first=first, contact=CONTACT, call="ping" if first == PING else "x")}
        for sender, to, first in messages
    ]  # fmt: skip
    ng = {"at_ms": 1.0, "from": "proxy", "to": "rtpengine", "transport": "ng", "name": "offer"}
    path = tmp_path / "test_a_call.json"
    whole = {
        "test": "tests/calls/test_bye.py::test_a_call",
        "proxy": "Kamailio",
        "actors": ["caller", "proxy", "rtpengine"],
        "messages": [*described, ng],
    }
    path.write_text(json.dumps(whole))
    return path


def test_a_message_keeps_what_has_to_do_with_its_way(tmp_path: Path) -> None:
    proxy, flow = read_test(saved(tmp_path, ("caller", "proxy", INVITE)))
    (step,) = flow.steps
    assert (proxy, flow.seen_by) == ("kamailio", "test_bye.py::test_a_call")
    assert (step.label, step.method, step.transport) == ("INVITE", "INVITE", "UDP")
    assert step.lines[0] == "INVITE sip:callee@198.18.1.1 SIP/2.0"
    assert "Contact: <sip:caller@198.18.3.1:41000>" in step.lines
    assert not any(line.startswith(("User-Agent", "v=")) for line in step.lines)
    assert step.lines[-1] == "c=IN IP4 198.18.3.1"


def test_repetitions_and_100_are_chance(tmp_path: Path) -> None:
    invite = ("caller", "proxy", INVITE)
    trying = ("proxy", "caller", "SIP/2.0 100 Trying")
    _, flow = read_test(saved(tmp_path, invite, trying, invite))
    assert [step.label for step in flow.steps] == ["INVITE"]


def test_what_keeps_a_nat_open_is_no_part_of_the_call(tmp_path: Path) -> None:
    calling = [("phone", "nat", INVITE), ("nat", "proxy", INVITE)]
    _, flow = read_test(saved(tmp_path, *calling, ("nat", "phone", PING)))
    assert [step.label for step in flow.steps] == ["INVITE", "INVITE"]


def test_the_media_relay_is_no_matter_of_routing(tmp_path: Path) -> None:
    assert read_test(saved(tmp_path, ("caller", "proxy", INVITE)))[1].actors == ("caller", "proxy")


def test_a_test_that_has_not_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(SlowbyeError, match=r"test_x\.json is not there: `pytest tests/calls`"):
        read_test(tmp_path / "test_x.json")


def test_something_else_is_told_from_it(tmp_path: Path) -> None:
    path = tmp_path / "test_x.json"
    path.write_text("{}")
    with pytest.raises(SlowbyeError, match="is not what tests/calls leaves behind: 'messages'"):
        read_test(path)


def test_the_caller_stands_left_and_a_nat_beside_whom_it_hides(tmp_path: Path) -> None:
    answer = "SIP/2.0 200 OK"
    from_phone = [("phone", "nat", INVITE), ("nat", "proxy", INVITE), ("proxy", "callee", INVITE)]
    assert read_test(saved(tmp_path, *from_phone))[1].actors == ("phone", "nat", "proxy", "callee")
    to_phone = [("caller", "proxy", INVITE), ("proxy", "nat", INVITE), ("nat", "phone", INVITE)]
    to_phone.append(("phone", "nat", answer))
    assert read_test(saved(tmp_path, *to_phone))[1].actors == ("caller", "proxy", "nat", "phone")
