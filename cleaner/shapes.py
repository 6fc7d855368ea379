"""Named shapes: what a rule may ask of lines that no phrase and no regex can say.

A shape is a function ``(lines, hits) -> positions``: ``lines`` are the document's lines that are not blank, plain
and stripped, ``hits`` the positions of those that match the rule's own words or pattern (all of them when it has
none), and what comes back are the positions of the lines that have the shape.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from cleaner.fold import BEFORE, fold_plain

_HEAD = 6  # lines: a headline, its kicker and its copy stand this near to the top
_PROSE = 90  # characters: a line this long with a full stop is a paragraph, not a headline or a label
_DENSE = _PROSE // 3
_SHORT = 40  # characters of a name or a label
_ENDS = (".", "!", "?", "…", ":", ";", ",", '."', ".”", ".»", ". »", "!”", "。")


def _headline(line: str) -> bool:
    """Whether a line may be a headline: four words at least (12 letters where no blanks are written), no sentence."""
    words = len(line.split())
    return (
        (words >= 4 or (words < 3 and len(line) >= 12 and not line.isascii()))
        and len(line) <= 250
        and not line.endswith((".", ",", ";", ":", "。"))
    )


def _article(lines: Sequence[str], after: int) -> bool:
    """Whether prose follows soon: what makes a repeated line a headline and not a refrain."""
    return any(len(line) >= _PROSE and line.endswith(_ENDS) for line in lines[after + 1 : after + 1 + _HEAD])


def title_again(lines: Sequence[str], hits: Iterable[int]) -> Iterable[int]:
    """Lines that repeat a headline from above: one of the first lines, prose following it."""
    first: dict[str, int] = {}
    for k, line in enumerate(lines[:_HEAD]):
        if _headline(line):
            first.setdefault(fold_plain(line), k)
    if not first or not any(_article(lines, k) for k in first.values()):
        return
    counts: dict[str, int] = {}
    repeats = []
    shortest = min(map(len, first)) // 3  # case folding makes three characters of one at most
    # A line that begins neither as a headline does, once both are folded, nor with what folding strips, is none.
    begins = {key[:1] for key in first} | BEFORE
    likely = {c for c in {line[0] for line in lines} if "" in first or c.casefold()[:1] in begins}
    for k in [k for k in hits if lines[k][0] in likely]:
        line = lines[k]
        if not shortest <= len(line) <= 250:
            continue
        key = fold_plain(line)
        if key in first and k > first[key]:
            counts[key] = counts.get(key, 0) + 1
            repeats.append((k, key))
    # A refrain comes back more often than a title does.
    yield from (k for k, key in repeats if counts[key] <= 3)


def kicker(lines: Sequence[str], hits: Iterable[int]) -> Iterable[int]:
    """Short labels at the very top with a headline right below, prose following it."""
    for k in hits:
        if k >= 3:
            return
        label = lines[k]
        if len(label.split()) <= 5 and len(label) <= 40 and not label.endswith(_ENDS) and k + 1 < len(lines):
            below = lines[k + 1]
            if _headline(below) and len(below) > len(label) and _article(lines, k + 1):
                yield k


def masthead(lines: Sequence[str], hits: Iterable[int]) -> Iterable[int]:
    """The site's name above a headline that stands there twice, one copy right under the other."""
    for k in kicker(lines, hits):
        if k + 2 < len(lines) and fold_plain(lines[k + 1]) == fold_plain(lines[k + 2]):
            yield k


_JOINED = re.compile("[-’'.]")
_PARTICLES = frozenset("al ben bin da de dei del della der di do dos du el la le van von y zu".split())


def name(lines: Sequence[str], hits: Iterable[int]) -> Iterable[int]:
    """Lines that look like a person's name: two to four capitalised words and nothing else."""
    return (k for k in hits if is_name(lines[k]))


def is_name(line: str) -> bool:
    """Whether a line looks like a person's name."""
    return len(line) <= _SHORT and _name(line)


@lru_cache(1 << 14)
def _name(line: str) -> bool:
    words = line.split()
    if not 2 <= len(words) <= 6:
        return False
    proper = [word for word in words if word not in _PARTICLES]
    return 2 <= len(proper) <= 4 and all(map(_proper, proper))


def _proper(word: str) -> bool:
    if not word[0].isupper() or word[1:2].isupper():
        return False
    return word.isalpha() or _JOINED.sub("", word).isalpha()


_QUOTES = '"“”«» '
_BIO_ENDS = ".!" + _QUOTES


def author_bio(lines: Sequence[str], hits: Iterable[int]) -> Iterable[int]:
    """A line under a name made of four or more short fragments, as profile texts are: ``Lecteur. Introverti. …``."""
    for k in [k for k in hits if lines[k][-1] in _BIO_ENDS and k and len(lines[k - 1]) <= _SHORT]:
        line = lines[k]
        if line.count(".") + line.count("!") < 4 or not is_name(lines[k - 1]):
            continue
        line = line.strip(_QUOTES)
        if line.endswith((".", "!")):
            fragments = [part.split() for part in re.split(r"[.!](?: |$)", line) if part]
            if len(fragments) >= 4 and max(map(len, fragments)) <= 8:
                yield k


def caption_label(lines: Sequence[str], hits: Iterable[int]) -> Iterable[int]:
    """Captions that match and the short label (an image's alternative text) above each: two such pairs at least."""
    captions = sorted(hits)
    taken = set(captions)
    pairs = []
    for k in captions:
        label = lines[k - 1] if k and k - 1 not in taken else ""
        if label and len(label.split()) <= 5 and len(label) <= 40 and not label.endswith(_ENDS):
            pairs.append(k)
    if len(pairs) >= 2:
        for k in pairs:
            yield from (k - 1, k)


def short_line(lines: Sequence[str], hits: Iterable[int]) -> Iterable[int]:
    """Lines of one to five words (or a dozen letters where no blanks are written) that do not end like a sentence."""
    return (k for k in hits if is_short(lines[k]))


def is_short(line: str) -> bool:
    """Whether a line is a short one."""
    return len(line) <= _SHORT and _short(line)


@lru_cache(1 << 14)
def _short(line: str) -> bool:
    return (line.isascii() or " " in line or len(line) <= 12) and len(line.split()) <= 5 and not line.endswith(_ENDS)


def entry(lines: Sequence[str], hits: Iterable[int]) -> Iterable[int]:
    """Short lines that no paragraph follows within three lines: one of those may be its headline."""
    above: set[int] = set()
    # A paragraph has so many characters, a third of them where no blanks are written.
    for at in [at for at, line in enumerate(lines) if len(line) >= _PROSE or (len(line) >= _DENSE and _dense(line))]:
        above.update((at - 1, at - 2, at - 3))
    return [k for k in hits if len(lines[k]) <= _SHORT and k not in above and _short(lines[k])]


def _dense(line: str) -> bool:
    return " " not in line and not line.isascii()


LINES: dict[str, tuple[Callable[[str, str], bool], int]] = {
    "name": (lambda line, language: is_name(line), _SHORT),
    "short-line": (lambda line, language: is_short(line), _SHORT),
}
"""The shapes that a line of a language has or has not whatever stands around it, and the longest line that can."""

SHAPES: dict[str, Callable[[Sequence[str], Iterable[int]], Iterable[int]]] = {
    "author-bio": author_bio,
    "caption-label": caption_label,
    "entry": entry,
    "kicker": kicker,
    "masthead": masthead,
    "name": name,
    "short-line": short_line,
    "title-again": title_again,
}
