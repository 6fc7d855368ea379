r"""Edits written into their text: ``Il part. [-Lire aussi : Grève. -]Son adjoint{+,+} dit …``.

``[-…-]`` is removed, ``{+…+}`` is put in, and one right after the other is a replacement. A backslash before any
character stands for that character itself, so any text can be written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from cleaner.document import Document, Edit

_MARKERS = re.compile(r"\\|\[(?=-|\Z)|\{(?=\+|\Z)|(?<=-)\]|(?<=\+)\}")
_TOKENS = re.compile(r"\\(?P<plain>.)|(?P<marker>\[-|-\]|\{\+|\+\})", re.DOTALL)
_CLOSES = {"[-": "-]", "{+": "+}"}


class MarksError(ValueError):
    """Marks that do not pair up."""


def _escape(text: str) -> str:
    return _MARKERS.sub(r"\\\g<0>", text)


def render(text: str, edits: Sequence[Edit], *, credit: str = "") -> str:
    r"""Write the edits into the text they apply to; ``credit`` stands before each one’s rule id, when given.

    >>> render("a [b] c", [Edit(2, 5, "[b]", "x", "r")])
    'a [-[b]-]{+x+} c'
    """
    parts: list[str] = []
    end = 0
    for e in edits:
        if not (e.before or e.after or credit):
            continue  # it writes nothing, and cut here "+" and "}" would pass as plain and be read as a mark
        parts.append(_escape(text[end : e.start]))
        parts.append(f"[-{_escape(e.before)}-]" if e.before else "")
        parts.append(f"{{+{_escape(e.after)}+}}" if e.after else "")
        parts.append(f"{credit}{e.rule}" if credit else "")
        end = e.stop
    parts.append(_escape(text[end:]))
    return "".join(parts)


def parse(marked: str, rule: str = "") -> tuple[str, tuple[Edit, ...]]:
    r"""Read a marked text: the text before the edits, and the edits, all of the given rule.

    Raises ``MarksError`` that names the place where a mark opens inside another, closes nothing or stays open.

    >>> parse("a [-b-]{+x+} c", "r")
    ('a b c', (Edit(start=2, stop=3, before='b', after='x', rule='r', note=''),))
    """
    text: list[str] = []
    length = 0
    edits: list[Edit] = []
    opened, content, last = "", "", 0

    def close() -> None:
        nonlocal length
        if opened == "[-":
            edits.append(Edit(length, length + len(content), content, "", rule))
            text.append(content)
            length += len(content)
        elif edits and edits[-1].stop == length and not edits[-1].after and edits[-1].before:
            edits[-1] = edits[-1]._replace(after=content)
        else:
            edits.append(Edit(length, length, "", content, rule))

    def plain(part: str) -> None:
        nonlocal content, length
        if opened:
            content += part
        else:
            text.append(part)
            length += len(part)

    for m in _TOKENS.finditer(marked):
        plain(marked[last : m.start()])
        last = m.end()
        marker = m["marker"]
        if m["plain"]:
            plain(m["plain"])
        elif marker in _CLOSES and not opened:
            opened, content = marker, ""
        elif opened and marker == _CLOSES[opened]:
            close()
            opened = ""
        else:
            where = f"{marker!r} at character {m.start()}"
            raise MarksError(f"{where} stands inside {opened!r}" if opened else f"{where} closes nothing")
    if opened:
        raise MarksError(f"{opened!r} is never closed")
    plain(marked[last:])
    return "".join(text), tuple(edits)


class Piece(NamedTuple):
    """A stretch of a document's history: what stayed (``=``), went (``-``) or came in (``+``), and by which rule."""

    kind: Literal["=", "-", "+"]
    text: str
    rule: str = ""


def history(document: Document) -> list[Piece]:
    """Give all of a document's patches as one reading: the raw text with what went and what came, in place.

    The pieces ``=`` and ``-`` make up ``raw``, the pieces ``=`` and ``+`` the text. What one patch put in and a
    later one took out again is left out.

    >>> from cleaner.document import Patch
    >>> d = Document("a", "OTAN.Les") + Patch("joins", (Edit(5, 5, "", " ", "joins/glued-sentence"),))
    >>> [tuple(piece) for piece in history(d)]
    [('=', 'OTAN.', ''), ('+', ' ', 'joins/glued-sentence'), ('=', 'Les', '')]
    """
    pieces = [Piece("=", document.raw)]
    for patch in document.patches:
        pieces = _through(pieces, patch.edits)
    return [piece for piece in pieces if piece.text]


def _through(pieces: Sequence[Piece], edits: Sequence[Edit]) -> list[Piece]:
    """Take the pieces, whose ``=`` and ``+`` make up the text before the edits, to the text after them."""
    made: list[Piece] = []
    todo = iter((*edits, None))
    edit = next(todo)
    offset = 0  # in the text before the edits
    for piece in pieces:
        if piece.kind == "-":
            made.append(piece)
            continue
        at, end = 0, len(piece.text)
        while edit and edit.start < offset + end:
            start, stop = max(edit.start - offset, at), min(edit.stop - offset, end)
            made.append(piece._replace(text=piece.text[at:start]))
            if piece.kind == "=":
                made.append(Piece("-", piece.text[start:stop], edit.rule))
            at = stop
            if edit.stop > offset + end:
                break  # it goes on in the next piece
            made.append(Piece("+", edit.after, edit.rule))
            edit = next(todo)
        made.append(piece._replace(text=piece.text[at:]))
        offset += end
    while edit:
        made.append(Piece("+", edit.after, edit.rule))
        edit = next(todo)
    return made
