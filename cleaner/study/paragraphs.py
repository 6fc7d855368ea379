"""The plan that finds the paragraphs which several documents share, for any engine, and the patch that takes them out.

A paragraph is a line of a clean text of so many characters; two are the same when they are folded (case, blanks,
apostrophes). One that enough documents have stays in the first of them, in the order of the input, and goes from the
others. Near-duplicates of a document that stays have no part in it, nor have documents that are left out: neither are
counted, nor cut. A document of which more than half would go is left as it is, and its ledger says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cleaner.document import Edit, Patch
from cleaner.engine.seam import Batches, Count, Engine, Held, Least, Table, columns
from cleaner.fold import fold
from cleaner.settings import Repeated
from cleaner.study.tables import save

RULE, STAGE = "repeated/paragraph", "paragraphs"

PARAGRAPHS = columns(
    key=pa.binary(),  # 16 bytes of BLAKE2b of the folded line
    place=pa.int64(),  # the document's, in the input: the chunk, and 32 bits for the place in it
    chunk=pa.int32(),
    id=pa.string(),
)
"""What the plan is given: one row for each different paragraph of a document."""

REPEATED = pa.schema(
    (
        pa.field("id", pa.string(), nullable=False),
        pa.field("chunk", pa.int32(), nullable=False),
        pa.field("key", pa.binary(), nullable=False),
        pa.field("documents", pa.int64(), nullable=False),  # that have the paragraph
        pa.field("first", pa.string(), nullable=False),  # the one that keeps it
    )
)
"""What it gives: the paragraphs that go, document by document."""

_MOST = 0.5  # of a document's characters: what would lose more is a copy, and for ``duplicates`` to name
_PLACES = 1 << 32

Cut = Callable[[str, str], Patch | None]
"""Gives, of a document's id and text, the patch that takes out what other documents had before; None: there is none."""


def rows(id: str, text: str, chunk: int, place: int, least: int) -> list[tuple[bytes, int, int, str]]:
    """Give a document's rows of ``PARAGRAPHS``: of its lines of ``least`` characters or more."""
    return [(key, chunk * _PLACES + place, chunk, id) for key in sorted({key for *_, key in _paragraphs(text, least)})]


def find(engine: Engine[Held], fragments: Sequence[Path], clusters: Path, settings: Repeated, to: Path) -> int:
    """Write the paragraphs that go, a Parquet file of ``REPEATED``, atomically; give the number of rows.

    ``fragments``: Arrow IPC files with the columns of ``PARAGRAPHS``; ``clusters``: what ``copies`` wrote.
    """
    found = plan(engine, engine.read(fragments, PARAGRAPHS), engine.given(_copies(clusters), _DOCUMENT), settings)
    return save(to, REPEATED, engine.batches(found, ("chunk", "id", "key")))


def plan(engine: Engine[Held], given: Table[Held], copies: Table[Held], settings: Repeated) -> Table[Held]:
    """Give ``REPEATED``, in no order, of ``PARAGRAPHS`` and of the documents that are copies, on any engine."""
    own = engine.checkpoint(engine.join(given, copies, ("id", "chunk"), "anti"))
    groups = engine.group(own, ("key",), {"documents": Count(), "least": Least("place")})
    groups = engine.checkpoint(engine.filter(groups, f"documents >= {settings.paragraphs}"))
    found = engine.checkpoint(engine.join(own, groups, ("key",), "inner"))
    firsts = engine.select(engine.filter(found, "place = least"), _FIRSTS, {"first": "id"})
    return engine.select(engine.join(engine.filter(found, "place > least"), firsts, ("key",), "inner"), REPEATED)


_DOCUMENT = columns(id=pa.string(), chunk=pa.int32())
_FIRSTS = columns(key=pa.binary(), first=pa.string())


def local(fragments: Sequence[Path], clusters: Path, settings: Repeated, memory_mb: int, temp: Path, to: Path) -> int:
    """Do what ``find`` does on this machine: ``temp`` is a folder for what does not fit into ``memory_mb``."""
    from cleaner.engine.local import Local

    with Local(memory_mb, temp) as engine:
        return find(engine, fragments, clusters, settings, to)


def cut(found: Path, least: int, chunk: int) -> Cut:
    """Give what cuts the documents of one chunk, by what ``find`` wrote."""
    gone: dict[str, dict[bytes, str]] = {}
    for row in pq.read_table(found, filters=[("chunk", "==", chunk)]).to_pylist():
        note = f"{row['documents']} documents; first in {row['first']}"
        gone.setdefault(row["id"], {})[row["key"]] = note

    def patch(id: str, text: str) -> Patch | None:
        return _patch(text, gone[id], least) if id in gone else None

    return patch


def _patch(text: str, gone: Mapping[bytes, str], least: int) -> Patch | None:
    """Take lines out, each with the line breaks below it; the lowest ones, if nothing is below, with those above."""
    found = [(start, stop, gone[key]) for start, stop, key in _paragraphs(text, least) if key in gone]
    edits: list[Edit] = []
    end = len(text)
    for start, stop, note in reversed(found):
        while stop < end and text[stop] == "\n":
            stop += 1
        end = start
        edits.append(Edit(start, stop, text[start:stop], "", RULE, note))
    edits.reverse()
    if edits and edits[-1].stop == len(text):
        n = len(edits) - 1
        while n and edits[n - 1].stop == edits[n].start:
            n -= 1
        start = len(text[: edits[n].start].rstrip("\n"))
        edits[n] = edits[n]._replace(start=start, before=text[start : edits[n].stop])
    if sum(len(edit.before) for edit in edits) > _MOST * len(text):
        return Patch(STAGE, spared=tuple(edit._replace(note=f"most of the text; {edit.note}") for edit in edits))
    return Patch(STAGE, tuple(edits)) if edits else None


def _paragraphs(text: str, least: int) -> Iterator[tuple[int, int, bytes]]:
    """Yield start, stop and key of each line that is long enough and has a letter or a digit."""
    start = 0
    for line in text.split("\n"):
        if len(line) >= least and _WORDED.search(line):
            yield start, start + len(line), blake2b(fold(line).encode(), digest_size=16).digest()
        start += len(line) + 1


_WORDED = re.compile(r"[^\W_]")


def _copies(clusters: Path) -> Batches:
    import pyarrow.compute as pc

    with pq.ParquetFile(clusters) as file:
        for batch in file.iter_batches(columns=["id", "chunk", "keep"]):
            yield batch.filter(pc.invert(batch.column("keep"))).select(_DOCUMENT.names).cast(_DOCUMENT)
