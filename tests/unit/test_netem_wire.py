"""Bytes as the kernel takes and shows them; the samples were read from kernel 6.1 and 6.18."""

import struct
from pathlib import Path

import pytest
from test_netem_classes import NETS

from slowbye.errors import SlowbyeError
from slowbye.netem import load_profile, make_plan
from slowbye.netem import state as netem_state
from slowbye.netem.distribution import load_distribution
from slowbye.netem.original import Saved, _as_request
from slowbye.netem.state import Expiry, Interface, State, load_state, store_state
from slowbye.netem.tree import Filter, HtbClass, Key, Netem, Pfifo, Prio
from slowbye.netem.wire import (
    attribute,
    attributes,
    decode_filter,
    decode_htb_class,
    decode_options,
    encode_filter,
    encode_options,
)


@pytest.mark.parametrize("name", ["fragment-delay", "low-priority", "fragment-reorder", "lossy"])
def test_what_is_encoded_is_decoded_again(name: str) -> None:
    for tree in make_plan(load_profile(name), NETS).trees:
        for qdisc in tree.qdiscs:
            assert decode_options(qdisc.kind, encode_options(qdisc.options)) == qdisc.options
        for item in tree.classes:
            assert decode_htb_class(encode_options(item.options)) == item.options
        for rule in tree.filters:
            encoded = encode_filter(rule)
            found = decode_filter(rule.parent, rule.preference, rule.protocol, encoded)
            assert found == rule


def test_the_kernels_own_words_are_understood() -> None:
    htb_class = bytes.fromhex(
        "3000010000010000000000 0090d003000001000000000000 90d0030042e3020042e30200ea050000"
        "0000000000000000".replace(" ", "")
    )
    assert decode_htb_class(htb_class) == HtbClass(rate=250_000, burst=3028, quantum=1514)
    u32 = bytes.fromhex(
        "24000500010001000000000000000000000000000000 3fff00000000040000000000000008000200"
        "00000080080001000100010008000b0008000000".replace(" ", "")
    )
    expected = Filter(0x10000, 3, 0x800, (Key(0, 0x3FFF, 4),), 0x10001)
    assert decode_filter(0x10000, 3, 0x800, u32) == expected


def test_a_hash_table_is_no_filter() -> None:
    assert decode_filter(0x10000, 1, 0x800, bytes.fromhex("0800040001000000")) is None


def test_delays_that_do_not_fit_32_bits_of_ticks_are_exact() -> None:
    netem = Netem(limit=1, delay_ns=269_999_999_999, jitter_ns=123)
    assert decode_options("netem", encode_options(netem)) == netem


def test_a_foreign_priomap_is_not_ours() -> None:
    assert decode_options("prio", struct.pack("=i16B", 3, *([1] * 16))) is None
    assert decode_options("prio", encode_options(Prio(3))) == Prio(3)
    assert decode_options("pfifo", struct.pack("=I", 7)) == Pfifo(7)
    assert decode_options("fq_codel", b"") is None


def test_codel_times_are_asked_for_so_that_the_same_is_shown_again() -> None:
    target, interval = 4999, 99999
    saved = Saved(
        False,
        "codel",
        0x10000,
        0xFFFFFFFF,
        (
            attribute(1, struct.pack("=I", target))
            + attribute(2, struct.pack("=I", 1000))
            + attribute(3, struct.pack("=I", interval))
        ).hex(),
    )
    asked = attributes(_as_request(saved) or b"")
    assert [struct.unpack("=I", asked[kind])[0] for kind in (1, 2, 3)] == [5000, 1000, 100_000]


def test_a_missing_distribution_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slowbye.netem.distribution._PLACES", ("/nonexistent",))
    monkeypatch.setattr(Path, "glob", lambda *_: iter(()))
    with pytest.raises(SlowbyeError, match=r"normal\.dist is in none of .*install iproute2"):
        load_distribution("normal")
    assert load_distribution("uniform") == ()


@pytest.fixture
def state_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(netem_state, "DIRECTORY", tmp_path)
    return tmp_path


STATE = State(
    profile="fragment-delay",
    parameters={"delay": "4s"},
    rtt_ms=20.0,
    lines=("dev sip0 …",),
    interfaces=(
        Interface("sip0", 7, (Saved(False, "pfifo", 1, 2, "aa"),), ((3, "fragments", 4),)),
    ),
    complete=True,
    redirect=("eth0", "ifb-eth0"),
    expiry=Expiry("token", 1.5, pid=9),
)


def test_the_state_survives_being_written_and_read(state_directory: Path) -> None:
    store_state(STATE)
    assert load_state() == STATE


def test_the_state_of_an_earlier_boot_is_void(
    state_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_state(STATE)
    boot_id = state_directory / "boot_id"
    boot_id.write_text("another")
    monkeypatch.setattr(netem_state, "_BOOT_ID", boot_id)
    assert load_state() is None


def test_a_damaged_state_is_named_with_what_to_do(state_directory: Path) -> None:
    store_state(STATE)
    path = next(state_directory.glob("wan-*.json"))
    path.write_text(path.read_text()[:40])
    with pytest.raises(SlowbyeError, match=r"damaged .*tc qdisc del"):
        load_state()
