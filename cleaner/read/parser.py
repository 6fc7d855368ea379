"""The HTML parser, and what the readers of its trees agree on: which elements are text, which a browser hides."""

from __future__ import annotations

import re
from typing import TypeAlias

from selectolax.lexbor import LexborHTMLParser, LexborNode

from cleaner.read.bounded import bounded
from cleaner.read.decode import without_surrogates

Page: TypeAlias = LexborHTMLParser
Node: TypeAlias = LexborNode


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LISTS = _words("ul ol dl menu dir")
ITEMS = _words("li dt dd")
ROWS = _words("tr tbody thead tfoot")
CELLS = _words("td th")
PREFORMATTED = _words("pre listing plaintext xmp")
# What a browser does not show as text.
UNSEEN = _words(
    "head title script style template svg select option datalist textarea iframe object audio video canvas"
    " noembed noframes frameset"
)
# They show something that is not text: a picture between two words parts them.
PARTING = _words("img svg select textarea iframe object audio video canvas input picture embed")
EMPTY = " \t\n\r\f\xa0\u200b\u200c\u200d\u2060\ufeff"
"""Of a line of these characters alone nothing is seen."""
SPACE = re.compile(r"[ \t\n\r\f]+")
CELL = 200
"""Characters in the lines of a cell that are joined to keep its row on one line: an address, not a paragraph."""
MUCH = 200
"""Hidden characters that may outweigh the shown: more than a stray dialog holds."""
# A page that hides one of these does so to show it later, by script.
_NEVER_HIDDEN = _words("html body main article")
_NO_DISPLAY = re.compile(r"(?i)(?:^|;)\s*display\s*:\s*none\b")


def parse(html: str) -> Page:
    """Parse a page as browsers do. Never raises on any input; linear time."""
    return LexborHTMLParser(bounded(without_surrogates(html.removeprefix("\ufeff"))))


def hidden(body: Node) -> set[int]:
    """Give the ``mem_id`` of the elements that are not shown: ``hidden``, ``display: none`` and ``noscript``."""
    found = {
        node.mem_id
        for node in body.css("[hidden], [style*='display' i]")
        if node.tag not in _NEVER_HIDDEN and _hides(node.attributes)
    }
    # Mostly it says to switch scripts on; Discourse and Flarum put the whole thread there.
    found.update(node.mem_id for node in body.css("noscript"))
    return found


def _hides(attributes: dict[str, str | None]) -> bool:
    is_hidden = "hidden" in attributes and (attributes["hidden"] or "").lower() != "until-found"
    return is_hidden or bool(_NO_DISPLAY.search(attributes.get("style") or ""))
