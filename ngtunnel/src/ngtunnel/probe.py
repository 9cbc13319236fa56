"""Asks whatever speaks ng at a UDP address, a tunnel or rtpengine itself, and measures the replies.

Source of the messages: rtpengine, docs/ng_control_protocol.md, "ping" and "statistics".
"""

import json
import re
import secrets
import socket
import time
from dataclasses import dataclass, field
from math import ceil

from ngtunnel.config import Address
from ngtunnel.core.ng import cookie_of, result_of

TIMEOUT_S = 5.0
"""As long as a proxy waits for rtpengine in all: ``rtpengine_retr`` times ``rtpengine_tout``."""

ETHERNET_MTU = 1500

_FITS_BYTES = {4: ETHERNET_MTU - 20 - 8, 6: ETHERNET_MTU - 40 - 8}
"""By IP version, the longest datagram that is not fragmented: the MTU less IP and UDP headers."""

_FRAGMENT_BYTES = {4: ETHERNET_MTU - 20, 6: (ETHERNET_MTU - 40 - 8) // 8 * 8}
"""What a fragment carries, UDP header included; IPv6 adds a fragment header of 8 bytes."""

_LONGEST_DATAGRAM = 65_535

_REASON = re.compile(rb"12:error-reason([0-9]{1,4}):")


class ProbeError(Exception):
    """The probe could not be made; the message says where and why."""


@dataclass(slots=True)
class Probe:
    """What a series of requests found.

    Attributes:
        command: the ng command that was sent.
        ip_version: 4 or 6.
        sent: how many requests.
        times_ms: from request to reply, in the order of sending; lost ones are left out.
        reply_bytes: the longest reply.
        errors: error reasons and how often each came.
    """

    command: str
    ip_version: int = 4
    sent: int = 0
    times_ms: list[float] = field(default_factory=list)
    reply_bytes: int = 0
    errors: dict[str, int] = field(default_factory=dict)

    @property
    def lost(self) -> int:
        """Requests without a reply in time."""
        return self.sent - len(self.times_ms)

    @property
    def good(self) -> bool:
        """Whether every request got a reply that is no error."""
        return self.lost == 0 and not self.errors

    @property
    def fits_bytes(self) -> int:
        """The longest datagram that is not fragmented at an MTU of 1500."""
        return _FITS_BYTES[self.ip_version]

    @property
    def fragments(self) -> int:
        """In how many IP packets the longest reply comes at an MTU of 1500."""
        if self.reply_bytes <= self.fits_bytes:
            return 1
        return ceil((self.reply_bytes + 8) / _FRAGMENT_BYTES[self.ip_version])

    def percentile_ms(self, share: float) -> float:
        """Tell the time that this share of the replies, if there are any, did not exceed."""
        # By the nearest rank, so that it is a time that was measured.
        return sorted(self.times_ms)[max(1, ceil(share * len(self.times_ms))) - 1]


def run(address: Address, count: int, *, large: bool, timeout_s: float = TIMEOUT_S) -> Probe:
    """Send requests one after the other, each when the one before has its reply or is lost.

    Args:
        address: where ng is spoken over UDP.
        count: how many.
        large: ask for ``statistics``, whose reply is longer than an MTU, in place of ``ping``.
        timeout_s: when a request counts as lost.

    Raises:
        ProbeError: the address cannot be resolved or reached, or nobody listens there.
    """
    command = "statistics" if large else "ping"
    try:
        family, kind, _, _, where = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_DGRAM
        )[0]
        probe = Probe(command, 6 if family == socket.AF_INET6 else 4)
        with socket.socket(family, kind) as udp:
            udp.connect(where)
            for _ in range(count):
                probe.sent += 1
                _ask(udp, probe, timeout_s)
    except ConnectionRefusedError:
        raise ProbeError(f"{address}: nobody listens there") from None
    except OSError as error:
        raise ProbeError(f"{address}: {error.strerror}") from None
    return probe


def _ask(udp: socket.socket, probe: Probe, timeout_s: float) -> None:
    # A new one each time: rtpengine answers a repeated cookie from its cache.
    cookie = secrets.token_hex(8).encode()
    command = probe.command.encode()
    udp.send(b"%b d7:command%d:%be" % (cookie, len(command), command))
    started = time.perf_counter()
    while (left := started + timeout_s - time.perf_counter()) > 0:
        udp.settimeout(left)
        try:
            reply = udp.recv(_LONGEST_DATAGRAM)
        except TimeoutError:
            return
        if cookie_of(reply) == cookie:
            probe.times_ms.append((time.perf_counter() - started) * 1000)
            probe.reply_bytes = max(probe.reply_bytes, len(reply))
            if result_of(reply) not in ("ok", "pong"):
                reason = _reason(reply)
                probe.errors[reason] = probe.errors.get(reason, 0) + 1
            return


def _reason(reply: bytes) -> str:
    match = _REASON.search(reply)
    if match is None:
        return f"the result is {result_of(reply)}"
    return reply[match.end() : match.end() + int(match[1])].decode(errors="replace")


def describe(address: Address, probe: Probe) -> str:
    """Write what was found, for a person."""
    lines = [f"{address}: {len(probe.times_ms)} of {probe.sent} answered ({probe.command})"]
    if probe.times_ms:
        times = "   ".join(f"{name} {time_ms:.2f} ms" for name, time_ms in _summary(probe).items())
        lines.append(f"  {times}   lost {probe.lost}")
        lines.append(f"  {_size(probe)}")
    lines += [f"  answered with an error {n} times: {why}" for why, n in probe.errors.items()]
    return "\n".join(lines)


def as_json(address: Address, probe: Probe) -> str:
    """Write what was found, for a program: times in milliseconds, sizes in bytes."""
    return json.dumps(
        {
            "address": str(address),
            "command": probe.command,
            "sent": probe.sent,
            "lost": probe.lost,
            "ms": _summary(probe),
            "reply_bytes_max": probe.reply_bytes,
            "fragments_at_mtu_1500": probe.fragments,
            "errors": probe.errors,
        },
        indent=2,
    )


def _summary(probe: Probe) -> dict[str, float]:
    if not probe.times_ms:
        return {}
    return {
        "min": min(probe.times_ms),
        "p50": probe.percentile_ms(0.5),
        "p99": probe.percentile_ms(0.99),
        "max": max(probe.times_ms),
    }


def _size(probe: Probe) -> str:
    if probe.fragments == 1:
        return f"replies of up to {probe.reply_bytes} bytes: whole at an MTU of {ETHERNET_MTU}"
    return (
        f"replies of up to {probe.reply_bytes} bytes: over UDP, {probe.fragments} fragments at an "
        f"MTU of {ETHERNET_MTU}, where {probe.fits_bytes} bytes fit into one packet"
    )
