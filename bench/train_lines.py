"""Train the model of ``cleaner.stages.lines`` on WCXB's development pages and say how good it is, cross-validated.

    python bench/train_lines.py WCXB-DEV.parquet --cache DIR -o cleaner/stages/lines.npz

WCXB (Foley 2026) is published under CC-BY-4.0. Columns read: url, page_type, html, main_content. Needs catboost,
trafilatura, resiliparse and justext.

Each page is four texts: all of it, line by line, and what trafilatura (favouring recall), resiliparse and jusText
leave of it, for that is what scraped text has been through; then the rules of the strict profile take what they know,
as they do before the model is asked. Each text is shown again with three of four noise lines gone, as it is when the
model itself has taken some. A line is noise when less than half of its words are
paired with the gold text's. Content weighs its length: what is lost by mistake is measured in characters, what is
found in lines. Of a text ``CAP`` lines are shown.

The threshold is the score, of folds that did not see the page, at which ``LOST`` of the content's characters go.
"""

from __future__ import annotations

import argparse
import json
import logging
import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import catboost
import numpy as np
import pyarrow.parquet as pq
from fits import averaged, exported
from pages import fold

from cleaner.blocks.trees import Trees
from cleaner.document import Document
from cleaner.pipeline import Pipeline
from cleaner.read.files import document
from cleaner.scores import extractor
from cleaner.stages.alignment import shares
from cleaner.stages.lines import CUT, LEAST, UNIT, Model, candidates, save
from cleaner.stages.measures import measures

CHECKED, CAP = (0, 1), 60  # of five folds, those whose pages judge
GRID = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.008, 0.015)
LOST, THINNED = 0.005, 0.75
SETTINGS = {"iterations": 120, "depth": 5, "learning_rate": 0.15, "rsm": 0.3, "l2_leaf_reg": 5}


class Text(NamedTuple):
    fold: int
    kind: str
    lines: list[str]
    shares: list[float]


def texts(path: Path) -> Iterator[Text]:
    import trafilatura

    logging.disable(logging.ERROR)
    others = {name: extractor(name) for name in ("resiliparse", "justext")}
    ruled = Pipeline(("encoding", "language", "chrome"), profile="strict")
    others["trafilatura"] = lambda html: trafilatura.extract(html, favor_recall=True, include_comments=True) or ""
    for row in pq.read_table(path).to_pylist():
        page, gold = document(row["html"]), row["main_content"]
        if not page.html or not gold:
            continue
        views = {"page": page.raw}
        for name, run in others.items():
            try:
                views[name] = run(page.html)
            except Exception as e:
                print(f"{row['url']}: {name}: {e!r}")
        for kind, text in views.items():
            left = ruled.clean(Document("-", text)).text
            lines = [line.strip() for line in left.split("\n") if line.strip()]
            if len(lines) >= LEAST:
                yield Text(fold(row["url"] or row["id"]), kind, lines, shares(lines, gold))


def thinned(all_texts: Sequence[Text]) -> Iterator[Text]:
    rng = np.random.default_rng(2)
    for text in all_texts:
        content = np.array(text.shares) >= 0.5
        stays = np.flatnonzero(content | (rng.random(len(content)) >= THINNED))
        if LEAST <= len(stays) < len(content) and content.sum() > 2:
            kept = [text.lines[k] for k in stays], [text.shares[k] for k in stays]
            yield Text(text.fold, "thinned", *kept)


def picked(all_texts: Sequence[Text]):
    """Give of each text the places of the lines that are shown, and which of these are noise."""
    rng = np.random.default_rng(1)
    for text in all_texts:
        places = np.flatnonzero(candidates(measures(text.lines), text.lines))
        if len(places) > CAP:
            places = np.sort(rng.choice(places, CAP, replace=False))
        yield places, np.array(text.shares)[places] < 0.5


def fit(rows, noise, sizes) -> Trees:
    """Give the mean of what two seeds grow: each tree sees three columns of ten, and which they are is chance."""
    return averaged([grown(rows, noise, sizes, seed) for seed in (1, 2)])


def grown(rows, noise, sizes, seed: int) -> Trees:
    cat = catboost.CatBoostClassifier(
        loss_function="Logloss", thread_count=2, random_seed=seed, verbose=0, border_count=32, boosting_type="Plain",
        bootstrap_type="No", score_function="L2", allow_writing_files=False, **SETTINGS,
    )  # fmt: skip
    cat.fit(rows, noise, sample_weight=np.where(noise, 1.0, np.minimum(sizes, CUT) / UNIT))
    with TemporaryDirectory() as folder:
        path = Path(folder, "trees.json")
        cat.save_model(str(path), format="json")
        trees = exported(json.loads(path.read_text()))
    told = cat.predict(rows[:200], prediction_type="RawFormulaVal")
    assert np.allclose(trees(np.asarray(rows[:200], np.float32))[:, 0], told, atol=1e-3)
    return trees


def threshold(scores, noise, sizes, total: float, lost: float) -> float:
    order = np.argsort(-scores, kind="stable")
    parts = np.cumsum(np.where(noise, 0, sizes)[order]) / total
    n = int(np.searchsorted(parts, lost, side="right"))
    return float(scores[order][min(n, len(order) - 1)])


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("data", type=Path)
    ap.add_argument("--cache", type=Path, required=True)
    ap.add_argument("-o", "--out", type=Path, required=True)
    a = ap.parse_args()
    a.cache.mkdir(parents=True, exist_ok=True)
    held = a.cache / "texts.pkl"
    if not held.exists():
        held.write_bytes(pickle.dumps([tuple(text) for text in texts(a.data)]))
    made = [Text(*text) for text in pickle.loads(held.read_bytes())]
    made += list(thinned(made))
    shown = list(picked(made))
    folds = np.array([text.fold for text in made])
    found = [measures(text.lines) for text in made]
    columns = found[0].columns
    counts = [len(places) for places, _ in shown]
    rows = np.concatenate([m.rows[places] for m, (places, _) in zip(found, shown, strict=True)])
    noise = np.concatenate([n for _, n in shown])
    sizes = np.concatenate([[len(t.lines[k]) for k in p] for t, (p, _) in zip(made, shown, strict=True)])
    of = np.repeat(folds, counts)
    judging = [text.kind not in ("page", "thinned") and text.fold in CHECKED for text in made]
    judged = np.repeat(judging, counts)
    print(f"{len(rows):,} lines of {len(made):,} texts, {noise.mean():.3f} noise", flush=True)
    scores = np.zeros(len(rows))
    for k in CHECKED:
        scores[of == k] = fit(rows[of != k], noise[of != k], sizes[of != k])(rows[of == k])[:, 0]
    scores -= np.log(np.maximum(sizes, 5))
    # What is shown of a text stands for all its candidates; its other lines are content that is never asked for.
    weight = np.concatenate([
        np.full(len(p), candidates(m, t.lines).sum() / max(1, len(p)))
        for m, t, (p, _) in zip(found, made, shown, strict=True)
    ])[judged]  # fmt: skip
    judges = (t for t, judge in zip(made, judging, strict=True) if judge)
    total = sum(len(x) for t in judges for x, share in zip(t.lines, t.shares, strict=True) if share >= 0.5)
    s, n, c = scores[judged], noise[judged], sizes[judged] * weight
    for lost in GRID:
        at = threshold(s, n, c, total, lost)
        part = (weight * n)[s >= at].sum() / (weight * n).sum()
        print(f"{100 * lost:5.2f} % of the content's characters: score {at:6.2f}, {part:.3f} of the noise asked for")
    trees = fit(rows, noise, sizes)
    least = threshold(s, n, c, total, LOST)
    save(Model(columns, trees, least), a.out)
    print(f"{a.out}: {a.out.stat().st_size:,} bytes; from score {least:.2f}")


if __name__ == "__main__":
    main()
