"""What a session leaves behind: ``results/<timestamp>/`` with ``latest`` pointing to it."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from slowbye.errors import SlowbyeError
from slowbye.reproduce.conclusion import Conclusion, conclude
from slowbye.reproduce.installed import Proxy
from slowbye.reproduce.run import Run

SCHEMA = 1
_FILE = "reproduce.json"


@dataclass(frozen=True)
class WanUsed:
    """The WAN of a session; round-trip times in milliseconds, nominal and measured."""

    driver: str
    kernel: str
    rtt_ms: float
    rtt_measured_ms: float | None = None


@dataclass(frozen=True)
class Session:
    """One session: what ran, and its runs.

    Attributes:
        started: UTC, ISO 8601.
        calls: how calls were placed (see :class:`slowbye.reproduce.calls.Calls`).
        patience: the proxy's workers, ``try_ms`` and ``tries``, which decide what is expected.
    """

    started: str
    proxy: Proxy
    rtpengine_version: str
    wan: WanUsed
    calls: Mapping[str, Any]
    patience: Mapping[str, float]
    runs: list[Run] = field(default_factory=list)

    def with_run(self, run: Run) -> Self:
        """Return the session with one run more; the first one's RTT is the WAN's."""
        measured_ms = self.wan.rtt_measured_ms
        if measured_ms is None:
            measured_ms = run.rtt_measured_ms
        wan = replace(self.wan, rtt_measured_ms=measured_ms)
        return replace(self, wan=wan, runs=[*self.runs, run])

    @property
    def conclusion(self) -> Conclusion:
        """What cured what, and whether everything that should hold does."""
        return conclude(self.runs, self.wan.rtt_ms)

    def bye_p99_ms(self, path: str, profile: str) -> float | None:
        """Return BYE p99 of a run, None where it was not made."""
        found = (run for run in self.runs if (run.path, run.profile) == (path, profile))
        run = next(found, None)
        return run.bye_ms.p99 if run else None

    def to_json(self) -> dict[str, Any]:
        """Return reproduce.json's content, schema 1."""
        return {
            "schema": SCHEMA,
            "started": self.started,
            "proxy": asdict(self.proxy),
            "rtpengine": {"version": self.rtpengine_version},
            "wan": asdict(self.wan),
            "calls": dict(self.calls),
            "patience": dict(self.patience),
            "runs": [run.to_json() for run in self.runs],
            "verdict": self.conclusion.to_json(),
        }


def make_directory(root: Path, now: datetime) -> Path:
    """Make this session's directory.

    Raises:
        SlowbyeError: it cannot be made.
    """
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    try:
        root.mkdir(parents=True, exist_ok=True)
        directory = next(path for path in _names(root, stamp) if _made(path))
    except OSError as error:
        raise SlowbyeError(f"results directory {root}: {error.strerror}") from error
    return directory


def save(directory: Path, session: Session) -> None:
    """Write reproduce.json; whoever reads it meanwhile sees the old one or the new one."""
    partial = directory / f"{_FILE}.part"
    partial.write_text(json.dumps(session.to_json(), indent=1) + "\n", encoding="utf-8")
    partial.replace(directory / _FILE)


def make_latest(directory: Path) -> None:
    """Let ``latest`` beside a session's directory point to it; it never points nowhere."""
    link = directory.parent / f".latest.{os.getpid()}"
    link.unlink(missing_ok=True)
    link.symlink_to(directory.name)
    link.replace(directory.parent / "latest")


def load(directory: Path) -> Session:
    """Read what :func:`save` wrote.

    Raises:
        SlowbyeError: there is nothing, or nothing of this schema.
    """
    path = directory / _FILE
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SlowbyeError(
            f"no results in {directory}: run `slowbye reproduce` or name another directory"
        ) from error
    except (OSError, ValueError) as error:
        raise SlowbyeError(f"{path} cannot be read: {error}") from error
    schema = data.get("schema") if isinstance(data, dict) else None
    if schema != SCHEMA:
        raise SlowbyeError(f"{path} has schema {schema!r}; this slowbye reads schema {SCHEMA}")
    try:
        return Session(
            started=data["started"],
            proxy=Proxy(**data["proxy"]),
            rtpengine_version=data["rtpengine"]["version"],
            wan=WanUsed(**data["wan"]),
            calls=data["calls"],
            patience=data["patience"],
            runs=[Run.from_json(run) for run in data["runs"]],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise SlowbyeError(f"{path} is not complete: {error}") from error


def _names(root: Path, stamp: str) -> Iterator[Path]:
    yield root / stamp
    for number in range(2, 100):
        yield root / f"{stamp}-{number}"


def _made(path: Path) -> bool:
    try:
        path.mkdir()
    except FileExistsError:
        return False
    return True
