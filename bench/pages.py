"""WCXB's pages as what is learned from: their blocks' features, what of them is content, and pages made of them."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import grafts
import numpy as np
import pyarrow.parquet as pq
from fits import stamp

from cleaner import scores as measuring
from cleaner.blocks import features as measures
from cleaner.blocks.features import Table, features
from cleaner.blocks.tree import Tree, tree
from cleaner.read.files import document
from cleaner.scores import kept_by_trafilatura, lined, opaque
from cleaner.stages.alignment import shares

FOLDS, BLANKED = 5, 3
MADE_OF = (0, 2, 6)  # articles, and every third page of documentation and services
STEPS = ("c", "s", "rc", "sc", "sr", "r")
TYPES = ("article", "collection", "documentation", "forum", "listing", "product", "service")
WORD = re.compile(r"\w+")


@dataclass
class Page:
    """A page, or one made of it: then ``tokens`` and ``gold`` are empty and ``told`` is not known."""

    type: int
    fold: int
    rows: np.ndarray
    words: np.ndarray
    target: np.ndarray
    told: np.ndarray  # what trafilatura keeps of each block
    told_blanked: np.ndarray | None
    tokens: list[list[str]]
    gold: Counter[str]
    spans: np.ndarray
    paths: np.ndarray

    def table(self, rows) -> Table:
        return Table(rows, (), self.words, self.spans, self.paths)


def measured(row: dict, n: int) -> tuple[Page, Tree, tuple[str, ...]] | None:
    """Give a page with text: its features, its tree, and what trafilatura keeps of it."""
    html = document(row["html"]).html or ""
    page = tree(html)
    table = features(page)
    if not len(table.words):
        return None
    lines, place = lined(page), list(page.lines())
    told = np.array(kept_by_trafilatura(html, lines), np.float32)[place]
    told_blanked = None
    if n % BLANKED == 0:
        told_blanked = np.array(kept_by_trafilatura(opaque(html), lines), np.float32)[place]
    gold = row["main_content"] or ""
    target = np.array(shares(lines, gold), np.float32)[place] >= 0.5
    kind = "collection" if row["page_type"] == "category" else row["page_type"]
    tokens = [WORD.findall(text.lower()) for text in page.texts]
    made = Page(
        TYPES.index(kind), fold(row["url"] or row["id"]), table.rows, table.words, target,
        told, told_blanked, tokens, Counter(WORD.findall(gold.lower())),
        table.spans.astype(np.int32), table.paths.astype(np.int32),
    )  # fmt: skip
    return made, page, table.columns


def made_page(page: Page, source: Tree, steps: str, posts_of, cards_of, seed: int) -> Page | None:
    if float((page.words * page.target).sum()) < 40:
        return None
    made = grafts.make(source, page.words, page.target, steps, posts_of, cards_of, seed)
    table = features(made.tree)
    return Page(
        page.type, page.fold, table.rows, table.words, made.target, np.zeros(0), None, [], Counter(),
        table.spans.astype(np.int32), table.paths.astype(np.int32),
    )  # fmt: skip


def plans(pages: Sequence[Page], trees: Sequence[Tree]) -> Iterator[tuple]:
    """Choose what is made of which page; what is grafted is of the same fold, so that no fold sees another."""
    rng = np.random.default_rng(7)
    all_posts: dict[int, list[grafts.Donor]] = {k: [] for k in range(FOLDS)}
    all_cards: dict[int, list[grafts.Donor]] = {k: [] for k in range(FOLDS)}
    for p, t in zip(pages, trees, strict=True):
        if TYPES[p.type] == "forum" and len((found := grafts.posts(t, p.words, p.target)).items) >= 3:
            all_posts[p.fold].append(found)
        shows_cards = TYPES[p.type] in ("article", "collection", "listing", "product")
        if shows_cards and len((found := grafts.cards(t, p.words)).items) >= 3:
            all_cards[p.fold].append(found)
    for n, (p, t) in enumerate(zip(pages, trees, strict=True)):
        if p.type not in MADE_OF or (p.type and n % 3) or not all_posts[p.fold] or not all_cards[p.fold]:
            continue
        for steps in STEPS if not p.type else ("c", "r"):
            if rng.random() < 0.3:
                some_posts, some_cards = (of[p.fold][rng.integers(len(of[p.fold]))] for of in (all_posts, all_cards))
                yield p, t, steps, some_posts, some_cards, int(rng.integers(1 << 30))


def dataset(path: Path, every: int) -> tuple[list[Page], list[Page], tuple[str, ...]]:
    """Give the pages, the made pages and the columns' names."""
    rows = pq.read_table(path).to_pylist()[::every]
    with ProcessPoolExecutor(2) as pool:
        found = [one for one in pool.map(measured, rows, range(len(rows)), chunksize=8) if one is not None]
        pages, trees = [page for page, _, _ in found], [page for _, page, _ in found]
        made = pool.map(made_page, *zip(*plans(pages, trees), strict=True), chunksize=8)
        return pages, [page for page in made if page is not None], found[0][2]


_LATER = ("model", "net", "second", "trees")  # what reads features


def made_by(data: Path, every: int) -> str:
    """Give a name for the data and the code that measures them: what other pages or features gave must not meet."""
    code = [p for p in sorted(Path(measures.__file__).parent.glob("*.py")) if p.stem not in _LATER]
    code += [Path(measuring.__file__), Path(grafts.__file__)]
    return stamp(data.read_bytes(), str(every).encode(), *(path.read_bytes() for path in code))


def fold(url: str) -> int:
    return zlib.crc32(".".join(urlsplit(url).netloc.split(".")[-2:]).encode()) % FOLDS
