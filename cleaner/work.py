"""What a worker does: clean one chunk of the input into a fragment, or merge fragments into a shard."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path

import msgspec

from cleaner.decide import decide
from cleaner.document import Document, Patch
from cleaner.engine.pool import Beat
from cleaner.pipeline import Pipeline, StageError
from cleaner.read.decode import Unreadable
from cleaner.read.record import Chunk, Fault, Options, Record, Span
from cleaner.read.records import document_of, records
from cleaner.rules import Rules, load, shipped
from cleaner.settings import Settings
from cleaner.stages import LINE, Stage, stage
from cleaner.write import fragment
from cleaner.write.atomic import Names
from cleaner.write.fragment import Fragment, Marker
from cleaner.write.parts import Form
from cleaner.write.shards import Merged, Shard, Writing, merge

CLEANING = 0  # a step of the beat; every other is the reading of a span, numbered from 1
_WHOLE = -1  # the stop of a span that is a whole file: one document


class Clean(msgspec.Struct, frozen=True):
    """Clean one chunk. ``poison`` gives records that cost a worker its life and the reason: they are not cleaned.

    ``unread`` gives, by the number of its span, the record that did so while it was read: a file is passed over, of
    a container what is left of the span.
    """

    chunk: Chunk
    poison: dict[int, str] = {}
    unread: dict[int, tuple[int, str]] = {}


class Merge(msgspec.Struct, frozen=True):
    """Merge the fragments of a shard."""

    shard: Shard


@dataclass(frozen=True)
class Job:
    """What all workers of a run are given."""

    settings: Settings
    rules: tuple[Path, ...]
    today: str
    reading: Options
    out: Path
    work: Path
    names: Names | None

    def start(self) -> Worker:
        """Make a worker's tools; called in the worker."""
        return Worker(self)

    def load(self) -> Rules:
        """Load the rules: forked workers share what the driver has loaded."""
        return _loaded(self.rules)

    @property
    def writing(self) -> Writing:
        """How shards are written."""
        output = self.settings.output
        deciding = partial(decide, drop=self.settings.drop) if decides(self.settings) else None
        form: Form = "jsonl" if output.to == "jsonl" else "parquet"
        return Writing(self.work, self.out, form, output.ledger, self.names, deciding)


class Worker:
    """Do tasks of a job, one after the other."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.seconds: dict[str, float] = {}

    def __call__(self, task: Clean | Merge, beat: Beat) -> Marker | Merged:
        """Do one task; what it gives is on the disk when this returns."""
        return merge(task.shard, self.job.writing) if isinstance(task, Merge) else self._clean(task, beat)

    @cached_property
    def rules(self) -> Rules:
        return self.job.load()

    @cached_property
    def pipeline(self) -> Pipeline:
        return pipeline_of(self.job.settings, self.rules, self.job.today, self.seconds)

    def _clean(self, task: Clean, beat: Beat) -> Marker:
        self.seconds.clear()
        began = time.perf_counter()
        ledger = self.job.settings.output.ledger
        with Fragment(self.job.work, task.chunk.number, self.rules.classes, ledger) as made:
            for n, found in enumerate(self._records(task, beat)):
                if isinstance(found, Fault):
                    made.fault(told(found))
                elif n in task.poison:
                    made.fault(told(Fault(found.id, found.place, "clean", task.poison[n])))
                else:
                    beat.at(n, CLEANING)
                    self._add(found, made)
            beat.at(-1, -1)
            made.tally.seconds = dict(self.seconds)
            made.tally.seconds["read and write"] = time.perf_counter() - began - sum(self.seconds.values())
            return made.commit()

    def _add(self, record: Record, made: Fragment) -> None:
        """Clean one record; whatever goes wrong with it is a fault of this record alone."""
        try:
            made.add(self._sited(self.pipeline.clean(document_of(record))))
        except StageError as error:
            made.fault(told(Fault(record.id, record.place, error.stage, str(error))))
        except Unreadable as error:
            made.fault(told(Fault(record.id, record.place, "read", str(error))))
        except (UnicodeEncodeError, MemoryError) as error:
            made.fault(told(Fault(record.id, record.place, "write", f"{type(error).__name__}: {error}")))

    def _sited(self, document: Document) -> Document:
        return document

    def _records(self, task: Clean, beat: Beat) -> Iterator[Record | Fault]:
        """Yield the chunk's records, those left out that may not even be read."""
        n = 0
        for number, span in enumerate(task.chunk.spans):
            stop, reason = task.unread.get(number, (-1, ""))
            found = self._span(task, span)
            while True:
                beat.at(n, number + 1)
                if n == stop:
                    yield _unread(span, reason)
                elif (one := next(found, None)) is not None:
                    yield one
                else:
                    break
                n += 1
                if n == stop + 1:
                    break

    def _span(self, task: Clean, span: Span) -> Iterator[Record | Fault]:
        return records(Chunk(task.chunk.number, (span,)), self.job.reading)


def _unread(span: Span, reason: str) -> Fault:
    if span.stop == _WHOLE:
        return Fault(span.source.id, 0, "read", reason)
    return Fault(f"{span.source.id}#{span.start}-{span.stop}", span.start, "read", f"not read to its end: {reason}")


@cache
def _loaded(folders: tuple[Path, ...]) -> Rules:
    return load(shipped(), *folders)


class _Timed:
    """A stage and the seconds that it takes."""

    def __init__(self, inner: Stage, seconds: dict[str, float]) -> None:
        self.inner, self.name, self._seconds = inner, inner.name, seconds

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)  # what else a stage can: tell that it is settled, say

    def propose(self, document: Document) -> Patch:
        began = time.perf_counter()
        try:
            return self.inner.propose(document)
        finally:
            self._seconds[self.name] = self._seconds.get(self.name, 0.0) + time.perf_counter() - began


def pipeline_of(settings: Settings, rules: Rules, today: str, seconds: dict[str, float] | None = None) -> Pipeline:
    """Make the stages that settings ask for; ``seconds`` collects what each takes."""
    clean = settings.clean
    keep = frozenset(clean.keep)
    names = [name for name in LINE if name != "extract" or clean.extract != "none"]
    made: list[Stage] = [stage(name, rules, clean.profile, keep, today) for name in names]
    if seconds is not None:
        made = [_Timed(each, seconds) for each in made]
    return Pipeline(made, rules=rules, profile=clean.profile, keep=keep, today=today)


def decides(settings: Settings) -> bool:
    """Whether any document may be left out by a decision."""
    return settings.drop != type(settings.drop)()


def told(fault: Fault) -> fragment.Fault:
    """Give what errors.jsonl says of a record that could not be read."""
    return fragment.Fault(fault.id, fault.id.partition("#")[0], fault.place, fault.stage, fault.reason)
