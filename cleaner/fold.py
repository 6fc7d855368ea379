"""How texts are compared: one fold for rule phrases, titles and line keys, with a version of its own."""

from __future__ import annotations

from collections.abc import Sequence

FOLD_VERSION = 1
"""Goes up when any folded key changes; saved keys of another version cannot be compared."""

_BLANKS = "\t\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_APOSTROPHES = "\u2019\u2018\u02bc\u2032\uff07\u00b4"
_WRITTEN = [(c, "'" if c in _APOSTROPHES else " ") for c in _BLANKS + _APOSTROPHES]
_BEFORE = " •·*|>»›→▶►-–—"
BEFORE = frozenset(_BEFORE)
"""What folding strips from the beginning of a line."""
_AFTER = " :…»›→▶►|•·*<«‹←-–—.!"


def plain(text: str) -> str:
    """Write every kind of blank as a space and every kind of apostrophe as ``'``; offsets stay what they are.

    >>> plain("Lire\\u00a0aussi\\t: l’OTAN")
    "Lire aussi : l'OTAN"
    """
    if text.isascii():
        return text.replace("\t", " ")
    for special, written in _WRITTEN:
        if special in text:
            text = text.replace(special, written)
    return text


def fold(line: str) -> str:
    """Fold case, blanks, apostrophes, and the bullets, arrows and points around a phrase.

    >>> fold("»  Leave a  Comment: "), fold("S’abonner !")
    ('leave a comment', "s'abonner")
    """
    return fold_plain(plain(line))


def fold_plain(line: str) -> str:
    """Fold a line that ``plain`` has been applied to."""
    return " ".join(line.casefold().lstrip(_BEFORE).rstrip(_AFTER).split())


def fold_lines(lines: Sequence[str]) -> list[str]:
    """Fold each of some lines that ``plain`` has been applied to: ``fold_plain``, for less.

    >>> fold_lines(["»  Leave a  Comment:", "Go!"])
    ['leave a comment', 'go']
    """
    text = "\n".join(lines).casefold()
    parts = text.split("\n")
    folded = [part.lstrip(_BEFORE).rstrip(_AFTER) for part in parts] if lines else []
    # Blanks that `plain` leaves alone end lines for `splitlines`, the unit separator aside; CR and LF end one.
    if "  " in text or "\x1f" in text or "\r\n" in text or len(f"{text}.".splitlines()) != len(parts):
        return [" ".join(part.split()) for part in folded]
    return folded
