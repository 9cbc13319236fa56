"""One party's media in one call: PCMU in 20 ms packets, RTCP reports, and counters.

There is no codec and no jitter buffer: a batch of twenty calls shares one core with the
signalling whose times it must not distort.
"""

import asyncio
import random
import secrets
from typing import Self, cast

from aiortc.clock import current_ntp_time
from aiortc.rtp import RtpPacket

from slowbye.sip import sdp
from slowbye.sip.addressing import host_port
from slowbye.sip.result import MediaFlow
from slowbye.sip.rtcp import Reporter

PACKET_S = 0.020
SAMPLES_PER_PACKET = 160

# One millisecond of a 1 kHz tone at 0 dBm0 in µ-law, the "digital milliwatt" of ITU-T G.711.
_MILLIWATT = bytes.fromhex("1e0b0b1e9e8b8b9e")
_FRAME = _MILLIWATT * 20

# RFC 3550 §6.2 asks for 5 s or more between reports; a call here lasts about 2 s, and must show
# that RTCP passes.
FIRST_REPORT_S = 0.25
REPORT_S = 1.0

_PORT_PAIRS = range(16384, 32768, 2)
_PORT_TRIES = 50


class _Socket(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.received = 0
        self.sources: set[tuple[str, int]] = set()
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.received += 1
        self.sources.add(addr[:2])
        self.packet(data)

    def packet(self, data: bytes) -> None:
        raise NotImplementedError

    def send(self, data: bytes, host: str, port: int) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.sendto(data, (host, port))

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()


class _RtpSocket(_Socket):
    def __init__(self, reporter: Reporter) -> None:
        super().__init__()
        self._reporter = reporter

    def packet(self, data: bytes) -> None:
        self._reporter.rtp_received(data)


class _RtcpSocket(_Socket):
    def __init__(self, reporter: Reporter) -> None:
        super().__init__()
        self._reporter = reporter

    def packet(self, data: bytes) -> None:
        self._reporter.rtcp_received(data, current_ntp_time())


class MediaStream:
    """RTP and RTCP of one party; made by :meth:`open`."""

    def __init__(self, host: str, rtp: _RtpSocket, rtcp: _RtcpSocket, reporter: Reporter) -> None:
        self._host = host
        self._rtp = rtp
        self._rtcp = rtcp
        self._reporter = reporter
        self._remote: sdp.RemoteMedia | None = None
        self._loop = asyncio.get_running_loop()
        self._timers: list[asyncio.TimerHandle | None] = [None, None]
        self._sequence = secrets.randbits(15)
        self._timestamp = secrets.randbits(31)
        self._rtp_sent = 0
        self._rtcp_sent = 0
        self._running = False

    @classmethod
    async def open(cls, host: str) -> Self:
        """Bind an even port for RTP and the next one for RTCP (RFC 3550 §11).

        Raises:
            OSError: the address is not local, or no pair of ports is free.
        """
        loop = asyncio.get_running_loop()
        reporter = Reporter(secrets.randbits(32))
        for tries_left in reversed(range(_PORT_TRIES)):
            port = random.choice(_PORT_PAIRS)  # noqa: S311
            try:
                _, rtp = await loop.create_datagram_endpoint(
                    lambda: _RtpSocket(reporter), local_addr=(host, port)
                )
            except OSError:
                if not tries_left:
                    raise
                continue
            try:
                _, rtcp = await loop.create_datagram_endpoint(
                    lambda: _RtcpSocket(reporter), local_addr=(host, port + 1)
                )
            except OSError:
                rtp.close()
                if not tries_left:
                    raise
                continue
            return cls(host, rtp, rtcp, reporter)
        raise AssertionError("the last try returns or raises")

    def describe(self) -> bytes:
        """Return this party's SDP."""
        port = self._port(self._rtp)
        return sdp.describe(self._host, port, self._port(self._rtcp))

    @staticmethod
    def _port(socket: _Socket) -> int:
        assert socket.transport is not None  # noqa: S101
        return int(socket.transport.get_extra_info("sockname")[1])

    def start(self, remote: sdp.RemoteMedia) -> None:
        """Send to where the other side's SDP says; a second start only redirects."""
        self._remote = remote
        if self._running:
            return
        self._running = True
        # A random phase spreads the packets of many calls evenly over the 20 ms.
        first_s = self._loop.time() + random.random() * PACKET_S  # noqa: S311
        self._timers[0] = self._loop.call_at(first_s, self._send_rtp, first_s)
        self._timers[1] = self._loop.call_later(FIRST_REPORT_S, self._send_report)

    def stop(self) -> None:
        """Stop sending, with an RTCP BYE; what arrives is still counted."""
        if not self._running:
            return
        self._running = False
        for timer in self._timers:
            if timer is not None:
                timer.cancel()
        self._send_rtcp(self._reporter.goodbye(current_ntp_time()))

    def close(self) -> None:
        """Stop, and close the sockets."""
        self.stop()
        self._rtp.close()
        self._rtcp.close()

    def flow(self) -> MediaFlow:
        """Return the counters so far."""
        remote = self._remote
        return MediaFlow(
            remote="" if remote is None else host_port(remote.host, remote.rtp_port),
            received_from=sorted(host_port(*source) for source in self._rtp.sources),
            rtp_sent=self._rtp_sent,
            rtp_received=self._rtp.received,
            rtcp_sent=self._rtcp_sent,
            rtcp_received=self._rtcp.received,
        )

    def _send_rtp(self, due_s: float) -> None:
        assert self._remote is not None  # noqa: S101
        packet = RtpPacket(
            payload_type=sdp.PAYLOAD_TYPE,
            marker=int(self._rtp_sent == 0),
            sequence_number=self._sequence,
            timestamp=self._timestamp,
            ssrc=self._reporter.ssrc,
            payload=_FRAME,
        )
        self._rtp.send(packet.serialize(), self._remote.host, self._remote.rtp_port)
        self._reporter.rtp_sent(self._timestamp, len(_FRAME))
        self._rtp_sent += 1
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._timestamp = (self._timestamp + SAMPLES_PER_PACKET) & 0xFFFFFFFF
        due_s += PACKET_S
        self._timers[0] = self._loop.call_at(due_s, self._send_rtp, due_s)

    def _send_report(self) -> None:
        self._send_rtcp(self._reporter.report(current_ntp_time()))
        self._timers[1] = self._loop.call_later(REPORT_S, self._send_report)

    def _send_rtcp(self, data: bytes) -> None:
        assert self._remote is not None  # noqa: S101
        self._rtcp.send(data, self._remote.host, self._remote.rtcp_port)
        self._rtcp_sent += 1
