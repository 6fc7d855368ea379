"""Measure near-duplicates: are planted copies found, does the cleaner one stay, what does it cost.

    python bench/duplicates.py planted               300 near-duplicates, and copies edited beyond, in 3,000 pages
    python bench/duplicates.py scale -o scale.png    1,000 to 1,000,000 documents, and 100,000 equal ones; time and peak
    python bench/duplicates.py plan --words 2000     100,000 documents of that length through the plan of a run
    python bench/duplicates.py speed                 MB/s of signatures on one core, with numba and without
    python bench/duplicates.py peers                 CPU seconds beside datatrove and text-dedup, where installed

All texts are made here, from a seed: sentences of invented words with the frequencies of a language (Zipf). CPU
seconds are counted unless it says wall time.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from itertools import accumulate, pairwise
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from duplicate_peers import peers

from cleaner.settings import Duplicates
from cleaner.study import signatures
from cleaner.study.clusters import THRESHOLD, clusters, table
from cleaner.study.copies import DOCUMENTS, duplicates
from cleaner.study.signatures import Signed, jaccard, shingles, sign

SYLLABLES = [a + b for a in "b c d f g l m n p r s t v tr pl".split() for b in "a e i o u ai on é eu".split()]
CHROME = ["Partager", "Tweeter", "Imprimer", "Nous suivre", "Recevoir la lettre", "Tous droits gardés", "Plan du site"]


class Language:
    """Pages of invented words, all from one seed."""

    def __init__(self, seed: int, words: int = 20_000) -> None:
        self.random = Random(seed)
        self.words = ["".join(self.random.choices(SYLLABLES, k=self.random.randint(1, 4))) for _ in range(words)]
        self.weights = list(accumulate(1 / (n + 3) for n in range(words)))

    def sentence(self) -> str:
        found = self.random.choices(self.words, cum_weights=self.weights, k=self.random.randint(6, 24))
        return " ".join(found).capitalize() + "."

    def page(self, least: int = 8, most: int = 60) -> list[str]:
        return [self.sentence() for _ in range(self.random.randint(least, most))]

    def edited(self, page: list[str], strength: float) -> list[str]:
        """Substitute, delete and double words, and swap sentences, each at this share."""
        found = []
        for sentence in page:
            words: list[str] = []
            for word in sentence.split():
                chance = self.random.random() / strength
                if chance > 1:
                    words.append(word)
                elif chance > 0.5:
                    words.append(self.random.choice(self.words))
                elif chance > 0.25:
                    words += word, word
            found.append(" ".join(words))
        for _ in range(round(len(found) * strength)):
            n = self.random.randrange(len(found) - 1)
            found[n], found[n + 1] = found[n + 1], found[n]
        return found

    def cut(self, page: list[str], count: int) -> list[str]:
        """Leave out so many sentences, one after the other."""
        start = self.random.randrange(len(page) - count)
        return page[:start] + page[start + count :]


EDITS: dict[str, Callable[[Language, list[str]], list[str]]] = {
    "0.5 % of words": lambda language, page: language.edited(page, 0.005),
    "1 % of words": lambda language, page: language.edited(page, 0.01),
    "2 % of words": lambda language, page: language.edited(page, 0.02),
    "3 % of words": lambda language, page: language.edited(page, 0.03),
    "5 % of words": lambda language, page: language.edited(page, 0.05),
    "a sentence dropped": lambda language, page: language.cut(page, 1),
    "a paragraph cut": lambda language, page: language.cut(page, language.random.randint(2, 5)),
    "a paragraph added": lambda language, page: [*page, *language.page(2, 4)],
}
"""What editors do to a copy, from next to nothing to what makes it another text."""


def planted(count: int = 3_000, copies: int = 300, threshold: float = THRESHOLD) -> None:
    """Plant edited copies until so many are near-duplicates by their true Jaccard; the others must not be found."""
    language = Language(1)
    pages = [language.page() for _ in range(count)]
    texts = {f"page/{n:05}": "\n".join(page) for n, page in enumerate(pages)}
    removed = dict.fromkeys(texts, 5)
    made: dict[str, tuple[str, str]] = {}
    true: dict[str, float] = {}
    while sum(share >= threshold for share in true.values()) < copies:
        n = len(made)
        kind, source = list(EDITS)[n % len(EDITS)], n * 5 % count
        copy = EDITS[kind](language, pages[source])
        # Half of the copies are dirtier than their page, by id before and after it alike: more was stripped of them,
        # and a line of chrome was left.
        id = f"{'copy' if n % 4 < 2 else 'repl'}/{n:05}"
        removed[id] = 400 if n % 2 else 0
        texts[id] = "\n".join([language.random.choice(CHROME), *copy] if n % 2 else copy)
        made[id] = (f"page/{source:05}", kind)
        true[id] = jaccard(shingles(texts[id]), shingles(texts[made[id][0]]))
    names = list(texts)
    Random(2).shuffle(names)
    start = time.process_time()
    signed = sign([texts[id] for id in names])
    found = table(
        names,
        signed,
        removed=[removed[id] for id in names],
        chars=[len(texts[id]) for id in names],
        threshold=threshold,
    ).to_pylist()
    seconds = time.process_time() - start
    group = {row["id"]: row["cluster"] for row in found}
    keep = {row["id"] for row in found if row["keep"]}
    hit = {id for id, (page, _) in made.items() if id in group and group[id] == group.get(page)}
    wanted = {id for id, share in true.items() if share >= threshold}
    print(f"{len(texts)} documents, {len(made)} of them edited copies, threshold {threshold}, {seconds:.2f} CPU s")
    print(f"  near-duplicates by true Jaccard: {len(wanted & hit)} of {len(wanted)} found")
    print(f"  copies edited beyond that: {len(hit - wanted)} of {len(made) - len(wanted)} called copies")
    for kind in EDITS:
        ids = [id for id in made if made[id][1] == kind]
        shares = sorted(true[id] for id in ids)
        among = f"true Jaccard {shares[0]:.2f} to {shares[-1]:.2f}, median {shares[len(shares) // 2]:.2f}"
        print(f"  {kind:22} {sum(id in hit for id in ids):3} of {len(ids):3} found; {among}")
    edges = [0.0, 0.6, threshold, *(edge for edge in (0.75, 0.8, 0.9) if edge > threshold), 1.01]
    for low, high in pairwise(edges):
        ids = [id for id in made if low <= true[id] < high]
        print(f"  true Jaccard {low:.2f} to {min(high, 1):.2f}: {sum(id in hit for id in ids):3} of {len(ids):3} found")
    for id in sorted(wanted - hit):
        print(f"  missed: {id}, {made[id][1]}, true Jaccard {true[id]:.3f}")
    pairs = [(row["id"], row["twin"]) for row in found if row["twin"]]
    shares = [jaccard(shingles(texts[a]), shingles(texts[b])) for a, b in pairs]
    under = sum(share < 0.6 for share in shares)
    print(f"  {len(pairs)} called a copy; true Jaccard to the twin {min(shares):.3f} at least, {under} under .6")
    dirty = [id for id in hit if removed[id] == 400]
    clean = [id for id in hit if removed[id] == 0]
    wrong = sum(id in keep for id in dirty), sum(id not in keep for id in clean)
    print(
        f"  the dirtier stays: {wrong[0]} of {len(dirty)} dirtier copies, {wrong[1]} of {len(clean)} dirtier originals"
    )


def synthetic(count: int, seed: int = 5, copies: float = 0.2) -> Signed:
    """Signatures of small texts of which a fifth are edited copies of others, made a chunk at a time."""
    language = Language(seed, 5_000)
    minhash, exact = np.empty((count, 128), np.uint32), np.empty((count, 2), np.uint64)
    sketches: list[bytes] = []
    for start in range(0, count, 20_000):
        stop = min(start + 20_000, count)
        pages: list[list[str]] = []
        for _ in range(start, stop):
            if pages and language.random.random() < copies:
                pages.append(language.edited(pages[language.random.randrange(len(pages))], 0.01))
            else:
                pages.append(language.page(2, 3))
        exact[start:stop], minhash[start:stop], more = sign(["\n".join(p) for p in pages])
        sketches += more
    return Signed(exact, minhash, sketches)


def one(count: int, equal: bool) -> None:
    """Cluster in a process of its own and print: count, seconds, MB of signatures, MB over them at the peak, rows."""
    signed = sign(["Une seule et même page, cent mille fois la même."] * count) if equal else synthetic(count)
    size = (signed.minhash.nbytes + signed.exact.nbytes) / 1e6
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    start = time.process_time()
    found = clusters(signed, np.arange(count))
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(count, seconds, size, before, peak, found.document.size)


def scale(plot: Path | None, sizes: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000)) -> None:
    rows = []
    for size, kind in [*((size, "mixed") for size in sizes), (100_000, "equal")]:
        run = subprocess.run(
            [sys.executable, __file__, "one", str(size), kind], capture_output=True, text=True, check=True
        )
        count, seconds, signed, before, peak, found = map(float, run.stdout.split())
        rows.append((count, seconds, peak))
        print(
            f"{int(count):9,} {kind} documents: {seconds:7.2f} s, {1e6 * seconds / count:6.1f} µs each; "
            f"peak {peak:6.0f} MB (before {before:.0f}, signatures {signed:.0f}); {int(found):,} in clusters",
            flush=True,
        )
    if plot:
        import matplotlib as mpl

        mpl.use("Agg")
        from matplotlib import pyplot as plt

        figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
        for axes, column, label in ((left, 1, "CPU seconds"), (right, 2, "peak memory, MB")):
            axes.loglog([r[0] for r in rows[:-1]], [r[column] for r in rows[:-1]], "o-", label="a fifth are copies")
            axes.loglog([rows[-1][0]], [rows[-1][column]], "s", label="all equal")
            axes.set(xlabel="documents", ylabel=label)
            axes.grid(alpha=0.3)
            axes.legend()
        figure.suptitle("From signatures to clusters, one core")
        figure.savefig(plot, dpi=120)
        print(plot)


def fragment(path: Path, count: int, words: int, seed: int = 5, copies: float = 0.2) -> None:
    """Sign texts of about so many words, a fifth of them copies of others with one word of a hundred changed."""
    language, dice = Language(seed), np.random.default_rng(seed)
    known, cumulated = np.array(language.words, object), np.array(language.weights)
    cumulated /= cumulated[-1]

    def drawn(size: int) -> npt.NDArray[np.int64]:
        return np.searchsorted(cumulated, dice.random(size))

    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, DOCUMENTS) as writer:
        texts: list[npt.NDArray[np.int64]] = []
        for start in range(0, count, 500):
            fresh = []
            for _ in range(min(500, count - start)):
                if texts and dice.random() < copies:
                    text = texts[dice.integers(len(texts))].copy()
                    changed = dice.integers(text.size, size=text.size // 100)
                    text[changed] = drawn(changed.size)
                else:
                    text = drawn(int(words * dice.uniform(0.8, 1.2)))
                fresh.append(text)
            texts = fresh
            signed = sign([" ".join(known[text]) for text in texts])
            columns = (
                [f"{start + n:09}" for n in range(len(texts))],
                [start // 500] * len(texts),
                [each.tobytes() for each in signed.exact],
                [each.tobytes() for each in signed.minhash],
                [text.size for text in texts],
                [0] * len(texts),
                [""] * len(texts),
                list(signed.sketches),
            )
            arrays = [pa.array(column, field.type) for column, field in zip(columns, DOCUMENTS, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema=DOCUMENTS))


def planned(folder: Path, memory_mb: int) -> None:
    """Compare what ``fragment`` signed, in a process of its own, and print: CPU seconds, MB at the peak, rows."""
    (folder / "spill").mkdir(exist_ok=True)
    found = duplicates([folder / "in.arrow"], None, Duplicates(), memory_mb, folder / "spill", folder / "out.parquet")
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1e3, found)


def plan(count: int, words: int, memory_mb: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        fragment(Path(folder, "in.arrow"), count, words)
        made = time.process_time() - start
        size = Path(folder, "in.arrow").stat().st_size / 1e6
        command = [sys.executable, __file__, "planned", folder, str(memory_mb)]
        told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    seconds, peak, found = map(float, told)
    print(
        f"{count:,} documents of about {words:,} words: {made:.0f} CPU s to invent and sign, {size:,.0f} MB; "
        f"{seconds:.1f} CPU s to compare, peak {peak:,.0f} MB (told {memory_mb}); {int(found):,} in clusters"
    )


def best(call: Callable[[], object], rounds: int = 5) -> float:
    seconds = []
    for _ in range(rounds):
        start = time.process_time()
        call()
        seconds.append(time.process_time() - start)
    return min(seconds)


def speed() -> None:
    language = Language(3)
    texts = ["\n".join(language.page(60, 70)) for _ in range(2_000)]
    size = sum(len(text.encode()) for text in texts) / 1e6
    start = time.perf_counter()
    signatures._compiled()
    sign(["Un mot."])
    first = time.perf_counter() - start
    print(f"first compiled call {first:.2f} s wall; {len(texts)} texts of {1e3 * size / len(texts):.1f} KB")
    if signatures._compiled():
        print(f"numba {size / best(lambda: sign(texts)):6.1f} MB/s")
    few = texts[:200]
    signatures._compiled = cache(lambda: None)
    print(f"numpy {size / 10 / best(lambda: sign(few), 3):6.1f} MB/s")


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = ap.add_subparsers(dest="command", required=True)
    commands.add_parser("planted").add_argument("--threshold", type=float, default=THRESHOLD)
    command = commands.add_parser("scale")
    command.add_argument("-o", "--plot", type=Path)
    command = commands.add_parser("plan")
    command.add_argument("--count", type=int, default=100_000)
    command.add_argument("--words", type=int, default=2_000)
    command.add_argument("--memory-mb", type=int, default=1024)
    command = commands.add_parser("planned")
    command.add_argument("folder", type=Path)
    command.add_argument("memory_mb", type=int)
    commands.add_parser("speed")
    command = commands.add_parser("peers")
    command.add_argument("--datatrove", default=sys.executable, help="a Python that has datatrove")
    command.add_argument("--text-dedup", default=sys.executable, help="a Python that has text-dedup")
    command = commands.add_parser("one")
    command.add_argument("count", type=int)
    command.add_argument("kind", choices=("mixed", "equal"))
    a = ap.parse_args()
    match a.command:
        case "planted":
            planted(threshold=a.threshold)
        case "scale":
            scale(a.plot)
        case "plan":
            plan(a.count, a.words, a.memory_mb)
        case "planned":
            planned(a.folder, a.memory_mb)
        case "speed":
            speed()
        case "peers":
            language = Language(4)
            pages = [language.page() for _ in range(1_000)]
            pages += [language.edited(pages[n * 3], 0.01) for n in range(200)]
            peers(pages, a.datatrove, a.text_dedup)
        case "one":
            one(a.count, a.kind == "equal")


if __name__ == "__main__":
    main()
