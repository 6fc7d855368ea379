"""What a worker does: count a chunk’s lines, clean it into a fragment, or merge fragments into a shard."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import msgspec
import pyarrow as pa

from cleaner.decide import decide
from cleaner.document import Document
from cleaner.engine.pool import Beat
from cleaner.engine.seam import columns
from cleaner.line import pipeline_of
from cleaner.pipeline import Pipeline, StageError, loaded
from cleaner.read.decode import Unreadable
from cleaner.read.files import document
from cleaner.read.record import Chunk, Fault, Options, Record, Span
from cleaner.read.records import apart, document_of, of_span
from cleaner.rules import Rules
from cleaner.settings import Settings
from cleaner.site_lines import Page, page
from cleaner.sites import From, site_of
from cleaner.stages import lines
from cleaner.study import paragraphs
from cleaner.study.copies import DOCUMENTS, of_chunk
from cleaner.study.repeats import keys_of
from cleaner.study.signatures import Scheme, sign, signed
from cleaner.write import fragment
from cleaner.write.atomic import Names
from cleaner.write.fragment import Fragment, Marker, Tally, batch_of, batches, keep_table, table_path
from cleaner.write.parts import Form
from cleaner.write.shards import Merged, Shard, Writing, merge

LINES, SIGNABLE, SIGNATURES, PARAGRAPHS = "lines", "signable", "signatures", "paragraphs"
_SIGNABLE = columns(removed=pa.int64(), date=pa.string())  # of each document, beside its text
CLEANING = 0  # a step of the beat; every other is the reading of a span, numbered from 1
_SMALL, _LARGE = 1 << 20, 8 << 20  # bytes of input
_LINE = "This is one of the lines of a page, and it has a number. "
_WARMING = 1 << 17  # characters: so many that no pattern is put off
_PAGE = f"<!doctype html><title>A page</title><article><h1>A page</h1>{f'<p>{_LINE}' * 24}</article>"
_WHOLE = -1  # the stop of a span that is a whole file: one document


class Clean(msgspec.Struct, frozen=True):
    """Clean one chunk. ``poison`` gives records that cost a worker its life and the reason: they are not cleaned.

    ``unread`` gives, by the number of its span, the record that did so while it was read: a file is passed over, of
    a container what is left of the span.
    """

    chunk: Chunk
    poison: dict[int, str] = {}
    unread: dict[int, tuple[int, str]] = {}


class Count(msgspec.Struct, frozen=True):
    """Count what the pages of a chunk say, by their sites. ``poison`` and ``unread`` as for ``Clean``."""

    chunk: Chunk
    poison: dict[int, str] = {}
    unread: dict[int, tuple[int, str]] = {}


class Sign(msgspec.Struct, frozen=True):
    """Sign the clean texts of the chunk of a number.

    Not while it is cleaned: what signs is a compiler, and takes 130 MB of each process that has it.
    """

    number: int


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
    facts: Path | None = None
    clusters: Path | None = None
    signs: bool = False
    size: int = 0
    pages: bool = True  # whether inputs may hold any
    repeated: Path | None = None  # where it is told which paragraphs repeat, if they are asked for

    def start(self) -> Worker:
        """Make a worker's tools; called in the worker."""
        return Worker(self)

    def load(self) -> Rules:
        """Load the rules."""
        return loaded(self.rules)

    def warm(self) -> None:
        """Compile and import what every document needs: forked workers, and those that replace them, share it.

        What the other languages need, each worker compiles when it meets them: together that takes a second. Not where
        there is less to read than would take that time.
        """
        if self.size < _SMALL:
            return
        pipeline = pipeline_of(self.settings, self.load(), self.today)
        for line in (_LINE, 4 * _LINE):  # rules of short lines, and of long ones
            pipeline.clean(Document("", "\n".join(f"{n}: {line}" for n in range(_WARMING // len(line)))))
        if self.pages and self.size >= _LARGE:
            pipeline.clean(document(_PAGE))

    @property
    def writing(self) -> Writing:
        """How shards are written."""
        output = self.settings.output
        deciding = partial(decide, drop=self.settings.drop) if decides(self.settings) else None
        form: Form = "jsonl" if output.to == "jsonl" else "parquet"
        clusters = None if self.clusters is None else partial(of_chunk, self.clusters)
        cut = None
        if self.repeated is not None:
            cut = partial(paragraphs.cut, self.repeated, self.settings.repeated.paragraph_chars)
        return Writing(self.work, self.out, form, output.ledger, self.names, deciding, clusters, cut)


class Worker:
    """Do tasks of a job, one after the other."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.seconds: dict[str, float] = {}
        self.paragraphs: list[tuple[bytes, int, int, str]] = []

    def __call__(self, task: Count | Clean | Sign | Merge, beat: Beat) -> Marker | Tally | Merged | None:
        """Do one task; what it gives is on the disk when this returns."""
        if isinstance(task, Merge):
            return merge(task.shard, self.job.writing)
        if isinstance(task, Sign):
            return self._sign(task.number)
        if isinstance(task, Clean):
            return self._clean(task, beat)
        self._count(task, beat)
        return None

    @cached_property
    def rules(self) -> Rules:
        return self.job.load()

    @cached_property
    def classes(self) -> dict[str, str]:
        """Give the class of each rule, the model of lines among them."""
        return {**self.rules.classes, lines.RULE: lines.CLASS}

    @cached_property
    def pipeline(self) -> Pipeline:
        return pipeline_of(self.job.settings, self.rules, self.job.today, self.seconds, self.job.facts)

    def _count(self, task: Count, beat: Beat) -> None:
        """Write the keys of the chunk's pages; what cannot be read is told when it is cleaned."""
        pages: list[tuple[str, Page]] = []
        for n, found in enumerate(self._records(task, beat)):
            if isinstance(found, Fault) or n in task.poison:
                continue
            beat.at(n, CLEANING)
            try:
                document = self._read(found)
            except (Unreadable, MemoryError):
                continue
            if document.site:
                pages.append((document.site, page(document)))
        beat.at(-1, -1)
        keep_table(table_path(self.job.work, task.chunk.number, LINES), keys_of(pages))

    def _read(self, record: Record) -> Document:
        """Make a record a document of its site."""
        document = document_of(record)
        by: From = "folder" if self.job.settings.input.site_from == "folder" else "domain"
        return replace(document, site=site_of(document, by))

    def _clean(self, task: Clean, beat: Beat) -> Marker:
        self.seconds.clear()
        self.paragraphs.clear()
        began = time.thread_time()
        ledger = self.job.settings.output.ledger
        with Fragment(self.job.work, task.chunk.number, self.classes, ledger) as made:
            for n, found in enumerate(self._records(task, beat)):
                if isinstance(found, Fault):
                    made.fault(told(found))
                elif n in task.poison:
                    made.fault(told(Fault(found.id, found.place, "clean", task.poison[n])))
                else:
                    beat.at(n, CLEANING)
                    self._add(found, made, task.chunk.number)
            beat.at(-1, -1)
            if self.job.repeated is not None:
                made.attach(PARAGRAPHS, batch_of(self.paragraphs, paragraphs.PARAGRAPHS))
            if self.job.signs:
                made.attach(SIGNABLE, batch_of([each[1:] for each in made.signable], _SIGNABLE))
            made.tally.seconds = dict(self.seconds)
            made.tally.seconds["read and write"] = time.thread_time() - began - sum(self.seconds.values())
            return made.commit()

    def _add(self, record: Record, made: Fragment, chunk: int) -> None:
        """Clean one record; whatever goes wrong with it is a fault of this record alone."""
        try:
            document = self.pipeline.clean(self._read(record))
            made.add(document)
            if self.job.repeated is not None and not self._is_left_out(document):
                least, place = self.job.settings.repeated.paragraph_chars, len(made.signable)
                self.paragraphs += paragraphs.rows(document.id, document.text, chunk, place, least)
        except StageError as error:
            made.fault(told(Fault(record.id, record.place, error.stage, str(error))))
        except Unreadable as error:
            made.fault(told(Fault(record.id, record.place, "read", str(error))))
        except (UnicodeEncodeError, MemoryError) as error:
            made.fault(told(Fault(record.id, record.place, "write", f"{type(error).__name__}: {error}")))

    def _is_left_out(self, document: Document) -> bool:
        """Whether a decision goes against it, whatever it may be a copy of."""
        drop = msgspec.structs.replace(self.job.settings.drop, duplicates=False)
        return bool(decide(document.labels | {"chars": len(document.text)}, drop))

    def _sign(self, number: int) -> Tally:
        """Sign the clean texts of a chunk; give the seconds that took."""
        began = time.thread_time()
        given = self.job.settings.duplicates
        ids: list[str] = []
        texts: list[str] = []
        for batch in batches(table_path(self.job.work, number, fragment.DOCUMENTS)):
            ids += map(str, batch.column("id").to_pylist())
            texts += map(str, batch.column("text").to_pylist())
        told = [row for batch in batches(table_path(self.job.work, number, SIGNABLE)) for row in _rows(batch)]
        found = sign(texts, Scheme(given.shingle, given.permutations))
        rows = [
            (id, number, exact.tobytes(), minhash.tobytes() if known else None, len(text), *beside, sketch)
            for id, text, beside, exact, minhash, sketch, known in zip(
                ids, texts, told, *found, signed(found.minhash), strict=True
            )
        ]
        keep_table(table_path(self.job.work, number, SIGNATURES), batch_of(rows, DOCUMENTS))
        return Tally(seconds={"duplicates": time.thread_time() - began})

    def _records(self, task: Clean | Count, beat: Beat) -> Iterator[Record | Fault]:
        """Yield the chunk's records, those left out that may not even be read."""
        n = 0
        seen: set[str] = set()
        for number, span in enumerate(task.chunk.spans):
            stop, reason = task.unread.get(number, (-1, ""))
            found = of_span(span, self.job.reading)
            while True:
                beat.at(n, number + 1)
                if n == stop:
                    yield _unread(span, reason)
                elif (one := next(found, None)) is not None:
                    yield apart(one, seen)
                else:
                    break
                n += 1
                if n == stop + 1:
                    break


def _rows(batch: pa.RecordBatch) -> Iterator[tuple[object, ...]]:
    return zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _unread(span: Span, reason: str) -> Fault:
    if span.stop == _WHOLE:
        return Fault(span.source.id, 0, "read", reason)
    return Fault(f"{span.source.id}#{span.start}-{span.stop}", span.start, "read", f"not read to its end: {reason}")


def decides(settings: Settings) -> bool:
    """Whether any document may be left out by a decision."""
    return settings.drop != type(settings.drop)()


def told(fault: Fault) -> fragment.Fault:
    """Give what errors.jsonl says of a record that could not be read."""
    return fragment.Fault(fault.id, fault.id.partition("#")[0], fault.place, fault.stage, fault.reason)
