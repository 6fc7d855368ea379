"""The command that compares a corpus: its files, its refusals, its words."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from cleaner.cli.dedup import dedup
from cleaner.dedup import KEPT_SCHEMA
from cleaner.study.index import load
from cleaner.write.parts import rows

WORDS = (
    "la ville ouvre un pont neuf et le marché reste fermé dit le maire aux gens venus voir les travaux du port".split()
)


def text(seed: int, more: str = "") -> str:
    random = Random(seed)
    return " ".join(f"{random.choice(WORDS)}{random.randrange(30)}" for _ in range(150)) + more


RECORDS: list[dict[str, Any]] = [
    {"id": "a", "text": text(1), "date": "2024-03-01", "url": "https://a.example/1"},
    {"id": "b", "text": text(1, " et un mot"), "date": "2024-05-01"},
    {"id": "c", "text": text(2)},
    {"id": "d", "text": text(1).upper(), "date": "2024-04-01"},
    {"id": "e", "text": "!!"},
    {"id": "f", "text": "!!"},
]


def run(*args: object, code: int = 0) -> Result:
    done = CliRunner().invoke(dedup, [*map(str, args)])
    assert done.exit_code == code, done.output
    return done


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in RECORDS), "utf-8")
    return path


def clusters(out: Path) -> dict[str, tuple[bool, str | None]]:
    found = pq.read_table(out / "clusters.parquet").to_pylist()
    return {
        row["id"].rpartition("#")[2]: (row["keep"], row["twin"] and row["twin"].rpartition("#")[2]) for row in found
    }


def kept(out: Path) -> list[str]:
    return [str(id).rpartition("#")[2] for (id,) in rows(out, "documents", KEPT_SCHEMA, ["id"])]


def test_copies_are_named_with_the_one_that_stays(corpus: Path, tmp_path: Path) -> None:
    done = run(corpus, "-o", tmp_path / "out")
    assert clusters(tmp_path / "out") == {"a": (False, "b"), "b": (True, None), "d": (False, "b")}
    assert done.output.startswith("6 documents: 2 are copies; see ")
    assert not (tmp_path / "out" / "documents").exists(), "nothing is dropped unasked"
    assert (tmp_path / "out" / "errors.jsonl").read_bytes() == b""
    last = json.loads((tmp_path / "out" / "dedup.json").read_bytes())
    assert last["finished"]
    assert last["scheme"] == "affine32-seed1-128/words5-fold1"
    assert last["counts"] == {"documents": 6, "clustered": 3, "copies": 2, "errors": 0}


@pytest.mark.parametrize(
    ("policy", "stays"), [("longest", "b"), ("newest", "b"), ("first", "a"), ("least-chrome", "b")]
)
def test_the_policy_says_which_stays(corpus: Path, tmp_path: Path, policy: str, stays: str) -> None:
    run(corpus, "-o", tmp_path / "out", "--keep-copy", policy)
    assert [id for id, (keep, _) in clusters(tmp_path / "out").items() if keep] == [stays]


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_what_stays_is_written_as_it_was(corpus: Path, tmp_path: Path, form: str) -> None:
    out = tmp_path / "out"
    done = run(corpus, "-o", out, "--drop", "duplicates", "--to", form)
    assert "4 written to" in done.output
    assert kept(out) == ["b", "c", "e", "f"]
    told = [*rows(out, "documents", KEPT_SCHEMA, KEPT_SCHEMA.names)]
    assert [row[3] for row in told] == [RECORDS[n]["text"] for n in (1, 2, 4, 5)]
    assert told[0][2] == "2024-05-01"
    run(corpus, "-o", out, "-q")  # anew, without: what was written goes
    assert not (out / "documents").exists()


def test_many_chunks_and_parts_keep_all_but_the_copies(tmp_path: Path) -> None:
    table = pa.table({"id": [f"{n:04}" for n in range(400)], "text": [text(n % 300) * 8 for n in range(400)]})
    pq.write_table(table, tmp_path / "in.parquet", row_group_size=50)
    done = run(tmp_path / "in.parquet", "-o", tmp_path / "out", "--drop", "duplicates", "--set", "output.shard_mb=1")
    assert "400 documents: 100 are copies, 300 written" in done.output
    assert kept(tmp_path / "out") == [f"{n:04}" for n in range(300)]
    assert len([*(tmp_path / "out" / "documents").iterdir()]) > 1


def test_threshold_and_shingle_decide(corpus: Path, tmp_path: Path) -> None:
    run(corpus, "-o", tmp_path / "out", "--threshold", "1")
    assert clusters(tmp_path / "out") == {"a": (True, None), "d": (False, "a")}
    run(corpus, "-o", tmp_path / "out", "--shingle", "3")
    assert json.loads((tmp_path / "out" / "dedup.json").read_bytes())["scheme"] == "affine32-seed1-128/words3-fold1"


def test_a_later_crawl_names_copies_of_an_earlier_one(corpus: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    run(corpus, "-o", tmp_path / "mai", "--against", index)
    (later := tmp_path / "later").mkdir()
    (later / "neu.txt").write_text(text(2), "utf-8")
    (later / "autre.txt").write_text(text(3), "utf-8")
    for _ in range(2):
        run(later, "-o", tmp_path / "out", "--against", index, "--crawl", "juin", "--drop", "duplicates")
        (found,) = pq.read_table(tmp_path / "out" / "clusters.parquet").to_pylist()
        assert (found["id"], found["keep"], found["twin"]) == ("neu.txt", False, "mai/corpus.jsonl#c")
        assert kept(tmp_path / "out") == ["autre.txt"]
    assert [(part.crawl, part.documents) for part in load(index).parts] == [("mai", 3), ("juin", 1)]


def test_what_cannot_be_read_is_told_and_the_rest_compared(corpus: Path, tmp_path: Path) -> None:
    with corpus.open("ab") as file:
        file.write(b'{"id": "torn", "te\n')
    done = run(corpus, "-o", tmp_path / "out", code=1)
    assert "1 documents failed" in done.output
    assert len(clusters(tmp_path / "out")) == 3
    (error,) = map(json.loads, (tmp_path / "out" / "errors.jsonl").read_text().splitlines())
    assert error["stage"] == "read"


def test_a_folder_that_is_not_ours_stays_as_it_is(corpus: Path, tmp_path: Path) -> None:
    (out := tmp_path / "out").mkdir()
    (out / "mine.txt").write_text("precious")
    assert "mine.txt, which 'dedup' did not write" in run(corpus, "-o", out, code=2).output
    (out / "mine.txt").unlink()
    (out / "documents").mkdir()
    (out / "documents" / "part-00000.parquet").write_text("precious")
    assert "documents, which 'dedup' did not write" in run(corpus, "-o", out, code=2).output
    assert (out / "documents" / "part-00000.parquet").read_text() == "precious"
    assert "choose a folder outside" in run(tmp_path, "-o", tmp_path / "new", code=2).output
    assert not (tmp_path / "new").exists()


def test_a_call_that_cannot_be_says_why(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert "no such file" in run(tmp_path / "none", "-o", out, code=2).output
    assert "duplicates.threshold" in run(corpus, "-o", out, "--threshold", "2", code=2).output
    run(corpus, "-o", out, "--against", tmp_path / "index")
    other = run(corpus, "-o", out, "--against", tmp_path / "index", "--shingle", "4", code=2).output
    assert "words5" in other
    assert "words4" in other
