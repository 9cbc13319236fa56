from aiortc.rtp import (
    RtcpByePacket,
    RtcpPacket,
    RtcpRrPacket,
    RtcpSdesPacket,
    RtcpSrPacket,
    RtpPacket,
)

from slowbye.sip.rtcp import Reporter

SECOND_NTP = 1 << 32


def rtp(sequence: int) -> bytes:
    packet = RtpPacket(sequence_number=sequence, timestamp=160 * sequence, ssrc=7, payload=b"x")
    return packet.serialize()


def test_a_party_that_only_listens_sends_a_receiver_report() -> None:
    reporter = Reporter(ssrc=1)
    reporter.rtp_received(rtp(10))
    [report, name] = RtcpPacket.parse(reporter.report(SECOND_NTP))
    assert isinstance(report, RtcpRrPacket)
    assert isinstance(name, RtcpSdesPacket)
    assert report.reports[0].ssrc == 7


def test_a_party_that_sends_says_how_much_and_what_it_lost() -> None:
    reporter = Reporter(ssrc=1)
    for timestamp in range(0, 480, 160):
        reporter.rtp_sent(timestamp, 160)
    for sequence in (10, 11, 13, 14):
        reporter.rtp_received(rtp(sequence))
    [report, _] = RtcpPacket.parse(reporter.report(SECOND_NTP))
    assert isinstance(report, RtcpSrPacket)
    assert report.sender_info.packet_count == 3
    assert report.sender_info.octet_count == 480
    assert report.sender_info.rtp_timestamp == 320
    [block] = report.reports
    assert (block.highest_sequence, block.packets_lost) == (14, 1)


def test_a_report_says_when_the_last_one_of_the_other_side_came() -> None:
    ours, theirs = Reporter(ssrc=1), Reporter(ssrc=2)
    theirs.rtp_sent(0, 160)
    ours.rtp_received(rtp(1))
    ours.rtcp_received(theirs.report(5 * SECOND_NTP), 6 * SECOND_NTP)
    [report, _] = RtcpPacket.parse(ours.report(8 * SECOND_NTP))
    assert isinstance(report, RtcpRrPacket)
    [block] = report.reports
    assert block.lsr == 5 << 16
    assert block.dlsr == 2 << 16


def test_the_last_report_says_goodbye() -> None:
    *_, goodbye = RtcpPacket.parse(Reporter(ssrc=1).goodbye(SECOND_NTP))
    assert isinstance(goodbye, RtcpByePacket)
    assert goodbye.sources == [1]


def test_what_is_not_rtp_is_not_reported() -> None:
    reporter = Reporter(ssrc=1)
    for data in (b"", b"short", b"\x00" * 40):
        reporter.rtp_received(data)
        reporter.rtcp_received(data, 0)
    [report, _] = RtcpPacket.parse(reporter.report(SECOND_NTP))
    assert isinstance(report, RtcpRrPacket)
    assert report.reports == []
