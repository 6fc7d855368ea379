"""The same texts through every format are the same clean texts; so are pages, and what standard input gives."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest
from crawls import errors, left, lines, members, page, pages_warc, parquet, rows, text, warc, zst
from nursery import Nursery

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks")

TEXTS = [text(n) for n in range(14)] + [
    "Un seul mot",
    "Ligne un\r\nLigne deux",
    "L’OTAN a dit.Les États non : « assez »",
]
PAGES = [page(n) for n in range(12)]


def folder(path: Path, texts: list[str], suffix: str = "txt") -> None:
    path.mkdir(exist_ok=True)  # seen once: the fixture below was made twice in one folder
    for n, each in enumerate(texts):
        (path / f"{n:02}.{suffix}").write_bytes(each.encode())


WRITERS: dict[str, Callable[[Path], object]] = {
    "texts": lambda path: folder(path, TEXTS),
    "a.jsonl": lambda path: path.write_bytes(lines(TEXTS)),
    "named-wrong.txt.json": lambda path: path.write_bytes(lines(TEXTS)),
    "a.jsonl.gz": lambda path: path.write_bytes(gzip.compress(lines(TEXTS))),
    "members.jsonl.gz": lambda path: path.write_bytes(members([lines([t], n) for n, t in enumerate(TEXTS)])),
    "a.jsonl.zst": lambda path: path.write_bytes(zst(lines(TEXTS))),
    "a.parquet": lambda path: path.write_bytes(parquet({"text": TEXTS})),
    "groups.parquet": lambda path: path.write_bytes(parquet({"text": TEXTS, "id": [f"{n}" for n in range(17)]}, 3)),
    "lists.parquet": lambda path: path.write_bytes(parquet({"text": [t.split("\n") for t in TEXTS]})),
    "lists.jsonl": lambda path: path.write_bytes(
        b"".join(msgspec.json.encode({"text": t.split("\n")}) + b"\n" for t in TEXTS)
    ),
    "a.warc.wet": lambda path: path.write_bytes(warc(TEXTS)),
    "a.warc.wet.gz": lambda path: path.write_bytes(members([warc([t], n) for n, t in enumerate(TEXTS)])),
}


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    made = Nursery(tmp_path_factory.mktemp("formats"))
    yield made
    made.close()


def cleaned(nursery: Nursery, name: str, *args: object) -> list[object]:
    out = nursery.folder / f"out-{name}"
    child = nursery.run("clean", name, "-o", out, "--to", "parquet", "--set", "run.study=false", *args)
    assert child.code == 0, child.told
    assert errors(out) == []
    return [row["text"] for row in rows(out)]


@pytest.fixture(scope="module")
def expected(nursery: Nursery) -> list[object]:
    WRITERS["texts"](nursery.folder / "texts")
    found = cleaned(nursery, "texts")
    assert len(found) == len(TEXTS)
    assert found != TEXTS  # chrome stood in them
    assert found[-2] == "Ligne un\nLigne deux"
    return found


@pytest.mark.parametrize("name", [name for name in WRITERS if name != "texts"])
def test_the_same_texts_in_every_format(nursery: Nursery, expected: list[object], name: str) -> None:
    WRITERS[name](nursery.folder / name)
    assert cleaned(nursery, name) == expected


def test_the_same_pages_in_every_format(nursery: Nursery) -> None:
    folder(nursery.folder / "pages", PAGES, "html")
    expected = cleaned(nursery, "pages")
    assert all("<" not in str(each) and "Article numéro" in str(each) for each in expected)
    (nursery.folder / "p.warc.gz").write_bytes(members([pages_warc(PAGES)]))
    (nursery.folder / "p.parquet").write_bytes(parquet({"key": [str(n) for n in range(12)], "quelle": PAGES}))
    (nursery.folder / "p.jsonl").write_bytes(
        b"".join(msgspec.json.encode({"meta": {"page": each}}) + b"\n" for each in PAGES)
    )
    assert cleaned(nursery, "p.warc.gz") == expected
    assert cleaned(nursery, "p.parquet", "--html-field", "quelle", "--id-field", "key") == expected
    assert [row["id"] for row in rows(nursery.folder / "out-p.parquet")] == [f"p.parquet#{n}" for n in range(12)]
    assert cleaned(nursery, "p.jsonl", "--html-field", "meta.page") == expected


def test_a_field_that_was_named_is_meant_and_no_other(nursery: Nursery) -> None:
    both = [{"html": each, "plain": t} for each, t in zip(PAGES, TEXTS, strict=False)]
    (nursery.folder / "both.jsonl").write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in both))
    assert cleaned(nursery, "both.jsonl", "--text-field", "plain") != cleaned(
        nursery, "both.jsonl", "--html-field", "html", "--restart"
    )
    (nursery.folder / "page.jsonl").write_bytes(msgspec.json.encode({"html": PAGES[0], "plain": None}) + b"\n")
    child = nursery.run("clean", "page.jsonl", "-o", "out-page", "--text-field", "plain")
    assert child.code == 1
    assert "none of the fields plain; it has html, plain" in str(errors(nursery.folder / "out-page")[0]["reason"])


def test_a_field_that_is_not_there_is_told_with_those_that_are(nursery: Nursery) -> None:
    (nursery.folder / "q.parquet").write_bytes(parquet({"quelle": PAGES}))
    child = nursery.run("clean", "q.parquet", "-o", "out-q", "--html-field", "nulle")
    assert child.code == 1
    (fault,) = errors(nursery.folder / "out-q")
    assert "nulle" in str(fault["reason"])
    assert "it has quelle" in str(fault["reason"])


@pytest.mark.parametrize("to", ["jsonl", "parquet", "text"])
def test_every_form_of_output_gives_every_source_back(nursery: Nursery, expected: list[object], to: str) -> None:
    out, back = nursery.folder / f"form-{to}", nursery.folder / f"back-{to}"
    child = nursery.run("clean", "texts", "-o", out, "--to", to, "--set", "run.study=false")
    assert child.code == 0, child.told
    parts = [name for name in left(out) if name.startswith("documents/")]
    suffix = ".jsonl.zst" if to == "jsonl" else ".parquet"
    assert parts
    assert all(name.endswith(suffix) for name in parts)
    assert (out / "text").exists() == (to == "text")
    if to == "jsonl":
        import zstandard

        data = b"".join(
            zstandard.ZstdDecompressor().decompressobj().decompress((out / name).read_bytes()) for name in sorted(parts)
        )
        assert [msgspec.json.decode(line)["text"] for line in data.splitlines()] == expected
    assert nursery.run("restore", out, "-o", back).code == 0
    assert {p.name: p.read_bytes() for p in back.iterdir()} == {
        p.name: p.read_bytes() for p in (nursery.folder / "texts").iterdir()
    }


@pytest.mark.parametrize("ledger", ["jsonl", "summary", "none"])
def test_the_ledger_as_it_is_asked_for(nursery: Nursery, expected: list[object], ledger: str) -> None:
    out = nursery.folder / f"ledger-{ledger}"
    args = ("--no-ledger",) if ledger == "none" else ("--ledger", ledger)
    assert nursery.run("clean", "texts", "-o", out, *args).code == 0
    made = {name.rpartition("part-")[2].partition(".")[2] for name in left(out) if name.startswith("ledger/")}
    assert made == {"jsonl": {"jsonl.zst"}, "summary": {"parquet"}, "none": set()}[ledger]
    assert nursery.run("digest", out).code == 0
    child = nursery.run("restore", out, "-o", nursery.folder / f"ledger-back-{ledger}")
    assert child.code == (0 if ledger == "jsonl" else 2)


def test_records_whose_names_collide_have_texts_of_their_own(nursery: Nursery) -> None:
    ids = ["a", "A", "a.txt", "a/b", "a:b", "..", "", "con", "x" * 300, "x" * 300 + "y", "é", "e\u0301"]
    table = {"id": ids, "text": [f"Texte numéro {n} du port." for n in range(len(ids))]}
    (nursery.folder / "n.parquet").write_bytes(parquet(table))
    out = nursery.folder / "names"
    assert nursery.run("clean", "n.parquet", "-o", out, "--to", "text").code == 0
    texts = [content for name, content in left(out).items() if name.startswith("text/")]
    assert sorted(texts) == sorted(f"{each}\n".encode() for each in table["text"])
    assert nursery.run("digest", out).code == 0
    assert nursery.run("restore", out, "-o", nursery.folder / "names-back").code == 0
    assert len(list((nursery.folder / "names-back").rglob("*.*"))) >= 1


def twice(nursery: Nursery, name: str, chunk: tuple[int, int]) -> None:
    table = {"id": ["same"] * 24, "text": [f"Texte numéro {n} du port.\nPartager sur Facebook" for n in range(24)]}
    (nursery.folder / f"{name}.parquet").write_bytes(parquet(table, 4))
    out = nursery.folder / name
    args = ("--to", "text", "--set", "run.study=false")
    assert nursery.run("clean", f"{name}.parquet", "-o", out, *args, chunk=chunk).code == 0
    texts = [content for name, content in left(out).items() if name.startswith("text/")]
    assert sorted(texts) == sorted(f"Texte numéro {n} du port.\n".encode() for n in range(24))
    assert len({row["id"] for row in rows(out)}) == 24
    assert nursery.run("digest", out).code == 0
    assert nursery.run("restore", out, "-o", nursery.folder / f"{name}-back").code == 0


def test_ids_that_come_twice_in_one_chunk_lose_nothing(nursery: Nursery) -> None:
    twice(nursery, "twice", (1 << 20, 64))


def test_ids_that_come_twice_in_two_chunks_lose_nothing(nursery: Nursery) -> None:
    twice(nursery, "apart", (8 << 10, 6))


def test_standard_input_is_a_run_like_any_other(nursery: Nursery, expected: list[object]) -> None:
    (nursery.folder / "given.jsonl").write_bytes(lines(TEXTS))
    given = {"stdin": str(nursery.folder / "given.jsonl")}
    out = nursery.folder / "stdin"
    args = ("clean", "-", "-o", out, "--format", "jsonl", "--set", "run.study=false")
    child = nursery.run(*args, **given)
    assert child.code == 0, child.told
    assert [row["text"] for row in rows(out)] == expected
    # Killed, it goes on with what it was given: standard input comes only once.
    killed = nursery.folder / "stdin-killed"
    args = ("clean", "-", "-o", killed, "--format", "jsonl", "--set", "run.study=false")
    assert nursery.run(*args, **given, kill=["chunk-00000001.json", 2]).code == -9
    assert nursery.run(*args).code == 0
    assert left(killed) == left(out)


def test_a_text_of_standard_input_is_replaced_by_the_next_run(nursery: Nursery) -> None:
    out = nursery.folder / "stdin-text"
    (nursery.folder / "one.txt").write_text("Un texte de la ville.\n")
    assert nursery.run("clean", "-", "-o", out, stdin=str(nursery.folder / "one.txt")).code == 0
    assert {name for name in left(out) if name.startswith("text/")} == {"text/stdin.txt"}
    assert nursery.run("clean", "one.txt", "-o", out).code == 0
    assert {name for name in left(out) if name.startswith("text/")} == {"text/one.txt"}


def test_a_dry_run_says_what_would_be_read_and_writes_nothing(nursery: Nursery) -> None:
    for name in ("texts", "a.jsonl.gz", "a.parquet"):
        if not (nursery.folder / name).exists():
            WRITERS[name](nursery.folder / name)
    before = {p.name for p in nursery.folder.iterdir()}
    child = nursery.run("clean", "texts", "a.jsonl.gz", "a.parquet", "-o", "dry", "--dry-run")
    assert child.code == 0
    told = [line.split() for line in child.told.splitlines()]
    counts = [(line[0], *(word for word in line if word.isdigit())) for line in told]
    assert counts == [("document", "17"), ("jsonl", "1"), ("parquet", "1"), ("in", "19")]
    assert {p.name for p in nursery.folder.iterdir()} - before <= {
        f"{child.log.name}.{end}" for end in ("out", "err", "events")
    }


def test_what_is_left_out_is_told_why_and_comes_back(nursery: Nursery) -> None:
    source, out = nursery.folder / "drop", nursery.folder / "drop-out"
    folder(
        source,
        [*TEXTS[:4], "Court.", "The harbour was closed on Monday because of the storm, said the mayor of the town."],
    )
    args = ("--lang", "fr", "--min-chars", 20, "--to", "parquet")
    assert nursery.run("clean", source, "-o", out, *args).code == 0
    assert [row["id"] for row in rows(out)] == ["00.txt", "01.txt", "02.txt", "03.txt"]
    gone = {row["id"]: str(row["reason"]) for row in rows(out / "dropped")}
    assert set(gone) == {"04.txt", "05.txt"}
    assert "6" in gone["04.txt"]
    assert "20" in gone["04.txt"]
    assert "en" in gone["05.txt"]
    assert nursery.run("restore", out, "-o", nursery.folder / "drop-back").code == 0
    assert {p.name: p.read_bytes() for p in (nursery.folder / "drop-back").iterdir()} == {
        p.name: p.read_bytes() for p in source.iterdir()
    }


def test_a_full_disk_is_told_and_the_run_goes_on_when_there_is_room(nursery: Nursery) -> None:
    (nursery.folder / "big.jsonl").write_bytes(lines([text(n, 60) for n in range(60)]))
    args = ("clean", "big.jsonl", "--set", "run.study=false", "--workers", 2)
    assert nursery.run(*args, "-o", "roomy").code == 0
    child = nursery.run(*args, "-o", "full", file_bytes=12 << 10)
    assert child.code == 2, child.told
    assert "File too large" in child.told
    assert "the same command goes on" in child.told
    assert "Traceback" not in child.told
    assert nursery.run(*args, "-o", "full").code == 0
    assert left(nursery.folder / "full") == left(nursery.folder / "roomy")


def test_an_output_that_cannot_be_written_is_told(nursery: Nursery) -> None:
    folder(nursery.folder / "ro-in", TEXTS[:1])
    for out in ("/proc/nowhere", "/dev/null", "/dev/null/x"):
        child = nursery.run("clean", "ro-in", "-o", out)
        assert child.code == 2
        assert "choose" in child.told or "is a file" in child.told
        assert "Traceback" not in child.told


def test_the_schema_is_one_and_the_same(nursery: Nursery, expected: list[object]) -> None:
    import pyarrow.parquet as pq

    from cleaner.write.tables import DOCUMENTS_SCHEMA

    part = next((nursery.folder / "out-texts/documents").glob("*.parquet"))
    assert pq.read_schema(part).equals(DOCUMENTS_SCHEMA)
    assert isinstance(pq.read_table(part), pa.Table)
