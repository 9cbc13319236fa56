import pytest

from bench.payload import REPLY_TAIL, cookie, read_cookie, replies, requests
from bench.verify import Content, judge
from slowbye.ng.codec import Reply, Request, decode

SIZE = 1851
REPLY = replies(SIZE)
A, B, C = (REPLY(cookie(7, sequence)) for sequence in range(3))


def content(datagram: bytes) -> Content:
    return judge(datagram, REPLY, REPLY_TAIL).content


@pytest.mark.parametrize("size", [60, 150, 151, 300, 1851, 8192, 65_507])
def test_datagrams_have_exactly_the_size_asked_for(size: int) -> None:
    assert len(requests(size)(cookie(1, 2))) == len(replies(size)(cookie(1, 2))) == size


@pytest.mark.parametrize("size", [0, 20, 65_508])
def test_a_size_that_no_datagram_can_have_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="no datagram"):
        replies(size)


def test_they_are_ng() -> None:
    request, reply = decode(requests(300)(cookie(1, 2))), decode(A)
    assert isinstance(request, Request)
    assert request.command == "query"
    assert isinstance(reply, Reply)
    assert reply.result == "ok"
    assert reply.cookie == cookie(7, 0).decode()


def test_a_cookie_tells_peer_and_sequence_number() -> None:
    assert read_cookie(cookie(65_535, 2**32 - 1)) == (65_535, 2**32 - 1)


def test_the_fill_differs_from_cookie_to_cookie() -> None:
    assert len({REPLY(cookie(peer, 5))[40:80] for peer in range(500)}) == 500


def test_a_whole_datagram_is_whole() -> None:
    verdict = judge(A, REPLY, REPLY_TAIL)
    assert verdict.content is Content.WHOLE
    assert verdict.whole == (cookie(7, 0),)


def test_an_ng_error_is_an_error_and_no_wrong_datagram() -> None:
    assert content(cookie(7, 0) + b" d12:error-reason7:no link6:result5:errore") is Content.ERROR


def test_two_datagrams_in_one_are_merged() -> None:
    verdict = judge(A + B, REPLY, REPLY_TAIL)
    assert verdict.content is Content.MERGED
    assert verdict.whole == (cookie(7, 0), cookie(7, 1))


@pytest.mark.parametrize("cut", [1, 13, 14, 20, 30, 100, SIZE - 14, SIZE - 5, SIZE - 1])
def test_either_half_of_a_datagram_is_split(cut: int) -> None:
    assert content(A[:cut]) is Content.SPLIT
    assert content(A[cut:]) is Content.SPLIT


def test_a_piece_from_the_middle_is_split() -> None:
    assert content(A[500:1000]) is Content.SPLIT


@pytest.mark.parametrize("cut", [1, 5, 13, 22, 300, SIZE - 10])
def test_a_whole_one_with_a_piece_of_another_is_merged(cut: int) -> None:
    assert content(A + B[:cut]) is Content.MERGED
    assert content(A[cut:] + B) is Content.MERGED
    assert content(A[cut:] + B + C[:cut]) is Content.MERGED


@pytest.mark.parametrize("place", [0, 5, 13, 20, 25, 40, 900, SIZE - 6, SIZE - 1])
def test_one_changed_byte_is_corrupted(place: int) -> None:
    changed = bytearray(A)
    changed[place] ^= 0xFF
    assert content(bytes(changed)) is Content.CORRUPTED


def test_the_reply_of_another_cookie_under_this_one_is_corrupted() -> None:
    assert content(cookie(7, 0) + B[13:]) is Content.CORRUPTED


def test_garbage_and_nothing_are_corrupted() -> None:
    assert content(b"SIP/2.0 200 OK\r\n") is Content.CORRUPTED
    assert content(b"") is Content.CORRUPTED
