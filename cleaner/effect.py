"""What a rule change does to a corpus: the edits that only the old rules make, or only the new ones."""

from __future__ import annotations

import os
import re
import subprocess
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import NamedTuple

from cleaner.document import Document, Patch, lines
from cleaner.marks import history
from cleaner.matcher import Matcher
from cleaner.pipeline import Pipeline, StageError
from cleaner.rules import RuleError, Rules, load
from cleaner.stages import Stage

_CONTEXT = 80  # characters kept of what stands around a sample
_SHINGLE = 12  # visible characters that are looked for in a golden: two words or three
# A sentence: four words, or eight ideographs or kana, and the point behind them. Of 7,585 main lines with labels (de,
# en, es, fi) .44 are sentences by this measure, with .74 of the characters; of 5,994 noise lines .08 are.
_WORDS, _IDEOGRAPHS = 4, 8
_END = re.compile(r"[.!?…。！？؟।։]['\"»”’)\]】」』›]*\Z")
_IDEOGRAPH = re.compile("[\u3040-\u30ff\u3400-\u9fff]")
# A hook of git's sets these, relative to a folder that is not ours.
_HOOK = frozenset(("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"))

Span = tuple[int, int]


class EffectError(ValueError):
    """Rules of another revision that cannot be had, or that do not load; the message names revision and file."""


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
    times: int = 1


@dataclass(frozen=True, slots=True)
class Side:
    """Edits that one side makes alone: how many, the lines they touch, their visible stretches in characters.

    ``golden`` counts those that touch what a golden keeps, ``risky`` these and the sentence-like; ``longest`` is
    their longest line in characters. ``samples`` holds distinct texts, the most risky first.
    """

    edits: int = 0
    lines: int = 0
    characters: int = 0
    golden: int = 0
    risky: int = 0
    longest: int = 0
    samples: tuple[Sample, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleEffect:
    """What changes for one rule: ``added`` edits the new side alone makes, ``removed`` those that only the old made."""

    rule: str
    added: Side
    removed: Side


@dataclass(frozen=True, slots=True)
class Moved:
    """Text that both sides take out, the old one by the rule ``old`` and the new one by ``new``."""

    old: str
    new: str
    side: Side


@dataclass(frozen=True, slots=True)
class Effect:
    """The difference of two sides over a corpus; false when there is none.

    ``changed`` counts the documents whose clean text differs, also where only blank space does, which counts to no
    rule. ``rules`` come with the most risky first, ``moved`` with the longest. ``failed`` holds the id and the
    reason of each document that a stage failed on; it counts in ``documents``.
    """

    documents: int = 0
    changed: int = 0
    rules: tuple[RuleEffect, ...] = ()
    moved: tuple[Moved, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changed or self.rules or self.moved)

    @property
    def losses(self) -> int:
        """How many edits of the new side alone take what a golden keeps or what is like a sentence."""
        return sum(rule.added.risky for rule in self.rules)


def compare(
    documents: Iterable[Document], old: Pipeline, new: Pipeline, *, samples: int = 3, golden: Path | None = None
) -> Effect:
    """Clean every document by both pipelines and give what differs, by rule.

    Edits are compared by their place in the text that both sides still have in common, so what comes before the
    rules (decoding aside: encoding, main text, language) is done once, and what comes after them once where the
    rules do the same. ``golden`` is a folder of ``<stem>.txt`` that say what is to be kept of the document of that
    file stem. At most ``samples`` distinct texts are kept of each rule and direction.
    """
    told: list[tuple[Stage, Document, Patch]] = []
    sides = [
        Pipeline([_Once(s, told) for s in p.stages], rules=p.rules, profile=p.profile, keep=p.keep, today=p.today)
        for p in (old, new)
    ]
    added: defaultdict[str, _Tally] = defaultdict(lambda: _Tally(samples))
    removed: defaultdict[str, _Tally] = defaultdict(lambda: _Tally(samples))
    moved: defaultdict[tuple[str, str], _Tally] = defaultdict(lambda: _Tally(samples))
    failed = []
    total = changed = 0
    for document in documents:
        total += 1
        told.clear()
        try:
            was, now = (side.clean(document) for side in sides)
        except StageError as error:
            failed.append((document.id, f"{error.stage}: {error}"))
            continue
        if was == now:
            continue
        changed += was.text != now.text
        kept = golden / f"{PurePosixPath(document.id).stem}.txt" if golden else None
        page = _Page(was, now, kept.read_text(encoding="utf-8") if kept and kept.is_file() else "")
        for tallies, a, b in ((added, page.now, page.was), (removed, page.was, page.now)):
            seen: defaultdict[str, list[_Change]] = defaultdict(list)
            for change in page.alone(a, b):
                seen[change.rule].append(change)
            for rule, changes in seen.items():
                tallies[rule].add(page, changes, page.lost if tallies is added else page.found)
        both: defaultdict[tuple[str, str], list[_Change]] = defaultdict(list)
        for by, change in page.moved():
            both[by, change.rule].append(change)
        for pair, changes in both.items():
            moved[pair].add(page, changes, frozenset())
    rules = [
        RuleEffect(rule, added[rule].side() if rule in added else Side(), removed[rule].side() if rule in removed else Side())
        for rule in sorted({*added, *removed})
    ]
    rules.sort(key=lambda r: (*_risk(r.added), *_risk(r.removed), r.rule))
    pairs = [Moved(*pair, tally.side()) for pair, tally in sorted(moved.items())]
    pairs.sort(key=lambda m: (-m.side.characters, m.old, m.new))
    return Effect(total, changed, tuple(rules), tuple(pairs), tuple(failed))


def _risk(side: Side) -> tuple[int, ...]:
    return (-side.golden, -side.risky, -side.longest, -side.characters)


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


@dataclass(frozen=True, slots=True, eq=False)
class _Once:
    """A stage that asks another stage, once for one document: both sides share what is ``told`` of the document."""

    stage: Stage
    told: list[tuple[Stage, Document, Patch]]

    @property
    def name(self) -> str:
        return self.stage.name

    def propose(self, document: Document) -> Patch:
        for stage, seen, patch in self.told:
            if stage == self.stage and seen == document:
                return patch
        patch = self.stage.propose(document)
        self.told.append((self.stage, document, patch))
        return patch


class _Gone(NamedTuple):
    """A stretch of the common text that one side takes out, and the rule it does it by."""

    start: int
    stop: int
    rule: str


class _Made(NamedTuple):
    """What one side makes of the common text: what it takes out, in order, and what it puts in (place, text, rule)."""

    gone: Sequence[_Gone]
    put: Counter[tuple[int, str, str]]


class _Change(NamedTuple):
    """An edit of one side: the visible stretches that the other side has otherwise, or what it puts in."""

    rule: str
    parts: tuple[Span, ...]
    after: str = ""


class _Page:
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
            keeps, before, after = map(_shingles, (golden, was.text, now.text))
            self.lost = frozenset(s for s, n in keeps.items() if after[s] < min(n, before[s]))
            self.found = frozenset(s for s, n in keeps.items() if before[s] < min(n, after[s]))

    def alone(self, a: _Made, b: _Made) -> Iterator[_Change]:
        """Yield the visible changes of side a that side b does not make, whatever its rule."""
        for gone, over in _meetings(a.gone, b.gone):
            parts = []
            at = gone.start
            for other in (*over, _Gone(gone.stop, gone.stop, "")):
                parts.append((at, other.start))
                at = max(at, other.stop)
            if seen := tuple(filter(None, (self._visible(*part) for part in parts))):
                yield _Change(gone.rule, seen)
        for (at, text, rule), times in sorted((a.put - b.put).items()):
            if text.strip() and b.put[at, text, rule] == 0 and self.lines:
                yield from [_Change(rule, ((at, at),), text)] * times

    def moved(self) -> Iterator[tuple[str, _Change]]:
        """Yield what both sides take out by different rules: the old side's rule, and the change of the new side."""
        for gone, over in _meetings(self.now.gone, self.was.gone):
            for other in over:
                part = self._visible(max(gone.start, other.start), min(gone.stop, other.stop))
                if other.rule != gone.rule and part:
                    yield other.rule, _Change(gone.rule, (part,))

    def _visible(self, start: int, stop: int) -> Span | None:
        """Give a stretch without the blanks at its ends; None if nothing else is in it."""
        text = self.base[start : max(start, stop)]
        stripped = text.strip()
        head = len(text) - len(text.lstrip())
        return (start + head, start + head + len(stripped)) if stripped else None

    def at(self, offset: int) -> int:
        """Give the number, among the lines with text, of the one that a place is in."""
        return max(0, bisect_right(self.starts, offset) - 1)

    def touched(self, part: Span) -> range:
        return range(self.at(part[0]), self.at(max(part[0], part[1] - 1)) + 1)

    def touches(self, change: _Change, shingles: frozenset[str]) -> bool:
        """Whether a change takes part of one of the shingles."""
        if not shingles or change.after:
            return False
        for start, stop in change.parts:
            for n in self.touched((start, stop)):
                line = self.lines[n]
                text = _marked(line.text)
                a, b = (
                    1 + len("".join(line.text[: max(0, at - line.start)].split())) for at in (start, min(stop, line.stop))
                )
                whole = (a, b) == (1, len(text) - 1)
                first = 0 if whole else max(0, a - _SHINGLE + 1)
                last = max(first + 1, min(b, len(text) - _SHINGLE + 1))
                if any(text[i : i + _SHINGLE] in shingles for i in range(first, last)):
                    return True
        return False

    def sample(self, change: _Change, *, golden: bool, sentence: bool) -> Sample:
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


class _Tally:
    """Counts over the corpus, and the samples of the highest rank.

    A rank is a property of a sample's text, and the lowest rank in the list only rises: a text that has been put
    out never comes in again, so that the times of those that stay are exact.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._side = Side()
        self._samples: dict[tuple[int, int, int, str, str], Sample] = {}

    def add(self, page: _Page, changes: Sequence[_Change], shingles: frozenset[str]) -> None:
        """Count what one rule did to one document."""
        touched: set[int] = set()
        characters = golden = risky = longest = 0
        for change in changes:
            text = page.base[change.parts[0][0] : change.parts[-1][1]]
            longest_here = max(map(len, text.split("\n")))
            kept = page.touches(change, shingles)
            sentence = sentence_like(text) and any(
                sentence_like(page.base[start:stop]) for start, stop in _widened(page, change)
            )
            for part in change.parts:
                touched.update(page.touched(part))
                characters += part[1] - part[0]
            characters += len(change.after)
            golden += kept
            risky += kept or sentence
            longest = max(longest, longest_here)
            self._see(page, change, (not kept, not sentence, -longest_here, text, change.after))
        s = self._side
        self._side = Side(
            s.edits + len(changes),
            s.lines + len(touched),
            s.characters + characters,
            s.golden + golden,
            s.risky + risky,
            max(s.longest, longest),
        )

    def _see(self, page: _Page, change: _Change, rank: tuple[int, int, int, str, str]) -> None:
        if sample := self._samples.get(rank):
            self._samples[rank] = replace(sample, times=sample.times + 1)
        elif len(self._samples) < self._most or rank < max(self._samples, default=rank):
            self._samples[rank] = page.sample(change, golden=not rank[0], sentence=not rank[1])
            if len(self._samples) > self._most:
                del self._samples[max(self._samples)]

    def side(self) -> Side:
        return replace(self._side, samples=tuple(sample for _, sample in sorted(self._samples.items())))
