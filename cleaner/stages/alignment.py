"""Which words of a page another text has too, in the same order: a diff of two texts in n log n."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple
from unicodedata import normalize

SHORT = 3
"""Of lines with fewer words than this, a part that matches says nothing."""
# Lines of so many words are aligned first, and are known for themselves wherever they stand.
_LONG = 8
# Soft hyphens, zero-width and direction marks, controls: trafilatura drops them inside words.
_INVISIBLE = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")


def words(text: str) -> tuple[str, ...]:
    """Give the words of a text, folded; a Chinese or Japanese character is a word.

    >>> words("Le pont\\xad, rouvert")
    ('le', 'pont', 'rouvert')
    """
    return tuple(_WORD.findall(normalize("NFC", _INVISIBLE.sub("", text)).casefold()))


def shares(page: Sequence[str], text: str) -> list[float]:
    """Give for each line of a page the share of its words that the text has too, in order; short lines all or none.

    >>> shares(["Menu", "The tide turns at noon", "Home"], "The tide turns")
    [0.0, 0.6, 0.0]
    """
    if not text:
        return [0.0] * len(page)
    lines = [words(line) for line in page]
    hits = align(lines, [words(line) for line in text.split("\n")])
    parts = [hit / max(1, len(own)) for hit, own in zip(hits, lines, strict=True)]
    return [part if len(own) >= SHORT or part == 1 else 0.0 for part, own in zip(parts, lines, strict=True)]


def align(page: Sequence[tuple[str, ...]], main: Sequence[tuple[str, ...]]) -> list[int]:
    """Count the words of each line that the main text has too, in the same order: a diff of two texts.

    Whole lines that stand once on both sides are paired first, long before short; then, between the pairs, three
    words in a row that stand once on both sides; the pairs grow word by word. What is left may repeat: the line
    nearest to what is paired. Never more than a few passes over the words; n log n in all.
    """
    pairing = _Pairing(page, main)
    pairing.lines(_LONG)
    pairing.lines(1)
    for _ in range(2):
        pairing.trigrams()
        pairing.grow()
        pairing.lines(1)
    pairing.nearest()
    pairing.grow()
    pairing.elsewhere()
    return pairing.counts()


class _Gap(NamedTuple):
    """A stretch of words that are not paired yet, on both sides, half-open."""

    start: int
    stop: int
    main_start: int
    main_stop: int


class _Side:
    """One side of an alignment: its words in a row, and where its lines begin."""

    def __init__(self, texts: Sequence[tuple[str, ...]]) -> None:
        self.words = [word for words in texts for word in words]
        self.spans: list[tuple[int, tuple[str, ...]]] = []
        at = 0
        for words in texts:
            if words:
                self.spans.append((at, words))
            at += len(words)
        self._starts = [start for start, _ in self.spans]

    def whole(self, start: int, stop: int) -> list[tuple[int, tuple[str, ...]]]:
        """Give the lines that lie within a stretch of words."""
        n = bisect_left(self._starts, start)
        m = bisect_left(self._starts, stop)
        if m > n and self.spans[m - 1][0] + len(self.spans[m - 1][1]) > stop:
            m -= 1
        return self.spans[n:m]


class _Pairing:
    """Which word of the page is which word of the main text; pairs never cross."""

    def __init__(self, page: Sequence[tuple[str, ...]], main: Sequence[tuple[str, ...]]) -> None:
        self._sizes = [len(words) for words in page]
        self._page, self._main = _Side(page), _Side(main)
        self._mate = [-1] * len(self._page.words)
        self._taken = bytearray(len(self._main.words))
        self._apart = bytearray(len(self._page.words))

    def lines(self, least: int) -> None:
        """Pair whole lines of at least so many words that stand once in their gap, on both sides."""
        for gap in self._gaps():
            ours = [(at, words) for at, words in self._page.whole(gap.start, gap.stop) if len(words) >= least]
            theirs = [
                (at, words) for at, words in self._main.whole(gap.main_start, gap.main_stop) if len(words) >= least
            ]
            self._pair(ours, theirs)

    def trigrams(self) -> None:
        """Pair three words in a row that stand once in their gap, on both sides."""
        for gap in self._gaps():
            a, b = self._page.words, self._main.words
            ours = [(n, tuple(a[n : n + 3])) for n in range(gap.start, gap.stop - 2)]
            theirs = [(n, tuple(b[n : n + 3])) for n in range(gap.main_start, gap.main_stop - 2)]
            self._pair(ours, theirs)

    def grow(self) -> None:
        """Pair the equal words that follow a pair, and those that stand before it."""
        a, b, mate, taken = self._page.words, self._main.words, self._mate, self._taken
        for step, order in ((1, range(len(a) - 1)), (-1, range(len(a) - 1, 0, -1))):
            for n in order:
                other = mate[n] + step
                if mate[n] < 0 or mate[n + step] >= 0 or not 0 <= other < len(b):
                    continue
                if not taken[other] and a[n + step] == b[other]:
                    self._join(n + step, other, 1)

    def nearest(self) -> None:
        """Pair the lines left in a gap that repeat on the page, each with the one nearest to what is paired."""
        for gap in self._gaps():
            places: dict[tuple[str, ...], list[int]] = defaultdict(list)
            for at, words in self._page.whole(gap.start, gap.stop):
                places[words].append(at)
            theirs = self._main.whole(gap.main_start, gap.main_stop)
            if gap.start == 0 < gap.stop < len(self._mate):  # before the main text: its title, not the menu's
                stop = gap.stop
                for at, words in reversed(theirs):
                    n = bisect_left(places[words], stop) - 1
                    if n >= 0:
                        stop = places[words][n]
                        self._join(stop, at, len(words))
                continue
            start = gap.start
            for at, words in theirs:
                n = bisect_left(places[words], start)
                if n < len(places[words]):
                    self._join(places[words][n], at, len(words))
                    start = places[words][n] + len(words)

    def elsewhere(self) -> None:
        """Count long lines that stand once on both sides in another order: posts that trafilatura appends."""
        ours = [(at, words) for at, words in self._page.spans if len(words) >= _LONG]
        theirs = [(at, words) for at, words in self._main.spans if len(words) >= _LONG]
        counts, once = Counter(words for _, words in ours), Counter(words for _, words in theirs)
        free = {words for at, words in theirs if once[words] == 1 and not any(self._taken[at : at + len(words)])}
        for at, words in ours:
            if words in free and counts[words] == 1:
                self._apart[at : at + len(words)] = b"\x01" * len(words)

    def counts(self) -> list[int]:
        """Give the number of paired words of each line of the page."""
        hits, at = [], 0
        for size in self._sizes:
            hits.append(sum(self._mate[n] >= 0 or self._apart[n] for n in range(at, at + size)))
            at += size
        return hits

    def _gaps(self) -> list[_Gap]:
        gaps = []
        start = main_start = 0
        for n, other in enumerate((*self._mate, len(self._main.words))):
            if other < 0:
                continue
            if n > start and other > main_start:
                gaps.append(_Gap(start, n, main_start, other))
            start, main_start = n + 1, other + 1
        return gaps

    def _pair(self, ours: Sequence[tuple[int, tuple[str, ...]]], theirs: Sequence[tuple[int, tuple[str, ...]]]) -> None:
        counts, others = Counter(key for _, key in ours), Counter(key for _, key in theirs)
        where = {key: at for at, key in theirs if others[key] == 1}
        pairs = [(at, where[key], len(key)) for at, key in ours if counts[key] == 1 and key in where]
        for n in _longest_increasing([other for _, other, _ in pairs]):
            self._join(*pairs[n])

    def _join(self, at: int, other: int, size: int) -> None:
        for n in range(size):
            self._mate[at + n] = other + n
            self._taken[other + n] = 1


def _longest_increasing(values: Sequence[int]) -> list[int]:
    """Give the indices of a longest increasing subsequence, in order.

    >>> _longest_increasing([5, 1, 2, 9, 3])
    [1, 2, 4]
    """
    tops: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for n, value in enumerate(values):
        place = bisect_left(tops, value)
        before.append(ends[place - 1] if place else -1)
        tops[place : place + 1] = [value]
        ends[place : place + 1] = [n]
    chain = []
    n = ends[-1] if ends else -1
    while n >= 0:
        chain.append(n)
        n = before[n]
    return chain[::-1]
