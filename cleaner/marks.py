r"""Edits written into their text: ``Il part. [-Lire aussi : Grève. -]Son adjoint{+,+} dit …``.

``[-…-]`` is removed, ``{+…+}`` is put in, and one right after the other is a replacement. A backslash before a
marker or before a backslash stands for the thing itself, so any text can be written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from cleaner.document import Edit

_MARKERS = re.compile(r"\[-|-\]|\{\+|\+\}|\\")
_TOKENS = re.compile(r"\\(?P<plain>\\|\[-|-\]|\{\+|\+\})|(?P<marker>\[-|-\]|\{\+|\+\})")
_CLOSES = {"[-": "-]", "{+": "+}"}


class MarksError(ValueError):
    """Marks that do not pair up."""


def _escape(text: str) -> str:
    return _MARKERS.sub(lambda m: "\\" + m[0], text)


def render(text: str, edits: Sequence[Edit], *, credit: str = "") -> str:
    r"""Write the edits into the text they apply to; ``credit`` stands before each one’s rule id, when given.

    >>> render("a [b] c", [Edit(2, 5, "[b]", "x", "r")])
    'a [-[b]-]{+x+} c'
    """
    parts: list[str] = []
    end = 0
    for e in edits:
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
