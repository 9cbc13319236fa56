"""Stopping and reloading, as an administrator does, under load."""

import signal
import time
from collections.abc import Callable

from faults.hosts import SIP
from faults.outcome import Command, Gap, Outcome
from faults.strangers import secured
from faults.tunnel import PORT, Setting, Tunnel
from ngtunnel.tls import peer_names

Report = Callable[..., None]
Start = Callable[..., Tunnel]

_BACK_S = 1.5
_SLOW_S = 0.1
"""So slow a target that there is always something under way."""


def test_a_client_that_is_restarted_loses_nothing(
    start: Start, duration: float, report: Report
) -> None:
    through = start(Setting(delay_s=_SLOW_S))
    restarts = max(3, round(duration / 3))
    with through.load() as outcome:
        for _ in range(restarts):
            time.sleep(duration / restarts)
            through.client.signal(signal.SIGTERM, ends=True)
            through.client.wait_until_restarted()
    report(outcome, restarts=restarts)
    outcome.nothing_lost()


def test_a_server_that_is_restarted_answers_what_is_under_way(
    start: Start, duration: float, report: Report
) -> None:
    through = start(Setting(delay_s=_SLOW_S))
    restarts = max(3, round(duration / 3))
    gaps = []
    with through.load() as outcome:
        for _ in range(restarts):
            time.sleep(duration / restarts)
            asked = time.monotonic()
            through.server.signal(signal.SIGTERM, ends=True)
            ended = time.monotonic()
            through.server.wait_until_restarted()
            gaps.append(Gap(asked, ended + _BACK_S, known=ended))
    report(outcome, restarts=restarts, error_late_max_ms=outcome.latest_error_ms(*gaps))
    outcome.only_errors_in(*gaps)
    for gap in gaps:
        under_way = _under_way(outcome, gap.begin)
        assert under_way
        assert {each.result for each in under_way} == {"ok"}, "not drained"


def _under_way(outcome: Outcome, at: float) -> list[Command]:
    """Return the commands that wait for their answers at this time, and have reached the target."""
    return [each for each in outcome.commands if at - 0.09 < each.at < at - 0.01]


def test_a_drain_ends_after_a_second_whatever_is_still_under_way(start: Start) -> None:
    through = start(Setting(delay_s=3.0))
    with through.load("--tries", "5", "--linger", "0"):
        time.sleep(0.5)
        asked = time.monotonic()
        through.server.signal(signal.SIGTERM, ends=True)
        took = time.monotonic() - asked
    assert 0.9 < took < 1.5


def test_the_server_shows_new_links_its_renewed_certificate_and_keeps_the_old_links(
    through: Tunnel,
) -> None:
    with through.load() as outcome:
        before = through.hosts.connections(SIP, PORT)
        through.authority.issue("media1", "renewed", server=True)
        through.server.signal(signal.SIGHUP)
        through.server.wait_for_log("certificates of .* read again")
        assert "renewed" in _server_names(through)
        assert sorted(through.hosts.connections(SIP, PORT)) == sorted(before)
    outcome.nothing_lost()


def test_the_client_shows_its_renewed_certificate_on_new_links_and_keeps_the_old_ones(
    through: Tunnel,
) -> None:
    renewed = through.authority.issue("sip9")
    with through.load() as outcome:
        before = through.hosts.connections(SIP, PORT)
        # Of a name that the server does not allow: so it tells when it sees it.
        for path in (renewed.certificate, renewed.key):
            path.replace(path.with_stem("sip1"))
        through.client.signal(signal.SIGHUP)
        through.client.wait_for_log("certificates of .* read again")
        assert sorted(through.hosts.connections(SIP, PORT)) == sorted(before)
        through.hosts.reset(SIP, before[0])
        through.server.wait_for_log("its certificate names sip9, not in allow_names")
    outcome.nothing_lost()


def _server_names(through: Tunnel) -> set[str]:
    files = through.authority.issue("sip1-too", "sip1")
    with secured(through.hosts, through.address, files) as link:
        return set(peer_names(link))
