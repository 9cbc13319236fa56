"""How far a batch is, on stderr: a bar on a terminal, else a line every few seconds."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from slowbye.sip.batch import Tally

LINE_S = 5.0


@contextlib.asynccontextmanager
async def shown(calls: int) -> AsyncIterator[Callable[[Tally], None]]:
    """Show progress while the block runs; tell what is yielded how far the batch is."""
    console = Console(stderr=True)
    async with _bar(calls, console) if console.is_terminal else _lines(calls, console) as tell:
        yield tell


def _words(tally: Tally) -> str:
    return f"{tally.under_way} under way, {tally.failed} failed"


@contextlib.asynccontextmanager
async def _bar(calls: int, console: Console) -> AsyncIterator[Callable[[Tally], None]]:
    columns = (
        TextColumn("calls"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
    )
    # Without its thread, which would compete with the event loop for the interpreter.
    with Progress(*columns, console=console, transient=True, auto_refresh=False) as progress:
        bar = progress.add_task("registering", total=calls)

        def tell(tally: Tally) -> None:
            progress.update(bar, completed=tally.ended, description=_words(tally), refresh=True)

        yield tell


@contextlib.asynccontextmanager
async def _lines(calls: int, console: Console) -> AsyncIterator[Callable[[Tally], None]]:
    latest = Tally()

    def tell(tally: Tally) -> None:
        nonlocal latest
        latest = tally

    async def speak() -> None:
        while True:
            await asyncio.sleep(LINE_S)
            console.print(
                f"{latest.ended} of {calls} calls ended, {_words(latest)}", highlight=False
            )

    speaking = asyncio.create_task(speak())
    try:
        yield tell
    finally:
        speaking.cancel()
