"""Counts of characters by class and of words, for all lines of a text at once."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

LETTER, UPPER, DIGIT, END, COMMA, MARK, DENSE, SPACE = (1 << n for n in range(8))
_ENDS = ".!?。！？…।؟։።។"
_COMMAS = ",;:、，；：،؛"
# Japanese, Chinese, Thai, Lao, Khmer and Burmese put no blanks between words. A word of theirs takes about so many
# characters: 1.7 in Chinese text, 4 to 5 in Thai; Japanese lies between.
_DENSE = (
    (0x0E00, 0x0EFF, 4.5),
    (0x1000, 0x109F, 4.5),
    (0x1780, 0x17FF, 4.5),
    (0x3040, 0x30FF, 2.5),
    (0x3400, 0x9FFF, 1.7),
)


class Counts:
    """Of each line: characters without blanks, words, and the characters of each class; arrays of one length."""

    def __init__(self, lines: Sequence[str]) -> None:
        table, weights = _tables()
        text = "\n".join(lines) + "\n"
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        codes = np.where(codes < 0x10000, codes, 0xFFFD).astype(np.uint16)
        kinds = table[codes]
        stops = np.cumsum([len(line) + 1 for line in lines]) if lines else np.zeros(0, np.int64)
        self._starts = np.concatenate(([0], stops[:-1])).astype(np.int64) if lines else stops
        self._stops = stops
        inside = (kinds & (LETTER | DIGIT)) != 0
        dense = (kinds & DENSE) != 0
        begins = inside & ~dense
        begins[1:] &= ~(inside & ~dense)[:-1]
        self.words = self._sum(begins.astype(np.float32)) + self._sum(weights[codes])
        self.chars = self._sum((kinds & SPACE) == 0)
        self.letters, self.upper, self.digits = (self._sum((kinds & bit) != 0) for bit in (LETTER, UPPER, DIGIT))
        self.ends, self.commas, self.marks = (self._sum((kinds & bit) != 0) for bit in (END, COMMA, MARK))
        self.dense = self._sum(dense)
        if lines:
            last = np.maximum(self._stops - 2, 0)
            before = np.maximum(self._stops - 3, 0)
            quoted = ((kinds[last] & MARK) != 0) & ((kinds[before] & END) != 0)
            self.closed = (((kinds[last] & END) != 0) | quoted).astype(np.float32)
            self.colon = ((kinds[last] & COMMA) != 0).astype(np.float32)
            self.capital = ((kinds[self._starts] & UPPER) != 0).astype(np.float32)
            self.number = ((kinds[self._starts] & DIGIT) != 0).astype(np.float32)
        else:
            self.closed = self.colon = self.capital = self.number = np.zeros(0, np.float32)

    def _sum(self, values: npt.NDArray[np.bool_] | Floats) -> Floats:
        sums = np.concatenate(([0.0], np.cumsum(values, dtype=np.float64)))
        return np.asarray(sums[self._stops] - sums[self._starts], np.float32)


@cache
def _tables() -> tuple[npt.NDArray[np.uint8], Floats]:
    """Give the classes and the weight as words of each character of the basic plane."""
    kinds = np.zeros(0x10000, np.uint8)
    weights = np.zeros(0x10000, np.float32)
    for code in range(0x10000):
        char = chr(code)
        category = unicodedata.category(char)
        if category[0] == "L" or category[0] == "M":
            kinds[code] = LETTER | (UPPER if category in ("Lu", "Lt") else 0)
        elif category == "Nd":
            kinds[code] = DIGIT
        elif char.isspace():
            kinds[code] = SPACE
        elif category[0] in "PS":
            kinds[code] = END if char in _ENDS else COMMA if char in _COMMAS else MARK
    for first, last, chars in _DENSE:
        for code in range(first, last + 1):
            if kinds[code] & LETTER:
                kinds[code] |= DENSE
                weights[code] = 1 / chars
    return kinds, weights
