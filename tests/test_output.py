"""Writing a run: what is on disk is whole and safe, and what was there before is respected."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from runs import CLASSES, TEXT, cut, doc, encode, files, run, texts, told

from cleaner.document import Document, Edit, Label, Patch
from cleaner.write.atomic import TEMPORARY
from cleaner.write.digest import digest, walk
from cleaner.write.folder import Folder
from cleaner.write.fragment import Fault, Fragment, Tally, marker
from cleaner.write.restore import restore
from cleaner.write.tables import DOCUMENTS_SCHEMA, LEDGER_SCHEMA, DocumentRow, LedgerRow, OutputError

# A run.


def test_a_run_holds_texts_tables_and_errors(tmp_path: Path) -> None:
    spared = Edit(0, 2, "Le", "", "fr/article", "low confidence")
    d = cut(doc("site/a.html", title="Le pont", language="fr", language_score=0.75, format="html", pages=3))
    d += Patch("chrome", labels={"suspect": True, "quality.words": 9}, spared=(spared,))
    fault = Fault("c", "c", 0, "read", "is a picture: “é”\n")
    out = run(tmp_path / "out", [d, Document("b", "")], faults=[fault])
    assert texts(out) == {"site/a.html.txt": "Le pont ferme.\nIl rouvrira lundi.\n", "b.txt": "\n"}
    tables = {"documents/part-00000.parquet", "ledger/part-00000.parquet"}
    own = {".files", ".lock", "errors.jsonl", "run.json", "text/b.txt", "text/site/a.html.txt"}
    assert set(files(out)) == tables | own
    (first, edits, _), (second, none, _) = walk(out, {"site/a.html", "b"})
    assert first
    assert second
    assert first[:6] == ("site/a.html", None, None, "text/site/a.html.txt", "Le pont", None)
    assert first[6:10] == ("fr", 0.75, len(d.raw), len(d.text))
    assert first.labels == {**d.labels, "quality.words": 9.0}
    assert first.quality == {"words": 9.0}
    assert second.raw_sha256 == sha256(b"").hexdigest()
    assert edits == [
        LedgerRow(
            "site/a.html", 0, 0, "chrome", "fr/lire-aussi", "related", 15, 36, "Lire aussi : La crue\n", "", "", True
        ),
        LedgerRow("site/a.html", 1, 0, "chrome", "fr/article", "chrome", 0, 2, "Le", "", "low confidence", False),
    ]
    assert none == []
    assert [json.loads(line) for line in (out / "errors.jsonl").read_bytes().splitlines()] == [
        {"id": "c", "input": "c", "place": 0, "stage": "read", "reason": "is a picture: “é”\n"}
    ]
    assert {"version", "started", "ended", "inputs"} <= told(out).keys()
    assert (told(out)["finished"], told(out)["rules"], told(out)["errors"]) == (True, "0" * 64, 1)
    assert list(told(out)) == sorted(told(out))


def test_a_chunk_counts_what_it_holds_and_counts_add_up(tmp_path: Path) -> None:
    d = cut(doc("a"))
    spared = Patch("chrome", (), {}, (Edit(0, 2, "Le", "", "fr/article", "low"), Edit(0, 1, "L", "", "x", "overlap")))
    for n, each in enumerate((d, d + spared)):
        with Fragment(tmp_path, n, CLASSES, "parquet") as fragment:
            fragment.add(each)
            fragment.commit()
    first, second = marker(tmp_path, 0), marker(tmp_path, 1)
    assert first
    assert second
    total = Tally()
    total += first.tally
    total += second.tally
    assert (total.documents, total.chars_raw, total.chars) == (2, 2 * len(d.raw), 2 * len(d.text))
    assert (total.edits, total.spared) == (2, 1)  # what overlapped went by another rule
    assert {name: (r.edits, r.spared, r.removed, r.added) for name, r in total.rules.items()} == {
        "fr/lire-aussi": (2, 0, 42, 0),
        "fr/article": (0, 1, 0, 0),
    }
    assert Tally().rules == {}


def test_a_chunk_that_is_not_committed_leaves_nothing(tmp_path: Path) -> None:
    with Fragment(tmp_path, 0, CLASSES, "parquet") as fragment:
        fragment.add(doc("a"))
    assert marker(tmp_path, 0) is None
    assert files(tmp_path) == {}


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
    labels["quality.words"] = "many"
    out = run(tmp_path / "out", [Document("d", "x", source=labels)])
    ((row, _, _),) = walk(out, {"d"})
    assert row
    assert row.labels == labels | {"raw_sha256": sha256(b"x").hexdigest()}
    assert (row.title, row.exact, row.quality) == (None, None, {})


def test_a_half_character_is_refused_and_adds_nothing(tmp_path: Path) -> None:
    with Fragment(tmp_path, 0, CLASSES, "parquet") as fragment:
        for bad in (
            Document("b", "half \ud83d"),
            Document("b", "x") + Patch("s", (Edit(0, 0, "", "\udc80", "r"),)),
            Document("b", "x", source={"title": "\udc80"}),
            Document("b", "x", source={"other": "\udc80"}),
            Document("c\udce9", "x"),
        ):
            with pytest.raises(UnicodeEncodeError):
                fragment.add(bad)
        fragment.fault(Fault("c\udce9", "c", 0, "read", "its name is not UTF-8"))
        made = fragment.commit()
    assert (made.tally, made.faults[0].id) == (Tally(), "c\\udce9")


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
    with Folder(out) as folder:
        folder.begin(["text/a.txt"])
        (out / "text").mkdir()
        (out / "text/a.txt").write_text("x\n")
    assert told(out)["finished"] is False
    for read in (digest, lambda out: restore(out, tmp_path / "to", encode)):
        with pytest.raises(OutputError, match="did not finish"):
            read(out)
    assert texts(run(out, [doc("b")])) == {"b.txt": TEXT + "\n"}


CHILD = """
import sys, time
from pathlib import Path
from cleaner.document import Document
from cleaner.write.folder import Folder
from cleaner.write.fragment import Fragment
with Folder(Path(sys.argv[1])) as folder:
    folder.begin(["text/6.txt"])
    with Fragment(folder.work, 0, {}, "parquet") as fragment:
        fragment.add(Document("5", "x"))
        (folder.out / "text").mkdir()
        (folder.out / "text/6.txt~tmp0a1b2c3d").write_text("half")
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
