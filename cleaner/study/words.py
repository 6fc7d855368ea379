"""Fold a text to the words that signatures compare.

Case is folded and full-width forms are narrowed; letters, digits and their marks make words, everything else parts
them. Digits are kept: pages of one template that differ in their numbers (weather, results, prices) are no copies.
Han, kana, Thai, Lao, Tibetan, Burmese and Khmer characters are words of their own, since no blanks part their words.
Zero-width characters and soft hyphens do not count. The classes are those of Unicode 3.2, which every Python carries
unchanged: what is newer counts as a letter (outside the blocks of symbols), so that a signature never depends on the
Python that made it.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

import numpy as np
import numpy.typing as npt

FOLD = 1
"""Goes up when any text folds to other words; signatures of another fold cannot be compared."""

PLANES = 0x20000
"""The length of ``table``. Behind it lie two planes of Han, then nothing that is a word."""

SINGLE, MARK, SKIPPED, CODE = 1 << 31, 1 << 30, 1, (1 << 21) - 1
"""What ``table`` says: a word of its own; may compose with the character before; not there at all; the character."""

IN_WORD = 0x9E3779B97F4A7C15
"""Multiplies a word's hash at each character: 2**64 by the golden ratio, as splitmix64 does."""

_SINGLES = (
    *((0x0E00, 0x10A0), (0x1780, 0x1800), (0x3040, 0x3130), (0x31A0, 0x31C0), (0x31F0, 0x3200), (0x3400, 0x4DC0)),
    *((0x4E00, 0xA000), (0xF900, 0xFB00), (0xFF66, 0xFFA0)),
)
_SYMBOLS = ((0x2000, 0x2C00), (0x2E00, 0x3040), (0xFE10, 0xFE20), (0x1F000, 0x20000))
_NOTHING = (0xAD, 0x34F, 0x180E, 0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2060, 0xFEFF, *range(0xFE00, 0xFE10))
# What NFC joins to the letter before: European marks, Arabic ones, Hangul vowels and final consonants, kana voicing.
_MARKS = ((0x0300, 0x0370), (0x0653, 0x0656), (0x1161, 0x1176), (0x11A8, 0x11C3), (0x3099, 0x309B))
_DECOMPOSED = re.compile(f"(?s).[{''.join(f'{chr(start)}-{chr(stop - 1)}' for start, stop in _MARKS)}]{{1,16}}")


def words(text: str) -> list[str]:
    """Give the folded words of a text.

    >>> words("L’OTAN a dit «\\u202fnon\\u202f» 3 fois: 東京!")
    ['l', 'otan', 'a', 'dit', 'non', '3', 'fois', '東', '京']
    """
    return fold(composed(text.encode("utf-8", "replace")))[0].decode().split()


def composed(text: bytes) -> bytes:
    """Compose letters with the marks behind them.

    Not ``normalize`` of the whole: it sorts a run of marks by insertion, and 100,000 of them take 12 seconds.
    """
    return _DECOMPOSED.sub(lambda m: unicodedata.normalize("NFC", m[0]), text.decode()).encode()


@cache
def table() -> npt.NDArray[np.uint32]:
    """Give what each character below ``PLANES`` folds to, with ``SINGLE`` or ``MARK`` added; 0 parts words."""
    kinds = [*map(unicodedata.ucd_3_2_0.category, map(chr, range(PLANES)))]  # in C: every process waits for it
    told = {kind: 2 if kind in ("Lu", "Lt") else 3 if kind == "Cn" else kind[0] in "LNM" for kind in set(kinds)}
    kind = np.frombuffer(bytes(map(told.__getitem__, kinds)), np.uint8).copy()
    for start, stop in _SYMBOLS:
        kind[start:stop][kind[start:stop] == 3] = 0
    kind[0x1C90:0x1CC0] = kind[0x3C2] = 2  # newer Georgian capitals; final sigma
    found = np.where(kind > 0, np.arange(PLANES, dtype=np.uint32), 0).astype(np.uint32)
    for code in np.flatnonzero(kind == 2).tolist():
        folded = chr(code).casefold()
        found[code] = ord(folded if len(folded) == 1 else chr(code).lower()[0])
    found[0x02B9:0x02C0] = 0  # apostrophes that count as letters
    found[0xFF01:0xFF5F] = found[0x21:0x7F]
    for start, stop in _SINGLES:
        found[start:stop] |= np.where(found[start:stop] > 0, SINGLE, 0).astype(np.uint32)
    for start, stop in _MARKS:
        found[start:stop] |= np.where(found[start:stop] > 0, MARK, 0).astype(np.uint32)
    found[list(_NOTHING)] = SKIPPED
    return found


def fold(text: bytes) -> tuple[bytes, npt.NDArray[np.uint64]]:
    """Give a composed text's folded words, parted by blanks, and the hash of each."""
    points = np.frombuffer(text.decode().encode("utf-32-le"), "<u4")
    f = np.where(points < PLANES, table()[np.minimum(points, PLANES - 1)], points | np.uint32(SINGLE))
    f[points >= 2 * PLANES] = 0
    f &= np.uint32(~MARK & 0xFFFFFFFF)
    f = f[f != SKIPPED]
    word = f > 0
    if not word.any():
        return b"", np.empty(0, np.uint64)
    single = f >= SINGLE
    part = np.concatenate(([True], single[1:] | single[:-1] | ~word[1:] | ~word[:-1], [True]))
    lengths = np.flatnonzero(word & part[1:]) + 1 - np.flatnonzero(word & part[:-1])
    codes = f[word] & np.uint32(CODE)
    ends = np.cumsum(lengths)
    powers = np.full(lengths.max(), IN_WORD, np.uint64)
    powers[0] = 1
    powers = np.multiply.accumulate(powers)
    left = np.repeat(ends, lengths) - 1 - np.arange(codes.size)  # characters of the word behind each
    hashes = mixed(np.add.reduceat(codes * powers[left], ends - lengths))
    parted = np.full(codes.size + lengths.size, 32, "<u4")
    parted[np.arange(codes.size) + np.repeat(np.arange(lengths.size), lengths)] = codes
    return parted[:-1].tobytes().decode("utf-32-le").encode(), hashes


def mixed(h: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Spread 64 bits: the finalizer of MurmurHash3."""
    h = (h ^ h >> np.uint64(33)) * np.uint64(0xFF51AFD7ED558CCD)
    h = (h ^ h >> np.uint64(33)) * np.uint64(0xC4CEB9FE1A85EC53)
    return h ^ h >> np.uint64(33)
