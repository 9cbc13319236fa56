"""What arrives late, and by how much."""

from pathlib import Path
from typing import Any

import pytest

from netem.router import FRAGMENTED_BYTES, WHOLE_BYTES, Router
from slowbye.netem.control import apply
from slowbye.netem.options import Options, plan_from_options

TOLERANCE_MS = 5


def put(nets: Path, profile: str | None = None, **options: object) -> bool:
    return apply(plan_from_options(profile, Options(nets=nets, **options)))  # type: ignore[arg-type]


def about(expected_ms: float) -> Any:
    return pytest.approx(expected_ms, abs=TOLERANCE_MS)


@pytest.fixture
def delayed_fragments(router: Router, nets_file: Path) -> Router:
    put(nets_file, "fragment-delay", settings=("delay=150ms",))
    return router


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("path", [("sip", "media"), ("media", "sip")])
def test_fragments_are_late_by_the_delay_and_whole_datagrams_are_not(
    delayed_fragments: Router, version: int, path: tuple[str, str]
) -> None:
    assert delayed_fragments.one_way_ms(*path, version, WHOLE_BYTES) == about(10)
    assert delayed_fragments.one_way_ms(*path, version, FRAGMENTED_BYTES) == about(160)


@pytest.mark.parametrize("version", [4, 6])
def test_fragments_between_other_nets_are_on_time(delayed_fragments: Router, version: int) -> None:
    assert delayed_fragments.one_way_ms("clients", "sip", version, FRAGMENTED_BYTES) == about(10)
    assert delayed_fragments.one_way_ms("media", "clients", version, FRAGMENTED_BYTES) == about(10)


def test_one_way_impairs_only_what_goes_from_the_first_net_to_the_second(
    router: Router, nets_file: Path
) -> None:
    put(
        nets_file,
        "fragment-delay",
        settings=("delay=150ms",),
        between="media,sip",
        direction="one-way",
    )
    assert router.one_way_ms("media", "sip", 4, FRAGMENTED_BYTES) == about(160)
    assert router.one_way_ms("sip", "media", 4, FRAGMENTED_BYTES) == about(10)


def test_the_base_delay_is_half_of_the_round_trip_time_on_every_path(
    router: Router, nets_file: Path
) -> None:
    put(nets_file, "clean", rtt="60ms")
    assert router.one_way_ms("clients", "sip") == about(30)
    assert router.one_way_ms("sip", "clients") == about(30)
    assert router.one_way_ms("sip", "media", 6) == about(30)


@pytest.mark.parametrize("version", [4, 6])
def test_a_port_matches_as_source_and_as_destination_and_no_other_port(
    router: Router, nets_file: Path, version: int
) -> None:
    put(nets_file, impairment={"match": "udp/5060", "delay": "100ms"})
    assert router.one_way_ms("sip", "media", version, ports=(40000, 5060)) == about(110)
    assert router.one_way_ms("sip", "media", version, ports=(5060, 40000)) == about(110)
    assert router.one_way_ms("sip", "media", version, ports=(40000, 5061)) == about(10)
    assert router.one_way_ms("sip", "media", version, FRAGMENTED_BYTES, (40000, 5060)) == about(10)


@pytest.mark.parametrize("version", [4, 6])
def test_a_protocol_matches_its_fragments_too(
    router: Router, nets_file: Path, version: int
) -> None:
    put(nets_file, impairment={"match": "udp", "delay": "100ms"})
    assert router.one_way_ms("sip", "media", version, WHOLE_BYTES) == about(110)
    assert router.one_way_ms("sip", "media", version, FRAGMENTED_BYTES) == about(110)


def test_any_nets_are_impaired_when_between_says_any(router: Router, nets_file: Path) -> None:
    put(nets_file, impairment={"match": "all", "delay": "50ms"}, between="any")
    assert router.one_way_ms("clients", "media") == about(60)
    assert router.one_way_ms("sip", "clients", 6) == about(60)


def test_of_several_impairments_the_first_that_matches_wins(
    router: Router, nets_file: Path, tmp_path: Path
) -> None:
    profile = tmp_path / "layers.yml"
    profile.write_text(
        "description: Fragments, then a port, then the rest.\neffect: none\nimpairments:\n"
        "- {match: fragments, delay: 120ms}\n- {match: udp/5060, delay: 80ms}\n"
        "- {match: all, delay: 40ms}\n"
    )
    put(nets_file, str(profile))
    assert router.one_way_ms("sip", "media", 4, FRAGMENTED_BYTES) == about(130)
    assert router.one_way_ms("sip", "media", 4, ports=(0, 5060)) == about(90)
    assert router.one_way_ms("sip", "media", 4) == about(50)
