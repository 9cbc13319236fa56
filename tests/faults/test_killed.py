"""One end is killed, again and again, and comes back as systemd brings it back."""

import time
from collections.abc import Callable

from faults.outcome import Gap, Outcome
from faults.tunnel import Setting, Tunnel

Report = Callable[..., None]
Start = Callable[..., Tunnel]

_SLOW_S = 0.1
"""So slow a target that there is always something under way."""

_BACK_S = 1.5
"""By when a killed server carries again: restart 0.1 s, start-up 0.35 s, back-off, handshake."""


def test_a_killed_server_costs_errors_at_once_and_nothing_else(
    through: Tunnel, duration: float, report: Report
) -> None:
    gaps = []
    with through.load() as outcome:
        for _ in range(kills(duration)):
            time.sleep(duration / kills(duration) / 2)
            killed = time.monotonic()
            through.server.kill()
            dead = time.monotonic()
            through.server.wait_until_restarted()
            gaps.append(Gap(killed, dead + _BACK_S, known=dead))
            time.sleep(duration / kills(duration) / 2)
    report(
        outcome,
        kills=len(gaps),
        outage_max_ms=_longest_outage_ms(outcome, gaps),
        error_late_max_ms=outcome.latest_error_ms(*gaps),
    )
    assert outcome.figures["error"], "there was no outage to be seen"
    outcome.only_errors_in(*gaps)


def test_a_killed_client_loses_nothing(start: Start, duration: float, report: Report) -> None:
    through = start(Setting(delay_s=_SLOW_S))
    with through.load() as outcome:
        for _ in range(kills(duration)):
            time.sleep(duration / kills(duration) / 2)
            through.client.kill()
            through.client.wait_until_restarted()
            time.sleep(duration / kills(duration) / 2)
    report(outcome, kills=kills(duration))
    # It may have died after it sent a reply and before it noted that: once for each death.
    outcome.nothing_lost(twice=kills(duration))


def test_a_client_that_is_killed_again_while_it_starts_loses_nothing(
    start: Start, report: Report
) -> None:
    through = start(Setting(delay_s=_SLOW_S))
    with through.load() as outcome:
        time.sleep(0.5)
        for _ in range(3):
            through.client.kill()
            through.client.wait_until_restarted()
            time.sleep(0.15)
        through.wait_until_up(times=2)
        time.sleep(0.5)
    report(outcome)
    # Three deaths take longer than a second, and so may the answers.
    assert not [each for each in outcome.commands if each.result != "ok"]


def kills(duration: float) -> int:
    """How many there are in a fault of that length: 20 in a minute."""
    return max(3, round(duration / 3))


def _longest_outage_ms(outcome: Outcome, gaps: list[Gap]) -> float:
    errors = [each.at for each in outcome.commands if each.result == "error"]
    outages = [
        max((at - gap.begin for at in errors if gap.begin <= at <= gap.end), default=0.0)
        for gap in gaps
    ]
    return round(max(outages) * 1000, 1)
