"""The HTML parser: a page as the pieces of its own markup, made good, and what its head says.

Nothing else in the package knows the parser. Its tree is not walked: asking a node for its tag, text and neighbours
from Python takes 8 µs; the serialised tree, in which every element is closed and no text or attribute holds a raw
``<`` or ``>``, splits into the same pieces in a tenth of that.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from selectolax.lexbor import LexborHTMLParser, LexborNode

from cleaner.read.bounded import bounded
from cleaner.read.decode import without_surrogates

Attributes = dict[str, str | None]

_MOST = 1 << 18  # characters of JSON-LD that are kept; an article's has a few thousand
# What is written without escapes, or is a document of its own (``template``); and what a head is read from.
_SOUGHT = "meta, link, title, h1, script, style, template, noembed, noframes, iframe, xmp, plaintext"
_SHOWN_RAW = ("xmp", "plaintext")


class Head(NamedTuple):
    """What a page tells of itself, wherever it stands.

    ``canonical`` holds the addresses of its canonical links, ``metas`` the attributes of its meta elements, ``title``
    the text of the first title element, ``headings`` those of the first two ``h1``, ``data`` its JSON-LD.
    """

    canonical: tuple[str, ...] = ()
    metas: tuple[Attributes, ...] = ()
    title: str = ""
    headings: tuple[str, ...] = ()
    data: tuple[str, ...] = ()


class Parsed(NamedTuple):
    """A page's head, and its body cut at each ``>``: text, ``<`` and a tag without its brackets."""

    head: Head
    pieces: list[str]


def parse(html: str) -> Parsed:
    """Parse a page as browsers do. Never raises on any input; linear time.

    Scripts, styles and other raw text that is not shown are not in the pieces. The first piece is the body's tag.

    >>> parse("<title>A</title><p class=x>b<br>c &amp; d").pieces
    ['<body', '<p class="x"', 'b<br', 'c &amp; d</p', '</body', '']
    """
    html = bounded(html.removeprefix("\ufeff"))
    try:
        page = LexborHTMLParser(html.encode())
    except UnicodeEncodeError:
        page = LexborHTMLParser(without_surrogates(html).encode())
    found = page.css(_SOUGHT)
    head = _head(found)
    for node in reversed(found):  # what stands inside another goes before it
        _simplify(node, node.tag or "")
    body = page.body
    return Parsed(head, (body.html or "").split(">") if body is not None else [])


def _head(found: list[LexborNode]) -> Head:
    canonical: list[str] = []
    metas: list[Attributes] = []
    titles: list[str] = []
    headings: list[str] = []
    data: list[str] = []
    room = _MOST
    for node in found:
        tag = node.tag
        if tag == "meta":
            metas.append(node.attributes)
        elif tag == "link":
            attributes = node.attributes
            if "canonical" in (attributes.get("rel") or "").lower().split() and (href := attributes.get("href")):
                canonical.append(href)
        elif tag == "title":
            if not titles:
                titles.append(node.text() or "")
        elif tag == "h1":
            if len(headings) < 2:
                headings.append(node.text() or "")
        elif tag == "script" and room >= 0 and (node.attributes.get("type") or "").lower() == "application/ld+json":
            text = node.text() or ""
            room -= len(text)
            data += [text] * (room >= 0)
    return Head(tuple(canonical), tuple(metas), titles[0] if titles else "", tuple(headings), tuple(data))


def _simplify(node: LexborNode, tag: str) -> None:
    """Take raw text out of the page, or escape it where it is shown."""
    if tag in _SHOWN_RAW:
        child = node.first_child
        while child is not None:
            after = child.next
            if child.tag == "-text":
                child.replace_with(escaped(child.text_content or ""))
            child = after
    elif tag == "iframe":
        while (child := node.first_child) is not None:
            child.decompose()
    elif tag in _GONE:
        node.decompose()


_GONE = frozenset(("script", "style", "template", "noembed", "noframes"))


def escaped(text: str) -> str:
    """Write a text as the pieces of a page hold it."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescaped(text: str) -> str:
    """Give a text, or an attribute's value, from a piece of a page; no other escapes stand there.

    >>> unescaped("a&nbsp;&lt;&amp;lt;")
    'a\\xa0<&lt;'
    """
    if "&" not in text:
        return text
    text = text.replace("&nbsp;", "\xa0").replace("&quot;", '"')
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


# The first character of a name may be "=", and any may be a quote.
_ATTRIBUTE = re.compile(r' (\S[^=\s]*+)="([^"]*+)"')


def attributes(tag: str) -> dict[str, str]:
    """Give the attributes of an opening tag, without brackets, by name; empty values where none are given.

    >>> attributes('a href="/?a=1&amp;b=2" hidden=""')
    {'href': '/?a=1&b=2', 'hidden': ''}
    """
    found: dict[str, str] = dict(_ATTRIBUTE.findall(tag))
    return found if "&" not in tag else {name: unescaped(value) for name, value in found.items()}


def attribute(tag: str, name: str) -> str | None:
    """Give the value of one attribute of an opening tag, without brackets; faster than all of them.

    >>> attribute('a class="x" href="/?a=1&amp;b=2"', "href"), attribute('a title=" href="', "href")
    ('/?a=1&b=2', None)
    """
    before = f' {name}="'
    at = tag.find(before)
    if at < 0:
        return None
    # A quote ends the value before, unless it follows a "=": then it may begin a value that holds what was found.
    if (tag[at - 1] != '"' or tag[at - 2] == "=") and " " in tag[:at]:
        return attributes(tag).get(name)
    start = at + len(before)
    return unescaped(tag[start : tag.index('"', start)])
