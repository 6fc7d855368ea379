"""Measure the near-duplicate plan on the engine of one machine: seconds and peak memory, from fragments to clusters.

    python bench/relations.py                     1,000 to 1,000,000 documents, and 100,000 equal ones
    python bench/relations.py --memory 512 --sizes 1000000 -o relations.png

Documents are those of ``bench/duplicates.py scale``: signatures of small invented texts, a fifth of them edited
copies. Each size runs in a process of its own; what is counted is that process, whole.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from duplicates import synthetic

from cleaner.settings import Duplicates
from cleaner.study.copies import duplicates
from cleaner.study.signatures import Signed, sign

_FRAGMENT = 10_000


def fragments(folder: Path, signed: Signed) -> None:
    """Write documents as a run does: Arrow files, ids in an order that is not theirs."""
    count = len(signed.minhash)
    order = np.random.default_rng(1).permutation(count)
    for n, start in enumerate(range(0, count, _FRAGMENT)):
        rows = order[start : start + _FRAGMENT]
        table = pa.table(
            {
                "id": [f"crawl/2024-05/site-{row % 977:03}/page-{row:07}.html" for row in rows.tolist()],
                "chunk": pa.array(np.full(rows.size, n), pa.int32()),
                "exact": pa.array([each.tobytes() for each in signed.exact[rows]], pa.binary(16)),
                "minhash": pa.array([each.tobytes() for each in signed.minhash[rows]], pa.binary(512)),
                "chars": pa.array(rows % 89 + 100, pa.int64()),
                "removed": pa.array(rows % 7, pa.int64()),
                "date": [""] * rows.size,
                "sketch": pa.array([signed.sketches[row] for row in rows.tolist()], pa.binary()),
            }
        )
        with pa.OSFile(str(folder / f"{n:06}.arrow"), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)


def make(folder: Path, count: int, kind: str) -> None:
    equal = kind == "equal"
    signed = sign(["Une seule et même page, cent mille fois la même."] * count) if equal else synthetic(count)
    fragments(folder, signed)


def one(folder: Path, memory: int) -> None:
    """Run the plan in this process and print wall seconds, CPU seconds, MB at the peak, rows."""
    paths = sorted(folder.glob("*.arrow"))
    wall, cpu = time.perf_counter(), time.process_time()
    rows = duplicates(paths, None, Duplicates(), memory, folder / "temp", folder / "clusters.parquet")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(time.perf_counter() - wall, time.process_time() - cpu, peak, rows)


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--sizes", type=int, nargs="*", default=[1_000, 10_000, 100_000, 1_000_000])
    ap.add_argument("--equal", type=int, default=100_000, help="0: none")
    ap.add_argument("--memory", type=int, default=1024, help="megabytes, as run.memory_mb")
    ap.add_argument("-o", "--plot", type=Path)
    ap.add_argument("--one", nargs=2, metavar=("STEP", "FOLDER"), help=argparse.SUPPRESS)
    ap.add_argument("--kind", default="mixed", help=argparse.SUPPRESS)
    a = ap.parse_args()
    if a.one:
        step, folder = a.one[0], Path(a.one[1])
        if step == "make":
            make(folder, a.sizes[0], a.kind)
        else:
            one(folder, a.memory)
        return
    rows = []
    for size, kind in [*((size, "mixed") for size in a.sizes), *([(a.equal, "equal")] if a.equal else [])]:
        with tempfile.TemporaryDirectory() as folder:
            call = [sys.executable, __file__, "--sizes", str(size), "--kind", kind, "--memory", str(a.memory), "--one"]
            subprocess.run([*call, "make", folder], check=True)
            run = subprocess.run([*call, "run", folder], check=True, capture_output=True, text=True)
        wall, cpu, peak, found = map(float, run.stdout.split())
        rows.append((size, cpu, peak))
        print(
            f"{size:9,} {kind} documents: {wall:6.1f} s, {cpu:6.1f} CPU s, {1e6 * cpu / size:6.1f} µs each; "
            f"peak {peak:5.0f} MB; {int(found):,} in clusters",
            flush=True,
        )
    if a.plot:
        import matplotlib as mpl

        mpl.use("Agg")
        from matplotlib import pyplot as plt

        figure, both = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
        mixed, equal = rows[: len(a.sizes)], rows[len(a.sizes) :]
        for axes, column, label in ((both[0], 1, "CPU seconds"), (both[1], 2, "peak memory, MB")):
            axes.loglog([row[0] for row in mixed], [row[column] for row in mixed], "o-", label="a fifth are copies")
            axes.loglog([row[0] for row in equal], [row[column] for row in equal], "s", label="all equal")
            axes.set(xlabel="documents", ylabel=label)
            axes.grid(alpha=0.3)
            axes.legend()
        figure.suptitle("From fragments to clusters, on disk where memory ends")
        figure.savefig(a.plot, dpi=120)
        print(a.plot)


if __name__ == "__main__":
    main()
