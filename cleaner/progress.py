"""A progress bar with rate and time left: on a terminal only, and only for what takes longer than two seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_AFTER = 2.0  # seconds

Tell = Callable[[int, int, float], None]
"""Told after each document: how many are done, of how many, and how many characters they had."""


@contextmanager
def bar(what: str) -> Iterator[Tell]:
    """Give what shows a run's progress on standard error; it leaves nothing behind when it ends."""
    if not sys.stderr.isatty():
        yield lambda done, total, characters: None
        return
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn())
    shown = Progress(TextColumn(what), *columns, console=Console(stderr=True), transient=True)
    task = shown.add_task("", total=None, rate="")
    begun = time.monotonic()

    def tell(done: int, total: int, characters: float) -> None:
        seconds = time.monotonic() - begun
        if seconds > _AFTER:
            rate = f"{done / seconds:,.0f} documents/s {characters / 1e6 / seconds:.2f} M characters/s"
            shown.update(task, total=total, completed=done, rate=rate)
            shown.start()

    try:
        yield tell
    finally:
        shown.stop()
