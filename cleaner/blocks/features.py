"""What is measured of each block of a page: one row a block, one column a feature, nothing that knows a language."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import compress
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cleaner.blocks import vocabulary
from cleaner.blocks.characters import Counts, Floats
from cleaner.blocks.context import inner, levels, outer
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
_COLUMNS = 231
# What is summed over stretches of blocks, in this order.
_WORDS, _LINKED, _PROSE, _MARKS, _CLOSED, _DIGITS, _SQUARES, _BLOCKS = range(8)


class Table(NamedTuple):
    """Features of a page’s blocks: ``rows`` is (blocks, columns), ``words`` each block’s words.

    ``spans`` holds the blocks ``[first, last)`` of the nearest elements around each block, (levels, 2, blocks);
    ``paths`` numbers the path of tags and names of each block's element, and of that one's parent, (2, blocks).
    """

    rows: Floats
    columns: tuple[str, ...]
    words: Floats
    spans: Ints
    paths: Ints


class _Columns:
    """The columns made so far, in their order, and what several groups of them need.

    ``each`` is (blocks, measures), ``sums`` (measures, blocks + 1): of all blocks before one. ``held`` is (measures,
    elements), of those that hold blocks, ``filled``. ``kinds`` are the blocks' places in ``vocabulary.KINDS``,
    ``signs`` number each element's path of tags and names, ``spans`` are a ``Table``'s.
    """

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        n = self.n = len(tree.texts)
        self.names: list[str] = []
        self.rows = np.empty((_COLUMNS, n), np.float32)
        c = self.counts = Counts(tree.texts)
        self.words, self.owners = c.words, np.array(tree.owners, np.int64)
        self.links = np.array(tree.links, np.float32)
        prose = np.where((c.words >= _LONG) & (self.links < 0.35), c.words, 0)
        summed = (c.words, c.words * self.links, prose, c.ends + c.commas, c.closed, c.digits, c.words**2)
        self.each = np.ones((n, 8))
        for at, values in enumerate(summed):
            self.each[:, at] = values
        self.sums = np.zeros((8, n + 1))
        np.cumsum(self.each.T, axis=1, out=self.sums[:, 1:])
        self.firsts, self.lasts = np.array(tree.firsts, np.int64), np.array(tree.lasts, np.int64)
        self.parents = np.array(tree.parents, np.int64)
        self.filled = np.flatnonzero(self.firsts < self.lasts)
        self.held = self.sums[:, self.lasts[self.filled]] - self.sums[:, self.firsts[self.filled]]
        self.places = np.arange(n)
        self.total, self.all_prose = (max(1.0, float(self.sums[k, -1])) for k in (_WORDS, _PROSE))
        self.kinds = self.signs = self.places
        self.spans = np.zeros((0, 2, n), np.int64)

    def put(self, name: str, values: npt.NDArray[np.generic] | float) -> None:
        """Add a column."""
        self.rows[len(self.names)] = values
        self.names.append(name)

    def give(self, prefix: str, names: Sequence[str], values: npt.NDArray[np.generic]) -> None:
        """Add columns; ``values`` is (names, blocks)."""
        at = len(self.names)
        self.rows[at : at + len(names)] = values
        self.names += [prefix + name for name in names]

    def row(self, name: str) -> Floats:
        """Give a column made before."""
        return np.asarray(self.rows[self.names.index(name)], np.float32)


def _log(values: npt.ArrayLike) -> Floats:
    return np.log1p(np.asarray(values, np.float32))


def features(tree: Tree) -> Table:
    """Give the features of each block of a page; no rows for a page without text."""
    if not tree.texts:
        nothing = np.zeros((0, 2, 0), np.int64)
        return Table(np.zeros((0, 0), np.float32), (), np.zeros(0, np.float32), nothing, nothing.reshape(2, 0))
    columns = _Columns(tree)
    _of_text(columns)
    _of_elements(columns)
    _of_place(columns)
    _of_containers(columns)
    _of_paths(columns)
    _of_items(columns)
    _of_neighbours(columns)
    _of_page(columns)
    paths = np.stack((columns.signs, columns.signs[np.maximum(columns.parents, 0)]))[:, columns.owners]
    return Table(columns.rows.T, tuple(columns.names), columns.words, columns.spans, paths)


def _of_text(c: _Columns) -> None:
    t = c.counts
    words, chars = np.maximum(t.words, 1), np.maximum(t.chars, 1)
    same = Counter(c.tree.texts)
    names = "words chars links digits upper word-length ends commas marks same-text gap".split()
    c.give("", names, np.array((
        _log(t.words), _log(t.chars), c.links, t.digits / chars, t.upper / np.maximum(t.letters, 1), t.chars / words,
        t.ends / words, t.commas / words, t.marks / words, _log([same[text] for text in c.tree.texts]), c.tree.gaps,
    ), np.float32))  # fmt: skip
    c.give("", ("in-title", "of-title"), _beside_title(c.tree))


_DENSE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+")
_SPACED = re.compile(r"[^\W_]+")
_NUL = "\0"  # between texts of a page, which holds none: parsing takes them out
_BLANKED = "".join(char if char.isalnum() or char == _NUL else " " for char in map(chr, range(128)))
_TYPED = "’‘“”–—…•·»«©®→›\xa0"  # what else than letters makes a line of English no ASCII
_HEADLINE = 300  # characters: a longer block is no title


def _beside_title(tree: Tree) -> Floats:
    """Give the share of each block's words that the title has, and of the title's that the block has; (2, blocks)."""
    shares = np.zeros((2, len(tree.texts)), np.float32)
    find = (_TOKEN if _DENSE.search(tree.title) else _SPACED).findall
    title = set(find(tree.title.lower()))
    short = [text for text in {*tree.texts} if len(text) < _HEADLINE]
    if not title or not short:
        return shares
    bare = _NUL.join(short)
    for mark in _TYPED:
        bare = bare.replace(mark, " ")
    is_plain = [text.isascii() for text in bare.split(_NUL)]
    plain = _NUL.join(compress(bare.split(_NUL), is_plain)).lower().translate(_BLANKED).split(_NUL)
    tokens = iter(map(str.split, plain))
    known = {}
    for text, easy in zip(short, is_plain, strict=True):
        found = next(tokens) if easy else find(text.lower())
        if not title.isdisjoint(found):
            unlike = set(found)
            hits = len(unlike & title)
            known[text] = hits / len(unlike), hits / len(title)
    for n, text in enumerate(tree.texts):
        if text in known:
            shares[:, n] = known[text]
    return shares


# Of the words of class and id attributes, those that the trees ask for: near a block, and anywhere above it.
_NEAR = "comment post related form content describe code caption hero faq meta".split()
_ABOVE = "comment related nav footer header ad consent form content describe code hero product".split()
_SEEN_PROSE = "comment post related card product sidebar".split()
_SHIFT = len(vocabulary.NAMES)  # what tags say, above what names say


def _places(names: Sequence[str], every: Sequence[str]) -> Ints:
    return np.array([every.index(name) for name in names])[:, None]


_NEAR_BITS, _ABOVE_BITS = _places(_NEAR, vocabulary.NAMES), _places(_ABOVE, vocabulary.NAMES)
_TAG_BITS = np.arange(len(vocabulary.TAGS))[:, None] + _SHIFT


def _of_elements(c: _Columns) -> None:
    """Measure what stands around a block; number each element's path of tags and names."""
    known: dict[tuple[str, str, str], int] = {}
    which = [known.setdefault(k, len(known)) for k in zip(c.tree.tags, c.tree.names, c.tree.roles, strict=True)]
    names = vocabulary.name_bits(name for _, name, _ in known)
    tags = [vocabulary.tag_bits(tag, roles) << _SHIFT for tag, _, roles in known]
    # A wordless number in a name (post-1234) tells posts apart; without it they are of one kind.
    alike: dict[tuple[str, str], int] = {}
    bare = _NUL.join([name for _, name, _ in known])
    bare = bare.translate(_NO_DIGITS) if bare.isascii() else _NUMBERS.sub("", bare)
    likes = [alike.setdefault((k[0], name), len(alike)) for k, name in zip(known, bare.split(_NUL), strict=True)]
    bits = [n | t for n, t in zip(names, tags, strict=True)]
    above, depths, signs = [tags[which[0]]], [0], [0]  # the body's own names are above nothing
    paths: dict[tuple[int, int], int] = {}
    for key, up in zip(which[1:], c.tree.parents[1:], strict=True):
        above.append(above[up] | bits[key])
        depths.append(depths[up] + 1)
        signs.append(paths.setdefault((signs[up], likes[key]), len(paths) + 1))
    c.signs = np.array(signs)
    over = np.array(above)[c.owners]
    own, parents = np.array(names)[which], np.maximum(c.parents, 0)
    near = np.where(parents > 0, own | own[parents] | own[parents[parents]], own)
    near[0] = 0
    c.give("name-", _NEAR, near[c.owners] >> _NEAR_BITS & 1)
    c.give("above-", _ABOVE, over >> _ABOVE_BITS & 1)
    c.give("tag-", vocabulary.TAGS, over >> _TAG_BITS & 1)
    for name in _SEEN_PROSE:
        # How much of the page's prose stands in comments, posts, cards: what they are depends on what stands outside.
        inside = over >> vocabulary.NAMES.index(name) & 1
        c.put(f"page-in-{name}", float(c.each[:, _PROSE] @ inside) / c.all_prose)
        if name in ("comment", "post"):
            first = int(inside.argmax()) if inside.any() else c.n
            c.put(f"page-before-{name}", float(c.sums[_PROSE, first]) / c.all_prose)
            c.put(f"from-{name}", np.sign(c.places - first) if first < c.n else 0.0)
    c.put("depth", np.array(depths)[c.owners])
    c.kinds = np.array([vocabulary.kind(tag) for tag, _, _ in known])[which][c.owners]
    c.give("kind-", vocabulary.KINDS, c.kinds == _KINDS)


_NUMBERS = re.compile(r"\d+")
_NO_DIGITS = dict.fromkeys(range(ord("0"), ord("9") + 1))
_KINDS = np.arange(len(vocabulary.KINDS))[:, None]
_H1, _LAST_HEADING = vocabulary.KINDS.index("h1"), vocabulary.KINDS.index("h3")


def _of_place(c: _Columns) -> None:
    places, before = c.places, c.sums[_WORDS, :-1]
    c.put("place", places / c.n)
    c.put("share-before", before / c.total)
    c.put("words-before", _log(before))
    c.put("long-before", c.sums[_PROSE, :-1] / c.all_prose)
    c.put("long-after", 1 - c.sums[_PROSE, 1:] / c.all_prose)
    heads = np.flatnonzero(c.kinds == _H1)
    c.put("from-h1", _from(before, int(heads[0]) if len(heads) else None))
    titled = c.row("of-title") * c.row("in-title")
    best = int(titled.argmax())
    c.put("from-title", _from(before, best if float(titled[best]) > 0.3 else None))
    headings = (c.kinds >= _H1) & (c.kinds <= _LAST_HEADING)
    last = np.maximum.accumulate(np.where(headings, places, -1))
    at = np.maximum(last, 0)
    c.put("from-heading", _log(np.where(last >= 0, before - before[at], 9999)))
    c.put("heading-words", np.where(last >= 0, c.words[at], 0))
    long = np.flatnonzero(c.each[:, _PROSE])
    names = ("to-long-after", "to-long-before", "after-first-long")
    if not len(long):
        c.give("", names, np.full((len(names), 1), _NONE))
        return
    after = np.searchsorted(long, places)
    c.put(names[0], _log(np.where(after < len(long), long[np.minimum(after, len(long) - 1)] - places, 999)))
    at = np.searchsorted(long, places, side="right") - 1
    c.put(names[1], _log(np.where(at >= 0, places - long[np.maximum(at, 0)], 999)))
    c.put(names[2], places >= long[0])


def _from(before: Doubles, at: int | None) -> Floats:
    """Give how many words stand between each block and block ``at``, as a logarithm; below zero before it."""
    if at is None:
        return np.full(len(before), -99, np.float32)
    far = _log(np.abs(before - before[at]))
    far[:at] *= -1
    return far


def _of_containers(c: _Columns) -> None:
    c.spans = np.array(levels(c.owners, c.parents, c.firsts, c.lasts))
    firsts, lasts = c.spans[:, 0], c.spans[:, 1]

    def held(measure: int) -> Doubles:  # (levels, blocks)
        return np.asarray(c.sums[measure][lasts] - c.sums[measure][firsts])

    words, blocks = held(_WORDS), np.maximum(lasts - firsts, 1)
    some = np.maximum(words, 1)
    before = c.sums[_WORDS, :-1] - c.sums[_WORDS][firsts]
    for name, values in (
        ("words", _log(words)), ("share", words / c.total), ("blocks", _log(blocks)), ("links", held(_LINKED) / some),
        ("marks", held(_MARKS) / some), ("long", held(_PROSE) / some), ("closed", held(_CLOSED) / blocks),
        ("place", (c.places - firsts) / blocks), ("before", before / some),
    ):  # fmt: skip
        c.give("up", [f"{level}-{name}" for level in range(len(firsts))], values)
    _of_main(c)


def _of_main(c: _Columns) -> None:
    """Measure the smallest elements that hold most of the page’s prose: the main text, or the page itself."""
    filled, words_of = c.filled, c.held[_WORDS]
    for share in (0.5, 0.75, 0.95):
        fits = np.flatnonzero(c.held[_PROSE] >= share * c.sums[_PROSE, -1])
        at = int(fits[np.argmin(words_of[fits])]) if len(fits) else 0
        best = int(filled[at])
        start, stop = int(c.firsts[best]), int(c.lasts[best])
        words = max(1.0, float(words_of[at]))
        p = f"main{round(100 * share)}-"
        c.put(p + "in", (c.places >= stop) - (c.places < start).astype(np.int8))
        c.put(p + "share", float(words_of[at]) / c.total)
        c.put(p + "links", float(c.held[_LINKED, at]) / words)
        c.put(p + "place", (c.sums[_WORDS, :-1] - c.sums[_WORDS, start]) / words)
        c.put(p + "blocks", float(np.log1p(stop - start)))
        if share == 0.5:
            alike = (c.signs[filled] == c.signs[best]) & (c.parents[filled] == c.parents[best])
            c.put(p + "alike", float(alike.sum()))


def _grouped(values: Doubles, group: Ints, count: int) -> Doubles:
    """Sum the rows of each group; (columns, count)."""
    width = values.shape[1]
    flat = (group[:, None] * width + np.arange(width)).ravel()
    return np.asarray(np.bincount(flat, values.ravel(), count * width).reshape(count, width).T, np.float64)


def _of_paths(c: _Columns) -> None:
    """Measure all blocks of the same path of tags and names."""
    mine = c.signs[c.owners]
    sums = _grouped(c.each, mine, int(mine.max()) + 1)
    count, words = np.maximum(sums[_BLOCKS], 1), sums[_WORDS]
    some, mean = np.maximum(words, 1), words / count
    spread = np.sqrt(np.maximum(sums[_SQUARES] / count - mean**2, 0)) / np.maximum(mean, 1)
    values = (_log(count), _log(mean), words / c.total, sums[_LINKED] / some, sums[_MARKS] / some,
              sums[_CLOSED] / count, spread, sums[_PROSE] / some)  # fmt: skip
    c.give("path-", "count words share links marks closed spread long".split(), np.array(values, np.float32)[:, mine])


def _of_items(c: _Columns) -> None:
    """Measure the repeated pieces a block stands in: cards, posts, comments; the innermost and the outermost kind."""
    filled, held = c.filled[1:], c.held[:, 1:].copy()  # the body is none
    _, group, count = np.unique(
        c.parents[filled] * (int(c.signs.max()) + 1) + c.signs[filled], return_inverse=True, return_counts=True
    )
    sizes = len(count) + 1  # and a last group that nothing is in
    count = np.append(count, 0)
    words = held[_WORDS]
    held[_SQUARES] = words**2
    sums = _grouped(held.T, group, sizes)
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
        sums[_PROSE] / c.all_prose, sums[_WORDS] / c.total, sums[_DIGITS] / some, c.sums[_WORDS, first] / c.total,
        c.sums[_PROSE, first] / c.all_prose,
    ), np.float32)  # fmt: skip
    of_groups[:, -1] = _NONE
    names = "count words spread links long most long-share share digits before long-before".split()
    groups, orders = np.full(len(c.parents), -1), np.full(len(c.parents), _NONE)
    groups[filled] = np.where(many[group], group, -1)
    orders[filled] = order / some_count[group]
    for p, nearest in (("item-", inner), ("items-", outer)):
        at = nearest(groups >= 0, c.parents)[c.owners]
        c.give(p, names, of_groups[:, groups[at]])
        c.put(p + "order", orders[at])


def _of_neighbours(c: _Columns) -> None:
    owners, n = c.owners, c.n
    padded = np.full((2, n + 6), np.float32(_NONE))
    padded[0, 3:-3], padded[1, 3:-3] = c.row("words"), c.links
    for row, name, shifts in ((0, "words", (-2, -1, 1, 2, 3)), (1, "links", (-3, -1, 1))):
        for shift in shifts:
            c.put(f"at{shift:+d}-{name}", padded[row, 3 + shift : 3 + shift + n])
    same = np.concatenate(([False], owners[1:] == owners[:-1], [False]))
    c.put("at-1-same", same[:-1])
    c.put("at+1-same", same[1:])
    sums = c.sums[: _PROSE + 1]
    for width in (4, 12):
        before, after = np.maximum(c.places - width, 0), np.minimum(c.places + 1 + width, n)
        for side, held in (("before", sums[:, :-1] - sums[:, before]), ("after", sums[:, after] - sums[:, 1:])):
            words = held[_WORDS]
            some = np.maximum(words, 1)
            values = np.array((_log(words), held[_LINKED] / some, held[_PROSE] / some))
            c.give(f"{side}{width}-", ("words", "links", "long"), values)


def _of_page(c: _Columns) -> None:
    tree, total, sums = c.tree, c.total, c.sums[:, -1]
    every = tree.tags
    tags = Counter(every if len(c.filled) == len(every) else [every[n] for n in c.filled.tolist()])
    measures = {
        "words": float(np.log1p(total)), "blocks": float(np.log1p(c.n)), "links": sums[_LINKED] / total,
        "long": sums[_PROSE] / total, "longest": float(np.log1p(c.words.max())),
        "longs": float(np.log1p(np.count_nonzero(c.each[:, _PROSE]))), "marks": sums[_MARKS] / total,
        "digits": sums[_DIGITS] / total, "mean": total / c.n,
    }  # fmt: skip
    for tag in ("p", "li", "h1", "h2", "h3", "article", "pre", "tr", "form", "button"):
        measures[tag] = float(np.log1p(tags[tag]))
    measures["item-share"] = float(c.row("items-long-share").max())
    measures["item-count"] = float(c.row("items-count").max())
    kinds = " ".join(tree.kinds).lower()
    for n, pattern in enumerate(_KINDS_OF_PAGE):
        measures[f"kind{n}"] = float(re.search(pattern, kinds) is not None)
    c.give("page-", list(measures), np.array(list(measures.values()))[:, None])
