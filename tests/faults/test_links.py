"""Links are reset or go silent, one of them or all, and the media host stands still."""

import time
from collections.abc import Callable

import pytest

from faults.hosts import MEDIA, SIP
from faults.outcome import Gap
from faults.tunnel import PORT, Setting, Tunnel

Report = Callable[..., None]
Start = Callable[..., Tunnel]

_SLOW_S = 0.1
"""So slow a target that there is always something under way."""

_HEDGED_MS = 500
_SILENT_S = 2.0
_ROUND_S = 3.0
_RECONNECT_S = 0.5
"""By when links are up again that were reset: back-off and a handshake."""
_RETURN_S = 3.0
"""And after a silence: an attempt may just have begun (1.5 s), a pause before the next (2 s)."""

_TO_SERVER = "input tcp dport {port} tcp sport {{ {links} }} drop"
_FROM_SERVER = "output tcp sport {port} tcp dport {{ {links} }} drop"


def test_resetting_one_link_after_the_other_costs_nothing(
    start: Start, duration: float, report: Report
) -> None:
    through = start(Setting(delay_s=_SLOW_S))
    resets = 0
    with through.load() as outcome:
        end = time.monotonic() + duration
        while time.monotonic() < end:
            time.sleep(0.25)
            links = through.hosts.connections(SIP, PORT)
            if len(links) == 2:
                through.hosts.reset(SIP, links[resets % 2])
                resets += 1
    report(outcome, resets=resets)
    assert len(through.client.logged("is down")) >= 5
    outcome.nothing_lost()


def test_resetting_all_links_costs_errors_at_once_and_only_until_they_are_back(
    through: Tunnel, duration: float, report: Report
) -> None:
    gaps = []
    with through.load() as outcome:
        for _ in range(max(2, round(duration / _ROUND_S))):
            # Longer than the back-off's end: a link that did well begins with 50 ms again.
            time.sleep(_ROUND_S)
            reset = time.monotonic()
            for link in through.hosts.connections(SIP, PORT):
                through.hosts.reset(SIP, link)
            done = time.monotonic()
            gaps.append(Gap(reset, done + _RECONNECT_S, known=done))
        time.sleep(_RECONNECT_S)
    report(outcome, resets=len(gaps), error_late_max_ms=outcome.latest_error_ms(*gaps))
    assert through.client.logged("is down")
    outcome.only_errors_in(*gaps)


@pytest.mark.parametrize(
    "rules",
    [(_TO_SERVER, _FROM_SERVER), (_TO_SERVER,), (_FROM_SERVER,)],
    ids=["both ways", "to the server", "from the server"],
)
def test_a_link_that_goes_silent_costs_nothing_while_there_is_another(
    through: Tunnel, duration: float, report: Report, rules: tuple[str, ...]
) -> None:
    with through.load() as outcome:
        for number in range(rounds(duration)):
            links = through.hosts.connections(SIP, PORT)
            assert len(links) == 2, "the link that went silent is not replaced"
            _silence(through, rules, links[number % 2 : number % 2 + 1])
            time.sleep(_ROUND_S)
            through.hosts.firewall(MEDIA)
    report(outcome, rounds=rounds(duration))
    assert len(through.client.logged("is down: no answer to heartbeats")) >= rounds(duration)
    outcome.nothing_lost()
    # Before the link is known to be dead: the other was asked as well.
    assert outcome.figures["ok_max_ms"] < _HEDGED_MS


@pytest.mark.parametrize(
    "rules",
    [(_TO_SERVER, _FROM_SERVER), (_TO_SERVER,), (_FROM_SERVER,)],
    ids=["both ways", "to the server", "from the server"],
)
def test_when_all_links_go_silent_commands_get_errors_at_once(
    through: Tunnel, duration: float, report: Report, rules: tuple[str, ...]
) -> None:
    gaps = []
    with through.load() as outcome:
        for _ in range(rounds(duration)):
            time.sleep(0.5)
            begun = time.monotonic()
            _silence(through, rules, None)
            time.sleep(_SILENT_S)
            through.hosts.firewall(MEDIA)
            gaps.append(Gap.silent(begun, time.monotonic() + _RETURN_S))
            time.sleep(_RETURN_S - 0.5)
    report(outcome, rounds=len(gaps), error_late_max_ms=outcome.latest_error_ms(*gaps))
    assert outcome.figures["error"], "the links were not silent"
    outcome.only_errors_in(*gaps)


def test_a_media_host_that_stands_still_is_given_up_and_taken_back(
    through: Tunnel, duration: float, report: Report
) -> None:
    gaps = []
    with through.load() as outcome:
        for _ in range(max(1, round(duration / 10))):
            time.sleep(0.5)
            begun = time.monotonic()
            through.pause_media_host(3.0)
            gaps.append(Gap.silent(begun, time.monotonic() + _RETURN_S))
            time.sleep(_RETURN_S)
    report(outcome, pauses=len(gaps), error_late_max_ms=outcome.latest_error_ms(*gaps))
    assert outcome.figures["error"], "the host did not stand still"
    outcome.only_errors_in(*gaps)


def rounds(duration: float) -> int:
    """How many silences there are in a fault of that length."""
    return max(1, round(duration / 2 / _ROUND_S))


def _silence(through: Tunnel, rules: tuple[str, ...], links: list[int] | None) -> None:
    which = "1-65535" if links is None else ", ".join(map(str, links))
    through.hosts.firewall(MEDIA, *(rule.format(port=PORT, links=which) for rule in rules))
