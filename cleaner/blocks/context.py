"""What first opinions of blocks say of each other: the scores around a block, above it, and over the whole page."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cleaner.blocks.characters import Floats

Ints = npt.NDArray[np.int64]
_LEVELS = 5
_SHIFTS = (-3, -2, -1, 1, 2, 3)
_WIDTHS = (3, 10, 30)


def levels(owners: Ints, parents: Ints, firsts: Ints, lasts: Ints) -> list[tuple[Ints, Ints]]:
    """Give the blocks ``[first, last)`` of the nearest elements around each block, each level with more blocks."""
    up = [0] * len(parents)
    spans = list(zip(firsts.tolist(), lasts.tolist(), strict=True))
    for n, parent in enumerate(parents.tolist()):
        if n:
            up[n] = up[parent] if spans[n] == spans[parent] else parent
    ups, at, made = np.array(up, np.int64), owners, []
    for _ in range(_LEVELS):
        made.append((firsts[at], lasts[at]))
        at = ups[at]
    return made


def context(scores: Floats, words: Floats, around: list[tuple[Ints, Ints]]) -> Floats:
    """Give columns that put each block’s score beside those of other blocks; (blocks, columns).

    ``scores`` are probabilities or decisions (0 to 1), ``words`` weighs them, ``around`` is what ``levels`` gives.
    """
    n = len(scores)
    places = np.arange(n)
    weights = words + np.float32(0.1)
    kept = np.concatenate(([0.0], np.cumsum(scores * weights, dtype=np.float64)))
    every = np.concatenate(([0.0], np.cumsum(weights, dtype=np.float64)))
    all_kept, total = max(float(kept[-1]), 1e-6), float(every[-1])
    columns: list[npt.ArrayLike] = [scores]
    for shift in _SHIFTS:
        moved = np.full(n, -1, np.float32)
        if abs(shift) < n:
            moved[max(0, -shift) : n - max(0, shift)] = scores[max(0, shift) : n + min(0, shift)]
        columns.append(moved)
    for width in _WIDTHS:
        for first, last in ((np.maximum(places - width, 0), places), (places + 1, np.minimum(places + 1 + width, n))):
            size = every[last] - every[first]
            columns.append(np.where(size > 0, (kept[last] - kept[first]) / np.maximum(size, 1e-6), -1))
    for first, last in around:
        inside = kept[last] - kept[first]
        columns += [inside / np.maximum(every[last] - every[first], 1e-6), inside / all_kept]
    columns += [kept[:-1] / all_kept, (all_kept - kept[1:]) / all_kept]
    columns += [np.full(n, all_kept / total), np.full(n, np.log1p(all_kept)), np.full(n, float(scores.max(initial=0)))]
    sure = np.flatnonzero(scores >= 0.5)
    columns.append(np.where(places < sure[0], -1, places > sure[-1]) if len(sure) else np.full(n, -2))
    made = np.empty((n, len(columns)), np.float32)
    for k, column in enumerate(columns):
        made[:, k] = column
    return made
