"""What the pages of a site repeat: lines, and pairs of adjacent lines, with the number of pages that have them.

A line is counted by its key: case, blanks and apostrophes folded, every number as 0 but for one that is a name, as in
`Letter #12`. Two adjacent lines (blank ones between them do not count) have a key too, the two keys with a line break
between: a heading that many articles share stands between other lines in each of them, a line of a menu stands beside
the same lines everywhere.

Counting is a map (``page``, of each document) and a group-by (pages a key); any engine can do it. ``SiteLines`` is the
same in memory, for tests and small runs. Counts are integers that add up, so the next crawl extends the facts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from itertools import accumulate, pairwise
from typing import NamedTuple, cast

import pyarrow as pa

from cleaner.document import Document, Hint
from cleaner.fold import FOLD_VERSION, fold_lines, plain

SHORT = 80
"""Characters: a longer key keeps its first 40, then the digest of all of it."""
LONG = 200
"""Characters: a longer line is known by its first and last hundred; folding all of a text took three times as long."""
KEPT_PAGES, KEPT_SHARE = 2, 0.001
"""What facts keep: lines on two pages and on a thousandth of the site's. A page has some 600 keys, so a site keeps
at most 600,000, however many pages it has; a crawl that drops a line makes its share too low by a thousandth."""
SITES = pa.schema(
    (pa.field("site", pa.string(), nullable=False), pa.field("pages", pa.int64(), nullable=False)),
    {"fold_version": str(FOLD_VERSION)},
)
"""One row a site: its pages."""
LINES = pa.schema(
    (
        pa.field("site", pa.string(), nullable=False),
        pa.field("line_key", pa.string(), nullable=False),  # of a line, or of two lines, a line break between
        pa.field("pages", pa.int64(), nullable=False),
        pa.field("share", pa.float64(), nullable=False),  # of the site's pages, 0 to 1
    ),
    {"fold_version": str(FOLD_VERSION)},
)
"""One row a key of a site: the pages that have it. In order of site and key."""

_DIGITS = re.compile(r"\d+")
_NUMBERED = frozenset("#№°º")
# Not `Letter #12`: such a number is a name. What begins with a digit is searched for by digits.
_COUNTS = re.compile(r"\d(?<![#№°º\d]\d)(?<![#№°º] \d)\d*")
_ENDS = re.compile("\r\n?|\u2028|\u2029")
_CODE = frozenset(("pre", "code", "samp", "textarea"))
_SITES_HELD = 64


class FactsError(ValueError):
    """Saved facts that this version cannot use."""


def key(line: str) -> str:
    """Give what a line is counted by; "" where it holds neither letter nor digit. At most ``SHORT`` characters.

    >>> key("» 12 Commentaires") == key("3 commentaires :") == "0 commentaires", key("* * *"), key("12/05/2024")
    (True, '', '0/0/0')
    """
    return _keys([_ends(plain(line.replace("\n", " ")))])[0]


def pair(above: str, below: str) -> str:
    """Give the key of two adjacent lines, from the keys of both."""
    return f"{above}\n{below}"


def line_keys(raw: str, hints: Sequence[Hint | None] = ()) -> list[str]:
    """Give the key of each line of a text, "" for lines that are not counted: of neither letter nor digit, of code.

    Foreign line ends (CR, LINE SEPARATOR) part lines here as they will once repaired; with ``hints`` a line is what
    stands between two ``\\n``.
    """
    text = plain(raw)
    if not hints and ("\r" in text or "\u2028" in text or "\u2029" in text):
        text = _ENDS.sub("\n", text)
    found = _keys([line if len(line) <= LONG else _ends(line) for line in text.split("\n")])
    if hints:
        found = ["" if hint and is_code(hint) else k for k, hint in zip(found, hints, strict=True)]
    return found


class Page(NamedTuple):
    """What a page counts for: its keys, and eight bytes that its copies share, pages that differ in numbers alone too.

    Of pages with one digest one counts: three copies of an article would be three pages that repeat every line of it.
    """

    keys: tuple[str, ...]  # no two alike
    digest: bytes


def page(document: Document) -> Page:
    """Give what a page counts for: the keys of its raw lines, and of the pairs of adjacent ones.

    Raw lines, so that no rule, extractor or repair has a say in the facts. Linear in the text.
    """
    found = [k for k in line_keys(document.raw, document.hints) if k]
    digest = blake2b("\n".join(found).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return Page((*dict.fromkeys((*found, *map("\n".join, pairwise(found)))),), digest)


def is_code(hint: Hint) -> bool:
    """Whether a block is code or typed text, whose lines are never counted and never removed."""
    return _path_is_code(hint.path)


@lru_cache(65536)
def _path_is_code(path: str) -> bool:
    return not _CODE.isdisjoint(path.split("/"))


def _ends(line: str) -> str:
    return line if len(line) <= LONG else f"{line[: LONG // 2]}…{line[-LONG // 2 :]}"


def _keys(lines: Sequence[str]) -> list[str]:
    """Give the key of each of some lines. The lines that a site repeats are folded once, not once a page."""
    told = [*map(_known.get, lines)]
    if None in told:
        unknown = [*dict.fromkeys(line for line, known in zip(lines, told, strict=True) if known is None)]
        found = dict(zip(unknown, map(_short, fold_lines(_without_numbers(unknown))), strict=True))
        short = [(line, key) for line, key in found.items() if len(line) <= LONG][:_KNOWN]
        if len(_known) + len(short) > _KNOWN:
            _known.clear()
        _known.update(short)
        told = [found[line] if known is None else known for line, known in zip(lines, told, strict=True)]
    return cast("list[str]", told)


_known: dict[str, str] = {}
_KNOWN = 1 << 13  # lines


def _without_numbers(lines: Sequence[str]) -> list[str]:
    text = "\n".join(lines)
    # Where no sign of a name stands, both take the same: the simpler takes half the time.
    numbers = _COUNTS if any(map(text.__contains__, _NUMBERED)) else _DIGITS
    return numbers.sub("0", text).split("\n")


def _short(folded: str) -> str:
    if len(folded) > SHORT:
        return f"{folded[:40]}…{blake2b(folded.encode('utf-8', 'surrogatepass'), digest_size=8).hexdigest()}"
    return folded if folded[:1].isalnum() or any(map(str.isalnum, folded)) else ""


class Repeats(NamedTuple):
    """What one site repeats: its pages, and for each key the pages that have it."""

    pages: int
    lines: Mapping[str, int]

    def pruned(self) -> Repeats:
        """Leave out keys on too few pages to tell anything: see ``KEPT_PAGES`` and ``KEPT_SHARE``."""
        least = max(KEPT_PAGES, KEPT_SHARE * self.pages)
        return Repeats(self.pages, {k: n for k, n in self.lines.items() if n >= least})


Lookup = Callable[[str], Repeats | None]
"""Gives what a site repeats; None for a site that is not known."""


@dataclass(frozen=True, slots=True)
class SiteLines:
    """What each site repeats; the facts of two crawls add up (and adding keeps every order equal).

    >>> pages = [Document(f"{n}", f"Menu\\nKontakt\\nText {word}", site="a") for n, word in enumerate(("eins", "zwei"))]
    >>> (SiteLines.of(pages[:1]) + SiteLines.of(pages[1:])).of_site("a").pruned().lines
    {'kontakt': 2, 'menu': 2, 'menu\\nkontakt': 2}
    """

    sites: Mapping[str, Repeats] = field(default_factory=dict)

    @classmethod
    def of(cls, documents: Iterable[Document]) -> SiteLines:
        """Count the pages of a crawl by ``document.site``; copies of a page count once, pages without a site do not."""
        pages: Counter[str] = Counter()
        lines: dict[str, Counter[str]] = {}
        seen: set[tuple[str, bytes]] = set()
        for document in documents:
            if not document.site:
                continue
            found = page(document)
            if (document.site, found.digest) not in seen:
                seen.add((document.site, found.digest))
                pages[document.site] += 1
                lines.setdefault(document.site, Counter()).update(found.keys)
        return cls({site: Repeats(n, dict(sorted(lines[site].items()))) for site, n in sorted(pages.items())})

    def __add__(self, other: SiteLines) -> SiteLines:
        sites = {}
        for site in sorted({*self.sites, *other.sites}):
            a, b = (side.sites.get(site, Repeats(0, {})) for side in (self, other))
            lines = {k: a.lines.get(k, 0) + b.lines.get(k, 0) for k in sorted({*a.lines, *b.lines})}
            sites[site] = Repeats(a.pages + b.pages, lines)
        return SiteLines(sites)

    def of_site(self, site: str) -> Repeats | None:
        """Give what a site repeats: a ``Lookup``."""
        return self.sites.get(site)

    def pruned(self) -> SiteLines:
        """Leave out keys on too few pages to tell anything, of each site."""
        return SiteLines({site: repeats.pruned() for site, repeats in self.sites.items()})

    def tables(self) -> tuple[pa.Table, pa.Table]:
        """Give the tables to save: ``SITES`` and ``LINES``."""
        sites = pa.table([list(self.sites), [each.pages for each in self.sites.values()]], schema=SITES)
        rows = [
            (site, k, n, n / each.pages) for site, each in self.sites.items() for k, n in sorted(each.lines.items())
        ]
        columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
        return sites, pa.table([pa.array(c, f.type) for c, f in zip(columns, LINES, strict=True)], schema=LINES)

    @classmethod
    def from_tables(cls, sites: pa.Table, lines: pa.Table) -> SiteLines:
        """Read saved tables back, rows in any order; ``tables`` and this are each other's inverse.

        Raises ``FactsError`` as ``lookup`` does.
        """
        of_site = lookup(sites, lines)
        found = ((site, of_site(site)) for site in sorted(_texts(sites, "site")))
        return cls({site: Repeats(each.pages, dict(sorted(each.lines.items()))) for site, each in found if each})


def lookup(sites: pa.Table, lines: pa.Table) -> Lookup:
    """Give a look-up into saved tables of any size: sites are unpacked when asked for, the last 64 stay.

    ``lines`` are sorted by site here if they are not. Raises ``FactsError`` for tables without the columns of
    ``SITES`` and ``LINES`` or folded by another version, whose keys cannot be compared.
    """
    _check(sites, lines)
    pages = dict(zip(_texts(sites, "site"), _numbers(sites, "pages"), strict=True))
    lines = lines.sort_by("site")
    sizes = Counter(_texts(lines, "site"))  # its order is the table's
    starts = dict(zip(sizes, accumulate(sizes.values(), initial=0), strict=False))

    @lru_cache(_SITES_HELD)
    def of_site(site: str) -> Repeats | None:
        if site not in pages:
            return None
        part = lines.slice(starts.get(site, 0), sizes[site])
        return Repeats(pages[site], dict(zip(_texts(part, "line_key"), _numbers(part, "pages"), strict=True)))

    return of_site


def _texts(table: pa.Table, column: str) -> list[str]:
    return cast("list[str]", table[column].to_pylist())


def _numbers(table: pa.Table, column: str) -> list[int]:
    return cast("list[int]", table[column].to_pylist())


def _check(sites: pa.Table, lines: pa.Table) -> None:
    for name, table, schema in (("sites", sites, SITES), ("site_lines", lines, LINES)):
        missing = [column for column in schema.names if column not in table.schema.names]
        if missing:
            raise FactsError(
                f"facts: the table {name} has no column {missing[0]!r}; it needs {', '.join(schema.names)}"
            )
        version = (table.schema.metadata or {}).get(b"fold_version", b"none").decode()
        if version != str(FOLD_VERSION):
            raise FactsError(
                f"facts: the table {name} is of fold version {version}, this is {FOLD_VERSION}: count anew"
            )
