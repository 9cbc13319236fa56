"""Requests in flight that outlive the process."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngtunnel.core.commands import Peer
from ngtunnel.errors import ConfigError
from ngtunnel.in_flight_file import InFlightFile

PEER: Peer = ("127.0.0.1", 40001)
PEER6: Peer = ("::1", 40002, 7, 3)
LONGEST_PEER: Peer = ("fe80::1111:2222:3333:4444%ifname-is-long1", 65535, 2**20 - 1, 2**32 - 1)

SLOTS, SLOT_BYTES = 1024, 4096
SIZE = SLOTS * SLOT_BYTES


def reopened(file: InFlightFile, path: Path) -> InFlightFile:
    """Do what happens when a process is killed and the next begins."""
    file.close()
    return InFlightFile.open(path)


def test_what_was_in_flight_is_found_by_the_next_process_in_the_order_of_arrival(
    tmp_path: Path,
) -> None:
    path = tmp_path / "in-flight"
    file = InFlightFile.open(path)
    answered = file.put(PEER, b"0 d7:command4:pinge", 99.0)
    file.put(PEER6, b"1 d7:command5:offere", 100.0)
    assert answered is not None
    file.clear(answered)
    file.flush()
    file.put(LONGEST_PEER, b"2 d7:command6:deletee", 100.5)
    file.put(PEER, b"", 100.2)
    file = reopened(file, path)
    assert file.recover(101.0, 5.0) == [
        (PEER6, b"1 d7:command5:offere"),
        (PEER, b""),
        (LONGEST_PEER, b"2 d7:command6:deletee"),
    ]
    file.close()


def test_what_was_found_once_is_not_found_again(tmp_path: Path) -> None:
    path = tmp_path / "in-flight"
    file = InFlightFile.open(path)
    file.put(PEER, b"1", 100.0)
    file = reopened(file, path)
    assert len(file.recover(100.0, 5.0)) == 1
    file.flush()
    file = reopened(file, path)
    assert file.recover(100.0, 5.0) == []
    file.close()


def test_a_request_whose_reply_had_not_left_the_process_is_sent_again(tmp_path: Path) -> None:
    path = tmp_path / "in-flight"
    file = InFlightFile.open(path)
    slot = file.put(PEER, b"1", 100.0)
    assert slot is not None
    file.clear(slot)
    file = reopened(file, path)
    assert file.recover(100.0, 5.0) == [(PEER, b"1")]
    # Nor does it get lost if this process dies before it could send it.
    file = reopened(file, path)
    assert file.recover(100.0, 5.0) == [(PEER, b"1")]
    file.close()


def test_what_was_found_takes_no_slot_from_what_comes_before_it_is_forgotten(
    tmp_path: Path,
) -> None:
    path = tmp_path / "in-flight"
    file = InFlightFile.open(path)
    file.put(PEER, b"found", 100.0)
    file = reopened(file, path)
    file.recover(100.0, 5.0)
    file.put(PEER, b"new", 100.5)
    file.flush()
    file = reopened(file, path)
    assert file.recover(101.0, 5.0) == [(PEER, b"new")]
    file.close()


def test_a_request_that_the_proxy_has_given_up_is_not_sent_again(tmp_path: Path) -> None:
    path = tmp_path / "in-flight"
    file = InFlightFile.open(path)
    file.put(PEER, b"old", 100.0)
    file.put(PEER, b"young", 101.0)
    file = reopened(file, path)
    assert file.recover(105.5, 5.0) == [(PEER, b"young")]
    file.close()


def test_a_request_from_before_the_host_was_booted_is_not_sent_again(tmp_path: Path) -> None:
    path = tmp_path / "in-flight"
    file = InFlightFile.open(path)
    file.put(PEER, b"1", 1e6)
    file = reopened(file, path)
    assert file.recover(12.0, 5.0) == []
    file.close()


def test_there_is_room_for_so_many_and_none_is_lost_when_it_is_used_up(tmp_path: Path) -> None:
    path = tmp_path / "in-flight"
    file = InFlightFile.open(path)
    slots = [file.put(PEER, b"%d" % number, 100.0 + number / 1e4) for number in range(SLOTS)]
    assert None not in slots
    assert file.put(PEER, b"one too many", 100.0) is None
    assert slots[0] is not None
    file.clear(slots[0])
    file.flush()
    assert file.put(PEER, b"in its place", 100.5) == slots[0]
    file = reopened(file, path)
    expected = [b"%d" % number for number in range(1, SLOTS)] + [b"in its place"]
    assert [request for _, request in file.recover(101.0, 5.0)] == expected
    file.close()


def test_a_request_that_is_too_large_for_a_slot_is_not_kept_and_harms_no_other(
    tmp_path: Path,
) -> None:
    path = tmp_path / "in-flight"
    file = InFlightFile.open(path)
    file.put(PEER, b"before", 100.0)
    largest = next(size for size in range(SLOT_BYTES, 0, -1) if _fits(file, size))
    assert largest > 4000
    assert file.put(PEER, bytes(65_507), 100.0) is None
    file.put(PEER, b"after", 100.0)
    file = reopened(file, path)
    found = [request for _, request in file.recover(101.0, 5.0)]
    assert found == [b"before", b"x" * largest, b"after"]
    file.close()


def _fits(file: InFlightFile, size: int) -> bool:
    return file.put(PEER, b"x" * size, 100.0) is not None


def test_few_pages_are_touched_however_many_requests_come(tmp_path: Path) -> None:
    path = tmp_path / "in-flight"
    file = InFlightFile.open(path)
    slots = set()
    for number in range(10_000):
        slot = file.put(PEER, b"%d" % number, 100.0)
        assert slot is not None
        slots.add(slot)
        file.clear(slot)
        file.flush()
    assert len(slots) == 1
    file.close()


def test_two_processes_cannot_use_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "in-flight"
    file = InFlightFile.open(path)
    with pytest.raises(ConfigError, match=f"in_flight_file: {path} is in use by another ngtunnel"):
        InFlightFile.open(path)
    reopened(file, path).close()


def test_others_cannot_read_it_and_a_symbolic_link_in_its_place_is_not_followed(
    tmp_path: Path,
) -> None:
    path = tmp_path / "in-flight"
    InFlightFile.open(path).close()
    assert path.stat().st_mode & 0o777 == 0o600
    link = tmp_path / "link"
    link.symlink_to(path)
    with pytest.raises(ConfigError, match=f"in_flight_file: {link}: "):
        InFlightFile.open(link)


def test_a_directory_that_is_missing_is_told(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "in-flight"
    with pytest.raises(ConfigError, match=f"in_flight_file: {path}: No such file or directory"):
        InFlightFile.open(path)


@given(
    st.lists(st.tuples(st.integers(0, SIZE - 1), st.binary(min_size=1, max_size=80)), max_size=20),
    st.lists(st.integers(0, SLOTS - 1), max_size=5),
)
@settings(max_examples=40, derandomize=True, database=None, deadline=None)
def test_a_file_in_which_something_else_has_written_yields_requests_that_can_be_answered_or_none(
    tmp_path_factory: pytest.TempPathFactory,
    written: list[tuple[int, bytes]],
    taken: list[int],
) -> None:
    path = tmp_path_factory.mktemp("garbage") / "in-flight"
    content = bytearray(SIZE)
    for at, data in written:
        content[at : at + len(data)] = data
    for slot in taken:
        content[slot * SLOT_BYTES] = 1
    path.write_bytes(content[:SIZE])
    file = InFlightFile.open(path)
    assert file.recover(1.0, 5.0) == []
    file.flush()
    assert file.put(PEER, b"1", 2.0) is not None
    file = reopened(file, path)
    assert file.recover(2.0, 5.0) == [(PEER, b"1")]
    file.close()
    path.unlink()


@pytest.mark.parametrize(
    "host", [b"\xff\xfe\xfd", b"localhost", b"", b"127.0.0.1\0x", b"::g", b"1.2.3.4.5", b"%lo"]
)
def test_a_peer_that_is_no_address_is_not_believed(tmp_path: Path, host: bytes) -> None:
    path = tmp_path / "in-flight"
    file = InFlightFile.open(path)
    file.put(PEER, b"1", 100.0)
    file.close()
    content = bytearray(path.read_bytes())
    at = content.index(b"127.0.0.1")
    content[at : at + 46] = host.ljust(46, b"\0")
    content[at - at % SLOT_BYTES + 1] = len(host)
    path.write_bytes(content)
    file = InFlightFile.open(path)
    assert file.recover(100.0, 5.0) == []
    file.close()
