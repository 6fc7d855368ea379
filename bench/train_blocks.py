"""Train the model of ``cleaner.blocks`` on WCXB's development pages and say how good it is, cross-validated.

    python bench/train_blocks.py WCXB-DEV.parquet --cache DIR -o cleaner/blocks/model.npz

WCXB (Foley 2026) is published under CC-BY-4.0. Columns read: id, url, page_type, html, main_content. Needs catboost.

Five folds by domain. A block is content when at least half of its words are paired with the gold text's. Trees tell a
page's type; trees for any page and trees for articles see each block, and the page's type as another fold's trees tell
it. Those for articles see made pages too (``grafts.py``). Some pages are shown twice: once with class names and
sectioning elements blanked, for pages that have none. Last, trees learn which way to decide a page, by its own scores
or by what trafilatura keeps, pays. Everything is seeded; the same CatBoost on the same data gives the same bytes. What
takes long (features, trafilatura, fits) is kept in ``--cache``, by what it was made of.
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
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import catboost
import grafts
import numpy as np
import pyarrow.parquet as pq

from cleaner import scores as measuring
from cleaner.blocks import model as m
from cleaner.blocks.features import Table, features
from cleaner.blocks.tree import Tree, tree
from cleaner.blocks.trees import Trees, sigmoid, softmax
from cleaner.read.files import document
from cleaner.scores import kept_by_trafilatura, lined, opaque
from cleaner.stages.alignment import shares

FOLDS, BLANKED = 5, 3
CAP, CAP_MADE, CAP_OTHER = 70, 45, 30  # blocks shown of a page; of a made page; to the articles' trees, of other pages
MADE_WEIGHT, MADE_OF = 0.5, (0, 2, 6)  # articles, and every third page of documentation and services
STEPS = ("c", "s", "rc", "sc", "sr", "r")
TYPES = ("article", "collection", "documentation", "forum", "listing", "product", "service")
GRID = np.arange(0.5, 1.21, 0.1)
AFFORDED = ("article", "documentation", "forum")  # where trafilatura's time pays
WORD = re.compile(r"\w+")
# Columns that pages with hashed names and without sectioning elements do not have.
SECTIONING = tuple(f"tag-{tag}" for tag in "article main nav header footer aside section".split())
NAMED = ("name-", "above-", "page-in-", "page-before-", "from-comment", "from-post")


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
    )  # fmt: skip
    return made, page, table.columns


def made_page(page: Page, source: Tree, steps: str, posts_of, cards_of, seed: int) -> Page | None:
    if float((page.words * page.target).sum()) < 40:
        return None
    made = grafts.make(source, page.words, page.target, steps, posts_of, cards_of, seed)
    table = features(made.tree)
    return Page(
        page.type, page.fold, table.rows, table.words, made.target, np.zeros(0), None, [], Counter()
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


def stamp(*parts: bytes) -> str:
    held = hashlib.sha256()
    for part in parts:
        held.update(hashlib.sha256(part).digest())
    return held.hexdigest()[:16]


def made_by(data: Path, every: int) -> str:
    """Give a name for the data and the code that measures them: what other pages or features gave must not meet."""
    code = [p for p in sorted(Path(m.__file__).parent.glob("*.py")) if p.stem not in ("model", "trees", "context")]
    code += [Path(measuring.__file__), Path(grafts.__file__)]
    return stamp(data.read_bytes(), str(every).encode(), *(path.read_bytes() for path in code))


def fold(url: str) -> int:
    return zlib.crc32(".".join(urlsplit(url).netloc.split(".")[-2:]).encode()) % FOLDS


class Fits:
    """CatBoost fits, kept in a folder by what they were made of, as trees that numpy evaluates."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fit(self, name: str, rows, target, weight, **settings) -> Trees:
        held = (np.ascontiguousarray(part).tobytes() for part in (rows, target, weight))
        path = self.folder / f"{name}.{stamp(*held, repr(sorted(settings.items())).encode())}.pkl"
        if not path.exists():
            loss = "MultiRMSE" if target.ndim > 1 else "MultiClass" if target.max() > 1 else "Logloss"
            cat = catboost.CatBoost({
                "loss_function": loss, "thread_count": 2, "random_seed": 1, "verbose": 0, "border_count": 32,
                "boosting_type": "Plain", "bootstrap_type": "No", "score_function": "L2",
                "allow_writing_files": False, **settings,
            })  # fmt: skip
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
    made[:, [n for n, c in enumerate(columns) if c.startswith(NAMED) or c in (*SECTIONING, "page-article")]] = 0
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


def report(name: str, pages: Sequence[Page], scores, factor: float):
    f = np.array([f1(p, kept(p, scores[i], factor)) for i, p in enumerate(pages)])
    print(f"{name} at {factor:.2f}: {by_type(pages, f)}", flush=True)
    return f


def best(pages: Sequence[Page], scores) -> float:
    means = [np.mean([f1(p, kept(p, scores[i], t)) for i, p in enumerate(pages)]) for t in GRID]
    print("  ".join(f"{t:.2f} {v:.4f}" for t, v in zip(GRID, means, strict=True)))
    return float(GRID[int(np.argmax(means))])


def curve(promised, f):
    """Give points from the word-F1 that scores promise to the one measured, rising."""
    promised = np.array(promised)
    parts = np.array_split(np.argsort(promised, kind="stable"), 12)
    return np.array([[promised[p].mean() for p in parts], np.maximum.accumulate([f[p].mean() for p in parts])])


KIND = {"iterations": 150, "depth": 4, "learning_rate": 0.12, "rsm": 0.2, "l2_leaf_reg": 6}
FIRST = {"iterations": 250, "depth": 6, "learning_rate": 0.15, "rsm": 0.25, "l2_leaf_reg": 5}
CHOICE = {"iterations": 200, "depth": 3, "learning_rate": 0.06, "rsm": 0.4, "l2_leaf_reg": 8}


def page_rows(pages: Sequence[Page], rows):
    return np.array([m.page_row(Table(one, (), page.words)) for page, one in zip(pages, rows, strict=True)])


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
    real_rows = [p.rows for p in pages]
    shown = (page_rows(pages, real_rows), page_rows(pages, list(bare.values())), page_rows(made, made_rows))
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
    right, bare_right = ((told.argmax(1) == kinds[0]).mean() for told in types[:2])
    print(f"page type: {right:.3f} right, blanked {bare_right:.3f}", flush=True)

    def first_pass(name: str, fill):
        """Fit without each fold, and with all; score the pages and the blanked pages of the fold left out."""
        scores, bare_scores = {}, {}
        for k in range(FOLDS + 1):
            held = Shown()
            fill(held, k)
            trees = fits.fit(f"{name}-{k}", *held.arrays(), **FIRST)
            for i, p in enumerate(pages):
                if p.fold == k:
                    scores[i] = sigmoid(trees(beside(p.rows, types[0][i]))[:, 0])
                    if p.told_blanked is not None:
                        bare_scores[i] = sigmoid(trees(beside(bare[i], types[1][i]))[:, 0])
        return scores, bare_scores, trees

    def fill_general(held: Shown, k: int) -> None:
        for i, p in enumerate(pages):
            if p.fold != k:
                held.page(p, p.rows, types[0][i], CAP, i)
                if i % BLANKED == 0:
                    held.page(p, bare[i], types[1][i], CAP, i)

    def fill_article(held: Shown, k: int) -> None:
        for i, p in enumerate(pages):
            cap, scale = (CAP, 1.0) if p.type in MADE_OF else (CAP_OTHER, 0.5)
            if p.fold != k:
                held.page(p, p.rows, types[0][i], cap, i, scale)
                if i % BLANKED == 0:
                    held.page(p, bare[i], types[1][i], cap, i, scale)
        for i, p in enumerate(made):
            if p.fold != k:
                held.page(p, made_rows[i], types[2][i], CAP_MADE, size + i, MADE_WEIGHT)

    general, bare_general, general_all = first_pass("general", fill_general)
    article, bare_article, article_all = first_pass("article", fill_article)
    first = {i: m.mixed(m.article_share(types[0][i]), general[i], article[i]) for i in general}
    bare_first = {i: m.mixed(m.article_share(types[1][i]), bare_general[i], bare_article[i]) for i in bare_general}
    factor = best(pages, first)
    f_first = report("fast", pages, first, factor)

    # What the model and trafilatura make of a page together: of each way to decide, the word-F1 it gains.
    views = [(i, types[0][i], first[i], p.told) for i, p in enumerate(pages)]
    views += [(i, types[1][i], bare_first[i], pages[i].told_blanked) for i in sorted(bare_first)]
    cuts = [m.ways(scores, told >= 0.5, pages[i].words, factor) for i, _, scores, told in views]
    facts = np.array([
        m.page_facts(kind, scores, told >= 0.5, pages[i].words, ways)
        for (i, kind, scores, told), ways in zip(views, cuts, strict=True)
    ])  # fmt: skip
    f_ways = np.array([[f1(pages[v[0]], keep) for keep in ways] for v, ways in zip(views, cuts, strict=True)])
    gains, told_gains = f_ways - f_ways.mean(1, keepdims=True), np.zeros(f_ways.shape)
    view_folds = folds[0][[v[0] for v in views]]
    for k in range(FOLDS + 1):
        seen = view_folds != k
        choice = fits.fit(f"choice-{k}", facts[seen], gains[seen], np.ones(seen.sum()), **CHOICE)
        if not seen.all():
            told_gains[~seen] = choice(facts[~seen])
    chosen = np.array([m.chosen(float(v[1][0]), row) for v, row in zip(views, told_gains, strict=True)])
    f_all = f_ways[np.arange(len(views)), chosen]
    means = (f_ways[size:, 0].mean(), f_ways[size:, 1].mean(), f_all[size:].mean())
    print("blanked: model {:.4f}, trafilatura {:.4f}, best {:.4f}".format(*means))
    f_ways, chosen, f_asked = f_ways[:size], chosen[:size], f_all[:size]
    print(f"ways: {f_ways.mean(0).round(4)}, chosen {np.bincount(chosen)}, each page's best {f_ways.max(1).mean():.4f}")
    print(f"asked of all: {by_type(pages, f_asked)}")
    ask = np.array([kind in AFFORDED for kind in TYPES])
    asks = types[0] @ ask >= m.ASKED
    print(f"best: asked of {asks.mean():.3f} of the pages, {by_type(pages, np.where(asks, f_asked, f_first))}")
    curves = np.array([
        curve([m.expected_f1(first[i], kept(p, first[i], factor), p.words) for i, p in enumerate(pages)], f_first),
        curve([m.expected_f1(first[i], cuts[i][chosen[i]], p.words) for i, p in enumerate(pages)], f_asked),
    ])  # fmt: skip
    model = m.Model(columns, TYPES, kind_trees, general_all, article_all, choice, ask, np.array(factor), curves)
    m.save(model, a.out)
    print(f"{a.out}: {a.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
