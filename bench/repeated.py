"""Print how much of what pages repeat is found, and how much of the articles is lost, over thresholds and pages a site.

    python bench/repeated.py FILE.parquet                    the tables
    python bench/repeated.py FILE.parquet --plot curve.svg   and the curves

FILE has one row a page: site; naive (the visible text, a list of lines); labels (a letter a line: c content, x chrome,
any other: not judged). A crawl of N pages is N pages of a site in the order of the file; the crawls that a site gives
(eight at most) are averaged, then the sites. `any` is the plain filter, which asks nothing of neighbours.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from cleaner.document import Document
from cleaner.marks import Piece, history
from cleaner.pipeline import Pipeline
from cleaner.site_lines import SiteLines, line_keys
from cleaner.stages.repeated import Asked, Repeated

SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.7)
PAGES = (2, 3, 5, 10, 30, 0)  # 0: all of the site
CRAWLS = 8
DEFAULT = 0.3


class Page(NamedTuple):
    document: Document
    labels: Sequence[str]


class Score(NamedTuple):
    """Shares of chrome lines found and of content characters lost, 0 to 1."""

    found: float
    lost: float


Removed = Callable[[Sequence[Page]], Iterator[Sequence[bool]]]
"""Tells for each page of a crawl which lines of its raw text go."""


def read(source: Path) -> dict[str, list[Page]]:
    import pyarrow.parquet as pq

    sites: dict[str, list[Page]] = defaultdict(list)
    for n, row in enumerate(pq.read_table(source, columns=["site", "naive", "labels"]).to_pylist()):
        sites[row["site"]].append(Page(Document(f"{n:06}", "\n".join(row["naive"]), site=row["site"]), row["labels"]))
    return sites


def plain(asked: Asked) -> Removed:
    def removed(crawl: Sequence[Page]) -> Iterator[Sequence[bool]]:
        keys = [line_keys(page.document.raw) for page in crawl]
        counts = Counter(key for each in keys for key in set(each) if key)
        for each in keys:
            yield [counts[key] >= asked.of(len(crawl)) for key in each]

    return removed


def staged(asked: Asked) -> Removed:
    def removed(crawl: Sequence[Page]) -> Iterator[Sequence[bool]]:
        stage = Repeated(SiteLines.of(page.document for page in crawl).pruned().of_site, asked)
        for page in crawl:
            yield gone(page.document + stage.propose(page.document))

    return removed


def with_rules(asked: Asked) -> Removed:
    def removed(crawl: Sequence[Page]) -> Iterator[Sequence[bool]]:
        stage = Repeated(SiteLines.of(page.document for page in crawl).pruned().of_site, asked)
        pipeline = Pipeline(("encoding", stage, "language", "chrome", "joins"))
        for page in crawl:
            yield gone(pipeline.clean(page.document))

    return removed


def gone(document: Document) -> list[bool]:
    """Tell for each raw line whether less than half of its characters stay."""
    lines: list[bool] = []
    kept = lost = 0
    for piece in (*history(document), Piece("=", "\n")):
        for n, part in enumerate(piece.text.split("\n") if piece.kind != "+" else ()):
            if n:
                lines.append(lost > kept)
                kept = lost = 0
            kept, lost = (kept + len(part), lost) if piece.kind == "=" else (kept, lost + len(part))
    return lines


def score(crawl: Sequence[Page], removed: Removed) -> Score:
    chrome = found = characters = lost = 0
    for page, gone_lines in zip(crawl, removed(crawl), strict=True):
        for line, label, is_gone in zip(page.document.raw.split("\n"), page.labels, gone_lines, strict=True):
            chrome, found = chrome + (label == "x"), found + (label == "x" and is_gone)
            if label == "c":
                characters, lost = characters + len(line), lost + len(line) * is_gone
    return Score(found / max(chrome, 1), lost / max(characters, 1))


def mean(scores: Iterable[Score]) -> Score:
    found, lost = zip(*scores, strict=True)
    return Score(sum(found) / len(found), sum(lost) / len(lost))


def crawls(pages: Sequence[Page], size: int) -> list[Sequence[Page]]:
    size = size or len(pages)
    return [pages[n : n + size] for n in range(0, len(pages) - size + 1, size)][:CRAWLS]


def over_sites(sites: dict[str, list[Page]], size: int, removed: Removed) -> list[Score]:
    return [mean(score(c, removed) for c in crawls(pages, size)) for pages in sites.values() if len(pages) >= size]


def told(scores: Sequence[Score]) -> str:
    both = mean(scores)
    return f"{both.found:7.1%} {both.lost:8.3%} {max(s.lost for s in scores):8.3%}"


def tables(sites: dict[str, list[Page]]) -> dict[int, list[Score]]:
    print(f"{'pages':>5} {'share':>5}   {'any':>7} {'lost':>8} {'worst':>8}   {'beside':>7} {'lost':>8} {'worst':>8}")
    curves: dict[int, list[Score]] = {}
    for size in PAGES:
        for share in SHARES:
            asked = Asked(share, max(share, Asked().few_share))
            if size and size < asked.many and share < asked.few_share:
                continue  # few pages ask for half of them
            beside = over_sites(sites, size, staged(asked))
            curves.setdefault(size, []).append(mean(beside))
            print(f"{size or 'all':>5} {share:5.0%}   {told(over_sites(sites, size, plain(asked)))}   {told(beside)}")
    print(f"\n{'site':20} {'beside':>7} {'lost':>8}   {'with rules':>10} {'lost':>8}")
    both = []
    for site, pages in sites.items():
        alone, ruled = score(pages, staged(Asked(DEFAULT))), score(pages, with_rules(Asked(DEFAULT)))
        both.append((alone, ruled))
        print(f"{site:20} {alone.found:7.1%} {alone.lost:8.3%}   {ruled.found:10.1%} {ruled.lost:8.3%}")
    alone, ruled = (mean(side) for side in zip(*both, strict=True))
    print(f"{'mean':20} {alone.found:7.1%} {alone.lost:8.3%}   {ruled.found:10.1%} {ruled.lost:8.3%}")
    return curves


def plot(curves: dict[int, list[Score]], sites: dict[str, list[Page]], out: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "cleaner"  # the same curves, the same bytes
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    filters = [mean(over_sites(sites, 0, plain(Asked(share)))) for share in SHARES]
    axes.plot(
        [100 * s.lost for s in filters],
        [100 * s.found for s in filters],
        "x--",
        color="0.5",
        label="all pages, plain filter",
    )
    shades = plt.colormaps["viridis"]
    shown = {size: scores for size, scores in curves.items() if any(s.found for s in scores)}
    for n, (size, scores) in enumerate(shown.items()):
        axes.plot(
            [100 * s.lost for s in scores],
            [100 * s.found for s in scores],
            "o-",
            color=shades(0.9 - 0.9 * n / len(shown)),
            label=f"{size or 'all'} pages a site",
        )
    axes.set_xscale("symlog", linthresh=0.01)
    axes.set_xlim(left=-0.001)
    axes.set_xlabel("content characters lost, %")
    axes.set_ylabel("chrome lines found, %")
    axes.set_title(f"Repeated lines of {len(sites)} sites, from {SHARES[0]:.0%} to {SHARES[-1]:.0%} of the pages")
    axes.grid(alpha=0.3)
    axes.legend(loc="best")
    figure.savefig(out, metadata={"Date": None} if out.suffix == ".svg" else None, dpi=120)


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("source", type=Path)
    ap.add_argument("--plot", type=Path, metavar="FILE", help="where to write the curves: .svg, .png or .pdf")
    a = ap.parse_args()
    sites = read(a.source)
    curves = tables(sites)
    if a.plot:
        plot(curves, sites, a.plot)


if __name__ == "__main__":
    main()
