"""Tables, digest and the way back: the same in any order, and every raw text again."""

from __future__ import annotations

import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from runs import TEXT, cut, doc, encode, files, run, texts

from cleaner.document import Document, Edit, Patch
from cleaner.write import fragment
from cleaner.write.digest import digest, walk
from cleaner.write.parts import Form
from cleaner.write.restore import restore
from cleaner.write.tables import DOCUMENTS_SCHEMA, LEDGER_SCHEMA, OutputError

# Tables.


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_batches_chunks_shards_and_forms_change_neither_rows_nor_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: Form
) -> None:
    documents = [cut(doc(f"{n}", f"{n}\n{TEXT}", note=n)) for n in range(20)]
    whole = run(tmp_path / "whole", documents)
    monkeypatch.setattr(fragment, "BATCH_ROWS", 3)
    parts = run(tmp_path / "parts", documents, chunks=7, shards=3, form=form, to=form, ledger=form)
    assert len(list((parts / "documents").iterdir())) == 3
    assert len(list((parts / "ledger").iterdir())) == 3
    known = {d.id for d in documents}
    placeless = [w._replace(row=w.row and w.row._replace(path=None, text=None)) for w in walk(whole, known.copy())]
    assert [w._replace(row=w.row and w.row._replace(text=None)) for w in walk(parts, known.copy())] == placeless
    assert digest(whole) == digest(parts)
    assert [(r.id, r.error) for r in restore(parts, tmp_path / "to", encode)] == [(d.id, "") for d in documents]
    assert files(tmp_path / "to") == {d.id: d.raw.encode() for d in documents}


def test_what_is_dropped_is_kept_with_its_reason_and_comes_back(tmp_path: Path) -> None:
    documents = [cut(doc(f"{n}", f"{n}\n{TEXT}", language="de" if n % 3 else "fr")) for n in range(10)]
    out = run(
        tmp_path / "out", documents, chunks=3, decide=lambda labels: "language de" if labels["language"] == "de" else ""
    )
    stay = {d.id for d in documents[::3]}
    assert {name.removesuffix(".txt") for name in texts(out)} == stay
    told = {w.row.id: (w.reason, len(w.edits)) for w in walk(out, {d.id for d in documents}) if w.row}
    assert told == {d.id: ("" if d.id in stay else "language de", 1) for d in documents}
    assert pq.read_table(out / "dropped/documents/part-00000.parquet")["reason"].to_pylist() == ["language de"] * 6
    assert {r.id for r in restore(out, tmp_path / "to", encode) if r.exact} == {d.id for d in documents}
    assert digest(out) != digest(run(tmp_path / "all", documents))


def test_without_a_whole_ledger_nothing_can_be_put_back_and_it_says_so(tmp_path: Path) -> None:
    for ledger, rows in (("summary", 2), ("none", 0)):
        out = run(tmp_path / ledger, [cut(doc("a")), cut(doc("b"))], ledger=ledger)  # type: ignore[arg-type]
        if rows:
            (first, _) = pq.read_table(out / "ledger/part-00000.parquet").to_pylist()
            assert (first["rule"], first["edits"], first["removed"]) == ("fr/lire-aussi", 1, 21)
        with pytest.raises(OutputError, match=ledger):
            restore(out, tmp_path / "to", encode)


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
    row = ["é", *[None] * 7, 2, 1, labels, {}, None, None, None, None, raw, None, None, None]
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
        patch.setattr(fragment, "BATCH_ROWS", 2)
        out = run(folder / "out", made)
    back = list(restore(out, folder / "to", encode))
    assert [(r.id, r.error, r.exact) for r in back] == [(d.id, "", False) for d in made]
    assert [r.path and r.path.read_bytes() for r in back] == [d.raw.encode() for d in made]
    assert [row and row.labels for row, _, _ in walk(out, {d.id for d in made})] == [d.labels for d in made]
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
from cleaner.write.fragment import Fragment
from cleaner.write.shards import Shard, Writing, merge
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
out, raw = Path(sys.argv[1]), "mot " * 50_000
with Fragment(out, 0, {}, "parquet") as fragment:
    for n in range(600):
        fragment.add(Document(str(n), raw) + Patch("s", (Edit(0, 200_000, raw, "", "r"),)))
        if n == 100:
            begun = peak()
    fragment.commit()
merge(Shard(0, 0, 0), Writing(out, out / "made", "parquet", "parquet"))
print(peak() - begun)
"""
    grown = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, check=True)
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(grown.stdout) * unit < 60 << 20  # 120 MB of text came, 100 MB of it after the first measure
