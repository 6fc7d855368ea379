"""What the plan of near-duplicates does to rows: functions over Arrow batches, the same wherever batches end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cleaner.engine.seam import Batches, columns
from cleaner.study import bands, signatures, sketches
from cleaner.study.bands import Bands
from cleaner.study.clusters import ROUNDS, Ints, joined, measuring
from cleaner.study.signatures import Signed

KEYS = columns(key=pa.int64(), position=pa.int64())
PAIRS = columns(position=pa.int64(), hub=pa.int64())
MAYBE = columns(position=pa.int64(), hub=pa.int64(), alike=pa.float64(), sure=pa.bool_())
COMPONENTS = columns(position=pa.int64(), component=pa.int64())
PLACED = columns(position=pa.int64(), twin=pa.int64(), similarity=pa.float64())

_FOLDED = 1 << 22  # pairs that wait until they are joined to components


def with_words(batches: Batches) -> Batches:
    """Leave out texts without words, which are like no other text."""
    for batch in batches:
        yield batch.filter(pa.array(signatures.signed(_numbers(batch.column("minhash"), "<u4"))))


def keyed(batches: Batches, cut: Bands) -> Batches:
    """Give a row for each band of a signature: ``KEYS``."""
    for batch in batches:
        found = bands.keys(_numbers(batch.column("minhash"), "<u4"), cut)
        position = batch.column("position").to_numpy().repeat(cut.b)
        yield pa.record_batch([pa.array(found.ravel().view(np.int64)), pa.array(position)], schema=KEYS)


def compared(batches: Batches, threshold: float) -> Batches:
    """Give the pairs whose signatures ``minhash`` and ``other`` are alike enough or nearly: ``MAYBE``."""
    for batch in batches:
        a, b = (_numbers(batch.column(name), "<u4") for name in ("minhash", "other"))
        alike = signatures.similarity(a, b)
        unsure = sketches.unsure(alike, threshold, a.shape[1])
        found = [*batch.select(PAIRS.names).columns, pa.array(alike), pa.array(~unsure)]
        yield pa.record_batch(found, schema=MAYBE).filter(pa.array(unsure | (alike >= threshold)))


def weighed(batches: Batches, threshold: float) -> Batches:
    """Give the pairs, ``PAIRS``, of which ``sketch`` and ``other`` share enough, or where one is null ``alike``."""
    for batch in batches:
        alike = batch.column("alike").to_numpy().copy()
        both = (batch.column(name).to_pylist() for name in ("sketch", "other"))
        sketches.weigh(alike, np.arange(batch.num_rows), *both)
        yield batch.select(PAIRS.names).filter(pa.array(alike >= threshold))


def components(edges: Iterable[pa.RecordBatch]) -> pa.RecordBatch:
    """Give each position that an edge names the smallest of its component: ``position``, ``component``, sorted.

    Memory is that of the positions, and of some million edges.
    """
    nodes = roots = np.empty(0, np.int64)
    waiting: list[tuple[Ints, Ints]] = []
    size = 0
    for batch in edges:
        waiting.append((batch.column("position").to_numpy(), batch.column("hub").to_numpy()))
        size += batch.num_rows
        if size >= _FOLDED:
            nodes, roots = _folded(nodes, roots, waiting)
            waiting, size = [], 0
    nodes, roots = _folded(nodes, roots, waiting)
    return pa.record_batch([pa.array(nodes), pa.array(roots)], schema=COMPONENTS)


def _folded(nodes: Ints, roots: Ints, waiting: list[tuple[Ints, Ints]]) -> tuple[Ints, Ints]:
    left = np.concatenate([nodes, *(a for a, _ in waiting)])
    right = np.concatenate([roots, *(b for _, b in waiting)])
    found, at = np.unique(np.concatenate([left, right]), return_inverse=True)
    return found, found[joined(np.arange(found.size), at[: left.size], at[left.size :])]


def place(batches: Batches, threshold: float) -> Batches:
    """Place the members of components that come whole, one after the other, the best first: ``clusters.settled``.

    Of the component at a batch's end those that stay are carried over, ``ROUNDS`` at most: as they come first again,
    the next batch goes on as if there had been no end.
    """
    stay: tuple[Any, ...] = ()
    for batch in batches:
        fresh = (
            batch.column("component").to_numpy(),
            batch.column("position").to_numpy(),
            _numbers(batch.column("minhash"), "<u4"),
            np.array(batch.column("sketch").to_pylist(), object),
        )
        carried = len(stay[0]) if stay else 0
        component, position, minhash, sketched = (
            (np.concatenate(pair) for pair in zip(stay, fresh, strict=True)) if stay else fresh
        )
        twin, similarity = _rounds(component, minhash, sketched.tolist(), threshold)
        done = np.flatnonzero(twin >= 0)
        done = done[done >= carried]
        columns = (position[done], position[twin[done]], similarity[done])
        yield pa.record_batch([pa.array(each) for each in columns], schema=PLACED)
        own = np.flatnonzero((component == component[-1]) & (twin == np.arange(twin.size)))
        stay = (component[own], position[own], minhash[own], sketched[own])


def _rounds(
    component: Ints, minhash: npt.NDArray[np.uint32], sketched: list[bytes | None], threshold: float
) -> tuple[Ints, npt.NDArray[np.float64]]:
    """Give the row that stays in each one's place (-1: none did in all rounds), and the similarity to it."""
    measure = measuring(minhash, sketched, threshold, np.arange(component.size))
    twin = np.full(component.size, -1, np.int64)
    similarity = np.ones(component.size, np.float64)
    waiting = np.arange(component.size)
    for _ in range(ROUNDS):
        if not waiting.size:
            break
        start = np.flatnonzero(np.diff(component[waiting], prepend=component[waiting[0]] - 1))
        best = np.repeat(waiting[start], np.diff(start, append=waiting.size))
        found = measure(waiting, best)
        copy = found >= threshold
        twin[waiting[copy]], similarity[waiting[copy]] = best[copy], found[copy]
        waiting = waiting[~copy]
    return twin, similarity


def signed(batch: pa.RecordBatch) -> Signed:
    """View the columns ``exact`` and ``minhash``, byte strings, as signatures."""
    return Signed(_numbers(batch.column("exact"), "<u8"), _numbers(batch.column("minhash"), "<u4"))


def _numbers(column: pa.Array[Any], kind: str) -> npt.NDArray[Any]:
    """View byte strings of one length as rows of numbers. Raises ``ValueError`` where lengths differ."""
    if not len(column):
        return np.empty((0, 1), kind)
    width = len(column[0].as_py())
    try:
        fixed = column.cast(pa.binary(width))
    except pa.ArrowInvalid as e:
        raise ValueError(f"signatures of different lengths: {e}") from e
    data: Any = fixed.buffers()[1]
    found: npt.NDArray[Any] = np.frombuffer(data, np.uint8, len(fixed) * width, fixed.offset * width)
    return found.view(kind).reshape(len(fixed), -1)
