"""The main text of a page: what trafilatura finds, aligned to the lines of the linearised page."""

from __future__ import annotations

import logging
import re
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import ClassVar, NamedTuple

from cleaner.blocks.about import About
from cleaner.document import Document, Edit, Hint, Label, Line, Patch
from cleaner.stages.alignment import SHORT, align, words
from cleaner.stages.repeated import is_long

RULE = "extract/trafilatura"
# What stands before the first paragraph of a page's own text: its title, author and date.
_LEAD = 3
_LEAST_HELD = 0.3
MOST = 1 << 20
"""Characters of a page, scripts and styles not counted, past which trafilatura is not asked: 2 MB cost it 200 MB."""
# What larger pages lose before: nothing in it is text, but for what describes the article.
_NO_TEXT = re.compile(
    r"<(script|style|svg)\b(?![^<>]{0,500}ld\+json)[^<>]{0,2000}+>.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)",
    re.DOTALL | re.IGNORECASE,
)
# Where no day is given: a date extractor that asked the clock would find other dates in another year.
_NO_BOUND = "2100-01-01"


class Found(NamedTuple):
    """What trafilatura found in a page: its main text, and what it tells of it."""

    text: str
    labels: Mapping[str, Label]


class TooLarge(ValueError):
    """A page that trafilatura is not asked about."""


@dataclass(frozen=True, slots=True)
class Extract:
    """Keep the main text of a page; every other line goes, with its tag path as the note.

    ``today`` (``2026-01-31``) is the latest date a page may have been published on. Labels: ``title``, ``author``,
    ``date``, ``sitename`` where found, and ``extract``: ``trafilatura``; ``nothing-found`` when there was no main
    text, ``unaligned`` when less than half of it stands in the page's visible text, ``failed`` when trafilatura
    did, ``too-large`` when it is past ``MOST``, ``unrepeated`` when it found little of what the site's other pages do
    not have. In the last five cases the whole text stays, less what the site repeats. Documents that are no pages are
    left alone.
    """

    today: str | None = None
    name: ClassVar[str] = "extract"

    def propose(self, document: Document) -> Patch:
        """Give the patch that removes what is not main text. Never raises."""
        if document.html is None or not document.hints:
            return Patch(self.name)
        try:
            found = main_text(document.html, document.url, self.today)
        except TooLarge:
            return Patch(self.name, labels={"extract": "too-large"})
        except Exception:  # whatever lxml, htmldate or a deep tree (RecursionError) may throw at it
            return Patch(self.name, labels={"extract": "failed"})
        if not found.text:
            return Patch(self.name, labels={**found.labels, "extract": "nothing-found"})
        # The raw lines are aligned: they and trafilatura saw the same characters, whatever was repaired since.
        raw = document.raw.split("\n")
        stays = kept(raw, document.hints, found)
        now = document.lines
        origins = raw_lines(document, now)
        if stays is None or not any(stays[n] and line.text for n, line in zip(origins, now, strict=True)):
            return Patch(self.name, labels={**found.labels, "extract": "unaligned"})
        if _misses_the_text(document, now, [stays[n] for n in origins]):
            return Patch(self.name, labels={**found.labels, "extract": "unrepeated"})
        notes = [document.hints[n].path for n in origins]
        edits = removals(document.text, now, [stays[n] for n in origins], RULE, notes)
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


def main_text(html: str, url: str | None, today: str | None, told: Collection[str] = ()) -> Found:
    """Ask trafilatura for a page's main text, and for its labels unless all of them are ``told`` already.

    Raises ``TooLarge``, and whatever lxml, htmldate or a deep tree make it raise.
    """
    if len(html) > MOST:
        html = _NO_TEXT.sub("", html)
        if len(html) > MOST:
            raise TooLarge(f"{len(html):,} characters without scripts and styles, more than {MOST:,}")
    for name in ("trafilatura", "htmldate", "courlan"):
        logging.getLogger(name).propagate = False  # they warn about every odd page; the label tells it
    import trafilatura  # here, because importing it takes longer than cleaning a hundred texts

    found = trafilatura.bare_extraction(
        html,
        url=url,
        with_metadata=any(name not in told for name in About._fields),
        include_comments=False,
        include_tables=True,
        # The extensive search tells a date of nearly every page: of 42 more on 141 pages of WCXB all but some five were
        # years of copyright notices, and libraries for that took 60 MB of each worker.
        date_extraction_params={"original_date": True, "extensive_search": False, "max_date": today or _NO_BOUND},
    )
    if found is None or isinstance(found, dict):  # a dict only where a deprecated argument asks for it
        return Found("", {})
    labels = {name: getattr(found, name) for name in About._fields}
    return Found(
        (found.text or "").strip(), {k: v.strip() for k, v in labels.items() if isinstance(v, str) and v.strip()}
    )


def raw_lines(document: Document, now: Sequence[Line]) -> list[int]:
    """Give the number of the raw line each line's first character came from."""
    offsets: Sequence[int] = [line.start for line in now]
    for patch in reversed(document.patches):
        offsets = list(patch.origins(offsets))
    starts = [0, *accumulate(len(line) + 1 for line in document.raw.split("\n"))]
    return [bisect_right(starts, offset) - 1 for offset in offsets]


def kept(raw: Sequence[str], hints: Sequence[Hint], found: Found) -> list[bool] | None:
    """Tell for each line whether it is main text; None when the main text is not to be found in the lines."""
    page = [words(line) for line in raw]
    main = [words(line) for line in found.text.split("\n")]
    matched, least = align(page, main), sum(map(len, main)) / 2
    if sum(matched) < least:
        return None
    stays = [
        bool(own) and (hits == len(own) if len(own) < SHORT else 2 * hits >= len(own))
        for own, hits in zip(page, matched, strict=True)
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
    title, site = (words(str(labels.get(name, ""))) for name in ("title", "sitename"))
    first = stays.index(True)
    if any(stay and own == title for own, stay in zip(page, stays, strict=True)):
        return None
    heads = [n for n in range(first) if page[n] and hints[n].path.split("/")[-1] == "h1" and page[n] != site]
    named = [n for n in range(first) if page[n] and page[n] == title]
    both = set(heads) & set(named)
    return max(both or named or heads, default=None)


def _with_neighbours(raw: Sequence[str], page: Sequence[tuple[str, ...]], stays: Sequence[bool]) -> list[bool]:
    """Keep short lines beside lines of their block (no blank line between) that stay, and marks between such lines."""
    made = list(stays)
    start = 0
    for stop in (*(n for n, line in enumerate(raw) if not line), len(raw)):
        told = [n for n in range(start, stop) if len(page[n]) >= SHORT or stays[n]]
        for before, after in pairwise((start - 1, *told, stop)):
            # Beyond the first and the last line that tells, the one neighbour decides.
            ends = [stays[n] for n in (before, after) if start <= n < stop]
            if ends and all(ends):
                made[before + 1 : after] = [True] * (after - before - 1)
        start = stop + 1
    worded = [n for n, own in enumerate(page) if own]
    for before, after in pairwise(worded):
        if made[before] and made[after]:
            made[before + 1 : after] = [True] * (after - before - 1)
    return made


def removals(text: str, now: Sequence[Line], stays: Sequence[bool], rule: str, notes: Sequence[str]) -> Iterator[Edit]:
    """Remove each line that does not stay with the break behind it; at the end of the text, the one before it.

    The blank lines of a removed stretch go too, but for the first where none stands before the stretch. A line with
    text must stay.
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
        yield Edit(start, stop, text[start:stop], "", rule, notes[n])
