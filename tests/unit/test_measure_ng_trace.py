"""Captures are made with scapy, as tcpdump on `any` writes them, and read back from files."""

from pathlib import Path

import pytest
from scapy.layers.inet import IP, UDP, fragment
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment, fragment6
from scapy.layers.l2 import CookedLinuxV2
from scapy.packet import Packet, Raw
from scapy.utils import wrpcap

from slowbye.errors import SlowbyeError
from slowbye.measure.ng_trace import CommandTimes, Exchange, NgTrace, by_command, trace
from slowbye.measure.percentiles import Percentiles
from slowbye.measure.reassembly import read_datagrams
from slowbye.ng.codec import encode_command, encode_reply

PROXY, RTPENGINE = "198.18.1.1", "198.18.2.1"
NG = 2223
BIG = {"report": "x" * 1800}


def request(cookie: str, command: str, at_s: float, port: int = 40_000) -> tuple[float, Packet]:
    payload = encode_command(cookie, command)
    return at_s, IP(src=PROXY, dst=RTPENGINE) / UDP(sport=port, dport=NG) / Raw(payload)


def reply(
    cookie: str, body: dict[str, str], at_s: list[float], port: int = 40_000, ip_id: int = 7
) -> list[tuple[float, Packet]]:
    """Return the reply, cut at an MTU of 1500, its pieces arriving at the given times."""
    whole = (
        IP(src=RTPENGINE, dst=PROXY, id=ip_id)
        / UDP(sport=NG, dport=port)
        / Raw(encode_reply(cookie, "ok", dict(body)))
    )
    pieces = fragment(whole, fragsize=1480)  # type: ignore[no-untyped-call]
    assert len(pieces) == len(at_s)
    return list(zip(at_s, pieces, strict=True))


def traced(tmp_path: Path, packets: list[tuple[float, Packet]]) -> NgTrace:
    written = []
    for at_s, packet in sorted(packets, key=lambda each: each[0]):
        cooked = CookedLinuxV2(proto=0x86DD if IPv6 in packet else 0x0800) / packet
        cooked.time = at_s
        written.append(cooked)
    pcap = tmp_path / "capture.pcap"
    wrpcap(str(pcap), written)
    return trace(read_datagrams(pcap), [(None, NG)])


def exchanges(tmp_path: Path, packets: list[tuple[float, Packet]]) -> list[Exchange]:
    return traced(tmp_path, packets).exchanges


def times(tmp_path: Path, packets: list[tuple[float, Packet]], command: str) -> CommandTimes:
    return by_command(exchanges(tmp_path, packets), try_ms=1000, give_up_ms=5000)[command]


def test_time_runs_to_the_arrival_of_the_last_fragment(tmp_path: Path) -> None:
    packets = [request("1", "delete", 10.0), *reply("1", BIG, [10.5, 14.0])]
    delete = times(tmp_path, packets, "delete")
    assert delete.p50 == pytest.approx(4000)
    assert delete.fragmented == 1
    assert delete.reply_bytes_max == len(encode_reply("1", "ok", dict(BIG)))


def test_time_runs_from_the_first_request_and_the_others_are_retransmits(tmp_path: Path) -> None:
    packets = [request("1", "delete", at_s) for at_s in (10.0, 11.0, 12.0, 13.0)]
    packets += reply("1", BIG, [14.02, 14.02], ip_id=1) + reply("1", BIG, [15.02, 15.02], ip_id=2)
    delete = times(tmp_path, packets, "delete")
    assert (delete.count, delete.retransmits) == (1, 3)
    assert delete.max == pytest.approx(4020)


def test_fragments_that_overtake_each_other_still_make_a_reply(tmp_path: Path) -> None:
    packets = [request("1", "delete", 10.0), *reply("1", BIG, [10.2, 10.1])]
    assert times(tmp_path, packets, "delete").p50 == pytest.approx(200)


def test_a_fragment_that_comes_twice_does_not_complete_a_reply(tmp_path: Path) -> None:
    first, last = reply("1", BIG, [10.1, 10.3])
    packets = [request("1", "delete", 10.0), first, (10.2, first[1]), last]
    assert times(tmp_path, packets, "delete").p50 == pytest.approx(300)


def test_a_reply_that_lost_a_fragment_is_no_reply(tmp_path: Path) -> None:
    packets = [request("1", "delete", 10.0 + second) for second in range(5)]
    packets += reply("1", BIG, [10.1, 10.1])[:1]
    delete = times(tmp_path, packets, "delete")
    assert (delete.unanswered, delete.p50, delete.reply_bytes_max) == (1, None, 0)
    assert delete.gave_up.p50 == pytest.approx(5000)


def test_a_reply_after_the_proxy_gave_up_is_late(tmp_path: Path) -> None:
    packets = [request("1", "delete", 10.0 + second) for second in range(5)]
    packets += reply("1", BIG, [16.0, 16.0])
    delete = times(tmp_path, packets, "delete")
    assert (delete.late, delete.unanswered) == (1, 0)
    assert delete.p50 == pytest.approx(6000)
    assert delete.gave_up.max == pytest.approx(5000)


def test_a_small_reply_is_not_fragmented(tmp_path: Path) -> None:
    packets = [request("1", "offer", 10.0), *reply("1", {"sdp": "v=0"}, [10.021])]
    offer = times(tmp_path, packets, "offer")
    assert offer.fragmented == 0
    assert offer.p50 == pytest.approx(21)


def test_the_mtu_itself_is_not_fragmented_and_one_byte_more_is(tmp_path: Path) -> None:
    empty = len(encode_reply("1", "ok", {"report": "x" * 1000})) - 1000
    fits, exceeds = {"report": "x" * (1472 - empty)}, {"report": "x" * (1473 - empty)}
    packets = [request("1", "delete", 10.0), *reply("1", fits, [10.1])]
    assert times(tmp_path, packets, "delete").fragmented == 0
    packets = [request("1", "delete", 10.0), *reply("1", exceeds, [10.1, 10.1])]
    assert times(tmp_path, packets, "delete").fragmented == 1


def test_the_same_cookie_of_two_proxy_processes_is_two_requests(tmp_path: Path) -> None:
    packets = [request("1", "ping", 10.0, port=1), request("1", "ping", 10.1, port=2)]
    packets += reply("1", {}, [10.3], port=1) + reply("1", {}, [10.2], port=2)
    found = exchanges(tmp_path, packets)
    assert [each.ms for each in found] == [pytest.approx(300), pytest.approx(100)]


def test_the_proxys_cookie_is_known_also_behind_a_tunnel_that_marks_it() -> None:
    cookies = ("1234_7", "8f14e45f~1234_7")
    assert {Exchange("delete", 0, 0, cookie=each).proxy_cookie for each in cookies} == {"1234_7"}


def test_what_is_not_ng_is_passed_over(tmp_path: Path) -> None:
    sip = IP(src=PROXY, dst=RTPENGINE) / UDP(sport=5060, dport=5060) / Raw(b"OPTIONS sip:a SIP/2.0")
    orphan = reply("9", {}, [10.2])
    found = traced(tmp_path, [(10.1, sip), *orphan])
    assert (found.exchanges, found.garbled) == ([], 0)


def datagram(payload: bytes, at_s: float) -> tuple[float, Packet]:
    return at_s, IP(src=RTPENGINE, dst=PROXY) / UDP(sport=NG, dport=40_000) / Raw(payload)


def test_merged_and_cut_datagrams_are_counted(tmp_path: Path) -> None:
    one, other = encode_reply("1", "ok", dict(BIG)), encode_reply("2", "ok")
    packets = [request("1", "delete", 10.0), request("2", "offer", 10.1)]
    merged = traced(tmp_path, [*packets, datagram(one + other, 10.2)])
    cut = traced(tmp_path, [*packets, datagram(one[:1448], 10.2), datagram(one[1448:], 10.3)])
    empty = traced(tmp_path, [*packets, datagram(b"", 10.2)])
    assert [each.garbled for each in (merged, cut, empty)] == [1, 2, 1]
    assert merged.exchanges[0].ms is None


def test_a_reply_that_nobody_asked_for_again_is_one_too_many(tmp_path: Path) -> None:
    answered = [request("1", "offer", 10.0), *reply("1", {}, [10.1]), *reply("1", {}, [10.2])]
    assert traced(tmp_path, answered).duplicated == 1
    asked_twice = [request("1", "offer", 10.05), *answered]
    assert traced(tmp_path, asked_twice).duplicated == 0


def test_only_the_nodes_of_a_path_are_its_own(tmp_path: Path) -> None:
    exchanges(tmp_path, [request("1", "offer", 10.0), *reply("1", {}, [10.1])])
    seen = list(read_datagrams(tmp_path / "capture.pcap"))
    assert len(trace(seen, {(RTPENGINE, NG)}).exchanges) == 1
    assert trace(seen, {("127.0.0.1", NG)}).exchanges == []
    assert trace(seen, {(RTPENGINE, NG + 1), (None, NG + 2)}).exchanges == []


def test_ng_over_ipv6_is_reassembled_too(tmp_path: Path) -> None:
    asked = (
        IPv6(src="fd00::1", dst="fd00::2") / UDP(sport=4, dport=NG) / encode_command("1", "query")
    )
    whole = (
        IPv6(src="fd00::2", dst="fd00::1")
        / IPv6ExtHdrFragment(id=5)
        / UDP(sport=NG, dport=4)
        / Raw(encode_reply("1", "ok", dict(BIG)))
    )
    first, last = fragment6(whole, 1280)  # type: ignore[no-untyped-call]
    packets: list[tuple[float, Packet]] = [
        (10.0, asked),
        (10.4, IPv6(bytes(last))),
        (10.5, IPv6(bytes(first))),
    ]
    query = times(tmp_path, packets, "query")
    assert query.fragmented == 1
    assert query.p50 == pytest.approx(500)


def test_commands_are_kept_apart() -> None:
    found = by_command(
        [Exchange("offer", 0, 0, reply_ms=20), Exchange("delete", 0, 4000, transmissions=5)],
        try_ms=1000,
        give_up_ms=5000,
    )
    assert found["offer"].p50 == 20
    assert found["offer"].gave_up == Percentiles(None, None, None)
    assert found["delete"].unanswered == 1


def test_a_capture_cut_off_in_a_packet_is_read_up_to_there(tmp_path: Path) -> None:
    exchanges(tmp_path, [request("1", "ping", 10.0), request("2", "ping", 11.0)])
    pcap = tmp_path / "capture.pcap"
    pcap.write_bytes(pcap.read_bytes()[:-5])
    assert len(list(read_datagrams(pcap))) == 1


def test_a_file_that_is_no_capture_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    path.write_text("this is not a capture at all")
    with pytest.raises(SlowbyeError, match=r"x\.pcap"):
        list(read_datagrams(path))
