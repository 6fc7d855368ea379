"""Find what a crawl repeats: short lines on many pages of a site or on many sites, which no rule removes yet.

Two passes: the first counts every short line, the second looks at pages that have the lines worth a look: whether
the rules already take them, what stands around them, where they are part of prose.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import pairwise
from typing import Literal, NamedTuple

from cleaner.counting import CAP, LONGEST, Counts, Key, fold_digits, key_of, site_of
from cleaner.document import Document
from cleaner.fold import fold
from cleaner.marks import Piece, history
from cleaner.pipeline import Pipeline, StageError

_LOOKED_AT = 20  # pages of each line that are cleaned to see what becomes of it
_EDGE = 5  # lines that count as head and tail
_NEAR = 2  # lines around a line whose removal tells its class
_TOGETHER = 0.9  # of the pages with either of two lines: they stand side by side there
_SENTENCE = re.compile(r"[.!?…。！？؟।]")
_WORD = re.compile(r"\w+")
_ELSEWHERE = 20  # characters that a line of prose has more than the phrase in it

Position = Literal["head", "middle", "tail"]


class Example(NamedTuple):
    """One place where lines stood: the page, the lines, and around them the nearest that nothing repeats (or "")."""

    page: str
    before: str
    lines: tuple[str, ...]
    after: str


class Repeated(NamedTuple):
    """Lines that a crawl repeats: one, or several that always stand together.

    ``site`` is "" for lines of several sites, then ``sites`` says how many and ``of`` counts all pages; else
    ``of`` counts the site's. ``varies`` holds the keys of lines whose digits differ from page to page. ``cls``
    is the class of removed lines nearby, or "". ``prose`` is a line that has the phrase in it, or "".
    """

    keys: tuple[str, ...]
    site: str
    sites: int
    pages: int
    of: int
    score: float
    position: Position
    language: str
    cls: str
    varies: frozenset[str]
    examples: tuple[Example, ...]
    prose: str

    @property
    def share(self) -> float:
        return self.pages / self.of


class Learned(NamedTuple):
    """What a study of a crawl gave: the lines, best first; the pages; whether lines had to be forgotten."""

    found: tuple[Repeated, ...]
    pages: int
    sites: int
    forgetful: bool


@dataclass
class _Line:
    """What the second pass sees of one line, by its key."""

    looked_at: int = 0
    alive: int = 0
    positions: Counter[Position] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    classes: Counter[str] = field(default_factory=Counter)
    variants: set[str] = field(default_factory=set)
    examples: list[Example] = field(default_factory=list)
    prose: str = ""


def learn(
    documents: Callable[[], Iterator[Document]],
    pipeline: Pipeline,
    *,
    pages: int = 3,
    share: float = 0.3,
    cap: int = CAP,
) -> Learned:
    """Find the lines on at least so many pages and so large a share of the pages of a site, or on three sites.

    ``documents`` is called twice and gives the crawl anew; copies of a page count once. What ``pipeline`` removes
    on most of the pages looked at is left out. Time is linear in the crawl; memory is bounded by ``cap`` lines and
    eight bytes a page.
    """
    counts = Counts(cap)
    for document in _distinct(documents()):
        counts.add(site_of(document), {key for line in _lines(document) if (key := key_of(line))})
    look = _Look(counts.wanted(pages, share), pipeline)
    for document in _distinct(documents()):
        look.at(document)
    found = sorted(look.found(counts), key=lambda each: (-each.score, -each.pages, each.site, each.keys))
    return Learned(tuple(found), counts.pages.total(), len(counts.pages), counts.forgetful)


def _distinct(documents: Iterator[Document]) -> Iterator[Document]:
    seen: set[bytes] = set()
    for document in documents:
        digest = blake2b(document.raw.encode(), digest_size=8).digest()
        if digest not in seen:
            seen.add(digest)
            yield document


class _Row(NamedTuple):
    """A line of a raw text: whether it stayed, else the class of the rule that took it."""

    text: str
    alive: bool
    cls: str


class _Look:
    """The second pass: what the rules make of the lines, what stands around them."""

    def __init__(self, scores: dict[Key, float], pipeline: Pipeline) -> None:
        self.scores, self.pipeline = scores, pipeline
        self.lines: dict[Key, _Line] = {name: _Line() for name in scores}
        self.pairs: Counter[tuple[Key, Key]] = Counter()
        self.runs: dict[tuple[Key, Key], tuple[tuple[Key, ...], Example]] = {}
        self.phrases: dict[str, dict[int, dict[tuple[str, ...], list[Key]]]] = {}
        for name in scores:
            words = tuple(_WORD.findall(name[1]))
            self.phrases.setdefault(words[0], {}).setdefault(len(words), {}).setdefault(words, []).append(name)

    def name(self, site: str, line: str) -> Key | None:
        key = key_of(line)
        return next((name for name in (("", key), (site, key)) if name in self.scores), None) if key else None

    def at(self, document: Document) -> None:
        site = site_of(document)
        texts = [line for line in document.raw.split("\n") if line.strip()]
        names = {name for line in texts if (name := self.name(site, line))}
        for line in texts:
            self._prose(site, line)
        if all(self.lines[name].looked_at >= _LOOKED_AT for name in names):
            return
        try:
            done = self.pipeline.clean(document)
        except StageError:  # 'cleaner clean' tells of it
            return
        rows = list(_rows(done, self.pipeline.rules.classes))
        self._rows(site, document.id, str(done.labels.get("language", "und")), rows)

    def _prose(self, site: str, line: str) -> None:
        """Remember a line as prose that has a phrase in it, for the phrases that have none yet."""
        if not _SENTENCE.search(line) or self.name(site, line):
            return
        words = _WORD.findall(fold_digits(line[: 5 * LONGEST]))
        for n, word in enumerate(words):
            for length, phrases in self.phrases.get(word, {}).items():
                for name in phrases.get(tuple(words[n : n + length]), ()):
                    seen = self.lines[name]
                    longer = len(line) - len(name[1]) >= _ELSEWHERE and length + 2 <= len(words)
                    if not seen.prose and longer and name[0] in ("", site):
                        seen.prose = line.strip()

    def _rows(self, site: str, page: str, language: str, rows: Sequence[_Row]) -> None:
        names = [self.name(site, row.text) for row in rows]
        alive = [i for i, row in enumerate(rows) if row.alive]
        met: set[Key] = set()
        for i, name in enumerate(names):
            if name is None or name in met:
                continue
            met.add(name)
            seen = self.lines[name]
            seen.looked_at += 1
            seen.alive += rows[i].alive
            for near in rows[max(i - _NEAR, 0) : i + _NEAR + 1]:
                if near.cls:
                    seen.classes[near.cls] += 1
        met.clear()
        pairs: set[tuple[Key, Key]] = set()
        for run in _runs(alive, names):
            lines = tuple(names[alive[r]] for r in run)
            before = rows[alive[run[0] - 1]].text if run[0] else ""
            after = rows[alive[run[-1] + 1]].text if run[-1] + 1 < len(alive) else ""
            whole = Example(page, before, tuple(rows[alive[r]].text.strip() for r in run), after)
            members = tuple(name for name in lines if name)
            for pair in pairwise(members):
                pairs.add(pair)
                self.runs.setdefault(pair, (members, whole))
            for n, (r, name) in enumerate(zip(run, members, strict=True)):
                if name in met:
                    continue
                met.add(name)
                seen = self.lines[name]
                seen.positions[_position(r, len(alive))] += 1
                seen.languages[language] += 1
                text = whole.lines[n]
                if len(seen.examples) < 3 and all((text,) != example.lines for example in seen.examples):
                    seen.examples.append(whole._replace(lines=(text,)))
                if len(seen.variants) < 8:
                    seen.variants.add(fold(text))
        self.pairs.update(pairs)

    def found(self, counts: Counts) -> Iterator[Repeated]:
        """Yield the lines that the rules leave on most pages, those that always stand together as one."""
        alive = {name for name, seen in self.lines.items() if seen.examples and seen.alive * 2 > seen.looked_at}
        for members, runs in self._together(alive):
            group, standing = _standing(members, runs) if runs else (list(members), None)
            lead = self.lines[group[0]]
            site = group[0][0]
            each = [counts.of(site, key) for _, key in group]
            position = lead.positions.most_common(1)[0][0]
            language, most = lead.languages.most_common(1)[0]
            classes = sum((self.lines[name].classes for name in group), Counter[str]())
            varies = {name[1] for name in group if "0" in name[1] and len(self.lines[name].variants) > 1}
            yield Repeated(
                keys=tuple(key for _, key in group),
                site=site,
                sites=min(n for n, _, _ in each),
                pages=min(n for _, n, _ in each),
                of=each[0][2],
                score=min(self.scores[name] for name in group),
                position=position,
                language=language if most >= _TOGETHER * lead.languages.total() else "und",
                cls=classes.most_common(1)[0][0] if classes else "",
                varies=frozenset(varies),
                examples=(standing,) if standing else tuple(lead.examples[:2]),
                prose=next((self.lines[name].prose for name in group if self.lines[name].prose), ""),
            )

    def _together(self, alive: set[Key]) -> Iterator[tuple[set[Key], list[tuple[tuple[Key, ...], Example]]]]:
        """Yield the lines in groups, each line with those it always stands beside, and where they do so."""
        beside: dict[Key, list[Key]] = {}
        for (a, b), n in self.pairs.items():
            often = max(self.lines[a].positions.total(), self.lines[b].positions.total())
            if a != b and a in alive and b in alive and a[0] == b[0] and n >= _TOGETHER * often:
                beside.setdefault(a, []).append(b)
                beside.setdefault(b, []).append(a)
        done: set[Key] = set()
        for name in sorted(alive):
            if name in done:
                continue
            group, todo = {name}, [name]
            while todo:
                fresh = [near for near in beside.get(todo.pop(), ()) if near not in group]
                group.update(fresh)
                todo += fresh
            done |= group
            yield group, [self.runs[a, b] for a in sorted(group) for b in beside.get(a, ()) if (a, b) in self.runs]


def _standing(group: set[Key], runs: Sequence[tuple[tuple[Key, ...], Example]]) -> tuple[list[Key], Example]:
    """Give a group in its order on a page, and the place where most of its lines stand side by side."""
    best: tuple[int, int, int] = (0, 0, 0)  # lines, run, first line
    for nth, (members, _) in enumerate(runs):
        first = 0
        for n in range(len(members) + 1):
            if n == len(members) or members[n] not in group:
                best = max(best, (n - first, -nth, -first))
                first = n + 1
    count, nth, first = best[0], -best[1], -best[2]
    members, whole = runs[nth]
    order = dict.fromkeys((*members[first : first + count], *sorted(group)))
    return list(order), whole._replace(lines=whole.lines[first : first + count])


def _runs(alive: Sequence[int], names: Sequence[Key | None]) -> Iterator[list[int]]:
    """Yield the runs of repeated lines among the lines that stay, as places among these."""
    run: list[int] = []
    for r, i in enumerate(alive):
        if names[i]:
            run.append(r)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _position(r: int, of: int) -> Position:
    head, tail = r < _EDGE, of - 1 - r < _EDGE
    if head and tail:
        return "head" if 2 * r < of - 1 else "tail"
    return "head" if head else "tail" if tail else "middle"


def _rows(done: Document, classes: Mapping[str, str]) -> Iterator[_Row]:
    """Yield the lines of the raw text that are not blank: whether they stayed, else the class of the rule."""
    text, visible, kept, rule = "", 0, 0, ""
    for piece in (*history(done), Piece("=", "\n")):
        if piece.kind == "+":
            continue
        for n, part in enumerate(piece.text.split("\n")):
            if n:
                if visible:
                    alive = 2 * kept >= visible
                    yield _Row(text, alive, "" if alive else classes.get(rule, ""))
                text, visible, kept, rule = "", 0, 0, ""
            text += part if len(text) < 5 * LONGEST else ""  # enough to show; a line may be in very many pieces
            shown = len(part.strip())
            visible += shown
            if piece.kind == "=":
                kept += shown
            elif shown:
                rule = piece.rule


def _lines(document: Document) -> Iterator[str]:
    """Yield the lines of a page that are not code."""
    if not document.hints:
        yield from document.raw.split("\n")
        return
    for line, hint in zip(document.raw.split("\n"), document.hints, strict=True):
        if "pre" not in hint.path.split("/"):
            yield line
