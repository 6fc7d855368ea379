"""Show that the cost of matching does not grow with the number of rules.

    python bench/scale.py FILE.parquet      (--column naive, --times 10)

Every shipped rule is copied with other words: a phrase gets a number behind it, a pattern before it. The chrome
stage runs over the same texts with the shipped rules and with all copies added, in turn, several rounds. Printed are
CPU seconds for the first round (patterns compiled, automata grown) and the best of the later ones, as MB/s.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from speed import SEEDS, texts

from cleaner import rules
from cleaner.document import Document
from cleaner.rules import Rule, Rules
from cleaner.stages.chrome import Chrome
from cleaner.stages.language import Language


def copies(rule: Rule, times: int) -> Iterator[Rule]:
    for n in range(1, times):
        words = tuple(f"{word} {n}" for word in rule.words)
        match = f"(?:zq{n} )(?:{rule.match})" if rule.match else ""
        yield msgspec.structs.replace(rule, id=f"{rule.id}-{n}", words=words, match=match)


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("source", type=Path, nargs="?", default=SEEDS)
    ap.add_argument("--column", default="naive")
    ap.add_argument("--times", type=int, default=10)
    ap.add_argument("--rounds", type=int, default=4)
    a = ap.parse_args()
    language = Language()
    documents = [Document(str(n), text) for n, text in enumerate(texts(a.source, a.column))]
    documents = [d + language.propose(d) for d in documents]
    size = sum(len(d.raw.encode()) for d in documents) / 1e6
    one = rules.load(rules.shipped())
    # A shape costs what the shape costs: copies of rules without words of their own are left out.
    many = Rules([*one.all, *(c for rule in one.all if rule.words or rule.match for c in copies(rule, a.times))])
    stages = {len(one): Chrome(one), len(many): Chrome(many)}
    seconds: dict[int, list[float]] = {n: [] for n in stages}
    for _ in range(a.rounds):
        for n, stage in stages.items():
            for lookup in stage.matcher._met.values():
                lookup._memo.clear()  # or later rounds would only remember
            start = time.process_time()
            for d in documents:
                stage.propose(d)
            seconds[n].append(time.process_time() - start)
    for n, took in seconds.items():
        print(
            f"{n:6} rules: first round {took[0]:6.2f} s, later {min(took[1:]):6.2f} s, {size / min(took[1:]):6.2f} MB/s"
        )
    print(f"later rounds: {min(seconds[len(many)][1:]) / min(seconds[len(one)][1:]):.2f} times the time")


if __name__ == "__main__":
    main()
