"""A whole run: every case through every variant, in turn, round after round.

The variants alternate, and each round begins with another one, so that whatever else the machine
does hits all alike; ratios are taken within a round.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import certificates
from bench.cases import Case
from bench.errors import BenchError
from bench.machine import wait_until_quiet
from bench.measure import Measurement, measure
from bench.variants import Variant

OnStep = Callable[[int, Case, Variant], None]


@dataclass(frozen=True)
class Plan:
    """What to measure.

    Attributes:
        cases: the loads.
        variants: the tunnels.
        rounds: how often.
        seconds: how long each time, after the warm-up.
        patience_s: how long to wait at most, each time, for other programs to become quiet.
    """

    cases: Sequence[Case]
    variants: Sequence[Variant]
    rounds: int
    seconds: float
    patience_s: float

    def steps(self) -> Iterator[tuple[int, Case, Variant]]:
        """Yield round, case and variant in the order in which they are measured."""
        for number in range(self.rounds):
            first = number % len(self.variants)
            for case in self.cases:
                for variant in [*self.variants[first:], *self.variants[:first]]:
                    if variant.serves(case.peers):
                        yield number, case, variant

    def about_s(self) -> float:
        """Return roughly how long it takes."""
        return sum(case.warm_up_s() + self.seconds + 1 for _, case, _ in self.steps())


@dataclass
class Results:
    """What was measured.

    Attributes:
        measured: by case and variant, then by round; a round that failed is absent.
        failed: why, by case and variant: the first reason.
    """

    measured: dict[tuple[str, str], dict[int, Measurement]] = field(default_factory=dict)
    failed: dict[tuple[str, str], str] = field(default_factory=dict)

    def of(self, case: str, variant: str) -> dict[int, Measurement]:
        """Return the measurements of a variant under a case, by round."""
        return self.measured.get((case, variant), {})

    def all(self) -> list[Measurement]:
        """Return every measurement."""
        return [each for rounds in self.measured.values() for each in rounds.values()]


def missing(variants: Sequence[Variant]) -> list[Variant]:
    """Return those whose program is not installed."""
    return [each for each in variants if each.program and not shutil.which(each.program)]


def run(plan: Plan, on_step: OnStep, results: Results) -> None:
    """Measure it all.

    Args:
        plan: what.
        on_step: told before each measurement.
        results: filled as it goes, so that an interruption leaves what there is.
    """
    with tempfile.TemporaryDirectory(prefix="slowbye-bench-", dir=_fast_directory()) as made:
        directory = Path(made)
        files = certificates.make(directory)
        measure_each(
            plan,
            on_step,
            results,
            lambda variant, case: measure(variant, case, plan.seconds, files, directory),
        )


def measure_each(
    plan: Plan,
    on_step: OnStep,
    results: Results,
    measure: Callable[[Variant, Case], Measurement],
) -> None:
    """Take each step of a plan; what fails is a result, too."""
    for number, case, variant in plan.steps():
        on_step(number, case, variant)
        key = (case.name, variant.name)
        wait_until_quiet(plan.patience_s)
        try:
            measurement = measure(variant, case)
        except BenchError as error:
            results.failed.setdefault(key, str(error))
        else:
            results.measured.setdefault(key, {})[number] = measurement


def _fast_directory() -> str | None:
    """Return where systemd's RuntimeDirectory= is, in memory, if this user may write there."""
    run = Path("/run")
    return str(run) if run.is_dir() and _is_writable(run) else None


def _is_writable(directory: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=directory):
            return True
    except OSError:
        return False
