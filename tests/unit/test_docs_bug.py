"""The page on the bug, from captures written with scapy as tcpdump on `any` writes them."""

from pathlib import Path

import pytest
from scapy.layers.inet import IP, UDP, fragment
from scapy.layers.l2 import CookedLinuxV2
from scapy.packet import Packet
from scapy.utils import wrpcap

from slowbye.docs.bug_late import bye_that_waits, fragments_of_report
from slowbye.docs.bug_others import longest_options, refused_call
from slowbye.docs.bug_tunnels import report_through
from slowbye.docs.flow import Flow
from slowbye.docs.run_wire import RunWire
from slowbye.errors import SlowbyeError
from slowbye.ng.codec import encode_command, encode_reply

CALLER, PROXY, RTPENGINE = ("198.18.3.1", 20001), ("198.18.1.1", 5060), ("198.18.2.1", 2223)
WORKER = ("198.18.1.1", 45000)
REPLY = encode_reply("c", "ok", {"report": "x" * 3300})

End = tuple[str, int]
Sent = tuple[float, Packet]


def udp(at_s: float, source: End, target: End, payload: bytes) -> Sent:
    ports = UDP(sport=source[1], dport=target[1])
    return at_s, IP(src=source[0], dst=target[0], id=int(at_s * 1000) % 60000) / ports / payload


def sip(at_s: float, source: End, target: End, first: str, method: str, call: str = "k") -> Sent:
    text = (
        f"{first}\r\nVia: SIP/2.0/UDP 198.18.3.1:20001;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
        f"To: <sip:c@b>\r\nCall-ID: {call}\r\nCSeq: 1 {method}\r\n\r\n"
    )
    return udp(at_s, source, target, text.encode())


def cut(sent: Sent, arrives_s: list[float]) -> list[Sent]:
    pieces = fragment(sent[1], fragsize=1480)  # type: ignore[no-untyped-call]
    return list(zip(arrives_s, pieces, strict=True))


def wire(tmp_path: Path, at_proxy: list[Sent], at_rtpengine: list[Sent]) -> RunWire:
    paths = []
    for name, packets in (("p", at_proxy), ("r", at_rtpengine)):
        cooked = []
        for at_s, packet in sorted(packets, key=lambda each: each[0]):
            frame = CookedLinuxV2(proto=0x0800) / packet
            frame.time = at_s
            cooked.append(frame)
        paths.append(tmp_path / f"{name}.pcap")
        wrpcap(str(paths[-1]), cooked)
    return RunWire("direct/some", *paths)


def late_bye(tmp_path: Path, arrives_s: float | None) -> RunWire:
    """A call whose delete is asked every second from 10 s on, until the reply has arrived."""
    delete = encode_command("c", "delete", {"call-id": "k"})
    end_s = 15.0 if arrives_s is None else arrives_s
    tries = [udp(10.0 + each, WORKER, RTPENGINE, delete) for each in range(5) if 10 + each < end_s]
    left: list[Sent] = []
    came: list[Sent] = []
    for at_s, _ in tries:
        reply = udp(at_s + 0.01, RTPENGINE, WORKER, REPLY)
        left += cut(reply, [at_s + 0.01] * 3)
        if arrives_s is not None:
            came += cut(reply, [at_s + arrives_s - 10] * 3)
    calls = [
        sip(1.0, CALLER, PROXY, "INVITE sip:c@b SIP/2.0", "INVITE"),
        sip(10.0, CALLER, PROXY, "BYE sip:c@b SIP/2.0", "BYE"),
        sip(end_s + 0.03, PROXY, CALLER, "SIP/2.0 200 OK", "BYE"),
    ]
    return wire(tmp_path, [*calls, *tries, *came], left)


def arrows(flow: Flow) -> list[tuple[str, str, str]]:
    return [(step.at, f"{step.source}>{step.target}", step.label) for step in flow.steps]


def test_a_report_in_fragments_leaves_at_once_and_arrives_late(tmp_path: Path) -> None:
    flow = fragments_of_report(late_bye(tmp_path, 14.03), "delete")
    pieces = ["bytes 0 to 1479", "bytes 1480 to 2959", "bytes 2960 to the end"]
    left = [("0 s", "rtpengine>WAN", piece) for piece in pieces]
    assert arrows(flow) == left + [("4 s", "WAN>proxy", piece) for piece in pieces]
    assert flow.facts["datagram"] == "over 3000 bytes"


@pytest.mark.parametrize("arrives_s", [13.99, 14.02])
def test_a_try_in_the_last_moment_is_chance_and_not_shown(tmp_path: Path, arrives_s: float) -> None:
    flow = bye_that_waits(late_bye(tmp_path, arrives_s), "delete")
    asked = [at for at, _, label in arrows(flow) if label == "the report, please"]
    assert asked == ["0 s", "1 s", "2 s", "3 s"]
    assert dict(flow.facts) == {"bye": "4 s", "tries": "4"}


def test_fragments_that_never_arrive_are_lost_and_the_proxy_gives_up(tmp_path: Path) -> None:
    flow = bye_that_waits(late_bye(tmp_path, None), "delete")
    assert dict(flow.facts) == {"bye": "5 s", "tries": "5"}
    assert [step.lost for step in flow.steps if step.target == "WAN"] == [True] * 5


def test_a_run_without_large_replies_says_so(tmp_path: Path) -> None:
    calls = [
        sip(1.0, CALLER, PROXY, "INVITE sip:c@b SIP/2.0", "INVITE"),
        sip(2.0, CALLER, PROXY, "BYE sip:c@b SIP/2.0", "BYE"),
    ]
    with pytest.raises(SlowbyeError, match="no call report in fragments"):
        bye_that_waits(wire(tmp_path, calls, calls), "delete")


@pytest.mark.parametrize(("waited_s", "said"), [(0.02, "0 s"), (2.9, "> 1 s"), (3.8, "> 1 s")])
def test_how_long_a_bystander_waits_is_chance(tmp_path: Path, waited_s: float, said: str) -> None:
    options = [
        sip(1.0, CALLER, PROXY, "OPTIONS sip:b SIP/2.0", "OPTIONS"),
        sip(1.0 + waited_s, PROXY, CALLER, "SIP/2.0 200 OK", "OPTIONS"),
    ]
    assert longest_options(wire(tmp_path, options, options)).facts["longest"] == said


def test_a_call_that_is_refused_without_asking_anyone(tmp_path: Path) -> None:
    refused = [
        sip(1.0, CALLER, PROXY, "INVITE sip:c@b SIP/2.0", "INVITE"),
        sip(1.01, PROXY, CALLER, "SIP/2.0 503 Media relay unavailable", "INVITE"),
    ]
    flow = refused_call(wire(tmp_path, refused, refused))
    assert [step.label for step in flow.steps] == ["INVITE", "503 Media relay unavailable"]
    assert flow.facts["commands"] == "0"


@pytest.mark.parametrize("cut_up", [True, False])
def test_a_reply_that_comes_out_in_pieces_is_told_from_a_whole_one(
    tmp_path: Path, cut_up: bool
) -> None:
    delete = encode_command("c", "delete", {"call-id": "k"})
    pieces = [REPLY[:1448], REPLY[1448:]] if cut_up else [REPLY]
    at_proxy = [
        sip(1.0, CALLER, PROXY, "INVITE sip:c@b SIP/2.0", "INVITE"),
        sip(2.0, CALLER, PROXY, "BYE sip:c@b SIP/2.0", "BYE"),
        udp(2.01, WORKER, RTPENGINE, delete),
        *(udp(2.02 + each / 100, RTPENGINE, WORKER, piece) for each, piece in enumerate(pieces)),
        sip(2.05, PROXY, CALLER, "SIP/2.0 200 OK", "BYE"),
    ]
    marked = [b"00ff00ff~" + each for each in (delete, REPLY)]
    at_rtpengine = [
        udp(2.01, WORKER, RTPENGINE, marked[0]),
        udp(2.015, RTPENGINE, WORKER, marked[1]),
    ]
    run = wire(tmp_path, at_proxy, at_rtpengine)
    out = [
        step.label
        for step in report_through(run, "delete", "socat", cut_up).steps
        if (step.source, step.target) == ("socat", "proxy")
    ]
    assert out == (["its first part", "the rest of it"] if cut_up else ["over 3000 bytes"])
    with pytest.raises(SlowbyeError, match="has no call report that came"):
        report_through(run, "delete", "socat", not cut_up)


def test_a_report_that_came_before_its_rtcp_is_not_the_one_that_is_shown(tmp_path: Path) -> None:
    at_proxy: list[Sent] = []
    at_rtpengine: list[Sent] = []
    for at_s, call, length in ((1.0, "short", 2000), (2.0, "long", 3300)):
        delete = encode_command(call, "delete", {"call-id": call})
        reply = encode_reply(call, "ok", {"report": "x" * length})
        sent = udp(at_s + 0.02, RTPENGINE, WORKER, reply)
        pieces = 1 + len(reply) // 1480
        at_proxy.append(sip(at_s, CALLER, PROXY, "INVITE sip:c@b SIP/2.0", "INVITE", call))
        at_proxy.append(sip(at_s + 0.01, CALLER, PROXY, "BYE sip:c@b SIP/2.0", "BYE", call))
        at_proxy.append(udp(at_s + 0.01, WORKER, RTPENGINE, delete))
        at_proxy += cut(sent, [at_s + 0.03] * pieces)
        at_rtpengine += cut(sent, [at_s + 0.02] * pieces)
    flow = fragments_of_report(wire(tmp_path, at_proxy, at_rtpengine), "delete")
    assert flow.facts["datagram"] == "over 3000 bytes"
    assert len(flow.steps) == 6
