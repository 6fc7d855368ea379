"""Writing a run, and the way back: what is on disk is whole, safe, the same in any order, and gives the raw text."""

from __future__ import annotations

import json
import os
import random
import signal
import stat
import subprocess
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cleaner.document import Document, Edit, Label, Patch
from cleaner.write import atomic, output
from cleaner.write.atomic import COMPONENT_BYTES, TEMPORARY, Names, Whole, fold, locked, place, write
from cleaner.write.digest import (
    DOCUMENTS_SCHEMA,
    LEDGER_SCHEMA,
    DocumentRow,
    LedgerRow,
    OutputError,
    digest,
    ids,
    walk,
)
from cleaner.write.output import Output
from cleaner.write.restore import restore

CLASSES = {"fr/lire-aussi": "related"}
TEXT = "Le pont ferme.\nLire aussi : La crue\nIl rouvrira lundi."


def encode(text: str, encoding: str) -> bytes:
    return text.encode(encoding)


def doc(id: str, raw: str = TEXT, encoding: str = "utf-8", /, **labels: Label) -> Document:
    source = raw.encode(encoding)
    told: dict[str, Label] = {
        "encoding": encoding,
        "exact": True,
        "source_sha256": sha256(source).hexdigest(),
        "raw_sha256": sha256(raw.encode()).hexdigest(),
    }
    return Document(id, raw, source=told | labels)


def cut(document: Document, what: str = "Lire aussi : La crue\n", rule: str = "fr/lire-aussi") -> Document:
    start = document.text.index(what)
    return document + Patch("chrome", (Edit(start, start + len(what), what, "", rule),))


def run(out: Path, documents: Sequence[Document], inputs: Sequence[Path] = ()) -> Path:
    with Output(out, ids=[d.id for d in documents], inputs=inputs) as o:
        for d in documents:
            o.add(d, CLASSES)
        o.finish({"rules": "0" * 64})
    return out


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def texts(out: Path) -> dict[str, str]:
    return {name: content.decode() for name, content in files(out / "text").items()}


def told(out: Path) -> dict[str, object]:
    return dict(json.loads((out / "run.json").read_bytes()))


# One file, whole or not at all.


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "é.txt"
    write(path, "un\r\n")
    write(path, b"deux\n")
    place(path, b"trois\n")
    assert files(tmp_path) == {"é.txt": b"trois\n"}


def test_a_failure_leaves_the_old_file_and_no_temporary(tmp_path: Path) -> None:
    write(tmp_path / "a", "old")

    def fail() -> None:
        with Whole(tmp_path / "a") as file:
            file.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert files(tmp_path) == {"a": b"old"}


@pytest.mark.parametrize("put", [write, place])
def test_a_folder_in_the_way_stays_and_no_temporary_is_left(tmp_path: Path, put: object) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    with pytest.raises(OSError):
        put(tmp_path / "a", b"x")  # type: ignore[operator]
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


@pytest.mark.skipif(sys.platform == "win32", reason="no umask")
def test_files_have_the_usual_permissions(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write(tmp_path / "a", "x")
        place(tmp_path / "b", b"x")
    finally:
        os.umask(old)
    assert {stat.S_IMODE((tmp_path / n).stat().st_mode) for n in "ab"} == {0o640}


def test_a_lock_names_its_holder_and_ends_with_its_block(tmp_path: Path) -> None:
    with locked(tmp_path / ".lock"), pytest.raises(BlockingIOError, match=f"process {os.getpid()} "):
        locked(tmp_path / ".lock").__enter__()
    with locked(tmp_path / ".lock"):
        pass


# Names.

PART = st.one_of(
    st.sampled_from(
        ["a", "A", "a.txt", "a.TXT", "..", ".", "", "aux", "NUL.tar", "é", "e\u0301", "É", "a.", "a ", "x" * 300]
    ),
    st.sampled_from(["a~ca978112", "a~ca978112.txt", "a.txt~tmp00000000", "c:", "x?y", "ß", "ss", "\ud800", "a\\b"]),
    st.text(max_size=4),
)
IDS = st.lists(st.lists(PART, min_size=1, max_size=4).map("/".join), max_size=12)


def safe(path: str) -> bool:
    parts = path.split("/")
    return (
        all(
            part and part.strip(".") and part[-1] not in ". " and len(part.encode()) <= COMPONENT_BYTES
            for part in parts
        )
        and not set(path) & set('<>:"\\|?*\0\n\r')
        and not {p.partition(".")[0].rstrip().lower() for p in parts} & {"con", "prn", "aux", "nul", "com1", "lpt9"}
        and not TEMPORARY.match(path)
        and len(path.encode()) < 1000
    )


@given(IDS, st.sampled_from(["", ".txt"]), st.randoms())
@settings(max_examples=300)
def test_names_are_safe_distinct_and_the_same_in_any_order(
    given_ids: list[str], suffix: str, chance: random.Random
) -> None:
    names = Names.of(given_ids, suffix)
    shuffled = given_ids * 2
    chance.shuffle(shuffled)
    assert names == Names.of(shuffled, suffix)
    keys = {fold(names[id]): id for id in set(given_ids)}
    assert len(keys) == len(set(given_ids))
    folders = {k.rsplit("/", n)[0] for k in keys for n in range(1, k.count("/") + 1)}
    assert not folders & set(keys)
    for id in given_ids:
        assert id in names
        assert safe(names[id])
        assert names[id].endswith(suffix)


@pytest.mark.parametrize(
    "id", ["a", "été/Zürich/日本語.htm", "page (2).html", "v1.2/-x", ".hidden", "crawl.warc.gz#1024"]
)
def test_a_plain_id_is_its_own_name(id: str) -> None:
    assert Names.of([id, "other"])[id] == id
    assert Names.of([id, "other"], ".txt")[id] == id + ".txt"
    assert Names.of([id + ".txt"], ".txt")[id + ".txt"] == id + ".txt"


@pytest.mark.parametrize(
    ("id", "name"),
    [
        ("/etc/passwd", "etc/passwd.txt"),
        ("../../x", "__/__/x.txt"),
        ("C:\\x", "C__x.txt"),
        ("a//b/", "a/b.txt"),
        ("", ".txt"),
        ("con/com1.html", "_con/_com1.html.txt"),
        ("a./b ", "a_/b .txt"),
        ("tab\there", "tab_here.txt"),
        ("\udce9", "_.txt"),
        ("console", "console.txt"),
    ],
)
def test_a_hostile_id_gets_a_safe_name(id: str, name: str) -> None:
    assert Names.of([id], ".txt")[id] == name


@pytest.mark.parametrize(
    "clash",
    [
        ("a", "a.txt"),
        ("b", "B"),
        ("é", "e\u0301"),
        ("a.txt", "a.txt/b"),
        ("x?", "x*"),
        ("ß", "SS"),
        ("d", "d/"),
        ("y" * 300 + "1", "y" * 300 + "2"),
    ],
)
def test_what_clashes_carries_the_hash_of_its_id(clash: tuple[str, str]) -> None:
    names = Names.of([*clash, "c"], ".txt")
    short = [sha256(id.encode()).hexdigest()[:8] for id in clash]
    marked = [names[id].endswith(f"~{h}.txt") for id, h in zip(clash, short, strict=True)]
    assert marked == [True, not clash[1].startswith(clash[0] + "/b")]
    assert names["c"] == "c.txt"


def test_hashes_that_begin_alike_are_written_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    class Alike:
        def __init__(self, content: bytes) -> None:
            self.content = content

        def hexdigest(self) -> str:
            return "0" * 8 + sha256(self.content).hexdigest()[8:]

    monkeypatch.setattr(atomic, "sha256", Alike)
    names = Names.of(["n", "N", "n.txt", "m"], ".txt")
    assert len({fold(names[id]) for id in ("n", "N", "n.txt")}) == 3
    assert all(len(names[id]) == 1 + 1 + 64 + 4 for id in ("n", "N", "n.txt")[1:2])


# A run.


def test_a_run_holds_texts_tables_errors_and_counts(tmp_path: Path) -> None:
    spared = Edit(0, 2, "Le", "", "fr/article", "low confidence")
    d = cut(doc("site/a.html", title="Le pont", language="fr", language_score=0.75, format="html", pages=3))
    d += Patch("chrome", labels={"suspect": True}, spared=(spared,))
    with Output(tmp_path / "out", ids=["site/a.html", "b", "c"]) as o:
        o.error("c", "read", "is a picture: “é”\n")
        o.add(d, CLASSES)
        o.add(Document("b", ""), CLASSES)
        o.finish({"rules": "12ab", "seconds": 1.5})
    out = tmp_path / "out"
    assert texts(out) == {"site/a.html.txt": "Le pont ferme.\nIl rouvrira lundi.\n", "b.txt": "\n"}
    tables = {"documents/part-00000.parquet", "ledger/part-00000.parquet"}
    assert set(files(out)) == tables | {
        ".files",
        ".lock",
        "errors.jsonl",
        "run.json",
        "text/b.txt",
        "text/site/a.html.txt",
    }
    (first, edits), (second, none) = walk(out, {"site/a.html", "b"})
    assert first
    assert second
    assert first[:9] == (
        "site/a.html",
        None,
        None,
        "text/site/a.html.txt",
        "Le pont",
        "fr",
        0.75,
        len(d.raw),
        len(d.text),
    )
    assert first.labels == d.labels
    assert second.raw_sha256 == sha256(b"").hexdigest()
    assert edits == [
        LedgerRow(
            "site/a.html", 0, 0, "chrome", "fr/lire-aussi", "related", 15, 36, "Lire aussi : La crue\n", "", "", True
        ),
        LedgerRow("site/a.html", 1, 0, "chrome", "fr/article", "chrome", 0, 2, "Le", "", "low confidence", False),
    ]
    assert none == []
    assert [json.loads(line) for line in (out / "errors.jsonl").read_bytes().splitlines()] == [
        {"id": "c", "stage": "read", "reason": "is a picture: “é”\n"}
    ]
    counts: dict[str, object] = {
        "documents": 2,
        "errors": 1,
        "chars_raw": len(d.raw),
        "chars": len(d.text),
        "edits": 1,
        "spared": 1,
    }
    counts |= {
        "rules": {
            "fr/lire-aussi": {"edits": 1, "spared": 0, "removed": 21, "added": 0},
            "fr/article": {"edits": 0, "spared": 1, "removed": 0, "added": 0},
        }
    }
    assert told(out)["counts"] == counts
    assert {"version", "started", "ended", "inputs"} <= told(out).keys()
    assert (told(out)["finished"], told(out)["rules"], told(out)["seconds"]) == (True, "12ab", 1.5)
    assert list(told(out)) == sorted(told(out))


def test_the_tables_have_the_schemas_that_the_rows_have(tmp_path: Path) -> None:
    out = run(tmp_path / "out", [])
    for table, schema, row in (("documents", DOCUMENTS_SCHEMA, DocumentRow), ("ledger", LEDGER_SCHEMA, LedgerRow)):
        assert pq.read_schema(out / table / "part-00000.parquet").equals(schema)
        assert tuple(n.replace("class", "kind") for n in schema.names) == row._fields


def test_an_empty_run_is_a_run(tmp_path: Path) -> None:
    out = run(tmp_path / "out", [])
    assert (out / "errors.jsonl").read_bytes() == b""
    assert list(walk(out, set())) == []
    assert list(restore(out, tmp_path / "to", encode)) == []
    assert digest(out) == sha256(b"").hexdigest()


def test_labels_of_another_type_than_their_column_are_kept(tmp_path: Path) -> None:
    labels: dict[str, Label] = {"title": 7, "language_score": 1, "exact": "no", "z": 0.1, "a": "é\n", "b": False}
    out = run(tmp_path / "out", [Document("d", "x", source=labels)])
    ((row, _),) = walk(out, {"d"})
    assert row
    assert row.labels == labels | {"raw_sha256": sha256(b"x").hexdigest()}
    assert (row.title, row.exact) == (None, None)


def test_an_unknown_a_second_and_a_broken_document_write_nothing(tmp_path: Path) -> None:
    with Output(tmp_path / "out", ids=["a", "b", "c\udce9"]) as o:
        o.add(doc("a"), CLASSES)
        for bad, fault in (
            (doc("a", "other"), "added before"),
            (doc("z"), "not among the ids"),
            (Document("b", "half \ud83d"), "lone surrogate"),
            (Document("b", "x") + Patch("s", (Edit(0, 0, "", "\udc80", "r"),)), "lone surrogate"),
            (Document("b", "x", source={"title": "\udc80"}), "lone surrogate"),
            (Document("b", "x", source={"other": "\udc80"}), "lone surrogate"),
            (Document("c\udce9", "x"), "lone surrogate"),
        ):
            with pytest.raises(OutputError, match=fault):
                o.add(bad, CLASSES)
        o.error("c\udce9", "read", "its name is not UTF-8")
        o.finish({})
    assert texts(tmp_path / "out") == {"a.txt": TEXT + "\n"}
    assert list(ids(tmp_path / "out")) == ["a"]
    assert json.loads((tmp_path / "out/errors.jsonl").read_bytes())["id"] == "c\\udce9"


def test_hostile_ids_stay_in_the_folder_and_come_back(tmp_path: Path) -> None:
    hostile = [
        "../../x",
        "/etc/passwd",
        "nul",
        "a",
        "a.txt",
        "a.txt/b",
        "A",
        "w#https://e.org/?q=1",
        "n" * 400,
        "d/" * 400,
        "日本/é",
        "日本/e\u0301",
        ".lock",
        "",
    ]
    out = run(tmp_path / "in" / "out", [cut(doc(id, TEXT + id)) for id in hostile])
    back = list(restore(out, tmp_path / "to", encode))
    assert [(r.id, r.exact, r.error) for r in back] == [(id, True, "") for id in hostile]
    assert all(r.path and r.path.read_bytes().decode() == TEXT + r.id for r in back)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "to"]
    assert len(texts(out)) == len(hostile) == len(files(tmp_path / "to"))


# The folder before the run.


@pytest.mark.parametrize(
    ("out", "fault"),
    [
        ("in", "lies in the input"),
        ("in/deep/out", "lies in the input"),
        (".", "holds the input"),
        ("file", "is a file"),
        ("file/out", "cannot be written"),
        ("full", "holds no former run"),
        ("odd", "holds no former run"),
    ],
)
def test_a_folder_that_cannot_take_a_run_is_refused_and_left_alone(tmp_path: Path, out: str, fault: str) -> None:
    for name in ("in", "full", "odd"):
        (tmp_path / name).mkdir()
    for name in ("in/a.html", "file", "full/photo.jpg"):
        (tmp_path / name).write_text("x")
    (tmp_path / "odd/run.json").write_text('{"a": 1}')
    before = files(tmp_path)
    with pytest.raises(OutputError, match=fault):
        run(tmp_path / out, [doc("a")], inputs=[tmp_path / "in"])
    assert files(tmp_path) == before


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir(mode=0o555)
    with pytest.raises(OutputError, match="cannot be written"):
        run(tmp_path / "out", [doc("a")])


def test_an_input_reached_by_a_link_is_the_input(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "in")
    with pytest.raises(OutputError, match="lies in the input"):
        run(tmp_path / "in/out", [], inputs=[tmp_path / "link"])


def test_a_run_replaces_a_former_run_and_nothing_else(tmp_path: Path) -> None:
    out = run(tmp_path / "out", [doc("old/deep/a"), doc("b"), doc("mine/c")])
    for name in ("notes.md", "text/mine/notes.md", "text/old.md"):
        (out / name).write_text("mine")
    run(out, [doc("b", "Neuf."), doc("new")])
    mine = {"notes.md", "text/mine/notes.md", "text/old.md"}
    fresh = files(run(tmp_path / "fresh", [doc("b", "Neuf."), doc("new")]))
    assert set(files(out)) == set(fresh) | mine
    assert not (out / "text/old").exists()
    assert {(out / name).read_text() for name in mine} == {"mine"}
    assert digest(out) == digest(tmp_path / "fresh")


def test_a_strangers_file_in_the_way_is_refused_before_anything_is_removed(tmp_path: Path) -> None:
    out = run(tmp_path / "out", [doc("a")])
    before = digest(out)
    for name, id in (("text/new.TXT", "new"), ("text/f", "f/x"), ("text/g.txt/y", "g"), ("ledger/part-9.parquet", "a")):
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_text("mine")
        with pytest.raises(OutputError, match="no former run wrote it"):
            run(out, [doc(id)])
        assert (out / name).read_text() == "mine"
        (out / name).unlink()
    assert (told(out)["finished"], digest(out)) == (True, before)


def test_no_link_leads_a_run_out_of_its_folder(tmp_path: Path) -> None:
    out = run(tmp_path / "out", [doc("sub/a")])
    elsewhere = tmp_path / "elsewhere"
    (out / "text/sub").rename(elsewhere)
    (out / "text/sub").symlink_to(elsewhere)
    with pytest.raises(OutputError, match="leads out"):
        run(out, [doc("sub/a", "Neuf.")])
    assert files(elsewhere) == {"a.txt": f"{TEXT}\n".encode()}
    for row in restore(out, tmp_path / "to", encode):
        assert "not in the run's folder" in row.error


def test_a_list_of_files_that_leads_elsewhere_removes_nothing_there(tmp_path: Path) -> None:
    out = run(tmp_path / "out", [doc("a")])
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (out / "notes.md").write_text("mine")
    with (out / ".files").open("a") as file:
        file.write(f"../victim\ntext/../../victim\n{victim}\nnotes.md\n")
    run(out, [])
    assert victim.read_text() == (out / "notes.md").read_text() == "mine"
    assert texts(out) == {}


def test_without_finish_a_run_is_unfinished_and_can_be_run_again(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with Output(out, ids=["a", "b"]) as o:
        o.add(doc("a"), CLASSES)
    assert told(out)["finished"] is False
    for read in (digest, lambda out: restore(out, tmp_path / "to", encode)):
        with pytest.raises(OutputError, match="did not finish"):
            read(out)
    assert not any(TEMPORARY.match(name) for name in files(out))
    assert texts(run(out, [doc("b")])) == {"b.txt": TEXT + "\n"}


CHILD = """
import sys, time
from pathlib import Path
from cleaner.document import Document
from cleaner.write import output
output.BATCH_ROWS, output.PART_BYTES = 2, 1
with output.Output(Path(sys.argv[1]), ids=map(str, range(9))) as o:
    for n in range(5):
        o.add(Document(str(n), "x"), {})
    (o.out / "text/6.txt~tmp0a1b2c3d").write_text("half")
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_killed_run_is_unfinished_and_the_next_removes_all_of_it(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with subprocess.Popen([sys.executable, "-c", CHILD, str(out)], stdout=subprocess.PIPE) as child:
        assert child.stdout
        assert child.stdout.readline() == b"ready\n"
        with pytest.raises(OutputError, match=f"another run writes there .process {child.pid} "):
            run(out, [doc("z")])
        os.kill(child.pid, signal.SIGKILL)
    assert told(out)["finished"] is False
    assert any(TEMPORARY.match(name) for name in files(out))
    assert len(list((out / "documents").glob("part-?????.parquet"))) == 2
    (out / "text/mine~tmp00000000").write_text("mine")
    with pytest.raises(OutputError, match="did not finish"):
        digest(out)
    assert set(files(run(out, [doc("z")]))) == set(files(run(tmp_path / "fresh", [doc("z")]))) | {
        "text/mine~tmp00000000"
    }
    assert digest(out) == digest(tmp_path / "fresh")


def test_a_run_killed_before_its_first_word_is_no_stranger(tmp_path: Path) -> None:
    (tmp_path / ".lock").write_text("1\n")
    (tmp_path / "run.json~tmp01234567").write_text("{")
    assert not any(TEMPORARY.match(name) for name in files(run(tmp_path, [doc("a")])))


# Tables.


def test_batches_and_parts_change_neither_rows_nor_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    documents = [cut(doc(f"{n}", f"{n}\n{TEXT}")) for n in range(20)]
    whole = run(tmp_path / "whole", documents)
    monkeypatch.setattr(output, "BATCH_ROWS", 3)
    monkeypatch.setattr(output, "PART_BYTES", 900)
    parts = run(tmp_path / "parts", documents)
    assert len(list((parts / "documents").iterdir())) > 2
    assert len(list((parts / "ledger").iterdir())) > 2
    known = {d.id for d in documents}
    assert list(walk(whole, known.copy())) == list(walk(parts, known.copy()))
    assert digest(whole) == digest(parts)
    assert {r.error for r in restore(parts, tmp_path / "to", encode)} == {""}


def test_repeated_strings_are_stored_once(tmp_path: Path) -> None:
    out = run(tmp_path / "out", [cut(doc(f"{n}")) for n in range(500)])
    group = pq.ParquetFile(out / "ledger/part-00000.parquet").metadata.row_group(0)
    columns = {group.column(n).path_in_schema: group.column(n) for n in range(group.num_columns)}
    for name in ("stage", "rule", "class", "before"):
        assert "RLE_DICTIONARY" in columns[name].encodings
        assert columns[name].total_uncompressed_size < 500
        assert columns[name].compression == "ZSTD"


def test_the_digest_knows_every_row_and_text_and_no_order(tmp_path: Path) -> None:
    a, b = cut(doc("a", note="1")), cut(doc("b"))
    same = digest(run(tmp_path / "1", [a, b]))
    assert digest(run(tmp_path / "2", [b, a])) == same
    undone = a + Patch("undo", (Edit(15, 15, "", "Lire aussi : La crue\n", "r"),))
    again = doc("a", note="1") + Patch("chrome", (Edit(15, 36, "Lire aussi : La crue\n", "", "fr/lire-aussi", "7"),))
    others = [[a], [a, doc("b")], [cut(doc("a", note="2")), b], [again, b], [undone, b], [cut(doc("a")), b]]
    digests = [digest(run(tmp_path / f"o{n}", other)) for n, other in enumerate(others)]
    assert len({same, *digests}) == len(others) + 1
    (tmp_path / "1/text/a.txt").write_text("other\n")
    assert digest(tmp_path / "1") != same


def test_the_digest_is_made_as_its_recipe_says(tmp_path: Path) -> None:
    out = run(
        tmp_path / "out", [Document("é", "ab", source={"z": 1, "a": 0.5}) + Patch("s", (Edit(0, 1, "a", "", "r"),))]
    )
    raw = sha256(b"ab").hexdigest()
    labels = {"a": 0.5, "raw_sha256": raw, "z": 1}
    row = ["é", None, None, "text/é.txt", None, None, None, 2, 1, labels, None, raw, None, None, None]
    edit = ["é", 0, 0, "s", "r", "s", 0, 1, "a", "", "", True]
    lines = "".join(json.dumps(v, ensure_ascii=False, separators=(",", ":")) + "\n" for v in (row, edit))
    assert digest(out) == sha256(sha256(lines.encode() + b"b\n").digest()).hexdigest()


# The way back.


@st.composite
def documents(draw: st.DrawFn) -> Document:
    text = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\n\r\ufeff \0é"), max_size=30)
    raw = draw(text)
    d = Document(draw(st.text(max_size=8)), raw, source={"raw_sha256": sha256(raw.encode()).hexdigest()})
    for n in range(draw(st.integers(0, 4))):
        cuts = sorted(draw(st.lists(st.integers(0, len(d.text)), max_size=6)))
        spans = list(zip(cuts[::2], cuts[1::2], strict=False))
        edits = [Edit(i, j, d.text[i:j], draw(text), f"r/{n}", draw(text)) for i, j in spans]
        made = [draw(st.booleans()) for _ in edits]
        d += Patch(
            draw(st.sampled_from(["s", "t"])),
            tuple(e for e, m in zip(edits, made, strict=True) if m),
            draw(st.dictionaries(text, st.integers(-9, 9) | text | st.booleans(), max_size=2)),
            tuple(e for e, m in zip(edits, made, strict=True) if not m),
        )
    return d


@given(st.lists(documents(), max_size=5, unique_by=lambda d: d.id))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_output_and_the_ledger_give_every_raw_text_back(
    tmp_path_factory: pytest.TempPathFactory, made: list[Document]
) -> None:
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(output, "BATCH_ROWS", 2)
        out = run(folder / "out", made)
    back = list(restore(out, folder / "to", encode))
    assert [(r.id, r.error, r.exact) for r in back] == [(d.id, "", False) for d in made]
    assert [r.path and r.path.read_bytes() for r in back] == [d.raw.encode() for d in made]
    assert [row and row.labels for row, _ in walk(out, {d.id for d in made})] == [d.labels for d in made]
    assert digest(out) == digest(run(folder / "turned", made[::-1]))


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16", "shift_jis"])
def test_the_bytes_of_the_source_come_back(tmp_path: Path, encoding: str) -> None:
    text = "表示\r\nx\n" if encoding == "shift_jis" else "Où ? “Ici”\r\nLà.\n"
    out = run(tmp_path / "out", [cut(doc("a.txt", text, encoding), "\r\n")])
    (back,) = restore(out, tmp_path / "to", encode)
    assert back == ("a.txt", tmp_path / "to/a.txt", True, "")
    assert files(tmp_path / "to") == {"a.txt": text.encode(encoding)}


def test_what_is_not_exact_comes_back_as_utf_8_and_says_so(tmp_path: Path) -> None:
    out = run(tmp_path / "out", [doc("p.html", "Été", "cp1252", exact=False)])
    (back,) = restore(out, tmp_path / "to", encode)
    assert (back.exact, back.error, files(tmp_path / "to")) == (False, "", {"p.html": "Été".encode()})


def test_what_does_not_fit_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    wrong = {"ended": {"encoding": "klingon"}, "source": {"source_sha256": "0" * 64}, "raw": {"raw_sha256": "0" * 64}}
    made = [cut(doc(id, **wrong.get(id, {}))) for id in ("good", "gone", "longer", "edited", "bytes", *wrong, "last")]
    out = run(tmp_path / "out", made)
    (out / "text/gone.txt").unlink()
    (out / "text/longer.txt").write_text(made[0].text + "\n\n")
    (out / "text/edited.txt").write_text(made[0].text.replace("pont", "port") + "\n")
    (out / "text/bytes.txt").write_bytes(b"\xff\n")
    errors = {r.id: r.error for r in restore(out, tmp_path / "to", encode)}
    assert {id for id, error in errors.items() if not error} == {"good", "last"} == set(files(tmp_path / "to"))
    for id, fault in (
        ("gone", "cannot be read"),
        ("longer", "was changed"),
        ("edited", "changed"),
        ("bytes", "not UTF-8"),
    ):
        assert fault in errors[id]
    for id, fault in (("ended", "klingon"), ("source", "another hash than the source"), ("raw", "another hash")):
        assert fault in errors[id]


@pytest.mark.parametrize("lost", [slice(1, 2), slice(0, 2), slice(2, 3), slice(0, 0)])
def test_rows_that_are_lost_or_turned_harm_their_documents_alone(tmp_path: Path, lost: slice) -> None:
    made = [cut(doc(id)) for id in "abc"]
    out = run(tmp_path / "out", made)
    path = out / "documents/part-00000.parquet"
    rows = pq.read_table(path).to_pylist()
    kept = [r for r in rows if r not in rows[lost]]
    pq.write_table(pa.Table.from_pylist(kept, DOCUMENTS_SCHEMA), path)
    back = {r.id: r.error for r in restore(out, tmp_path / "1", encode)}
    assert {id for id, error in back.items() if "documents table has not" in error} == {r["id"] for r in rows[lost]}
    assert {id for id, error in back.items() if not error} == {r["id"] for r in kept}
    if len(kept) < 3:
        with pytest.raises(OutputError, match="ledger has edits of"):
            digest(out)
    ledger = out / "ledger/part-00000.parquet"
    pq.write_table(pa.Table.from_pylist(pq.read_table(ledger).to_pylist()[1:], LEDGER_SCHEMA), ledger)
    assert [r.id for r in restore(out, tmp_path / "2", encode) if not r.error] == [
        r["id"] for r in kept if r["id"] != "a"
    ]


def test_a_broken_table_is_named(tmp_path: Path) -> None:
    out = run(tmp_path / "out", [doc("a")])
    (out / "ledger/part-00000.parquet").write_bytes(b"PAR1 no table")
    for read in (digest, lambda out: list(restore(out, tmp_path / "to", encode))):
        with pytest.raises(OutputError, match=r"ledger.part-00000\.parquet"):
            read(out)


def test_restoring_replaces_nothing_and_writes_nowhere_else(tmp_path: Path) -> None:
    out = run(tmp_path / "out", [doc("same"), doc("other"), doc("link/a"), doc("out/text/b"), doc("dangling")])
    to, elsewhere = tmp_path / "to", tmp_path / "elsewhere"
    to.mkdir()
    elsewhere.mkdir()
    (to / "same").write_text(TEXT)
    (to / "other").write_text("mine")
    (to / "link").symlink_to(elsewhere)
    (to / "dangling").symlink_to(tmp_path / "nowhere")
    then = (to / "same").stat().st_mtime_ns
    errors = {r.id: r.error for r in restore(out, to, encode)}
    assert {id for id, error in errors.items() if not error} == {"same", "out/text/b"}
    assert (to / "same").stat().st_mtime_ns == then
    assert (to / "other").read_text() == "mine"
    assert not any(elsewhere.iterdir())
    errors = {r.id: r.error for r in restore(out, tmp_path, encode)}
    assert "leads into the run" in errors["out/text/b"]
    before = files(out)
    for inside in (out, out / "text"):
        with pytest.raises(OutputError, match="lies in the run"):
            restore(out, inside, encode)
    with pytest.raises(OutputError, match="is a file"):
        restore(out, out / "../to/other", encode)
    assert files(out) == before


def test_a_large_document_goes_there_and_back(tmp_path: Path) -> None:
    line = "Une ligne comme il y en a tant, et puis une autre, été comme hiver.\n"
    raw = line * (20_000_000 // len(line))
    edits = tuple(Edit(n * len(line), n * len(line) + 9, "Une ligne", "", "r") for n in range(0, 290_000, 10))
    d = doc("big", raw) + Patch("s", edits)
    whole = d.text
    d += Patch("t", (Edit(0, len(whole) // 2, whole[: len(whole) // 2], "", "half"),))
    out = run(tmp_path / "out", [d])
    (back,) = restore(out, tmp_path / "to", encode)
    assert (back.exact, back.error) == (True, "")
    assert (tmp_path / "to/big").read_bytes() == raw.encode()


def test_memory_stays_flat_while_documents_come(tmp_path: Path) -> None:
    script = """
import resource, sys
from pathlib import Path
from cleaner.document import Document, Edit, Patch
from cleaner.write import output
output.BATCH_BYTES = 1 << 20
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
raw = "mot " * 50_000
with output.Output(Path(sys.argv[1]), ids=map(str, range(600))) as o:
    for n in range(600):
        o.add(Document(str(n), raw) + Patch("s", (Edit(0, 200_000, raw, "", "r"),)), {})
        if n == 100:
            begun = peak()
    o.finish({})
print(peak() - begun)
"""
    grown = subprocess.run([sys.executable, "-c", script, str(tmp_path / "out")], capture_output=True, check=True)
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(grown.stdout) * unit < 30 << 20  # 120 MB of text came, 100 MB of it after the first measure
