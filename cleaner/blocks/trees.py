"""Gradient-boosted trees whose levels ask one question each, evaluated on arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from cleaner.blocks.characters import Floats

_AT_ONCE = 1 << 15  # rows times trees, 128 kB of values: at 256 kB a page of 250 blocks took twice as long


Made = TypeVar("Made")


class ModelError(ValueError):
    """A model file that is not one, or that was trained on other features."""


class Trees(NamedTuple):
    """A sum of trees of one depth, 8 at most: bit ``d`` of a row’s leaf tells whether question ``d`` holds.

    ``asks`` and ``borders`` are (trees, depth): the column and what its value must exceed; ``leaves`` is
    (trees, 2 ** depth, outputs), ``bias`` (outputs,). The layout of CatBoost’s symmetric trees.
    """

    asks: npt.NDArray[np.int16]
    borders: Floats
    leaves: Floats
    bias: npt.NDArray[np.float64]

    def __call__(self, rows: Floats, alike: Floats | None = None) -> npt.NDArray[np.float64]:
        """Give the raw score of each row, (rows, outputs), before any link function.

        ``alike`` holds the last columns, where all rows have the same values in them.

        >>> stump = Trees(np.array([[0]], np.int16), np.array([[1.5]], np.float32), np.array([[[-1], [1]]], np.float32),
        ...               np.zeros(1))
        >>> stump(np.array([[1], [2]], np.float32)).tolist()
        [[-1.0], [1.0]]
        """
        count, depth = self.asks.shape
        made = np.empty((len(rows), self.leaves.shape[2]))
        base = np.arange(count)[:, None] << depth
        leaves = [self.leaves[..., k].ravel() for k in range(made.shape[1])]
        width = rows.shape[1]
        most = max(1, min(_AT_ONCE // count, len(rows)))
        columns = np.empty((width if alike is None else width + len(alike), most), np.float32)
        if alike is not None:
            columns[width:] = alike[:, None]
        for start in range(0, len(rows), most):
            some = rows[start : start + most].T
            columns = columns[:, : some.shape[1]]
            columns[:width] = some
            leaf = np.zeros((count, some.shape[1]), np.uint8)  # depth is 8 at most
            for d in reversed(range(depth)):
                leaf += leaf
                leaf += columns.take(self.asks[:, d], axis=0) > self.borders[:, d, None]
            at = leaf + base
            for k, values in enumerate(leaves):
                made[start : start + most, k] = values.take(at).sum(axis=0, dtype=np.float64)
        return made + self.bias


def sigmoid(values: npt.NDArray[np.float64]) -> Floats:
    """Give the probability for each log-odds."""
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -60, 60))), np.float32)


def softmax(values: npt.NDArray[np.float64]) -> Floats:
    """Give the probabilities of each row’s classes."""
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def read(path: Path, make: Callable[[Mapping[str, npt.NDArray[Any]]], Made]) -> Made:
    """Make a model of a file's named arrays. Raises ``ModelError`` naming the file and what is missing."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return make({name: file[name] for name in file.files})
    except (OSError, KeyError, ValueError) as e:
        raise ModelError(f"{path}: cannot be read as a model: {e}") from e
