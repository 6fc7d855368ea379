"""Keep of a text what tells how much of it another text has: its shingles' hashes, the smallest 1,024 of them.

Of two texts of up to 1,023 different shingles each the share of shingles that both have, their Jaccard similarity, is
counted and not estimated. Of longer ones it is that share among the 1,024 smallest hashes of both (bottom-k sketches:
Cohen and Kaplan, Summarizing Data using Bottom-k Sketches, PODC 2007), with a standard error of .014 at .7, where 128
MinHash values have .041.

Signatures find and refuse candidates cheaply. Within three of their standard errors of the threshold they say little
(of the pairs at .7 half seem to be under it), and there what is kept here decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np
import numpy.typing as npt

KEPT = 1024
"""Hashes of a text that are kept at most: 4 KB."""

_ERRORS = 3  # standard errors of a signature about the threshold in which it does not decide: 99.7 % of the pairs
_PAIRS = 256  # pairs counted at a time: some 20 MB


def sketch(shingles: npt.NDArray[np.uint32]) -> bytes:
    """Keep the hashes of a text's shingles, in any order, some more than once; the smallest where they are many."""
    if shingles.size > KEPT:
        shingles = np.unique(shingles)[:KEPT]
    return shingles.astype("<u4", copy=False).tobytes()


def margin(threshold: float, permutations: int) -> float:
    """Give how near to the threshold signatures do not decide.

    >>> round(margin(0.7, 128), 3)
    0.122
    """
    return _ERRORS * sqrt(threshold * (1 - threshold) / permutations)


def unsure(similarity: npt.NDArray[np.float64], threshold: float, permutations: int) -> npt.NDArray[np.bool_]:
    """Tell which similarities of signatures are too near to the threshold to decide."""
    return np.abs(similarity - threshold) <= margin(threshold, permutations)


def jaccard(a: Sequence[bytes], b: Sequence[bytes]) -> npt.NDArray[np.float64]:
    """Give the similarity of a's and b's sketches, pair by pair: 0 where either has no shingles.

    >>> one, other = (sketch(np.array(hashes, np.uint32)) for hashes in ([3, 1, 2, 3], [4, 3, 2]))
    >>> jaccard([one], [other])
    array([0.5])
    """
    found = np.zeros(len(a), np.float64)
    for start in range(0, len(a), _PAIRS):
        part = slice(start, start + _PAIRS)
        found[part] = _jaccard(a[part], b[part])
    return found


def weigh(
    similarity: npt.NDArray[np.float64],
    near: npt.NDArray[np.int64],
    a: Sequence[bytes | None],
    b: Sequence[bytes | None],
) -> None:
    """Put the similarity of a's and b's sketches in the places ``near``; where one is missing nothing is changed."""
    known = [n for n, pair in enumerate(zip(a, b, strict=True)) if None not in pair]
    similarity[near[known]] = jaccard([a[n] or b"" for n in known], [b[n] or b"" for n in known])


def _jaccard(a: Sequence[bytes], b: Sequence[bytes]) -> npt.NDArray[np.float64]:
    ours, theirs = _sets(a), _sets(b)
    every = np.concatenate([ours, theirs])
    every.sort(kind="stable")  # two sorted runs are merged
    new = np.concatenate(([True], every[1:] != every[:-1]))[: every.size]
    first = np.flatnonzero(new)
    pair = (every[first] >> np.uint64(32)).astype(np.int64)
    both = np.diff(first, append=every.size) == 2
    n = len(a)
    sizes = [np.bincount((each >> np.uint64(32)).astype(np.int64), minlength=n) for each in (ours, theirs)]
    cut = np.where(np.maximum(*sizes) < KEPT, 2 * KEPT, KEPT)  # a sketch that is not full is all there is
    start = np.searchsorted(pair, np.arange(n))
    counts = np.arange(pair.size) - start[pair] < cut[pair]
    union = np.bincount(pair[counts], minlength=n)
    shared: npt.NDArray[np.float64] = np.bincount(pair[counts & both], minlength=n) / np.maximum(union, 1)
    return shared


def _sets(sketches: Sequence[bytes]) -> npt.NDArray[np.uint64]:
    """Give all hashes, below the number of their sketch, each once and sorted."""
    hashes = np.frombuffer(b"".join(sketches), "<u4").astype(np.uint64)
    owner = np.repeat(np.arange(len(sketches), dtype=np.uint64), [len(each) // 4 for each in sketches])
    return np.unique(owner << np.uint64(32) | hashes)
