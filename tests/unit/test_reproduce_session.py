"""A session without hosts: what is played, and that the WAN is clean in the end."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from reproduce_samples import clean_run, session
from test_reproduce_plan import plan

from slowbye.errors import SlowbyeError
from slowbye.netem.model import Profile
from slowbye.reproduce import playbook, results
from slowbye.reproduce.paths import NgPath
from slowbye.reproduce.progress import Progress
from slowbye.reproduce.run import Run, Verdict
from slowbye.reproduce.session import Reproduction

EMPTY = replace(session(), runs=[])


measured_by: list[float | None] = []


class Played(list[tuple[str, str | None]]):
    """The playbooks that were run, with their profile; fails where told."""

    fail_at: int | None = None

    def __call__(self, inventory: str, name: str, variables: Mapping[str, str], log: Path) -> None:
        """Stand in for ``playbook.play``."""
        self.append((name, variables.get("wan_profile")))
        if self.fail_at == len(self):
            raise SlowbyeError("wan1: no netem")


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    played = Played()
    monkeypatch.setattr(playbook, "play", played)
    return played


def reproduction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outcome: BaseException | None = None
) -> Reproduction:
    def run(self: Reproduction, path: NgPath, profile: Profile, clean_ms: float | None) -> Run:
        if outcome is not None:
            raise outcome
        measured_by.append(clean_ms)
        return clean_run(path=path.name, profile=profile.name)

    monkeypatch.setattr(Reproduction, "_run", run)
    profiles = ["clean", "fragment-delay"] if outcome is None else ["fragment-delay"]
    return Reproduction(plan(profiles=profiles), tmp_path, Progress(7))


def test_each_profile_is_run_and_the_wan_is_clean_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, played: Played
) -> None:
    measured_by.clear()
    done = reproduction(tmp_path, monkeypatch).run(EMPTY)
    assert measured_by == [None, 64]
    assert played == [("wan", "clean"), ("wan", "fragment-delay"), ("wan", "clean")]
    assert [run.profile for run in done.runs] == ["clean", "fragment-delay"]
    assert done.wan.rtt_measured_ms == 20.31
    assert results.load(tmp_path.parent / "latest") == done


SLOW = Verdict(False, "fast calls", "BYE took 106 ms", ["BYE p99 is 106 ms"], only_times=True)
FAILED = replace(SLOW, reasons=["1 of 20 calls failed"], only_times=False)
AGAIN = "measured again, because BYE p99 is 106 ms"
GOOD = Verdict(True, "fast calls", "BYE took 64 ms")


@pytest.mark.parametrize(
    ("verdicts", "last", "note"),
    [
        ([GOOD], GOOD, []),
        ([SLOW, GOOD], GOOD, [AGAIN]),
        ([SLOW, SLOW, GOOD], GOOD, [AGAIN, AGAIN]),
        ([SLOW, SLOW, SLOW, GOOD], SLOW, [AGAIN, AGAIN]),
        ([SLOW, FAILED, GOOD], FAILED, [AGAIN]),
        ([FAILED, GOOD], FAILED, []),
    ],
)
def test_a_run_that_only_took_too_long_is_made_again_and_that_is_told(
    verdicts: list[Verdict],
    last: Verdict,
    note: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    played: Played,
) -> None:
    under_way = reproduction(tmp_path, monkeypatch, SlowbyeError("replaced"))
    left = iter(verdicts)
    made = clean_run(profile="fragment-delay")
    monkeypatch.setattr(Reproduction, "_run", lambda *_: replace(made, verdict=next(left)))
    (run,) = under_way.run(EMPTY).runs
    assert (run.verdict, run.notes) == (last, note)


@pytest.mark.parametrize("outcome", [SlowbyeError("no calls"), KeyboardInterrupt()])
def test_the_wan_is_clean_after_an_error_too(
    outcome: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, played: Played
) -> None:
    under_way = reproduction(tmp_path, monkeypatch, outcome)
    with pytest.raises(type(outcome)):
        under_way.run(EMPTY)
    assert played == [("wan", "fragment-delay"), ("wan", "clean")]
    assert under_way.wan_is_clean


def test_an_error_in_cleaning_does_not_hide_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, played: Played
) -> None:
    played.fail_at = 2
    under_way = reproduction(tmp_path, monkeypatch, SlowbyeError("no calls"))
    with pytest.raises(SlowbyeError, match="no calls; then the WAN could not be made"):
        under_way.run(EMPTY)
    assert not under_way.wan_is_clean


def test_a_profile_that_cannot_be_applied_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, played: Played
) -> None:
    played.fail_at = 1
    with pytest.raises(SlowbyeError, match="wan1: no netem"):
        reproduction(tmp_path, monkeypatch).run(EMPTY)
