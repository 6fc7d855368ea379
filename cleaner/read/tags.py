"""What a tag is to the reader of a page: which elements part lines, which are not shown, which are hidden."""

from __future__ import annotations

import re

from cleaner.read.bounded import BLOCKS
from cleaner.read.parser import attribute


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LISTS = _words("ul ol dl menu dir")
ITEMS = _words("li dt dd")
ROWS = _words("tr tbody thead tfoot")
CELLS = _words("td th")
PREFORMATTED = _words("pre listing plaintext xmp")
# What a browser does not show as text.
_UNSEEN = _words(
    "head title script style template svg select option datalist textarea iframe object audio video canvas"
    " noembed noframes frameset"
)
# They show something that is not text: a picture between two words parts them.
PARTING = _words("img svg select textarea iframe object audio video canvas input picture embed")
# Never closed. MathML may have elements of these names that are: then their text belongs to what is around them.
_VOID = _words("area base basefont bgsound br col embed frame hr img input keygen link meta param source track wbr")
_FRAMES = LISTS | ITEMS | PREFORMATTED | CELLS | {"table", "tr"}
# A page that hides one of these does so to show it later, by script.
_NEVER_HIDDEN = _words("html body main article")
_STYLED = re.compile(r"(?i) style=\"[^\"]*display")
_NO_DISPLAY = re.compile(r"(?i)(?:^|;)\s*display\s*:\s*none\b")

# The kinds of tags. A frame is a block that means more for lines: of a list or a table, or preformatted. Those from
# OPEN on may be hidden, LINK is an ANCHOR that leads somewhere.
(
    NONE,
    BREAK,
    SKIP,
    CLOSE,
    END,
    FRAME_END,
    UNLINK,
    HIDE,
    OPEN,
    ANCHOR,
    LINK,
    BLOCK,
    FRAME,
    RULE,
    PICTURE,
    PARTED,
    IDLE,
) = range(17)


def _kinds() -> dict[str, int]:
    made = {f"/{name}": FRAME_END if name in _FRAMES else END for name in BLOCKS}
    made |= {name: FRAME if name in _FRAMES else BLOCK for name in BLOCKS}
    made |= {"a": ANCHOR, "/a": UNLINK, "picture": PICTURE, "noscript": HIDE}
    made |= {name: RULE if name in BLOCKS else PARTED if name in PARTING else IDLE for name in _VOID}
    made |= {f"/{name}": NONE for name in _VOID}
    made |= dict.fromkeys(_UNSEEN, SKIP)
    return made | {"": NONE, "br": BREAK, "body": NONE, "/body": NONE}


_KINDS = _kinds()


def name_of(tag: str) -> str:
    """Give the name of an opening tag's element."""
    return tag.partition(" ")[0]


def kind_of(tag: str, hides: bool) -> int:
    """Tell what a tag is; ``hides`` whether what is hidden is left out.

    >>> kind_of("p", True) == BLOCK, kind_of('p hidden=""', True) == HIDE, kind_of('p hidden=""', False) == BLOCK
    (True, True, True)
    """
    name = tag.partition(" ")[0]
    found = _KINDS.get(name)
    if found is None:
        found = CLOSE if name[0] == "/" else NONE if name[0] in "!?" else OPEN
    if found < HIDE:
        return found
    if found == HIDE:
        return HIDE if hides else OPEN
    if name == tag:
        return found
    if hides and (' style="' in tag or ' hidden="' in tag) and name not in _NEVER_HIDDEN and _is_hidden(tag):
        return NONE if name in _VOID else HIDE
    if found == ANCHOR and (tag.startswith('a href="') or attribute(tag, "href") is not None):
        return LINK
    return found


def _is_hidden(tag: str) -> bool:
    hidden = attribute(tag, "hidden")
    if hidden is not None and hidden.lower() != "until-found":
        return True
    return _STYLED.search(tag) is not None and bool(_NO_DISPLAY.search(attribute(tag, "style") or ""))
