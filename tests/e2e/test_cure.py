"""The cure, on the same calls under the same WANs as the bug."""

from collections.abc import Callable

import pytest

from slowbye.reproduce.results import Session
from slowbye.reproduce.run import Run

RunOf = Callable[[str, str], Run]
MTU = 1500
IP_AND_UDP_HEADERS = 28
LOSSY_RTT_MS = 40

CURED = ["fragment-delay", "fragment-drop", "udp-blocked"]


def test_lost_fragments_make_the_proxy_switch_rtpengine_off(run_of: RunOf) -> None:
    dropped = run_of("direct", "fragment-drop")
    assert dropped.node_disabled
    assert dropped.failed > 0
    assert dropped.report is not None
    assert dropped.report.unanswered > 0
    assert dropped.report.gave_up.p50 == pytest.approx(5000, abs=100)


@pytest.mark.parametrize("profile", CURED)
def test_bye_through_the_tunnel_is_as_fast_as_on_a_clean_wan(
    run_of: RunOf, clean: Run, profile: str
) -> None:
    cured = run_of("ngtunnel", profile)
    assert clean.bye_ms.p99 is not None
    assert cured.bye_ms.p99 is not None
    assert cured.bye_ms.p99 <= 1.10 * clean.bye_ms.p99 + 2


@pytest.mark.parametrize("profile", [*CURED, "lossy"])
def test_calls_through_the_tunnel_work(run_of: RunOf, profile: str) -> None:
    cured = run_of("ngtunnel", profile)
    assert (cured.failed, cured.rtp_ok, cured.node_disabled) == (0, cured.calls, False)


@pytest.mark.parametrize("profile", [*CURED, "lossy"])
def test_the_tunnel_delivers_each_datagram_once_and_whole(run_of: RunOf, profile: str) -> None:
    cured = run_of("ngtunnel", profile)
    assert (cured.garbled, cured.duplicated, cured.unanswered) == (0, 0, 0)
    assert cured.asked >= 3 * cured.calls


@pytest.mark.parametrize("profile", CURED)
def test_the_call_report_still_exceeds_the_mtu(run_of: RunOf, profile: str) -> None:
    report = run_of("ngtunnel", profile).report
    assert report is not None
    assert report.reply_bytes_max + IP_AND_UDP_HEADERS > MTU


def test_lost_packets_cost_the_tunnel_at_most_three_round_trips(run_of: RunOf) -> None:
    lossy = run_of("ngtunnel", "lossy")
    assert lossy.ng_ms.p99 is not None
    assert lossy.ng_ms.p99 <= 3 * LOSSY_RTT_MS


def test_without_udp_no_call_works_but_through_the_tunnel(run_of: RunOf) -> None:
    assert run_of("direct", "udp-blocked").failed == run_of("direct", "udp-blocked").calls
    assert run_of("ngtunnel", "udp-blocked").failed == 0


def test_a_bye_through_socat_does_not_wait_for_fragments(
    run_of: RunOf, bye_round_trips: int
) -> None:
    socat = run_of("socat", "fragment-delay")
    assert socat.bye_ms.p50 is not None
    assert socat.bye_ms.p50 < bye_round_trips * 20 + 40


def test_the_verdict_says_what_cured_what(session: Session) -> None:
    matrix = session.conclusion.matrix
    assert {matrix["ngtunnel"][profile].word for profile in CURED} == {"cured"}
    assert matrix["direct"]["fragment-delay"].word == "slow"
    assert matrix["direct"]["fragment-drop"].word == "outage"
    (tunnel,) = [text for text in session.conclusion.text if text.startswith("ngtunnel cured ")]
    assert all(profile in tunnel for profile in CURED)
