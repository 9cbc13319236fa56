"""Shows what is going on: a moving line on a terminal, plain lines elsewhere."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import Progress as Bar
from rich.progress import SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn


class Progress:
    """Tells a person which step is under way; everything goes to standard error.

    Args:
        steps: how many steps there will be.
        console: for tests; standard error unless given.
    """

    def __init__(self, steps: int, console: Console | None = None) -> None:
        self._steps = steps
        self._step = 0
        self._console = console or Console(stderr=True)
        self._text = ""
        self._task: TaskID | None = None
        self._bar = Bar(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        )

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Show nothing any more."""
        self._bar.stop()

    def step(self, text: str) -> None:
        """Begin the next step."""
        self._step += 1
        self._text = f"[{min(self._step, self._steps)}/{self._steps}] {text}"
        if not self._console.is_terminal:
            self._console.print(self._text, markup=False, highlight=False)
            return
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(self._escaped(self._text), total=None)

    def detail(self, text: str) -> None:
        """Say how far the step is; only where a line can be written over."""
        if self._task is not None:
            self._bar.update(self._task, description=self._escaped(f"{self._text}: {text}"))

    @staticmethod
    def _escaped(text: str) -> str:
        return text.replace("[", "\\[")
