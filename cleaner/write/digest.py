"""The tables of a run: their columns, their rows as they are read again, and one digest of it all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from cleaner.document import Label

TEXTS, DOCUMENTS, LEDGER = "text", "documents", "ledger"
ERRORS, RUN = "errors.jsonl", "run.json"

DOCUMENTS_SCHEMA = pa.schema(
    (
        pa.field("id", pa.string(), nullable=False),  # input-relative path, `#` and the record in a container
        pa.field("url", pa.string()),
        pa.field("site", pa.string()),
        pa.field("path", pa.string(), nullable=False),  # of the text file, relative to the run's folder
        pa.field("title", pa.string()),
        pa.field("language", pa.string()),
        pa.field("language_score", pa.float64()),
        pa.field("chars_raw", pa.int64(), nullable=False),  # characters, as everywhere: Unicode code points
        pa.field("chars", pa.int64(), nullable=False),
        pa.field("labels", pa.map_(pa.string(), pa.string()), nullable=False),  # the other labels, values as JSON
        pa.field("source_sha256", pa.string()),  # of the file's bytes, in hex
        pa.field("raw_sha256", pa.string(), nullable=False),  # of the decoded text as UTF-8
        pa.field("exact", pa.bool_()),  # whether encoding the raw text gives the file's bytes
        pa.field("encoding", pa.string()),
        pa.field("format", pa.string()),
    )
)
"""One row a document, in the order of adding. A label that has a column of its name and type stands there only."""

LEDGER_SCHEMA = pa.schema(
    (
        pa.field("id", pa.string(), nullable=False),
        pa.field("step", pa.int32(), nullable=False),  # index of the patch in the document
        pa.field("n", pa.int32(), nullable=False),  # index among the patch's edits, or among its spared ones
        pa.field("stage", pa.string(), nullable=False),
        pa.field("rule", pa.string(), nullable=False),
        pa.field("class", pa.string(), nullable=False),
        pa.field("start", pa.int64(), nullable=False),  # characters of the text that the stage was given
        pa.field("stop", pa.int64(), nullable=False),
        pa.field("before", pa.string(), nullable=False),
        pa.field("after", pa.string(), nullable=False),
        pa.field("note", pa.string(), nullable=False),
        pa.field("applied", pa.bool_(), nullable=False),  # false: spared
    )
)
"""One row an edit: documents in the order of adding, steps and edits in the order of making, spared edits last."""

LABEL_COLUMNS: Mapping[str, type] = {
    "title": str,
    "language": str,
    "language_score": float,
    "source_sha256": str,
    "raw_sha256": str,
    "exact": bool,
    "encoding": str,
    "format": str,
}
"""The labels that have a column, and the type that a label must have to stand there."""


class OutputError(ValueError):
    """A folder that a run cannot be written to or read from, or a document that cannot be written."""


class LedgerRow(NamedTuple):
    """One row of the ledger, in the order of ``LEDGER_SCHEMA``."""

    id: str
    step: int
    n: int
    stage: str
    rule: str
    kind: str
    start: int
    stop: int
    before: str
    after: str
    note: str
    applied: bool


class DocumentRow(NamedTuple):
    """One row of the documents table, in the order of ``DOCUMENTS_SCHEMA``; ``labels`` with those of the columns."""

    id: str
    url: str | None
    site: str | None
    path: str
    title: str | None
    language: str | None
    language_score: float | None
    chars_raw: int
    chars: int
    labels: Mapping[str, Label]
    source_sha256: str | None
    raw_sha256: str
    exact: bool | None
    encoding: str | None
    format: str | None


def run_of(out: Path) -> Mapping[str, object]:
    """Give what ``run.json`` says; empty where there is none or where it is no run's."""
    try:
        run = msgspec.json.decode((out / RUN).read_bytes())
    except (OSError, msgspec.DecodeError):
        return {}
    return run if isinstance(run, dict) and isinstance(run.get("finished"), bool) and "version" in run else {}


def finished(out: Path) -> Path:
    """Give the folder, resolved. Raises ``OutputError`` unless it holds a finished run."""
    run = run_of(out)
    if not run:
        raise OutputError(f"{out}: holds no run (no {RUN})")
    if not run["finished"]:
        raise OutputError(f"{out}: its run did not finish or is not finished yet; run it again")
    return out.resolve()


def ids(out: Path) -> Iterator[str]:
    """Yield the ids of a run's documents, in its order."""
    for (each,) in _read(out, DOCUMENTS, DOCUMENTS_SCHEMA, ["id"]):
        yield str(each)


def walk(out: Path, waiting: set[str]) -> Iterator[tuple[DocumentRow | None, list[LedgerRow]]]:
    """Yield each document's row with its edits, in the order of the run; one document is in memory at a time.

    Both tables have one order, so they are read side by side. ``waiting`` holds the documents' ids and is emptied
    on the way: edits whose document is not to come (a part is missing, a table was changed) come with ``None``.
    Raises ``OutputError`` that names the part which cannot be read.
    """
    groups = _groups(out)
    group = next(groups, None)
    for values in _read(out, DOCUMENTS, DOCUMENTS_SCHEMA, DOCUMENTS_SCHEMA.names):
        row = _document(values)
        while group and group[0].id not in waiting:
            yield None, group
            group = next(groups, None)
        if group and group[0].id == row.id:
            yield row, group
            group = next(groups, None)
        else:
            yield row, []
        waiting.discard(row.id)
    while group:
        yield None, group
        group = next(groups, None)


def digest(out: Path) -> str:
    """Give the SHA-256, in hex, of all that a run says of its documents: rows, edits and texts.

    Equal runs have equal digests whatever the order of the documents, the number of workers, the batches, the
    Parquet writer and the time. The recipe: of each document the SHA-256 of its row, its edits in order, each as
    a compact JSON array in the order of the columns and ended by a line feed, then the bytes of its text file;
    of these 32-byte digests, sorted by the UTF-8 of the ids and joined, the SHA-256. Labels are one JSON object
    with sorted keys, those that have a column among them; the columns stand at their places, too.
    Errors and ``run.json`` are left out: time limits and times are no part of the result.

    Raises ``OutputError`` when the run is unfinished, a text is missing or edits have no document.
    """
    out = finished(out)
    digests = []
    for row, edits in walk(out, set(ids(out))):
        if row is None:
            raise OutputError(f"{out}: the ledger has edits of {edits[0].id!r}, which the documents table has not")
        whole = sha256()
        for values in (row, *edits):
            whole.update(msgspec.json.encode(values, order="deterministic") + b"\n")
        try:
            whole.update(text_file(out, row).read_bytes())
        except OSError as e:
            raise OutputError(f"{out}: the text of {row.id!r} cannot be read ({e.strerror})") from e
        digests.append((row.id, whole.digest()))
    return sha256(b"".join(each for _, each in sorted(digests))).hexdigest()


def text_file(out: Path, row: DocumentRow) -> Path:
    """Give the file of a document's text. Raises ``OutputError`` when the row leads out of the run's folder."""
    path = PurePosixPath(row.path)
    if path.parts[:1] != (TEXTS,) or ".." in path.parts or not (out / path).resolve().is_relative_to(out):
        raise OutputError(f"{row.id!r}: its text {row.path!r} is not in the run's folder")
    return out / path


def _document(values: tuple[object, ...]) -> DocumentRow:
    row = DocumentRow(*values)  # type: ignore[arg-type]
    stored: Iterable[tuple[str, str]] = row.labels  # type: ignore[assignment]
    labels: dict[str, Label] = {name: msgspec.json.decode(text) for name, text in stored}
    columns = row._asdict()
    labels |= {name: columns[name] for name in LABEL_COLUMNS if columns[name] is not None and name not in labels}
    return row._replace(labels=dict(sorted(labels.items())))


def _groups(out: Path) -> Iterator[list[LedgerRow]]:
    group: list[LedgerRow] = []
    for values in _read(out, LEDGER, LEDGER_SCHEMA, LEDGER_SCHEMA.names):
        row = LedgerRow(*values)  # type: ignore[arg-type]
        if group and group[0].id != row.id:
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def _read(out: Path, table: str, schema: pa.Schema, columns: list[str]) -> Iterator[tuple[object, ...]]:
    wanted = pa.schema([schema.field(name) for name in columns])
    for part in sorted((out / table).glob("part-*.parquet")):
        try:
            with pq.ParquetFile(part) as file:
                for n in range(file.num_row_groups):  # a row group is what was in memory when it was written
                    group = file.read_row_group(n, columns=columns).select(columns).cast(wanted)
                    yield from zip(*(column.to_pylist() for column in group.columns), strict=True)
        except (OSError, KeyError, pa.ArrowException) as e:
            raise OutputError(f"{part}: cannot be read: {e}") from e
