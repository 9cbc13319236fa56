"""What came of a load, and what is demanded of it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

LONGEST_S = 1.0
"""No command may wait longer for an answer: then the proxy sends it again."""

ERROR_S = 0.05
"""An error comes within this, counted from when the client can know."""

NOTICE_S = 1.0
"""A link that is dead without a word is noticed within this."""


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        at: when it was sent first, by the monotonic clock.
        after: seconds until its first answer; None for none.
        result: ``ok``, ``error``, ``wrong``, ``misdelivered``; "" for no answer.
        answers: how many came.
        tries: how often it was sent.
    """

    at: float
    after: float | None
    result: str
    answers: int
    tries: int


@dataclass(frozen=True)
class Gap:
    """A time without a far end.

    Attributes:
        begin, end: by the monotonic clock.
        known: from when on errors are due.
    """

    begin: float
    end: float
    known: float

    @classmethod
    def silent(cls, begin: float, end: float) -> "Gap":
        """A gap of which the client hears nothing: it has to notice."""
        return cls(begin, end, begin + NOTICE_S)

    def excuses(self, command: Command) -> bool:
        """Whether the command was under way at some time of the gap."""
        return command.at <= self.end and command.at + (command.after or 0.0) >= self.begin

    def lateness(self, command: Command) -> float:
        """How long an answer took in seconds, from when the client could know of the gap."""
        return command.at + (command.after or 0.0) - max(command.at, self.known)


@dataclass
class Outcome:
    """Every command of a load; empty until it has ended.

    Attributes:
        began: when the load did.
        commands: in the order of sending.
        strangers: datagrams that answered nothing.
        refused: ICMP errors.
    """

    began: float = 0.0
    commands: list[Command] = field(default_factory=list)
    strangers: int = 0
    refused: int = 0

    def fill(self, read: dict[str, Any]) -> None:
        """Take what the load's process says."""
        self.commands = [Command(*each) for each in read["commands"]]
        self.strangers, self.refused = read["strangers"], read["refused"]

    @property
    def figures(self) -> dict[str, float]:
        """Counts, and the longest times in milliseconds."""
        results = Counter(command.result or "unanswered" for command in self.commands)
        return {
            "commands": len(self.commands),
            **results,
            "twice": sum(command.answers > command.tries for command in self.commands),
            "ok_max_ms": self._longest_ms("ok"),
            "error_max_ms": self._longest_ms("error"),
        }

    def latest_error_ms(self, *gaps: Gap) -> float:
        """The longest that an error took in milliseconds, from when the client could know."""
        late = [
            min(gap.lateness(each) for gap in gaps if gap.excuses(each))
            for each in self.commands
            if each.result == "error" and any(gap.excuses(each) for gap in gaps)
        ]
        return round(max(late, default=0.0) * 1000, 1)

    def _longest_ms(self, result: str) -> float:
        times = [each.after for each in self.commands if each.result == result and each.after]
        return round(max(times, default=0.0) * 1000, 1)

    def nothing_lost(self, *, twice: int = 0) -> None:
        """Demand that every command was answered, rightly, in time, once.

        Args:
            twice: so many may be answered twice.

        Raises:
            AssertionError: one was not.
        """
        self.only_errors_in(twice=twice)

    def only_errors_in(self, *gaps: Gap, twice: int = 0) -> None:
        """Demand the same, except for errors in these gaps.

        Raises:
            AssertionError: a command was answered too late, not at all, twice, wrongly, or with an
                error when there was a far end.
        """
        assert self.commands, "there was no load"
        assert not self.strangers, f"{self.strangers} datagrams answered nothing"
        for command in self.commands:
            said = self._describe(command)
            assert command.after is not None, f"unanswered: {said}"
            assert command.result in ("ok", "error"), said
            if command.answers > command.tries:
                twice -= 1
                assert twice >= 0, f"answered more than once: {said}"
            assert command.after <= LONGEST_S, f"unanswered for too long: {said}"
            if command.result == "error":
                gap = next((gap for gap in gaps if gap.excuses(command)), None)
                assert gap is not None, f"an error although there was a far end: {said}"
                late = gap.lateness(command)
                assert late <= ERROR_S, f"the error came late, by {late:.3f} s: {said}"

    def _describe(self, command: Command) -> str:
        when = command.at - self.began
        alike = sum(each.result == command.result for each in self.commands)
        return f"{command}, sent {when:.3f} s after the first; {alike} like it; {self.figures}"
