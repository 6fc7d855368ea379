"""Pages as lines: every visible word of a page, one block a line, and what the markup tells beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cleaner.document import Hint
from cleaner.read.outline import Outline, outline
from cleaner.read.parser import Attributes, Head


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
    page = outline(html)
    url, generator = _about(page.head)
    lines: list[str] = []
    hints: list[Hint] = []
    above = _above(page)
    blank = Hint("")
    for text, gap, owner, links in zip(page.texts, page.gaps, page.owners, page.links, strict=True):
        if lines and gap == 2:
            lines.append("")
            hints.append(blank)
        lines.append(text)
        path, names = above[owner]
        hints.append(Hint(path, links, names))
    return Linear("\n".join(lines), tuple(hints) or (blank,), url, generator)


def _about(head: Head) -> tuple[str | None, str]:
    urls = [*head.canonical, *(meta.get("content") for meta in _told(head, "property", "og:url"))]
    absolute = (url.strip() for url in urls if url)
    generators = (meta.get("content") for meta in _told(head, "name", "generator"))
    return next((u for u in absolute if re.match(r"(?i)https?://[^\s/]", u)), None), next(filter(None, generators), "")


def _told(head: Head, key: str, name: str) -> list[Attributes]:
    return [meta for meta in head.metas if (meta.get(key) or "").lower() == name]


def _above(page: Outline) -> dict[int, tuple[str, str]]:
    """Give the path of tags to each element with lines, and the class and id words around it, nearest first."""
    words = {names: [word for word in names.split() if len(word) <= _NAME][:_NAMES] for names in {*page.names}}
    own = [words[names] for names in page.names]
    paths: list[str] = []
    around: list[list[str]] = []
    levels: list[int] = []
    for n, up in enumerate(page.parents):
        path, names, level = (paths[up], around[up], levels[up]) if up > 0 else ("", [], 0)
        if level < _TAGS:
            if not page.layouts[n]:
                path = f"{path}/{page.tags[n]}" if path else page.tags[n]
            names = (own[n] + names)[:_NAMES] if own[n] else names
        else:
            path, names = _nearest(page, own, n)
        paths.append(path)
        around.append(names)
        levels.append(min(level + 1, _TAGS))
    return {n: (paths[n], " ".join(around[n])) for n in {*page.owners}}


def _nearest(page: Outline, own: list[list[str]], n: int) -> tuple[str, list[str]]:
    tags: list[str] = []
    names: list[str] = []
    for _ in range(_TAGS):
        if not page.layouts[n]:
            tags.append(page.tags[n])
        names += own[n] if len(names) < _NAMES else []
        n = page.parents[n]
    return "/".join(reversed(tags)), names[:_NAMES]
