"""Sign texts: folded words, shingles of n words, 128 numbers that estimate how alike two texts are.

A signature is a MinHash (Broder 1997) exactly as datasketch 2.0 defines its scheme ``affine32`` with seed 1: the
permutations and the finalizer are those of ``datasketch/minhash.py``, and ``hash32`` is the hash function to give it:

    MinHash(num_perm=128, scheme="affine32", hashfunc=hash32).update_batch(" ".join(s).encode() for s in shingles)

With numba one compiled loop goes from UTF-8 to the signature; without it numpy gives the same numbers, slower
(``bench/duplicates.py speed``). The first call ever compiles for some seconds. The compiled loop is kept in
``__pycache__`` beside this file, in the user's cache folder where that is read-only, or in ``NUMBA_CACHE_DIR``; where
nothing can be written every process compiles anew. Until a process signs 256 KB at once, numpy does it: it is done
before numba is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from hashlib import blake2b
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cleaner.study import sketches, words
from cleaner.study.words import CODE, FOLD, IN_WORD, MARK, PLANES, SINGLE, SKIPPED

Words32 = npt.NDArray[np.uint32]
Words64 = npt.NDArray[np.uint64]

EMPTY = 0xFFFFFFFF
"""All numbers of the signature of a text without words; datasketch's value for an empty set."""

_BLOCK = 4096  # words whose shingles are hashed at a time
_CHUNK = 4 << 20  # characters of text that are signed at a time
_SMALL = 1 << 18  # characters that numpy signs sooner than numba is imported
_IN_SHINGLE = 0x94D049BB133111EB  # multiplies a shingle's hash at each word: splitmix64's second factor


class Scheme(NamedTuple):
    """How texts are signed: words a shingle and numbers a signature. Only signatures of one scheme compare."""

    shingle: int = 5
    permutations: int = 128

    @property
    def name(self) -> str:
        """The scheme in full, as an index names it.

        >>> Scheme().name
        'affine32-seed1-128/words5-fold1'
        """
        return f"affine32-seed1-{self.permutations}/words{self.shingle}-fold{FOLD}"


SCHEME = Scheme()
"""Five words a shingle, 128 numbers a signature."""


class Signed(NamedTuple):
    """Signatures of n texts, row by row.

    ``exact``: (n, 2) uint64, 16 bytes of BLAKE2b of the folded words. ``minhash``: (n, permutations) uint32, all
    ``EMPTY`` for a text without words, which is like no other text. Equal ``exact`` have equal ``minhash``.
    ``sketches``: each text's, as ``sketches.sketch`` gives them, or none at all: then the signature alone decides.
    """

    exact: Words64
    minhash: Words32
    sketches: Sequence[bytes] = ()


def sign(texts: Sequence[str], scheme: Scheme = SCHEME) -> Signed:
    """Sign texts; a text's row depends on that text alone. Text of fewer words than a shingle has is one shingle.

    Memory is that of the result and of 4 MB of text, or of the longest text, some five times over.
    Raises ``ValueError`` for a scheme of no words or no permutations.

    >>> a, b = sign(["A B c d e f", "a - b, C\\u200b d.  (e) F"]).minhash
    >>> bool((a == b).all())
    True
    """
    if scheme.shingle < 1 or scheme.permutations < 1:
        raise ValueError(f"{scheme}: a shingle has 1 word, a signature 1 number at least")
    minhash = np.full((len(texts), scheme.permutations), EMPTY, np.uint32)
    exact = np.empty((len(texts), 2), np.uint64)
    small = not _compiled.cache_info().currsize and sum(map(len, texts)) < _SMALL
    run = _vectorized if small else _compiled() or _vectorized
    sketched: list[bytes] = []
    for start, stop in pairwise(_chunks(texts)):
        encoded = [text.encode("utf-8", "replace") for text in texts[start:stop]]
        folded, hashes = run(encoded, scheme, minhash[start:stop])
        for n in [n for n, each in enumerate(folded) if each is None]:
            row = slice(start + n, start + n + 1)
            minhash[row] = EMPTY
            (folded[n],), (hashes[n],) = run([words.composed(encoded[n])], scheme, minhash[row], marks=0)
        sketched += map(sketches.sketch, hashes)
        digests = b"".join(blake2b(each or b"", digest_size=16).digest() for each in folded)
        exact[start:stop] = np.frombuffer(digests, "<u8").reshape(-1, 2)
    return Signed(exact, minhash, sketched)


def warm(scheme: Scheme = SCHEME) -> None:
    """Compile what signs: processes forked after this share it, and 130 MB with it."""
    if (run := _compiled()) is not None:
        run([b"one text"], scheme, np.full((1, scheme.permutations), EMPTY, np.uint32))


def signed(minhash: Words32) -> npt.NDArray[np.bool_]:
    """Tell which rows are signatures of texts that have words."""
    return np.asarray(minhash.min(axis=1, initial=EMPTY) != EMPTY)


def exact(text: str) -> bytes:
    """Give 16 bytes that two texts share when their folded words are the same, in the same order.

    >>> exact("L’été, enfin !") == exact("l'Été - enfin")
    True
    """
    return blake2b(" ".join(words.words(text)).encode(), digest_size=16).digest()


def shingles(text: str, n: int = 5) -> Words32:
    """Give the hashes of a text's shingles of n words, sorted, each once; of all its words if they are fewer."""
    _, hashes = words.fold(words.composed(text.encode("utf-8", "replace")))
    return np.unique(_shingled(hashes, n))


def jaccard(a: Words32, b: Words32) -> float:
    """Give the share of two sets of shingles that both have; 0 if one is empty.

    >>> jaccard(shingles("a b c d", 2), shingles("a b c x", 2))
    0.5
    """
    both = np.intersect1d(a, b, assume_unique=True).size
    return both / (a.size + b.size - both) if both else 0.0


def hash32(shingle: bytes) -> int:
    """Hash a shingle, its folded words parted by blanks, to 32 bits: the ``hashfunc`` for ``datasketch.MinHash``."""
    hashes = []
    for word in shingle.decode().split(" "):
        h = 0
        for character in word:
            h = (h * IN_WORD + ord(character)) & (1 << 64) - 1
        hashes.append(h)
    return int(_shingled(words.mixed(np.array(hashes, np.uint64)), len(hashes))[0])


def permutations(n: int) -> tuple[Words32, Words32]:
    """Give the factors and summands of datasketch 2.0's ``affine32`` with seed 1 (NumPy's frozen legacy generator)."""
    generator = np.random.RandomState(1)
    a = generator.randint(0, 1 << 31, n, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    return a, generator.randint(0, 1 << 32, n, dtype=np.uint32)


def similarity(a: Words32, b: Words32) -> npt.NDArray[np.float64]:
    """Estimate the Jaccard similarity of a's and b's rows: the share of equal numbers.

    The standard error is sqrt(s(1 - s) / permutations): .035 at .8 with 128.
    """
    return np.asarray(np.count_nonzero(a == b, axis=1) / a.shape[1])


def _chunks(texts: Sequence[str]) -> Iterator[int]:
    size = 0
    yield 0
    for n, text in enumerate(texts):
        if size and size + len(text) > _CHUNK:
            yield n
            size = 0
        size += len(text)
    if texts:
        yield len(texts)


def _kernel(
    data: npt.NDArray[np.uint8],
    ends: npt.NDArray[np.int64],
    table: Words32,
    a: Words32,
    b: Words32,
    n: int,
    marks: np.uint32,
    out: Words32,
    folded: npt.NDArray[np.uint8],
    folded_ends: npt.NDArray[np.int64],
    kept: Words32,
    kept_ends: npt.NDArray[np.int64],
) -> None:
    """Sign texts that lie end to end in ``data``; ``folded_ends`` is negative where marks need composing first.

    ``kept``: the hashes of all shingles, end to end.
    """
    # Every index is unsigned: numba would mix signed ones to floats and test them for being negative.
    zero, one, two, space = np.uint64(0), np.uint64(1), np.uint64(2), np.uint8(32)
    in_word, in_shingle = np.uint64(IN_WORD), np.uint64(_IN_SHINGLE)
    m1, m2, s33, s32 = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53), np.uint64(33), np.uint64(32)
    full = np.uint64(_BLOCK + n)
    hashes = np.empty(_BLOCK + n + 2, np.uint64)  # of words
    tokens = np.empty(_BLOCK + 3, np.uint32)  # hashes of shingles
    ascii_ = np.full(256, 255, np.uint8)  # as table; 255: begins a character of several bytes
    ascii_[:128] = table[:128]
    at = put = zero
    said = 0
    for d in range(ends.size):
        end = np.uint64(ends[d])
        begun = put
        carried = 0  # words of the block before, whose shingles reach into this one
        count = 0
        h = inside = zero
        flagged = False
        while True:
            k = np.uint64(count)
            while k < full and at < end:
                # No branches but one, since where words end cannot be foreseen: 2.3 times as fast as with them.
                while k < full and at < end:
                    f = ascii_[data[at]]
                    if f == 255:
                        break
                    at += one
                    parts = np.uint64(f == 0)
                    hashes[k] = h
                    k += parts & inside
                    folded[put] = space if f == 0 else f
                    put += one - (parts & (one - inside))
                    h = zero if f == 0 else h * in_word + np.uint64(f)
                    inside = one - parts
                if k >= full or at == end:
                    break
                c = np.uint32(data[at])
                if c >= 0xF0:
                    c = (
                        (c & 7) << 18
                        | (data[at + one] & 63) << 12
                        | (data[at + two] & 63) << 6
                        | data[at + two + one] & 63
                    )
                    at += two + two
                elif c >= 0xE0:
                    c = (c & 15) << 12 | (data[at + one] & 63) << 6 | data[at + two] & 63
                    at += two + one
                else:
                    c = (c & 31) << 6 | data[at + one] & 63
                    at += two
                e = table[c] if c < PLANES else np.uint32(c | SINGLE if c < 2 * PLANES else 0)
                if e & marks:
                    flagged = True
                    at = end
                    break
                e &= np.uint32(~MARK & 0xFFFFFFFF)
                if e == SKIPPED:
                    continue
                if inside and (e == 0 or e >= SINGLE):
                    hashes[k] = h
                    k += one
                    folded[put] = space
                    put += one
                    h = inside = zero
                if e == 0:
                    continue
                c = np.uint32(e & CODE)
                if c < 0x80:
                    folded[put] = c
                    put += one
                elif c < 0x800:
                    folded[put] = 0xC0 | c >> 6
                    folded[put + one] = 0x80 | c & 63
                    put += two
                elif c < 0x10000:
                    folded[put] = 0xE0 | c >> 12
                    folded[put + one] = 0x80 | c >> 6 & 63
                    folded[put + two] = 0x80 | c & 63
                    put += two + one
                else:
                    folded[put] = 0xF0 | c >> 18
                    folded[put + one] = 0x80 | c >> 12 & 63
                    folded[put + two] = 0x80 | c >> 6 & 63
                    folded[put + two + one] = 0x80 | c & 63
                    put += two + two
                h = h * in_word + np.uint64(c)
                inside = one
                if e >= SINGLE:
                    hashes[k] = h
                    k += one
                    folded[put] = space
                    put += one
                    h = inside = zero
            done = at == end and k < full
            if done and inside:
                hashes[k] = h
                k += one
                folded[put] = space
                put += one
            count = np.int64(k)  # type: ignore[assignment]
            for i in range(carried, count):
                t = (hashes[i] ^ (hashes[i] >> s33)) * m1
                t = (t ^ (t >> s33)) * m2
                hashes[i] = t ^ (t >> s33)
            size = min(n, count)
            shingled = 0 if flagged or count == carried else count - size + 1
            for i in range(shingled):
                t = zero
                for j in range(size):
                    t = t * in_shingle + hashes[i + j]
                t = (t ^ (t >> s33)) * m1
                t = (t ^ (t >> s33)) * m2
                x = np.uint32((t ^ (t >> s33)) >> s32)
                kept[said] = x
                said += 1
                x = np.uint32((x ^ (x >> np.uint32(16))) * np.uint32(0x85EBCA6B))
                x = np.uint32((x ^ (x >> np.uint32(13))) * np.uint32(0xC2B2AE35))
                tokens[i] = np.uint32(x ^ (x >> np.uint32(16)))
            for j in range(a.size):
                least = out[d, j]
                for i in range(shingled):
                    least = min(least, np.uint32(a[j] * tokens[i] + b[j]))
                out[d, j] = least
            if done:
                break
            carried = n - 1
            for i in range(carried):
                hashes[i] = hashes[count - carried + i]
            count = carried

        if put > begun:
            put -= one  # the blank behind the last word
        folded_ends[d] = -np.int64(put) - 1 if flagged else np.int64(put)
        kept_ends[d] = said


Run = Callable[..., tuple[list[bytes | None], list[Words32]]]
"""Sign encoded texts into rows; give their folded words (None: to be composed first) and their shingles' hashes."""


@cache
def _compiled() -> Run | None:
    """Compile the kernel, or take it from the cache; None without numba."""
    try:
        import numba
    except ImportError:
        return None
    try:
        kernel: Any = numba.njit(cache=True, nogil=True)(_kernel)
    except RuntimeError:  # "cannot cache function: no locator available": nowhere to write
        kernel = numba.njit(nogil=True)(_kernel)

    def run(
        texts: list[bytes], scheme: Scheme, out: Words32, marks: int = MARK
    ) -> tuple[list[bytes | None], list[Words32]]:
        data = np.frombuffer(b"".join(texts), np.uint8)
        ends = np.cumsum([len(text) for text in texts], dtype=np.int64)
        # A character folds to at most one byte more, and a blank behind it: ASCII to 2 bytes a byte, others to less.
        folded = np.empty(2 * data.size + 8, np.uint8)
        folded_ends = np.empty(len(texts), np.int64)
        kept, kept_ends = np.empty(data.size + len(texts), np.uint32), np.empty(len(texts), np.int64)
        a, b = permutations(scheme.permutations)
        told = a, b, scheme.shingle, np.uint32(marks)
        kernel(data, ends, words.table(), *told, out, folded, folded_ends, kept, kept_ends)
        bounds = [0, *(int(end) if end >= 0 else -int(end) - 1 for end in folded_ends)]
        whole = folded[: bounds[-1]].tobytes()
        return [
            whole[start:stop] if end >= 0 else None
            for (start, stop), end in zip(pairwise(bounds), folded_ends, strict=True)
        ], [kept[start:stop] for start, stop in pairwise([0, *kept_ends.tolist()])]

    return run


def _vectorized(
    texts: list[bytes], scheme: Scheme, out: Words32, marks: int = MARK
) -> tuple[list[bytes | None], list[Words32]]:
    """Sign as the compiled kernel does, with numpy alone."""
    a, b = permutations(scheme.permutations)
    found: list[bytes | None] = []
    kept: list[Words32] = []
    for n, text in enumerate(texts):
        folded, hashes = words.fold(words.composed(text))
        x = _shingled(hashes, scheme.shingle)
        kept.append(x)
        x = (x ^ x >> np.uint32(16)) * np.uint32(0x85EBCA6B)
        x = (x ^ x >> np.uint32(13)) * np.uint32(0xC2B2AE35)
        x ^= x >> np.uint32(16)
        for start in range(0, x.size, _BLOCK):
            values = x[start : start + _BLOCK, None] * a + b
            np.minimum(out[n], values.min(axis=0), out=out[n])
        found.append(folded)
    return found, kept


def _shingled(hashes: Words64, n: int) -> Words32:
    """Hash the shingles of n words, or the one of all words if they are fewer."""
    n = min(n, hashes.size)
    count = hashes.size - n + 1 if n else 0
    total = np.zeros(count, np.uint64)
    for j in range(n):
        total = total * np.uint64(_IN_SHINGLE) + hashes[j : j + count]
    return (words.mixed(total) >> np.uint64(32)).astype(np.uint32)
