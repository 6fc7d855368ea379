"""Deduplicate one JSONL file in whole processes, with cleaner, datatrove and text-dedup: CPU seconds of each.

Run by ``duplicates.py peers``.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

DATATROVE = """
import sys, time, resource
from datatrove.data import Document
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
source, work = sys.argv[1:]
config = MinhashConfig(n_grams=5, num_buckets=18, hashes_per_bucket=7)
read = lambda: JsonlReader(source)
for steps in (
    [read(), MinhashDedupSignature(output_folder=work + "/s", config=config)],
    [MinhashDedupBuckets(input_folder=work + "/s", output_folder=work + "/b", config=config)],
    [MinhashDedupCluster(input_folder=work + "/b", output_folder=work + "/c", config=config)],
    [read(), MinhashDedupFilter(input_folder=work + "/c"), JsonlWriter(work + "/o")],
):
    tasks = 18 if type(steps[0]).__name__ == "MinhashDedupBuckets" else 1
    logs = work + "/log" + type(steps[-1]).__name__
    LocalPipelineExecutor(steps, tasks=tasks, workers=1, logging_dir=logs).run()
"""

OURS = """
import json, sys
from pathlib import Path
from cleaner.study.clusters import table
from cleaner.study.signatures import sign
records = [json.loads(line) for line in (Path(sys.argv[1]) / "a.jsonl").open(encoding="utf-8")]
found = table([r["id"] for r in records], sign([r["text"] for r in records]))
lost = {r["id"] for r in found.to_pylist() if not r["keep"]}
with (Path(sys.argv[2]) / "kept.jsonl").open("w", encoding="utf-8") as out:
    out.writelines(json.dumps(r) + "\\n" for r in records if r["id"] not in lost)
"""


TEXT_DEDUP = """
import runpy, sys
source, work = sys.argv[1:]
sys.argv = ["minhash", "--path", "json", "--data_files", source + "/a.jsonl", "--split", "train", "--column", "text"]
sys.argv += ["--cache_dir", work + "/cache", "--output", work + "/o", "--ngram", "5", "--num_perm", "128"]
sys.argv += ["--b", "18", "--r", "7", "--num_proc", "1", "--hash_func", "xxh3", "--threshold", "0.8"]
runpy.run_module("text_dedup.minhash", run_name="__main__")
"""


def peers(pages: Sequence[Sequence[str]], datatrove: str, text_dedup: str) -> None:
    """Deduplicate pages, each a list of paragraphs: imports, reading and writing included."""
    with tempfile.TemporaryDirectory() as folder:
        (source := Path(folder) / "in").mkdir()
        with (source / "a.jsonl").open("w", encoding="utf-8") as out:
            out.writelines(json.dumps({"id": str(n), "text": "\n".join(p)}) + "\n" for n, p in enumerate(pages))
        size = sum(len("\n".join(p).encode()) for p in pages) / 1e6
        print(f"{len(pages)} documents, {size:.1f} MB")
        programs = (
            ("cleaner", sys.executable, OURS),
            ("datatrove", datatrove, DATATROVE),
            ("text-dedup", text_dedup, TEXT_DEDUP),
        )
        for name, python, code in programs:
            (work := Path(folder) / name).mkdir()
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            command = [python, "-c", code, str(source), str(work)]
            try:
                run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=work)
            except FileNotFoundError as e:
                print(f"{name:10} not measured: {e}")
                continue
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            if run.returncode:
                print(f"{name:10} not measured: {run.stderr.strip().splitlines()[-1]}")
                continue
            seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            print(f"{name:10} {seconds:6.1f} CPU s, {size / seconds:6.2f} MB/s", flush=True)
