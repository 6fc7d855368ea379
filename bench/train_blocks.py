"""Train the model of ``cleaner.blocks`` on WCXB's development pages and say how good it is, cross-validated.

    python bench/train_blocks.py WCXB-DEV.parquet --cache DIR -o cleaner/blocks/model.npz

WCXB (Foley 2026) is published under CC-BY-4.0. Columns read: id, url, page_type, html, main_content. Needs catboost
and torch.

Five folds by domain. A block is content when at least half of its words are paired with the gold text's. Trees tell a
page's type; trees and nets (``nets.py``) for any page and for articles see each block, and the page's type as another
fold's trees tell it. Those for articles see made pages too (``grafts.py``). Trees are shown some pages twice, once with
class names and sectioning elements blanked, for pages that have none; nets see any page so at random. Last, trees score
each block anew by what the first scores and trafilatura say around it. Everything is seeded; the same CatBoost and
PyTorch on the same data give the same bytes. What takes long (features, trafilatura, fits) is kept in ``--cache``, by
what it was made of.
"""

from __future__ import annotations

import argparse
import pickle
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from fits import Fits
from nets import Job, Seen, nets
from pages import FOLDS, MADE_OF, TYPES, Page, dataset, made_by

from cleaner.blocks import model as m
from cleaner.blocks import second
from cleaner.blocks.trees import sigmoid, softmax

CAP, CAP_MADE, CAP_OTHER = 70, 45, 30  # blocks shown of a page; of a made page; to the articles' trees, of other pages
MADE_WEIGHT = 0.5
GRID = np.arange(0.5, 1.21, 0.1)
AFFORDED = ("article", "collection", "documentation", "product")  # where trafilatura's time pays
SECTIONING = tuple(f"tag-{tag}" for tag in "article main nav header footer aside section".split())
NAMED = ("name-", "above-", "page-in-", "page-before-", "from-comment", "from-post")


def names(columns: Sequence[str]) -> list[bool]:
    """Tell the columns that a page without class names and sectioning elements does not have."""
    return [c.startswith(NAMED) or c in (*SECTIONING, "page-article") for c in columns]


def blank(rows, columns: Sequence[str]):
    made = rows.copy()
    made[:, names(columns)] = 0
    return made


def weights(page: Page):
    """A block weighs its words over the page's content words."""
    words = np.minimum(page.words, 400)
    return words / max(30.0, float((page.words * page.target).sum()))


def beside(rows, page_values):
    return np.hstack((rows, np.repeat(page_values[None], len(rows), 0))).astype(np.float32)


class Shown:
    """What trees are shown: blocks of pages, at most ``cap`` of each; those chosen weigh for those left out."""

    def __init__(self) -> None:
        self.rows: list[np.ndarray] = []
        self.target: list[np.ndarray] = []
        self.weight: list[np.ndarray] = []

    def page(self, page: Page, rows, types, cap: int, seed: int, scale: float = 1.0) -> None:
        some = np.flatnonzero(page.words > 0)
        if len(some) > cap:
            scale *= len(some) / cap
            some = np.sort(np.random.default_rng(seed).choice(some, cap, replace=False))
        self.rows.append(beside(rows[some], types))
        self.target.append(page.target[some])
        self.weight.append(weights(page)[some] * scale)

    def arrays(self):
        weight = np.concatenate(self.weight)
        return np.concatenate(self.rows), np.concatenate(self.target).astype(int), weight / weight.mean()


def f1(page: Page, keep) -> float:
    found: Counter[str] = Counter()
    for tokens, kept in zip(page.tokens, keep, strict=True):
        if kept:
            found.update(tokens)
    size, of = found.total(), page.gold.total()
    return 2 * (found & page.gold).total() / (size + of) if size + of else 1.0


def kept(page: Page, scores, factor: float):
    return scores >= m.cut(scores, page.words, factor)


def by_type(pages: Sequence[Page], f) -> str:
    f = np.asarray(f)
    return f"all {f.mean():.4f}  " + "  ".join(
        f"{t} {f[[p.type == k for p in pages]].mean():.3f}" for k, t in enumerate(TYPES)
    )


def best(name: str, pages: Sequence[Page], scores):
    """Give the factor of the cut that is best, and each page's word-F1 by it."""
    f = np.array([[f1(p, kept(p, scores[i], t)) for i, p in enumerate(pages)] for t in GRID])
    at = int(f.mean(1).argmax())
    print(f"{name} at {GRID[at]:.2f} of", *f.mean(1).round(4), by_type(pages, f[at]), flush=True)
    return float(GRID[at]), f[at]


def curve(promised, f):
    """Give points from the word-F1 that scores promise to the one measured, rising."""
    promised = np.array(promised)
    parts = np.array_split(np.argsort(promised, kind="stable"), 12)
    return np.array([[promised[p].mean() for p in parts], np.maximum.accumulate([f[p].mean() for p in parts])])


KIND = {"iterations": 150, "depth": 4, "learning_rate": 0.12, "rsm": 0.2, "l2_leaf_reg": 6}
FIRST = {"iterations": 250, "depth": 6, "learning_rate": 0.15, "rsm": 0.25, "l2_leaf_reg": 5}
SECOND = {"iterations": 150, "depth": 6, "learning_rate": 0.1, "rsm": 0.25, "l2_leaf_reg": 10}
AGAIN = {"random_seed": 2}  # one fit's luck is worth a point of F1 on a type; the mean of two has less of it


def page_rows(pages: Sequence[Page], rows):
    return np.array([m.page_row(page.table(one)) for page, one in zip(pages, rows, strict=True)])


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("data", type=Path)
    ap.add_argument("--cache", type=Path, required=True)
    ap.add_argument("--every", type=int, default=1)
    ap.add_argument("-o", "--out", type=Path, required=True)
    a = ap.parse_args()
    a.cache.mkdir(parents=True, exist_ok=True)
    table = a.cache / f"pages.{made_by(a.data, a.every)}.pkl"
    if not table.exists():
        table.write_bytes(pickle.dumps(dataset(a.data, a.every)))
    pages, made, columns = pickle.loads(table.read_bytes())
    print(f"{len(pages)} pages, {len(made)} made of them, {len(columns)} columns", flush=True)
    fits, size = Fits(a.cache), len(pages)

    # The page's type: of pages, of pages without names, of made pages with names or without.
    bare = {i: blank(p.rows, columns) for i, p in enumerate(pages)}
    bare_made = {i for i in range(len(made)) if np.random.default_rng(i).random() < 0.3}
    made_rows = [blank(p.rows, columns) if i in bare_made else p.rows for i, p in enumerate(made)]
    shown = (
        page_rows(pages, [p.rows for p in pages]),
        page_rows(pages, list(bare.values())),
        page_rows(made, made_rows),
    )
    kinds = tuple(np.array([p.type for p in some]) for some in (pages, pages, made))
    folds = tuple(np.array([p.fold for p in some]) for some in (pages, pages, made))
    types = [np.zeros((len(rows), len(TYPES)), np.float32) for rows in shown]
    for k in range(FOLDS + 1):
        seen = [of != k for of in folds]
        weight = np.concatenate([np.full(s.sum(), w) for s, w in zip(seen, (1, 1, 0.4), strict=True)])
        rows, kind = (np.concatenate([v[s] for v, s in zip(of, seen, strict=True)]) for of in (shown, kinds))
        kind_trees = fits.fit(f"kind-{k}", rows, kind, weight, **KIND)
        for told, rows, s in zip(types, shown, seen, strict=True):
            if not s.all():
                told[~s] = softmax(kind_trees(rows[~s]))
    print(
        "page type right, blanked:", *((told.argmax(1) == kinds[0]).mean().round(3) for told in types[:2]), flush=True
    )

    # The pages, the pages without names, the made pages: with the rows that are shown of each.
    views = [
        [(i, p, p.rows) for i, p in enumerate(pages)],
        [(i, p, bare[i]) for i, p in enumerate(pages) if p.told_blanked is not None],
        [(i, p, made_rows[i]) for i, p in enumerate(made)],
    ]

    def scored(name: str, settings, fill, rows_of=lambda v, i, rows: rows):
        """Fit without each fold, and with all; give the scores of the fold left out, of the first two views."""
        scores: list[dict[int, np.ndarray]] = [{}, {}]
        for k in range(FOLDS + 1):
            held = Shown()
            fill(held, k)
            trees = fits.mean(f"{name}-{k}", held.arrays(), (settings, settings | AGAIN))
            for v, view in enumerate(views[:2]):
                for i, p, rows in view:
                    if p.fold == k:
                        scores[v][i] = sigmoid(trees(beside(rows_of(v, i, rows), types[v][i]))[:, 0])
        return scores, trees

    def fill_general(held: Shown, k: int) -> None:
        for v, view in enumerate(views[:2]):
            for i, p, rows in view:
                if p.fold != k:
                    held.page(p, rows, types[v][i], CAP, i)

    def fill_article(held: Shown, k: int) -> None:
        for v, view in enumerate(views):
            for i, p, rows in view:
                cap, scale = (CAP, 1.0) if p.type in MADE_OF else (CAP_OTHER, 0.5)
                cap, scale, seed = (CAP_MADE, MADE_WEIGHT, size + i) if v == 2 else (cap, scale, i)
                if p.fold != k:
                    held.page(p, rows, types[v][i], cap, seed, scale)

    general, general_all = scored("general", FIRST, fill_general)
    article, article_all = scored("article", FIRST, fill_article)
    # Nets for both: they see whole pages, without class names at random.
    learned = {
        v: [
            Seen(beside(p.rows, types[v][i]), *(of.astype(np.float32) for of in (p.target, weights(p), p.words)), share)
            for i, p in enumerate(some)
        ]
        for v, some, share in ((0, pages, 1.0), (2, made, MADE_WEIGHT))
    }
    jobs = [
        Job(f"{name}-{k}", [page for v in of for page, at in zip(learned[v], folds[v], strict=True) if at != k], rounds)
        for name, of, rounds in (("general-net", (0,), 14), ("article-net", (0, 2), 10))
        for k in range(FOLDS + 1)
    ]
    trained = nets(a.cache, jobs, [n for n, is_named in enumerate(names(columns)) if is_named])
    general_nets, article_nets = trained[: FOLDS + 1], trained[FOLDS + 1 :]

    def together(v: int, i: int, rows):
        p, inputs = pages[i], beside(rows, types[v][i])
        by_general, by_article = (
            m.joined(scores[v][i], sigmoid(of[p.fold](inputs, p.words)))
            for scores, of in ((general, general_nets), (article, article_nets))
        )
        return m.mixed(m.article_share(types[v][i]), by_general, by_article)

    trees = {i: m.mixed(m.article_share(types[0][i]), general[0][i], article[0][i]) for i in general[0]}
    best("fast, trees alone", pages, trees)
    first = [{i: together(v, i, rows) for i, _, rows in view} for v, view in enumerate(views[:2])]
    factor, f_alone = best("fast", pages, first[0])

    # The second pass sees what the first and trafilatura say around a block.
    def kept_there(v: int, i: int):
        return (pages[i].told if v == 0 else pages[i].told_blanked) >= 0.5

    def around(v: int, i: int, rows):
        return np.hstack((rows, second.around(pages[i].table(rows), first[v][i], kept_there(v, i))))

    def fill_second(held: Shown, k: int) -> None:
        for v, view in enumerate(views[:2]):
            for i, p, rows in view:
                if p.fold != k:
                    held.page(p, around(v, i, rows), types[v][i], CAP, i)

    again, second_all = scored("second", SECOND, fill_second, around)
    asked = [
        {i: m.weighed(types[v][i][0], first[v][i], again[v][i], kept_there(v, i)) for i in again[v]} for v in range(2)
    ]
    factor_asked, f_asked = best("asked of all", pages, asked[0])
    factors = np.array([factor, factor_asked])
    for name, some, factor in (("first", first[1], factors[0]), ("asked", asked[1], factors[1])):
        print("blanked,", name, np.mean([f1(pages[i], kept(pages[i], some[i], factor)) for i in asked[1]]).round(4))
    ask = np.array([kind in AFFORDED for kind in TYPES])
    alone = {i: kept(p, first[0][i], factors[0]) for i, p in enumerate(pages)}
    asks = np.array([
        m.is_worth(types[0][i], ask, m.expected_f1(first[0][i], alone[i], p.words)) for i, p in enumerate(pages)
    ])  # fmt: skip
    asks &= [not m.is_lost(types[0][i], alone[i], kept_there(0, i), p.words) for i, p in enumerate(pages)]
    print(f"best: asked of {asks.mean():.3f} of the pages, {by_type(pages, np.where(asks, f_asked, f_alone))}")
    curves = np.array([
        curve([m.expected_f1(some[i], kept(p, some[i], factor), p.words) for i, p in enumerate(pages)], f)
        for some, factor, f in ((first[0], factors[0], f_alone), (asked[0], factors[1], f_asked))
    ])  # fmt: skip
    nets_of_all = general_nets[-1], article_nets[-1]
    model = m.Model(
        columns, TYPES, kind_trees, general_all, article_all, second_all, *nets_of_all, ask, factors, curves
    )
    m.save(model, a.out)
    print(f"{a.out}: {a.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
