"""How far a run is: a bar with rate and time left on a terminal, elsewhere one line a minute; nothing when short."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from rich.progress import Progress

_AFTER = 2.0  # seconds: what is shorter shows no bar
_LINE_EVERY = 60.0  # seconds between two lines where there is no terminal
_DRAW_EVERY = 0.1
_WIDE = 130  # columns: a narrower terminal has no room for the stages beside rate and time left
_BAR = 20

Tell = Callable[[int, int, float], None]
"""Told after each document: how many are done, of how many, and how many characters they had."""


class State(NamedTuple):
    """How far a run is: bytes read of all (0: unknown), documents, errors, and seconds of one core by stage."""

    phase: str
    done: int
    total: int
    documents: int
    errors: int
    seconds: Mapping[str, float]


Watch = Callable[[State], None]


@contextmanager
def bar(what: str) -> Iterator[Tell]:
    """Give what shows the progress of a loop over documents on standard error; it leaves nothing behind."""
    if not sys.stderr.isatty():
        yield lambda done, total, characters: None
        return
    with _shown(what, "{task.completed}/{task.total}") as (shown, begun):
        task = shown.add_task("", total=None, rate="")

        def tell(done: int, total: int, characters: float) -> None:
            if (seconds := time.monotonic() - begun) > _AFTER:
                rate = f"{done / seconds:,.0f} documents/s {characters / 1e6 / seconds:.2f} M characters/s"
                shown.update(task, total=total, completed=done, rate=rate)
                shown.start()

        yield tell


@contextmanager
def watch() -> Iterator[Watch]:
    """Give what shows a run's progress on standard error: a bar on a terminal, elsewhere a line a minute."""
    if not sys.stderr.isatty():
        yield _lines()
        return
    with _shown("{task.fields[phase]}", "{task.percentage:>3.0f}%") as (shown, begun):
        task = shown.add_task("", total=None, rate="", phase="")
        drawn = 0.0

        def tell(state: State) -> None:
            nonlocal drawn
            now = time.monotonic()
            if now - begun > _AFTER and now - drawn > _DRAW_EVERY:
                drawn = now
                told = _told(state, now - begun, shares=shown.console.width >= _WIDE)
                shown.update(task, total=state.total or None, completed=state.done, rate=told, phase=state.phase)
                shown.start()
                shown.refresh()

        yield tell


def _lines() -> Watch:
    begun = said = time.monotonic()

    def tell(state: State) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said >= _LINE_EVERY:
            said = now
            share = f"{100 * state.done / state.total:.0f} % " if state.total else ""
            left = ""
            if 0 < state.done < state.total:
                left = f", {_time((now - begun) * (state.total - state.done) / state.done)} left"
            sys.stderr.write(f"{state.phase}: {share}{_told(state, now - begun)}{left}\n")
            sys.stderr.flush()

    return tell


def _told(state: State, seconds: float, shares: bool = True) -> str:
    """Write documents, bytes, rate and errors, and with ``shares`` the three stages that take most.

    >>> _told(State("cleaning", 3_000_000, 9, 20, 1, {"chrome": 3.0, "joins": 1.0}), 2.0)
    '20 documents 3.0 MB 1.50 MB/s 1 error (chrome 75 %, joins 25 %)'
    """
    errors = f" {state.errors:,} error{'s' * (state.errors != 1)}" if state.errors else ""
    spent = sum(state.seconds.values())
    most = sorted(state.seconds.items(), key=lambda item: (-item[1], item[0]))[:3]
    stages = ", ".join(f"{name} {100 * part / spent:.0f} %" for name, part in most) if spent and shares else ""
    rate = f"{state.done / 1e6 / seconds:.2f} MB/s" if seconds else ""
    return f"{state.documents:,} documents {state.done / 1e6:,.1f} MB {rate}{errors}{stages and f' ({stages})'}"


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


@contextmanager
def _shown(what: str, how_far: str) -> Iterator[tuple[Progress, float]]:
    from rich.console import Console  # here: most commands show no bar
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    rate = TextColumn("{task.fields[rate]}")
    columns = (TextColumn(what), BarColumn(_BAR), TextColumn(how_far), rate, TimeRemainingColumn())
    # Without a thread that draws: workers are forked while this is shown.
    shown = Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False)
    try:
        yield shown, time.monotonic()
    finally:
        shown.stop()
