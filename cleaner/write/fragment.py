"""What one chunk of a run became: its rows, under the run's work folder, until they are merged into shards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple

import msgspec
import pyarrow as pa

from cleaner.document import Document
from cleaner.write.atomic import Whole, write
from cleaner.write.seen import hashes
from cleaner.write.tables import (
    DOCUMENTS_SCHEMA,
    LEDGER_SCHEMA,
    SUMMARY_SCHEMA,
    LedgerRow,
    document_row,
    ledger_rows,
)

Keeping = Literal["parquet", "jsonl", "summary", "none"]
"""How the ledger is kept."""

DOCUMENTS, LEDGER = "documents", "ledger"
"""The tables of a chunk."""

BATCH_BYTES = 4 << 20
BATCH_ROWS = 16_384
_ROW_BYTES = 64  # what a row takes beside its strings, nearly
_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")


class Rule(msgspec.Struct):
    """What one rule did; ``removed`` and ``added`` count characters."""

    edits: int = 0
    spared: int = 0
    removed: int = 0
    added: int = 0

    def __iadd__(self, other: Rule) -> Rule:
        self.edits += other.edits
        self.spared += other.spared
        self.removed += other.removed
        self.added += other.added
        return self


class Fault(msgspec.Struct, frozen=True):
    """A document that could not be read or cleaned: ``place`` is its byte or row in the input."""

    id: str
    input: str
    place: int
    stage: str
    reason: str


class Tally(msgspec.Struct):
    """What chunks became, counted; a monoid under ``+=``. Seconds are of one core."""

    documents: int = 0
    chars_raw: int = 0
    chars: int = 0
    edits: int = 0
    spared: int = 0
    rules: dict[str, Rule] = {}
    seconds: dict[str, float] = {}

    def __iadd__(self, other: Tally) -> Tally:
        self.documents += other.documents
        self.chars_raw += other.chars_raw
        self.chars += other.chars
        self.edits += other.edits
        self.spared += other.spared
        for name, rule in other.rules.items():
            self.rules.setdefault(name, Rule()).__iadd__(rule)
        for name, spent in other.seconds.items():
            self.seconds[name] = self.seconds.get(name, 0.0) + spent
        return self

    def settle(self, rules: Mapping[str, Rule]) -> None:
        """Count the last patches of documents that are counted already."""
        for name, rule in rules.items():
            self.rules.setdefault(name, Rule()).__iadd__(rule)
            self.edits, self.spared = self.edits + rule.edits, self.spared + rule.spared
            self.chars += rule.added - rule.removed

    def count(self, document: Document, rows: Iterable[LedgerRow]) -> None:
        """Count one document and its ledger."""
        self.documents += 1
        self.chars_raw += len(document.raw)
        self.chars += len(document.text)
        for row in rows:
            rule = self.rules.setdefault(row.rule, Rule())
            if row.applied:
                self.edits += 1
                rule.edits += 1
                rule.removed += len(row.before)
                rule.added += len(row.after)
            else:
                self.spared += 1
                rule.spared += 1


class Signable(NamedTuple):
    """What comparing a document needs beside its text: the characters that went as chrome, its date or ""."""

    id: str
    removed: int
    date: str


CHROME = frozenset(("repeated", "extract", "chrome"))
"""The stages whose removals count as chrome when copies are compared."""


class Marker(msgspec.Struct):
    """The last word on a chunk, written when all of it is on the disk: counts, errors, and bytes in its tables.

    ``ids`` holds ``seen.hashes`` of its documents' ids.
    """

    number: int
    tally: Tally
    faults: list[Fault]
    size: int
    ids: bytes = b""


def marker_path(work: Path, number: int) -> Path:
    """Give the file of a chunk's marker."""
    return work / f"chunk-{number:08}.json"


def table_path(work: Path, number: int, table: str) -> Path:
    """Give the file of a chunk's rows of a table."""
    return work / f"chunk-{number:08}.{table}.arrow"


def marker(work: Path, number: int) -> Marker | None:
    """Give a chunk's marker; None where the chunk is not done."""
    try:
        return msgspec.json.decode(marker_path(work, number).read_bytes(), type=Marker)
    except FileNotFoundError:
        return None


class Fragment:
    """Collect what the documents of one chunk became; ``commit`` makes the chunk done. A context manager."""

    def __init__(self, work: Path, number: int, classes: Mapping[str, str], ledger: Keeping) -> None:
        self._work, self._number, self._classes, self._ledger = work, number, classes, ledger
        self.tally = Tally()
        self.faults: list[Fault] = []
        self.signable: list[Signable] = []
        self._tables: dict[str, _Rows] = {}
        self._stack = ExitStack()
        self._documents = self._table(DOCUMENTS, DOCUMENTS_SCHEMA)
        self._edits = None
        if ledger != "none":
            self._edits = self._table(LEDGER, SUMMARY_SCHEMA if ledger == "summary" else LEDGER_SCHEMA)

    def _table(self, name: str, schema: pa.Schema) -> _Rows:
        made = self._stack.enter_context(_Rows(table_path(self._work, self._number, name), schema))
        self._tables[name] = made
        return made

    def __enter__(self) -> Fragment:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.__exit__(kind, error, at)

    def add(self, document: Document) -> None:
        """Add a cleaned document. Raises ``UnicodeEncodeError``, having added nothing, for a lone surrogate."""
        rows = list(ledger_rows(document, self._classes))
        row = document_row(document)
        size = len("".join(_strings(row)).encode())
        edits: Sequence[tuple[object, ...]] = rows
        if self._ledger == "summary":
            edits = list(summary(rows))
        edits_size = len("".join([value for edit in edits for value in edit if isinstance(value, str)]).encode())
        self._documents.add((row,), size)
        if self._edits is not None:
            self._edits.add(edits, edits_size)
        self.tally.count(document, rows)
        removed = sum(len(e.before) - len(e.after) for p in document.patches if p.stage in CHROME for e in p.edits)
        labels = document.labels
        date = labels.get("date") or labels.get("crawled") or ""
        self.signable.append(Signable(document.id, removed, str(date)))

    def attach(self, name: str, batch: pa.RecordBatch) -> None:
        """Add a table of one batch to the chunk."""
        keep_table(table_path(self._work, self._number, name), batch)

    def fault(self, fault: Fault) -> None:
        """Add a document that could not be read or cleaned; lone surrogates are written as ``\\udcff``."""
        told = [t.encode("utf-8", "backslashreplace").decode() for t in (fault.id, fault.input, fault.reason)]
        self.faults.append(Fault(told[0], told[1], fault.place, fault.stage, told[2]))

    def commit(self) -> Marker:
        """Bring the chunk to the disk, its marker last."""
        for table in self._tables.values():
            table.commit()
        size = sum(table.size for table in self._tables.values())
        made = Marker(self._number, self.tally, self.faults, size, hashes(each.id for each in self.signable))
        write(marker_path(self._work, self._number), msgspec.json.encode(made))
        return made


class _Rows:
    """Rows of one table of a chunk, written in batches, so that memory stays flat."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._schema = schema
        self._rows: list[tuple[object, ...]] = []
        self._pending = self.size = 0
        self._whole = Whole(path)
        self._writer = pa.ipc.new_file(pa.PythonFile(self._whole.file, mode="w"), schema, options=_OPTIONS)
        self._open = True

    def __enter__(self) -> _Rows:
        return self

    def __exit__(self, *_: object) -> None:
        if self._open:
            self._whole.discard()

    def add(self, rows: Sequence[tuple[object, ...]], size: int) -> None:
        self._rows += rows
        self._pending += size + _ROW_BYTES * len(rows)
        if self._pending >= BATCH_BYTES or len(self._rows) >= BATCH_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_batch(batch_of(self._rows, self._schema))
        self.size += self._pending
        self._rows, self._pending = [], 0

    def commit(self) -> None:
        self._flush()
        self._writer.close()
        self._open = False
        self._whole.commit()


def batch_of(rows: Sequence[Sequence[object]], schema: pa.Schema) -> pa.RecordBatch:
    """Make a batch of rows that are in the order of the schema's columns."""
    if not rows:
        return pa.RecordBatch.from_pylist([], schema)
    columns = [pa.array(c, f.type) for c, f in zip(zip(*rows, strict=True), schema, strict=True)]
    return pa.record_batch(columns, schema=schema)


def keep_table(path: Path, batch: pa.RecordBatch) -> None:
    """Write a table of one batch, whole or not at all."""
    with Whole(path) as file, pa.ipc.new_file(pa.PythonFile(file, mode="w"), batch.schema, options=_OPTIONS) as writer:
        writer.write_batch(batch)


def batches(path: Path) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a chunk's table, one in memory at a time."""
    with pa.OSFile(str(path), "rb") as file, pa.ipc.open_file(file) as reader:
        for n in range(reader.num_record_batches):
            yield reader.get_batch(n)


def _strings(row: Iterable[object]) -> Iterator[str]:
    for value in row:
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            for name, told in value:
                yield name
                yield told if isinstance(told, str) else ""


def summary(rows: Iterable[LedgerRow]) -> Iterator[tuple[object, ...]]:
    """Sum up a document's rows of the ledger as those of ``--ledger summary``."""
    counts: dict[tuple[str, str, str, str], Counter[str]] = {}
    for row in rows:
        count = counts.setdefault((row.id, row.stage, row.rule, row.kind), Counter())
        if row.applied:
            count.update(edits=1, removed=len(row.before), added=len(row.after))
        else:
            count["spared"] += 1
    for key in sorted(counts):
        count = counts[key]
        yield (*key, count["edits"], count["spared"], count["removed"], count["added"])
