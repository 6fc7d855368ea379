"""A page as two tables: its blocks of text, one a line of the linearised page, and the elements around them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from cleaner.blocks.about import About, about
from cleaner.read.bounded import BLOCKS
from cleaner.read.parser import (
    CELL,
    CELLS,
    EMPTY,
    ITEMS,
    LISTS,
    MUCH,
    PARTING,
    PREFORMATTED,
    ROWS,
    SPACE,
    UNSEEN,
    Node,
    Page,
    hidden,
    parse,
)

_SILENT = About()


@dataclass(frozen=True, slots=True)
class Tree:
    """The blocks of a page in reading order, and the elements that hold them, parents before children.

    Of a block: its text, whether it follows on the line below (1) or after a blank line (2), its element, the
    share of its characters that stand in links. Of an element: tag, parent (-1 for the body), its blocks
    ``[first, last)``, its class and id words, its role, itemprop and itemtype words. The body is element 0.
    ``title`` holds the texts of the title element and of ``og:title``, ``kinds`` what the head says the page is,
    ``about`` what it tells of itself.
    """

    texts: list[str]
    gaps: list[int]
    owners: list[int]
    links: list[float]
    tags: list[str]
    parents: list[int]
    firsts: list[int]
    lasts: list[int]
    names: list[str]
    roles: list[str]
    title: str = ""
    kinds: tuple[str, ...] = ()
    about: About = _SILENT

    def lines(self) -> Iterator[int]:
        """Yield the number of each block's line in the linearised page."""
        at = -1
        for n, gap in enumerate(self.gaps):
            at += 2 if n and gap == 2 else 1
            yield at


_TYPES = re.compile(r"\"@type\"\s*+:\s*+(?:\[\s*+)?\"([A-Za-z]{1,40}+)\"")


def tree(html: str) -> Tree:
    """Give the blocks and elements of a page, the blocks as ``cleaner.read.html.linearise`` makes them.

    Never raises on any input; linear time.
    """
    parsed = parse(html)
    body = parsed.body
    if body is None:
        return Tree([], [], [], [], ["body"], [-1], [0], [0], [""], [""])
    walk = _Walk(hidden(body))
    walk.run(body)
    if walk.unseen > max(MUCH, sum(map(len, walk.texts))):
        walk = _Walk(set())
        walk.run(body)
    title, kinds = _kinds(parsed, html)
    names, roles = walk.attributes()
    return Tree(
        walk.texts, walk.gaps, walk.owners, walk.links, walk.tags, walk.parents, walk.firsts, walk.lasts, names, roles,
        title, kinds, about(parsed),
    )  # fmt: skip


def _kinds(parsed: Page, html: str) -> tuple[str, tuple[str, ...]]:
    title = parsed.css_first("title")
    texts = [title.text() or "" if title is not None else ""]
    texts += [node.attributes.get("content") or "" for node in parsed.css("meta[property='og:title' i]")[:1]]
    og = [(node.attributes.get("content") or "").lower() for node in parsed.css("meta[property='og:type' i]")[:1]]
    types = dict.fromkeys(_TYPES.findall(html)) if '"@type"' in html else {}
    return "\n".join(texts), (*(f"og:{kind}" for kind in og if kind), *types)


@dataclass(slots=True)
class _Row:
    start: int  # the first of its blocks
    cells: list[tuple[int, int]] = field(default_factory=list)  # the first block of each, its element
    nests: bool = False  # holds a table


class _Walk:
    """One walk over a page’s tree: what stands in the line being made, and the blocks made so far."""

    def __init__(self, unseen: set[int]) -> None:
        self._hidden = unseen
        self.texts: list[str] = []
        self.gaps: list[int] = []
        self.owners: list[int] = []
        self.links: list[float] = []
        self.tags: list[str] = []
        self.parents: list[int] = []
        self.firsts: list[int] = []
        self.lasts: list[int] = []
        self.unseen = 0
        self._nodes: list[Node] = []
        self._parts: list[str] = []
        self._linked: list[str] = []
        self._in_pre = self._gap = 0
        self._item = self._outer = self._is_loose = False
        self._rows: list[_Row] = []
        self._items: list[int] = []
        self._loose: set[int] = set()
        self._data_rows: set[int] = set()

    def attributes(self) -> tuple[list[str], list[str]]:
        """Give the class and id words, and the role, itemprop and itemtype words, of each element with text."""
        names, roles = [""] * len(self.tags), [""] * len(self.tags)
        for n, (node, first, last) in enumerate(zip(self._nodes, self.firsts, self.lasts, strict=True)):
            if first < last and (found := node.attributes):
                if "class" in found or "id" in found:
                    names[n] = f"{found.get('class') or ''} {found.get('id') or ''}".lower().strip()
                if "role" in found or "itemprop" in found or "itemtype" in found:
                    words = (found.get("role"), found.get("itemprop"), found.get("itemtype"))
                    roles[n] = " ".join(w for w in words if w).lower()
        return names, roles

    def run(self, body: Node) -> None:
        """Walk the tree below the body; a stack, not recursion, since pages nest deeper than Python does."""
        unseen, parts, linked = self._hidden, self._parts, self._linked
        nodes, tags, parents, firsts, lasts = self._nodes, self.tags, self.parents, self.firsts, self.lasts
        texts = self.texts
        nodes.append(body)
        tags.append("body")
        parents.append(-1)
        firsts.append(0)
        lasts.append(0)
        open_: list[int] = [0]
        block = [0]
        in_links = 0
        anchors: list[bool] = []
        parted = after_link = False
        child = body.first_child
        while True:
            while child is not None:
                tag = child.tag or ""
                if tag == "-text":
                    if text := child.text_content or "":
                        after_link = False
                        if parted:
                            parted = False
                            last = parts[-1][-1:] if parts else ""
                            # Scripts without blanks between words (from U+2E80 on) need none between links.
                            if last.isalnum() and text[0].isalnum() and max(last, text[0]) < "\u2e80":
                                parts.append(" ")
                        parts.append(text)
                        if in_links:
                            linked.append(text)
                elif tag == "br":
                    self._flush(block[-1])
                    parted = after_link = False
                    self._gap = self._gap or 1
                elif tag in UNSEEN:
                    parted = parted or tag in PARTING
                elif unseen and child.mem_id in unseen:
                    self.unseen += len(child.text())
                elif tag[0] != "-":
                    down = child.first_child
                    is_block = tag in BLOCKS
                    if down is None and not is_block:
                        # Nothing inside; a link without text still parts what stands around it.
                        if tag == "a":
                            parted, after_link = parted or after_link, True
                        elif tag in PARTING:
                            parted = True
                        child = child.next
                        continue
                    at = len(tags)
                    nodes.append(child)
                    tags.append(tag)
                    parents.append(open_[-1])
                    if tag == "a":
                        anchors.append("href" in child.attributes)
                        in_links += anchors[-1]
                        parted = parted or after_link
                    elif tag in PARTING:
                        parted = True
                    if is_block:
                        self._flush(block[-1])
                        parted = after_link = False
                        self._enter(at, tag)
                        block.append(at)
                    firsts.append(len(texts))
                    lasts.append(0)
                    open_.append(at)
                    if down is not None:
                        child = down
                        continue
                    at = open_.pop()
                    self._leave(at, tag, block)
                    parted = after_link = False
                    lasts[at] = len(texts)
                child = child.next
            at = open_[-1]
            if not at:
                break
            open_.pop()
            tag = tags[at]
            if tag == "a":
                in_links -= anchors.pop()
                after_link = True
            if block[-1] == at:
                self._leave(at, tag, block)
                parted = after_link = False
            lasts[at] = len(texts)
            child = nodes[at].next
        self._flush(0)
        lasts[0] = len(texts)

    def _enter(self, at: int, tag: str) -> None:
        self._cross(at, tag)
        if tag in PREFORMATTED:
            self._in_pre += 1
        elif tag in ITEMS:
            self._items.append(at)
        elif tag == "table" and self._rows:
            self._rows[-1].nests = True
        elif tag == "tr":
            self._rows.append(_Row(len(self.texts)))
        elif tag in CELLS and self._rows:
            self._rows[-1].cells.append((len(self.texts), at))

    def _leave(self, at: int, tag: str, block: list[int]) -> None:
        self._flush(at)
        block.pop()
        if tag in PREFORMATTED:
            self._in_pre -= 1
        elif tag in ITEMS:
            self._items.pop()
            self._is_loose = self._is_loose or at in self._loose
        elif tag == "tr":
            self._row(at, self._rows.pop())
        self._cross(at, tag)

    def _cross(self, at: int, tag: str) -> None:
        """Note the edge of a block: it decides what stands between the line before and the line after."""
        if tag in ITEMS:
            self._item = True
        elif tag == "table" or (tag in LISTS and not self._items):
            self._outer = True
        elif tag not in LISTS:
            self._gap = 2

    def _flush(self, at: int) -> None:
        """End the line being made, if there is one."""
        if not self._parts:
            return
        text = self._parts[0] if len(self._parts) == 1 else "".join(self._parts)
        self._parts.clear()
        if not text.strip(EMPTY):
            self._linked.clear()
            return
        share = 0.0
        if self._linked:
            chars = sum(map(len, text.split()))
            share = round(sum(map(len, "\n".join(self._linked).split())) / chars, 3) if chars else 0.0
            self._linked.clear()
        if not self._in_pre:
            self._add(SPACE.sub(" ", text).strip(" "), self._between(), at, share)
            return
        first, *others = _pre_lines(text)
        self._add(first, self._between(), at, share)
        for line in others:
            self._add(line, 1, at, share if line else 0.0)

    def _add(self, text: str, gap: int, at: int, share: float) -> None:
        self.texts.append(text)
        self.gaps.append(gap)
        self.owners.append(at)
        self.links.append(share)

    def _between(self) -> int:
        gap = 2 if self._outer else (2 if self._is_loose else 1) if self._item else self._gap or 1
        if gap == 2 and not self._item and self._items:
            self._loose.add(self._items[-1])
        self._gap, self._item, self._outer, self._is_loose = 0, False, False, False
        return gap

    def _row(self, at: int, row: _Row) -> None:
        """Make one line of a row of data; of a row that only arranges blocks, none."""
        start = row.start
        stop = len(self.texts)
        table = self.parents[at]
        over = [at, table]
        while table > 0 and self.tags[table] in ROWS:
            table = self.parents[table]
            over.append(table)
        if start == stop:
            return
        bounds = [first for first, _ in row.cells] + [stop]
        cells = [(bounds[i], bounds[i + 1], cell) for i, (_, cell) in enumerate(row.cells)]
        filled = [(a, b) for a, b, _ in cells if a < b]
        arranges = len(filled) == 1 and any(self.tags[o] not in CELLS for o in self.owners[filled[0][0] : filled[0][1]])
        if row.nests or arranges or bounds[0] > start or not all(self._one_line(*cell) for cell in cells):
            self._data_rows.difference_update(over)
            return
        text = "\t".join(" ".join(self.texts[a:b]) for a, b, _ in cells).rstrip("\t")
        sizes = [sum(map(len, t.split())) for t in self.texts[start:]]
        share = sum(n * s for n, s in zip(sizes, self.links[start:], strict=True)) / (sum(sizes) or 1)
        gap = 1 if table > 0 and table in self._data_rows else self.gaps[start]
        for column in (self.texts, self.gaps, self.owners, self.links):
            del column[start:]
        self._add(text, gap, at, round(share, 3))
        inside = len(self.firsts) - at - 1
        self.firsts[at + 1 :] = self.lasts[at + 1 :] = [start] * inside
        if table > 0:
            self._data_rows.add(table)

    def _one_line(self, start: int, stop: int, cell: int) -> bool:
        if stop - start < 2:
            return start == stop or "\n" not in self.texts[start]
        mine = all(owner == cell for owner in self.owners[start:stop])
        return mine and sum(map(len, self.texts[start:stop])) <= CELL


def _pre_lines(text: str) -> Iterator[str]:
    lines = [line.rstrip(" \t\r\f") for line in text.split("\n")]
    first = next(i for i, line in enumerate(lines) if line)
    last = next(i for i in range(len(lines), 0, -1) if lines[i - 1])
    yield from lines[first:last]
