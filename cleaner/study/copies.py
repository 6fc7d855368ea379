"""The plan that finds near-duplicates among any number of documents, for any engine: ``clusters`` in relations.

Signatures -> texts of the same words collapse -> bands -> stars -> pairs verified on the signatures, near the threshold
on what the texts share -> crowds once more, in narrow bands -> components -> what stays by the policy. Documents are
numbered in the order of their ids, so that only integers are joined; in memory is a batch at a time, and of the
components what the verified pairs name (16 bytes a document that has a copy).
What it gives is what ``clusters.table`` gives for the same documents.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cleaner.engine.seam import Batches, Count, Engine, Held, Least, Sum, Table, columns
from cleaner.settings import Duplicates
from cleaner.study import bands, index, rows
from cleaner.study.bands import Bands
from cleaner.study.signatures import Scheme, Signed
from cleaner.study.tables import save

DOCUMENTS = columns(
    id=pa.string(),
    chunk=pa.int32(),  # no two documents of a chunk have one id
    exact=pa.binary(),  # 16 bytes: ``Signed.exact``
    minhash=pa.binary(),  # 4 bytes a permutation: ``Signed.minhash``; null: not signed, like no other
    chars=pa.int64(),
    removed=pa.int64(),  # characters of chrome
    date=pa.string(),  # ISO; "" or null where it is not known
    sketch=pa.binary(),  # ``Signed.sketches``; null: not kept, the signature decides
)
"""What the plan is given of each document."""

CLUSTERS = pa.schema(
    (
        pa.field("id", pa.string(), nullable=False),
        pa.field("chunk", pa.int32(), nullable=False),
        pa.field("cluster", pa.string(), nullable=False),  # the group's smallest id; the twin, if of an earlier crawl
        pa.field("keep", pa.bool_(), nullable=False),
        pa.field("similarity", pa.float64(), nullable=False),  # to the twin; 1.0 for the one that stays
        pa.field("twin", pa.string()),  # the one that stays in its place, ``<crawl>/<id>`` of an earlier crawl
    )
)
"""What it gives: the documents that have copies or are copies."""

_ADDED = 200_000  # documents of a part of the index: 130 MB with their keys


class Against(NamedTuple):
    """Earlier crawls: the folder of their index, there or not yet; this crawl's name; a file for what is new in it.

    ``compare`` reads the index and writes the file, ``grow`` adds the file to the index.
    """

    folder: Path
    crawl: str
    fresh: Path


def duplicates(
    fragments: Sequence[Path],
    against: Against | None,
    settings: Duplicates,
    memory_mb: int,
    temp: Path,
    to: Path,
) -> int:
    """Write the clusters of a run's documents, a Parquet file of ``CLUSTERS``, atomically; give the number of rows.

    ``fragments``: Arrow IPC files with the columns of ``DOCUMENTS`` (``exact`` and ``minhash`` may be of fixed size).
    With ``against`` documents that the index knows, of crawls but this, are copies of those; the others are written to
    ``against.fresh``, before the clusters are. Rows are in the order of chunks and ids. ``temp`` is a folder for what
    does not fit into ``memory_mb``.

    Raises ``IndexFault`` where the index does not fit, ``ValueError`` for a bad fragment, naming the file.
    """
    from cleaner.engine.local import Local

    with Local(memory_mb, temp) as engine:
        return compare(engine, fragments, settings, to, against)


def compare(
    engine: Engine[Held],
    fragments: Sequence[Path],
    settings: Duplicates,
    to: Path,
    against: Against | None = None,
) -> int:
    """Do what ``duplicates`` does, on any engine."""
    documents = signed(engine, engine.read(fragments, DOCUMENTS))
    if against is None:
        return save(to, CLUSTERS, engine.batches(plan(engine, documents, settings), ("chunk", "id")))
    known, fresh = compared(engine, documents, settings, against.folder, against.crawl)
    save(against.fresh, _FRESH, engine.batches(engine.select(fresh, _FRESH), ("id", "exact")))
    found = engine.union(plan(engine, fresh, settings), known)
    return save(to, CLUSTERS, engine.batches(found, ("chunk", "id")))


def grow(against: Against, settings: Duplicates) -> None:
    """Add what ``compare`` found new to the index, under the crawl's name; makes the index if need be.

    What the index holds of a crawl of that name is replaced: doing it twice is doing it once. Raises ``IndexFault``
    where the index does not fit and ``BlockingIOError`` where another process adds to it.
    """
    with pq.ParquetFile(against.fresh) as file:
        found = _parts(file.iter_batches(_FRESH_ROWS))
        index.add(against.folder, against.crawl, found, scheme=_scheme(settings), threshold=settings.threshold)


def fits(folder: Path, settings: Duplicates) -> None:
    """Raise ``IndexFault`` where an index is there and is of another scheme."""
    if (folder / index.MANIFEST).exists():
        index.fitting(index.load(folder), _scheme(settings), folder)


def of_chunk(clusters: Path, number: int) -> pa.Table:
    """Read what ``duplicates`` wrote of one chunk: ``id``, ``cluster``, ``duplicate_of``, ``similarity``.

    Only the part of the file that may hold the chunk is read. The one that stays has null ``duplicate_of``.
    """
    found = pq.read_table(clusters, columns=["id", "cluster", "twin", "similarity"], filters=[("chunk", "==", number)])
    return found.rename_columns(["id", "cluster", "duplicate_of", "similarity"])


def signed(engine: Engine[Held], documents: Table[Held]) -> Table[Held]:
    """Give the documents, ``DOCUMENTS``, that have words and a signature."""
    found = engine.select(engine.filter(documents, "minhash is not null"), DOCUMENTS, {"date": "coalesce(date, '')"})
    return engine.checkpoint(engine.map(found, rows.with_words, DOCUMENTS))


def plan(engine: Engine[Held], documents: Table[Held], settings: Duplicates) -> Table[Held]:
    """Give the clusters, ``CLUSTERS`` in no order, of documents that ``signed`` gave, on any engine."""
    names = engine.numbered(engine.select(documents, _NAMES), ("id", "chunk"), "position")
    documents = engine.select(engine.join(documents, names, ("id", "chunk"), "inner"), _NUMBERED)
    documents = engine.checkpoint(documents)
    texts = _texts(engine, documents)
    edges = _edges(engine, engine.join(documents, engine.filter(texts, "position = text"), _AT, "semi"), settings)
    placed = _placed(engine, documents, _members(engine, texts, edges), settings)
    return _named(engine, placed, names)


# The steps, each from tables to a table.

_AT = ("position",)
_INT = pa.int64()
_NAMES = columns(id=pa.string(), chunk=pa.int32())
_NUMBERED = pa.schema([pa.field("position", _INT), *(f for f in DOCUMENTS if f.name not in _NAMES.names)])
_OF_TEXT = columns(position=_INT, text=_INT)
_SIGNATURES = columns(position=_INT, minhash=pa.binary())
_SKETCHES = columns(position=_INT, sketch=pa.binary())
_CROWDS = columns(position=_INT, hub=_INT, crowd=_INT)
_HUBS = columns(hub=_INT, other=pa.binary())
_ORDER = {
    "least-chrome": ("removed", "-chars", "position"),
    "longest": ("-chars", "removed", "position"),
    "newest": ("-date", "removed", "-chars", "position"),
    "first": ("position",),
}
"""``clusters.preference`` as an order of rows."""


def _texts(engine: Engine[Held], documents: Table[Held]) -> Table[Held]:
    """Give each document's text: the smallest position that has the same words."""
    texts = engine.group(documents, ("exact",), {"text": Least("position")})
    return engine.checkpoint(engine.select(engine.join(documents, texts, ("exact",), "inner"), _OF_TEXT))


def _edges(engine: Engine[Held], texts: Table[Held], settings: Duplicates) -> Table[Held]:
    """Give pairs of texts that are alike enough, one the smallest of a bucket that both are in."""
    sketched, texts = engine.select(texts, _SKETCHES), engine.checkpoint(engine.select(texts, _SIGNATURES))
    cut = bands.parameters(settings.threshold, settings.permutations)
    pairs = _stars(engine, texts, cut, "size > 1")
    edges = _alike(engine, texts, sketched, pairs, settings)
    crowded = engine.filter(pairs, "crowds > 0")
    unlike = engine.group(engine.join(crowded, edges, rows.PAIRS.names, "anti"), ("hub",), {"times": Count()})
    again = engine.group(engine.join(crowded, unlike, ("hub",), "semi"), _AT, {"times": Count()})
    crowd = engine.checkpoint(engine.join(texts, again, _AT, "semi"))
    few = _stars(engine, crowd, bands.narrow(cut), f"size > 1 and size <= {bands.FEW}")
    return engine.checkpoint(engine.union(edges, _alike(engine, crowd, sketched, few, settings)))


def _stars(engine: Engine[Held], texts: Table[Held], cut: Bands, wanted: str) -> Table[Held]:
    """Give each pair of a text and the smallest of a bucket once, and how many of such buckets hold more than both."""
    keyed = engine.checkpoint(engine.map(texts, partial(rows.keyed, cut=cut), rows.KEYS))
    buckets = engine.group(keyed, ("key",), {"hub": Least("position"), "size": Count()})
    buckets = engine.checkpoint(engine.filter(buckets, wanted))
    pairs = engine.filter(engine.join(keyed, buckets, ("key",), "inner"), "position <> hub")
    told = engine.select(pairs, _CROWDS, {"crowd": "case when size > 2 then 1 else 0 end"})
    return engine.checkpoint(engine.group(told, rows.PAIRS.names, {"crowds": Sum("crowd")}))


def _alike(
    engine: Engine[Held], texts: Table[Held], sketched: Table[Held], pairs: Table[Held], settings: Duplicates
) -> Table[Held]:
    """Give the pairs that are alike enough, ``rows.PAIRS``."""
    compared = partial(rows.compared, threshold=settings.threshold)
    pairs = engine.select(pairs, rows.PAIRS)
    found = engine.checkpoint(engine.map(_both(engine, texts, pairs, "minhash"), compared, rows.MAYBE))
    unsure = _both(engine, sketched, engine.filter(found, "not sure"), "sketch")
    more = engine.map(unsure, partial(rows.weighed, threshold=settings.threshold), rows.PAIRS)
    return engine.checkpoint(engine.union(engine.select(engine.filter(found, "sure"), rows.PAIRS), more))


def _both(engine: Engine[Held], texts: Table[Held], pairs: Table[Held], column: str) -> Table[Held]:
    """Give pairs with a column of the texts: that of ``position`` by its name, that of ``hub`` as ``other``."""
    wanted = engine.select(pairs, columns(position=_INT), {"position": "hub"})
    hubs = engine.select(engine.join(texts, wanted, _AT, "semi"), _HUBS, {"hub": "position", "other": column})
    return engine.join(engine.join(texts, pairs, _AT, "inner"), engine.checkpoint(hubs), ("hub",), "inner")


def _members(engine: Engine[Held], texts: Table[Held], edges: Table[Held]) -> Table[Held]:
    """Give the documents of every component of two or more."""
    found = engine.given([rows.components(engine.batches(edges))], rows.COMPONENTS)
    labels = engine.select(found, columns(text=_INT, label=_INT), {"text": "position", "label": "component"})
    whole = engine.join(texts, labels, ("text",), "left")
    whole = engine.checkpoint(engine.select(whole, rows.COMPONENTS, {"component": "coalesce(label, text)"}))
    many = engine.filter(engine.group(whole, ("component",), {"size": Count()}), "size > 1")
    return engine.join(whole, many, ("component",), "semi")


def _placed(engine: Engine[Held], documents: Table[Held], members: Table[Held], settings: Duplicates) -> Table[Held]:
    """Say which documents of each component stay, and of which of those the others are copies."""
    found = engine.join(documents, members, _AT, "inner")
    place = partial(rows.place, threshold=settings.threshold)
    return engine.checkpoint(engine.swept(found, place, rows.PLACED, "component", _ORDER[settings.keep]))


def _named(engine: Engine[Held], placed: Table[Held], names: Table[Held]) -> Table[Held]:
    """Give groups of two or more by their names."""
    groups = engine.group(placed, ("twin",), {"smallest": Least("position"), "size": Count()})
    found = engine.join(placed, engine.filter(groups, "size > 1"), ("twin",), "inner")
    found = engine.join(found, names, _AT, "inner")
    clusters = engine.select(
        names, columns(smallest=_INT, cluster=pa.string()), {"smallest": "position", "cluster": "id"}
    )
    found = engine.join(found, clusters, ("smallest",), "inner")
    twins = engine.select(names, columns(twin=_INT, stays=pa.string()), {"twin": "position", "stays": "id"})
    found = engine.join(found, twins, ("twin",), "inner")
    stays = "position = twin"
    return engine.select(found, CLUSTERS, {"keep": stays, "twin": f"case when {stays} then null else stays end"})


# Earlier crawls.

_ASKED = pa.schema([*DOCUMENTS, pa.field("earlier", pa.string()), pa.field("alike", pa.float64())])
_KNOWN = {"cluster": "earlier", "keep": "false", "similarity": "alike", "twin": "earlier"}
_FRESH = columns(id=pa.string(), exact=pa.binary(), minhash=pa.binary())
_FRESH_ROWS = 4096


def compared(
    engine: Engine[Held], documents: Table[Held], settings: Duplicates, folder: Path, crawl: str
) -> tuple[Table[Held], Table[Held]]:
    """Part documents: the clusters of those that the index knows from crawls but this, and the others as they came.

    Raises ``IndexFault`` where the index is of another scheme.
    """
    fits(folder, settings)
    known = folder if (folder / index.MANIFEST).exists() else None
    ask = partial(_ask, folder=known, scheme=_scheme(settings), threshold=settings.threshold, crawl=crawl)
    asked = engine.checkpoint(engine.map(documents, ask, _ASKED))
    copied = engine.select(engine.filter(asked, "earlier is not null"), CLUSTERS, _KNOWN)
    return copied, engine.select(engine.filter(asked, "earlier is null"), DOCUMENTS)


def _scheme(settings: Duplicates) -> Scheme:
    return Scheme(settings.shingle, settings.permutations)


def _ask(batches: Batches, folder: Path | None, scheme: Scheme, threshold: float, crawl: str) -> Batches:
    for batch in batches:
        found: list[index.Copy | None] = [None] * batch.num_rows
        if folder:
            found = index.copies(folder, rows.signed(batch), scheme=scheme, threshold=threshold, crawl=crawl)
        twins = pa.array([f"{each.crawl}/{each.twin}" if each else None for each in found], pa.string())
        alike = pa.array([each.similarity if each else None for each in found], pa.float64())
        yield pa.record_batch([*batch.columns, twins, alike], schema=_ASKED)


def _parts(batches: Batches) -> Iterator[tuple[list[str], Signed]]:
    """Gather batches, in the order of ids, to parts of an index. An id that comes twice counts once, the first."""
    ids: list[str] = []
    found: list[Signed] = []
    last = None
    for batch in batches:
        told = [str(id) for id in batch.column("id").to_pylist()]
        fresh = [id != before for id, before in zip(told, [last, *told], strict=False)]
        last = told[-1]
        ids += [id for id, new in zip(told, fresh, strict=True) if new]
        found.append(rows.signed(batch.filter(pa.array(fresh))))
        if len(ids) >= _ADDED:
            yield ids, _stacked(found)
            ids, found = [], []
    if ids:
        yield ids, _stacked(found)


def _stacked(found: Sequence[Signed]) -> Signed:
    return Signed(np.concatenate([each.exact for each in found]), np.concatenate([each.minhash for each in found]))
