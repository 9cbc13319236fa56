"""Loss, rate, reordering, duplication, corruption, jitter and priority."""

import socket
import time
from pathlib import Path

import pytest

from netem.router import FRAGMENTED_BYTES, WHOLE_BYTES, Router, address, qdiscs
from netem.test_delay import about, put
from slowbye.errors import SlowbyeError


@pytest.mark.parametrize("version", [4, 6])
def test_dropped_fragments_never_arrive_and_whole_datagrams_do(
    router: Router, nets_file: Path, version: int
) -> None:
    put(nets_file, "fragment-drop")
    assert router.one_way_ms("sip", "media", version, WHOLE_BYTES) == about(10)
    assert not router.arrives("sip", "media", version, FRAGMENTED_BYTES)


def test_loss_is_as_frequent_as_asked(router: Router, nets_file: Path) -> None:
    put(nets_file, "lossy", settings=("loss=30%",), rtt="0ms")
    arrived = len(router.send_numbered("sip", "media", 600, WHOLE_BYTES))
    # Six standard deviations of a binomial distribution: 6 * sqrt(600 * 0.3 * 0.7) = 67.
    assert 420 - 67 <= arrived <= 420 + 67


def test_blocked_udp_loses_datagrams_and_their_fragments_but_no_tcp(
    router: Router, nets_file: Path
) -> None:
    put(nets_file, "udp-blocked")
    for size in (WHOLE_BYTES, FRAGMENTED_BYTES):
        assert not router.arrives("sip", "media", 4, size)
    with router.at("media"):
        server = socket.create_server((address("media", 4), 0))
    with router.at("sip"):
        client = socket.socket()
    with server, client:
        started = time.monotonic()
        client.settimeout(3)
        client.connect(server.getsockname())
        assert (time.monotonic() - started) * 1000 == about(20)


def test_a_rate_spaces_packets_by_their_length(router: Router, nets_file: Path) -> None:
    put(nets_file, impairment={"match": "all", "rate": "1mbit"}, rtt="0ms")
    arrived = router.send_numbered("sip", "media", 20, 1250, since_first=True)
    frame_bits = (14 + 20 + 8 + 1250) * 8
    assert [number for number, _ in arrived] == list(range(20))
    expected_ms = 20 * frame_bits / 1e6 * 1000
    assert expected_ms - 15 <= arrived[-1][1] <= expected_ms + 40


def test_reordered_packets_escape_the_delay_but_not_the_base_delay(
    router: Router, nets_file: Path
) -> None:
    put(nets_file, impairment={"match": "all", "delay": "40ms", "reorder": "50%"})
    arrived = router.send_numbered("sip", "media", 100, WHOLE_BYTES, gap_s=0.002)
    assert len(arrived) == 100
    early = [ms for _, ms in arrived if ms < 30]
    delayed = [ms for _, ms in arrived if ms >= 30]
    assert (min(early), min(delayed)) == (about(10), about(50))
    # Six standard deviations of a fair coin: 6 * sqrt(100 * 0.25) = 30.
    assert 20 <= len(early) <= 80
    assert [number for number, _ in arrived] != sorted(number for number, _ in arrived)


def test_reordered_fragments_still_make_whole_datagrams(router: Router, nets_file: Path) -> None:
    put(nets_file, "fragment-reorder", settings=("reorder=50%",))
    arrived = router.send_numbered("sip", "media", 20, 6000, gap_s=0.005)
    assert len(arrived) == 20


def test_duplicates_arrive_twice(router: Router, nets_file: Path) -> None:
    put(nets_file, impairment={"match": "all", "duplicate": "100%"}, rtt="0ms")
    sent = router.send_numbered("sip", "media", 5, WHOLE_BYTES, gap_s=0.05)
    assert sorted(number for number, _ in sent) == sorted([*range(5), *range(5)])


def test_duplication_that_the_kernel_refuses_is_refused_before_anything_is_changed(
    router: Router, nets_file: Path
) -> None:
    """Kernels since CVE-2025-38553 refuse duplication in a tree with another netem."""
    before = qdiscs()
    try:
        put(nets_file, impairment={"match": "all", "duplicate": "100%"})
    except SlowbyeError as error:
        assert "give --rtt 0ms" in str(error)  # noqa: PT017
        assert "are back" not in str(error)  # noqa: PT017
        assert qdiscs() == before


def test_corrupted_datagrams_fail_their_checksum(router: Router, nets_file: Path) -> None:
    put(nets_file, impairment={"match": "all", "corrupt": "100%"}, rtt="0ms")
    assert len(router.send_numbered("sip", "media", 40, WHOLE_BYTES)) < 20


@pytest.mark.parametrize(
    ("distribution", "earliest_ms", "latest_ms"),
    [
        # Within 10 ms of 50, whatever a busy machine adds.
        ("uniform", (39.9, 43), 55),
        # Beyond that in 16 % of packets on each side.
        ("normal", (0, 39.9), 60),
        # iproute2's table begins at two thirds of the jitter; 9 % are later than all of it.
        ("pareto", (43, 47), 60),
        ("paretonormal", (0, 47), 60),
    ],
)
def test_jitter_varies_the_delay(
    router: Router,
    nets_file: Path,
    distribution: str,
    earliest_ms: tuple[float, float],
    latest_ms: float,
) -> None:
    impairment = {"match": "all", "delay": "40ms", "jitter": "10ms", "distribution": distribution}
    assert put(nets_file, impairment=impairment)
    assert not put(nets_file, impairment=impairment)
    delays = [ms for _, ms in router.send_numbered("sip", "media", 150, WHOLE_BYTES)]
    assert earliest_ms[0] <= min(delays) <= earliest_ms[1]
    assert max(delays) >= latest_ms


def test_fragments_wait_until_the_narrow_link_has_sent_everything_else(
    router: Router, nets_file: Path
) -> None:
    put(nets_file, "low-priority")
    load, receiver = router.udp("clients", 4), router.udp("sip", 4)
    burst_ms = 40 * (1400 + 42) * 8 / 2e6 * 1000

    def send_burst() -> None:
        for _ in range(40):
            load.sendto(bytes(1400), (address("sip", 4), 9))

    fragmented = router.udp("media", 4)
    started = time.monotonic()
    send_burst()
    fragmented.sendto(bytes(FRAGMENTED_BYTES), receiver.getsockname())
    send_burst()
    assert len(receiver.recv(65536)) == FRAGMENTED_BYTES
    assert 2 * burst_ms - 20 <= (time.monotonic() - started) * 1000 <= 2 * burst_ms + 100
