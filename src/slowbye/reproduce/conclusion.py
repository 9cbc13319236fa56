"""Says what cured what: every path against ``direct``, under every profile of a session."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from slowbye.netem.model import Effect
from slowbye.reproduce.paths import DIRECT
from slowbye.reproduce.run import Outcome, Run
from slowbye.units import format_ms

CURED = "cured"
"""The word for a run that is fast where ``direct`` is not."""

_CLEAN = "clean"


@dataclass(frozen=True)
class Finding:
    """What one run says about its path.

    Attributes:
        word: ``cured``, or the run's :class:`Outcome`.
        ok: the run shows what it should.
        figure: how long calls or commands took, in words.
        measure: what decides, ``BYE p99`` or, where packets are lost at random, ``ng p99``.
        p99_ms: that; None where there was none.
        of_clean: BYE p99 as a multiple of that of ``direct`` on the clean WAN.
        garbled: datagrams that came out cut or merged.
        unread: commands that got no reply which the proxy could read, and
        asked: how many it sent.
    """

    word: str
    ok: bool
    figure: str
    measure: str
    p99_ms: float | None
    of_clean: float | None
    garbled: int
    unread: int
    asked: int


@dataclass(frozen=True)
class Conclusion:
    """What cured what.

    Attributes:
        ok: every run shows what it should.
        text: a paragraph for each path that might be a cure.
        matrix: by path and profile.
    """

    ok: bool
    text: list[str]
    matrix: dict[str, dict[str, Finding]]

    @property
    def profiles(self) -> dict[str, str]:
        """All profiles of the matrix, in the order of their runs, and what decides under each."""
        return {
            name: finding.measure
            for found in self.matrix.values()
            for name, finding in found.items()
        }

    def to_json(self) -> dict[str, Any]:
        """Return plain values for reproduce.json."""
        return asdict(self)


def conclude(runs: Sequence[Run], rtt_ms: float) -> Conclusion:
    """Compare the runs of a session.

    Args:
        runs: judged.
        rtt_ms: the WAN's nominal round-trip time.
    """
    plain = {run.profile: run for run in runs if run.path == DIRECT}
    matrix: dict[str, dict[str, Finding]] = {}
    for run in runs:
        found = _find(run, plain.get(run.profile), plain.get(_CLEAN), rtt_ms)
        matrix.setdefault(run.path, {})[run.profile] = found
    text = [_paragraph(path, found, plain) for path, found in matrix.items() if path != DIRECT]
    return Conclusion(all(run.verdict and run.verdict.ok for run in runs), text, matrix)


def _find(run: Run, plain: Run | None, clean: Run | None, rtt_ms: float) -> Finding:
    ok = run.verdict is not None and run.verdict.ok
    outcome = _outcome(run)
    cured = (
        run.path != DIRECT
        and ok
        and outcome is Outcome.FAST
        and plain is not None
        and _outcome(plain) is not Outcome.FAST
    )
    bye_ms, clean_ms = run.bye_ms.p99, clean.bye_ms.p99 if clean else None
    of_clean = bye_ms / clean_ms if bye_ms is not None and clean_ms else None
    return Finding(
        word=CURED if cured else str(outcome),
        ok=ok,
        figure=_figure(run, of_clean, run.profile_args.get("rtt_ms", rtt_ms)),
        measure=f"{'ng' if _is_lossy(run) else 'BYE'} p99",
        p99_ms=_p99_ms(run),
        of_clean=of_clean,
        garbled=run.garbled,
        unread=run.unanswered,
        asked=run.asked,
    )


def _outcome(run: Run) -> Outcome:
    return run.verdict.outcome if run.verdict else Outcome.OUTAGE


def _is_lossy(run: Run) -> bool:
    """Tell whether packets were lost at random: that may delay any command."""
    return run.effect == Effect.LOSS


def _p99_ms(run: Run) -> float | None:
    return run.ng_ms.p99 if _is_lossy(run) else run.bye_ms.p99


def _figure(run: Run, of_clean: float | None, rtt_ms: float) -> str:
    if _outcome(run) in (Outcome.OUTAGE, Outcome.FAILING):
        return f"{run.failed} of {run.calls} calls failed"
    if _is_lossy(run) and run.ng_ms.p99 is not None:
        return f"ng p99 {format_ms(run.ng_ms.p99)}, {run.ng_ms.p99 / rtt_ms:.1f} round trips"
    took = "no BYE" if run.bye_ms.p99 is None else f"BYE p99 {format_ms(run.bye_ms.p99)}"
    if run.path == DIRECT or of_clean is None:
        return took
    return f"{took}, {of_clean:.2f} times clean {DIRECT}"


def _paragraph(path: str, found: dict[str, Finding], plain: dict[str, Run]) -> str:
    by_word: dict[str, list[str]] = {}
    for profile, finding in found.items():
        said = f"{profile} ({finding.figure}{_against(profile, plain)})"
        by_word.setdefault(finding.word, []).append(said)
    sentences = []
    if CURED in by_word:
        sentences.append(f"{path} cured {_listed(by_word.pop(CURED))}.")
    elif any(name in plain and _outcome(plain[name]) is not Outcome.FAST for name in found):
        sentences.append(f"{path} cured nothing.")
    else:
        sentences.append(f"{path} had nothing to cure.")
    if Outcome.FAST in by_word:
        sentences.append(f"Fast: {_listed(by_word.pop(Outcome.FAST))}.")
    sentences += [f"Not cured, {word}: {_listed(names)}." for word, names in by_word.items()]
    garbled, unread, asked = (
        sum(getattr(finding, name) for finding in found.values())
        for name in ("garbled", "unread", "asked")
    )
    if garbled:
        sentences.append(
            f"But {garbled} datagrams came out of it cut or merged, and the proxy could not read "
            f"the replies to {unread} of {asked} commands."
        )
    return " ".join(sentences)


def _against(profile: str, plain: dict[str, Run]) -> str:
    run = plain.get(profile)
    if run is None or profile == _CLEAN:
        return ""
    outcome = _outcome(run)
    if outcome is Outcome.OUTAGE:
        return f"; {DIRECT}: an outage"
    if outcome is Outcome.FAILING:
        return f"; {DIRECT}: {run.failed} of {run.calls} calls failed"
    took_ms = _p99_ms(run)
    return "" if took_ms is None else f"; {DIRECT} took {format_ms(took_ms)}"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
