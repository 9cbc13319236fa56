"""What the tunnel understands of ng."""

import json

import pytest
from bencodepy import Bencode  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from ngtunnel.core import ng

REASON = "ngtunnel: no link to rtpengine"
SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"

cookies = st.text("0123456789abcdefABCDEF_-.", min_size=1, max_size=ng.MAX_COOKIE)
texts = st.binary(max_size=40).filter(lambda text: b"7:command" not in text)


def bencode(pairs: list[tuple[bytes, bytes]]) -> bytes:
    """A dictionary of strings, in the order given: neither proxies nor rtpengine sort."""
    strings = (b"%d:%b" % (len(each), each) for pair in pairs for each in pair)
    return b"d" + b"".join(strings) + b"e"


@given(cookies, st.sampled_from([b"d2:ok2:oke", b'{"result": "ok"}']))
def test_the_cookie_is_what_stands_before_the_first_space(cookie: str, body: bytes) -> None:
    assert ng.cookie_of(cookie.encode() + b" " + body) == cookie.encode()


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b" ",
        b" d7:command4:pinge",
        b"cookie",
        b"cookie ",
        b"cookied7:command4:pinge",
        b"cookie l4:pinge",
        b"OPTIONS sip:x SIP/2.0\r\n",
        b"c" * (ng.MAX_COOKIE + 1) + b" d7:command4:pinge",
    ],
)
def test_what_has_no_cookie_and_dictionary_is_no_ng(datagram: bytes) -> None:
    assert ng.cookie_of(datagram) is None


@given(st.binary(max_size=400))
def test_whatever_arrives_has_a_cookie_or_none_and_one_of_few_labels(datagram: bytes) -> None:
    cookie = ng.cookie_of(datagram)
    assert cookie is None or datagram.startswith(cookie + b" ")
    assert ng.command_of(datagram) in ng.COMMANDS | {ng.OTHER}
    assert ng.result_of(datagram) in ng.RESULTS | {ng.OTHER}


@given(
    st.sampled_from(sorted(ng.COMMANDS)),
    st.permutations([b"call-id", b"from-tag", b"sdp", b"command"]),
    st.lists(texts, min_size=4, max_size=4),
)
def test_a_command_is_found_in_bencode_whatever_the_order_of_keys(
    command: str, keys: list[bytes], values: list[bytes]
) -> None:
    pairs = [
        (key, command.encode() if key == b"command" else value)
        for key, value in zip(keys, values, strict=True)
    ]
    assert ng.command_of(b"5_1 " + bencode(pairs)) == command


@given(
    st.sampled_from(sorted(ng.COMMANDS)),
    st.permutations(["call-id", "from-tag", "sdp", "command"]),
    st.lists(st.text(max_size=20), min_size=4, max_size=4),
    st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", " :\t")]),
)
def test_a_command_is_found_in_json_whatever_the_order_of_keys_and_the_spaces(
    command: str, keys: list[str], values: list[str], separators: tuple[str, str]
) -> None:
    body = {
        key: command if key == "command" else value for key, value in zip(keys, values, strict=True)
    }
    datagram = b"5_1 " + json.dumps(body, separators=separators).encode()
    assert ng.command_of(datagram) == command


@pytest.mark.parametrize("result", sorted(ng.RESULTS))
def test_a_result_is_found_in_either_encoding(result: str) -> None:
    pairs = [(b"sdp", SDP), (b"result", result.encode()), (b"call-id", b"x")]
    assert ng.result_of(b"5_1 " + bencode(pairs)) == result
    assert ng.result_of(b"5_1 " + json.dumps({"sdp": "v=0", "result": result}).encode()) == result


@pytest.mark.parametrize(
    "body",
    [
        b"de",
        b"d7:command",
        b"d7:commande",
        b"d7:command:offere",
        b"d7:command-5:offere",
        b"d7:command5x:offere",
        b"d7:command9999:offere",
        b"d7:command6:\xff\xfe\xfd\xfc\xfb\xfae",
        b"d7:command5:offe",
        b"d7:command8:no such e",
        b'{"command": 5}',
        b'{"command": "no such"}',
        b'{"comm\\u0061nd": "offer"}',
        b"{",
    ],
)
def test_a_command_that_cannot_be_read_counts_as_other(body: bytes) -> None:
    assert ng.command_of(b"5_1 " + body) == ng.OTHER


def test_the_words_of_a_command_inside_a_text_in_json_are_no_command() -> None:
    body = json.dumps({"sdp": '"command": "offer"', "command": "answer"})
    assert ng.command_of(b"5_1 " + body.encode()) == "answer"


@given(cookies, st.text(max_size=60))
def test_an_error_in_bencode_is_read_by_a_strict_decoder(cookie: str, reason: str) -> None:
    asked = cookie.encode() + b" d7:command6:deletee"
    reply = ng.error_reply(asked, cookie.encode(), reason)
    assert ng.cookie_of(reply) == cookie.encode()
    _, _, body = reply.partition(b" ")
    decoded = Bencode(encoding="utf-8").decode(body)
    assert decoded == {"result": "error", "error-reason": reason}
    assert list(decoded) == sorted(decoded)
    assert ng.result_of(reply) == "error"


@given(cookies, st.text(max_size=60))
def test_a_request_in_json_gets_its_error_in_json(cookie: str, reason: str) -> None:
    reply = ng.error_reply(cookie.encode() + b' {"command": "ping"}', cookie.encode(), reason)
    head, _, body = reply.partition(b" ")
    assert head == cookie.encode()
    assert json.loads(body) == {"result": "error", "error-reason": reason}
    assert ng.result_of(reply) == "error"


def test_the_error_is_to_the_byte_what_opensips_is_told_to_fail_over_on() -> None:
    reply = ng.error_reply(b"5_1 d7:command4:pinge", b"5_1", REASON)
    assert reply == b"5_1 d12:error-reason30:" + REASON.encode() + b"6:result5:errore"
