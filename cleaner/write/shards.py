"""Merge what chunks became into the run's tables and texts: a shard is a row of chunks, in input order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import msgspec
import pyarrow as pa

from cleaner.document import Label, Patch
from cleaner.write.atomic import Names, place, settle, write
from cleaner.write.fragment import Keeping, Rule, batch_of, batches, summary, table_path
from cleaner.write.parts import Form, Part, part_name, parts
from cleaner.write.tables import (
    DOCUMENTS_SCHEMA,
    DROPPED_SCHEMA,
    LEDGER_SCHEMA,
    SUMMARY_SCHEMA,
    DocumentRow,
    LedgerRow,
    labels_of,
)

TEXTS, DOCUMENTS, LEDGER, DROPPED = "text", "documents", "ledger", "dropped"

Decide = Callable[[Mapping[str, Label]], str]
"""Gives the reason why a document of these labels is left out; '' where it stays."""


Clusters = Callable[[int], pa.Table]
"""Gives ``id``, ``cluster``, ``duplicate_of`` and ``similarity`` of the documents of a chunk that have copies."""

Cut = Callable[[int], Callable[[str, str], Patch | None]]
"""Gives, of a chunk, what gives of a document's id and text the last patch, if there is one."""

_CLUSTER = ("cluster", "duplicate_of", "similarity")


class Shard(msgspec.Struct, frozen=True):
    """A row of chunks, ``first`` to ``last`` inclusive, that become part ``number`` of every table.

    ``again`` gives, by chunk and the place of a document in it, the time for which its id comes, where that is not the
    first: ids are what a crawl gives, and two records of a file may share one.
    """

    number: int
    first: int
    last: int
    again: dict[int, dict[int, int]] = {}


class Merged(msgspec.Struct, frozen=True):
    """The last word on a shard: how many documents it holds, and how many of its chunks were left out, by reason."""

    shard: Shard
    documents: int
    chars: int
    dropped: dict[str, int]
    rules: dict[str, Rule] = {}  # of the last patches


class Writing(NamedTuple):
    """How shards are written: ``names`` only where texts go into files, ``decide`` only where something may go."""

    work: Path
    out: Path
    form: Form
    ledger: Keeping
    names: Names | None = None
    decide: Decide | None = None
    clusters: Clusters | None = None
    cut: Cut | None = None


def merged_path(work: Path, number: int) -> Path:
    """Give the file of a shard's last word."""
    return work / f"shard-{number:05}.json"


def merged(out: Path, work: Path) -> list[Merged]:
    """Give the shards that are done, up to the first that is not; what was written of those behind it goes.

    Shards are merged side by side, so a killed run may have done one and not the one before it.
    """
    words = sorted(work.glob("shard-*.json"))
    found = [msgspec.json.decode(path.read_bytes(), type=Merged) for path in words]
    done = [each for n, each in enumerate(found) if each.shard.number == n]
    for path in words[len(done) :]:
        path.unlink()
    kept = {f"part-{n:05}" for n in range(len(done))}
    for table in (DOCUMENTS, LEDGER, f"{DROPPED}/{DOCUMENTS}", f"{DROPPED}/{LEDGER}"):
        for part in parts(out, table):
            if part.name.split(".")[0] not in kept:
                part.unlink()
    return done


def tables_of(number: int, how: Writing) -> list[str]:
    """Give the paths of the parts that a shard may be written to, relative to the run's folder."""
    named = [part_name(DOCUMENTS, number, how.form)]
    if how.decide is not None:
        named.append(part_name(f"{DROPPED}/{DOCUMENTS}", number, how.form))
    if how.ledger != "none":
        form: Form = "jsonl" if how.ledger == "jsonl" else "parquet"
        named.append(part_name(LEDGER, number, form))
        if how.decide is not None:
            named.append(part_name(f"{DROPPED}/{LEDGER}", number, form))
    return named


def text_path(names: Names, id: str) -> str:
    """Give the path of a document's text, relative to the run's folder."""
    return f"{TEXTS}/{names[id] if id in names else names.record(id)}"


def merge(shard: Shard, how: Writing) -> Merged:
    """Write a shard's texts and parts; its last word is on the disk when this returns. Doing it again changes nothing.

    Dropped documents, with their reasons, and their edits go to tables of their own under ``dropped``.
    """
    with ExitStack() as stack:
        tables = _Tables(stack, shard.number, how)
        for number in range(shard.first, shard.last + 1):
            gone, renamed, cuts = _documents(number, how, tables, shard.again.get(number, {}))
            if tables.ledger is None:
                continue
            for batch in _edits(number, how, cuts):
                batch = _renamed(batch, renamed)
                if gone and tables.dropped_ledger is not None:
                    ids = _strings(batch, "id")
                    tables.dropped_ledger.add(batch.filter(pa.array([id in gone for id in ids])))
                    batch = batch.filter(pa.array([id not in gone for id in ids]))
                tables.ledger.add(batch)
        for part in tables.all:
            part.commit()
    if how.names is not None:
        settle(how.out / path for path in tables.texts)
    done = Merged(shard, tables.documents.rows, tables.chars, tables.reasons, tables.rules)
    write(merged_path(how.work, shard.number), msgspec.json.encode(done))
    return done


class _Tables:
    """The parts of one shard."""

    def __init__(self, stack: ExitStack, number: int, how: Writing) -> None:
        def part(table: str, schema: pa.Schema, form: Form) -> Part:
            made: Part = stack.enter_context(Part(how.out / part_name(table, number, form), schema, form))
            self.all.append(made)
            return made

        self.all: list[Part] = []
        self.texts: list[str] = []
        self.reasons: dict[str, int] = {}
        self.rules: dict[str, Rule] = {}
        self.chars = 0
        self.folders: set[str] = set()
        self.documents = part(DOCUMENTS, DOCUMENTS_SCHEMA, how.form)
        self.dropped = self.dropped_ledger = self.ledger = None
        if how.ledger != "none":
            schema = SUMMARY_SCHEMA if how.ledger == "summary" else LEDGER_SCHEMA
            form: Form = "jsonl" if how.ledger == "jsonl" else "parquet"
            self.ledger = part(LEDGER, schema, form)
            if how.decide is not None:
                self.dropped_ledger = part(f"{DROPPED}/{LEDGER}", schema, form)
        if how.decide is not None:
            self.dropped = part(f"{DROPPED}/{DOCUMENTS}", DROPPED_SCHEMA, how.form)


def _documents(
    number: int, how: Writing, tables: _Tables, again: Mapping[int, int]
) -> tuple[set[str], dict[str, str], dict[str, Patch | None]]:
    """Add one chunk's documents.

    Give the ids of those that were dropped, the new ones of those that came before (``<id>~2``, ``<id>~3``, …), and
    the last patch of each, in order; none at all where none has one.
    """
    clusters = _clusters(how, number)
    cut = how.cut(number) if how.cut else None
    cuts: dict[str, Patch | None] = {}
    gone: set[str] = set()
    renamed: dict[str, str] = {}
    place = 0
    for batch in batches(table_path(how.work, number, DOCUMENTS)):
        if again:
            ids = _strings(batch, "id")
            renamed |= {id: f"{id}~{again[n]}" for n, id in enumerate(ids, place) if n in again}
            place += len(ids)
        if clusters:
            batch = _with_clusters(batch, clusters)
        if cut:
            found = dict(map(lambda id, text: (id, cut(id, text)), _strings(batch, "id"), _strings(batch, "text")))
            batch = _cut(batch, found, tables.rules)
            cuts |= found
        batch = _renamed(batch, renamed)
        reasons = _reasons(batch, how.decide) if how.decide is not None else []
        if any(reasons) and tables.dropped is not None:
            left = batch.filter(pa.array([bool(reason) for reason in reasons]))
            gone.update(_strings(left, "id"))
            told = pa.array([reason for reason in reasons if reason], pa.string())
            tables.dropped.add(pa.record_batch([*left.columns, told], schema=DROPPED_SCHEMA))
            for reason in filter(None, reasons):
                kind = reason.split(" ", 1)[0]
                tables.reasons[kind] = tables.reasons.get(kind, 0) + 1
            batch = batch.filter(pa.array([not reason for reason in reasons]))
        tables.chars += int(batch.column("chars").to_numpy().sum())
        tables.documents.add(_as_files(batch, how.out, how.names, tables) if how.names is not None else batch)
    return gone, renamed, cuts if any(cuts.values()) else {}


def _cut(batch: pa.RecordBatch, cuts: Mapping[str, Patch | None], rules: dict[str, Rule]) -> pa.RecordBatch:
    """Apply last patches to a batch of documents, and count their edits."""
    texts = _strings(batch, "text")
    for n, patch in enumerate(cuts.values()):
        if patch:
            texts[n] = patch.apply(texts[n])
            for e in patch.edits:
                rules.setdefault(e.rule, Rule()).__iadd__(Rule(1, 0, len(e.before), len(e.after)))
            for e in patch.spared:
                rules.setdefault(e.rule, Rule()).__iadd__(Rule(spared=1))
    return _replaced(batch, {"text": texts, "chars": [len(text) for text in texts]}) if any(cuts.values()) else batch


def _edits(number: int, how: Writing, cuts: Mapping[str, Patch | None]) -> Iterator[pa.RecordBatch]:
    """Yield the ledger of a chunk, each document's last patch behind its others."""
    found = batches(table_path(how.work, number, LEDGER))
    if not cuts:
        yield from found
        return
    schema = SUMMARY_SCHEMA if how.ledger == "summary" else LEDGER_SCHEMA
    rows: dict[str, list[tuple[object, ...]]] = {id: [] for id in cuts}
    for batch in found:
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            rows[row[0]].append(row)
    for id, patch in cuts.items():
        if patch and how.ledger == "summary":
            rows[id] += summary(_last(id, patch, 0))
        elif patch:
            rows[id] += _last(id, patch, 1 + int(str(rows[id][-1][1])) if rows[id] else 0)
    yield batch_of([row for each in rows.values() for row in each], schema)


def _last(id: str, patch: Patch, step: int) -> Iterator[LedgerRow]:
    for edits, applied in ((patch.edits, True), (patch.spared, False)):
        for n, e in enumerate(edits):
            told = (e.start, e.stop, e.before, e.after, e.note, applied)
            yield LedgerRow(id, step, n, patch.stage, e.rule, patch.stage, *told)


def _renamed(batch: pa.RecordBatch, renamed: Mapping[str, str]) -> pa.RecordBatch:
    if not renamed:
        return batch
    return _replaced(batch, {"id": [renamed.get(id, id) for id in _strings(batch, "id")]})


def _as_files(batch: pa.RecordBatch, out: Path, names: Names, tables: _Tables) -> pa.RecordBatch:
    paths = [text_path(names, id) for id in _strings(batch, "id")]
    for path, text in zip(paths, _strings(batch, "text"), strict=True):
        folder = path.rpartition("/")[0]
        if folder not in tables.folders:
            (out / folder).mkdir(parents=True, exist_ok=True)
            tables.folders.add(folder)
        place(out / path, text.encode() + b"\n")
    tables.texts += paths
    return _replaced(batch, {"path": paths, "text": [None] * len(paths)})


def _strings(batch: pa.RecordBatch, column: str) -> list[str]:
    return [str(value) for value in batch.column(column).to_pylist()]


def _replaced(batch: pa.RecordBatch, columns: Mapping[str, Sequence[object]]) -> pa.RecordBatch:
    made = [
        pa.array(columns[f.name], f.type) if f.name in columns else batch.column(n) for n, f in enumerate(batch.schema)
    ]
    return pa.record_batch(made, schema=batch.schema)


def _reasons(batch: pa.RecordBatch, decide: Decide) -> list[str]:
    texts = batch.schema.get_field_index("text")
    columns = [[None] * batch.num_rows if n == texts else c.to_pylist() for n, c in enumerate(batch.columns)]
    found = []
    for values in zip(*columns, strict=True):
        row = DocumentRow(*values)
        labels = labels_of(row)
        labels["chars"] = row.chars
        if row.duplicate_of is not None:
            labels["duplicate_of"] = row.duplicate_of
        found.append(decide(labels))
    return found


def _clusters(how: Writing, number: int) -> dict[str, tuple[object, ...]]:
    if how.clusters is None:
        return {}
    table = how.clusters(number)
    told = zip(*(table[name].to_pylist() for name in _CLUSTER), strict=True)
    return dict(zip((str(id) for id in table["id"].to_pylist()), told, strict=True))


def _with_clusters(batch: pa.RecordBatch, clusters: Mapping[str, tuple[object, ...]]) -> pa.RecordBatch:
    none = (None, None, None)
    told = [clusters.get(id, none) for id in _strings(batch, "id")]
    return _replaced(batch, {name: [row[n] for row in told] for n, name in enumerate(_CLUSTER)})
