"""Applying, showing, clearing, expiring, and what happens when something goes wrong."""

import itertools
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from netem.router import FRAGMENTED_BYTES, WHOLE_BYTES, Router, classes, qdiscs, tc
from netem.test_delay import about, put
from slowbye.cli.wan import command
from slowbye.errors import SlowbyeError
from slowbye.netem import control
from slowbye.netem.control import apply, clear, show
from slowbye.netem.options import Options, plan_from_options
from slowbye.netem.original import RESTORABLE
from slowbye.netem.rtnetlink import NEW_FILTER, Kernel, KernelError
from slowbye.netem.state import load_state

ORIGINALS = {
    "the kernel's default": [],
    "fq_codel": ["dev sip0 root handle 7: fq_codel limit 512 target 3ms interval 55ms noecn"],
    "pfifo": ["dev sip0 root pfifo limit 77"],
    "tbf": ["dev sip0 root tbf rate 3mbit burst 5kb latency 70ms"],
    "bfifo": ["dev sip0 root bfifo limit 50000"],
    "cake": ["dev sip0 root cake bandwidth 10mbit rtt 60ms"],
    "codel": ["dev sip0 root codel target 3ms interval 44ms ecn"],
    "fq": ["dev sip0 root fq limit 500 ce_threshold 3ms"],
    "mq": ["dev sip0 root handle 5: mq"],
    "pfifo_fast": ["dev sip0 root pfifo_fast"],
    "prio": ["dev sip0 root handle 1: prio bands 4", "dev sip0 parent 1:2 pfifo limit 9"],
    "htb": [
        "dev sip0 root handle 1: htb default 20",
        "class dev sip0 parent 1: classid 1:1 htb rate 10mbit",
        "class dev sip0 parent 1:1 classid 1:10 htb rate 2mbit ceil 9mbit prio 1",
        "class dev sip0 parent 1:1 classid 1:20 htb rate 3mbit",
        "dev sip0 parent 1:10 handle 10: fq_codel",
    ],
}


def add_all(lines: list[str]) -> None:
    for line in lines:
        tc(f"class add {line[6:]}" if line.startswith("class ") else f"qdisc add {line}")


@pytest.fixture
def sip0_reset(router: Router) -> object:
    yield
    clear()
    if any(q["dev"] == "sip0" and q["handle"] != "0:" for q in qdiscs()):
        tc("qdisc del dev sip0 root")


def test_every_kind_that_is_called_restorable_is_tested() -> None:
    assert set(ORIGINALS) == {*RESTORABLE, "the kernel's default"}


@pytest.mark.parametrize("original", ORIGINALS)
@pytest.mark.usefixtures("sip0_reset")
def test_clear_restores_exactly(router: Router, nets_file: Path, original: str) -> None:
    add_all(ORIGINALS[original])
    before = qdiscs(), classes("sip0")
    assert put(nets_file, "fragment-delay")
    assert qdiscs() != before[0]
    assert put(nets_file, "low-priority")
    assert clear()
    assert (qdiscs(), classes("sip0")) == before
    assert not clear()


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        (["dev sip0 root netem delay 1ms"], "netem"),
        (["dev sip0 root handle 1: drr"], "drr"),
    ],
)
@pytest.mark.usefixtures("sip0_reset")
def test_a_qdisc_that_could_not_be_restored_is_refused_and_left_alone(
    router: Router, nets_file: Path, lines: list[str], named: str
) -> None:
    add_all(lines)
    before = qdiscs()
    with pytest.raises(SlowbyeError, match=f"sip0 has qdisc {named}.*could not be restored"):
        put(nets_file, "clean")
    assert qdiscs() == before


@pytest.mark.usefixtures("sip0_reset")
def test_filters_that_could_not_be_restored_are_refused_and_left_alone(
    router: Router, nets_file: Path
) -> None:
    add_all(["dev sip0 root handle 1: prio"])
    tc("filter add dev sip0 parent 1: protocol ip u32 match u32 0 0 flowid 1:1")
    with pytest.raises(SlowbyeError, match="sip0 has filters on qdisc prio 1:"):
        put(nets_file, "clean")


def test_the_same_profile_twice_changes_nothing(router: Router, nets_file: Path) -> None:
    for profile in ("fragment-delay", "low-priority", "fragment-reorder", "clean"):
        assert put(nets_file, profile)
        before = qdiscs()
        assert not put(nets_file, profile)
        assert qdiscs() == before


def test_another_profile_takes_the_place_of_the_first(router: Router, nets_file: Path) -> None:
    put(nets_file, "fragment-drop")
    put(nets_file, "clean", rtt="40ms")
    assert router.one_way_ms("sip", "media", 4, FRAGMENTED_BYTES) == about(20)


def test_what_somebody_changed_by_hand_is_noticed_and_repaired(
    router: Router, nets_file: Path
) -> None:
    put(nets_file, "clean")
    tc("qdisc change dev sip0 parent 5b1e:2 handle 5b02: netem delay 99ms")
    assert put(nets_file, "clean")
    assert router.one_way_ms("media", "sip") == about(10)


def test_a_dry_run_shows_the_tree_and_changes_nothing(router: Router, nets_file: Path) -> None:
    before = qdiscs()
    words = ["apply", "fragment-delay", "--nets", str(nets_file), "--dry-run"]
    result = CliRunner().invoke(command, words)
    assert result.exit_code == 0
    assert "dev sip0 qdisc netem 5b03: parent 5b1e:3 limit 250625 delay 4010ms" in result.output
    assert qdiscs() == before
    assert load_state() is None


def test_show_counts_the_packets_of_each_class(router: Router, nets_file: Path) -> None:
    put(nets_file, "fragment-delay", settings=("delay=30ms",))
    router.send_numbered("sip", "media", 3, FRAGMENTED_BYTES)
    router.send_numbered("sip", "media", 4, WHOLE_BYTES)
    in_force = show()
    assert in_force is not None
    rows = {(row.interface, row.matches): row for row in in_force.rows}
    fragments = rows["media0", "fragments sip ↔ media"]
    assert fragments.counters.packets == 6
    assert fragments.options == "netem limit 10000 delay 40ms"
    assert rows["media0", "everything else"].counters.packets >= 4
    assert rows["sip0", "fragments sip ↔ media"].counters.packets == 0


def test_show_counts_what_is_dropped_and_what_waits(router: Router, nets_file: Path) -> None:
    put(nets_file, "fragment-drop")
    router.arrives("sip", "media", 4, FRAGMENTED_BYTES)
    shown = show()
    assert shown is not None
    dropped = {row.interface: row for row in shown.rows if row.matches.startswith("fragments")}
    assert dropped["media0"].counters.dropped == 2
    put(nets_file, "fragment-delay")
    router.arrives("sip", "media", 4, FRAGMENTED_BYTES)
    shown = show()
    assert shown is not None
    waiting = {row.interface: row for row in shown.rows if row.matches.startswith("fragments")}
    assert waiting["media0"].counters.backlog_packets == 2


def test_an_expiry_clears_by_itself(router: Router, nets_file: Path) -> None:
    before = qdiscs()
    apply(plan_from_options("clean", Options(nets=nets_file)), expire_ms=300)
    assert qdiscs() != before
    until = time.monotonic() + 15
    while load_state() is not None and time.monotonic() < until:
        time.sleep(0.05)
    assert qdiscs() == before


def ended(child: int) -> bool:
    until = time.monotonic() + 5
    while os.waitpid(child, os.WNOHANG)[0] != child:
        if time.monotonic() > until:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize("then", [lambda nets: put(nets, "clean"), lambda _: clear()])
def test_a_pending_expiry_is_cancelled(
    router: Router, nets_file: Path, then: Callable[[Path], object]
) -> None:
    apply(plan_from_options("clean", Options(nets=nets_file)), expire_ms=600_000)
    state = load_state()
    assert state is not None
    assert state.expiry is not None
    then(nets_file)
    after = load_state()
    assert after is None or after.expiry is None
    if state.expiry.pid is not None:
        assert ended(state.expiry.pid)


def break_at_filter(monkeypatch: pytest.MonkeyPatch, at: int, how: Callable[[], None]) -> None:
    """Do something else instead of making the nth filter, which the rehearsal has not foreseen."""
    monkeypatch.setattr(control, "rehearse", lambda *_: None)
    add = Kernel.add
    filters = itertools.count(1)

    def add_or_break(kernel: Kernel, message_type: int, *args: Any, **kw: Any) -> None:
        if message_type == NEW_FILTER and next(filters) == at:
            how()
        add(kernel, message_type, *args, **kw)

    monkeypatch.setattr(Kernel, "add", add_or_break)


def refuse() -> None:
    raise KernelError("the kernel refused u32: made up", 22)


@pytest.mark.usefixtures("sip0_reset")
def test_when_the_kernel_refuses_half_way_the_originals_are_back(
    router: Router, nets_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_all(ORIGINALS["fq_codel"])
    before = qdiscs()
    break_at_filter(monkeypatch, 15, refuse)
    with pytest.raises(SlowbyeError, match=r"dev media0 filter .* the original qdiscs are back"):
        put(nets_file, "fragment-delay")
    assert qdiscs() == before
    assert load_state() is None


@pytest.mark.usefixtures("sip0_reset")
def test_an_apply_that_was_killed_half_way_can_be_cleared(
    router: Router, nets_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_all(ORIGINALS["htb"])
    before = qdiscs(), classes("sip0")
    child = os.fork()
    if child == 0:
        break_at_filter(monkeypatch, 15, lambda: os._exit(9))
        put(nets_file, "fragment-delay")
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert qdiscs() != before[0]
    assert clear()
    assert (qdiscs(), classes("sip0")) == before


def test_an_interface_that_is_not_there_is_named(router: Router, tmp_path: Path) -> None:
    nets = tmp_path / "wan.yml"
    nets.write_text("nets: {sip: {interface: wan9, cidrs: [198.18.1.0/24]}}")
    with pytest.raises(SlowbyeError, match=r"no interface wan9; this host has lo, .*sip0"):
        put(nets, "clean", between="any")


def test_a_host_impairs_one_interface_in_both_directions_and_clears(host: Router) -> None:
    before = qdiscs()
    options = Options(
        interface="eth0", peers=("198.18.2.0/24",), settings=("delay=60ms",), rtt="20ms"
    )
    assert apply(plan_from_options("fragment-delay", options))
    assert not apply(plan_from_options("fragment-delay", options))
    assert host.one_way_ms("sip", "media", 4, FRAGMENTED_BYTES) == about(70)
    assert host.one_way_ms("media", "sip", 4, FRAGMENTED_BYTES) == about(70)
    assert host.one_way_ms("media", "sip", 4, WHOLE_BYTES) == about(10)
    assert host.one_way_ms("sip", "clients", 4, FRAGMENTED_BYTES) == about(10)
    assert clear()
    assert qdiscs() == before
    assert "ifb-eth0" not in [name for _, name in socket.if_nameindex()]


def test_an_apply_of_both_directions_that_was_killed_can_be_cleared(
    host: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = qdiscs()
    child = os.fork()
    if child == 0:
        break_at_filter(monkeypatch, 15, lambda: os._exit(9))
        apply(plan_from_options("clean", Options(interface="eth0")))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert clear()
    assert qdiscs() == before
    assert "ifb-eth0" not in [name for _, name in socket.if_nameindex()]


def test_an_ingress_qdisc_of_somebody_else_is_refused_and_left_alone(host: Router) -> None:
    tc("qdisc add dev eth0 ingress")
    before = qdiscs()
    with pytest.raises(SlowbyeError, match="eth0 has an ingress qdisc"):
        apply(plan_from_options("clean", Options(interface="eth0")))
    assert qdiscs() == before
    tc("qdisc del dev eth0 ingress")
