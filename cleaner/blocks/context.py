"""Which blocks stand in the elements around each block."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
_LEVELS = 5


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
