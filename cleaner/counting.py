"""Count the short lines of a crawl: on how many pages of which site each one stands."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Set
from math import sqrt
from urllib.parse import urlsplit

from cleaner.document import Document
from cleaner.fold import fold

LONGEST = 200
"""Characters: longer lines are not counted; rules match no longer ones unless told."""
CAP = 2_000_000
"""Distinct short lines held at once, in 250 MB; beyond, those seen least are forgotten, which is told."""
_FEW, _FEW_SHARE = 10, 0.5  # with 3 to 9 pages of a site, half of them (23 crawls: .990 precise from 10 pages on)
_SITES = 3  # sites that make a line one of the web at large, on however few pages of each
_LINES = 5_000  # lines that the second pass looks at, the most repeated
_DIGITS = re.compile(r"\d+")

Key = tuple[str, str]
"""A site, or "" for lines of several sites, and a line as ``key_of`` gives it."""


def fold_digits(text: str) -> str:
    """Fold a text, every number in it as 0."""
    return _DIGITS.sub("0", fold(text))


def key_of(line: str) -> str:
    """Give what a line is counted by: folded, every number as 0; "" for what is too long or has no two letters.

    >>> key_of("» 12 Comments"), key_of("2024"), key_of("12.345 views")
    ('0 comments', '', '0.0 views')
    """
    if len(line) > LONGEST:
        return ""
    key = fold_digits(line)
    return key if sum(map(str.isalpha, key)) > 1 else ""


def site_of(document: Document) -> str:
    """Give the host of a document's address without ``www.``, else the first folder of its id with ``/``, else ""."""
    try:
        host = urlsplit(document.url or "").hostname or ""
    except ValueError:  # as in http://[x
        host = ""
    return host.removeprefix("www.") or "".join(document.id.partition("/")[:2] if "/" in document.id else ())


class Counts:
    """The pages of each site, and for each line of a site the pages that have it; at most ``cap`` lines.

    ``forgetful`` tells that lines seen seldom had to be forgotten, so that their counts are too low.
    """

    def __init__(self, cap: int) -> None:
        self.cap, self.size, self.forgetful = cap, 0, False
        self.pages: Counter[str] = Counter()
        self.lines: dict[str, dict[str, int]] = {}

    def add(self, site: str, keys: Set[str]) -> None:
        """Add one page: its site and the keys of its lines."""
        self.pages[site] += 1
        lines = self.lines.setdefault(site, {})
        for key in keys:
            seen = lines.get(key, 0)
            self.size += not seen
            lines[key] = seen + 1
        if self.size > self.cap:  # at most every cap / 2 new lines, so linear
            self.forgetful = True
            least = 1
            while self.size > self.cap // 2:
                self.lines = {s: {k: n for k, n in held.items() if n > least} for s, held in self.lines.items()}
                self.size = sum(map(len, self.lines.values()))
                least *= 2

    def wanted(self, pages: int, share: float) -> dict[Key, float]:
        """Give the lines worth a look, with their scores."""
        strong: dict[str, dict[str, float]] = {}  # line -> the sites where it is on enough pages -> score
        sites: Counter[str] = Counter()
        total: Counter[str] = Counter()
        for site, held in self.lines.items():
            of = self.pages[site]
            asked = share if of >= _FEW else max(share, _FEW_SHARE)
            for key, n in held.items():
                sites[key] += 1
                total[key] += n
                if n >= pages and n >= asked * of:
                    strong.setdefault(key, {})[site] = sure(n, of)
        scores: dict[Key, float] = {}
        for key, by in strong.items():
            site = min(by) if len(by) == 1 else ""
            scores[site, key] = max(by.values())
        for key, n in sites.items():
            if n >= _SITES and total[key] >= pages:
                for site in strong.get(key, ()):
                    scores.pop((site, key), None)
                scores["", key] = max(sure(n, len(self.pages)), *strong.get(key, {}).values(), 0.0)
        return dict(sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:_LINES])

    def of(self, site: str, key: str) -> tuple[int, int, int]:
        """Give a line's sites, its pages, and the pages among which it was counted."""
        if site:
            return 1, self.lines[site][key], self.pages[site]
        having = [held[key] for held in self.lines.values() if key in held]
        return len(having), sum(having), sum(self.pages.values())


def sure(n: int, of: int) -> float:
    """Give the lower end of the 95 % interval (Wilson) of the share n / of: few pages make little sure.

    >>> round(sure(3, 3), 2), round(sure(30, 30), 2), round(sure(15, 30), 2)
    (0.44, 0.89, 0.33)
    """
    z = 1.96
    share = n / of
    return (share + z * z / (2 * of) - z * sqrt((share * (1 - share) + z * z / (4 * of)) / of)) / (1 + z * z / of)
