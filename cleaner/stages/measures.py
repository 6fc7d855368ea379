"""What is measured of each line of a text that was scraped already: length, shape, place, neighbours, repetition.

Nothing here knows a language: one row a line, one column a measure, by arrays over the whole text.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cleaner.blocks.characters import PER_WORD, Floats

Flags = npt.NDArray[np.bool_]

LONG = 12.0
"""Words from which a line with a full stop reads like running text."""
_FAR = 20.0  # lines: what is further is far
_EDGE = 50.0
_WIDTHS = (3, 8)  # lines on either side whose mean is measured
_DIGITS = re.compile(r"\d+")

# Each character of the basic plane is of one kind; those of scripts without blanks are parted by how many make a word.
_KINDS = "other lower upper digit stop ask comma colon dash bar at slash hash bracket quote space dense2 dense3 dense5"
_OTHER, _LOWER, _UPPER, _DIGIT, _STOP, _ASK, _COMMA, _COLON, _DASH, _BAR = range(10)
_SPACE, _DENSE = 15, (16, 17, 18)
_COUNT = len(_KINDS.split())
_SIZES = sorted({size for *_, size in PER_WORD})
_PER_WORD = np.array(_SIZES, np.float32)
_SIGNS = {
    _STOP: ".。।؟።…", _ASK: "!?！？", _COMMA: ",;，；、،؛", _COLON: ":：", _DASH: "-–—·•●▪*", _BAR: "|»›>→«<",
    10: "@©®™", 11: "/\\", 12: "#+=_~^", 13: "()[]{}", 14: "\"“”„'’‘",
}  # fmt: skip


class Measures(NamedTuple):
    """``rows`` is (lines, columns); ``words`` counts each line's words, ``closed`` tells which end like a sentence."""

    rows: Floats
    columns: tuple[str, ...]
    words: Floats
    closed: Flags


class _Table:
    """The columns made so far, by name: single ones and matrices with a name a column."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.parts: list[Floats] = []

    def add(self, name: str, values: npt.NDArray[np.generic]) -> None:
        self.names.append(name)
        self.parts.append(np.asarray(values, np.float32)[:, None])

    def add_all(self, names: Sequence[str], values: Floats) -> None:
        self.names += names
        self.parts.append(np.asarray(values, np.float32))


def measures(lines: Sequence[str]) -> Measures:
    """Measure the lines of a text, stripped and none of them blank; linear in its characters.

    How many lines or characters the page has is not measured: it says much of the pages of one benchmark, and misled
    on texts in other languages. Nor are n-grams of characters: learned on English pages, they found no more.

    >>> measures(["Start", "Die Flut kam in der Nacht, und niemand hatte sie erwartet."]).words.tolist()
    [1.0, 11.0]
    """
    n = len(lines)
    table = _Table()
    counts, begins, capitals, ends = _counts(lines)
    dense = counts[:, _DENSE]
    words: Floats = (begins + dense @ (1 / _PER_WORD)).astype(np.float32)
    chars = counts.sum(1) - counts[:, _SPACE]
    whole, some, each = np.maximum(chars, 1), np.maximum(words, 1), np.maximum(begins, 1)
    letters = counts[:, _LOWER] + counts[:, _UPPER] + dense.sum(1)
    closed = (ends == _STOP) | (ends == _ASK)
    stops = counts[:, _STOP] + counts[:, _ASK]
    signs = counts[:, _DASH:_SPACE]
    own = {
        "chars": np.log1p(chars), "upper": counts[:, _UPPER] / np.maximum(letters, 1),
        "digits": counts[:, _DIGIT] / whole, "signs": signs.sum(1) / whole, "closed": closed.astype(np.float32),
        "capitals": capitals / each,
    }  # fmt: skip
    near = np.stack([*own.values()], axis=1).astype(np.float32)
    table.add_all(list(own), near)
    rest = {
        "words": np.log1p(words), "word-length": chars / some, "letters": letters / whole,
        "stops": stops / some, "ask": counts[:, _ASK], "commas": counts[:, _COMMA] / some, "colons": counts[:, _COLON],
        "dense": dense.sum(1) / np.maximum(letters, 1), "other": counts[:, _OTHER] / whole,
        "ends-colon": ends == _COLON, "ends-comma": ends == _COMMA, "ends-sign": (ends >= _DASH) & (ends < _SPACE),
    }  # fmt: skip
    for name, values in rest.items():
        table.add(name, values)
    table.add_all([f"sign-{k}" for k in _KINDS.split()[_DASH:_SPACE]], np.minimum(signs, 9))
    firsts = np.array([line[0] for line in lines])
    kinds = _kinds()[0][np.minimum(firsts.view(np.uint32), 0xFFFF)] if n else np.zeros(0, np.uint8)
    for name, kind in (("lower", _LOWER), ("upper", _UPPER), ("digit", _DIGIT), ("dash", _DASH), ("bar", _BAR)):
        table.add(f"starts-{name}", kinds == kind)
    table.add("cut", np.fromiter((line.endswith(("...", "…", "...]", "…]")) for line in lines), np.bool_, n))
    table.add("address", np.fromiter(("://" in line or "www." in line for line in lines), np.bool_, n))
    for shift in (-1, 1):
        table.add_all([f"{name}{shift:+}" for name in own], _shifted(near, shift))
    for shift in (-3, -2, 2, 3):
        table.add_all([f"{name}{shift:+}" for name in ("chars", "closed")], _shifted(near[:, (0, 4)], shift))
    _place(table, chars, words, (words >= LONG) & (stops > 0), closed)
    sums = np.vstack((np.zeros(3), np.cumsum(np.stack((chars, closed, counts[:, _DIGIT]), 1), 0, dtype=np.float64)))
    at = np.arange(n)
    for width in _WIDTHS:
        first, last = np.maximum(at - width, 0), np.minimum(at + width + 1, n)
        means = (sums[last] - sums[first]) / (last - first)[:, None] if n else np.zeros((0, 3))
        means[:, 2] /= np.maximum(means[:, 0], 1)
        means[:, 0] = np.log1p(means[:, 0])
        table.add_all([f"{name}-of-{width}" for name in ("mean", "closed", "digits")], means.astype(np.float32))
    _repeats(table, lines)
    return Measures(np.hstack(table.parts), tuple(table.names), words, closed)


@cache
def _kinds() -> tuple[npt.NDArray[np.uint8], Flags]:
    """Give the kind of each character of the basic plane, and which kinds make words that blanks part."""
    made = np.full(0x10000, _OTHER, np.uint8)
    for code in range(0x10000):
        category = unicodedata.category(chr(code))
        if category[0] in "LM":
            made[code] = _UPPER if category in ("Lu", "Lt") else _LOWER
        elif category == "Nd":
            made[code] = _DIGIT
        elif category[0] == "Z" or code in (9, 10):
            made[code] = _SPACE
    for first, last, size in PER_WORD:
        part = made[first : last + 1]
        part[part == _LOWER] = _DENSE[_SIZES.index(size)]
    for kind, signs in _SIGNS.items():
        made[[ord(sign) for sign in signs]] = kind
    return made, np.isin(np.arange(_COUNT), (_LOWER, _UPPER, _DIGIT))


def _codes(text: str) -> npt.NDArray[np.uint16]:
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    return np.minimum(codes, 0xFFFF).astype(np.uint16)


def _counts(lines: Sequence[str]) -> tuple[Floats, Floats, Floats, npt.NDArray[np.uint8]]:
    """Give of each line its characters by kind, its words, those with a capital, and the kind that it ends with."""
    n = len(lines)
    if not n:
        return np.zeros((0, _COUNT), np.float32), *(np.zeros(0, np.float32),) * 2, np.zeros(0, np.uint8)
    kinds, parted = _kinds()
    found = kinds[_codes("\n".join(lines) + "\n")]
    sizes = np.fromiter(map(len, lines), np.int64, n) + 1
    line = np.repeat(np.arange(n), sizes)
    counts = np.bincount(line * _COUNT + found, minlength=n * _COUNT).reshape(n, _COUNT)
    inside = parted[found]
    begins = inside.copy()
    begins[1:] &= ~inside[:-1]
    words = np.bincount(line[begins], minlength=n)
    capitals = np.bincount(line[begins & (found == _UPPER)], minlength=n)
    last = np.cumsum(sizes) - 2
    ends = found[last]
    quoted = ((ends == 13) | (ends == 14)) & (sizes > 2)
    ends = np.where(quoted, found[np.maximum(last - 1, 0)], ends)
    return counts.astype(np.float32), words.astype(np.float32), capitals.astype(np.float32), ends


def _shifted(values: Floats, shift: int) -> Floats:
    """Give the values of the line so many lines further; -1 beyond the text."""
    made = np.full(values.shape, -1, np.float32)
    if shift > 0:
        made[:-shift] = values[shift:]
    else:
        made[-shift:] = values[:shift]
    return made


def _place(table: _Table, chars: Floats, words: Floats, long: Flags, closed: Flags) -> None:
    n = len(chars)
    at = np.arange(n)
    total = max(1.0, float(chars.sum()))
    table.add("from-head", np.minimum(at, _EDGE))
    table.add("from-tail", np.minimum(n - 1 - at, _EDGE))
    table.add("share-before", (np.cumsum(chars, dtype=np.float64) - chars) / total)
    none = 2 * n + _FAR
    since = at - np.maximum.accumulate(np.where(long, at, -none)) if n else at
    until = np.minimum.accumulate(np.where(long, at, n + none)[::-1])[::-1] - at if n else at
    table.add("since-long", np.minimum(since, _FAR))
    table.add("to-long", np.minimum(until, _FAR))
    table.add("no-long-before", since > n)
    table.add("no-long-after", until > n)
    run, inside = _runs(~long)
    table.add("run", np.log1p(run))
    table.add("in-run", inside / np.maximum(run, 1))
    table.add("open-run", np.log1p(_runs(~closed)[0]))
    shares = (chars[long].sum() / total, closed.mean(), (words < 5).mean()) if n else (0.0,) * 3
    page = tuple(map(float, shares))
    names = [f"page-{name}" for name in ("long", "closed", "short")]
    table.add_all(names, np.repeat(np.array([page], np.float32), n, 0))


def _runs(flags: Flags) -> tuple[Floats, Floats]:
    """Give the length of the run of flagged lines that each line is in, and its place in it; 0 where it is in none."""
    n = len(flags)
    if not n:
        return np.zeros(0, np.float32), np.zeros(0, np.float32)
    starts = np.concatenate(([0], np.flatnonzero(flags[1:] != flags[:-1]) + 1))
    sizes = np.diff(starts, append=n)
    run = np.repeat(sizes, sizes) * flags
    return run.astype(np.float32), ((np.arange(n) - np.repeat(starts, sizes)) * flags).astype(np.float32)


def _repeats(table: _Table, lines: Sequence[str]) -> None:
    """Measure how many lines are the same but for their digits, and how many begin with the same word."""
    folded = _DIGITS.sub("0", "\n".join(lines).lower()).split("\n") if lines else []
    for name, keys in (("same-line", folded), ("same-first", [line.split(" ", 1)[0] for line in folded])):
        counts = Counter(keys)
        table.add(name, np.log(np.fromiter(map(counts.__getitem__, keys), np.float32, len(keys))))
