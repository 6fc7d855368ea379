"""Lines that are a date and nothing else, by the Unicode CLDR's own names and patterns, through Babel.

Two shapes: ``stamp`` is a calendar date, with or without weekday and time; ``stamp-ago`` a relative time
(``il y a 3 jours``). Both know the document's language and English.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache

_LONGEST = 60  # characters: weekday, date, time and zone in the wordiest languages
_DATE = re.compile(
    r"(?<![\d./-])(?:\d{1,2}[./-] ?\d{1,2}[./-] ?(?:\d{4}|\d\d)|\d{4}[./-] ?\d{1,2}[./-] ?\d{1,2})(?![./-]?\d)\.?"
)
_TIME = re.compile(r"(?<!\d)\d{1,2}[:.h] ?\d{2}(?::\d{2})?(?!\d)", re.IGNORECASE)
_TOKEN = re.compile(r"\d+|[^\W\d_]+(?:['’.]?[^\W\d_]+)*|[^\w\s]", re.UNICODE)
_BETWEEN = frozenset(",.:;/|-–—·•()@،、")
# What stands between the parts of a date or behind a number; the CLDR's patterns have not all of it.
_JOINING = frozenset(
    "a à alle am at bst cest cet de del edt el er est gmt h il kl klo klokken las le nd o om on op os ore pdt pm pst "
    "rd st th uhr um utc a.m p.m º ª".split()
)
_DENSE = re.compile(r"[\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
_DIGIT, _DIGITS = re.compile(r"\d"), re.compile(r"\d+")
_UNITS = ("second", "minute", "hour", "day", "week", "month", "year")
_QUOTED = re.compile(r"'([^']*)'|([^a-zA-Z'\W\d]+)")


def _strings(data: object) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, Mapping):
        for value in data.values():
            yield from _strings(value)


@cache
def _known(language: str) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Give a language's month names, its other words of dates, and its relative times, ``{0}`` for the number."""
    from babel import Locale, UnknownLocaleError

    try:
        locale = Locale.parse(language)
    except (UnknownLocaleError, ValueError):
        return frozenset(), frozenset(), frozenset()
    months = {name.casefold().strip(".") for name in _strings({c: dict(w) for c, w in _named(locale.months).items()})}
    days = {name.casefold().strip(".") for name in _strings(_named(locale.days))}
    patterns = [str(p) for p in (*locale.date_formats.values(), *locale.datetime_formats.values())]
    words = {
        word.casefold() for p in patterns for found in _QUOTED.findall(p) for part in found for word in part.split()
    }
    fields = locale._data["date_fields"]
    ago = {
        text.casefold().replace("\u00a0", " ")
        for unit in _UNITS
        for width in ("", "-short", "-narrow")
        for text in _strings(dict(fields.get(unit + width, {})).get("past", {}))
        if "{0}" in text
    }
    return frozenset(m for m in months if not m.isdigit()), frozenset(days | words), frozenset(ago)


@cache
def _words(language: str) -> tuple[frozenset[str], frozenset[str]]:
    """Give the month names, and all other words that may stand in a date, of a language and English."""
    known = [_known(code) for code in {language, "en"} - {"und"}]
    months = frozenset().union(*(names for names, _, _ in known))
    return months, _JOINING.union(*(others for _, others, _ in known))


def _named(widths: Mapping[str, Mapping[str, Mapping[object, str]]]) -> dict[str, dict[str, str]]:
    """Give the names of CLDR contexts and widths; the narrow ones (``J``, ``F``) tell nothing."""
    return {
        f"{context}-{width}": {str(k): str(v) for k, v in names.items()}
        for context, all_widths in widths.items()
        for width, names in all_widths.items()
        if width != "narrow"
    }


def stamp(lines: Sequence[str], hits: Iterable[int], language: str) -> Iterator[int]:
    """Give the lines that are a calendar date: numbers, a month's name or a numeric date, and words of dates."""
    return (k for k in hits if is_stamp(lines[k], language))


def is_stamp(line: str, language: str) -> bool:
    """Whether a line is a calendar date."""
    return len(line) <= _LONGEST and _DIGIT.search(line) is not None and _is_date(line, language)


@lru_cache(1 << 14)
def _is_date(line: str, language: str) -> bool:
    months, words = _words(language)
    dense = not line.isascii() and _DENSE.search(line) is not None
    # Most lines with a number have a word that stands in no date: it is a token of its own, whatever stands around.
    for word in () if dense else line.casefold().split():
        if word.isalpha() and word not in months and word not in words:
            return False
    numeric = _DATE.search(line)
    rest = _TIME.sub(" ", line[: numeric.start()] + " " + line[numeric.end() :] if numeric else line)
    named = digits = 0
    for token in _TOKEN.findall(_DENSE.sub(r" \g<0> ", rest) if dense else rest):
        folded = token.casefold().strip(".")
        if token.isdigit():
            digits += 1
            if len(token) > 4:
                return False
        elif folded in months:
            named += 1
        elif folded not in words and token not in _BETWEEN:
            return False
    return bool(numeric) or (named == 1 and 1 <= digits <= 3) or (dense and digits >= 3)


def stamp_ago(lines: Sequence[str], hits: Iterable[int], language: str) -> Iterator[int]:
    """Give the lines that are a relative time in the past, as the CLDR words it."""
    return (k for k in hits if is_stamp_ago(lines[k], language))


def is_stamp_ago(line: str, language: str) -> bool:
    """Whether a line is a relative time in the past."""
    if len(line) > _LONGEST or not _DIGIT.search(line):
        return False
    return _numberless(line) in _past(language)


@cache
def _past(language: str) -> frozenset[str]:
    """Give the relative times of a language and English."""
    return frozenset().union(*(_known(code)[2] for code in {language, "en"} - {"und"}))


def _numberless(line: str) -> str:
    return _DIGITS.sub("{0}", line.casefold().strip(" .,|·•-–—()"))


LINES: dict[str, tuple[Callable[[str, str], bool], int]] = {
    "stamp": (is_stamp, _LONGEST),
    "stamp-ago": (is_stamp_ago, _LONGEST),
}
"""The shapes and the longest line that can have them."""

SHAPES: dict[str, Callable[[Sequence[str], Iterable[int], str], Iterable[int]]] = {
    "stamp": stamp,
    "stamp-ago": stamp_ago,
}
