"""The tables of a run: their columns, and the rows that a document becomes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import NamedTuple

import msgspec
import pyarrow as pa

from cleaner.document import Document, Edit, Label

DOCUMENTS_SCHEMA = pa.schema(
    (
        pa.field("id", pa.string(), nullable=False),  # input-relative path, `#` and the record in a container
        pa.field("url", pa.string()),
        pa.field("site", pa.string()),  # registered domain, or top folder
        pa.field("path", pa.string()),  # of the text file, relative to the run's folder; null without --to text
        pa.field("title", pa.string()),
        pa.field("text", pa.string()),  # the clean text; null with --to text
        pa.field("language", pa.string()),
        pa.field("language_score", pa.float64()),
        pa.field("chars_raw", pa.int64(), nullable=False),  # characters, as everywhere: Unicode code points
        pa.field("chars", pa.int64(), nullable=False),
        pa.field("labels", pa.map_(pa.string(), pa.string()), nullable=False),  # the other labels, values as JSON
        pa.field("quality", pa.map_(pa.string(), pa.float64()), nullable=False),  # labels `quality.…`, numbers
        pa.field("cluster", pa.string()),  # smallest id among its near-duplicates; null outside any cluster
        pa.field("duplicate_of", pa.string()),  # the copy that is kept; null for that copy itself
        pa.field("similarity", pa.float64()),  # to the copy that is kept, 0 to 1
        pa.field("source_sha256", pa.string()),  # of the file's bytes, in hex
        pa.field("raw_sha256", pa.string(), nullable=False),  # of the decoded text as UTF-8
        pa.field("exact", pa.bool_()),  # whether encoding the raw text gives the file's bytes
        pa.field("encoding", pa.string()),
        pa.field("format", pa.string()),
    )
)
"""One row a document, in input order. A label that has a column of its name and type stands there only."""

DROPPED_SCHEMA = DOCUMENTS_SCHEMA.append(pa.field("reason", pa.string(), nullable=False))
"""One row a document that a decision left out; its text stands in the row, whatever ``--to`` says."""

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
"""One row an edit: documents in input order, steps and edits in the order of making, spared edits last."""

SUMMARY_SCHEMA = pa.schema(
    (
        pa.field("id", pa.string(), nullable=False),
        pa.field("stage", pa.string(), nullable=False),
        pa.field("rule", pa.string(), nullable=False),
        pa.field("class", pa.string(), nullable=False),
        pa.field("edits", pa.int64(), nullable=False),
        pa.field("spared", pa.int64(), nullable=False),
        pa.field("removed", pa.int64(), nullable=False),  # characters
        pa.field("added", pa.int64(), nullable=False),
    )
)
"""The ledger of ``--ledger summary``: one row a document and rule; nothing can be put back from it."""

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

QUALITY = "quality."
"""How the labels begin that stand in the column ``quality``, without this beginning."""


class OutputError(ValueError):
    """A folder that a run cannot be written to or read from, or a part of it that is damaged."""


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
    """One row of the documents table, in the order of ``DOCUMENTS_SCHEMA``.

    As ``walk`` gives it, ``labels`` holds those of the columns and the quality labels, too.
    """

    id: str
    url: str | None
    site: str | None
    path: str | None
    title: str | None
    text: str | None
    language: str | None
    language_score: float | None
    chars_raw: int
    chars: int
    labels: Mapping[str, Label]
    quality: Mapping[str, float]
    cluster: str | None
    duplicate_of: str | None
    similarity: float | None
    source_sha256: str | None
    raw_sha256: str
    exact: bool | None
    encoding: str | None
    format: str | None


def ledger_rows(document: Document, classes: Mapping[str, str]) -> Iterator[LedgerRow]:
    """Yield a document's rows of the ledger; ``classes`` gives the class of a rule, else it is the stage's name."""

    def row(step: int, n: int, stage: str, e: Edit, applied: bool) -> LedgerRow:
        kind = classes.get(e.rule, stage)
        return LedgerRow(document.id, step, n, stage, e.rule, kind, e.start, e.stop, e.before, e.after, e.note, applied)

    for step, patch in enumerate(document.patches):
        for n, e in enumerate(patch.edits):
            yield row(step, n, patch.stage, e, True)
        for n, e in enumerate(patch.spared):
            if e.note != "overlap":  # that text did not stay: it went by another rule, whose row stands above
                yield row(step, n, patch.stage, e, False)


def document_row(document: Document) -> tuple[object, ...]:
    """Give a document's row in the order of ``DOCUMENTS_SCHEMA``: with its text, without path and cluster."""
    labels = document.labels
    own: dict[str, Label | None] = {}
    for name, kind in LABEL_COLUMNS.items():
        own[name] = labels.pop(name) if type(labels.get(name)) is kind else None
    numbers = [name for name in labels if name.startswith(QUALITY) and type(labels[name]) in (int, float)]
    quality = [(name.removeprefix(QUALITY), float(labels.pop(name))) for name in sorted(numbers)]
    others = [(name, msgspec.json.encode(labels[name]).decode()) for name in sorted(labels)]
    return (
        document.id,
        document.url,
        document.site,
        None,
        own["title"],
        document.text,
        own["language"],
        own["language_score"],
        len(document.raw),
        len(document.text),
        others,
        quality,
        None,
        None,
        None,
        own["source_sha256"],
        own["raw_sha256"] or sha256(document.raw.encode()).hexdigest(),
        own["exact"],
        own["encoding"],
        own["format"],
    )


def labels_of(row: DocumentRow) -> dict[str, Label]:
    """Give all labels of a stored row (maps as pairs) as the document had them, in the order of their names."""
    stored: Iterable[tuple[str, str]] = row.labels  # type: ignore[assignment]
    labels: dict[str, Label] = {name: msgspec.json.decode(text) for name, text in stored}
    columns = row._asdict()
    labels |= {name: columns[name] for name in LABEL_COLUMNS if columns[name] is not None and name not in labels}
    labels |= {QUALITY + name: value for name, value in dict(row.quality).items()}
    return dict(sorted(labels.items()))
