"""Paragraphs that several documents share stay in the first of them; what is whole, alone or a copy is left as it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from crawls import rows
from hypothesis import given
from hypothesis import strategies as st
from runs import encode
from test_seam import fragments, text

from cleaner.run import run
from cleaner.settings import Drop, Output, Repeated, Run, Settings
from cleaner.study import paragraphs
from cleaner.study.copies import CLUSTERS
from cleaner.study.paragraphs import PARAGRAPHS, RULE
from cleaner.write.digest import digest
from cleaner.write.restore import restore

NOTICE = "La rédaction du journal du quai relit chaque article deux fois avant de le publier, en ligne et sur papier."
TODAY = "2026-01-01"

# The plan.


def clusters(folder: Path, *copies: tuple[str, int]) -> Path:
    made = [
        {"id": id, "chunk": chunk, "cluster": "x", "keep": False, "similarity": 1.0, "twin": "x"}
        for id, chunk in copies
    ]
    made += [{"id": "d0", "chunk": 0, "cluster": "x", "keep": True, "similarity": 1.0, "twin": None}] if copies else []
    pq.write_table(pa.Table.from_pylist(made, CLUSTERS), folder / "clusters.parquet")
    return folder / "clusters.parquet"


def found(folder: Path, texts: list[str], *copies: tuple[str, int], least: int = 2, seed: int = 0) -> dict[str, Any]:
    """Give by document what goes: the line, how many documents have it, the one that keeps it; two to a chunk."""
    told = [row for n, each in enumerate(texts) for row in paragraphs.rows(f"d{n}", each, n // 2, n % 2 + 1, 5)]
    columns = [pa.array(column, kind) for column, kind in zip(zip(*told, strict=True), PARAGRAPHS.types, strict=True)]
    files = fragments(folder / "in", pa.table(columns, schema=PARAGRAPHS), 3, seed=seed)
    to = folder / "paragraphs.parquet"
    paragraphs.local(files, clusters(folder, *copies), Repeated(paragraphs=least), 128, folder / "temp", to)
    assert pq.read_schema(to) == paragraphs.REPEATED
    lines = {key: line for each in texts for line in each.split("\n") for *_, key in paragraphs._paragraphs(line, 5)}
    gone: dict[str, Any] = {}
    for row in pq.read_table(to).to_pylist():
        gone.setdefault(row["id"], []).append(
            (" ".join(lines[row["key"]].casefold().split()), row["documents"], row["first"])
        )
    return gone


def test_a_paragraph_stays_in_the_first_document_of_the_input(tmp_path: Path) -> None:
    texts = ["seul ici\nde tous", "DE  TOUS\nde deux", "de deux\nde tous\nde tous", "court\nà part"]
    wanted = {"d1": [("de tous", 3, "d0")], "d2": [("de deux", 2, "d1"), ("de tous", 3, "d0")]}
    for seed in (0, 1):
        gone = found(tmp_path, texts, seed=seed)
        assert {id: sorted(each) for id, each in gone.items()} == wanted


def test_as_many_documents_as_asked_for(tmp_path: Path) -> None:
    texts = ["de tous\nde deux", "de tous\nde deux", "de tous"]
    assert found(tmp_path, texts, least=3) == {"d1": [("de tous", 3, "d0")], "d2": [("de tous", 3, "d0")]}
    assert found(tmp_path, texts, least=4) == {}


def test_copies_neither_count_nor_lose(tmp_path: Path) -> None:
    texts = ["de tous", "de tous", "de tous"]
    assert found(tmp_path, texts, ("d1", 0)) == {"d2": [("de tous", 2, "d0")]}
    assert found(tmp_path, texts, ("d1", 0), ("d2", 1)) == {}
    assert list(found(tmp_path, texts, ("d1", 1))) == ["d1", "d2"], "d1 of another chunk is another document"


# The patch.

line = st.sampled_from(["gone one", "gone two", "stays here", "stays there as well", "", "x"])


@given(st.lists(line, max_size=12))
def test_what_goes_goes_with_its_breaks_and_the_rest_is_as_it_was(lines: list[str]) -> None:
    whole = "\n".join([*lines, "a paragraph that is long enough to be most of it, whatever else may be taken out " * 3])
    gone = {key: "twice" for each in ("gone one", "gone two") for *_, key in paragraphs._paragraphs(each, 5)}
    for given_ in (whole, "\n".join(reversed(whole.split("\n")))):
        patch = paragraphs._patch(given_, gone, 5)
        if patch is None:
            assert "gone" not in given_
            continue
        after = patch.apply(given_)
        assert patch.inverse().apply(after) == given_
        assert [e for e in after.split("\n") if e] == [e for e in given_.split("\n") if e and "gone" not in e]
        assert after.count("\n\n") <= given_.count("\n\n"), "no gap is made"
        assert paragraphs._patch(after, gone, 5) is None
        assert given_.endswith("\n") or not after.endswith("\n")


def test_a_document_that_would_lose_most_is_left_as_it_is() -> None:
    ((_, _, key),) = paragraphs._paragraphs("all of it", 5)
    patch = paragraphs._patch("all of it\nthe end", {key: "4 documents"}, 5)
    assert patch is not None
    assert (patch.edits, [edit.note for edit in patch.spared]) == ((), ["most of the text; 4 documents"])


def test_many_lines_are_linear() -> None:
    gone = {key: "" for *_, key in paragraphs._paragraphs("again and again", 5)}
    many = "\n\n\n".join(["again and again", "something else that is a good deal longer, and its own"] * 20_000)
    patch = paragraphs._patch(many, gone, 5)
    assert patch is not None
    assert len(patch.edits) == 20_000


# Runs.


@pytest.fixture(scope="module")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Invent a crawl: eight articles that end in one notice, one that is nothing else, a copy, one of another tongue."""
    path = tmp_path_factory.mktemp("paragraphs") / "crawl.jsonl"
    texts = {f"a{n}": f"{text(n)}.\n{NOTICE}\n{text(50 + n, length=30)}." for n in range(8)}
    texts |= {"b-short": f"{NOTICE}\nC’est tout.", "c-copy": texts["a3"] + " Fin.", "d-alone": f"{text(99)}."}
    records = (json.dumps({"id": id, "text": each}) + "\n" for id, each in texts.items())
    path.write_text("".join(records), encoding="utf-8")
    return path


def cleaned(crawl: Path, out: Path, **given: Any) -> Iterator[dict[str, Any]]:
    settings = Settings(**{"repeated": Repeated(paragraphs=3), "run": Run(workers=1), **given})
    run([str(crawl)], out, settings, today=TODAY)
    return iter(rows(out, "documents"))


def test_runs_take_out_what_repeats_and_say_so(crawl: Path, tmp_path: Path) -> None:
    found = {row["id"].partition("#")[2]: row for row in cleaned(crawl, tmp_path / "out")}
    having = sorted(id for id, row in found.items() if NOTICE in row["text"])
    assert having == ["a0", "b-short", "c-copy"] or having == ["a0", "a3", "b-short"], "one of the copies stays whole"
    assert all(len(row["text"]) == row["chars"] for row in found.values())
    assert all("\n\n" not in row["text"] for row in found.values())
    ledger = [row for row in rows(tmp_path / "out", "ledger") if row["rule"] == RULE]
    spared = [row["id"].partition("#")[2] for row in ledger if not row["applied"]]
    assert spared == ["b-short"]
    made = [row for row in ledger if row["applied"]]
    assert len(made) == 7
    assert all(row["note"].endswith("documents; first in crawl.jsonl#a0") for row in made)
    assert all(row["before"].strip() == NOTICE for row in made)
    told = json.loads((tmp_path / "out/run.json").read_bytes())["counts"]
    assert told["rules"][RULE] == {"edits": 7, "spared": 1, "removed": sum(len(r["before"]) for r in made), "added": 0}
    assert told["chars"] == sum(row["chars"] for row in found.values())
    back = {each.id: each for each in restore(tmp_path / "out", tmp_path / "back", encode)}
    assert all(each.path and not each.error for each in back.values())
    path = back["crawl.jsonl#a5"].path
    assert path is not None
    assert NOTICE in path.read_text(encoding="utf-8")


def test_it_is_off_until_it_is_asked_for(crawl: Path, tmp_path: Path) -> None:
    assert all(
        NOTICE in row["text"]
        for row in cleaned(crawl, tmp_path / "out", repeated=Repeated())
        if "alone" not in row["id"]
    )
    assert not (tmp_path / "out/facts/paragraphs.parquet").exists()


def test_what_is_left_out_keeps_nothing_from_others(crawl: Path, tmp_path: Path) -> None:
    least = len(text(0)) + 200
    found = list(cleaned(crawl, tmp_path / "out", drop=Drop(min_chars=least, duplicates=True)))
    assert 0 < len(found) < 9
    assert sum(NOTICE in row["text"] for row in found) == 1


@pytest.mark.parametrize("ledger", ["jsonl", "summary"])
def test_ledgers_of_other_forms(crawl: Path, tmp_path: Path, ledger: Any) -> None:
    found = list(cleaned(crawl, tmp_path / "out", output=Output(ledger=ledger)))
    assert sum(NOTICE in row["text"] for row in found) == 3
    if ledger == "summary":
        told = [row for row in rows(tmp_path / "out", "ledger") if row["rule"] == RULE]
        assert sorted((row["edits"], row["spared"]) for row in told) == [(0, 1)] + 7 * [(1, 0)]


def test_workers_and_parts_do_not_matter(crawl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cleaned(crawl, tmp_path / "one")
    monkeypatch.setattr("cleaner.call._CHUNK_BYTES", 2000)
    monkeypatch.setattr("cleaner.call._CHUNK_DOCUMENTS", 2)
    cleaned(crawl, tmp_path / "other", run=Run(workers=3))
    assert digest(tmp_path / "other") == digest(tmp_path / "one")


def test_a_run_that_broke_off_while_it_compared_goes_on(
    crawl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("cleaner.place.local", full)
        with pytest.raises(OSError, match="No space"):
            cleaned(crawl, tmp_path / "out")
    assert not (tmp_path / "out/documents").exists(), "no part is written before it is known what goes"
    found = list(cleaned(crawl, tmp_path / "out"))
    assert sum(NOTICE in row["text"] for row in found) == 3
