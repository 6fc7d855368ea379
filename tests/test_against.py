"""A crawl that is compared with earlier ones: their copies are named, and it is remembered, once, when it is done."""

from __future__ import annotations

import json
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from crawls import rows
from nursery import Nursery
from runs import files
from test_seam import text

from cleaner.study.index import load

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks and signals")


def crawl(path: Path, **texts: str) -> Path:
    records = (json.dumps({"id": id, "text": each}) + "\n" for id, each in texts.items())
    path.write_text("".join(records), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    made = Nursery(tmp_path_factory.mktemp("against"))
    crawl(made.folder / "may.jsonl", old=text(1), other=text(2))
    crawl(made.folder / "june.jsonl", again=text(1, edits=1), new=text(7), twice=text(7), short="Rien.")
    run(made, "may.jsonl", "-o", "may", "--against", "index")
    shutil.copytree(made.folder / "index", made.folder / "may-index")
    yield made
    made.close()


def run(nursery: Nursery, *args: object, code: int = 0, **given: object) -> str:
    child = nursery.run("clean", *args, **given)
    assert child.code == code, child.told
    return child.told


def twins(out: Path) -> dict[str, str | None]:
    return {row["id"].partition("#")[2]: row["duplicate_of"] for row in rows(out, "documents")}


def parts(index: Path) -> list[tuple[str, int]]:
    return [(part.crawl, part.documents) for part in load(index).parts]


def test_copies_of_an_earlier_crawl_are_named_and_what_is_new_remembered(nursery: Nursery) -> None:
    home = nursery.folder
    assert twins(home / "may") == {"old": None, "other": None}
    assert parts(home / "index") == [("may", 2)]
    told = run(nursery, "june.jsonl", "-o", "june", "--against", "index")
    assert "2 are near-duplicates" in told
    found = twins(home / "june")
    assert found == {"again": "may/may.jsonl#old", "new": None, "twice": "june.jsonl#new", "short": None}
    assert parts(home / "index") == [("may", 2), ("june", 2)], "what May had is not remembered again"
    assert "nothing to do" in run(nursery, "june.jsonl", "-o", "june", "--against", "index")
    run(nursery, "june.jsonl", "-o", "june", "--against", "index", "--restart")
    assert twins(home / "june") == found, "a crawl that runs again is not found in itself"
    assert parts(home / "index") == [("may", 2), ("june", 2)]


def test_copies_of_earlier_crawls_are_dropped_when_told(nursery: Nursery) -> None:
    home = nursery.folder
    shutil.copytree(home / "may-index", home / "index2")
    run(nursery, "june.jsonl", "-o", "two", "--against", "index2", "--drop", "duplicates", "--crawl", "2026-06")
    assert parts(home / "index2") == [("may", 2), ("2026-06", 2)]
    assert twins(home / "two") == {"new": None, "short": None}
    reasons = {row["id"]: row["reason"] for row in rows(home / "two", "dropped/documents")}
    assert reasons["june.jsonl#again"] == "duplicate of may/may.jsonl#old"


def test_one_document_is_compared_with_earlier_ones(nursery: Nursery) -> None:
    home = nursery.folder
    shutil.copytree(home / "may-index", home / "index3")
    (home / "page.txt").write_text(text(2) + "\n", encoding="utf-8")
    run(nursery, "page.txt", "-o", "page", "--against", "index3")
    (row,) = rows(home / "page", "documents")
    assert row["duplicate_of"] == "may/may.jsonl#other"
    assert parts(home / "index3") == [("may", 2)], "a crawl without anything new adds no part"


@pytest.mark.parametrize(
    ("what", "nth"),
    [
        ("clusters.parquet", 3),  # compared; what is new is kept already
        (".keys.arrow", 2),  # while the index grows
        ("index.json", 1),
        ("errors.jsonl", 2),  # it has grown
    ],
)
def test_killed_anywhere_the_index_is_the_same_in_the_end(nursery: Nursery, what: str, nth: int) -> None:
    home, name = nursery.folder, f"{what.strip('.')}-{nth}"
    index = home / f"index-{name}"
    shutil.copytree(home / "may-index", index)
    before = files(index)
    call = ("june.jsonl", "-o", f"june-{name}", "--against", index, "--crawl", "june")
    assert nursery.run("clean", *call, kill=[what, nth]).code == -signal.SIGKILL
    if what not in ("errors.jsonl", "run.json"):
        assert (index / "index.json").read_bytes() == before["index.json"], "it grows at the end, in one step"
    run(nursery, *call)
    assert parts(index) == [("may", 2), ("june", 2)]
    assert twins(home / f"june-{name}")["again"] == "may/may.jsonl#old"
    assert {path.name for path in index.glob("*.arrow*")} == {
        f"{part.number:06}.{table}.arrow" for part in load(index).parts for table in ("documents", "keys")
    }


def test_an_unfinished_run_goes_on_with_the_same_index_only(nursery: Nursery) -> None:
    call = ("june.jsonl", "-o", "torn", "--against", "index5")
    assert nursery.run("clean", *call, kill=["shard-00000.json", 1]).code == -signal.SIGKILL
    for other in (call[:3], (*call[:4], "index6"), (*call, "--crawl", "july")):
        told = run(nursery, *other, code=2)
        assert "against" in told or "crawl" in told
    run(nursery, *call)


def test_what_cannot_be_is_said_before_anything_is_cleaned(nursery: Nursery) -> None:
    home = nursery.folder
    shutil.copytree(home / "may-index", home / "index7")
    told = run(nursery, "june.jsonl", "-o", "eight", "--against", "index7", "--set", "duplicates.shingle=4", code=2)
    assert "words5" in told
    assert "words4" in told
    assert not (home / "eight/documents").exists()
    told = run(nursery, "june.jsonl", "-o", "nine", "--against", "index7", "--no-study", code=2)
    assert "nothing is compared" in told
    (home / "index7/index.json").write_text("{")
    assert "index.json" in run(nursery, "june.jsonl", "-o", "ten", "--against", "index7", code=2)
