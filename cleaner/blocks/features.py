"""What is measured of each block of a page: one row a block, one column a feature, nothing that knows a language."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cleaner.blocks import vocabulary
from cleaner.blocks.characters import Counts, Floats
from cleaner.blocks.context import levels
from cleaner.blocks.tree import Tree

Ints = npt.NDArray[np.int64]
_LONG = 15.0  # words of a block that reads like a sentence or more
_SHIFTS = (-3, -2, -1, 1, 2, 3)
_KINDS_OF_PAGE = (
    "article|news|blog|report",
    "product|offer",
    "forum|qa|discussion|question",
    "list|collection|category|search",
    "website|webpage",
    "organization|business|service|software|app",
    "comment",
    "doc|tech|howto|learn|course",
)


class Table(NamedTuple):
    """Features of a page’s blocks: ``rows`` is (blocks, columns), ``words`` each block’s words."""

    rows: Floats
    columns: tuple[str, ...]
    words: Floats


class _Columns:
    """The columns made so far, by name, and what several groups of them need."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.made: dict[str, npt.NDArray[np.generic] | float] = {}
        c = self.counts = Counts(tree.texts)
        self.n = len(tree.texts)
        self.owners = np.array(tree.owners, np.int64)
        self.links = np.array(tree.links, np.float32)
        self.words = c.words
        self.linked = c.words * self.links
        self.long = ((c.words >= _LONG) & (self.links < 0.35)).astype(np.float32) * c.words
        self.total = max(1.0, float(c.words.sum()))
        self.sums = {
            "words": _running(c.words), "linked": _running(self.linked), "long": _running(self.long),
            "marks": _running(c.ends + c.commas), "closed": _running(c.closed), "digits": _running(c.digits),
            "square": _running(c.words**2), "chars": _running(c.chars),
        }  # fmt: skip
        self.firsts, self.lasts = np.array(tree.firsts, np.int64), np.array(tree.lasts, np.int64)

    def within(self, name: str, first: Ints, last: Ints) -> Floats:
        sums = self.sums[name]
        return (sums[last] - sums[first]).astype(np.float32)


def _running(values: Floats) -> npt.NDArray[np.float64]:
    return np.concatenate(([0.0], np.cumsum(values, dtype=np.float64)))


def _log(values: npt.ArrayLike) -> Floats:
    return np.log1p(np.asarray(values, np.float32))


def features(tree: Tree) -> Table:
    """Give the features of each block of a page; no rows for a page without text."""
    if not tree.texts:
        return Table(np.zeros((0, 0), np.float32), (), np.zeros(0, np.float32))
    columns = _Columns(tree)
    _of_text(columns)
    signs = _of_elements(columns)
    _of_place(columns)
    _of_containers(columns)
    _of_paths(columns, signs)
    _of_items(columns, signs)
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
    made["digits"], made["upper"], made["letters"] = (
        t.digits / chars,
        t.upper / np.maximum(t.letters, 1),
        t.letters / chars,
    )
    made["ends"], made["commas"], made["marks"] = t.ends / words, t.commas / words, t.marks / words
    made["closed"], made["colon"], made["capital"], made["number"] = t.closed, t.colon, t.capital, t.number
    made["word-length"], made["dense"] = t.chars / words, (t.dense > 0).astype(np.float32)
    same = Counter(c.tree.texts)
    made["same-text"] = _log([same[text] for text in c.tree.texts])
    made["gap"] = np.array(c.tree.gaps, np.float32)
    title = set(_tokens(c.tree.title))
    in_title = np.zeros(c.n, np.float32)
    of_title = np.zeros(c.n, np.float32)
    if title:
        for n, text in enumerate(c.tree.texts):
            if len(text) < 300 and (tokens := set(_tokens(text))):
                hits = len(tokens & title)
                in_title[n], of_title[n] = hits / len(tokens), hits / len(title)
    made["in-title"], made["of-title"] = in_title, of_title


_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+")


def _tokens(text: str) -> list[str]:
    return _TOKEN.findall(text.lower())


def _of_elements(c: _Columns) -> Ints:
    """Measure what stands around a block; give each element the number of its path of tags and names."""
    tree, made = c.tree, c.made
    count = len(tree.tags)
    own_names, all_names, near_names, own_tags, all_tags, depths, signs = ([0] * count for _ in range(7))
    known: dict[tuple[int, str, str], int] = {}
    for n, (tag, parent, names, roles, first, last) in enumerate(
        zip(tree.tags, tree.parents, tree.names, tree.roles, tree.firsts, tree.lasts, strict=True)
    ):
        if first == last:
            continue
        own_names[n] = vocabulary.name_bits(names) if names else 0
        own_tags[n] = vocabulary.tag_bits(tag, roles)
        if n:
            all_names[n] = all_names[parent] | own_names[n]
            near_names[n] = (
                own_names[n] | own_names[parent] | own_names[max(0, tree.parents[parent])] if parent else own_names[n]
            )
            all_tags[n], depths[n] = all_tags[parent] | own_tags[n], depths[parent] + 1
            # A wordless number in a name (post-1234) tells posts apart; without it they are of one kind.
            key = (signs[parent], tag, _numberless(names) if names else "")
            signs[n] = known.setdefault(key, len(known) + 1)
    owners = c.owners
    for prefix, bits, names_of in (
        ("name", near_names, vocabulary.NAMES),
        ("above", all_names, vocabulary.NAMES),
        ("tag", all_tags, vocabulary.TAGS),
    ):
        mine = np.array(bits, np.int64)[owners]
        each = (mine >> np.arange(len(names_of))[:, None] & 1).astype(np.float32)
        made.update((f"{prefix}-{name}", row) for name, row in zip(names_of, each, strict=True))
    made["depth"] = np.array(depths, np.float32)[owners]
    kinds = np.array([vocabulary.kind(tree.tags[o]) for o in tree.owners])
    for n, kind in enumerate(vocabulary.KINDS):
        made[f"kind-{kind}"] = (kinds == n).astype(np.float32)
    return np.array(signs, np.int64)


_NUMBERS = re.compile(r"\d+")


@lru_cache(maxsize=1 << 12)
def _numberless(names: str) -> str:
    return _NUMBERS.sub("", names)


def _of_place(c: _Columns) -> None:
    made, total = c.made, c.total
    places = np.arange(c.n)
    made["place"] = places / c.n
    before = c.sums["words"][:-1]
    made["words-before"], made["words-after"] = _log(before), _log(c.sums["words"][-1] - c.sums["words"][1:])
    made["share-before"] = before / total
    all_long = max(1.0, float(c.sums["long"][-1]))
    made["long-before"], made["long-after"] = c.sums["long"][:-1] / all_long, 1 - c.sums["long"][1:] / all_long
    heads = [n for n, o in enumerate(c.tree.owners) if c.tree.tags[o] == "h1"]
    head = heads[0] if heads else -1
    made["from-h1"] = np.sign(places - head) * _log(np.abs(before - before[head])) if heads else np.full(c.n, -99.0)
    titled = c.made["of-title"] * np.asarray(c.made["in-title"])
    best = int(np.argmax(titled))
    found = float(titled[best]) > 0.3
    made["from-title"] = np.sign(places - best) * _log(np.abs(before - before[best])) if found else np.full(c.n, -99.0)
    headings = np.isin(np.array(c.tree.tags)[c.owners], ("h1", "h2", "h3", "h4", "h5", "h6"))
    last = np.maximum.accumulate(np.where(headings, places, -1))
    made["from-heading"] = _log(np.where(last >= 0, before - before[np.maximum(last, 0)], 9999))
    made["heading-words"] = np.where(last >= 0, c.words[np.maximum(last, 0)], 0)
    long = np.flatnonzero(c.long)
    if len(long):
        after = np.searchsorted(long, places)
        made["to-long-after"] = _log(np.where(after < len(long), long[np.minimum(after, len(long) - 1)] - places, 999))
        at = np.searchsorted(long, places, side="right") - 1
        made["to-long-before"] = _log(np.where(at >= 0, places - long[np.maximum(at, 0)], 999))
        made["after-first-long"], made["before-last-long"] = places >= long[0], places <= long[-1]
    else:
        for name in ("to-long-after", "to-long-before", "after-first-long", "before-last-long"):
            made[name] = -1.0


def _of_containers(c: _Columns) -> None:
    made, places = c.made, np.arange(c.n)
    around = levels(c.owners, np.array(c.tree.parents, np.int64), c.firsts, c.lasts)
    for level, (first, last) in enumerate(around):
        words, blocks = c.within("words", first, last), last - first
        some = np.maximum(words, 1)
        p = f"up{level}-"
        made[p + "words"], made[p + "share"], made[p + "blocks"] = _log(words), words / c.total, _log(blocks)
        made[p + "links"] = c.within("linked", first, last) / some
        made[p + "marks"], made[p + "long"] = (
            c.within("marks", first, last) / some,
            c.within("long", first, last) / some,
        )
        made[p + "closed"] = c.within("closed", first, last) / np.maximum(blocks, 1)
        made[p + "place"] = (places - first) / np.maximum(blocks, 1)
        if level:
            made[p + "before"] = c.within("words", first, places) / some
    # The smallest elements that hold most of the page’s long blocks: the main text, or the page itself.
    long, all_long = c.within("long", c.firsts, c.lasts), float(c.sums["long"][-1])
    for share in (0.5, 0.75, 0.95):
        fits = np.flatnonzero((long >= share * all_long) & (c.firsts < c.lasts))
        sizes = c.within("words", c.firsts[fits], c.lasts[fits])
        best = int(fits[np.argmin(sizes)]) if len(fits) else 0
        start, stop = int(c.firsts[best]), int(c.lasts[best])
        inside = c.sums["words"][:-1] - c.sums["words"][start]
        held = float(c.sums["words"][stop] - c.sums["words"][start])
        p = f"main{round(100 * share)}-"
        made[p + "in"] = np.where(places < start, -1, places >= stop)
        made[p + "share"], made[p + "place"] = held / c.total, inside / max(1.0, held)
        made[p + "links"] = float(c.sums["linked"][stop] - c.sums["linked"][start]) / max(1.0, held)


def _of_paths(c: _Columns, signs: Ints) -> None:
    """Measure all blocks of the same path of tags and names."""
    mine = signs[c.owners]
    _, mine = np.unique(mine, return_inverse=True)
    count = np.bincount(mine)

    def summed(values: Floats) -> npt.NDArray[np.float64]:
        return np.asarray(np.bincount(mine, values), np.float64)

    words = summed(c.words)
    some = np.maximum(words, 1)
    spread = np.sqrt(np.maximum(summed(c.words**2) / count - (words / count) ** 2, 0)) / np.maximum(words / count, 1)
    for name, values in (
        ("count", _log(count)), ("words", _log(words / count)), ("share", words / c.total),
        ("links", summed(c.linked) / some), ("marks", summed(c.counts.ends + c.counts.commas) / some),
        ("closed", summed(c.counts.closed) / count), ("spread", spread), ("long", summed(c.long) / some),
    ):  # fmt: skip
        c.made[f"path-{name}"] = np.asarray(values)[mine]


def _of_items(c: _Columns, signs: Ints) -> None:
    """Measure the repeated pieces a block stands in: cards, posts, comments; the innermost and the outermost kind."""
    tree, made = c.tree, c.made
    parents = np.array(tree.parents, np.int64)
    texts = np.flatnonzero(c.firsts < c.lasts)
    texts = texts[texts > 0]
    keys = parents[texts] * (int(signs.max()) + 1) + signs[texts]
    _, group, count = np.unique(keys, return_inverse=True, return_counts=True)
    count = np.append(count, 0)  # a last group that nothing is in: a page may have no element below its body
    blocks = np.bincount(group, c.lasts[texts] - c.firsts[texts], len(count)) / np.maximum(count, 1)
    counts = np.ones(len(parents), np.int64)
    groups = np.full(len(parents), -1, np.int64)
    order = np.zeros(len(parents), np.int64)
    many = (count >= 3) & (blocks >= 2)
    groups[texts] = np.where(many[group], group, -1)
    counts[texts] = count[group]
    sorted_ = np.argsort(group, kind="stable")
    starts = np.concatenate(([0], np.cumsum(count)[:-1]))
    place = np.empty(len(texts), np.int64)
    place[sorted_] = np.arange(len(texts)) - np.repeat(starts, count)
    order[texts] = place
    inner, outer = [0] * len(parents), [0] * len(parents)
    for n, repeats in zip(texts.tolist(), (groups[texts] >= 0).tolist(), strict=True):
        parent = tree.parents[n]
        inner[n] = n if repeats else inner[parent]
        outer[n] = outer[parent] or (n if repeats else 0)
    words = c.within("words", c.firsts[texts], c.lasts[texts])
    sizes = len(count)
    all_words, squares = np.bincount(group, words, sizes), np.bincount(group, words**2, sizes)
    linked = np.bincount(group, c.within("linked", c.firsts[texts], c.lasts[texts]), sizes)
    long = np.bincount(group, c.within("long", c.firsts[texts], c.lasts[texts]), sizes)
    digits = np.bincount(group, c.within("digits", c.firsts[texts], c.lasts[texts]), sizes)
    first = np.full(sizes, c.n, np.int64)
    first[-1] = 0
    np.minimum.at(first, group, c.firsts[texts])
    all_long = max(1.0, float(c.sums["long"][-1]))
    mean = all_words / np.maximum(count, 1)
    spread = np.sqrt(np.maximum(squares / np.maximum(count, 1) - mean**2, 0)) / np.maximum(mean, 1)
    some = np.maximum(all_words, 1)
    of_groups = {
        "words": _log(mean), "spread": spread, "links": linked / some, "long": long / some,
        "long-share": long / all_long, "share": all_words / c.total, "digits": digits / some,
        "before": c.sums["words"][first] / c.total, "long-before": c.sums["long"][first] / all_long,
    }  # fmt: skip
    for p, which in (("item-", inner), ("items-", outer)):
        at = np.array(which, np.int64)[c.owners]
        g = groups[at]
        none = (at == 0) | (g < 0)
        g = np.where(none, len(count) - 1, g)
        made[p + "count"] = np.where(none, -1, _log(counts[at]))
        made[p + "order"] = np.where(none, -1, order[at] / np.maximum(counts[at], 1))
        for name, values in of_groups.items():
            made[p + name] = np.where(none, -1, values[g])
        made[p + "place"] = np.where(none, -1, np.minimum(np.arange(c.n) - c.firsts[at], 50))


def _of_neighbours(c: _Columns) -> None:
    made, owners = c.made, c.owners
    words, closed = _log(c.words), c.counts.closed
    for shift in _SHIFTS:
        p = f"at{shift:+d}-"
        made[p + "words"], made[p + "links"] = _shifted(words, shift), _shifted(c.links, shift)
        if abs(shift) < 3:
            made[p + "closed"] = _shifted(closed, shift)
            made[p + "same"] = _shifted(owners.astype(np.float32), shift) == owners
            made[p + "gap"] = _shifted(np.array(c.tree.gaps, np.float32), shift)
    places = np.arange(c.n)
    for width in (4, 12):
        for side, first, last in (
            ("before", np.maximum(places - width, 0), places),
            ("after", places + 1, np.minimum(places + 1 + width, c.n)),
        ):
            last = np.maximum(last, np.minimum(first, c.n))
            first = np.minimum(first, c.n)
            near = c.within("words", first, last)
            p = f"{side}{width}-"
            made[p + "words"] = _log(near)
            made[p + "links"] = c.within("linked", first, last) / np.maximum(near, 1)
            made[p + "long"] = c.within("long", first, last) / np.maximum(near, 1)


def _shifted(values: Floats, shift: int) -> Floats:
    moved = np.full(len(values), -1, np.float32)
    if abs(shift) < len(values):
        if shift > 0:
            moved[:-shift] = values[shift:]
        else:
            moved[-shift:] = values[:shift]
    return moved


def _of_page(c: _Columns) -> None:
    made, tree, total = c.made, c.tree, c.total
    tags = Counter(tag for tag, first, last in zip(tree.tags, tree.firsts, tree.lasts, strict=True) if first < last)
    made["page-words"], made["page-blocks"], made["page-links"] = (
        np.log1p(total),
        np.log1p(c.n),
        float(c.linked.sum()) / total,
    )
    made["page-long"], made["page-longest"] = float(c.long.sum()) / total, float(np.log1p(c.words.max()))
    made["page-longs"], made["page-marks"] = float(np.log1p((c.long > 0).sum())), c.sums["marks"][-1] / total
    for tag in ("p", "li", "h1", "h2", "h3", "article", "pre", "tr", "form", "button"):
        made[f"page-{tag}"] = float(np.log1p(tags[tag]))
    made["page-mean"], made["page-digits"] = total / c.n, c.sums["digits"][-1] / total
    made["page-item-share"] = float(np.max(made["items-long-share"]))
    made["page-item-count"] = float(np.max(made["items-count"]))
    kinds = " ".join(tree.kinds).lower()
    for n, pattern in enumerate(_KINDS_OF_PAGE):
        made[f"page-kind{n}"] = float(re.search(pattern, kinds) is not None)
