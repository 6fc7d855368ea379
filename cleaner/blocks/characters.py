"""Counts of characters by class and of words, for all lines of a text at once."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import accumulate

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

LETTER, UPPER, DIGIT, END, COMMA, MARK, DENSE, SPACE = (1 << n for n in range(8))
_ENDS = ".!?。！？…।؟։።។"
_COMMAS = ",;:、，；：،؛"
PER_WORD = (
    (0x0E00, 0x0EFF, 4.5),
    (0x1000, 0x109F, 4.5),
    (0x1780, 0x17FF, 4.5),
    (0x3040, 0x30FF, 2.5),
    (0x3400, 0x9FFF, 1.7),
)
"""First and last character of scripts that put no blanks between words, and about how many of them make a word.

Japanese, Chinese, Thai, Lao, Khmer and Burmese: 1.7 in Chinese text, 4 to 5 in Thai; Japanese lies between."""


class Counts:
    """Of each line: characters without blanks, words, and the characters of each class; arrays of one length."""

    def __init__(self, lines: Sequence[str]) -> None:
        parts = [_counts(part) for part in _parts(lines)]
        counts = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        self.upper, self.digits, self.ends, self.commas, self.marks, self.dense = counts[:6]
        self.letters, self.chars, self.words, self.closed, self.colon, self.number = counts[6:]


_AT_ONCE = 1 << 18  # characters: what is counted of each takes 40 bytes meanwhile


def _parts(lines: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut lines into parts of ``_AT_ONCE`` characters, nearly."""
    ends = list(accumulate(map(len, lines)))
    first = 0
    while first < len(lines) or not first:
        past = bisect_right(ends, _AT_ONCE + (ends[first - 1] if first else 0), first)
        yield lines[first : max(past, first + 1)]
        first = max(past, first + 1)


def _counts(lines: Sequence[str]) -> Floats:
    """Give what is counted of some lines; (12, lines)."""
    table, classes, weights = _tables()
    count = len(lines)
    sizes = np.array([len(line) + 1 for line in lines], np.int64)
    text = "\n".join(lines) + "\n" * (count > 0)
    if text.isascii():
        data = text.encode()
        codes = np.frombuffer(data, np.uint8)
        kinds = np.frombuffer(data.translate(table[:256].tobytes()), np.uint8)
    else:
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        kinds = table.take(codes, mode="clip")
    at = np.repeat(np.arange(count), sizes)
    # One count of pairs of line and class takes a fifth of the time of a sum for each class.
    found = np.bincount(at * _CLASSES + classes[kinds], minlength=count * _CLASSES)
    made = np.empty((12, count), np.float32)
    classed = found.reshape(count, _CLASSES).T
    made[:6] = classed[1:7]
    made[6] = classed[0] + classed[1] + classed[6]
    made[7] = sizes - classed[7]
    inside = (kinds & (LETTER | DIGIT)) != 0
    dense = np.flatnonzero(kinds & DENSE)
    inside[dense] = False
    begins = inside.copy()
    begins[1:] &= ~inside[:-1]
    made[8] = np.bincount(at[begins], minlength=count)
    if len(dense):
        made[8] += np.bincount(at[dense], weights[codes[dense]], count).astype(np.float32)
    stops = np.cumsum(sizes)
    last, before, starts = np.maximum(stops - 2, 0), np.maximum(stops - 3, 0), stops - sizes
    quoted = ((kinds[last] & MARK) != 0) & ((kinds[before] & END) != 0)
    made[9] = ((kinds[last] & END) != 0) | quoted
    made[10] = (kinds[last] & COMMA) != 0
    made[11] = (kinds[starts] & DIGIT) != 0
    return made


_CLASSES = 9
"""What a character counts as: other letter, capital, digit, end, comma, mark, dense letter, blank, nothing."""
_COUNTED = (UPPER, DIGIT, END, COMMA, MARK, DENSE, SPACE)


@cache
def _tables() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], Floats]:
    """Give the kinds of each character of the basic plane, what each kind counts as, and its weight as words.

    The last kind is that of all characters beyond: a symbol's.
    """
    plane = np.arange(0x10000, dtype="<u4").tobytes().decode("utf-32-le", "surrogatepass")
    categories = list(map(unicodedata.category, plane))
    of = {category: _kind(category) for category in {*categories}}
    kinds = np.frombuffer(bytes(map(of.__getitem__, categories)) + b"\0", np.uint8).copy()
    kinds[[blank.start() for blank in re.finditer(r"\s", plane)]] = SPACE
    kinds[list(map(ord, _ENDS))], kinds[list(map(ord, _COMMAS))] = END, COMMA
    weights = np.zeros(0x10000, np.float32)
    for first, last, per_word in PER_WORD:
        letters = first + np.flatnonzero(kinds[first : last + 1] & LETTER)
        kinds[letters] |= DENSE
        weights[letters] = 1 / per_word
    kinds[-1] = kinds[0xFFFD]
    classes = np.full(256, _CLASSES - 1, np.int64)
    classes[LETTER] = 0
    for n, bit in enumerate(_COUNTED):
        classes[[kind for kind in range(256) if kind & bit]] = n + 1
    return kinds, classes, weights


def _kind(category: str) -> int:
    """Give the kind of a category's characters, of those that are no blanks, ends or commas."""
    if category[0] in "LM":
        return LETTER | (UPPER if category in ("Lu", "Lt") else 0)
    return DIGIT if category == "Nd" else MARK if category[0] in "PS" else 0
