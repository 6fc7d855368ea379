"""Score extractors of main content on pages with gold text: word-F1, precision, recall, CPU."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cleaner.read.decode import Unreadable, decode, without_surrogates
from cleaner.read.html import declared_charset, linearise
from cleaner.read.lines import lines
from cleaner.read.record import Options, Source
from cleaner.read.streams import opened, pieces

if TYPE_CHECKING:
    import pyarrow.parquet as pq

    from cleaner.blocks.tree import Tree

Extractor = Callable[[str], str]
"""Gives the main text of a decoded page, one block a line."""

_WORD = re.compile(r"\w+")
_MOST = 1 << 28  # bytes of one JSON line
_BATCH = 16  # rows of a Parquet file held at once: pages are large
_WARM = "<html><body><article><p>" + "A warm-up sentence, with a comma. " * 20 + "</p></article></body></html>"


class DataError(ValueError):
    """A file of pages that cannot be used; the message names file, place, fault and what is there."""


class ExtractorError(ValueError):
    """An extractor that is unknown or not installed; the message tells the choices or how to get it."""


class Fields(NamedTuple):
    """The names that a row's page, gold text and group go by; the first that the rows have counts."""

    html: tuple[str, ...] = Options.html
    gold: tuple[str, ...] = ("main_content", "gold", "gold_text", "text", "articleBody")
    group: tuple[str, ...] = ("page_type", "site", "type", "domain", "language")


class Page(NamedTuple):
    """One page with the text that people marked as its main content, and the group that it is counted in."""

    html: str
    gold: str
    group: str


class Sum(NamedTuple):
    """A sum over pages; ``mean`` gives one page's."""

    pages: int = 0
    f1: float = 0.0
    precision: float = 0.0
    recall: float = 0.0

    def plus(self, other: Sum) -> Sum:
        """Give the sum over both's pages."""
        f1, precision, recall = (a + b for a, b in zip(self[1:], other[1:], strict=True))
        return Sum(self.pages + other.pages, f1, precision, recall)

    def mean(self) -> Sum:
        """Give one page's share; zeros of no pages."""
        f1, precision, recall = (value / max(1, self.pages) for value in self[1:])
        return Sum(self.pages, f1, precision, recall)


class Score(NamedTuple):
    """What one extractor reached: means over pages, over each group's pages, CPU ms a page, pages it failed on."""

    name: str
    all: Sum
    groups: Mapping[str, Sum]
    ms: float
    errors: int

    @property
    def f1_of_groups(self) -> float:
        """The mean of the groups, each counted alike: the figure for sites with unequal numbers of pages."""
        return sum(group.f1 for group in self.groups.values()) / max(1, len(self.groups))


def word_scores(text: str, gold: str) -> tuple[float, float, float]:
    """Give F1, precision and recall of a text's words against the gold text's, 0 to 1 each.

    Bags of lower-cased ``\\w+``, as WCXB (Foley 2026) and its forerunners count. Two texts without words agree.

    >>> word_scores("The tide turns", "the tide")
    (0.8, 0.6666666666666666, 1.0)
    """
    found, wanted = Counter(_WORD.findall(text.lower())), Counter(_WORD.findall(gold.lower()))
    size, of = found.total(), wanted.total()
    if not size or not of:
        same = float(size == of)
        return same, same, same
    hits = (found & wanted).total()
    return 2 * hits / (size + of), hits / size, hits / of


# The extractors. Rivals are imported by name: they are measured here, not part of how a page is cleaned, and who does
# not measure need not have them.


def _fast() -> Extractor:
    from cleaner.blocks.model import SHIPPED, judge, load
    from cleaner.blocks.tree import tree

    def run(html: str) -> str:
        page = tree(html)
        keep = judge(page, load(SHIPPED)).keep
        return "\n".join(text for text, line in zip(page.texts, page.lines(), strict=True) if keep[line])

    return run


def _best() -> Extractor:
    from cleaner.blocks.model import SHIPPED, judge, load
    from cleaner.blocks.tree import tree

    def run(html: str) -> str:
        page = tree(html)
        keep = judge(page, load(SHIPPED), lambda: kept_by_trafilatura(html, lined(page))).keep
        return "\n".join(text for text, line in zip(page.texts, page.lines(), strict=True) if keep[line])

    _quiet_trafilatura("bare_extraction")  # where it is not installed, that is told before the first page
    return run


def lined(page: Tree) -> list[str]:
    """Give the lines of the linearised page, one of them at least."""
    blocks = list(zip(page.texts, page.lines(), strict=True))
    held = [""] * (blocks[-1][1] + 1 if blocks else 1)
    for text, line in blocks:
        held[line] = text
    return held


def kept_by_trafilatura(html: str, held: Sequence[str]) -> list[float]:
    """Give for each line of a page the share of its words that trafilatura keeps; zeros where it fails."""
    from cleaner.stages.alignment import shares

    bare = _quiet_trafilatura("bare_extraction")
    try:
        found = bare(html, with_metadata=False, include_comments=False, include_tables=True)
    except Exception:  # what lxml or a deep tree may throw at it: the model decides alone, as in a run
        return [0.0] * len(held)
    return shares(held, (getattr(found, "text", "") or "") if found is not None else "")


def _quiet_trafilatura(name: str) -> Callable[..., object]:
    logging.getLogger("trafilatura").propagate = False  # it warns about every odd page
    made: Callable[..., object] = getattr(import_module("trafilatura"), name)
    return made


def _trafilatura() -> Extractor:
    extract = _quiet_trafilatura("extract")
    return lambda html: str(extract(html, include_comments=False) or "")


def _resiliparse() -> Extractor:
    extract = import_module("resiliparse.extract.html2text").extract_plain_text
    return lambda html: str(extract(html, main_content=True, alt_texts=False, comments=False))


# jusText's lists of stop words by the page's declared language; English where it declares none of these.
_LISTS = dict(
    part.split(":")
    for part in (
        "cs:Czech da:Danish de:German el:Greek en:English es:Spanish fi:Finnish fr:French hu:Hungarian id:Indonesian"
        " it:Italian nl:Dutch pl:Polish pt:Portuguese ro:Romanian ru:Russian sv:Swedish tr:Turkish uk:Ukrainian"
        " vi:Vietnamese"
    ).split()
)
_LANG = re.compile(r"<html[^>]{0,2000}?\blang\s*=\s*[\"']?([a-zA-Z]{2})")


def _justext() -> Extractor:
    library = import_module("justext")
    lists: dict[str, frozenset[str]] = {}

    def run(html: str) -> str:
        declared = _LANG.search(html, 0, 20_000)
        name = _LISTS.get(declared[1].lower() if declared else "en", "English")
        if name not in lists:
            lists[name] = library.get_stoplist(name)
        return "\n".join(part.text for part in library.justext(html, lists[name]) if not part.is_boilerplate)

    return run


def _none() -> Extractor:
    return lambda html: linearise(html).text


_MADE: Mapping[str, Callable[[], Extractor]] = {
    "fast": _fast,
    "best": _best,
    "trafilatura": _trafilatura,
    "resiliparse": _resiliparse,
    "justext": _justext,
    "none": _none,
}
NAMES = tuple(_MADE)
"""``fast`` and ``best`` as ``clean`` runs them, the libraries as they come, and ``none``: all visible text."""


def extractor(name: str) -> Extractor:
    """Make an extractor by its name, or from ``package.module:function``, which takes a ``str`` and gives one.

    Raises ``ExtractorError`` when the name is unknown or the library not installed, telling how to get it.
    """
    module, _, function = name.partition(":")
    if not function and name not in _MADE:
        raise ExtractorError(f"unknown extractor {name!r}; known: {', '.join(NAMES)}, or your own as module:function")
    try:
        made: Extractor = getattr(import_module(module), function) if function else _MADE[name]()
    except ImportError as e:
        get = "is it on PYTHONPATH?" if function else f"pip install {name}"
        raise ExtractorError(f"extractor {name!r} cannot be imported ({e}): {get}") from e
    except AttributeError as e:
        raise ExtractorError(f"extractor {name!r}: {module} has no function {function!r}") from e
    return made


# The pages.


def count(path: Path) -> int:
    """Give the number of rows of a file, for a progress bar. Raises ``DataError`` or ``Unreadable``."""
    if _is_parquet(path):
        return int(_parquet(path).metadata.num_rows)
    with opened(Source(path.name, str(path))) as file:
        return sum(1 for line in lines(pieces(file)[1], 0, _MOST) if line.data)


def pages(path: Path, fields: Fields = Fields(), every: int = 1) -> Iterator[Page | None]:  # noqa: B008 (immutable)
    """Yield every n-th page of a Parquet or JSONL file (compressed or not), decoded; None for one that holds no text.

    Raises ``DataError`` naming the row and the fields it has, and ``Unreadable`` for a file that cannot be had.
    """
    rows = _parquet_rows(path, fields, every) if _is_parquet(path) else _json_rows(path, every)
    chosen: tuple[str, str, str] | None = None
    for place, row in rows:
        if chosen is None:
            chosen = _chosen(path, place, tuple(row), fields)
        html, gold = (row.get(name) for name in chosen[:2])
        if not isinstance(html, str | bytes) or not isinstance(gold, str | None):
            wrong = chosen[1] if isinstance(html, str | bytes) else chosen[0]
            raise DataError(f"{path}, {place}: field {wrong!r} holds no text")
        try:
            text = decode(html, declared_charset(html)).text if isinstance(html, bytes) else without_surrogates(html)
        except Unreadable:
            yield None
            continue
        yield Page(text, gold or "", str(row.get(chosen[2]) if chosen[2] else "") or "-")


def _chosen(path: Path, place: str, there: Sequence[str], fields: Fields) -> tuple[str, str, str]:
    found = [next((name for name in names if name in there), "") for names in fields]
    for kind, name, names in zip(fields._fields, found, fields, strict=True):
        if not name and (kind != "group" or len(names) == 1):
            raise DataError(
                f"{path}, {place}: no field {' or '.join(map(repr, names))} for its {kind}; there are:"
                f" {', '.join(map(repr, there))}; name it with --{kind}-field"
            )
    return found[0], found[1], found[2]


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def _parquet(path: Path) -> pq.ParquetFile:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except pa.ArrowException as e:
        raise DataError(f"{path}: cannot be read as Parquet: {e}") from e


def _parquet_rows(path: Path, fields: Fields, every: int) -> Iterator[tuple[str, Mapping[str, object]]]:
    file = _parquet(path)
    there = file.schema_arrow.names
    chosen = [name for name in _chosen(path, "row 1", there, fields) if name]
    at = 0
    for batch in file.iter_batches(batch_size=_BATCH, columns=chosen):
        wanted = [n for n in range(batch.num_rows) if (at + n) % every == 0]
        for n, row in zip(wanted, batch.take(wanted).to_pylist() if wanted else [], strict=True):
            yield f"row {at + n + 1}", row
        at += batch.num_rows


def _json_rows(path: Path, every: int) -> Iterator[tuple[str, Mapping[str, object]]]:
    with opened(Source(path.name, str(path))) as file:
        held = (line for line in lines(pieces(file)[1], 0, _MOST) if line.data != b"")
        for n, line in enumerate(held):
            if n % every:
                continue
            try:
                row = json.loads((line.data or b"").removeprefix(b"\xef\xbb\xbf"))
            except ValueError as e:
                raise DataError(f"{path}, row {n + 1}: neither Parquet nor a line of JSON: {e}") from e
            if not isinstance(row, dict):
                raise DataError(f"{path}, row {n + 1}: not an object with fields but {type(row).__name__}")
            yield f"row {n + 1}", row


_SECTIONS = frozenset("article main nav header footer aside section".split())
_TELLING = ("role", "itemprop", "itemtype")


def opaque(html: str) -> str:
    """Give the page with class and id words hashed, roles gone and sectioning elements turned into ``div``.

    What is left to an extractor is what text and structure tell. Never raises: what cannot be parsed stays.

    >>> opaque('<nav class="menu">Start</nav>')
    '<html><body><div class="x8d6ab84">Start</div></body></html>'
    """
    library = import_module("lxml.html")  # trafilatura brings it
    try:
        root = library.document_fromstring(html.encode("utf-8", "replace"), parser=library.HTMLParser(encoding="utf-8"))
    except (ValueError, import_module("lxml.etree").LxmlError):
        return html
    for e in root.iter():
        if not isinstance(e.tag, str):
            continue
        for name in ("class", "id"):
            if words := e.get(name):
                e.set(name, " ".join("x" + hashlib.md5(word.encode()).hexdigest()[:7] for word in words.split()))
        for name in [n for n in e.attrib if n in _TELLING or n.startswith(("aria-", "data-"))]:
            del e.attrib[name]
        if e.tag in _SECTIONS:
            e.tag = "div"
    return str(library.tostring(root, encoding="unicode"))


def scores(
    of: Iterable[Page],
    extractors: Mapping[str, Extractor],
    tell: Callable[[int, int], None] = lambda done, size: None,
) -> list[Score]:
    """Run each extractor over each page and give their scores, in the order of ``extractors``.

    CPU is this process's; who begins changes from page to page, so that no one always meets a warm cache. A page on
    which an extractor raises counts as an empty text and an error. ``tell`` is told pages done and characters.
    """
    for run in extractors.values():
        run(_WARM)
    names = list(extractors)
    spent: dict[str, float] = dict.fromkeys(names, 0.0)
    errors: Counter[str] = Counter()
    sums: dict[str, dict[str, Sum]] = {name: defaultdict(Sum) for name in names}
    done = size = 0
    for done, page in enumerate(of, 1):
        first = done % max(1, len(names))
        for name in (*names[first:], *names[:first]):
            start = time.process_time()
            try:
                text = extractors[name](page.html)
            except Exception:
                text = ""
                errors[name] += 1
            spent[name] += time.process_time() - start
            sums[name][page.group] = sums[name][page.group].plus(Sum(1, *word_scores(text, page.gold)))
        size += len(page.html)
        tell(done, size)
    made = []
    for name in names:
        whole = Sum()
        for part in sums[name].values():
            whole = whole.plus(part)
        groups = {group: part.mean() for group, part in sorted(sums[name].items())}
        made.append(Score(name, whole.mean(), groups, 1e3 * spent[name] / max(1, done), errors[name]))
    return made
