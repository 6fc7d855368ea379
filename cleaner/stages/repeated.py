"""Strip what the pages of a site repeat: menus, footers, boxes; not what articles merely share.

A line goes that enough pages have *beside the same line*. That tells a menu from what stands between other lines
on every page: the page's own title (which a box of latest posts repeats), the headings and record fields that many
articles share, closing braces. It holds wherever a line stands, so it needs no idea of head, foot or main text.
Then what stands between lines that go, below the text, and is nearly certain: one line alone, or a box of short
lines half of which other pages have too. What readers wrote there stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html import unescape
from itertools import pairwise
from typing import NamedTuple

from cleaner.document import Document, Edit, Hint, Label, Patch, lines
from cleaner.fold import fold
from cleaner.site_lines import Lookup, Repeats, line_keys, pair

SITE, SLOT = "repeated/site", "repeated/slot"
_BESIDE = 0.8  # of the pages that have a line have it beside the same line (0.5 takes headings, 0.7 to 0.9 are alike)
_AMID = 0.5  # of the pages, for lines between paragraphs that nothing repeats, and for rows of tables
_LONG = 100  # characters, from which a line that nothing repeats is a paragraph
_LONG_CJK = 40  # of scripts that write a word in one or two characters
_BOX, _BOX_PAGES, _BOX_SHARE = 20, 3, 0.5  # lines of a box at most; half of them are on three pages
_HEADING = 3  # lines at most that stand apart above the text, a title and what tells of it
_SETTLED = 8  # rounds; three did for each of 497 pages of seven sites
_CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_LETTER = re.compile(r"[^\W\d_]")
_TITLE = re.compile(r"<title[^>]{0,500}>([^<]{1,2000})", re.IGNORECASE)
_TITLE_PARTS = re.compile(r"\s[|–—·»:-]\s")


@dataclass(frozen=True, slots=True)
class Asked:
    """On how many pages of a site a line must be: ``few_share`` of up to ``many`` pages, ``share`` of more.

    More pages never ask for fewer: of 10 to 16 pages 5 are asked for (3 of 10 lost 0.20 % of the articles on seven
    sites, 5 of 10 lost 0.08 %). Never fewer than ``pages``. Raises ``ValueError`` for a share outside 0 to 1 or fewer
    than two pages: what one page says once is not repeated.
    """

    share: float = 0.3
    few_share: float = 0.5
    many: int = 10
    pages: int = 3

    def __post_init__(self) -> None:
        for name in ("share", "few_share"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it is a share of pages, more than 0, at most 1")
        if self.pages < 2:
            raise ValueError(f"pages is {self.pages}; a line must be on 2 pages at least")

    def of(self, pages: int) -> float:
        """Give the pages asked for, of a site of so many."""
        return max(self.pages, self.share * pages, self.few_share * min(pages, self.many))


@dataclass(frozen=True)
class Repeated:
    """The stage: ``facts`` tells what the pages of a site repeat, ``asked`` from when on it goes.

    A document without a site, or of one that the facts do not know, is left alone. Notes tell the pages that have a
    line, of how many, and the share; ``spared`` holds lines that are on enough pages and stay, and why.
    """

    facts: Lookup
    asked: Asked = Asked()
    name: str = field(default="repeated", init=False)

    def propose(self, document: Document) -> Patch:
        """Give the patch that removes what the site repeats, each line with its line break. Linear in the text."""
        repeats = self.facts(document.site) if document.site else None
        if repeats is None or repeats.pages < self.asked.pages:
            return Patch(self.name)
        page = _Page(document, repeats, self.asked)
        page.settle()
        by_several = len(page.variants) > 1
        if page.empty and by_several:  # by what the lines were; the repaired text has a say of its own
            page = _Page(document, repeats, self.asked, page.variants[:1])
            page.settle()
        labels: dict[str, Label] = {}
        if page.empty:
            page.kept |= dict.fromkeys(page.gone, "nothing else would stay")
            page.gone = {}
            labels["suspect"] = "all-repeated"  # a copy of pages that were counted, or a page without a text
        patch = Patch(self.name, *page.edits(document.text, labels))
        self._left[:] = [] if labels or by_several else page.left(patch)
        return patch

    @cached_property
    def _left(self) -> list[_Left]:
        """What the last document looked like when the stage had seen it."""
        return []

    def settled(self, document: Document) -> bool:
        """Whether the stage would leave the document as it is, told at a glance."""
        repeats = self.facts(document.site) if document.site else None
        if repeats is None or repeats.pages < self.asked.pages:
            return True
        return bool(self._left) and self._left[0].holds(document)


class _Left(NamedTuple):
    """The lines that the stage has left, those of them that the site repeats, and those that are not counted.

    As long as no line is new and no repeated one has another neighbour, no more is found: it takes a line that goes
    to take others.
    """

    patch: Patch
    lines: Sequence[str]
    repeated: frozenset[str]
    uncounted: frozenset[str]

    def holds(self, document: Document) -> bool:
        """Whether the document is one of those lines, some perhaps gone, and that holds of it."""
        if not any(patch is self.patch for patch in reversed(document.patches)):
            return False
        now = [line for line in document.text.split("\n") if line and not line.isspace()]
        if not self.repeated:
            return {*self.lines}.issuperset(now)
        return now == self.lines or ({*self.lines}.issuperset(now) and self._met(self.lines).issuperset(self._met(now)))

    def _met(self, lines: Sequence[str]) -> set[tuple[str, str]]:
        """Give what stands side by side where one of both is repeated."""
        repeated = self.repeated
        counted = [line for line in lines if line not in self.uncounted]
        return {(a, b) for a, b in pairwise(counted) if a in repeated or b in repeated}


class _Page:
    """The working state of one document: what each line is counted by, what goes, what stays though repeated.

    Lines are numbered without the blank ones.
    """

    def __init__(
        self, document: Document, repeats: Repeats, asked: Asked, variants: Sequence[Sequence[str]] = ()
    ) -> None:
        self.counts, self.pages, self.asked = repeats.lines, repeats.pages, asked.of(repeats.pages)
        self.spans = [line for line in lines(document.text) if line.text and not line.text.isspace()]
        self.texts = [line.text for line in self.spans]
        self.hints: Sequence[Hint | None] = [None] * len(self.texts)
        if document.hints:
            hints, now = document.line_hints(), document.text.split("\n")
            self.hints = [hint for hint, text in zip(hints, now, strict=True) if text and not text.isspace()]
        self.variants = variants or self._variants(document)
        # Of each variant's lines, the pages that have them.
        self.had = [[self.counts.get(k, 0) if k else 0 for k in keys] for keys in self.variants]
        self.gone: dict[int, str] = {}  # line -> note
        self.slots: set[int] = set()  # of these, lines that go because of what stands around them
        self.kept: dict[int, str] = {}  # line that is repeated and stays -> why
        self.judged = False  # whether another look might judge otherwise
        self.title = self._title(document)

    def _variants(self, document: Document) -> Sequence[Sequence[str]]:
        """Give the keys of the lines, and where some were repaired, those of what the lines were.

        Facts count raw lines: a line that was repaired is looked up by what it was, too.
        """
        now = line_keys("\n".join(self.texts), self.hints) if self.texts else []
        were = self._raw(document)
        if not were:
            return (now,)
        keys = line_keys("\n".join(were.values()), [self.hints[i] for i in were])
        changed = {i: key for i, key in zip(were, keys, strict=True) if key != now[i]}
        return (now, [changed.get(i, key) for i, key in enumerate(now)]) if changed else (now,)

    def _raw(self, document: Document) -> dict[int, str]:
        """Give what each line that was repaired was before, on one line."""
        changing = [patch for patch in reversed(document.patches) if patch.edits]
        if not changing:
            return {}
        raw, offsets = document.raw, [line.start for line in self.spans]
        for patch in changing:
            offsets = list(patch.origins(offsets))
        touched = [
            i
            for i, (text, at) in enumerate(zip(self.texts, offsets, strict=True))
            if not raw.startswith(text, at) or raw[at + len(text) : at + len(text) + 1] not in ("\n", "")
        ]
        stops = [self.spans[i].stop for i in touched]
        for patch in changing:
            stops = list(patch.origins(stops))
        return {i: " ".join(raw[offsets[i] : stop].split()) for i, stop in zip(touched, stops, strict=True)}

    def _title(self, document: Document) -> frozenset[int]:
        """Find the page's own title: its heading, where ``<title>`` has it; and what says all that ``<title>`` does."""
        found = _TITLE.search(document.html or "")
        if not found:
            return frozenset()
        whole = " ".join(unescape(found[1]).split())
        parts = {fold(part) for part in _TITLE_PARTS.split(whole)}
        return frozenset(
            i
            for i, (text, hint) in enumerate(zip(self.texts, self.hints, strict=True))
            if len(text) <= 2 * len(whole)
            and ((said := fold(text)) == fold(whole) or (hint and hint.path.endswith("h1") and said in parts))
        )

    @cached_property
    def seen(self) -> list[int]:
        """The pages that have each line."""
        return self.had[0] if len(self.had) == 1 else [*map(max, *self.had)]

    @cached_property
    def long(self) -> list[int]:
        """The long lines that the site does not repeat: paragraphs, if they stay."""
        asked = self.asked
        return [
            i
            for i, (text, seen) in enumerate(zip(self.texts, self.seen, strict=True))
            if seen < asked and is_long(text)
        ]

    @property
    def empty(self) -> bool:
        """Whether lines go and no line with a letter stays."""
        return bool(self.gone) and not any(_LETTER.search(self.texts[i]) for i in self.standing())

    def standing(self) -> list[int]:
        return [i for i in range(len(self.spans)) if i not in self.gone]

    def settle(self) -> None:
        """Remove lines until none is added: when one has gone, others meet that are neighbours elsewhere."""
        for n in range(_SETTLED):
            before = len(self.gone)
            beside = self._beside()
            if n == 0:
                self._spare(beside)
                self.judged = bool(self.kept)
            for i in beside - self.kept.keys():
                self.gone[i] = self._note(i)
            self._between()
            if len(self.gone) == before:
                break
        else:
            self.judged = True
        for i, pages in enumerate(self.seen):
            if pages >= self.asked and i not in self.gone:
                self.kept.setdefault(i, f"beside other lines elsewhere; {self._note(i)}")

    def _note(self, i: int) -> str:
        return self._told(self.seen[i])

    def _told(self, pages: int) -> str:
        return f"{pages} of {self.pages} pages ({pages / self.pages:.0%})"

    def left(self, patch: Patch) -> list[_Left]:
        """Give what is left of lines that are known by what they are alone; nothing where they were judged."""
        if self.judged:
            return []
        standing = self.standing()
        texts, keys = [self.texts[i] for i in standing], self.variants[0]
        repeated = frozenset(self.texts[i] for i in standing if self.seen[i] >= self.asked)
        return [_Left(patch, texts, repeated, frozenset(self.texts[i] for i in standing if not keys[i]))]

    # A line and its neighbours.

    def _beside(self) -> set[int]:
        """Find the lines that enough pages have, beside the line that they stand beside here."""
        found: set[int] = set()
        standing, asked = self.standing(), self.asked
        for keys, had in zip(self.variants, self.had, strict=True):
            for a, b in pairwise([i for i in standing if keys[i]]):
                if had[a] < asked and had[b] < asked:
                    continue
                together = self.counts.get(pair(keys[a], keys[b]), 0)
                for i, other in ((a, b), (b, a)) if together else ():
                    pages = had[i]
                    # A number alone is nobody's line: it goes with a line of words.
                    if pages < asked or together < _BESIDE * pages:
                        continue
                    if _is_worded(keys[i]) or _is_worded(keys[other]):
                        found.add(i)
        return found

    def _spare(self, beside: set[int]) -> None:
        """Keep the page's own title, rows of tables, and what stands amid paragraphs, unless most pages have it."""
        for i in beside:
            if i in self.title:
                self.kept[i] = "the page's own title"
            elif (hint := self.hints[i]) and hint.verbatim and self.seen[i] < _AMID * self.pages:
                self.kept[i] = f"a row of a table; {self._note(i)}"
        if not self.long:
            return
        for run in _runs(beside):
            apart = run[0] and run[0] - 1 not in beside and run[-1] < self.long[0] and len(run) <= _HEADING
            if apart:
                self.kept[run[0]] = f"where a title stands; {self._note(run[0])}"
            amid = self.long[0] < run[0] and run[-1] < self.long[-1]
            if amid and max(self.seen[i] for i in run) < _AMID * self.pages:
                self.kept |= {i: f"amid paragraphs; {self._note(i)}" for i in run}

    # What stands between lines that go.

    def _between(self) -> None:
        """Remove what stands below the last paragraph between lines that go: one line, or a box of lines known."""
        if not self.long:
            return
        gaps = list(_runs(self.standing()))
        text = max(gaps, key=lambda gap: sum(len(self.texts[i]) for i in gap), default=[])
        for gap in gaps:
            above, below = gap[0] - 1, gap[-1] + 1
            if gap is text or above < self.long[-1] or above not in self.gone or len(gap) > _BOX:
                continue
            if any(self._is_own(i) for i in gap):
                continue
            known = sum(self.seen[i] >= _BOX_PAGES for i in gap)
            if len(gap) == 1 or (below in self.gone and known >= _BOX_SHARE * len(gap)):
                around = max(self.seen[j] for j in (above, below) if j in self.gone)
                self.gone |= dict.fromkeys(gap, f"beside a line of {self._told(around)}")
                self.slots.update(gap)

    def _is_own(self, i: int) -> bool:
        """Whether a line is never taken for what stands around it: the title, a paragraph, code, a row of a table."""
        hint = self.hints[i]
        return i in self.title or i in self.kept or is_long(self.texts[i]) or bool(hint and hint.verbatim)

    # Editing.

    def edits(
        self, text: str, labels: Mapping[str, Label]
    ) -> tuple[tuple[Edit, ...], Mapping[str, Label], tuple[Edit, ...]]:
        """Give what the patch holds: the edits, the labels, and what is spared."""

        def edit(i: int, note: str) -> Edit:
            start, stop = self.spans[i].start, min(self.spans[i].stop + 1, len(text))
            return Edit(start, stop, text[start:stop], "", SLOT if i in self.slots else SITE, note)

        made = tuple(edit(i, self.gone[i]) for i in sorted(self.gone))
        return made, labels, tuple(edit(i, self.kept[i]) for i in sorted(self.kept))


def _is_worded(key: str) -> bool:
    return key[:2].isalpha() or len(_LETTER.findall(key)) > 1


def is_long(text: str) -> bool:
    """Whether a line is as long as a paragraph."""
    size = len(text)
    return size >= _LONG or (size >= _LONG_CJK and not text.isascii() and len(_CJK.findall(text)) >= _LONG_CJK)


def _runs(numbers: Sequence[int] | set[int]) -> Iterator[list[int]]:
    """Yield the runs of consecutive numbers."""
    run: list[int] = []
    for i in sorted(numbers):
        if run and i > run[-1] + 1:
            yield run
            run = []
        run.append(i)
    if run:
        yield run
