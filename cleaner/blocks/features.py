"""What is measured of each block of a page: one row a block, one column a feature, nothing that knows a language."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cleaner.blocks import vocabulary
from cleaner.blocks.characters import Counts, Floats
from cleaner.blocks.context import levels
from cleaner.blocks.tree import Tree

Ints = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]
_LONG = 15.0  # words of a block that reads like a sentence or more
_NONE = -1.0  # the value of a feature that a block does not have
_KINDS_OF_PAGE = (
    "article|news|blog|report",
    "product|offer",
    "forum|qa|discussion|question",
    "website|webpage",
    "organization|business|service|software|app",
)
# What is summed over stretches of blocks, in this order.
_WORDS, _LINKED, _PROSE, _MARKS, _CLOSED, _DIGITS, _SQUARES, _BLOCKS = range(8)


class Table(NamedTuple):
    """Features of a page’s blocks: ``rows`` is (blocks, columns), ``words`` each block’s words."""

    rows: Floats
    columns: tuple[str, ...]
    words: Floats


class _Columns:
    """The columns made so far, by name, and what several groups of them need."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.n = len(tree.texts)
        self.made: dict[str, npt.NDArray[np.generic] | float] = {}
        c = self.counts = Counts(tree.texts)
        self.words, self.owners = c.words, np.array(tree.owners, np.int64)
        self.links = np.array(tree.links, np.float32)
        prose = np.where((c.words >= _LONG) & (self.links < 0.35), c.words, 0)
        summed = (c.words, c.words * self.links, prose, c.ends + c.commas, c.closed, c.digits, c.words**2)
        self.each = np.ones((self.n, 8))
        for n, values in enumerate(summed):
            self.each[:, n] = values
        self.sums = np.zeros((self.n + 1, 8))
        np.cumsum(self.each, axis=0, out=self.sums[1:])
        self.firsts, self.lasts = np.array(tree.firsts, np.int64), np.array(tree.lasts, np.int64)
        self.parents = np.array(tree.parents, np.int64)
        self.places = np.arange(self.n)
        self.total, self.all_prose = (max(1.0, float(self.sums[-1, k])) for k in (_WORDS, _PROSE))
        self.signs = np.zeros(len(tree.tags), np.int64)  # the number of each element's path of tags and names

    def give(self, prefix: str, names: Sequence[str], values: npt.NDArray[np.generic]) -> None:
        """Add columns; ``values`` is (names, blocks)."""
        self.made.update(zip((prefix + name for name in names), values, strict=True))


def _log(values: npt.ArrayLike) -> Floats:
    return np.log1p(np.asarray(values, np.float32))


def features(tree: Tree) -> Table:
    """Give the features of each block of a page; no rows for a page without text."""
    if not tree.texts:
        return Table(np.zeros((0, 0), np.float32), (), np.zeros(0, np.float32))
    columns = _Columns(tree)
    _of_text(columns)
    _of_elements(columns)
    _of_place(columns)
    _of_containers(columns)
    _of_paths(columns)
    _of_items(columns)
    _of_neighbours(columns)
    _of_page(columns)
    rows = np.empty((len(columns.made), columns.n), np.float32)
    for n, values in enumerate(columns.made.values()):
        rows[n] = values
    return Table(rows.T, tuple(columns.made), columns.words)


def _of_text(c: _Columns) -> None:
    t, made = c.counts, c.made
    words, chars = np.maximum(t.words, 1), np.maximum(t.chars, 1)
    made["words"], made["chars"], made["links"] = _log(t.words), _log(t.chars), c.links
    made["digits"], made["upper"] = t.digits / chars, t.upper / np.maximum(t.letters, 1)
    made["word-length"] = t.chars / words
    made["ends"], made["commas"], made["marks"] = t.ends / words, t.commas / words, t.marks / words
    same = Counter(c.tree.texts)
    made["same-text"] = _log([same[text] for text in c.tree.texts])
    made["gap"] = np.array(c.tree.gaps, np.float32)
    made["in-title"], made["of-title"] = _beside_title(c.tree)


_DENSE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+")
_SPACED = re.compile(r"[^\W_]+")
_HEADLINE = 300  # characters: a longer block is no title


def _beside_title(tree: Tree) -> Floats:
    """Give the share of each block's words that the title has, and of the title's that the block has; (2, blocks)."""
    shares = np.zeros((2, len(tree.texts)), np.float32)
    find = (_TOKEN if _DENSE.search(tree.title) else _SPACED).findall
    title = set(find(tree.title.lower()))
    if not title:
        return shares
    known: dict[str, tuple[float, float]] = {}
    for n, text in enumerate(tree.texts):
        if len(text) >= _HEADLINE:
            continue
        told = known.get(text)
        if told is None:
            tokens = set(find(text.lower()))
            hits = len(tokens & title)
            told = known[text] = (hits / len(tokens), hits / len(title)) if hits else (0.0, 0.0)
        if told[0]:
            shares[:, n] = told
    return shares


# Of the words of class and id attributes, those that the trees ask for: near a block, and anywhere above it.
_NEAR = "comment post related form content describe code caption hero faq meta".split()
_ABOVE = "comment related nav footer header ad consent form content describe code hero product".split()
_SEEN_PROSE = "comment post related card product sidebar".split()


def _of_elements(c: _Columns) -> None:
    """Measure what stands around a block; number each element's path of tags and names."""
    tree = c.tree
    count = len(tree.tags)
    own, above, near, tags, depths, signs = ([0] * count for _ in range(6))
    paths: dict[tuple[int, int], int] = {}
    known: dict[tuple[str, str, str], tuple[int, int, int]] = {}
    parents = tree.parents
    for n, key in enumerate(zip(tree.tags, tree.names, tree.roles, strict=True)):
        if tree.firsts[n] == tree.lasts[n]:
            continue
        told = known.get(key)
        if told is None:
            tag, names, roles = key
            # A wordless number in a name (post-1234) tells posts apart; without it they are of one kind.
            kind = known.setdefault((tag, _numberless(names), "\n"), (0, 0, len(known)))[2]
            told = known[key] = vocabulary.name_bits(names), vocabulary.tag_bits(tag, roles), kind
        own[n], tags[n], kind = told
        if n:
            up = parents[n]
            above[n] = above[up] | own[n]
            near[n] = own[n] | own[up] | own[max(0, parents[up])] if up else own[n]
            tags[n] |= tags[up]
            depths[n] = depths[up] + 1
            signs[n] = paths.setdefault((signs[up], kind), len(paths) + 1)
    c.signs = np.array(signs, np.int64)
    over = np.array(above, np.int64)[c.owners]
    for prefix, bits, names_of, every in (
        ("name-", np.array(near, np.int64)[c.owners], _NEAR, vocabulary.NAMES),
        ("above-", over, _ABOVE, vocabulary.NAMES),
        ("tag-", np.array(tags, np.int64)[c.owners], vocabulary.TAGS, vocabulary.TAGS),
    ):
        c.give(prefix, names_of, bits >> np.array([every.index(name) for name in names_of])[:, None] & 1)
    for name in _SEEN_PROSE:
        # How much of the page's prose stands in comments, posts, cards: what they are depends on what stands outside.
        inside = over >> vocabulary.NAMES.index(name) & 1
        c.made[f"page-in-{name}"] = float(c.each[:, _PROSE] @ inside) / c.all_prose
        if name in ("comment", "post"):
            first = int(inside.argmax()) if inside.any() else c.n
            c.made[f"page-before-{name}"] = float(c.sums[first, _PROSE]) / c.all_prose
            c.made[f"from-{name}"] = np.sign(c.places - first) if first < c.n else 0.0
    c.made["depth"] = np.array(depths, np.float32)[c.owners]
    kinds = np.array([vocabulary.kind(tag) for tag in tree.tags])[c.owners]
    c.give("kind-", vocabulary.KINDS, kinds == np.arange(len(vocabulary.KINDS))[:, None])


_NUMBERS = re.compile(r"\d+")


@lru_cache(maxsize=1 << 12)
def _numberless(names: str) -> str:
    return _NUMBERS.sub("", names)


def _of_place(c: _Columns) -> None:
    made, places, before = c.made, c.places, c.sums[:-1, _WORDS]
    made["place"], made["share-before"] = places / c.n, before / c.total
    made["words-before"] = _log(before)
    made["long-before"], made["long-after"] = c.sums[:-1, _PROSE] / c.all_prose, 1 - c.sums[1:, _PROSE] / c.all_prose
    tags = [c.tree.tags[o] for o in c.tree.owners]
    made["from-h1"] = _from(before, tags.index("h1") if "h1" in tags else None)
    titled = np.asarray(made["of-title"]) * np.asarray(made["in-title"])
    best = int(np.argmax(titled))
    made["from-title"] = _from(before, best if float(titled[best]) > 0.3 else None)
    headings = np.array([tag in _HEADINGS for tag in tags])
    last = np.maximum.accumulate(np.where(headings, places, -1))
    at = np.maximum(last, 0)
    made["from-heading"] = _log(np.where(last >= 0, before - before[at], 9999))
    made["heading-words"] = np.where(last >= 0, c.words[at], 0)
    long = np.flatnonzero(c.each[:, _PROSE])
    if not len(long):
        for name in ("to-long-after", "to-long-before", "after-first-long"):
            made[name] = _NONE
        return
    after = np.searchsorted(long, places)
    made["to-long-after"] = _log(np.where(after < len(long), long[np.minimum(after, len(long) - 1)] - places, 999))
    at = np.searchsorted(long, places, side="right") - 1
    made["to-long-before"] = _log(np.where(at >= 0, places - long[np.maximum(at, 0)], 999))
    made["after-first-long"] = places >= long[0]


_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))


def _from(before: Doubles, at: int | None) -> Floats:
    """Give how many words stand between each block and block ``at``, as a logarithm; below zero before it."""
    if at is None:
        return np.full(len(before), -99, np.float32)
    far = _log(np.abs(before - before[at]))
    far[:at] *= -1
    return far


def _of_containers(c: _Columns) -> None:
    firsts, lasts = (np.array(side) for side in zip(*levels(c.owners, c.parents, c.firsts, c.lasts), strict=True))
    held = np.moveaxis(c.sums[lasts] - c.sums[firsts], 2, 0)  # (measures, levels, blocks)
    words, blocks = held[_WORDS], np.maximum(held[_BLOCKS], 1)
    some = np.maximum(words, 1)
    before = c.sums[:-1, _WORDS] - c.sums[firsts, _WORDS]
    measures = {
        "words": _log(words), "share": words / c.total, "blocks": _log(blocks), "links": held[_LINKED] / some,
        "marks": held[_MARKS] / some, "long": held[_PROSE] / some, "closed": held[_CLOSED] / blocks,
        "place": (c.places - firsts) / blocks, "before": before / some,
    }  # fmt: skip
    for name, values in measures.items():
        c.give("up", [f"{level}-{name}" for level in range(len(firsts))], values)
    _of_main(c)


def _of_main(c: _Columns) -> None:
    """Measure the smallest elements that hold most of the page’s prose: the main text, or the page itself."""
    made = c.made
    filled = np.flatnonzero(c.firsts < c.lasts)
    held = c.sums[c.lasts[filled]] - c.sums[c.firsts[filled]]
    for share in (0.5, 0.75, 0.95):
        fits = np.flatnonzero(held[:, _PROSE] >= share * c.sums[-1, _PROSE])
        at = int(fits[np.argmin(held[fits, _WORDS])]) if len(fits) else 0
        best, mine = int(filled[at]), held[at]
        start, stop = int(c.firsts[best]), int(c.lasts[best])
        words = max(1.0, float(mine[_WORDS]))
        p = f"main{round(100 * share)}-"
        made[p + "in"] = np.where(c.places < start, -1, c.places >= stop)
        made[p + "share"], made[p + "links"] = float(mine[_WORDS]) / c.total, float(mine[_LINKED]) / words
        made[p + "place"] = (c.sums[:-1, _WORDS] - c.sums[start, _WORDS]) / words
        made[p + "blocks"] = float(np.log1p(stop - start))
        if share == 0.5:
            alike = (c.signs[filled] == c.signs[best]) & (c.parents[filled] == c.parents[best])
            made[p + "alike"] = float(alike.sum())


def _grouped(values: Doubles, group: Ints, count: int) -> Doubles:
    """Sum the rows of each group; (count, columns)."""
    width = values.shape[1]
    flat = (group[:, None] * width + np.arange(width)).ravel()
    return np.asarray(np.bincount(flat, values.ravel(), count * width).reshape(count, width), np.float64)


def _of_paths(c: _Columns) -> None:
    """Measure all blocks of the same path of tags and names."""
    _, mine = np.unique(c.signs[c.owners], return_inverse=True)
    sums = _grouped(c.each, mine, int(mine.max()) + 1).T
    count, words = sums[_BLOCKS], sums[_WORDS]
    some, mean = np.maximum(words, 1), words / count
    spread = np.sqrt(np.maximum(sums[_SQUARES] / count - mean**2, 0)) / np.maximum(mean, 1)
    values = (_log(count), _log(mean), words / c.total, sums[_LINKED] / some, sums[_MARKS] / some,
              sums[_CLOSED] / count, spread, sums[_PROSE] / some)  # fmt: skip
    c.give("path-", "count words share links marks closed spread long".split(), np.array(values)[:, mine])


def _of_items(c: _Columns) -> None:
    """Measure the repeated pieces a block stands in: cards, posts, comments; the innermost and the outermost kind."""
    tree, made = c.tree, c.made
    filled = np.flatnonzero(c.firsts < c.lasts)
    filled = filled[filled > 0]
    _, group, count = np.unique(
        c.parents[filled] * (int(c.signs.max()) + 1) + c.signs[filled], return_inverse=True, return_counts=True
    )
    sizes = len(count) + 1  # and a last group that nothing is in
    count = np.append(count, 0)
    held = c.sums[c.lasts[filled]] - c.sums[c.firsts[filled]]
    words = held[:, _WORDS].copy()
    held[:, _SQUARES] = words**2
    sums = _grouped(held, group, sizes).T
    some_count = np.maximum(count, 1)
    many = (count >= 3) & (sums[_BLOCKS] >= 2 * count)
    by_group = np.argsort(group, kind="stable")
    order = np.empty(len(filled), np.int64)
    order[by_group] = np.arange(len(filled)) - np.repeat(np.cumsum(count) - count, count)
    first = np.zeros(sizes, np.int64)
    np.maximum.at(first, group, c.n - c.firsts[filled])
    first = c.n - first
    most = np.zeros(sizes)
    np.maximum.at(most, group, words)
    some, mean = np.maximum(sums[_WORDS], 1), sums[_WORDS] / some_count
    spread = np.sqrt(np.maximum(sums[_SQUARES] / some_count - mean**2, 0)) / np.maximum(mean, 1)
    of_groups = np.array((
        _log(count), _log(mean), spread, sums[_LINKED] / some, sums[_PROSE] / some, most / some,
        sums[_PROSE] / c.all_prose, sums[_WORDS] / c.total, sums[_DIGITS] / some, c.sums[first, _WORDS] / c.total,
        c.sums[first, _PROSE] / c.all_prose,
    ))  # fmt: skip
    names = "count words spread links long most long-share share digits before long-before".split()
    groups, orders = np.full(len(tree.tags), -1), np.zeros(len(tree.tags))
    groups[filled] = np.where(many[group], group, -1)
    orders[filled] = order / some_count[group]
    inner, outer = [0] * len(tree.tags), [0] * len(tree.tags)
    for n, repeats in zip(filled.tolist(), (groups[filled] >= 0).tolist(), strict=True):
        parent = tree.parents[n]
        inner[n] = n if repeats else inner[parent]
        outer[n] = outer[parent] or (n if repeats else 0)
    for p, which in (("item-", inner), ("items-", outer)):
        at = np.array(which, np.int64)[c.owners]
        none = at == 0
        c.give(p, names, np.where(none, _NONE, of_groups[:, groups[at]]))
        made[p + "order"] = np.where(none, _NONE, orders[at])


def _of_neighbours(c: _Columns) -> None:
    made, owners, n = c.made, c.owners, c.n
    padded = np.full((2, n + 6), np.float32(_NONE))
    padded[0, 3:-3], padded[1, 3:-3] = _log(c.words), c.links
    for row, name, shifts in ((0, "words", (-2, -1, 1, 2, 3)), (1, "links", (-3, -1, 1))):
        for shift in shifts:
            made[f"at{shift:+d}-{name}"] = padded[row, 3 + shift : 3 + shift + n]
    same = np.concatenate(([False], owners[1:] == owners[:-1], [False]))
    made["at-1-same"], made["at+1-same"] = same[:-1], same[1:]
    for width in (4, 12):
        before, after = np.maximum(c.places - width, 0), np.minimum(c.places + 1 + width, n)
        for side, held in (
            ("before", c.sums[:-1] - c.sums[before]),
            ("after", c.sums[after] - c.sums[1:]),
        ):
            words = np.maximum(held[:, _WORDS], 1)
            values = (_log(held[:, _WORDS]), held[:, _LINKED] / words, held[:, _PROSE] / words)
            c.give(f"{side}{width}-", ("words", "links", "long"), np.array(values))


def _of_page(c: _Columns) -> None:
    made, tree, total, sums = c.made, c.tree, c.total, c.sums[-1]
    tags = Counter(tag for tag, first, last in zip(tree.tags, tree.firsts, tree.lasts, strict=True) if first < last)
    made["page-words"], made["page-blocks"] = float(np.log1p(total)), float(np.log1p(c.n))
    made["page-links"], made["page-long"] = sums[_LINKED] / total, sums[_PROSE] / total
    made["page-longest"] = float(np.log1p(c.words.max()))
    made["page-longs"] = float(np.log1p(np.count_nonzero(c.each[:, _PROSE])))
    made["page-marks"], made["page-digits"], made["page-mean"] = (
        sums[_MARKS] / total,
        sums[_DIGITS] / total,
        total / c.n,
    )
    for tag in ("p", "li", "h1", "h2", "h3", "article", "pre", "tr", "form", "button"):
        made[f"page-{tag}"] = float(np.log1p(tags[tag]))
    made["page-item-share"] = float(np.max(made["items-long-share"]))
    made["page-item-count"] = float(np.max(made["items-count"]))
    kinds = " ".join(tree.kinds).lower()
    for n, pattern in enumerate(_KINDS_OF_PAGE):
        made[f"page-kind{n}"] = float(re.search(pattern, kinds) is not None)
