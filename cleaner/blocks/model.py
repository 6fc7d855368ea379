"""Which lines of a page are its content: the shipped model over a page's blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cleaner.blocks.characters import Floats
from cleaner.blocks.context import context, levels
from cleaner.blocks.features import Table, features
from cleaner.blocks.tree import Tree, tree
from cleaner.blocks.trees import Trees, sigmoid, softmax

Opinion = Callable[[], Sequence[float]]
"""Gives for each line of the linearised page the share of its words that another extractor keeps (0 to 1)."""

ASKED = 0.25
"""The least probability of being of a type worth asking for: an opinion too many costs time, one too few quality."""
SHIPPED = Path(__file__).parent / "model.npz"
_NEAR = tuple(
    "words chars links digits closed colon gap same-text in-title of-title kind- place share-before long- from- path-"
    " items- item- page- up0- up1- up2- main at-1 at+1 heading to-long".split()
)


class ModelError(ValueError):
    """A model file that is not one, or that was trained on other features."""


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
    """The trees and what they were trained on.

    ``kind`` gives the page's type from ``page_row``; ``first`` scores a block by its features and the page's type;
    ``asked`` again, with the first scores around it and another extractor's opinion: the mean of both counts.
    ``factors`` (see ``cut``) and ``confident`` (points of a curve from expected to measured word-F1) belong to the
    page without an opinion and with one.
    """

    columns: tuple[str, ...]
    types: tuple[str, ...]
    kind: Trees
    first: Trees
    asked: Trees
    ask: Floats  # of each page type: 1 where an opinion is worth its time
    factors: Floats
    confident: Floats  # (2 modes, 2, points): expected, measured


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
    first = sigmoid(model.first(np.hstack((table.rows, np.repeat(types, len(lines), 0))))[:, 0])
    ask = opinion is not None and float(types[0] @ model.ask) >= ASKED
    mode, told, scores = int(ask), np.zeros(len(lines), np.float32), first
    if ask and opinion is not None:
        around = around_blocks(page)
        told = np.asarray(opinion(), np.float32)[lines]
        seen = (table.rows[:, near_columns(model.columns)], np.repeat(types, len(lines), 0))
        others = (context(first, table.words, around), opinion_columns(first, told, table.words, around))
        near = np.hstack((*seen, *others))
        scores = np.asarray((first + sigmoid(model.asked(near)[:, 0])) / 2, np.float32)
    article = float(types[0, model.types.index("article")])
    keep = decided(first, scores, told, table.words, article, float(model.factors[mode]))
    worded = table.words > 0
    keep = _bridged(keep & worded, worded)
    expected = expected_f1(scores, keep, table.words)
    measured = float(np.interp(expected, model.confident[mode, 0], model.confident[mode, 1]))
    all_scores, all_keep = [0.0] * (lines[-1] + 1), [False] * (lines[-1] + 1)
    for n, score, kept in zip(lines, scores.tolist(), keep.tolist(), strict=True):
        all_scores[n], all_keep[n] = round(score, 4), kept
    return Content(tuple(all_scores), tuple(all_keep), model.types[int(types.argmax())], round(measured, 4), ask)


def page_row(table: Table) -> Floats:
    """Give the page's own features: the mean of its blocks' features, weighed by their words."""
    weights = (table.words + np.float32(0.2)).astype(np.float64)
    return np.asarray((table.rows * weights[:, None]).sum(0) / weights.sum(), np.float32)


def near_columns(columns: Sequence[str]) -> npt.NDArray[np.intp]:
    """Give the places of the features that the second pass sees again: none that reads a class name."""
    return np.array([n for n, c in enumerate(columns) if c.startswith(_NEAR) and c != "page-article"], np.intp)


def around_blocks(page: Tree) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Give the blocks of the elements around each block; see ``context.levels``."""
    owners, parents, firsts, lasts = (
        np.array(c, np.int64) for c in (page.owners, page.parents, page.firsts, page.lasts)
    )
    return levels(owners, parents, firsts, lasts)


def opinion_columns(
    first: Floats, told: Floats, words: Floats, around: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]
) -> Floats:
    """Give what another extractor's opinion says of each block, and how far it agrees with the first scores."""
    kept = (told >= 0.5).astype(np.float32)
    both = float((np.minimum(first, kept) * words).sum()) / max(1e-6, float((np.maximum(first, kept) * words).sum()))
    ratio = min(20.0, float((kept * words).sum()) / max(1e-6, float((first * words).sum())))
    page = np.repeat(np.array([[both, ratio]], np.float32), len(words), 0)
    return np.hstack((told[:, None], context(kept, words, around), page))


# Chosen on seven crawls of article pages beside the cross-validated WCXB pages: of .75 to .92, .9 to 1.
_ARTICLE, _AGREED, _SURE = 0.25, 0.85, 0.95


def decided(
    first: Floats, scores: Floats, told: Floats, words: Floats, article: float, factor: float
) -> npt.NDArray[np.bool_]:
    """Decide on each block by its score and, on a page that looks like an article, by another extractor's opinion.

    Where the model believes nearly all that the other keeps, the other's cut is the finer one: it stands, with the
    blocks of which the model is sure. Elsewhere what the other drops counts half. ``told`` is zeros without opinion.
    """
    kept = told >= 0.5
    if article <= _ARTICLE or not kept.any():
        return np.asarray(scores >= cut(scores, words, factor))
    agreed = float((first * words)[kept].sum()) / max(1e-6, float(words[kept].sum()))
    if agreed >= _AGREED:
        return np.asarray(kept | (scores >= _SURE))
    doubted = np.where(kept, scores, scores / 2)
    return np.asarray(doubted >= cut(doubted, words, 1.0))


def cut(scores: Floats, words: Floats, factor: float) -> float:
    """Give the score from which blocks are kept: ``factor`` times half of the best word-F1 that any cut promises.

    Half of the best F1 is the optimal cut where scores are probabilities (Lipton, Elkan and Naryanaswamy 2014): a page
    that is told apart surely keeps what is likelier than not, a doubtful one keeps more.
    """
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(scores[order] * words[order], dtype=np.float64)
    sizes = np.cumsum(words[order], dtype=np.float64)
    return factor * float((hits / np.maximum(sizes + hits[-1], 1e-9)).max(initial=0.0))


def expected_f1(scores: Floats, keep: npt.NDArray[np.bool_], words: Floats) -> float:
    """Give the word-F1 that the scores themselves promise, were they probabilities."""
    weighed = scores.astype(np.float64) * words
    return float(2 * weighed[keep].sum() / max(1e-9, float(words[keep].sum()) + float(weighed.sum())))


def _bridged(keep: npt.NDArray[np.bool_], worded: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
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
    try:
        with np.load(path, allow_pickle=False) as file:
            held = {name: file[name] for name in file.files}
        kind, first, asked = (Trees(*(held[f"{name}.{part}"] for part in Trees._fields)) for name in _TREES)
        columns, types = (tuple(held[name].tolist()) for name in ("columns", "types"))
        return Model(columns, types, kind, first, asked, held["ask"], held["factors"], held["confident"])
    except (OSError, KeyError, ValueError) as e:
        raise ModelError(f"{path}: cannot be read as a model: {e}") from e


def save(model: Model, path: Path) -> None:
    """Write a model file: named arrays in numpy's zip format; equal models give equal bytes."""
    held: dict[str, npt.ArrayLike] = {"columns": np.array(model.columns), "types": np.array(model.types)}
    held |= {name: np.asarray(getattr(model, name), np.float32) for name in ("ask", "factors", "confident")}
    held |= {f"{name}.{part}": getattr(getattr(model, name), part) for name in _TREES for part in Trees._fields}
    np.savez_compressed(path, allow_pickle=False, **held)


_TREES = ("kind", "first", "asked")
