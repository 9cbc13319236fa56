"""The session descriptions of our calls: one PCMU stream, RTCP on a port of its own."""

import secrets
from dataclasses import dataclass

from aiortc import sdp
from aiortc.rtcicetransport import RTCIceParameters
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

# RFC 3551 §6, table 4: PCMU/8000 is payload type 0.
PAYLOAD_TYPE = 0
PCMU = RTCRtpCodecParameters(
    mimeType="audio/PCMU", clockRate=8000, channels=1, payloadType=PAYLOAD_TYPE
)


class SdpError(ValueError):
    """A description that cannot be read, or has no audio stream to talk to."""


@dataclass(frozen=True)
class RemoteMedia:
    """Where the other side wants its RTP and its RTCP."""

    host: str
    rtp_port: int
    rtcp_port: int


def describe(host: str, rtp_port: int, rtcp_port: int) -> bytes:
    """Write the offer or answer of a party that sends and receives PCMU (RFC 3264)."""
    session = sdp.SessionDescription()
    session.origin = f"- {secrets.randbits(31)} 1 {sdp.ipaddress_to_sdp(host)}"
    session.host = host
    media = sdp.MediaDescription(kind="audio", port=rtp_port, profile="RTP/AVP", fmt=[PAYLOAD_TYPE])
    media.direction = "sendrecv"
    media.rtcp_port = rtcp_port
    media.rtp.codecs = [PCMU]
    media.ice = RTCIceParameters()
    session.media.append(media)
    return str(session).encode()


def read(body: bytes) -> RemoteMedia:
    """Read where an offer or answer wants its media.

    Raises:
        SdpError: it cannot be read, or it has no audio stream, or that stream was refused.
    """
    # The parser asserts and indexes its way through; every fault means the same here.
    try:
        session = sdp.SessionDescription.parse(body.decode())
    except (ValueError, AssertionError, AttributeError, IndexError, KeyError, TypeError) as fault:
        raise SdpError("the SDP cannot be read") from fault
    for media in session.media:
        if media.kind == "audio" and media.port != 0:
            host = media.host or session.host
            if host is None:
                raise SdpError("the SDP has no c= line")
            default = media.port if media.rtcp_mux else media.port + 1
            return RemoteMedia(host, media.port, media.rtcp_port or default)
    raise SdpError("the SDP has no audio stream")
