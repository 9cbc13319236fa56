"""A message flow as it is kept in ``docs/captures``: stable from lab to lab and from day to day."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import yaml

from slowbye.errors import SlowbyeError

SIP_PORT = 5060
"""Where the lab's proxy listens, and the port that a URI without one means (RFC 3261 19.1.2)."""


class _Dumper(yaml.SafeDumper):
    """Indents lists, as the linter of this project's other YAML wants it."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Never without an indent."""
        super().increase_indent(flow, False)


@dataclass(frozen=True)
class Step:
    """One message, or one fragment of it, from one actor to another.

    Attributes:
        source, target: the actors' names; equal for a remark about one of them.
        label: what stands on the arrow.
        at: when, rounded ("0 s", "4 s"); empty where time does not matter.
        transport: "UDP" or "TCP"; empty for what is no message.
        method: of a SIP message, that of its CSeq header.
        lines: of a SIP message, its first line, the headers that matter for routing, its SDP.
        lost: it left, and did not arrive.
    """

    source: str
    target: str
    label: str
    at: str = ""
    transport: str = ""
    method: str = ""
    lines: tuple[str, ...] = ()
    lost: bool = False

    def to_plain(self) -> dict[str, Any]:
        """Return plain values, those that say nothing left out."""
        plain: dict[str, Any] = {"from": self.source, "to": self.target, "label": self.label}
        for name in ("at", "transport", "method", "lost"):
            if value := getattr(self, name):
                plain[name] = value
        if self.lines:
            plain["lines"] = list(self.lines)
        return plain

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Rebuild what :meth:`to_plain` returned."""
        rest = {name: value for name, value in plain.items() if name not in ("from", "to")}
        rest["lines"] = tuple(rest.get("lines", ()))
        return cls(source=plain["from"], target=plain["to"], **rest)


@dataclass(frozen=True)
class Flow:
    """What one test, or one call, put on the wire.

    Attributes:
        seen_by: what made the capture: a test's name, or a run's.
        actors: the columns of its ladder, from left to right.
        facts: figures in words, for a page's prose.
    """

    seen_by: str
    actors: tuple[str, ...]
    steps: tuple[Step, ...]
    facts: Mapping[str, str] = field(default_factory=dict)

    def dump(self) -> str:
        """Return it as YAML, one line of a message on one line."""
        plain: dict[str, Any] = {"seen_by": self.seen_by, "actors": list(self.actors)}
        if self.facts:
            plain["facts"] = dict(self.facts)
        plain["steps"] = [step.to_plain() for step in self.steps]
        return yaml.dump(plain, Dumper=_Dumper, sort_keys=False, width=10_000, allow_unicode=True)


def read_flow(path: Path) -> Flow:
    """Read what :meth:`Flow.dump` wrote.

    Raises:
        SlowbyeError: the file is not there, or is no flow.
    """
    try:
        plain = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Flow(
            seen_by=plain["seen_by"],
            actors=tuple(plain["actors"]),
            steps=tuple(Step.from_plain(step) for step in plain["steps"]),
            facts=plain.get("facts", {}),
        )
    except FileNotFoundError as error:
        raise SlowbyeError(f"{path} is not there: `make docs` writes it from a lab") from error
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise SlowbyeError(f"{path} is no message flow: {error}; `make docs` writes it") from error
