"""How texts are compared: one fold for rule phrases, titles and line keys, with a version of its own."""

from __future__ import annotations

FOLD_VERSION = 1
"""Goes up when any folded key changes; saved keys of another version cannot be compared."""

_BLANKS = "\t\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_APOSTROPHES = "\u2019\u2018\u02bc\u2032\uff07\u00b4"
_WRITTEN = [(c, "'" if c in _APOSTROPHES else " ") for c in _BLANKS + _APOSTROPHES]
_BEFORE = " •·*|>»›→▶►-–—"
_AFTER = " :…»›→▶►|•·*<«‹←-–—.!"


def plain(text: str) -> str:
    """Write every kind of blank as a space and every kind of apostrophe as ``'``; offsets stay what they are.

    >>> plain("Lire\\u00a0aussi\\t: l’OTAN")
    "Lire aussi : l'OTAN"
    """
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
