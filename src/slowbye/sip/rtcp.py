"""What one party reports about a call's RTP (RFC 3550 §6): sender reports with a report block.

No sockets and no timers here: packets and NTP times in, packets out.
"""

from aiortc.rtcrtpreceiver import StreamStatistics
from aiortc.rtp import (
    RtcpByePacket,
    RtcpPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSourceInfo,
    RtcpSrPacket,
    RtpPacket,
)

_CLOCK_RATE = 8000
_SDES_CNAME = 1


class Reporter:
    """The RTCP side of one party.

    Args:
        ssrc: the synchronisation source that this party sends as.
    """

    def __init__(self, ssrc: int) -> None:
        self.ssrc = ssrc
        self._packets = 0
        self._octets = 0
        self._timestamp = 0
        self._heard_ssrc: int | None = None
        self._heard = StreamStatistics(_CLOCK_RATE)
        self._last_report_ntp = 0
        self._last_report_at_ntp = 0

    def rtp_sent(self, timestamp: int, payload_bytes: int) -> None:
        """Count a packet that was sent."""
        self._packets += 1
        self._octets += payload_bytes
        self._timestamp = timestamp

    def rtp_received(self, data: bytes) -> None:
        """Count a packet that came; what is not RTP is left out of the report."""
        try:
            packet = RtpPacket.parse(data)
        except ValueError:
            return
        if packet.ssrc != self._heard_ssrc:
            self._heard_ssrc = packet.ssrc
            self._heard = StreamStatistics(_CLOCK_RATE)
        self._heard.add(packet)

    def rtcp_received(self, data: bytes, now_ntp: int) -> None:
        """Remember the other side's sender report, which ours will refer to."""
        try:
            packets = RtcpPacket.parse(data)
        except ValueError:
            return
        for packet in packets:
            if isinstance(packet, RtcpSrPacket):
                self._last_report_ntp = packet.sender_info.ntp_timestamp
                self._last_report_at_ntp = now_ntp

    def report(self, now_ntp: int) -> bytes:
        """Return a compound packet: a sender or a receiver report, and our name."""
        blocks = self._blocks(now_ntp)
        head: RtcpSrPacket | RtcpRrPacket
        if self._packets:
            sender = RtcpSenderInfo(
                ntp_timestamp=now_ntp,
                rtp_timestamp=self._timestamp,
                packet_count=self._packets,
                octet_count=self._octets,
            )
            head = RtcpSrPacket(ssrc=self.ssrc, sender_info=sender, reports=blocks)
        else:
            head = RtcpRrPacket(ssrc=self.ssrc, reports=blocks)
        name = f"slowbye-{self.ssrc:08x}".encode()
        source = RtcpSourceInfo(ssrc=self.ssrc, items=[(_SDES_CNAME, name)])
        return bytes(head) + bytes(RtcpSdesPacket(chunks=[source]))

    def goodbye(self, now_ntp: int) -> bytes:
        """Return the last compound packet of a call."""
        return self.report(now_ntp) + bytes(RtcpByePacket(sources=[self.ssrc]))

    def _blocks(self, now_ntp: int) -> list[RtcpReceiverInfo]:
        if self._heard_ssrc is None or self._heard.max_seq is None:
            return []
        since = now_ntp - self._last_report_at_ntp if self._last_report_at_ntp else 0
        return [
            RtcpReceiverInfo(
                ssrc=self._heard_ssrc,
                fraction_lost=self._heard.fraction_lost,
                packets_lost=self._heard.packets_lost,
                highest_sequence=self._heard.cycles + self._heard.max_seq,
                jitter=self._heard.jitter,
                # Both are the middle 32 bits of a 64-bit NTP time (RFC 3550 §6.4.1).
                lsr=self._last_report_ntp >> 16 & 0xFFFFFFFF,
                dlsr=since >> 16 & 0xFFFFFFFF,
            )
        ]
