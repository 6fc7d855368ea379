"""Which lines of a page are its content: the shipped model over a page's blocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cleaner.blocks.characters import Floats
from cleaner.blocks.features import Table, features
from cleaner.blocks.net import Net, held, net_of
from cleaner.blocks.second import around
from cleaner.blocks.tree import Tree, tree
from cleaner.blocks.trees import ModelError, Trees, read, sigmoid, softmax

Bools = npt.NDArray[np.bool_]
Opinion = Callable[[], Sequence[float] | None]
"""Gives for each line of the linearised page the share of its words that another extractor keeps (0 to 1); None where
it has none."""

ASKED, SURE = 0.25, 0.8
"""An opinion is asked for where a page looks like an article (it also tells author and date), and where it is of a type
that gains by one, from the first probability on, and the model's own scores promise less than the second in word-F1.
Of WCXB's pages that are three quarters: word-F1 .8747; of none .8709."""
_AT_ONCE = 32  # columns of a page: twice as wide as its features they would take the most memory of all
SHIPPED = Path(__file__).parent / "model.npz"


class Content(NamedTuple):
    """What the model says of a page, one score and one decision for each line of the linearised page.

    ``scores`` are probabilities of being content (0 for blank lines); ``page_type`` is one of article, collection,
    documentation, forum, listing, product, service; ``confidence`` estimates the word-F1 of what is kept (0 to 1);
    ``asked`` tells whether another extractor's opinion was used.
    """

    scores: tuple[float, ...]
    keep: tuple[bool, ...]
    page_type: str
    confidence: float
    asked: bool = False


class Model(NamedTuple):
    """The trees and nets, and what they were trained on.

    ``kind`` gives the page's type from ``page_row``; ``general`` and ``general_net`` score a block of any page by its
    features and the page's type, ``article`` and ``article_net`` one of a page that looks like an article (see
    ``first``); where another's opinion was asked, ``second`` scores it anew by what those scores and that opinion say
    around it (see ``weighed``). ``factors``: see ``cut``. ``confident`` holds points of a curve from expected to
    measured word-F1. Of both there are two: for a page without another's opinion and with one.
    """

    columns: tuple[str, ...]
    types: tuple[str, ...]
    kind: Trees
    general: Trees
    article: Trees
    second: Trees
    general_net: Net
    article_net: Net
    ask: Floats  # of each page type: 1 where an opinion is worth its time
    factors: Floats  # (2,)
    confident: Floats  # (2, 2, points): expected, measured


def content(html: str, opinion: Opinion | None = None, model: Path = SHIPPED) -> Content:
    """Tell for each line of ``cleaner.read.html.linearise(html)`` whether it is the page's content.

    ``opinion`` is asked only where the page may be of a type that gains by it. Never raises on any page; linear time.
    Raises ``ModelError`` for a model file that does not fit.

    >>> content("<nav><a href=/>Start</a></nav><p>Es regnet, und niemand weiß, wie lange noch.").keep
    (False, False, True)
    """
    return judge(tree(html), load(model), opinion)


def judge(page: Tree, model: Model, opinion: Opinion | None = None) -> Content:
    """Tell of a page whose blocks are made already; see ``content``. Raises ``ModelError`` as it does."""
    lines = list(page.lines())
    table = features(page)
    if not len(table.words) or not float(table.words.sum()):
        return Content(
            (0.0,) * (lines[-1] + 1 if lines else 1), (False,) * (lines[-1] + 1 if lines else 1), "article", 0.0
        )
    if table.columns != model.columns:
        raise ModelError(
            f"the model knows {len(model.columns)} features, not the {len(table.columns)} that are measured"
        )
    types = softmax(model.kind(page_row(table)[None]))
    words = table.words
    scores = first(model, table, types[0])
    alone = np.asarray(scores >= cut(scores, words, float(model.factors[0])))
    told = None
    if opinion is not None and is_worth(types[0], model.ask, expected_f1(scores, alone, words)):
        asked = opinion()
        told = None if asked is None else np.asarray(asked, np.float32)[lines] >= 0.5
    if told is not None and is_lost(types[0], alone, told, words):
        told = None
    if told is not None:
        rows = np.hstack((table.rows, around(table, scores, told)))
        second = sigmoid(model.second(rows, types[0])[:, 0])
        scores = weighed(float(types[0, 0]), scores, second, told)
    mode = int(told is not None)
    keep = alone if told is None else np.asarray(scores >= cut(scores, words, float(model.factors[mode])))
    keep = topped(keep, scores, table)
    if max(float(types[0, model.types.index(name)]) for name in _HEADED) > _ARTICLE:
        keep = headed(keep, table)
    worded = words > 0
    keep = _bridged(keep & worded, worded)
    expected = expected_f1(scores, keep, words)
    measured = float(np.interp(expected, model.confident[mode, 0], model.confident[mode, 1]))
    all_scores, all_keep = [0.0] * (lines[-1] + 1), [False] * (lines[-1] + 1)
    for n, score, kept in zip(lines, scores.tolist(), keep.tolist(), strict=True):
        all_scores[n], all_keep[n] = round(score, 4), kept
    return Content(tuple(all_scores), tuple(all_keep), model.types[int(types.argmax())], round(measured, 4), bool(mode))


def first(model: Model, table: Table, types: Floats) -> Floats:
    """Score each block of a page by itself, the others of it, and the page's type."""
    share = article_share(types)
    general = _both(model.general, model.general_net, table, types) if share < 1 else None
    article = _both(model.article, model.article_net, table, types) if share > 0 else None
    return mixed(share, general, article)


_BLOCKS = range(16, 1 << 13)
"""The trees score a page of fewer or more alone: nets learned of seven pages of fewer, and of 2,641 blocks at most; on
a page of 11 they believed a menu, and of 170,000 blocks one took 500 MB."""


def _both(trees: Trees, net: Net, table: Table, types: Floats) -> Floats:
    by_trees = sigmoid(trees(table.rows, types)[:, 0])
    if len(by_trees) not in _BLOCKS:
        return by_trees
    beside = np.hstack((table.rows, np.broadcast_to(types, (len(by_trees), len(types)))))
    return joined(by_trees, sigmoid(net(beside, table.words)))


_OF_NETS = 0.35


def joined(trees: Floats, net: Floats) -> Floats:
    """Give the scores of trees and of a net together.

    On WCXB's development pages, cross-validated, from .3 to .5 of the net is alike, and .002 better than none; on the
    seven crawls .003, without class names and sections .008.
    """
    return np.asarray((1 - _OF_NETS) * trees + _OF_NETS * net, np.float32)


def article_share(types: Floats) -> float:
    """Give how far what is for articles is heard: not at all below a probability of .2, alone from .6 on.

    From .1 to .9 would gain .0017 on WCXB's development pages, where types are told surely, and cost .010 on the crawls
    without class names, where they are not.
    """
    return float(np.clip((types[0] - 0.2) / 0.4, 0, 1))


def mixed(share: float, general: Floats | None, article: Floats | None) -> Floats:
    """Mix the scores of what is for any page and of what is for articles; None where they are not heard."""
    if general is None or article is None:
        return np.asarray(article if general is None else general)
    return np.asarray(share * article + (1 - share) * general, np.float32)


def page_row(table: Table) -> Floats:
    """Give the page's own features: the mean of its blocks' features, weighed by their words."""
    weights = (table.words + np.float32(0.2)).astype(np.float64)
    sums = [(some * weights).sum(1) for some in np.split(table.rows.T, range(_AT_ONCE, table.rows.shape[1], _AT_ONCE))]
    return np.asarray(np.concatenate(sums) / weights.sum(), np.float32)


_ARTICLE = 0.5  # the probability of being one from which a page is treated as an article


def weighed(article: float, first: Floats, second: Floats, told: Bools) -> Floats:
    """Give the scores of a page of which another extractor keeps ``told``: the mean of both passes, and of an article,
    of which others know most, a fifth of what the other says.

    Of 0, .1, .2 and .3, a fifth is best for articles of WCXB's development pages (.952 for .950) and gains a point on
    the seven crawls (.988 for .978), where .3 gains .002 more and costs .015 where the markup tells nothing.
    """
    both = (first + second) / 2
    return np.asarray(both if article <= _ARTICLE else 0.8 * both + 0.2 * told, np.float32)


_HEADED = ("article", "documentation")


def headed(keep: Bools, table: Table) -> Bools:
    """Keep the headline of an article or a manual: the last ``h1`` before the text that has words of the page's title.

    WCXB's gold texts leave it out (of 627 articles all but 18), so the trees do; the crawls' have it, and readers too.
    """
    kept = np.flatnonzero(keep)
    kind, titled = (table.rows[:, table.columns.index(name)] for name in ("kind-h1", "of-title"))
    heads = np.flatnonzero((kind > 0) & (titled > 0.4))
    heads = heads[heads < kept[0]] if len(kept) else heads[:0]
    made = np.array(keep, bool)
    made[heads[-1:]] = True
    return made


_TOPS = ("kind-h1", "kind-h2", "kind-h3")
_DOUBTFUL = 0.15  # from .1 to .3 all is alike on WCXB; menus above a text are below


def topped(keep: Bools, scores: Floats, table: Table) -> Bools:
    """Keep the headings right above what is kept, and the rows of a table above kept ones, unless surely none of it.

    A short line has a low score of its own, but a section without its heading, or a table without its head, is worse
    to read than one with a line too many: on WCXB it costs .0002.
    """
    heads = np.any([table.rows[:, table.columns.index(name)] > 0 for name in _TOPS], axis=0)
    rows = table.rows[:, table.columns.index("kind-row")] > 0
    made = np.array(keep, bool)
    above = (heads[:-1] | (rows[:-1] & rows[1:])) & (scores[:-1] >= _DOUBTFUL)
    for n in np.flatnonzero(above & ~made[:-1])[::-1]:  # from below, so that headings above headings stay, too
        made[n] = made[n + 1]
    return made


def cut(scores: Floats, words: Floats, factor: float) -> float:
    """Give the score from which blocks are kept: ``factor`` times half of the best word-F1 that any cut promises.

    Half of the best F1 is the optimal cut where scores are probabilities (Lipton, Elkan and Naryanaswamy 2014): a page
    that is told apart surely keeps what is likelier than not, a doubtful one keeps more.
    """
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(scores[order] * words[order], dtype=np.float64)
    sizes = np.cumsum(words[order], dtype=np.float64)
    return factor * float((hits / np.maximum(sizes + hits[-1], 1e-9)).max(initial=0.0))


def is_worth(types: Floats, ask: Floats, expected: float) -> bool:
    """Whether another opinion is worth its time on a page of which the model expects a word-F1: see ``ASKED``."""
    return float(types[0]) > _ARTICLE or (float(types @ ask) >= ASKED and expected < SURE)


LOST = 0.3  # word-F1 of two opinions: with less they speak of different texts, and the other's is the stranger


def is_lost(types: Floats, one: Bools, other: Bools, words: Floats) -> bool:
    """Whether the other opinion is not heard: on what looks like an article it keeps quite another text.

    Where class names are hashed and sections turned to ``div``, trafilatura can miss all of an article for the footer;
    on WCXB that costs .0005, and on other types of page, where it can miss the text as well, .0004 more.
    """
    kept = float(words[one].sum() + words[other].sum())
    return float(types[0]) > _ARTICLE and 2 * float(words[one & other].sum()) < LOST * kept


def expected_f1(scores: Floats, keep: Bools, words: Floats) -> float:
    """Give the word-F1 that the scores themselves promise, were they probabilities."""
    weighed = scores.astype(np.float64) * words
    return float(2 * weighed[keep].sum() / max(1e-9, float(words[keep].sum()) + float(weighed.sum())))


def _bridged(keep: Bools, worded: Bools) -> Bools:
    """Keep blocks without words (a brace, a rule of stars) that stand between kept blocks."""
    places = np.flatnonzero(worded)
    if not len(places):
        return keep
    n = np.arange(len(keep))
    before = np.searchsorted(places, n, side="right") - 1
    after = np.searchsorted(places, n)
    inside = (before >= 0) & (after < len(places))
    bridged = inside & keep[places[np.maximum(before, 0)]] & keep[places[np.minimum(after, len(places) - 1)]]
    return np.where(worded, keep, bridged)


@cache
def load(path: Path) -> Model:
    """Read a model file. Raises ``ModelError`` naming the file and what is missing."""
    return read(path, _made)


def _made(arrays: Mapping[str, npt.NDArray[Any]]) -> Model:
    kind, general, article, second = (Trees(*(arrays[f"{name}.{part}"] for part in Trees._fields)) for name in _TREES)
    columns, types = (tuple(arrays[name].tolist()) for name in ("columns", "types"))
    general_net, article_net = (net_of(arrays, name) for name in _NETS)
    numbers = (arrays[name] for name in _NUMBERS)
    return Model(columns, types, kind, general, article, second, general_net, article_net, *numbers)


def save(model: Model, path: Path) -> None:
    """Write a model file: named arrays in numpy's zip format; equal models give equal bytes."""
    arrays: dict[str, npt.ArrayLike] = {"columns": np.array(model.columns), "types": np.array(model.types)}
    arrays |= {name: np.asarray(getattr(model, name), np.float32) for name in _NUMBERS}
    arrays |= {f"{name}.{part}": getattr(getattr(model, name), part) for name in _TREES for part in Trees._fields}
    for name in _NETS:
        arrays |= held(getattr(model, name), name)
    np.savez_compressed(path, allow_pickle=False, **arrays)


_TREES = ("kind", "general", "article", "second")
_NETS = ("general_net", "article_net")
_NUMBERS = ("ask", "factors", "confident")
