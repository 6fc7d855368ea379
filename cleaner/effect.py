"""What a rule change does to a corpus: the edits that only the old rules make, or only the new ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple, TypeVar

from cleaner.document import Document, Patch
from cleaner.pipeline import Pipeline, StageError
from cleaner.sides import Change, Outcomes, Sample
from cleaner.stages import Stage


@dataclass(frozen=True, slots=True)
class Side:
    """Edits that one side makes alone: how many, the lines they touch, what they take of these in characters.

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
    added: dict[str, _Tally] = {}
    removed: dict[str, _Tally] = {}
    moved: dict[tuple[str, str], _Tally] = {}
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
        page = Outcomes(was, now, kept.read_text("utf-8", errors="replace") if kept and kept.is_file() else "")
        _count(added, page, page.alone(page.now, page.was), page.lost, samples)
        _count(removed, page, page.alone(page.was, page.now), page.found, samples)
        _count(moved, page, page.moved(), frozenset(), samples)
    none = _Tally(0)
    rules = [
        RuleEffect(rule, added.get(rule, none).side(), removed.get(rule, none).side())
        for rule in sorted({*added, *removed})
    ]
    rules.sort(key=lambda r: (*_risk(r.added), *_risk(r.removed), r.rule))
    pairs = [Moved(*pair, tally.side()) for pair, tally in sorted(moved.items())]
    pairs.sort(key=lambda m: (-m.side.characters, m.old, m.new))
    return Effect(total, changed, tuple(rules), tuple(pairs), tuple(failed))


def _risk(side: Side) -> tuple[int, ...]:
    return (-side.golden, -side.risky, -side.longest, -side.characters)


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


Key = TypeVar("Key", str, tuple[str, str])


def _count(
    tallies: dict[Key, _Tally],
    page: Outcomes,
    changes: Iterable[tuple[Key, Change]],
    shingles: frozenset[str],
    samples: int,
) -> None:
    """Add one document's changes to what is counted of each rule."""
    found: dict[Key, list[Change]] = {}
    for key, change in changes:
        found.setdefault(key, []).append(change)
    for key, its in found.items():
        tallies.setdefault(key, _Tally(samples)).add(page, its, shingles)


class _Rank(NamedTuple):
    """What a sample is sorted by, the most risky first, and told apart from others by."""

    harmless: bool
    """No golden keeps it."""
    fragment: bool
    """It is not like a sentence."""
    short: int
    """The length of its longest line, negative."""
    before: str
    after: str


class _Tally:
    """Counts over the corpus, and the samples of the lowest ranks.

    The highest rank that is held only falls: a sample that was put out never comes in again, so that the times of
    those that stay are exact.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._side = Side()
        self._samples: dict[_Rank, Sample] = {}

    def add(self, page: Outcomes, changes: Sequence[Change], shingles: frozenset[str]) -> None:
        """Count what one rule did to one document."""
        touched: set[int] = set()
        characters = 0
        ranks: dict[_Rank, list[Change]] = {}
        for change in changes:
            for part in change.parts:
                touched.add(page.at(part[0]))
                characters += part[1] - part[0]
            characters += len(change.after)
            text = page.base[change.parts[0][0] : change.parts[-1][1]]
            longest = max(map(len, text.split("\n")))
            golden, sentence = page.touches(change, shingles), page.sentence_like(change)
            ranks.setdefault(_Rank(not golden, not sentence, -longest, text, change.after), []).append(change)
        s = self._side
        self._side = Side(
            s.edits + len(changes),
            s.lines + len(touched),
            s.characters + characters,
            s.golden + sum(len(its) for rank, its in ranks.items() if not rank.harmless),
            s.risky + sum(len(its) for rank, its in ranks.items() if not (rank.harmless and rank.fragment)),
            max(s.longest, -min(rank.short for rank in ranks)),
        )
        for rank in sorted(ranks)[: self._most]:
            held = self._samples.get(rank) or page.sample(ranks[rank][0], not rank.harmless, not rank.fragment)
            self._samples[rank] = replace(held, times=held.times + len(ranks[rank]))
        for rank in sorted(self._samples)[self._most :]:
            del self._samples[rank]

    def side(self) -> Side:
        return replace(self._side, samples=tuple(sample for _, sample in sorted(self._samples.items())))
