"""Cut signatures into bands: two texts whose numbers agree in all rows of one band are candidates for likeness.

Locality-sensitive hashing (Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, 3.4): with b bands of r rows a
pair of similarity s meets in some band with probability 1 - (1 - s**r)**b. A band's key is hashed here, never by an
engine, and holds the band's number, so that the keys of all bands may stand in one column.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cleaner.study.words import mixed

RECALL = 0.99
"""The least share of pairs at the threshold that must meet in a band. ``recall`` of the parameters says what it is."""
FEW = 32
"""How many documents a bucket of ``narrow`` bands may have: what more of them share is what the crowd has in common."""


class Bands(NamedTuple):
    """``b`` bands of ``r`` rows each."""

    b: int
    r: int

    def recall(self, similarity: float) -> float:
        """Give the probability that a pair of this similarity meets in a band.

        >>> round(Bands(18, 7).recall(0.8), 3), round(Bands(18, 7).recall(0.4), 3)
        (0.986, 0.029)
        """
        return float(1 - (1 - similarity**self.r) ** self.b)


def parameters(threshold: float, permutations: int = 128, recall: float = RECALL) -> Bands:
    """Choose the most rows a band, so the fewest false candidates, that keep ``recall`` at the threshold.

    Not datasketch's ``_optimal_param``: it weighs false candidates against missed pairs, and where candidates are
    verified only the missed ones matter. At .8 with 128 permutations its 9 bands of 13 find 40 % of the pairs at the
    threshold and 93 % of those at .9; 21 of 6 find 99.8 % and all.

    Raises ``ValueError`` for a threshold that is not over 0 and up to 1, and for one that the permutations cannot keep.

    >>> parameters(0.8), parameters(0.7)
    (Bands(b=21, r=6), Bands(b=32, r=4))
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold {threshold} is not over 0 and up to 1")
    for r in range(permutations, 0, -1):
        found = Bands(permutations // r, r)
        if found.b > 1 and found.recall(threshold) >= recall:
            return found
    raise ValueError(f"{permutations} permutations cannot find pairs at {threshold}; take more or a higher threshold")


def narrow(cut: Bands) -> Bands:
    """Give bands of half as many rows, for those whom the others have not parted from a crowd.

    >>> narrow(Bands(32, 4)), narrow(Bands(21, 6))
    (Bands(b=64, r=2), Bands(b=42, r=3))
    """
    r = max(1, cut.r // 2)
    return Bands(cut.b * cut.r // r, r)


def band_keys(rows: npt.NDArray[np.uint32], band: int) -> npt.NDArray[np.uint64]:
    """Give the key of one band of every signature, (n,) uint64, from the (n, r) numbers of the band."""
    found = np.full(len(rows), band + 1, np.uint64)
    for row in range(rows.shape[1]):
        found = mixed(found ^ rows[:, row])
    return found


def keys(minhash: npt.NDArray[np.uint32], bands: Bands) -> npt.NDArray[np.uint64]:
    """Give the keys of all bands of every signature: (n, b) uint64. Texts without words have none: leave them out."""
    found = np.empty((len(minhash), bands.b), np.uint64)
    for band in range(bands.b):
        found[:, band] = band_keys(minhash[:, band * bands.r : (band + 1) * bands.r], band)
    return found
