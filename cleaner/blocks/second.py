"""What the scores of a first pass, and what another extractor keeps, say around each block.

A second pass looks at that where another extractor was asked. Without one it gains little: on WCXB's development
pages, cross-validated, .0005 over the first pass.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from cleaner.blocks.characters import Floats
from cleaner.blocks.features import Table

Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
_NEAR = (-2, -1, 1, 2)
_STRETCHES = (2, 5, 15)  # blocks to each side
_LEAST = 1e-6
_SURE = 1e-4  # a score nearer to 0 or 1 says no more


class _Around:
    """Means over what stands around each block, weighed by words."""

    def __init__(self, table: Table) -> None:
        self.weights = np.asarray(table.words, np.float64) + 0.2
        self.total = float(self.weights.sum())
        self.n = len(self.weights)
        self._spans, self._paths = table.spans, table.paths
        self._sizes = _sums(self.weights)
        at = np.arange(self.n)
        self._stretches = [
            side
            for far in _STRETCHES
            for side in ((np.maximum(at - far, 0), at), (np.minimum(at + 1, self.n), np.minimum(at + 1 + far, self.n)))
        ]

    def means(self, values: Doubles) -> Iterator[Doubles]:
        """Yield the mean before and behind each block, in the elements around it, over its path and its parent's."""
        sums = _sums(values * self.weights)
        for first, last in (*self._stretches, *self._spans):
            yield (sums[last] - sums[first]) / np.maximum(self._sizes[last] - self._sizes[first], _LEAST)
        for group in self._paths:
            sizes = np.maximum(np.bincount(group, self.weights), _LEAST)  # not all numbers are some block's
            yield (np.bincount(group, values * self.weights) / sizes)[group]

    def parts(self, values: Doubles) -> Iterator[Doubles]:
        """Yield the share of all that lies before each block, behind it, and in each element around it."""
        sums = _sums(values * self.weights)
        total = max(_LEAST, float(sums[-1]))
        yield sums[:-1] / total
        yield (sums[-1] - sums[1:]) / total
        for first, last in self._spans:
            yield (sums[last] - sums[first]) / total


def _sums(values: Doubles) -> Doubles:
    return np.concatenate((np.zeros(1), np.cumsum(values)))


def around(table: Table, scores: Floats, told: Bools) -> Floats:
    """Give what the first pass's scores say of and around each block, and what the other keeps; (blocks, 52)."""
    a = _Around(table)
    return np.array([*_of_scores(a, table, scores), *_of_told(a, scores, told)], np.float32).T


def _of_scores(a: _Around, table: Table, scores: Floats) -> Iterator[Doubles]:
    s = np.asarray(scores, np.float64)
    sure = np.clip(s, _SURE, 1 - _SURE)
    odds = np.log(sure / (1 - sure))
    yield odds
    reach = max(_NEAR)
    padded = np.full(a.n + 2 * reach, -10.0)
    padded[reach:-reach] = odds
    for step in _NEAR:
        yield padded[reach + step : reach + step + a.n]
    yield from a.means(s)
    yield from a.parts(s)
    paths = table.paths[0]
    most = np.zeros(int(paths.max()) + 1)
    np.maximum.at(most, paths, s)
    yield most[paths]
    order = np.argsort(-s, kind="stable")
    rank = np.empty(a.n)
    rank[order] = np.cumsum(a.weights[order]) / a.total
    yield rank
    believed = s * a.weights
    for value in (
        believed.sum() / a.total, a.weights[s > 0.5].sum() / a.total, (believed * (1 - s)).sum() / a.total, s.max(),
        np.log1p(believed.sum()),
    ):  # fmt: skip
        yield np.full(a.n, value)


def _of_told(a: _Around, scores: Floats, told: Bools) -> Iterator[Doubles]:
    t = np.asarray(told, np.float64)
    yield t
    yield from a.means(t)
    yield next(a.parts(t))
    kept = t * a.weights
    both, all_kept, believed = (scores * kept).sum(), kept.sum(), (scores * a.weights).sum()
    for value in (
        all_kept / a.total, both / max(_LEAST, believed), both / max(_LEAST, all_kept), np.log1p(all_kept),
        all_kept / max(_LEAST, believed),
    ):  # fmt: skip
        yield np.full(a.n, value)
