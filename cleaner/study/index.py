"""Remember the signatures of earlier crawls, and find copies of them.

An index is a folder. ``index.json`` names its scheme, its bands and its parts; a part is two immutable Arrow files,
mapped into memory when asked, not read:

    000001.documents.arrow   id, exact (16 bytes), minhash (4 bytes a permutation)       one row a distinct text
    000001.keys.arrow        key (of any band), row (in the documents)                   sorted by key, then row

``add`` writes new parts, then replaces ``index.json`` in one step: whoever reads sees the index before or after,
and what a killed process left is removed by the next ``add``. A crawl that is added again takes its own place.
A document costs 950 bytes at 128 permutations and .7: signatures and keys are hashes and do not compress.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cleaner.study import signatures
from cleaner.study.bands import Bands, keys, parameters
from cleaner.study.clusters import THRESHOLD, measuring
from cleaner.study.signatures import SCHEME, Scheme, Signed, sign
from cleaner.write import atomic

PER_KEY = 8
"""How many documents a part remembers of one bucket, the smallest ids: a page that stands 100,000 times in a crawl
costs a question 8 comparisons a band."""

MANIFEST, _LOCK = "index.json", "index.lock"
_ASKED = 4096  # documents whose copies are looked for at a time


class IndexFault(ValueError):
    """A folder that is no index, an index of another scheme, or a part that is not whole."""


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One immutable pair of files: its number, the crawl it is from, rows and bytes of documents and keys."""

    number: int
    crawl: str
    documents: int
    keys: int
    bytes: tuple[int, int]


class Index(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """What ``index.json`` says. ``next`` is the number of the next part: numbers are never used twice."""

    scheme: str
    threshold: float
    bands: Bands
    next: int = 1
    parts: tuple[Part, ...] = ()


class Copy(NamedTuple):
    """What a document is a copy of: the crawl and id of its twin in the index, and the similarity."""

    crawl: str
    twin: str
    similarity: float


def load(folder: Path) -> Index:
    """Read what an index holds. Raises ``IndexFault`` that names the file and the fault."""
    path = folder / MANIFEST
    try:
        return msgspec.json.decode(path.read_bytes(), type=Index)
    except FileNotFoundError:
        raise IndexFault(f"{folder}: no index here, {MANIFEST} is missing") from None
    except msgspec.DecodeError as e:
        raise IndexFault(f"{path}: {e}") from None


def add(
    folder: Path,
    crawl: str,
    batches: Iterable[tuple[Sequence[str], Signed]],
    *,
    scheme: Scheme = SCHEME,
    threshold: float = THRESHOLD,
) -> Index:
    """Add a crawl: batches of ids, each once, with their signatures; each becomes a part. Makes the index if need be.

    Signatures that the index holds under the crawl's name are replaced. ``threshold`` sets the bands of a new index.
    Memory is that of one batch and its keys; up to 1,000,000 documents a batch are sensible, few large ones better
    than many small. Raises ``IndexFault`` when the index is of another scheme and ``BlockingIOError`` when another
    process adds to it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with atomic.locked(folder / _LOCK):
        if (folder / MANIFEST).exists():
            index = fitting(load(folder), scheme, folder)
        else:
            index = Index(scheme.name, threshold, parameters(threshold, scheme.permutations))
        _tidy(folder, index)
        parts = [part for part in index.parts if part.crawl != crawl]
        number = index.next
        for ids, signed in batches:
            if part := _write(folder, Part(number, crawl, 0, 0, (0, 0)), ids, signed, index.bands):
                parts.append(part)
                number += 1
        grown = Index(index.scheme, index.threshold, index.bands, number, tuple(parts))
        atomic.write(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(grown), indent=1) + b"\n")
        _tidy(folder, grown)
        return grown


def fitting(index: Index, scheme: Scheme, folder: Path) -> Index:
    """Give the index if its signatures are of this scheme; else raise ``IndexFault`` that names both."""
    if index.scheme != scheme.name:
        raise IndexFault(f"{folder}: the index is of scheme {index.scheme}, the signatures of {scheme.name}")
    return index


def copies(
    folder: Path,
    signed: Signed,
    *,
    scheme: Scheme = SCHEME,
    threshold: float | None = None,
    crawl: str | None = None,
) -> list[Copy | None]:
    """Find for each signature the most similar document of the index, of equals the first by crawl and id.

    Only those at ``threshold`` or over (default: the index's own) count, and none of ``crawl``, so that a crawl that
    is added already is not found in itself. Raises ``IndexFault`` where the index does not fit or is not whole.
    """
    index = fitting(load(folder), scheme, folder)
    threshold = index.threshold if threshold is None else threshold
    best: list[Copy | None] = [None] * len(signed.minhash)
    rows = np.flatnonzero(signatures.signed(signed.minhash))
    for part in index.parts:
        if part.crawl != crawl:
            opened = _Opened(folder, part)
            for start in range(0, rows.size, _ASKED):
                asked = rows[start : start + _ASKED]
                for row, found in opened.copies(asked, signed.minhash, index.bands, threshold):
                    best[row] = min(filter(None, (best[row], found)), key=lambda c: (-c.similarity, c.crawl, c.twin))
    return best


class _Opened:
    """A part whose files are mapped into memory."""

    def __init__(self, folder: Path, part: Part) -> None:
        self.part = part
        documents, found = (_mapped(path, size) for path, size in zip(_paths(folder, part), part.bytes, strict=True))
        self.ids = documents["id"].chunk(0)
        self._minhash: Any = documents["minhash"].chunk(0)  # the stubs know no buffers of a chunk
        self.keys: npt.NDArray[np.uint64] = found["key"].chunk(0).to_numpy()
        self.rows: npt.NDArray[np.int32] = found["row"].chunk(0).to_numpy()

    @cached_property
    def minhash(self) -> npt.NDArray[np.uint32]:
        numbers: npt.NDArray[np.uint32] = np.frombuffer(self._minhash.buffers()[1], "<u4")
        return numbers.reshape(len(self._minhash), -1)

    def copies(
        self, asked: npt.NDArray[np.int64], minhash: npt.NDArray[np.uint32], bands: Bands, threshold: float
    ) -> Iterator[tuple[int, Copy]]:
        wanted = keys(minhash[asked], bands)
        start = np.searchsorted(self.keys, wanted.ravel())
        # No key stands more than PER_KEY times, so that this many pairs at most are looked at.
        at = start[:, None] + np.arange(PER_KEY)
        there = at < self.keys.size
        there[there] = self.keys[at[there]] == np.broadcast_to(wanted.reshape(-1, 1), at.shape)[there]
        question = np.broadcast_to(np.repeat(np.arange(asked.size), bands.b)[:, None], at.shape)[there]
        pairs = np.unique(np.column_stack((question, self.rows[at[there]])), axis=0)
        alike = signatures.similarity(minhash[asked[pairs[:, 0]]], self.minhash[pairs[:, 1]])
        enough = alike >= threshold
        for (n, row), share in zip(pairs[enough].tolist(), alike[enough].tolist(), strict=True):
            yield int(asked[n]), Copy(self.part.crawl, self.ids[row].as_py(), share)


def _paths(folder: Path, part: Part) -> tuple[Path, Path]:
    return folder / f"{part.number:06}.documents.arrow", folder / f"{part.number:06}.keys.arrow"


def _mapped(path: Path, size: int) -> pa.Table:
    try:
        if path.stat().st_size != size:
            raise IndexFault(f"{path}: {path.stat().st_size} bytes, the index says {size}")
        return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    except (FileNotFoundError, pa.ArrowInvalid) as e:
        raise IndexFault(f"{path}: {e}") from None


def _write(folder: Path, part: Part, ids: Sequence[str], signed: Signed, bands: Bands) -> Part | None:
    """Write the files of a part, one row a text: of equal ones the smallest id."""
    if len(ids) != len(signed.minhash):
        raise ValueError(f"{len(ids)} ids, {len(signed.minhash)} signatures")
    least: dict[bytes, int] = {}
    for n in np.flatnonzero(signatures.signed(signed.minhash)).tolist():
        text = signed.exact[n].tobytes()
        if text not in least or ids[n] < ids[least[text]]:
            least[text] = n
    if not least:
        return None
    order = np.array(sorted(least.values(), key=lambda n: ids[n]))
    minhash = np.ascontiguousarray(signed.minhash[order], "<u4")
    exact = np.ascontiguousarray(signed.exact[order], "<u8")
    documents = pa.table(
        {
            "id": pa.array([ids[n] for n in order], pa.large_string()),
            "exact": _fixed(exact.view(np.uint8).reshape(len(order), -1)),
            "minhash": _fixed(minhash.view(np.uint8).reshape(len(order), -1)),
        }
    )
    key = keys(minhash, bands).ravel()
    row = np.repeat(np.arange(len(order), dtype=np.int32), bands.b)
    by = np.argsort(key, kind="stable")
    key, row = key[by], row[by]
    few = np.ones(key.size, np.bool_)
    few[PER_KEY:] = key[PER_KEY:] != key[:-PER_KEY]
    found = pa.table({"key": key[few], "row": row[few]})
    sizes = []
    for path, made in zip(_paths(folder, part), (documents, found), strict=True):
        with atomic.Whole(path) as file, pa.ipc.new_file(file, made.schema) as writer:
            writer.write_table(made)
        sizes.append(path.stat().st_size)
    return Part(part.number, part.crawl, len(order), found.num_rows, (sizes[0], sizes[1]))


def _fixed(rows: npt.NDArray[np.uint8]) -> pa.Array[Any]:
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(rows.shape[1]), len(rows), [None, pa.py_buffer(rows.tobytes())]
    )


def _tidy(folder: Path, index: Index) -> None:
    """Remove part files that the index does not name."""
    named = {path.name for part in index.parts for path in _paths(folder, part)}
    for path in folder.glob("*.arrow*"):
        if path.name not in named and path.name.partition(".")[0].isdigit():
            path.unlink()


class Lookup:
    """An index in memory for one document at a time, on ``datasketch.MinHashLSH``; for up to some 100,000 texts.

    >>> lookup = Lookup(threshold=0.5)
    >>> lookup.add("a", "Le pont sera fermé du lundi au vendredi, de nuit, pour des travaux.")
    >>> lookup.find("Le pont sera fermé du lundi au vendredi, de nuit, pour travaux.")
    [('a', 0.7265625)]
    """

    def __init__(self, threshold: float = THRESHOLD, scheme: Scheme = SCHEME) -> None:
        # Here, since it imports scipy: 1.4 s.
        from datasketch import MinHash, MinHashLSH

        self.threshold, self.scheme = threshold, scheme
        bands = parameters(threshold, scheme.permutations)
        self._lsh = MinHashLSH(num_perm=scheme.permutations, params=tuple(bands))
        self._minhash: type[MinHash] = MinHash
        self._permutations = np.array(signatures.permutations(scheme.permutations))
        self._signed: dict[str, tuple[npt.NDArray[np.uint32], bytes]] = {}

    def add(self, id: str, text: str) -> None:
        """Remember a text, if it has words. Raises ``ValueError`` for an id that is there."""
        if id in self._signed:
            raise ValueError(f"the id {id!r} is there already")
        _, (row,), (sketch,) = sign([text], self.scheme)
        if row.min() != signatures.EMPTY:
            self._lsh.insert(id, self._wrapped(row))
            self._signed[id] = row, sketch

    def find(self, text: str, most: int = 10) -> list[tuple[str, float]]:
        """Give ids of texts like this one with the similarity, the most similar first, then by id."""
        _, (row,), (sketch,) = sign([text], self.scheme)
        if row.min() == signatures.EMPTY or not self._signed:
            return []
        ids = sorted(self._lsh.query(self._wrapped(row)))
        if not ids:
            return []
        minhash = np.stack([row, *(self._signed[id][0] for id in ids)])
        sketched = [sketch, *(self._signed[id][1] for id in ids)]
        measure = measuring(minhash, sketched, self.threshold, np.arange(len(sketched)))
        alike = measure(np.arange(1, len(sketched)), np.zeros(len(ids), np.int64)).tolist()
        enough = [(id, share) for id, share in zip(ids, alike, strict=True) if share >= self.threshold]
        return heapq.nsmallest(most, enough, key=lambda pair: (-pair[1], pair[0]))

    def _wrapped(self, row: npt.NDArray[np.uint32]) -> Any:
        return self._minhash(hashvalues=row, permutations=self._permutations, scheme="affine32")
