"""A run read again: its documents with their edits, and one digest of it all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import msgspec
import pyarrow as pa

from cleaner.write.parts import rows
from cleaner.write.shards import DOCUMENTS, DROPPED, LEDGER, TEXTS
from cleaner.write.tables import (
    DOCUMENTS_SCHEMA,
    DROPPED_SCHEMA,
    LEDGER_SCHEMA,
    SUMMARY_SCHEMA,
    DocumentRow,
    LedgerRow,
    OutputError,
    labels_of,
)

ERRORS, RUN = "errors.jsonl", "run.json"


class Written(NamedTuple):
    """One document of a run as it is on the disk: its row (None: edits without one), edits, reason if dropped."""

    row: DocumentRow | None
    edits: list[LedgerRow]
    reason: str = ""


def run_of(out: Path, name: str = RUN) -> Mapping[str, object]:
    """Give what ``run.json`` says, or another last word; empty where there is none or where it is no run's."""
    try:
        run = msgspec.json.decode((out / name).read_bytes())
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


def kept_ledger(out: Path) -> str:
    """Tell how a run kept its ledger: ``parquet``, ``jsonl``, ``summary`` or ``none``."""
    return str(run_of(out).get("ledger", "parquet"))


def ids(out: Path) -> Iterator[str]:
    """Yield the ids of a run's documents, in its order, then of those that were dropped."""
    for table in (DOCUMENTS, f"{DROPPED}/{DOCUMENTS}"):
        for (each,) in rows(out, table, DOCUMENTS_SCHEMA, ["id"]):
            yield str(each)


def walk(out: Path, waiting: set[str]) -> Iterator[Written]:
    """Yield each document with its edits, in the order of the run; then those that were dropped.

    Both tables have one order, so they are read side by side and one document is in memory at a time. ``waiting``
    holds the documents' ids and is emptied on the way: edits whose document is not to come (a part is missing, a
    table was changed) come without a row. Raises ``OutputError`` that names the part which cannot be read.
    """
    yield from _walk(out, out, DOCUMENTS_SCHEMA, waiting)
    yield from _walk(out / DROPPED, out, DROPPED_SCHEMA, waiting)


def _walk(folder: Path, out: Path, schema: pa.Schema, waiting: set[str]) -> Iterator[Written]:
    groups = _groups(folder) if kept_ledger(out) in ("parquet", "jsonl") else iter(())
    group = next(groups, None)
    for values in rows(folder, DOCUMENTS, schema, schema.names):
        row, reason = DocumentRow(*values[: len(DOCUMENTS_SCHEMA)]), values[len(DOCUMENTS_SCHEMA) :]  # type: ignore[arg-type]
        row = row._replace(labels=labels_of(row), quality=dict(row.quality))
        while group and group[0].id not in waiting:
            yield Written(None, group)
            group = next(groups, None)
        edits: list[LedgerRow] = []
        if group and group[0].id == row.id:
            edits, group = group, next(groups, None)
        yield Written(row, edits, str(reason[0]) if reason else "")
        waiting.discard(row.id)
    while group:
        yield Written(None, group)
        group = next(groups, None)


def digest(out: Path) -> str:
    """Give the SHA-256, in hex, of all that a run says of its documents: rows, edits and texts.

    Equal runs have equal digests whatever the order of the documents, the number of workers, the batches, the
    formats that were written and the time. The recipe: of each document the SHA-256 of its row (without the place
    of its text, ``path`` and ``text``), its edits in order, each as a compact JSON array in the order of the
    columns and ended by a line feed, then its clean text as UTF-8 and a line feed; for a dropped one the reason
    and a line feed. Of these 32-byte digests, sorted by the UTF-8 of the ids and joined, the SHA-256. Labels are
    one JSON object with sorted keys, those that have a column among them; the columns stand at their places, too.
    Errors and ``run.json`` are left out: time limits and times are no part of the result. A summary of a ledger
    counts row by row.

    Raises ``OutputError`` when the run is unfinished, a text is missing or edits have no document.
    """
    out = finished(out)
    digests = []
    for row, edits, reason in walk(out, set(ids(out))):
        if row is None:
            raise OutputError(f"{out}: the ledger has edits of {edits[0].id!r}, which the documents table has not")
        whole = sha256()
        told: tuple[tuple[object, ...], ...] = (row._replace(path=None, text=None), *edits)
        for values in told:
            whole.update(msgspec.json.encode(values, order="deterministic") + b"\n")
        whole.update(text_of(out, row) + b"\n")
        if reason:
            whole.update(reason.encode() + b"\n")
        digests.append((row.id, whole.digest()))
    if kept_ledger(out) == "summary":
        for folder in (out, out / DROPPED):
            digests += (
                (str(values[0]), sha256(msgspec.json.encode(values)).digest())
                for values in rows(folder, LEDGER, SUMMARY_SCHEMA, SUMMARY_SCHEMA.names)
            )
    return sha256(b"".join(each for _, each in sorted(digests))).hexdigest()


def text_of(out: Path, row: DocumentRow) -> bytes:
    """Give a document's clean text as UTF-8, without a line feed at its end.

    Raises ``OutputError`` when the file is missing, lies outside the run's folder, or does not end with one.
    """
    if row.path is None:
        return (row.text or "").encode()
    path = PurePosixPath(row.path)
    if path.parts[:1] != (TEXTS,) or ".." in path.parts or not (out / path).resolve().is_relative_to(out):
        raise OutputError(f"{row.id!r}: its text {row.path!r} is not in the run's folder")
    try:
        text = (out / path).read_bytes()
    except OSError as e:
        raise OutputError(f"{row.id!r}: its text {row.path} cannot be read: {e.strerror or e}") from e
    if not text.endswith(b"\n"):
        raise OutputError(f"{row.id!r}: its text {row.path} was changed: it does not end with a line feed")
    return text[:-1]


def _groups(folder: Path) -> Iterator[list[LedgerRow]]:
    group: list[LedgerRow] = []
    for values in rows(folder, LEDGER, LEDGER_SCHEMA, LEDGER_SCHEMA.names):
        row = LedgerRow(*values)  # type: ignore[arg-type]
        if group and group[0].id != row.id:
            yield group
            group = []
        group.append(row)
    if group:
        yield group
