"""The wire format: hellos, frames, and what a stranger may send."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngtunnel.core.wire import (
    CLIENT_HELLO_SIZE,
    HEADER_SIZE,
    MAX_PAYLOAD,
    SERVER_HELLO_SIZE,
    ClientHello,
    Frame,
    FrameReader,
    Kind,
    ServerHello,
    Status,
    WireError,
    pack_header,
)

LIMIT = 300

frames = st.tuples(
    st.sampled_from([int(kind) for kind in Kind]),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.binary(max_size=LIMIT),
)


def encode(frame: Frame) -> bytes:
    *head, payload = frame
    return pack_header(*head, len(payload)) + payload


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[begin:end] for begin, end in pairwise(edges)]


@given(st.lists(frames, max_size=12), st.lists(st.integers(0, 1 << 16), max_size=40))
def test_any_split_and_merge_of_the_stream_yields_the_same_frames(
    sent: list[Frame], cuts: list[int]
) -> None:
    reader = FrameReader(LIMIT)
    received = [
        frame for piece in pieces(b"".join(map(encode, sent)), cuts) for frame in reader.feed(piece)
    ]
    assert received == sent
    assert reader.buffered == 0


def test_a_stream_may_come_byte_by_byte() -> None:
    sent = [(Kind.DATA, 7, 42, b"x" * 30), (Kind.CLOSE, 7, 43, b"")]
    reader = FrameReader()
    stream = b"".join(map(encode, sent))
    assert [frame for byte in stream for frame in reader.feed(bytes([byte]))] == sent


@given(st.lists(st.binary(max_size=2 * LIMIT), max_size=20))
def test_garbage_is_an_error_or_waits_in_a_bounded_buffer(chunks: list[bytes]) -> None:
    reader = FrameReader(LIMIT)
    for chunk in chunks:
        try:
            received = reader.feed(chunk)
        except WireError:
            assert reader.buffered <= HEADER_SIZE + LIMIT
            return
        assert all(1 <= kind <= 6 and len(payload) <= LIMIT for kind, _, _, payload in received)
        assert reader.buffered < HEADER_SIZE + LIMIT


@given(st.lists(frames, max_size=5), st.binary(min_size=1, max_size=100))
def test_a_stream_that_turns_into_garbage_never_invents_a_frame_before_it(
    sent: list[Frame], rest: bytes
) -> None:
    reader = FrameReader(LIMIT)
    for frame in sent:
        assert reader.feed(encode(frame)) == [frame]
    with pytest.raises(WireError, match="unknown kind 0"):
        reader.feed(bytes(HEADER_SIZE) + rest)


@pytest.mark.parametrize("kind", [0, 7, ord("G"), 255])
def test_a_frame_of_unknown_kind_is_an_error_that_names_it(kind: int) -> None:
    with pytest.raises(WireError, match=f"unknown kind {kind}"):
        FrameReader().feed(pack_header(kind, 0, 0, 0))


def test_the_largest_udp_datagram_passes_and_one_byte_more_is_an_error() -> None:
    largest = (Kind.DATA, 1, 2, b"m" * MAX_PAYLOAD)
    assert FrameReader().feed(encode(largest)) == [largest]
    with pytest.raises(WireError, match="a frame of 65508 bytes, when 65507 are allowed"):
        FrameReader().feed(pack_header(Kind.DATA, 1, 2, MAX_PAYLOAD + 1))


def test_a_frame_that_is_too_large_is_refused_by_its_header_before_anything_is_buffered() -> None:
    reader = FrameReader(limit=10)
    with pytest.raises(WireError):
        reader.feed(pack_header(Kind.DATA, 1, 2, 11))
    assert reader.buffered == 0


@given(st.integers(0, 255), st.integers(0, 255), st.binary(min_size=16, max_size=16))
def test_a_clients_hello_is_read_as_it_was_written(
    version: int, protocol: int, client_id: bytes
) -> None:
    hello = ClientHello(version, protocol, client_id)
    assert len(hello.encode()) == CLIENT_HELLO_SIZE == 24
    assert ClientHello.decode(hello.encode()) == hello


@given(st.integers(0, 255), st.sampled_from(Status))
def test_a_servers_hello_is_read_as_it_was_written(version: int, status: Status) -> None:
    hello = ServerHello(version, status)
    assert len(hello.encode()) == SERVER_HELLO_SIZE == 8
    assert ServerHello.decode(hello.encode()) == hello


def test_the_bytes_on_the_wire_are_those_of_version_1() -> None:
    assert ClientHello(1, 1, bytes(range(16))).encode() == b"NGTN\x01\x01\0\0" + bytes(range(16))
    assert ServerHello(1, Status.FULL).encode() == b"NGTN\x01\x04\0\0"
    assert pack_header(Kind.DATA, 258, 772, 5) == b"\x01\0\0\x01\x02\0\0\x03\x04\0\x05"


@given(st.binary(min_size=24, max_size=24).filter(lambda data: data[:4] != b"NGTN"))
def test_whoever_is_no_ngtunnel_is_told_apart_by_its_first_bytes(data: bytes) -> None:
    with pytest.raises(WireError, match="no ngtunnel client"):
        ClientHello.decode(data)
    with pytest.raises(WireError, match="no ngtunnel server"):
        ServerHello.decode(data[:8])
