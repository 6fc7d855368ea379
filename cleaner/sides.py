"""Two outcomes of one document side by side: what one side takes out of the text and the other does not."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import NamedTuple

from cleaner.document import Document, Patch, lines
from cleaner.marks import history

_CONTEXT = 80  # characters kept of what stands around a sample
_SHINGLE = 12  # visible characters that are looked for in a golden: two words or three
# A sentence: four words, or eight ideographs or kana, and the point behind them. Of 7,585 main lines with labels (de,
# en, es, fi) .44 are sentences by this measure, with .74 of the characters; of 5,994 noise lines .08 are.
_WORDS, _IDEOGRAPHS = 4, 8
_END = re.compile(r"[.!?…。！？؟।։][\s'\"»”’)\]】」』›]*\Z")
_IDEOGRAPH = re.compile("[\u3040-\u30ff\u3400-\u9fff]")
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Sample:
    """One edit in its context, and how often (``times``) the corpus has it with the same text.

    ``start`` and ``stop`` count characters of the raw text of ``document``, ``line`` its lines from 1. ``head`` and
    ``tail`` are what stands in the edit's line before and behind it, ``above`` and ``below`` the nearest lines with
    text, all before any rule was applied, 80 characters at most. ``golden``: the edit takes what a golden keeps (or
    gives it back); ``sentence``: one of its lines is like a sentence.
    """

    document: str
    line: int
    start: int
    stop: int
    before: str
    after: str
    above: str
    head: str
    tail: str
    below: str
    golden: bool
    sentence: bool
    times: int = 0


def sentence_like(text: str) -> bool:
    """Whether a line of a text is several words that end as a sentence does.

    >>> sentence_like("The bridge is open."), sentence_like("Share"), sentence_like("Leave a comment")
    (True, False, False)
    """
    return any(
        _END.search(line[-10:]) and (len(line.split(None, _WORDS)) >= _WORDS or _ideographs(line))
        for line in map(str.strip, text.split("\n"))
    )


def _ideographs(line: str) -> bool:
    return len(_IDEOGRAPH.findall(line)) >= _IDEOGRAPHS


class _Gone(NamedTuple):
    """A stretch of the common text that one side takes out, and the rule it does it by."""

    start: int
    stop: int
    rule: str


class _Made(NamedTuple):
    """What one side makes of the common text: what it takes out, in order, and what it puts in (place, text, rule)."""

    gone: Sequence[_Gone]
    put: Counter[tuple[int, str, str]]


class Change(NamedTuple):
    """An edit of one side: what it takes of each line that the other side does not take, or what it puts in."""

    parts: tuple[Span, ...]
    after: str = ""


class Outcomes:
    """Two outcomes of one document, side by side."""

    def __init__(self, was: Document, now: Document, golden: str) -> None:
        shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(was.patches, now.patches, strict=False)))
        self._common = Document(was.id, was.raw, patches=was.patches[:shared])
        self.base = self._common.text
        self.was, self.now = (_made(self.base, side.patches[shared:]) for side in (was, now))
        self.lines = [line for line in lines(self.base) if line.text.strip()]
        self.starts = [line.start for line in self.lines]
        self._raw_starts = [line.start for line in lines(was.raw)]
        # What a golden keeps and one side has less of than the golden and the other side, in shingles.
        self.lost: frozenset[str] = frozenset()
        self.found: frozenset[str] = frozenset()
        if golden:
            # The places of the visible characters, and these themselves, line breaks around the lines that have any.
            self._seen = [i for i, c in enumerate(self.base) if not c.isspace()]
            self._flat = "".join(f"\n{_squeezed(line.text)}" for line in self.lines) + "\n"
            keeps, before, after = map(_shingles, (golden, was.text, now.text))
            self.lost = frozenset(s for s, n in keeps.items() if after[s] < min(n, before[s]))
            self.found = frozenset(s for s, n in keeps.items() if before[s] < min(n, after[s]))

    def alone(self, a: _Made, b: _Made) -> Iterator[tuple[str, Change]]:
        """Yield the visible changes of side a that side b makes by no rule, and the rule of each."""
        for gone, over in _meetings(a.gone, b.gone):
            parts: list[Span] = []
            at = gone.start
            for other in (*over, _Gone(gone.stop, gone.stop, "")):
                parts += self._visible(at, other.start)
                at = max(at, other.stop)
            if parts:
                yield gone.rule, Change(tuple(parts))
        for (at, text, rule), times in sorted((a.put - b.put).items()):
            if text.strip() and self.lines:
                yield from [(rule, Change(((at, at),), text))] * times

    def moved(self) -> Iterator[tuple[tuple[str, str], Change]]:
        """Yield what both sides take out by different rules, and the rules: the old side's, the new side's."""
        for gone, over in _meetings(self.now.gone, self.was.gone):
            for other in over:
                parts = tuple(self._visible(max(gone.start, other.start), min(gone.stop, other.stop)))
                if other.rule != gone.rule and parts:
                    yield (other.rule, gone.rule), Change(parts)

    def _visible(self, start: int, stop: int) -> Iterator[Span]:
        """Yield what a stretch takes of each line that it takes visible characters of, blanks at the ends aside."""
        for line in lines(self.base[start : max(start, stop)]):
            if stripped := line.text.strip():
                at = start + line.start + len(line.text) - len(line.text.lstrip())
                yield at, at + len(stripped)

    def at(self, offset: int) -> int:
        """Give the number, among the lines with text, of the one that a place is in."""
        return max(0, bisect_right(self.starts, offset) - 1)

    def touches(self, change: Change, shingles: frozenset[str]) -> bool:
        """Whether a change takes part of one of the shingles."""
        if not shingles or change.after:
            return False
        for part in change.parts:
            n = self.at(part[0])
            # Places in `_flat`: the line with the breaks around it, and what of it the part takes.
            begin, end = (bisect_left(self._seen, at) + n for at in (self.lines[n].start, self.lines[n].stop))
            start, stop = (bisect_left(self._seen, at) + n + 1 for at in part)
            first, last = max(begin, start - _SHINGLE + 1), min(stop, max(begin + 1, end + 3 - _SHINGLE))
            if any(self._flat[i : min(i + _SHINGLE, end + 2)] in shingles for i in range(first, last)):
                return True
        return False

    def sentence_like(self, change: Change) -> bool:
        """Whether what a change takes of one line, the stretches between its parts included, is like a sentence."""
        found: list[Span] = []
        for start, stop in change.parts:
            if found and self.at(found[-1][0]) == self.at(start):
                start = found.pop()[0]
            found.append((start, stop))
        return any(sentence_like(self.base[start:stop]) for start, stop in found)

    def sample(self, change: Change, golden: bool, sentence: bool) -> Sample:
        start, stop = change.parts[0][0], change.parts[-1][1]
        offsets: Iterable[int] = (start, max(start, stop - 1))
        for patch in reversed(self._common.patches):
            offsets = patch.origins(offsets)
        raw_start, raw_last = offsets
        first, last = self.at(start), self.at(max(start, stop - 1))
        return Sample(
            document=self._common.id,
            line=bisect_right(self._raw_starts, raw_start),
            start=raw_start,
            stop=raw_last + (stop > start),
            before=self.base[start:stop],
            after=change.after,
            above=self.lines[first - 1].text.strip()[:_CONTEXT] if first else "",
            head=self.base[max(self.lines[first].start, start - _CONTEXT) : start],
            tail=self.base[stop : min(self.lines[last].stop, stop + _CONTEXT)],
            below=self.lines[last + 1].text.strip()[:_CONTEXT] if last + 1 < len(self.lines) else "",
            golden=golden,
            sentence=sentence,
        )


def _made(base: str, patches: tuple[Patch, ...]) -> _Made:
    gone: list[_Gone] = []
    put: Counter[tuple[int, str, str]] = Counter()
    at = 0
    for kind, text, rule in history(Document("", base, patches=patches)):
        if kind == "+":
            put[at, text, rule] += 1
            continue
        if kind == "-":
            gone.append(_Gone(at, at + len(text), rule))
        at += len(text)
    return _Made(gone, put)


def _meetings(spans: Sequence[_Gone], others: Sequence[_Gone]) -> Iterator[tuple[_Gone, Sequence[_Gone]]]:
    """Yield each of the spans with those of the others that it overlaps; both are in order, without overlaps."""
    first = 0
    for span in spans:
        while first < len(others) and others[first].stop <= span.start:
            first += 1
        last = first
        while last < len(others) and others[last].start < span.stop:
            last += 1
        yield span, others[first:last]


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _shingles(text: str) -> Counter[str]:
    """Count the runs of visible characters of a text's lines, line breaks included, blanks left out."""
    found: Counter[str] = Counter()
    for line in text.split("\n"):
        if squeezed := _squeezed(line):
            marked = f"\n{squeezed}\n"
            found.update(marked[i : i + _SHINGLE] for i in range(max(1, len(marked) - _SHINGLE + 1)))
    return found
