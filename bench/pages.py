"""What the benchmarks of extractors share: lines, the share of each that a text holds."""

from __future__ import annotations

import logging

from cleaner.blocks.tree import Tree
from cleaner.stages.alignment import shares


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
