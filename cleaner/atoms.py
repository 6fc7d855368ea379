"""What a text must hold for a pattern to match: literals, read off the pattern without compiling it.

Compiling all line patterns takes a second, reading them a twentieth of it; and a page holds the literals of few.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

_TOKEN = re.compile(
    r"""
    (?P<letters>[\w\ ]+(?![?*+{])) | (?P<space>\(\?[A-Za-z-]+\)) | (?P<open>\((?:\?(?:P?<\w+>|[A-Za-z-]*:))?)
    | (?P<close>\)) | (?P<or>\|) | (?P<times>(?:[?*+]|\{\d+(?:,\d*)?\})\??)
    | (?P<any>\\[pP](?:\{[^}]*\}|.) | \\[A-Za-z0-9] | [.^$] | \[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\])
    | \\?(?P<letter>.)""",
    re.VERBOSE | re.DOTALL,
)
_UNREAD = re.compile(r"\\[QxC0-7]")
_BRACKETS = 300  # more could be nested deeper than Python calls

Atoms = frozenset[str] | None


@lru_cache(1 << 14)  # as compiled patterns are: rules serve in many sets
def atoms(pattern: str) -> Atoms:
    """Give literals, case folded, one of which every text holds that an RE2 pattern matches; None where none must be.

    >>> sorted(atoms(r"(?i)(?:read|see) (?:more|also):? ?.+"))
    ['also', 'more']
    >>> atoms(r"\\pL+\\d*") is None
    True
    """
    if _UNREAD.search(pattern) or pattern.count("(") > _BRACKETS:
        return None
    return _either(_tokens(pattern))


def _tokens(pattern: str) -> Iterator[tuple[str, str]]:
    for token in _TOKEN.finditer(pattern):
        kind = token.lastgroup or ""
        yield kind, token[kind]


def _either(tokens: Iterator[tuple[str, str]]) -> Atoms:
    """Read alternatives up to the bracket that closes them: a text holds the literals of one of them."""
    found: list[Atoms] = []
    kind = "or"
    while kind == "or":
        one, kind = _sequence(tokens)
        found.append(one)
    return None if None in found else frozenset().union(*(one for one in found if one))


def _sequence(tokens: Iterator[tuple[str, str]]) -> tuple[Atoms, str]:
    """Read what stands in a row, and the kind of token that ends it: of all that must be there, the longest."""
    best: Atoms = None
    run = ""  # of letters
    last: Atoms = None  # the group or letter that may be repeated, and is not counted yet
    for kind, text in tokens:
        if kind == "times":
            # What may be missing is not asked for; what comes twice ends the run.
            if text[0] in "?*" or text.startswith(("{0}", "{0,")):
                run, last = run[:-1] if last is None else run, None
            best, run, last = _longer(_longer(best, last), _literal(run)), "", None
            continue
        best, last = _longer(best, last), None
        if kind in ("letter", "letters"):
            run += text
            continue
        if kind != "space":
            best, run = _longer(best, _literal(run)), ""
        if kind == "open":
            last = _either(tokens)
        elif kind in ("close", "or"):
            return best, kind
    return _longer(_longer(best, last), _literal(run)), ""


def _literal(run: str) -> Atoms:
    return frozenset((run.casefold(),)) if run else None


def _longer(one: Atoms, other: Atoms) -> Atoms:
    """Give the literals whose shortest is longer, or those that are fewer: they are held by fewer texts."""
    if not one or not other:
        return one or other
    return max(one, other, key=lambda some: (min(map(len, some)), -len(some)))
