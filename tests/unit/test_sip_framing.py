import pytest

from slowbye.sip.framing import MAX_MESSAGE_BYTES, FramingError, MessageStream

EMPTY = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n"
WITH_BODY = b"SIP/2.0 200 OK\r\nCSeq: 1 INVITE\r\nl: 5\r\n\r\nhello"


def test_messages_that_arrive_together_are_told_apart() -> None:
    assert MessageStream().feed(EMPTY + WITH_BODY + EMPTY) == [EMPTY, WITH_BODY, EMPTY]


def test_a_message_that_arrives_byte_by_byte_is_put_together() -> None:
    stream = MessageStream()
    got = [message for byte in WITH_BODY + EMPTY for message in stream.feed(bytes([byte]))]
    assert got == [WITH_BODY, EMPTY]


def test_keep_alives_between_messages_are_dropped() -> None:
    stream = MessageStream()
    assert stream.feed(b"\r\n\r\n") == []
    assert stream.feed(b"\r\n" + EMPTY + b"\r\n\r\n" + EMPTY) == [EMPTY, EMPTY]


@pytest.mark.parametrize(
    "data",
    [
        b"OPTIONS sip:a SIP/2.0\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 5\r\nl: 6\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nContent-Length: -1\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 9999999\r\n\r\n",
        b"x" * (MAX_MESSAGE_BYTES + 1),
    ],
)
def test_a_stream_that_cannot_be_cut_is_an_error(data: bytes) -> None:
    with pytest.raises(FramingError):
        MessageStream().feed(data)
