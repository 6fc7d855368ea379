"""Which ids came before, of any number of documents: eight bytes an id."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

_BYTES = 8


def hashes(ids: Iterable[str]) -> bytes:
    """Give eight bytes of BLAKE2b for each id, one after the other."""
    return b"".join(blake2b(id.encode("utf-8", "surrogatepass"), digest_size=_BYTES).digest() for id in ids)


class Seen:
    """Ids that came before. Sorted arrays, each at least twice as long as the next, are searched: n log n in all."""

    def __init__(self) -> None:
        self._sorted: list[npt.NDArray[np.uint64]] = []
        self._times: dict[int, int] = {}  # of those that came more than once

    def add(self, given: bytes) -> dict[int, int]:
        """Add ids, no two of them equal; of those that came before, by place, the number of this time: 2, 3, …

        >>> seen = Seen()
        >>> seen.add(hashes(["a", "b"])), seen.add(hashes(["c", "a"])), seen.add(hashes(["a"]))
        ({}, {1: 2}, {0: 3})
        """
        new = np.frombuffer(given, np.uint64)
        before = np.zeros(new.size, bool)
        for part in self._sorted:
            at = np.searchsorted(part, new)
            before |= part[np.minimum(at, part.size - 1)] == new
        again = {}
        for n in np.flatnonzero(before).tolist():
            key = int(new[n])
            again[n] = self._times[key] = self._times.get(key, 1) + 1
        if fresh := new[~before].size:
            self._sorted.append(np.sort(new[~before]))
        while fresh and len(self._sorted) > 1 and self._sorted[-2].size < 2 * self._sorted[-1].size:
            last = self._sorted.pop()
            self._sorted[-1] = np.sort(np.concatenate((self._sorted[-1], last)), kind="stable")
        return again
