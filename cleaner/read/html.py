"""Pages as lines: every visible word of a page, one block a line, and what the markup tells beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from cleaner.document import Hint
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


@dataclass(frozen=True, slots=True)
class Linear:
    """A page's visible text with one ``Hint`` for each of its lines, blank ones too.

    ``url`` is the page's own address for itself (canonical link, else ``og:url``), when absolute; ``generator``
    the content of its generator meta element.
    """

    text: str
    hints: tuple[Hint, ...]
    url: str | None = None
    generator: str = ""


# Bounds of a hint: the nearest tags of a path, the nearest class and id words, and their length.
_TAGS, _NAMES, _NAME = 64, 40, 64


@dataclass(slots=True, eq=False)
class _Element:
    tag: str
    node: Node
    parent: _Element | None
    layout: bool = False  # a table, or a row of one, that arranges blocks and holds no data
    loose: bool = False  # a list, or an item of one, with blank lines inside
    data_row: bool = False  # of a table: its last row was one line
    names: list[str] | None = None  # its own class and id words
    hint: Hint | None = None


@dataclass(slots=True)
class _Block:
    text: str
    element: _Element
    links: float
    gap: int  # 1: on the next line; 2: after a blank line


@dataclass(slots=True)
class _Row:
    start: int  # the first of its blocks
    cells: list[tuple[int, _Element]] = field(default_factory=list)
    nests: bool = False  # holds a table


def is_html(text: str) -> bool:
    """Tell a page, or a piece of one, from text that mentions tags.

    A page begins with its doctype or ``html``; a piece of one begins with another tag of HTML, ends with a tag
    and closes a block. XML of other kinds, code and prose about ``<p>`` are text.

    >>> is_html("<!doctype html><title>A</title>B"), is_html("<p>is the tag of a paragraph.")
    (True, False)
    """
    start = _PREAMBLE.match(text)
    assert start is not None  # it matches the empty string too
    if _PAGE.match(text, start.end()):
        return True
    piece = _PIECE.match(text, start.end())
    return piece is not None and text[-64:].rstrip().endswith(">") and _CLOSED.search(text) is not None


_PREAMBLE = re.compile(r"\ufeff?(?:\s++|<\?xml\b[^>]{0,512}>|<!--.*?-->)*+", re.DOTALL)
_PAGE = re.compile(r"(?i)<!doctype\s+html\b|<html(?:\s[^<]*)?>")
_PIECE = re.compile(
    r"(?i)<(?:div|p|article|section|main|table|ul|ol|dl|h[1-6]|nav|header|footer|aside|center|blockquote|figure|form"
    r"|head|body|style|script|link|meta|title)(?:\s[^<>{]*)?>"
)
_CLOSED = re.compile(r"(?i)</(?:html|body|div|p|article|section|main|table|ul|ol|h[1-6])\s*>")


def declared_charset(data: bytes) -> str | None:
    """Give the encoding that a page's first 4,096 bytes declare: a meta element’s, else the XML declaration’s.

    >>> declared_charset(b'<meta http-equiv="Content-Type" content="text/html; charset=koi8-r">')
    'koi8-r'
    """
    head = re.sub(rb"<!--.*?(?:-->|\Z)", b"", data[:4096], flags=re.DOTALL)
    found = _META_CHARSET.search(head) or _XML_ENCODING.match(head)
    return found[1].decode("ascii") if found else None


_META_CHARSET = re.compile(rb"(?i)<meta\b[^>]{0,512}?\bcharset\s*=\s*[\"']?\s*([a-z0-9_:.-]{1,40})")
_XML_ENCODING = re.compile(rb"(?i)\s*<\?xml\b[^>]{0,200}?\bencoding\s*=\s*[\"']([a-z0-9_:.-]{1,40})")


def linearise(html: str) -> Linear:
    r"""Give every visible word of a page, one block a line.

    A block is a run of inline content between block elements or line breaks. White space is collapsed as a browser
    does; preformatted text keeps its lines and columns; a table row is one line, its cells parted by tabs, unless
    the table only arranges blocks. A blank line stands between blocks, none between the items of a list, the rows
    of a table, and lines that ``br`` or a ``pre`` breaks. Hidden elements and ``noscript`` are left out, unless they
    hold most of the text: then it is meant to be read. Never raises on any input; linear time.

    >>> page = linearise("<h1>A</h1><ul class=x><li>b<li>c <a href=/>d</a></ul>")
    >>> page.text, page.hints[-1]
    ('A\n\nb\nc d', Hint(path='ul/li', links=0.5, names='x'))
    """
    tree = parse(html)
    body = tree.body
    url, generator = _about(tree)
    if body is None:
        return Linear("", (Hint(""),), url, generator)
    blocks, unseen = _Walk(hidden(body)).blocks(body)
    if unseen > max(MUCH, sum(len(b.text) for b in blocks)):
        blocks, _ = _Walk(set()).blocks(body)
    lines: list[str] = []
    hints: list[Hint] = []
    for block in blocks:
        if lines and block.gap == 2:
            lines.append("")
            hints.append(Hint(""))
        lines.append(block.text)
        hints.append(_hint(block.element)._replace(links=block.links))
    return Linear("\n".join(lines), tuple(hints) or (Hint(""),), url, generator)


def _about(tree: Page) -> tuple[str | None, str]:
    urls = [node.attributes.get("href") for node in tree.css("link[rel~='canonical' i]")]
    urls += [node.attributes.get("content") for node in tree.css("meta[property='og:url' i]")]
    absolute = (url.strip() for url in urls if url)
    generators = (node.attributes.get("content") for node in tree.css("meta[name='generator' i]"))
    return next((u for u in absolute if re.match(r"(?i)https?://[^\s/]", u)), None), next(filter(None, generators), "")


def _hint(element: _Element) -> Hint:
    if element.hint is None:
        tags: list[str] = []
        names: list[str] = []
        at: _Element | None = element
        for _ in range(_TAGS):
            if at is None:
                break
            if not at.layout:
                tags.append(at.tag)
            if at.names is None:
                attributes = at.node.attributes
                words = f"{attributes.get('class') or ''} {attributes.get('id') or ''}".lower().split()
                at.names = [word for word in words if len(word) <= _NAME][:_NAMES]
            if len(names) < _NAMES:
                names += at.names
            at = at.parent
        element.hint = Hint("/".join(reversed(tags)), 0.0, " ".join(names[:_NAMES]))
    return element.hint


class _Walk:
    """One walk over a page’s tree: what stands in the line being made, and the blocks made so far."""

    def __init__(self, unseen: set[int]) -> None:
        self._hidden = unseen
        self._made: list[_Block] = []
        self._parts: list[str] = []
        self._chars = self._linked = self._unseen = 0
        self._links = self._pre = 0
        self._gap, self._item, self._outer, self._loose = 0, False, False, False
        self._parted = self._after_link = False
        self._rows: list[_Row] = []
        self._items: list[_Element] = []

    def blocks(self, body: Node) -> tuple[list[_Block], int]:
        """Give the blocks in reading order and the number of characters that were left out as hidden."""
        at = root = _Element("body", body, None)
        block = [root]
        child = body.first_child
        while True:
            while child is not None:
                tag = child.tag or ""
                if tag == "-text":
                    self._text(child.text_content or "")
                elif tag == "br":
                    self._flush(block[-1])
                    self._gap = max(self._gap, 1)
                elif tag in UNSEEN:
                    self._parted = self._parted or tag in PARTING
                elif self._hidden and child.mem_id in self._hidden:
                    self._unseen += len(child.text())
                elif not tag.startswith("-"):
                    at = _Element(tag, child, at if at is not root else None)
                    if self._enter(at, block[-1]):
                        block.append(at)
                    down = child.first_child
                    if down is not None:
                        child = down
                        continue
                    at = self._leave(at, block) or root
                child = child.next
            if at is root:
                break
            child = at.node.next
            at = self._leave(at, block) or root
        self._flush(root)
        return self._made, self._unseen

    def _text(self, text: str) -> None:
        if not text:
            return
        self._after_link = False
        if self._parted:
            self._parted = False
            last = self._parts[-1][-1:] if self._parts else ""
            # Scripts without blanks between words (from U+2E80 on) need none between links.
            if last.isalnum() and text[0].isalnum() and max(last, text[0]) < "\u2e80":
                self._parts.append(" ")
        self._parts.append(text)
        chars = sum(map(len, text.split()))
        self._chars += chars
        self._linked += chars if self._links else 0

    def _enter(self, element: _Element, block: _Element) -> bool:
        """Open an element; tell whether it is a block."""
        tag = element.tag
        if tag == "a":
            self._links += "href" in element.node.attributes
            self._parted = self._parted or self._after_link  # a menu or tags, parted by style sheets alone
        if tag in PARTING:
            self._parted = True
        if tag not in BLOCKS:
            return False
        self._flush(block)
        self._cross(element)
        if tag in PREFORMATTED:
            self._pre += 1
        elif tag in ITEMS:
            self._items.append(element)
        elif tag == "table" and self._rows:
            self._rows[-1].nests = True
        elif tag == "tr":
            self._rows.append(_Row(len(self._made)))
        elif tag in CELLS and self._rows:
            self._rows[-1].cells.append((len(self._made), element))
        return True

    def _leave(self, element: _Element, block: list[_Element]) -> _Element | None:
        """Close an element; give its parent."""
        tag = element.tag
        if tag == "a":
            self._links -= "href" in element.node.attributes
            self._after_link = True
        if block[-1] is not element:
            return element.parent
        self._flush(element)
        block.pop()
        if tag in PREFORMATTED:
            self._pre -= 1
        elif tag in ITEMS:
            self._items.pop()
            self._loose = self._loose or element.loose
        elif tag == "tr":
            self._row(element, self._rows.pop())
        self._cross(element)
        return element.parent

    def _cross(self, element: _Element) -> None:
        """Note the edge of a block: it decides what stands between the line before and the line after."""
        if element.tag in ITEMS:
            self._item = True
        elif element.tag == "table" or (element.tag in LISTS and not self._items):
            self._outer = True
        elif element.tag not in LISTS:
            self._gap = 2

    def _flush(self, element: _Element) -> None:
        """End the line being made, if there is one."""
        self._parted = self._after_link = False
        if not self._parts:
            return
        text = "".join(self._parts)
        self._parts.clear()
        links = round(self._linked / self._chars, 3) if self._chars else 0.0
        self._chars = self._linked = 0
        if not text.strip(EMPTY):
            return
        lines = list(_pre_lines(text)) if self._pre else [SPACE.sub(" ", text).strip(" ")]
        self._made.append(_Block(lines[0], element, links, self._between()))
        self._made += (_Block(line, element, links if line else 0.0, 1) for line in lines[1:])

    def _between(self) -> int:
        gap = 2 if self._outer else (2 if self._loose else 1) if self._item else self._gap or 1
        if gap == 2 and not self._item and self._items:
            self._items[-1].loose = True
        self._gap, self._item, self._outer, self._loose = 0, False, False, False
        return gap

    def _row(self, element: _Element, row: _Row) -> None:
        """Make one line of a row of data; mark what only arranges blocks as layout."""
        made = self._made[row.start :]
        bounds = [start - row.start for start, _ in row.cells] + [len(made)]
        cells = [(made[bounds[i] : bounds[i + 1]], cell) for i, (_, cell) in enumerate(row.cells)]
        parents = [element.parent]
        while parents[-1] is not None and parents[-1].tag in ROWS:
            parents.append(parents[-1].parent)
        table = parents[-1]
        filled = [blocks for blocks, _ in cells if blocks]
        if not made:
            return
        arranges = len(filled) == 1 and any(b.element.tag not in CELLS for b in filled[0])
        if row.nests or arranges or bounds[0] or not all(_one_line(blocks, cell) for blocks, cell in cells):
            for part in (element, *parents):
                if part is not None:
                    part.layout = True
                    part.data_row = False
            return
        text = "\t".join(" ".join(b.text for b in blocks) for blocks, _ in cells).rstrip("\t")
        sizes = [(sum(map(len, b.text.split())), b.links) for b in made]
        links = sum(size * share for size, share in sizes) / (sum(size for size, _ in sizes) or 1)
        follows = table is not None and table.data_row
        self._made[row.start :] = [_Block(text, element, round(links, 3), 1 if follows else made[0].gap)]
        if table is not None:
            table.data_row = True


def _one_line(blocks: list[_Block], cell: _Element) -> bool:
    if len(blocks) < 2:
        return not blocks or "\n" not in blocks[0].text
    return all(b.element is cell for b in blocks) and sum(len(b.text) for b in blocks) <= CELL


def _pre_lines(text: str) -> Iterator[str]:
    lines = [line.rstrip(" \t\r\f") for line in text.split("\n")]
    first = next(i for i, line in enumerate(lines) if line)
    last = next(i for i in range(len(lines), 0, -1) if lines[i - 1])
    yield from lines[first:last]
