"""About how long a session takes, so that a person knows whether to wait for it."""

import math
from collections.abc import Iterable

from slowbye.netem.model import Effect, Profile
from slowbye.reproduce.paths import DIRECT, NgPath
from slowbye.reproduce.plan import Plan

_IMPAIR_S = 4.0
"""A playbook that takes one command to the router."""

_AROUND_S = 6.0
"""Fresh daemons, pings, starting and reading captures; measured on two cores."""

_CALL_S = 0.3
"""Setting a call up and tearing it down, with an unimpaired path."""

_WAVES = 2.5
"""More BYEs than workers: the last ones wait for the workers that serve the first."""


def estimate_s(plan: Plan, runs: Iterable[tuple[NgPath, Profile]]) -> float:
    """Return about how many seconds some runs of a plan take."""
    chosen = list(runs)
    profiles = {profile.name for _, profile in chosen}
    return len(profiles) * _IMPAIR_S + sum(_run_s(plan, *run) for run in chosen)


def in_words(seconds: float) -> str:
    """Say a time as people do when they wait (``40 s``, ``4 min``)."""
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{math.ceil(seconds / 10) * 10} s"


def _run_s(plan: Plan, path: NgPath, profile: Profile) -> float:
    calls = plan.calls_under(profile)
    rounds = math.ceil(calls.number / calls.at_once)
    healthy_s = _AROUND_S + rounds * (calls.media_ms / 1000 + _CALL_S)
    return healthy_s + (_waiting_s(plan, profile, rounds) if path.name == DIRECT else 0.0)


def _waiting_s(plan: Plan, profile: Profile, rounds: int) -> float:
    """Return how long the direct path makes its callers wait."""
    conditions = plan.conditions(profile)
    give_up_s = conditions.give_up_ms / 1000
    if profile.effect is Effect.FRAGMENTS_LATE and conditions.delay_ms < conditions.give_up_ms:
        return rounds * _WAVES * conditions.delay_ms / 1000
    if profile.effect in (Effect.FRAGMENTS_LATE, Effect.FRAGMENTS_LOST, Effect.UDP_LOST):
        return _WAVES * give_up_s
    return rounds * plan.try_ms / 1000 if profile.effect is Effect.LOSS else 0.0
