"""Print MB/s of every stage and of the whole text pipeline, on text in memory, on one core.

    python bench/speed.py                      the seeds, repeated
    python bench/speed.py FILE.parquet         a column of texts (--column, default: naive; a list of lines is joined)
    python bench/speed.py FOLDER               the text files of a folder

CPU seconds are counted, not wall time; the best of --rounds. A first round warms imports and compiled rules.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from cleaner.document import Document
from cleaner.pipeline import Pipeline
from cleaner.stages import LINE
from cleaner.stages.chrome import matcher_of

SEEDS = Path(__file__).parent.parent / "seeds"


def texts(source: Path, column: str, language: str = "") -> list[str]:
    """Give the texts of a folder, or of a column of a table; of one language where its ``language`` column says so."""
    if source.suffix == ".parquet":
        import pyarrow.parquet as pq

        wanted = [("language", "=", language)] if language else None
        rows = pq.read_table(source, columns=[column], filters=wanted)[column].to_pylist()
        return ["\n".join(row) if isinstance(row, list) else row for row in rows]
    paths = sorted(p for p in source.rglob("*") if p.is_file())
    found = [p.read_bytes().decode("utf-8", "replace") for p in paths]
    return found * (100 if source == SEEDS else 1)


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("source", type=Path, nargs="?", default=SEEDS)
    ap.add_argument("--column", default="naive")
    ap.add_argument("--language", default="", help="only the rows of a language")
    ap.add_argument("--rounds", type=int, default=3)
    a = ap.parse_args()
    documents = [Document(str(n), text) for n, text in enumerate(texts(a.source, a.column, a.language))]
    size = sum(len(d.raw.encode()) for d in documents) / 1e6
    print(f"{len(documents)} documents, {size:.2f} MB, {sum(d.raw.count(chr(10)) + 1 for d in documents):,} lines")
    names = [name for name in LINE if name != "extract"]
    best = dict.fromkeys([*names, "whole"], float("inf"))
    pipeline = Pipeline(names)
    met = matcher_of(pipeline.rules)._met.values()
    for _ in range(a.rounds + 1):
        for lookup in met:
            lookup._memo.clear()  # no line is remembered from the round before
        now = documents
        for stage in pipeline.stages:
            start = time.process_time()
            now = [d + stage.propose(d) for d in now]
            best[stage.name] = min(best[stage.name], time.process_time() - start)
        for lookup in met:
            lookup._memo.clear()
        start = time.process_time()
        done = [pipeline.clean(d) for d in documents]
        best["whole"] = min(best["whole"], time.process_time() - start)
    for name, seconds in best.items():
        print(f"{name:10} {size / seconds:8.2f} MB/s   {1e3 * seconds / len(documents):7.3f} ms a document")
    print(f"{sum(len(d.patches) for d in done)} patches, {sum(len(d.ledger) for d in done)} edits")


if __name__ == "__main__":
    main()
