"""A run on a cluster: the same chunks, tasks and plans as on one machine, done by Spark's executors.

The output folder is where all meet: the driver and every executor must reach it under one path, as they must the
inputs (or by URL). Chunks are planned by the driver and read by executors, so that ids, faults, shards and the digest
are those of a run on one machine; killed anywhere, the same call goes on, on a cluster or not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cleaner.engine.spark import Cluster, Session, Spark, started
from cleaner.place import WORKER_MEMORY, Done, Place, Task, Where
from cleaner.study.copies import Against, compare
from cleaner.study.paragraphs import find
from cleaner.study.repeats import count
from cleaner.work import Job


def on(master: str | None = None, session: Session | None = None) -> Where:
    """Give where ``run`` shall work: on the executors of a Spark session.

    ``session`` is one that is there; else one is started at ``master`` (a URL as ``spark://host:7077``; default: the
    cores of this machine) and stopped at the end. Standard input is no input there.

    Running raises what Spark does, and ``NoSpark`` where it is not installed.
    """

    @contextmanager
    def where(job: Job) -> Iterator[Place]:
        with Spark(session or started(master or "local[*]"), job.work) as engine:
            yield _There(job, engine)

    return where


@dataclass(frozen=True)
class _There:
    job: Job
    engine: Spark

    def pool(self, most: int | None = None, cleans: bool = False) -> Cluster[Task, Done]:
        return Cluster(self.engine, self.job.start, self.job.settings.run.timeout, WORKER_MEMORY)

    def learn(self, counted: Sequence[Path], earlier: Path | None, to: Path) -> None:
        count(self.engine, counted, earlier, to)

    def compare(self, signed: Sequence[Path], against: Against | None, to: Path) -> None:
        compare(self.engine, signed, self.job.settings.duplicates, to, against)

    def find(self, paragraphs: Sequence[Path], clusters: Path, to: Path) -> None:
        find(self.engine, paragraphs, clusters, self.job.settings.repeated, to)
