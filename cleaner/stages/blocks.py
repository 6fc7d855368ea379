"""The main content of a page as the block model tells it, alone or with trafilatura's opinion beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from cleaner.blocks.about import About
from cleaner.blocks.model import SHIPPED, Opinion, judge, load
from cleaner.blocks.tree import tree
from cleaner.document import Document, Label, Patch
from cleaner.stages.alignment import shares
from cleaner.stages.extract import main_text, raw_lines, removals

RULE = "extract/block"
Mode = Literal["best", "fast"]


@dataclass(frozen=True, slots=True)
class Blocks:
    """Keep the blocks of a page that the model takes for its content; every other line goes.

    ``fast`` asks the model alone; ``best`` lets it ask trafilatura of pages that look like an article, and of
    doubtful ones. ``today`` (``2026-01-31``) is the latest date a page may have been published on. A line that goes has
    its score (0 to 1) and its tag path as the note.

    Labels: ``page_type`` (see ``cleaner.blocks.model.Content``) and ``confidence`` (the word-F1 to expect, 4 digits);
    ``title``, ``author``, ``date``, ``sitename`` where the page's head tells them, or else trafilatura, if asked,
    finds them; and ``extract``: ``best`` or ``fast``; ``nothing-found`` where no line of the text is content: then all
    of it stays. Documents that are no pages are left alone. Whether much that the site does not repeat goes is not
    asked, as it is of trafilatura: on 100 pages of seven crawls, with opaque markup or without, that was so of none.

    Raises ``ValueError`` for another mode and ``cleaner.blocks.model.ModelError`` where the model cannot be read.
    """

    mode: Mode
    today: str | None = None
    name: ClassVar[str] = "extract"

    def __post_init__(self) -> None:
        if self.mode not in get_args(Mode):
            raise ValueError(f"unknown mode {self.mode!r}; known: {', '.join(get_args(Mode))}")
        load(SHIPPED)  # before the first page, and before workers are forked: they share it

    def propose(self, document: Document) -> Patch:
        """Give the patch that removes what is not content. Raises ``ValueError`` for a raw text not of the page."""
        if document.html is None or not document.hints:
            return Patch(self.name)
        page = tree(document.html)
        raw = document.raw.split("\n")
        told: dict[str, Label] = _told(page.about, self.today)
        asked = _asked(document, raw, self.today, told) if self.mode == "best" else None
        made = judge(page, load(SHIPPED), asked)
        if len(made.keep) != len(raw):
            raise ValueError(f"{document.id}: the page has {len(made.keep)} lines, the raw text {len(raw)}")
        now = document.lines
        origins = raw_lines(document, now)
        stays = [made.keep[n] for n in origins]
        if not any(stay and line.text for stay, line in zip(stays, now, strict=True)):
            return Patch(self.name, labels={**told, "extract": "nothing-found"})
        notes = [f"score {made.scores[n]:.2f} {document.hints[n].path}" for n in origins]
        labels = {**told, "page_type": made.page_type, "confidence": made.confidence, "extract": self.mode}
        return Patch(self.name, tuple(removals(document.text, now, stays, RULE, notes)), labels)


def _told(about: About, today: str | None) -> dict[str, Label]:
    """Give the labels of what a page tells of itself; no date later than today, where that is known."""
    told: Mapping[str, str] = about._asdict()
    return {k: v for k, v in told.items() if v and not (k == "date" and today is not None and v > today)}


def _asked(document: Document, raw: Sequence[str], today: str | None, told: dict[str, Label]) -> Opinion:
    """Make the question to trafilatura; what it tells of the page beside is added to ``told`` when it is asked."""

    def opinion() -> Sequence[float] | None:
        try:
            found = main_text(document.html or "", document.url, today, told.keys())
        except Exception:  # whatever lxml, htmldate or a deep tree may throw at it: the model decides alone
            return None
        told.update({name: value for name, value in found.labels.items() if name not in told})
        return shares(raw, found.text)

    return opinion
