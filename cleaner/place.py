"""Where a run's maps are done and its studies worked out: this machine, or what else is such a place."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from cleaner.engine.pool import Failed, Lost, Pool
from cleaner.engine.process import apart
from cleaner.settings import Settings
from cleaner.study.copies import Against, duplicates
from cleaner.study.paragraphs import local
from cleaner.study.repeats import site_lines
from cleaner.work import Clean, Count, Job, Merge, Sign
from cleaner.write.fragment import Marker, Tally
from cleaner.write.shards import Merged

# What a worker may have, ten times what the largest documents need: one that asks for more is an error.
WORKER_MEMORY = 2 << 30
_HELD = 280_000_000  # bytes: a worker that has held more makes room: what libraries remember of pages grows

Task = Count | Clean | Sign | Merge
Done = Marker | Tally | Merged | None
Result = Done | Lost | Failed


class Place(Protocol):
    """Where a run's maps are done, and its studies worked out."""

    def pool(self, most: int | None = None, cleans: bool = False) -> AbstractContextManager[Doing]:
        """Give what does tasks, of cleaning or others; ``most``: in so many processes at most, where that is told."""
        ...

    def learn(self, counted: Sequence[Path], earlier: Path | None, to: Path) -> None:
        """Do ``study.repeats.site_lines``."""
        ...

    def compare(self, signed: Sequence[Path], against: Against | None, to: Path) -> None:
        """Do ``study.copies.duplicates``."""
        ...

    def find(self, paragraphs: Sequence[Path], clusters: Path, to: Path) -> None:
        """Do ``study.paragraphs.find``."""
        ...


class Doing(Protocol):
    """What does tasks: ``Pool``, or its like on a cluster."""

    def run(self, tasks: Iterable[Task | None]) -> Iterator[tuple[Task, Result] | None]:
        """Yield each task with what became of it; None now and then."""
        ...


Where = Callable[[Job], AbstractContextManager[Place]]


@dataclass(frozen=True)
class _Here:
    """This machine: a process a core, and DuckDB in one of its own: what it took goes, and is not inherited."""

    job: Job

    def pool(self, most: int | None = None, cleans: bool = False) -> Pool[Task, Done]:
        settings = self.job.settings
        count = workers(settings)
        count = min(count, most or count)
        held = _HELD if most is None else WORKER_MEMORY  # a compiler is no waste of a few that only sign
        warm = self.job.warm if cleans else None
        return Pool(self.job.start, count, settings.run.timeout, WORKER_MEMORY, held, warm)

    def learn(self, counted: Sequence[Path], earlier: Path | None, to: Path) -> None:
        apart(partial(site_lines, counted, earlier, to, self.job.settings.run.memory_mb, self._spill()))

    def compare(self, signed: Sequence[Path], against: Against | None, to: Path) -> None:
        settings = self.job.settings
        apart(partial(duplicates, signed, against, settings.duplicates, settings.run.memory_mb, self._spill(), to))

    def find(self, paragraphs: Sequence[Path], clusters: Path, to: Path) -> None:
        settings = self.job.settings
        apart(partial(local, paragraphs, clusters, settings.repeated, settings.run.memory_mb, self._spill(), to))

    def _spill(self) -> Path:
        made = self.job.work / "spill"
        made.mkdir(exist_ok=True)
        return made


@contextmanager
def here(job: Job) -> Iterator[Place]:
    """Run on this machine."""
    yield _Here(job)


def workers(settings: Settings) -> int:
    """Give the number of worker processes: as told, else one a core that this process may use."""
    if settings.run.workers:
        return settings.run.workers
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
