import pytest

from slowbye.sip.sdp import RemoteMedia, SdpError, describe, read

HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n"


def test_what_we_describe_can_be_read_back() -> None:
    assert read(describe("192.0.2.7", 4000, 4001)) == RemoteMedia("192.0.2.7", 4000, 4001)
    assert read(describe("2001:db8::7", 4000, 4001)) == RemoteMedia("2001:db8::7", 4000, 4001)


def test_our_offer_is_plain_rtp_with_rtcp_on_a_port_of_its_own() -> None:
    text = describe("192.0.2.7", 4000, 4001).decode()
    assert "m=audio 4000 RTP/AVP 0\r\n" in text
    assert "a=rtpmap:0 PCMU/8000\r\n" in text
    assert "a=rtcp:4001\r\n" in text
    assert "rtcp-mux" not in text
    assert "ice" not in text


@pytest.mark.parametrize(
    ("lines", "rtcp_port"),
    [
        ("", 30001),
        ("a=rtcp:30007\r\n", 30007),
        ("a=rtcp-mux\r\n", 30000),
    ],
)
def test_the_rtcp_port_is_the_next_one_unless_said_otherwise(lines: str, rtcp_port: int) -> None:
    body = f"{HEAD}c=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 30000 RTP/AVP 0\r\n{lines}"
    assert read(body.encode()) == RemoteMedia("192.0.2.1", 30000, rtcp_port)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"v=0\r\nm=nonsense",
        f"{HEAD}t=0 0\r\nm=audio 30000 RTP/AVP 0\r\n".encode(),
        f"{HEAD}c=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\n".encode(),
        f"{HEAD}c=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 30000 RTP/AVP 0\r\na=rtcp:x\r\n".encode(),
    ],
)
def test_a_description_without_a_place_for_our_media_is_an_error(body: bytes) -> None:
    with pytest.raises(SdpError):
        read(body)
