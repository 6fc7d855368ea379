"""Which blocks stand in the elements around each block."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_LEVELS = 5


def levels(owners: Ints, parents: Ints, firsts: Ints, lasts: Ints) -> list[tuple[Ints, Ints]]:
    """Give the blocks ``[first, last)`` of the nearest elements around each block, each level with more blocks."""
    up = np.maximum(parents, 0)
    alike = (firsts == firsts[up]) & (lasts == lasts[up])
    ups = up[_followed(np.where(alike, up, np.arange(len(up))))]
    at, made = owners, []
    for _ in range(_LEVELS):
        made.append((firsts[at], lasts[at]))
        at = ups[at]
    return made


def inner(chosen: Bools, parents: Ints) -> Ints:
    """Give for each element the nearest that is chosen, itself or one around it; the body where there is none."""
    return _followed(np.where(chosen, np.arange(len(parents)), np.maximum(parents, 0)))


def outer(chosen: Bools, parents: Ints) -> Ints:
    """Give for each element the last that is chosen on the way up; the body where there is none."""
    nearest = inner(chosen, parents)
    above = nearest[np.maximum(parents, 0)]
    return _followed(np.where(above > 0, above, np.arange(len(parents))))[nearest]


def _followed(to: Ints) -> Ints:
    """Give where each element leads in the end; a step doubles the way: ten are enough for any page."""
    while not np.array_equal(further := to[to], to):
        to = further
    return to
