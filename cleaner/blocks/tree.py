"""A page as two tables: its blocks of text, one a line of the linearised page, and the elements around them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from cleaner.blocks.about import About, about
from cleaner.read.outline import outline
from cleaner.read.parser import Head, attribute

_SILENT = About()


@dataclass(frozen=True, slots=True)
class Tree:
    """The blocks of a page in reading order, and the elements that hold any, parents before children.

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


def tree(html: str) -> Tree:
    """Give the blocks and elements of a page, the blocks as ``cleaner.read.html.linearise`` makes them.

    Never raises on any input; linear time.
    """
    page = outline(html)
    outline.cache_clear()  # who reads a page asks first, who extracts from it last: its memory is free for the model
    title, kinds = _kinds(page.head, html)
    roles = {opening: _roles(opening) for opening in {*page.openings}}
    return Tree(
        page.texts, page.gaps, page.owners, page.links, page.tags, page.parents, page.firsts, page.lasts, page.names,
        [roles[opening] for opening in page.openings], title, kinds, about(page.head),
    )  # fmt: skip


def _roles(opening: str) -> str:
    if ' role="' not in opening and " item" not in opening:
        return ""
    words = (attribute(opening, name) for name in ("role", "itemprop", "itemtype"))
    return " ".join(w for w in words if w).lower()


_TYPE = '"@type"'
_TYPES = re.compile(r"\"@type\"\s*+:\s*+(?:\[\s*+)?\"([A-Za-z]{1,40}+)\"")


def _kinds(head: Head, html: str) -> tuple[str, tuple[str, ...]]:
    told: dict[str, str] = {}
    for meta in head.metas:
        told.setdefault((meta.get("property") or "").lower(), meta.get("content") or "")
    titles = [head.title, *([told["og:title"]] if "og:title" in told else [])]
    kinds = [f"og:{kind.lower()}"] if (kind := told.get("og:type")) else []
    return "\n".join(titles), (*kinds, *dict.fromkeys(_typed(html)))


def _typed(html: str) -> Iterator[str]:
    """Yield the types that a page's JSON-LD names; a search by the pattern alone takes ten times as long."""
    at = html.find(_TYPE)
    while at >= 0:
        found = _TYPES.match(html, at)
        if found is not None:
            yield found[1]
        at = html.find(_TYPE, at + len(_TYPE))
