"""What was done to one document, line by line: the rows that ``cleaner explain`` paints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from cleaner.document import Document
from cleaner.marks import Piece, history

_CONTEXT = 60  # characters shown at each end of an unchanged stretch


class Row(NamedTuple):
    """One line of the document's history: its number in that reading, its pieces, the rules that changed it.

    ``number`` is 0 for a row that stands for ``skipped`` unchanged lines.
    """

    number: int
    pieces: tuple[Piece, ...]
    rules: tuple[str, ...]
    skipped: int = 0


def rows(document: Document, *, only: str | None = None, whole: bool = False) -> Iterator[Row]:
    """Yield the changed lines (by the rule ``only``, if given), unchanged ones between them counted, or all lines.

    Unless ``whole``, unchanged stretches are shortened to their ends.
    """
    skipped = 0
    for number, pieces in enumerate(_lines(history(document)), 1):
        rules = tuple(dict.fromkeys(p.rule for p in pieces if p.kind != "=" and only in (None, p.rule)))
        if not rules and not whole:
            skipped += 1
            continue
        if skipped:
            yield Row(0, (), (), skipped)
            skipped = 0
        shown = (
            pieces if whole else [p._replace(text=short(p.text, 2 * _CONTEXT)) if p.kind == "=" else p for p in pieces]
        )
        yield Row(number, tuple(shown), rules)
    if skipped:
        yield Row(0, (), (), skipped)


def _lines(pieces: list[Piece]) -> Iterator[list[Piece]]:
    """Part a history at its line breaks, whichever kind of piece they stand in; a break shows at its line's end."""
    line: list[Piece] = []
    for piece in pieces:
        first, *more = piece.text.split("\n")
        line.append(piece._replace(text=first))
        for part in more:
            if piece.kind != "=":
                line[-1] = line[-1]._replace(text=line[-1].text + "↵")
            yield [p for p in line if p.text]
            line = [piece._replace(text=part)]
    yield [p for p in line if p.text]


def short(text: str, most: int = 120) -> str:
    """Give a text on one line, its middle left out where it is longer than ``most`` characters.

    >>> short("abcdefgh", 4), short("ab\\ncd", 9)
    ('ab … gh', 'ab↵cd')
    """
    text = text.replace("\n", "↵")
    return text if len(text) <= most else f"{text[: most // 2]} … {text[-(most // 2) :]}"
