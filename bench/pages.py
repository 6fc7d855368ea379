"""What the benchmarks of extractors share: lines, the share of each that a text holds, pages without names."""

from __future__ import annotations

import hashlib
import logging

from cleaner.blocks.tree import Tree
from cleaner.stages.alignment import shares

SECTIONS = ("article", "main", "nav", "header", "footer", "aside", "section")


def lines(page: Tree) -> list[str]:
    """Give the lines of the linearised page."""
    made: list[str] = []
    for text, gap in zip(page.texts, page.gaps, strict=True):
        made += [""] * (gap == 2 and bool(made)) + [text]
    return made


def trafilatura_shares(html: str, page: list[str]) -> list[float]:
    """Give for each line the share of its words that trafilatura keeps; zeros where it fails."""
    logging.getLogger("trafilatura").propagate = False
    import trafilatura

    try:
        found = trafilatura.bare_extraction(html, with_metadata=False, include_comments=False, include_tables=True)
    except Exception:
        return [0.0] * len(page)
    return shares(page, (getattr(found, "text", "") or "") if found is not None else "")


def opaque(html: str) -> str:
    """Give the page with class and id words hashed, roles gone and sectioning elements turned into ``div``."""
    from lxml import html as lx

    root = lx.document_fromstring(html.encode("utf-8", "replace"), parser=lx.HTMLParser(encoding="utf-8"))
    for e in root.iter():
        if not isinstance(e.tag, str):
            continue
        for name in ("class", "id"):
            if words := e.get(name):
                e.set(name, " ".join("x" + hashlib.md5(word.encode()).hexdigest()[:7] for word in words.split()))
        for name in [n for n in e.attrib if n in ("role", "itemprop", "itemtype") or n.startswith(("aria-", "data-"))]:
            del e.attrib[name]
        if e.tag in SECTIONS:
            e.tag = "div"
    return lx.tostring(root, encoding="unicode")
