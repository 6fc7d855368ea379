"""A page as two tables: its lines of text, and the elements around them; one walk serves all who ask."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

from cleaner.read.parser import Head, attribute, parse, unescaped
from cleaner.read.tags import (
    BLOCK,
    BREAK,
    CELLS,
    CLOSE,
    END,
    FRAME,
    HIDE,
    ITEMS,
    LINK,
    LISTS,
    OPEN,
    PARTED,
    PARTING,
    PICTURE,
    PREFORMATTED,
    ROWS,
    RULE,
    SKIP,
    UNLINK,
    kind_of,
    name_of,
)  # fmt: skip

_EMPTY = " \t\n\r\f\xa0\u200b\u200c\u200d\u2060\ufeff"
"""Of a line of these characters alone nothing is seen."""
_BLANKS = " \t\n\r\f"
_SPACE = re.compile(r"[ \t\n\r\f]+")
_CELL = 200
"""Characters in the lines of a cell that are joined to keep its row on one line: an address, not a paragraph."""
_MUCH = 200
"""Hidden characters that may outweigh the shown: more than a stray dialog holds."""
_REMEMBERED = 256  # characters of a piece: pages repeat the short ones
_LAYOUT, _LOOSE, _DATA = 1, 2, 4
"""Of an element: arranges blocks, holds no data; an item with blank lines inside; a table whose last row is a line."""


_SILENT = Head()


@dataclass(frozen=True, slots=True)
class Outline:
    """The blocks of a page in reading order, and the elements that hold any, parents before children.

    Of a block: its text, whether it follows on the line below (1) or after a blank line (2), its element, the
    share of its characters that stand in links. Of an element: tag, parent (-1 for the body), its blocks
    ``[first, last)``, its opening tag without brackets, its class and id words, whether it is a table, or a part of
    one, that only arranges blocks. The body is element 0.
    """

    texts: list[str]
    gaps: list[int]
    owners: list[int]
    links: list[float]
    tags: list[str]
    parents: list[int]
    firsts: list[int]
    lasts: list[int]
    openings: list[str]
    names: list[str]
    layouts: list[bool]
    head: Head = _SILENT


@lru_cache(maxsize=1)
def outline(html: str) -> Outline:
    """Give the blocks and elements of a page. Never raises on any input; linear time.

    A block is a run of inline content between block elements or line breaks; what is hidden, and ``noscript``, is left
    out, unless it holds most of the text. The last page is remembered: who reads it and who extracts from it ask for
    the same. What is given is shared: do not change it.
    """
    head, pieces = parse(html)
    walk = _Walk(True)
    walk.run(pieces)
    if walk.unseen > max(_MUCH, sum(map(len, walk.texts))):
        walk = _Walk(False)
        walk.run(pieces)
    openings = walk.openings
    told = {opening: (name_of(opening), _names(opening)) for opening in {*openings}}
    layouts = [False] * len(openings)
    for n, flags in walk.flags.items():
        layouts[n] = bool(flags & _LAYOUT)
    return Outline(
        walk.texts, walk.gaps, walk.owners, walk.links, [told[o][0] for o in openings], walk.parents, walk.firsts,
        walk.lasts, openings, [told[o][1] for o in openings], layouts, head,
    )  # fmt: skip


def _names(opening: str) -> str:
    return f"{attribute(opening, 'class') or ''} {attribute(opening, 'id') or ''}".lower().strip()


@dataclass(slots=True)
class _Row:
    start: int  # the first of its blocks
    cells: list[int] = field(default_factory=list)  # the first block of each
    nests: bool = False  # holds a table


class _Walk:
    """One walk over a page’s pieces: what stands in the line being made, and the blocks made so far.

    Elements are numbered when a line ends in them: most elements of a page are words in a line, or hold no text.
    """

    def __init__(self, hides: bool) -> None:
        self._hides = hides
        self.texts: list[str] = []
        self.gaps: list[int] = []
        self.owners: list[int] = []
        self.links: list[float] = []
        self.parents: list[int] = [-1]
        self.firsts: list[int] = [0]
        self.lasts: list[int] = [0]
        self.openings: list[str] = ["body"]
        self.flags: dict[int, int] = {}
        self.unseen = 0
        self._open: list[str] = ["body"]  # the tags of all open elements
        self._numbered: list[int] = [0]  # the numbers of the first of them
        self._parts: list[str] = []
        self._linked: list[str] = []
        self._in_pre = self._gap = 0
        self._item = self._outer = self._is_loose = False
        self._rows: list[_Row] = []
        self._items: list[int] = []  # how many elements are open around each open item

    def run(self, pieces: list[str]) -> None:
        """Walk the pieces of a page in their order."""
        parts, linked, open_, numbered = self._parts, self._linked, self._open, self._numbered
        texts, lasts = self.texts, self.lasts
        hides = self._hides
        known: dict[str, tuple[int, str, str]] = {}  # pieces without words
        kinds: dict[str, int] = {}
        block = [0]  # how many elements are open around each open block
        anchors: list[bool] = []
        in_links = 0
        parted = after_link = False
        rest = iter(pieces)
        self.openings[0] = next(rest, "").partition("<")[2]
        for piece in rest:
            found = known.get(piece)
            if found is not None:
                kind, tag, text = found
                is_blank = True
            else:
                text, _, tag = piece.partition("<")
                is_blank = not text or not text.strip(_BLANKS)
                seen = kinds.get(tag)
                kind = kind_of(tag, hides) if seen is None else seen
                if kind != LINK and len(piece) <= _REMEMBERED:
                    kinds[tag] = kind
                    if is_blank:
                        known[piece] = kind, tag, text
            if text:
                after_link = False
                if not is_blank or parts or self._in_pre:
                    if parted:
                        last = parts[-1][-1:] if parts else ""
                        # Scripts without blanks between words (from U+2E80 on) need none between links.
                        if last.isalnum() and text[0].isalnum() and max(last, text[0]) < "\u2e80":
                            parts.append(" ")
                    parts.append(text)
                    if in_links:
                        linked.append(text)
                parted = False
            if kind >= OPEN:
                if kind >= BLOCK:
                    if kind <= FRAME:
                        if parts:
                            self._flush(block[-1])
                        parted = after_link = False
                        block.append(len(open_))
                        if kind == BLOCK:
                            self._gap = 2
                        else:
                            self._enter(name_of(tag))
                        open_.append(tag)
                    elif kind == PICTURE:
                        parted = True
                        open_.append(tag)
                    elif kind == PARTED:
                        parted = True
                    elif kind == RULE:
                        if parts:
                            self._flush(block[-1])
                        parted = after_link = False
                        self._gap = 2
                else:
                    open_.append(tag)
                    if kind != OPEN:
                        anchors.append(kind == LINK)
                        in_links += anchors[-1]
                        parted = parted or after_link  # a menu or tags, parted by style sheets alone
            elif CLOSE <= kind <= UNLINK:
                if kind == UNLINK:
                    in_links -= anchors.pop()
                    after_link = True
                elif kind != CLOSE:
                    if parts:
                        self._flush(block[-1])
                    parted = after_link = False
                    block.pop()
                    if kind == END:
                        self._gap = 2
                    else:
                        self._leave(tag[1:])
                open_.pop()
                if len(open_) < len(numbered):
                    lasts[numbered.pop()] = len(texts)
            elif kind == BREAK:
                if parts:
                    self._flush(block[-1])
                parted = after_link = False
                self._gap = self._gap or 1
            elif kind == SKIP:
                name = name_of(tag)
                parted = parted or name in PARTING
                for _ in _skipped(rest, name):
                    pass
            elif kind == HIDE:
                self.unseen += len(unescaped("".join(_skipped(rest, name_of(tag)))))
            elif tag[:3] == "!--" and tag[-2:] != "--":
                _comment(rest)
        if parts:
            self._flush(0)
        lasts[0] = len(texts)

    def _enter(self, tag: str) -> None:
        """Note the edge of a block: it decides what stands between the line before and the line after."""
        if tag in ITEMS:
            self._items.append(len(self._open))
            self._item = True
        elif tag in LISTS:
            self._outer = self._outer or not self._items
        elif tag == "table":
            self._outer = True
            if self._rows:
                self._rows[-1].nests = True
        else:
            self._gap = 2
            if tag == "tr":
                self._rows.append(_Row(len(self.texts)))
            elif tag in PREFORMATTED:
                self._in_pre += 1
            elif self._rows:
                self._rows[-1].cells.append(len(self.texts))

    def _leave(self, tag: str) -> None:
        if tag in ITEMS:
            self._items.pop()
            deep = len(self._open) - 1
            if deep < len(self._numbered):
                self._is_loose = self._is_loose or bool(self._flags(self._numbered[deep]) & _LOOSE)
            self._item = True
        elif tag in LISTS:
            self._outer = self._outer or not self._items
        elif tag == "table":
            self._outer = True
        else:
            if tag == "tr":
                row = self._rows.pop()
                if row.start < len(self.texts):
                    self._row(self._numbered[len(self._open) - 1], row)
            elif tag in PREFORMATTED:
                self._in_pre -= 1
            self._gap = 2

    def _flush(self, deep: int) -> None:
        """End the line being made, of the block with so many elements around it."""
        parts, linked = self._parts, self._linked
        text = parts[0] if len(parts) == 1 else "".join(parts)
        whole = len(parts) == len(linked)
        parts.clear()
        text = unescaped(text) if self._in_pre else unescaped(text).strip(_BLANKS)
        if not text.strip(_EMPTY):
            linked.clear()
            return
        share = 0.0
        if linked:
            if whole:
                share = 1.0 if text.strip() else 0.0
            elif chars := sum(map(len, text.split())):
                share = round(sum(map(len, unescaped("\n".join(linked)).split())) / chars, 3)
            linked.clear()
        numbered, texts = self._numbered, self.texts
        if len(numbered) < len(self._open):
            first = len(texts)
            for opening in self._open[len(numbered) :]:
                self.parents.append(numbered[-1])
                numbered.append(len(self.openings))
                self.openings.append(opening)
                self.firsts.append(first)
                self.lasts.append(0)
        gap = 2 if self._outer else (2 if self._is_loose else 1) if self._item else self._gap or 1
        if gap == 2 and not self._item and self._items:
            loose = numbered[self._items[-1]]
            self.flags[loose] = self._flags(loose) | _LOOSE
        self._gap, self._item, self._outer, self._is_loose = 0, False, False, False
        if self._in_pre:
            for line in _pre_lines(text):
                self._add(line, gap, numbered[deep], share if line else 0.0)
                gap = 1
        else:
            if "\n" in text or "  " in text or "\t" in text or "\r" in text or "\f" in text:
                text = _SPACE.sub(" ", text)
            self._add(text, gap, numbered[deep], share)

    def _add(self, text: str, gap: int, at: int, share: float) -> None:
        self.texts.append(text)
        self.gaps.append(gap)
        self.owners.append(at)
        self.links.append(share)

    def _flags(self, n: int) -> int:
        return self.flags.get(n, 0)

    def _row(self, at: int, row: _Row) -> None:
        """Make one line of a row of data; mark what only arranges blocks as layout."""
        start, stop = row.start, len(self.texts)
        over = [at, self.parents[at]]
        while over[-1] > 0 and self._tag(over[-1]) in ROWS:
            over.append(self.parents[over[-1]])
        table = over[-1]
        cells = list(pairwise((*row.cells, stop)))
        filled = [(a, b) for a, b in cells if a < b]
        arranges = len(filled) == 1 and any(self._tag(o) not in CELLS for o in self.owners[slice(*filled[0])])
        begins = row.cells[0] if row.cells else stop
        if row.nests or arranges or begins > start or not all(self._one_line(*cell) for cell in filled):
            for part in over:
                if part > 0:
                    self.flags[part] = self._flags(part) & ~_DATA | _LAYOUT
            return
        text = "\t".join(" ".join(self.texts[a:b]) for a, b in cells).rstrip("\t")
        sizes = [sum(map(len, t.split())) for t in self.texts[start:]]
        share = sum(n * s for n, s in zip(sizes, self.links[start:], strict=True)) / (sum(sizes) or 1)
        gap = 1 if table > 0 and self._flags(table) & _DATA else self.gaps[start]
        for column in (self.texts, self.gaps, self.owners, self.links):
            del column[start:]
        for gone in range(at + 1, len(self.openings)):
            self.flags.pop(gone, None)
        for table_column in (self.parents, self.firsts, self.lasts, self.openings):
            del table_column[at + 1 :]
        self._add(text, gap, at, round(share, 3))
        if table > 0:
            self.flags[table] = self._flags(table) | _DATA

    def _tag(self, n: int) -> str:
        return name_of(self.openings[n])

    def _one_line(self, start: int, stop: int) -> bool:
        if stop - start < 2:
            return "\n" not in self.texts[start]
        first = self.owners[start]
        mine = self._tag(first) in CELLS and all(owner == first for owner in self.owners[start:stop])
        return mine and sum(map(len, self.texts[start:stop])) <= _CELL


def _skipped(pieces: Iterator[str], name: str) -> Iterator[str]:
    """Go behind the end of an open element; yield the text in it."""
    deep, closing, opening = 1, f"/{name}", f"{name} "
    for piece in pieces:
        text, _, tag = piece.partition("<")
        if text:
            yield text
        if tag == closing:
            deep -= 1
            if not deep:
                break
        elif tag == name or tag.startswith(opening):
            deep += 1
        elif tag[:3] == "!--" and tag[-2:] != "--":
            _comment(pieces)


def _comment(pieces: Iterator[str]) -> None:
    """Go behind the end of a comment that holds a ``>``."""
    for piece in pieces:
        if piece.endswith("--"):
            return


def _pre_lines(text: str) -> Iterator[str]:
    lines = [line.rstrip(" \t\r\f") for line in text.split("\n")]
    first = next(i for i, line in enumerate(lines) if line)
    last = next(i for i in range(len(lines), 0, -1) if lines[i - 1])
    yield from lines[first:last]
