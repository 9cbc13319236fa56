"""Session descriptions that say exactly what a test wants them to say (RFC 8866)."""

import re

_CONNECTION = re.compile(rb"^c=IN IP4 ([0-9.]+)", re.M)
_AUDIO = re.compile(rb"^m=audio ([0-9]+) ", re.M)
_DIRECTION = re.compile(rb"^a=(sendrecv|sendonly|recvonly|inactive)\r?$", re.M)


def describe(address: str, port: int, direction: str = "sendrecv", version: int = 1) -> bytes:
    """Write an offer or an answer with one PCMU stream.

    Args:
        address: where its sender wants the media.
        port: and on which port.
        direction: ``sendrecv``, ``sendonly``, ``recvonly`` or ``inactive`` (RFC 3264 section 8.4).
        version: of the session; each new offer within a dialog has a higher one.
    """
    lines = [
        "v=0",
        f"o=- 42 {version} IN IP4 {address}",
        "s=-",
        f"c=IN IP4 {address}",
        "t=0 0",
        f"m=audio {port} RTP/AVP 0",
        "a=rtpmap:0 PCMU/8000",
        f"a={direction}",
    ]
    return "".join(f"{line}\r\n" for line in lines).encode()


def media_address(body: bytes) -> tuple[str, int]:
    """Return where a description wants its audio: address and port."""
    connection, audio = _CONNECTION.search(body), _AUDIO.search(body)
    assert connection is not None, f"no c= line in the SDP {body!r}"
    assert audio is not None, f"no audio in the SDP {body!r}"
    return connection[1].decode(), int(audio[1])


def direction(body: bytes) -> str:
    """Return the direction of a description's media; without any it is ``sendrecv``."""
    found = _DIRECTION.search(body)
    return found[1].decode() if found else "sendrecv"
