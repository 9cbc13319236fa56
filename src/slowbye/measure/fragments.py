"""The IP fragments of a capture: where each lies in its datagram, and when it passed."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from slowbye.errors import SlowbyeError

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)

from scapy.error import Scapy_Exception  # noqa: E402
from scapy.layers.inet import IP  # noqa: E402
from scapy.utils import PcapReader  # noqa: E402

_UDP_HEADER_BYTES = 8


@dataclass(frozen=True)
class Fragment:
    """One IPv4 fragment (RFC 791 section 3.2).

    Attributes:
        datagram: what its siblings have in common: source, destination, identification.
        time_ms: on the captured host's clock.
        offset, length: in bytes of the datagram, whose UDP header belongs to the first.
        more: others follow.
        head: of the first fragment, what follows the UDP header; else empty.
    """

    datagram: tuple[str, str, int]
    time_ms: float
    offset: int
    length: int
    more: bool
    head: bytes


def read_fragments(pcap: Path) -> Iterator[Fragment]:
    """Yield the IPv4 fragments of a capture in order.

    Raises:
        SlowbyeError: the file is not a capture.
    """
    try:
        with PcapReader(str(pcap)) as packets:
            for packet in packets:
                if IP not in packet:
                    continue
                ip = packet[IP]
                offset, more = ip.frag * 8, bool(ip.flags.MF)
                if not more and offset == 0:
                    continue
                head = b"" if offset else bytes(ip.payload)[_UDP_HEADER_BYTES:]
                yield Fragment(
                    datagram=(str(ip.src), str(ip.dst), int(ip.id)),
                    time_ms=float(packet.time) * 1000,
                    offset=offset,
                    length=ip.len - ip.ihl * 4,
                    more=more,
                    head=head,
                )
    except (Scapy_Exception, EOFError, OSError) as error:
        raise SlowbyeError(f"capture {pcap} cannot be read: {error}") from error
