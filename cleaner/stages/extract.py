"""The main text of a page: what trafilatura finds, aligned to the lines of the linearised page."""

from __future__ import annotations

import logging
import re
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, NamedTuple
from unicodedata import normalize

from cleaner.document import Document, Edit, Hint, Label, Line, Patch, lines
from cleaner.stages.repeated import is_long

RULE = "extract/trafilatura"
# Of lines with fewer words than this, a part that matches says nothing.
_SHORT = 3
# Lines of so many words are aligned first, and are known for themselves wherever they stand.
_LONG = 8
# What stands before the first paragraph of a page's own text: its title, author and date.
_LEAD = 3
_LEAST_HELD = 0.3
# Where no day is given: a date extractor that asked the clock would find other dates in another year.
_NO_BOUND = "2100-01-01"
# Soft hyphens, zero-width and direction marks, controls: trafilatura drops them inside words.
_INVISIBLE = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")


class _Found(NamedTuple):
    """What trafilatura found in a page: its main text, and what it tells of it."""

    text: str
    labels: Mapping[str, Label]


@dataclass(frozen=True, slots=True)
class Extract:
    """Keep the main text of a page; every other line goes, with its tag path as the note.

    ``today`` (``2026-01-31``) is the latest date a page may have been published on. Labels: ``title``, ``author``,
    ``date``, ``sitename`` where found, and ``extract``: ``trafilatura``; ``nothing-found`` when there was no main
    text, ``unaligned`` when less than half of it stands in the page's visible text, ``failed`` when trafilatura
    did, ``unrepeated`` when it found little of what the site's other pages do not have. In the last four cases the
    whole text stays, less what the site repeats. Documents that are no pages are left alone.
    """

    today: str | None = None
    name: ClassVar[str] = "extract"

    def propose(self, document: Document) -> Patch:
        """Give the patch that removes what is not main text. Never raises."""
        if document.html is None or not document.hints:
            return Patch(self.name)
        try:
            found = _main_text(document.html, document.url, self.today)
        except Exception:  # whatever lxml, htmldate or a deep tree (RecursionError) may throw at it
            return Patch(self.name, labels={"extract": "failed"})
        if not found.text:
            return Patch(self.name, labels={**found.labels, "extract": "nothing-found"})
        # The raw lines are aligned: they and trafilatura saw the same characters, whatever was repaired since.
        raw = [line.text for line in lines(document.raw)]
        stays = _kept(raw, document.hints, found)
        now = document.lines
        origins = list(_origins(document, now))
        if stays is None or not any(stays[n] and line.text for n, line in zip(origins, now, strict=True)):
            return Patch(self.name, labels={**found.labels, "extract": "unaligned"})
        if _misses_the_text(document, now, [stays[n] for n in origins]):
            return Patch(self.name, labels={**found.labels, "extract": "unrepeated"})
        notes = [document.hints[n].path for n in origins]
        edits = _removals(document.text, now, [stays[n] for n in origins], notes)
        return Patch(self.name, tuple(edits), {**found.labels, "extract": "trafilatura"})


def _misses_the_text(document: Document, now: Sequence[Line], stays: Sequence[bool]) -> bool:
    """Whether what stays is little of the page's own text, where it is known what the site repeats.

    The page's own text reaches from the first to the last paragraph of what is not repeated. On seven crawls .3 of
    its words part the pages whose markup tells trafilatura nothing (word-F1 with opaque markup .906 before, .924
    with this) from those where comments stand below the article (.993 and .992 with plain markup).
    """
    if not any(patch.stage == "repeated" and patch.edits for patch in document.patches):
        return False
    long = [n for n, line in enumerate(now) if is_long(line.text)]
    if not long:
        return False
    own = range(max(0, long[0] - _LEAD), long[-1] + 1)
    held = sum(len(line.text.split()) for line, stay in zip(now, stays, strict=True) if stay)
    return held < _LEAST_HELD * sum(len(now[n].text.split()) for n in own)


def _main_text(html: str, url: str | None, today: str | None) -> _Found:
    for name in ("trafilatura", "htmldate", "courlan"):
        logging.getLogger(name).propagate = False  # they warn about every odd page; the label tells it
    import trafilatura  # here, because importing it takes longer than cleaning a hundred texts

    found = trafilatura.bare_extraction(
        html,
        url=url,
        with_metadata=True,
        include_comments=False,
        include_tables=True,
        date_extraction_params={"original_date": True, "extensive_search": True, "max_date": today or _NO_BOUND},
    )
    if found is None or isinstance(found, dict):  # a dict only where a deprecated argument asks for it
        return _Found("", {})
    labels = {name: getattr(found, name) for name in ("title", "author", "date", "sitename")}
    return _Found(
        (found.text or "").strip(), {k: v.strip() for k, v in labels.items() if isinstance(v, str) and v.strip()}
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(normalize("NFC", _INVISIBLE.sub("", text)).casefold()))


def _origins(document: Document, now: Sequence[Line]) -> Iterator[int]:
    """Give the number of the raw line each line's first character came from."""
    offsets: Sequence[int] = [line.start for line in now]
    for patch in reversed(document.patches):
        offsets = list(patch.origins(offsets))
    starts = [line.start for line in lines(document.raw)]
    return (bisect_right(starts, offset) - 1 for offset in offsets)


def _kept(raw: Sequence[str], hints: Sequence[Hint], found: _Found) -> list[bool] | None:
    """Tell for each line whether it is main text; None when the main text is not to be found in the lines."""
    page = [_words(line) for line in raw]
    main = [_words(line) for line in found.text.split("\n")]
    matched, least = _align(page, main), sum(map(len, main)) / 2
    if sum(matched) < least:
        return None
    stays = [
        bool(words) and (hits == len(words) if len(words) < _SHORT else 2 * hits >= len(words))
        for words, hits in zip(page, matched, strict=True)
    ]
    if not any(stays):
        return None
    if (title := _title(page, hints, stays, found.labels)) is not None:
        stays[title] = True
    return _with_neighbours(raw, page, stays)


def _title(
    page: Sequence[tuple[str, ...]], hints: Sequence[Hint], stays: Sequence[bool], labels: Mapping[str, Label]
) -> int | None:
    """Give the line of the page's title, if it stands before the main text and has no place in it."""
    title, site = (_words(str(labels.get(name, ""))) for name in ("title", "sitename"))
    first = stays.index(True)
    if any(stay and words == title for words, stay in zip(page, stays, strict=True)):
        return None
    heads = [n for n in range(first) if page[n] and hints[n].path.split("/")[-1] == "h1" and page[n] != site]
    named = [n for n in range(first) if page[n] and page[n] == title]
    both = set(heads) & set(named)
    return max(both or named or heads, default=None)


def _with_neighbours(raw: Sequence[str], page: Sequence[tuple[str, ...]], stays: Sequence[bool]) -> list[bool]:
    """Keep short lines beside lines of their block (no blank line between) that stay, and marks between such lines."""
    kept = list(stays)
    start = 0
    for stop in (*(n for n, line in enumerate(raw) if not line), len(raw)):
        told = [n for n in range(start, stop) if len(page[n]) >= _SHORT or stays[n]]
        for before, after in pairwise((start - 1, *told, stop)):
            # Beyond the first and the last line that tells, the one neighbour decides.
            ends = [stays[n] for n in (before, after) if start <= n < stop]
            if ends and all(ends):
                kept[before + 1 : after] = [True] * (after - before - 1)
        start = stop + 1
    worded = [n for n, words in enumerate(page) if words]
    for before, after in pairwise(worded):
        if kept[before] and kept[after]:
            kept[before + 1 : after] = [True] * (after - before - 1)
    return kept


def _align(page: Sequence[tuple[str, ...]], main: Sequence[tuple[str, ...]]) -> list[int]:
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


def _removals(text: str, now: Sequence[Line], stays: Sequence[bool], notes: Sequence[str]) -> Iterator[Edit]:
    """Remove each line that does not stay with the break behind it; at the end of the text, the one before it.

    The blank lines of a removed stretch go too, but for the first where none stands before the stretch.
    """
    solid = [n for n, line in enumerate(now) if line.text]
    last = max(n for n in solid if stays[n])
    apart = True  # whether a blank line, or nothing, stands before what is being removed
    for before, n, after in zip((None, *solid), solid, (*solid[1:], None), strict=False):
        if stays[n]:
            apart = False
            continue
        if before is not None and stays[before]:
            apart = n - before > 1
        if n > last and before is not None:
            start, stop = now[before].stop, now[n].stop
        else:
            start, stop = now[n].start, now[after if apart and after is not None else n + 1].start
            apart = apart or not now[n + 1].text
        yield Edit(start, stop, text[start:stop], "", RULE, notes[n])
