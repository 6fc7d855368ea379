"""Find near-duplicates among signatures and say of each group which copy stays.

1. Texts of the same words collapse to the one of the smallest id.
2. In every band, each document of a bucket is paired with the bucket's smallest id: a star, so that a bucket of
   100,000 costs 100,000 pairs and not five thousand million.
3. A pair counts if the two are alike enough: signatures say so, and near the threshold, where they cannot, the
   shingles that both have (``sketches``). What counts makes components.
4. Texts made from one template meet in crowds, and two that are alike may both be unlike the smallest of each: of
   4,500 texts that shared 80 % of their words, 12 of 500 planted pairs were lost so. Where a crowd's smallest is unlike
   one of it, all of it are cut anew into bands half as wide, and only buckets of few documents count: what few share
   is not the template. That finds 11 of those 12. To pair the rest of each crowd with its second and third smallest
   found none.
5. In a component the best document by the policy stays, and those alike enough *to it* are its copies. Of what
   remains the best stays again, and so on. So **every copy is verified against the very document that stays in its
   place**: a chain A, B, C with A unlike C never makes C a copy of A.

Nothing depends on the order of the input. Documents are positions in the order of their ids throughout.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cleaner.study import signatures, sketches
from cleaner.study.bands import FEW, Bands, band_keys, narrow, parameters
from cleaner.study.signatures import Signed

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Measure = Callable[[Ints, Ints], Floats]
"""The similarity, 0 to 1, of the documents at the first positions with those at the second."""

Policy = Literal["least-chrome", "longest", "newest", "first"]

THRESHOLD = 0.7
ROUNDS = 64
"""How many documents may stay of one component. Whatever still waits then stays too: linear on chains of any length."""

_FIELDS: list[tuple[str, pa.DataType]] = [
    ("id", pa.large_string()),
    ("cluster", pa.large_string()),  # the smallest id of the group
    ("keep", pa.bool_()),
    ("similarity", pa.float64()),  # to the twin; 1.0 for the one that stays
    ("twin", pa.large_string()),  # the one that stays in its place; null for that one
]
SCHEMA = pa.schema(_FIELDS)


class Copies(NamedTuple):
    """The documents that have copies or are copies, row by row, in the order of ids.

    ``document``, ``cluster`` (the group's smallest) and ``twin`` (the one that stays; of that one, itself) are
    positions, ``similarity`` is that to the twin.
    """

    document: Ints
    cluster: Ints
    twin: Ints
    similarity: Floats


def preference(
    policy: Policy, *, removed: Sequence[int] | Ints, chars: Sequence[int] | Ints, dates: Sequence[str] = ()
) -> Ints:
    """Rank documents, given in the order of their ids, best first: (n,) int64, no two alike.

    ``least-chrome``: fewest characters removed, then longest. ``longest``: most characters, then least removed.
    ``newest``: latest ISO date, unknown ("") last, then as least-chrome. ``first``: the smallest id, which also
    settles what is equal elsewhere. Raises ``ValueError`` for another policy, naming these.
    """
    least, longest = np.asarray(removed, np.int64), -np.asarray(chars, np.int64)
    ids = np.arange(least.size)
    match policy:
        case "least-chrome":
            by = np.lexsort((ids, longest, least))
        case "longest":
            by = np.lexsort((ids, least, longest))
        case "newest":
            _, age = np.unique(np.array(dates, dtype=np.str_), return_inverse=True)
            by = np.lexsort((ids, longest, least, -age))
        case "first":
            by = ids
        case _:
            raise ValueError(f"unknown policy {policy!r}; known: {', '.join(get_args(Policy))}")
    rank = np.empty_like(ids)
    rank[by] = ids
    return rank


def table(
    ids: Sequence[str],
    signed: Signed,
    *,
    policy: Policy = "least-chrome",
    removed: Sequence[int] = (),
    chars: Sequence[int] = (),
    dates: Sequence[str] = (),
    threshold: float = THRESHOLD,
) -> pa.Table:
    """Give the clusters of documents that come in any order: rows of ``SCHEMA``, in the order of ids.

    What is not given (``removed``, ``chars``, ``dates``) decides nothing. Raises ``ValueError`` for an id that comes
    twice, lists of unlike length and an unknown policy.
    """
    import pyarrow.compute as pc

    given = {"signatures": signed.minhash, "removed": removed, "chars": chars, "dates": dates}
    for name, values in given.items():
        if len(values) not in ((len(ids),) if name == "signatures" else (0, len(ids))):
            raise ValueError(f"{len(ids)} ids, {len(values)} {name}")
    names = pa.array(ids, pa.large_string())
    order = pc.sort_indices(names).to_numpy().astype(np.int64)
    names = names.take(order)
    if twice := pc.index(pc.equal(names[1:], names[:-1]), True).as_py() + 1:
        raise ValueError(f"the id {names[twice].as_py()!r} comes twice")
    zeros = np.zeros(len(ids), np.int64)
    rank = preference(
        policy,
        removed=np.asarray(removed)[order] if len(removed) else zeros,
        chars=np.asarray(chars)[order] if len(chars) else zeros,
        dates=[dates[n] for n in order] if len(dates) else [""] * len(ids),
    )
    found = clusters(signed, rank, order=order, threshold=threshold)
    kept = found.twin == found.document
    return pa.Table.from_arrays(
        [
            names.take(found.document),
            names.take(found.cluster),
            pa.array(kept),
            pa.array(found.similarity),
            names.take(pa.array(found.twin, pa.int64(), mask=kept)),
        ],
        schema=SCHEMA,
    )


def clusters(
    signed: Signed,
    rank: Ints,
    *,
    order: Ints | None = None,
    threshold: float = THRESHOLD,
    bands: Bands | None = None,
    measure: Measure | None = None,
) -> Copies:
    """Find the copies among n documents. ``rank``: what ``preference`` gave.

    ``order`` tells which row of ``signed`` each document is (default: rows are in the order of ids). ``bands``
    default to ``parameters(threshold)``, ``measure`` to ``measuring``. Memory beyond what is signed: some 100 bytes a
    document.
    """
    order = np.arange(len(rank)) if order is None else order
    bands = bands or parameters(threshold, signed.minhash.shape[1])
    measure = measure or measuring(signed.minhash, signed.sketches, threshold, order)
    alike = _alike(signed, order)
    first = np.flatnonzero(alike == np.arange(alike.size))  # the smallest id of each text
    first = first[signatures.signed(signed.minhash)[order[first]]]
    component = np.arange(alike.size)
    unlike, again = np.zeros(alike.size, np.bool_), np.zeros(alike.size, np.bool_)
    for band in range(bands.b):
        left, right, size = star(_gathered(signed, order, first, bands, band), first)
        counts = measure(left, right) >= threshold
        component = joined(component, left[counts], right[counts])
        unlike[right[~counts & (size > 2)]] = True
    for band in range(bands.b):
        left, right, size = star(_gathered(signed, order, first, bands, band), first)
        again[left[unlike[right] & (size > 2)]] = True
    crowd, cut = np.flatnonzero(again), narrow(bands)
    for band in range(cut.b):
        left, right, size = star(_gathered(signed, order, crowd, cut, band), crowd)
        new = (size <= FEW) & (component[left] != component[right])
        left, right = left[new], right[new]
        counts = measure(left, right) >= threshold
        component = joined(component, left[counts], right[counts])
    return settled(component[alike], rank, measure, threshold)


def measuring(
    minhash: npt.NDArray[np.uint32], sketched: Sequence[bytes | None], threshold: float, order: Ints
) -> Measure:
    """Measure documents, those rows that ``order`` names: by signatures, near the threshold by what their texts share.

    Where a sketch is missing, or all are, the signature alone decides.
    """

    def measure(left: Ints, right: Ints) -> Floats:
        found = np.empty(left.size, np.float64)
        for start in range(0, left.size, _PAIRS):
            part = slice(start, start + _PAIRS)
            a, b = order[left[part]], order[right[part]]
            found[part] = signatures.similarity(minhash[a], minhash[b])
            if len(sketched):
                near = np.flatnonzero(sketches.unsure(found[part], threshold, minhash.shape[1]))
                sketches.weigh(found[part], near, [sketched[n] for n in a[near]], [sketched[n] for n in b[near]])
        return found

    return measure


def star(keys: npt.NDArray[np.uint64], documents: Ints) -> tuple[Ints, Ints, Ints]:
    """Pair each document with the smallest of those that have its key: (documents, smallest, how many), without itself.

    >>> star(np.array([7, 5, 7, 7], np.uint64), np.array([10, 11, 12, 13]))
    (array([12, 13]), array([10, 10]), array([3, 3]))
    """
    by = np.argsort(keys, kind="stable")
    keys, documents = keys[by], documents[by]
    first = np.flatnonzero(_starts(keys))
    size = np.diff(first, append=keys.size)
    hub = np.minimum.reduceat(documents, first).repeat(size) if keys.size else documents
    other = documents != hub
    return documents[other], hub[other], size.repeat(size)[other]


def joined(component: Ints, left: Ints, right: Ints) -> Ints:
    """Join components along edges: each document's component is the smallest position in it.

    Roots hook to smaller roots and all paths are cut short, until no edge joins two components: O(log² n) rounds
    (Liu and Tarjan, Simple Concurrent Labeling Algorithms for Connected Components, 2019).

    >>> joined(np.arange(5), np.array([4, 2]), np.array([2, 1]))
    array([0, 1, 1, 3, 1])
    """
    component = component.copy()
    while left.size:
        a, b = component[left], component[right]
        apart = a != b
        left, right, a, b = left[apart], right[apart], a[apart], b[apart]
        np.minimum.at(component, np.maximum(a, b), np.minimum(a, b))
        while not np.array_equal(shorter := component[component], component):
            component = shorter
    return component


def settled(component: Ints, rank: Ints, measure: Measure, threshold: float = THRESHOLD) -> Copies:
    """Say which documents of each component stay, and of which of those the others are copies.

    Components are independent of each other: any set of whole ones may be settled apart.
    """
    size = np.bincount(component, minlength=component.size)
    waiting = np.flatnonzero(size[component] > 1)
    waiting = waiting[np.lexsort((rank[waiting], component[waiting]))]
    twin = np.full(component.size, -1, np.int64)
    similarity = np.ones(component.size, np.float64)
    for _ in range(ROUNDS):
        start = _starts(component[waiting])
        best = waiting[np.flatnonzero(start)[np.cumsum(start) - 1]]
        found = np.where(start, 1.0, 0.0)
        found[~start] = measure(waiting[~start], best[~start])
        copy = found >= threshold
        twin[waiting[copy]] = best[copy]
        similarity[waiting[copy]] = found[copy]
        waiting = waiting[~copy]
        if not waiting.size:
            break
    placed = np.flatnonzero(twin >= 0)
    group = np.full(component.size, component.size, np.int64)
    np.minimum.at(group, twin[placed], placed)
    many = placed[np.bincount(twin[placed], minlength=component.size)[twin[placed]] > 1]
    return Copies(many, group[twin[many]], twin[many], similarity[many])


def repeated(keys: npt.NDArray[np.uint64], documents: Ints) -> npt.NDArray[np.bool_]:
    """Tell which paragraphs stood before: of those with one key all but the first of the smallest document.

    ``keys``: (n,) or (n, 2) uint64, such as ``Signed.exact`` of paragraphs; rows in reading order within a document.

    >>> repeated(np.array([4, 9, 4, 4], np.uint64), np.array([2, 2, 1, 1]))
    array([ True, False, False,  True])
    """
    keys = keys[:, None] if keys.ndim == 1 else keys
    by = np.lexsort((np.arange(len(keys)), documents, *keys.T))
    found = np.zeros(len(keys), np.bool_)
    found[by[1:]] = (keys[by[1:]] == keys[by[:-1]]).all(axis=1)
    return found


_PAIRS = 1 << 15  # signatures that are compared at a time: 32 MB of them


def _starts(values: npt.NDArray[np.generic]) -> npt.NDArray[np.bool_]:
    """Tell which values differ from the one before; the first does."""
    return np.concatenate(([True], values[1:] != values[:-1]))[: values.size]


def _alike(signed: Signed, order: Ints) -> Ints:
    """Give for each document the smallest that has the same words; a text without words is like no other."""
    low, high = signed.exact[order].T
    by = np.lexsort((np.arange(order.size), low, high))
    start = _starts(high[by]) | _starts(low[by])
    alike = np.empty(order.size, np.int64)
    alike[by] = by[np.flatnonzero(start)[np.cumsum(start) - 1]]
    without = ~signatures.signed(signed.minhash)[order]
    alike[without] = np.flatnonzero(without)
    return alike


def _gathered(signed: Signed, order: Ints, documents: Ints, bands: Bands, band: int) -> npt.NDArray[np.uint64]:
    """Give one band's keys of documents, without a copy of their signatures."""
    rows = signed.minhash[:, band * bands.r : (band + 1) * bands.r]
    found = np.empty(documents.size, np.uint64)
    for start in range(0, documents.size, _PAIRS):
        part = slice(start, start + _PAIRS)
        found[part] = band_keys(rows[order[documents[part]]], band)
    return found
