"""Train the model of ``cleaner.blocks`` on WCXB's development pages and say how good it is, cross-validated.

    python bench/train_blocks.py WCXB-DEV.parquet --cache DIR -o cleaner/blocks/model.npz

WCXB (Foley 2026) is published under CC-BY-4.0. Columns read: id, url, page_type, html, main_content. Needs catboost.

Five folds by domain. A block is content when at least half of its words are paired with the gold text's. The first
pass sees the block and the page's type as another fold's model tells it; the second sees the first's scores around
it, from folds that did not see the page, and what trafilatura keeps. A third of the pages are shown twice:
once with class names and sectioning elements blanked, for pages that have none. Large pages show ``CAP`` of their
blocks. Everything is seeded; the same CatBoost on the same data gives the same bytes. What takes long (features,
trafilatura) is kept in ``--cache``, and every finished fit too, in a folder of the data and the code they are made by.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import pickle
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import catboost
import numpy as np
import pages as bench
import pyarrow.parquet as pq

from cleaner.blocks import model as m
from cleaner.blocks.context import context
from cleaner.blocks.features import features
from cleaner.blocks.tree import tree
from cleaner.blocks.trees import Trees, sigmoid, softmax
from cleaner.read.files import document

FOLDS, CAP, BLANKED = 5, 110, 3
TYPES = ("article", "collection", "documentation", "forum", "listing", "product", "service")
GRID = np.arange(0.5, 1.21, 0.1)
AFFORDED = ("article", "documentation", "forum")  # half of trafilatura's time on all pages
WORD = re.compile(r"\w+")
# Columns that pages with hashed names and without sectioning elements do not have.
SECTIONING = tuple(f"tag-{tag}" for tag in "article main nav header footer aside section".split())


@dataclass
class Page:
    type: int
    fold: int
    blanked: bool
    rows: np.ndarray
    words: np.ndarray
    around: list
    target: np.ndarray
    told: np.ndarray  # what trafilatura keeps of each block
    told_blanked: np.ndarray | None
    tokens: list[list[str]]
    gold: Counter[str]


def measured(path: Path) -> Iterator[tuple[Page, tuple[str, ...]]]:
    """Yield the pages with text: their features, and what trafilatura keeps of them."""
    for n, row in enumerate(pq.read_table(path).to_pylist()):
        html = document(row["html"]).html or ""
        page = tree(html)
        table = features(page)
        if not len(table.words):
            continue
        lines, place = bench.lines(page), list(page.lines())
        told = np.array(bench.trafilatura_shares(html, lines), np.float32)[place]
        blanked = n % BLANKED == 0
        told_blanked = None
        if blanked:
            told_blanked = np.array(bench.trafilatura_shares(bench.opaque(html), lines), np.float32)[place]
        gold = row["main_content"] or ""
        target = np.array(bench.shares(lines, gold), np.float32)[place] >= 0.5
        kind = "collection" if row["page_type"] == "category" else row["page_type"]
        tokens = [WORD.findall(text.lower()) for text in page.texts]
        made = Page(
            TYPES.index(kind), fold(row["url"] or row["id"]), blanked, table.rows, table.words, m.around_blocks(page),
            target, told, told_blanked, tokens, Counter(WORD.findall(gold.lower())),
        )  # fmt: skip
        yield made, table.columns


def made_by(data: Path) -> str:
    """Give a name for the data and the code: other pages, features or settings must not meet fits of these."""
    stamp = hashlib.sha256(data.read_bytes())
    for path in (*sorted(Path(m.__file__).parent.glob("*.py")), Path(bench.__file__), Path(__file__)):
        stamp.update(path.read_bytes())
    return stamp.hexdigest()[:12]


def fold(url: str) -> int:
    return zlib.crc32(".".join(urlsplit(url).netloc.split(".")[-2:]).encode()) % FOLDS


class Fits:
    """CatBoost fits, kept by name in a folder, as trees that numpy evaluates."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fit(self, name: str, rows, target, weight=None, **settings) -> Trees:
        path = self.folder / f"{name}.pkl"
        if not path.exists():
            classes = len(set(target.tolist())) > 2
            cat = catboost.CatBoostClassifier(
                loss_function="MultiClass" if classes else "Logloss", thread_count=2, random_seed=1, verbose=0,
                border_count=32, boosting_type="Plain", bootstrap_type="No", score_function="L2",
                allow_writing_files=False, **settings,
            )  # fmt: skip
            cat.fit(rows, target, sample_weight=weight)
            json_path = self.folder / f"{name}.json"
            cat.save_model(str(json_path), format="json")
            fitted = exported(json.loads(json_path.read_text()))
            json_path.unlink()
            told = cat.predict(rows[:200], prediction_type="RawFormulaVal").reshape(len(rows[:200]), -1)
            assert np.allclose(fitted(np.asarray(rows[:200], np.float32)), told, atol=1e-3), name
            path.write_bytes(pickle.dumps(fitted))
            print(f"{name}: {rows.shape[0]:,} rows, {rows.shape[1]} columns", flush=True)
        return pickle.loads(path.read_bytes())


def exported(held: dict) -> Trees:
    depth = max(len(t["splits"] or ()) for t in held["oblivious_trees"])
    asks, borders, leaves = [], [], []
    scale, bias = held["scale_and_bias"]
    for t in held["oblivious_trees"]:
        splits = t["splits"] or []
        spare = depth - len(splits)
        asks.append([s["float_feature_index"] for s in splits] + [0] * spare)
        borders.append([s["border"] for s in splits] + [np.inf] * spare)
        values = np.array(t["leaf_values"]).reshape(1 << len(splits), -1)
        leaves.append(np.concatenate((values, np.zeros(((1 << depth) - len(values), values.shape[1])))))
    scaled = (np.array(leaves) * scale).astype(np.float32)
    return Trees(np.array(asks, np.int16), np.array(borders, np.float32), scaled, np.array(bias, float).reshape(-1))


def blank(rows, columns: Sequence[str]):
    made = rows.copy()
    made[
        :, [n for n, c in enumerate(columns) if c.startswith(("name-", "above-")) or c in (*SECTIONING, "page-article")]
    ] = 0
    return made


def weights(page: Page):
    """A block weighs its words over the page's content words."""
    words = np.minimum(page.words, 400)
    return words / max(30.0, float((page.words * page.target).sum()))


def sampled(page: Page, seed: int):
    some = np.flatnonzero(page.words > 0)
    if len(some) <= CAP:
        return some, 1.0
    return np.sort(np.random.default_rng(seed).choice(some, CAP, replace=False)), len(some) / CAP


def beside(rows, page_values):
    return np.hstack((rows, np.repeat(page_values[None], len(rows), 0))).astype(np.float32)


def gather(pages: Sequence[Page], chosen: Sequence[int], views: Sequence[dict[int, np.ndarray]]):
    rows, target, weight = [], [], []
    for i in chosen:
        some, scale = sampled(pages[i], i)
        for view in views:
            if i in view:
                rows.append(view[i][some])
                target.append(pages[i].target[some])
                weight.append(weights(pages[i])[some] * scale)
    w = np.concatenate(weight)
    return np.concatenate(rows), np.concatenate(target).astype(int), w / w.mean()


def out_of_fold(fits: Fits, name: str, pages: Sequence[Page], views: Sequence[dict[int, np.ndarray]], **settings):
    """Fit five times without a fold and once with all; give the scores of each view's pages, and the last trees."""
    scores: list[dict[int, np.ndarray]] = [{} for _ in views]
    for k in range(FOLDS):
        fitted = fits.fit(
            f"{name}-{k}", *gather(pages, [i for i, p in enumerate(pages) if p.fold != k], views), **settings
        )
        for view, told in zip(views, scores, strict=True):
            told |= {i: sigmoid(fitted(rows)[:, 0]) for i, rows in view.items() if pages[i].fold == k}
    return scores, fits.fit(f"{name}-all", *gather(pages, range(len(pages)), views), **settings)


def f1(page: Page, keep) -> float:
    found: Counter[str] = Counter()
    for tokens, kept in zip(page.tokens, keep, strict=True):
        if kept:
            found.update(tokens)
    size, of = found.total(), page.gold.total()
    return 2 * (found & page.gold).total() / (size + of) if size + of else 1.0


def kept(page: Page, scores, factor: float):
    return scores >= m.cut(scores, page.words, factor)


def report(name: str, pages: Sequence[Page], scores, factor: float):
    f = np.array([f1(p, kept(p, scores[i], factor)) for i, p in enumerate(pages)])
    by = "  ".join(f"{t} {f[[p.type == k for p in pages]].mean():.3f}" for k, t in enumerate(TYPES))
    print(f"{name} at {factor:.2f}: all {f.mean():.4f}  {by}", flush=True)
    return f


def best(pages: Sequence[Page], scores) -> float:
    means = [np.mean([f1(p, kept(p, scores[i], t)) for i, p in enumerate(pages)]) for t in GRID]
    print("  ".join(f"{t:.2f} {v:.4f}" for t, v in zip(GRID, means, strict=True)))
    return float(GRID[int(np.argmax(means))])


def curve(pages: Sequence[Page], scores, factor: float, f):
    """Give points from the word-F1 that scores promise to the one measured, rising."""
    promised = np.array([m.expected_f1(scores[i], kept(p, scores[i], factor), p.words) for i, p in enumerate(pages)])
    parts = np.array_split(np.argsort(promised), 12)
    return np.array([[promised[p].mean() for p in parts], np.maximum.accumulate([f[p].mean() for p in parts])])


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("data", type=Path)
    ap.add_argument("--cache", type=Path, required=True)
    ap.add_argument("-o", "--out", type=Path, required=True)
    a = ap.parse_args()
    cache = a.cache / made_by(a.data)
    cache.mkdir(parents=True, exist_ok=True)
    table = cache / "pages.pkl"
    if not table.exists():
        table.write_bytes(pickle.dumps(list(measured(a.data))))
    loaded = pickle.loads(table.read_bytes())
    pages, columns = [page for page, _ in loaded], loaded[0][1]
    fits, blanked = Fits(cache), [i for i, p in enumerate(pages) if p.blanked]

    class Plain:  # what page_row needs of a table
        def __init__(self, rows, words) -> None:
            self.rows, self.words = rows, words

    bare = {i: blank(p.rows, columns) for i, p in enumerate(pages)}
    page_rows = np.array([m.page_row(Plain(p.rows, p.words)) for p in pages])
    bare_rows = np.array([m.page_row(Plain(bare[i], p.words)) for i, p in enumerate(pages)])
    kinds, folds = np.array([p.type for p in pages]), np.array([p.fold for p in pages])
    slow = {"iterations": 150, "depth": 4, "learning_rate": 0.12, "rsm": 0.2, "l2_leaf_reg": 6}
    types, bare_types = np.zeros((2, len(pages), len(TYPES)), np.float32)
    for k in (*range(FOLDS), "all"):
        seen = folds != k if k != "all" else np.ones(len(pages), bool)
        both, twice = np.concatenate((page_rows[seen], bare_rows[seen])), np.tile(kinds[seen], 2)
        kind = fits.fit(f"kind-{k}", both, twice, **slow)
        if k != "all":
            types[~seen], bare_types[~seen] = softmax(kind(page_rows[~seen])), softmax(kind(bare_rows[~seen]))
    right, bare_right = ((told.argmax(1) == kinds).mean() for told in (types, bare_types))
    print(f"page type: {right:.3f} right, blanked {bare_right:.3f}")
    views = [
        {i: beside(p.rows, types[i]) for i, p in enumerate(pages)}, {i: beside(bare[i], bare_types[i]) for i in blanked}
    ]  # fmt: skip
    (first, bare_first), first_all = out_of_fold(
        fits, "first", pages, views, iterations=300, depth=6, learning_rate=0.14, rsm=0.25, l2_leaf_reg=5
    )
    factor = best(pages, first)
    f_first = report("fast", pages, first, factor)
    near = m.near_columns(columns)

    def seen_near(rows, told, scores):
        return {
            i: np.hstack((beside(rows[i][:, near], told[i]), context(first, pages[i].words, pages[i].around)))
            for i, first in scores.items()
        }

    views = [seen_near([p.rows for p in pages], types, first), seen_near(bare, bare_types, bare_first)]
    settings = {"iterations": 200, "depth": 6, "learning_rate": 0.09, "rsm": 0.25, "l2_leaf_reg": 5}

    def seen_told(view, scores, told):
        return {
            i: np.hstack((rows, m.opinion_columns(scores[i], told[i], pages[i].words, pages[i].around)))
            for i, rows in view.items()
        }

    views = [
        seen_told(views[0], first, [p.told for p in pages]),
        seen_told(views[1], bare_first, [p.told_blanked for p in pages]),
    ]
    (asked, _), asked_all = out_of_fold(fits, "asked", pages, views, **settings)
    asked = {i: (first[i] + again) / 2 for i, again in asked.items()}
    factor_asked = best(pages, asked)
    f_asked = report("asked", pages, asked, factor_asked)
    ask = np.array([kind in AFFORDED for kind in TYPES])
    final = [
        f1(p, m.decided(first[i], asked[i], p.told, p.words, float(types[i, 0]), factor_asked))
        if types[i] @ ask >= m.ASKED
        else alone
        for i, (p, alone) in enumerate(zip(pages, f_first, strict=True))
    ]
    by = "  ".join(f"{t} {np.array(final)[kinds == k].mean():.3f}" for k, t in enumerate(TYPES))
    print(f"asked: {np.mean(types @ ask >= m.ASKED):.3f} of the pages")
    print(f"best, asked of {AFFORDED}: all {np.mean(final):.4f}  {by}")
    curves = np.array([curve(pages, first, factor, f_first), curve(pages, asked, factor_asked, f_asked)])
    model = m.Model(
        columns, TYPES, kind, first_all, asked_all, ask, np.array([factor, factor_asked]), curves
    )  # fmt: skip
    m.save(model, a.out)
    print(f"{a.out}: {a.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
