"""Score extractors on pages with gold text, beside each other, with the CPU each takes.

    python bench/extract.py PAGES.parquet [--opaque] [--every N] [-x fast,best,trafilatura,resiliparse]

Columns: html (bytes), main_content or gold (text), page_type or site (groups of the table). Word-F1 as WCXB defines it;
with sites, the mean of the sites. ``--opaque`` hashes class names and turns sectioning elements into ``div`` first.
``fast`` is the shipped model alone, ``best`` the model that may ask trafilatura. The shipped model was trained on
WCXB's development pages: on those, ``train_blocks.py`` prints the honest, cross-validated figures, and this the CPU.
"""

from __future__ import annotations

import argparse
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pages as bench
import pyarrow.parquet as pq

from cleaner.blocks.model import SHIPPED, content, judge, load
from cleaner.blocks.tree import tree
from cleaner.read.files import document
from cleaner.read.outline import outline

WORD = re.compile(r"\w+")


def fast(html: str, model: Path) -> str:
    page = tree(html)
    made = judge(page, load(model))
    return "\n".join(text for text, line in zip(page.texts, page.lines(), strict=True) if made.keep[line])


def best(html: str, model: Path) -> str:
    page = tree(html)
    made = judge(page, load(model), lambda: bench.trafilatura_shares(html, bench.lines(page)))
    return "\n".join(text for text, line in zip(page.texts, page.lines(), strict=True) if made.keep[line])


def trafilatura(html: str) -> str:
    import trafilatura

    return trafilatura.extract(html, include_comments=False) or ""


def resiliparse(html: str) -> str:
    from resiliparse.extract.html2text import extract_plain_text

    return str(extract_plain_text(html, main_content=True, alt_texts=False, comments=False))


def f1(text: str, gold: str) -> float:
    found, wanted = Counter(WORD.findall(text.lower())), Counter(WORD.findall(gold.lower()))
    size = found.total() + wanted.total()
    return 2 * (found & wanted).total() / size if size else 1.0


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("data", type=Path)
    ap.add_argument("-x", "--extractors", default="fast,best,trafilatura,resiliparse")
    ap.add_argument("--model", type=Path, default=SHIPPED)
    ap.add_argument("--every", type=int, default=1)
    ap.add_argument("--opaque", action="store_true")
    a = ap.parse_args()
    known: dict[str, Callable[[str], str]] = {
        "fast": partial(fast, model=a.model), "best": partial(best, model=a.model),
        "trafilatura": trafilatura, "resiliparse": resiliparse,
    }  # fmt: skip
    chosen = {name: known[name] for name in a.extractors.split(",")}
    content("<p>warm", model=a.model)
    for run in chosen.values():
        run("<html><body><article><p>" + "A warm-up sentence, with a comma. " * 20 + "</p></article></body></html>")
    spent: Counter[str] = Counter()
    scores: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in chosen}
    rows = pq.read_table(a.data).to_pylist()[:: a.every]
    for row in rows:
        html = document(row["html"]).html or ""
        html = bench.opaque(html) if a.opaque and html else html
        gold = row.get("main_content", row.get("gold")) or ""
        group = str(row.get("site", row.get("page_type")))
        for name, run in chosen.items():
            outline.cache_clear()  # reading the page has parsed it: each extractor pays for its own
            start = time.process_time()
            try:
                text = run(html)
            except Exception:
                text = ""
            spent[name] += time.process_time() - start  # type: ignore[assignment]
            scores[name][group].append(f1(text, gold))
    sites = "site" in rows[0]
    for name, by in scores.items():
        means = {group: sum(v) / len(v) for group, v in by.items()}
        every = [v for values in by.values() for v in values]
        mean = sum(means.values()) / len(means) if sites else sum(every) / len(every)
        cells = "  ".join(f"{group} {value:.3f}" for group, value in sorted(means.items()))
        share = f"  {spent[name] / spent['trafilatura']:.2f} of trafilatura" if "trafilatura" in spent else ""
        print(f"{name:12} {mean:.4f}  {1e3 * spent[name] / len(rows):6.1f} ms a page{share}  {cells}")


if __name__ == "__main__":
    main()
