"""A small network over a page's blocks in reading order, evaluated on arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cleaner.blocks.characters import Floats

STEPS = (1, 2, 4, 8, 1)
"""How far the neighbours are that each layer sees: together 16 blocks to each side."""
PAGE_AFTER = 2  # the layer behind which each block is told of the whole page
FAR = 4.0  # standard deviations: what is farther from the mean tells no more
MOST_WORDS, BARE = 400.0, 0.02  # a block weighs its words in the page's mean, at most and beside them
_AT_ONCE = 16  # rows: of so few, OpenBLAS makes no parts for threads, which would wait for each other
_EPSILON = 1e-5


class Net(NamedTuple):
    """Layers with the bias as the last row of each: ``enter`` is (inputs + 1, width), ``turns`` (layers, 3 * width +
    1, width), of the block before, the block itself, the one behind, ``page`` (2 * width + 1, width), of the mean and
    the most of all blocks, ``leave`` (width + 1, width), ``out`` (width + 1, 1). ``mean`` and ``scale`` are of inputs.
    """

    mean: Floats
    scale: Floats
    enter: Floats
    turns: Floats
    page: Floats
    leave: Floats
    out: Floats

    def __call__(self, rows: Floats, words: Floats) -> npt.NDArray[np.float64]:
        """Give the log-odds of each block, (blocks,), from its inputs, (blocks, inputs), and all blocks' words."""
        h = _turned(np.clip((rows - self.mean) / self.scale, -FAR, FAR), self.enter)
        width = h.shape[1]
        weights = np.minimum(words, np.float32(MOST_WORDS)) + np.float32(BARE)
        weights = weights / weights.sum()
        for n, (step, layer) in enumerate(zip(STEPS, self.turns, strict=True)):
            own = _normal(h)
            near = np.zeros((len(h), 3 * width), np.float32)
            near[step:, :width] = own[:-step]
            near[:, width : 2 * width] = own
            near[:-step, 2 * width :] = own[step:]
            h += _turned(near, layer)
            if n == PAGE_AFTER:
                mean = (weights[:, None] * h).sum(axis=0)  # BLAS would add in another order on more cores
                h += _turned(np.concatenate((mean, h.max(axis=0)))[None], self.page)
        out = (_turned(_normal(h), self.leave) * self.out[:-1, 0]).sum(axis=1) + self.out[-1, 0]
        return np.asarray(out, np.float64)


def held(net: Net, name: str) -> dict[str, npt.NDArray[np.floating[Any]]]:
    """Give a net's arrays for a file: half floats are enough for layers, not for means and scales of inputs."""
    arrays = net._asdict().items()
    return {f"{name}.{k}": v if k in ("mean", "scale") else v.astype(np.float16) for k, v in arrays}


def net_of(arrays: Mapping[str, npt.NDArray[Any]], name: str) -> Net:
    """Make a net of a file's arrays. Raises ``KeyError`` where one is missing."""
    return Net(*(arrays[f"{name}.{part}"].astype(np.float32) for part in Net._fields))


def _turned(values: Floats, layer: Floats) -> Floats:
    """Give the rectified values of a layer."""
    n, width = values.shape
    padded = np.zeros((-(-n // _AT_ONCE), _AT_ONCE, width), np.float32)
    padded.reshape(-1, width)[:n] = values
    made = (padded @ layer[:-1]).reshape(-1, layer.shape[1])[:n]
    made += layer[-1]
    return np.asarray(np.maximum(made, 0, out=made), np.float32)


def _normal(values: Floats) -> Floats:
    """Give each row with mean 0 and variance 1."""
    made = values - values.mean(axis=1, keepdims=True)
    made /= np.sqrt(np.square(made).mean(axis=1, keepdims=True) + np.float32(_EPSILON))
    return np.asarray(made, np.float32)
