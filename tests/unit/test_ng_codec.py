import pytest

from slowbye.ng.codec import Encoding, Reply, Request, decode, encode_command, encode_reply
from slowbye.ng.errors import NgBodyError, NgCookieError, NgKindError


def test_a_command_reads_back_as_it_was_written() -> None:
    datagram = encode_command("12_3", "offer", {"call-id": "a@b", "sdp": "v=0\r\n", "flags": ["x"]})
    request = decode(datagram)
    assert isinstance(request, Request)
    assert (request.cookie, request.command) == ("12_3", "offer")
    assert request.body["sdp"] == "v=0\r\n"
    assert request.body["flags"] == ["x"]


def test_json_is_understood_as_well_as_bencode() -> None:
    request = decode(encode_command("c", "ping", encoding=Encoding.JSON))
    assert isinstance(request, Request)
    assert request.encoding is Encoding.JSON
    reply = decode(b'c {"result":"pong"}')
    assert isinstance(reply, Reply)
    assert reply.result == "pong"


def test_keys_out_of_order_are_accepted_as_rtpengine_writes_them() -> None:
    reply = decode(b"7 d6:result2:ok7:createdi1e4:tagsdee")
    assert isinstance(reply, Reply)
    assert reply.body == {"result": "ok", "created": 1, "tags": {}}


def test_text_that_is_not_utf8_stays_bytes() -> None:
    reply = decode(b"7 d6:result2:ok5:label1:\xffe")
    assert reply.body["label"] == b"\xff"


def test_a_reply_is_written_as_rtpengine_would() -> None:
    assert encode_reply("9", "ok") == b"9 d6:result2:oke"


@pytest.mark.parametrize("cookie", ["", "two words", "tab\there", "x" * 256])
def test_a_cookie_is_one_word(cookie: str) -> None:
    with pytest.raises(NgCookieError):
        encode_command(cookie, "ping")


@pytest.mark.parametrize("datagram", [b"", b"nospace", b" d6:result2:oke", b"x" * 300 + b" de"])
def test_a_datagram_without_a_cookie_is_refused(datagram: bytes) -> None:
    with pytest.raises(NgCookieError):
        decode(datagram)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"d",
        b"d6:result",
        b"d6:result99:oke",
        b"d6:result2:oketail",
        b"li1ee",
        b"{",
        b'{"result":',
        b"d" + b"1:ad" * 5000,
    ],
)
def test_a_body_that_is_no_dictionary_is_refused(body: bytes) -> None:
    with pytest.raises(NgBodyError):
        decode(b"cookie " + body)


def test_a_dictionary_that_neither_asks_nor_answers_is_refused() -> None:
    with pytest.raises(NgKindError, match="created"):
        decode(b"c d7:createdi1ee")


def test_no_datagram_is_larger_than_udp_allows() -> None:
    with pytest.raises(NgBodyError, match="70002 bytes"):
        decode(b"c " + b"d" * 70_000)
