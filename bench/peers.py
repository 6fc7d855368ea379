"""Print CPU MB/s of cleaner's text pipeline and of what else one might run on the same texts, on one core.

    python bench/peers.py [FILE.parquet | FOLDER]      as bench/speed.py takes them; without one, the seeds, repeated

cleaner    encoding, language, chrome, joins: text in, clean text and ledger out; nothing remembered between rounds
datatrove  C4QualityFilter, GopherQualityFilter and FineWebQualityFilter, one after the other, each on every document;
           words and sentences by its WhitespaceTokenizer (spaCy's blank pipeline): others want a download
plain      ftfy.fix_text, one `re` alternation of all phrases asked about every line, langdetect on the whole text

They do not do the same: datatrove's filters judge documents and drop lines, and none of the others keeps a ledger.
A peer that is not installed is told and left out (`pip install datatrove spacy ftfy langdetect`). Nothing is fetched.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from speed import SEEDS, texts

from cleaner.document import Document
from cleaner.fold import fold
from cleaner.pipeline import Pipeline, loaded
from cleaner.stages import LINE

Run = Callable[[Sequence[str]], object]


def cleaner() -> Run:
    loaded()

    def run(found: Sequence[str]) -> object:
        # A new one each round: no line is remembered from the round before.
        pipeline = Pipeline([name for name in LINE if name != "extract"])
        return [pipeline.clean(Document(str(n), text)).ledger for n, text in enumerate(found)]

    return run


def datatrove() -> Run:
    from datatrove.data import Document as Page
    from datatrove.pipeline.filters import C4QualityFilter, FineWebQualityFilter, GopherQualityFilter
    from datatrove.utils.word_tokenizers import WhitespaceTokenizer

    words = WhitespaceTokenizer()
    filters = [made(language=words) for made in (C4QualityFilter, GopherQualityFilter, FineWebQualityFilter)]

    def run(found: Sequence[str]) -> object:
        return [one.filter(Page(text=text, id=str(n))) for n, text in enumerate(found) for one in filters]

    return run


def plain() -> Run:
    import ftfy
    import langdetect

    langdetect.DetectorFactory.seed = 0
    phrases = sorted({fold(word) for rule in loaded().all for word in rule.words if rule.find != "inline"}, key=len)
    known = re.compile("|".join(map(re.escape, reversed(phrases))))

    def one(text: str) -> tuple[str, str]:
        fixed = ftfy.fix_text(text)
        stays = "\n".join(line for line in fixed.split("\n") if not known.fullmatch(fold(line)))
        try:
            return stays, langdetect.detect(stays)
        except langdetect.LangDetectException:
            return stays, "und"

    return lambda found: [one(text) for text in found]


def seconds(run: Run, found: Sequence[str], rounds: int) -> float:
    """Give the best CPU time of some rounds, after one over ten texts that loads what is loaded once."""
    run(found[:10])
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        run(found)
        best = min(best, time.process_time() - start)
    return best


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("source", type=Path, nargs="?", default=SEEDS)
    ap.add_argument("--column", default="naive")
    ap.add_argument("--rounds", type=int, default=3)
    a = ap.parse_args()
    found = texts(a.source, a.column)
    size = sum(len(text.encode()) for text in found) / 1e6
    print(f"{len(found)} documents, {size:.2f} MB")
    for peer, rounds in ((cleaner, a.rounds), (datatrove, a.rounds), (plain, 1)):  # the plain one takes minutes
        try:
            took = seconds(peer(), found, rounds)
        except ImportError as error:
            print(f"{peer.__name__:10} left out: {error}")
        else:
            print(f"{peer.__name__:10} {size / took:8.3f} MB/s")


if __name__ == "__main__":
    main()
