"""The file of requests in flight, on a real file system, with one process after the other."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngtunnel.core.commands import Peer
from ngtunnel.errors import ConfigError
from ngtunnel.in_flight_file import InFlightFile

PEER: Peer = ("127.0.0.1", 40000)
PEER6: Peer = ("fe80::1", 40001, 7, 2)
WORTH_S = 5.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "in-flight"


def left_by_another_process(path: Path, now: float = 1.0) -> list[tuple[Peer, bytes]]:
    """What the next process finds."""
    file = InFlightFile.open(path)
    try:
        return file.recover(now, WORTH_S)
    finally:
        file.close()


def test_what_was_not_answered_is_found_by_the_next_process_in_order(path: Path) -> None:
    file = InFlightFile.open(path)
    file.put(PEER, b"2 d7:command5:querye", 0.2)
    file.put(PEER6, b"1 d7:command6:deletee", 0.1)
    file.close()
    assert left_by_another_process(path) == [
        (PEER6, b"1 d7:command6:deletee"),
        (PEER, b"2 d7:command5:querye"),
    ]


def test_what_was_answered_is_forgotten_when_its_reply_has_left(path: Path) -> None:
    file = InFlightFile.open(path)
    slot = file.put(PEER, b"1 de", 0.0)
    assert slot is not None
    file.clear(slot)
    file.close()
    assert left_by_another_process(path) == [(PEER, b"1 de")]
    file = InFlightFile.open(path)
    file.recover(0.0, WORTH_S)
    file.flush()
    file.close()
    assert left_by_another_process(path) == []


def test_a_process_that_dies_before_it_has_asked_again_leaves_it_to_the_next(path: Path) -> None:
    file = InFlightFile.open(path)
    file.put(PEER, b"1 de", 0.0)
    file.close()
    assert left_by_another_process(path) == [(PEER, b"1 de")]
    assert left_by_another_process(path) == [(PEER, b"1 de")]


def test_what_is_found_is_not_overwritten_before_it_was_asked_for_again(path: Path) -> None:
    file = InFlightFile.open(path)
    file.put(PEER, b"1 de", 0.0)
    file.close()
    file = InFlightFile.open(path)
    file.recover(0.5, WORTH_S)
    file.put(PEER, b"2 de", 0.5)
    file.close()
    assert left_by_another_process(path) == [(PEER, b"1 de"), (PEER, b"2 de")]


def test_what_the_proxy_has_given_up_is_not_asked_for_again(path: Path) -> None:
    file = InFlightFile.open(path)
    file.put(PEER, b"1 de", 0.0)
    file.close()
    assert left_by_another_process(path, now=WORTH_S + 0.1) == []


def test_a_full_file_keeps_no_more_until_something_is_forgotten(path: Path) -> None:
    file = InFlightFile.open(path)
    slots = []
    while (slot := file.put(PEER, b"1 de", 0.0)) is not None:
        slots.append(slot)
    assert len(set(slots)) == len(slots) == 1024
    file.clear(slots[0])
    assert file.put(PEER, b"2 de", 0.0) is None
    file.flush()
    assert file.put(PEER, b"2 de", 0.0) == slots[0]
    file.close()


def test_a_large_offer_is_kept_whole(path: Path) -> None:
    offer = b"1 d3:sdp12000:" + b"v=0\r\n" * 2400 + b"e"
    file = InFlightFile.open(path)
    file.put(PEER, offer, 0.0)
    file.close()
    assert left_by_another_process(path) == [(PEER, offer)]


def test_a_request_that_is_too_large_is_not_kept(path: Path) -> None:
    file = InFlightFile.open(path)
    assert file.put(PEER, bytes(16384), 0.0) is None
    file.close()


def test_two_processes_do_not_share_a_file(path: Path) -> None:
    file = InFlightFile.open(path)
    with pytest.raises(ConfigError, match=f"{path} is in use by another ngtunnel"):
        InFlightFile.open(path)
    file.close()


def test_nobody_else_may_read_the_requests(path: Path) -> None:
    InFlightFile.open(path).close()
    assert os.stat(path).st_mode & 0o777 == 0o600


def test_requests_from_before_the_host_was_booted_are_not_asked_for_again(path: Path) -> None:
    file = InFlightFile.open(path)
    file.put(PEER, b"1 de", 1e6)
    file.close()
    assert left_by_another_process(path, now=12.0) == []


def test_the_longest_address_with_an_interface_is_kept_whole(path: Path) -> None:
    peer = ("fe80::1111:2222:3333:4444%ifname-is-long1", 65535, 2**20 - 1, 2**32 - 1)
    file = InFlightFile.open(path)
    file.put(peer, b"1 de", 0.0)
    file.close()
    assert left_by_another_process(path) == [(peer, b"1 de")]


def test_few_pages_are_touched_however_many_requests_come(path: Path) -> None:
    file = InFlightFile.open(path)
    slots = set()
    for number in range(10_000):
        slot = file.put(PEER, b"%d de" % number, 0.0)
        assert slot is not None
        slots.add(slot)
        file.clear(slot)
        file.flush()
    file.close()
    assert len(slots) == 1


def test_a_symbolic_link_in_its_place_is_not_followed(path: Path) -> None:
    InFlightFile.open(path).close()
    link = path.with_name("link")
    link.symlink_to(path)
    with pytest.raises(ConfigError, match=f"in_flight_file: {link}: "):
        InFlightFile.open(link)


def test_a_directory_that_is_missing_is_told(path: Path) -> None:
    missing = path / "in-flight"
    with pytest.raises(ConfigError, match=f"in_flight_file: {missing}: No such file or directory"):
        InFlightFile.open(missing)


@pytest.mark.parametrize(
    "host", [b"\xff\xfe\xfd", b"localhost", b"", b"127.0.0.1\0x", b"::g", b"1.2.3.4.5", b"%lo"]
)
def test_a_peer_that_is_no_address_is_not_believed(path: Path, host: bytes) -> None:
    file = InFlightFile.open(path)
    slot = file.put(PEER, b"1 de", 0.0)
    file.close()
    assert slot is not None
    content = bytearray(path.read_bytes())
    at = content.index(b"127.0.0.1")
    content[at : at + 46] = host.ljust(46, b"\0")
    # The length of the host stands right after the mark that begins the slot.
    content[len(content) // 1024 * slot + 1] = len(host)
    path.write_bytes(content)
    assert left_by_another_process(path) == []


@given(
    st.lists(st.tuples(st.integers(0, 1023), st.binary(min_size=1, max_size=90)), max_size=20),
    st.booleans(),
)
@settings(max_examples=50, derandomize=True, database=None, deadline=None)
def test_whatever_has_written_to_the_file_it_yields_what_can_be_answered_or_nothing(
    tmp_path_factory: pytest.TempPathFactory, written: list[tuple[int, bytes]], taken: bool
) -> None:
    path = tmp_path_factory.mktemp("garbage") / "in-flight"
    InFlightFile.open(path).close()
    slot_bytes = path.stat().st_size // 1024
    with path.open("r+b") as content:
        for slot, garbage in written:
            content.seek(slot * slot_bytes)
            content.write((b"\1" if taken else b"") + garbage)
    assert left_by_another_process(path) == []
    file = InFlightFile.open(path)
    file.recover(1.0, WORTH_S)
    file.flush()
    assert file.put(PEER, b"1 de", 1.0) is not None
    file.close()
    assert left_by_another_process(path) == [(PEER, b"1 de")]
