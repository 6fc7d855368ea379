"""Records: every line, row and page of an input is one record or one fault, and the plan is the same however it is run."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from cleaner.document import Document
from cleaner.read.decode import Unreadable
from cleaner.read.inputs import walk
from cleaner.read.lines import Cut, cuts, lines
from cleaner.read.record import Chunk, Fault, Options, Record
from cleaner.read.records import document_of, documents, plan, records, survey
from cleaner.read.streams import Torn, pieces

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": lambda data: bz2.compress(data, 1),
    ".xz": lambda data: lzma.compress(data, preset=0),
    ".zst": zstandard.ZstdCompressor().compress,
}
ROWS = [{"id": f"n{n}", "text": f"Le pont numéro {n} est fermé."} for n in range(40)]


def jsonl(rows: Iterable[object]) -> bytes:
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


def everything(*inputs: Path, options: Options | None = None) -> list[Record | Fault]:
    options = options or Options()
    return [one for chunk in plan(walk(inputs), options) for one in records(chunk, options)]


def one(row: object, **options: tuple[str, ...]) -> Record | Fault:
    [found] = of_lines(jsonl([row]), Options(**options))  # type: ignore[arg-type]
    return found


def of_lines(data: bytes, options: Options | None = None) -> list[Record | Fault]:
    from cleaner.read.record import Source, Span

    span = Span(Source("a.jsonl", "a.jsonl"), "jsonl", 0, len(data), data)
    return list(records(Chunk(0, (span,)), options or Options()))


@pytest.mark.parametrize("suffix", PACKERS)
@pytest.mark.parametrize("chunk_bytes", [1, 100, 1 << 20])
def test_lines_are_the_same_records_however_packed_and_cut(tmp_path: Path, suffix: str, chunk_bytes: int) -> None:
    (tmp_path / f"a.jsonl{suffix}").write_bytes(PACKERS[suffix](jsonl(ROWS)))
    found = everything(tmp_path, options=Options(chunk_bytes=chunk_bytes))
    assert [r.id for r in found] == [f"a.jsonl{suffix}#n{n}" for n in range(40)]
    assert [r.data for r in found if isinstance(r, Record)] == [row["text"] for row in ROWS]
    assert found[1].place == len(jsonl(ROWS[:1]))


def test_compression_is_told_by_bytes_not_by_names(tmp_path: Path) -> None:
    (tmp_path / "a.html.gz").write_bytes(b"<p>Une page.</p>")
    (tmp_path / "b.html").write_bytes(gzip.compress(b"<p>Une autre.</p>"))
    (tmp_path / "c.jsonl").write_bytes(lzma.compress(jsonl(ROWS[:1])))
    (tmp_path / "d.txt").write_bytes(b"BZh9 n'est pas un fichier bzip2.")
    (tmp_path / "e").write_bytes(zstandard.compress(b"Un texte."))
    made = [d for d in documents([tmp_path]) if isinstance(d, Document)]
    assert {d.id: d.text for d in made} == {
        "a.html.gz": "Une page.",
        "b.html": "Une autre.",
        "c.jsonl#n0": ROWS[0]["text"],
        "e": "Un texte.",
    }


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zst"])
def test_every_member_of_a_compressed_file_is_read(tmp_path: Path, suffix: str) -> None:
    pack = PACKERS[suffix]
    (tmp_path / "a.jsonl").write_bytes(pack(jsonl(ROWS[:20])) + pack(b"") + pack(jsonl(ROWS[20:])))
    assert len(everything(tmp_path)) == 40


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zst"])
def test_what_stands_before_a_tear_is_read_and_the_tear_is_told(tmp_path: Path, suffix: str) -> None:
    rows = [{"text": f"{n} {n * 7919 % 65537} {n * 104729 % 999983}"} for n in range(30_000)]
    whole = PACKERS[suffix](jsonl(rows))
    (tmp_path / "a.jsonl").write_bytes(whole[: len(whole) * 3 // 4])
    found = everything(tmp_path)
    read = [r for r in found if isinstance(r, Record)]
    assert [r.data for r in read] == [row["text"] for row in rows[: len(read)]]
    assert len(read) > (5_000 if suffix == ".gz" else 0)
    faults = [r for r in found if isinstance(r, Fault)]
    assert len(faults) <= 2  # the tear, and the line it left half
    assert "ends early" in faults[-1].reason


def test_a_damaged_byte_costs_only_what_follows_it(tmp_path: Path) -> None:
    whole = bytearray(gzip.compress(jsonl(ROWS)))
    whole[-6] ^= 255  # in the checksum: all lines were had before it is looked at
    (tmp_path / "a.jsonl").write_bytes(whole)
    found = everything(tmp_path)
    assert [type(r) for r in found] == [Record] * 40 + [Fault]
    assert "gzip data is damaged" in found[-1].reason


def test_a_bomb_is_told_before_it_is_unpacked(tmp_path: Path) -> None:
    for suffix, pack in PACKERS.items():
        if suffix:
            (tmp_path / f"a.html{suffix}").write_bytes(pack(b"a" * 10_000_000))
    found = everything(tmp_path, options=Options(most_bytes=1 << 20))
    assert len(found) == 4
    assert all(isinstance(r, Fault) and "too large: more than 1,048,576 bytes" in r.reason for r in found)
    assert all("input.max_document_mb" in r.reason for r in found if isinstance(r, Fault))


@given(
    st.lists(st.binary(max_size=12).map(lambda b: b.replace(b"\n", b"x")), max_size=30),
    st.integers(1, 40),
    st.integers(1, 30),
    st.lists(st.integers(1, 20), min_size=1),
    st.booleans(),
)
def test_cuts_hold_every_line_once_wherever_pieces_end(
    parts: list[bytes], size: int, most: int, steps: list[int], torn: bool
) -> None:
    data = b"\n".join(parts)

    def pieces() -> Iterable[bytes]:
        at = 0
        while at < len(data):
            step = steps[at % len(steps)]
            yield data[at : at + step]
            at += step
        if torn:
            raise Torn("torn")

    def every(found: Iterable[Cut]) -> list[tuple[int, bytes | None]]:
        lined: list[tuple[int, bytes | None]] = []
        for cut in found:
            if cut.reason and cut.reason != "torn":
                lined.append((cut.place, None))
            elif not cut.reason:
                lined += lines([cut.data], cut.place, most)
        return lined

    expected = [(at, line if len(line) <= most else None) for at, line in _offsets(data)]
    found = list(cuts(pieces(), size, most))
    assert every(found) == expected
    assert (found[-1:] == [Cut(len(data), b"", "torn")]) == torn
    assert [c for c in found if c.reason != "torn"] == list(cuts([data] if data else [], size, most))
    # The same by ranges of a file, each of the size.
    ranged = []
    for start in range(0, len(data), size):
        begun = max(start - 1, 0)
        some = iter(lines([data[begun:]], begun, most, start + size))
        if start:
            next(some, None)
        ranged += [tuple(line) for line in some if line.place < start + size]
    assert ranged == expected


def _offsets(data: bytes) -> list[tuple[int, bytes]]:
    found, at = [], 0
    for line in data.split(b"\n"):
        found.append((at, line))
        at += len(line) + 1
    return found[:-1] if not found[-1][1] else found


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"text": "abc', "not JSON"),
        (b"\x00\x00\x00", "not JSON"),
        (b'{"text": "a\xff"}', "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b'"a string"', "the line holds a string, not an object"),
        (b"null", "the line holds nothing, not an object"),
        (b"{}", "none of the fields text, content, raw_content, body"),
        (b'{"titre": "x"}', "it has titre"),
        (b'{"text": 12}', "field 'text' holds a number, not a string"),
        (b'{"text": ["a", 1]}', "field 'text' holds a list"),
        (b'{"text": []}', "field 'text' holds a list"),
        (b'{"text": " \\n"}', "field 'text' is empty"),
        (b'{"text": "", "html": {"a": 1}}', "field 'text' is empty; field 'html' holds an object"),
    ],
)
def test_a_line_that_is_no_record_is_a_fault_that_says_why_and_hides_no_other(line: bytes, reason: str) -> None:
    good = jsonl(ROWS[:1])
    found = of_lines(good + line + b"\n" + good)
    assert [type(r) for r in found] == [Record, Fault, Record]
    fault = found[1]
    assert isinstance(fault, Fault)
    assert reason in fault.reason
    assert (fault.id, fault.place, fault.stage) == (f"a.jsonl#{len(good)}", len(good), "read")
    assert len(fault.reason) < 500


def test_what_python_and_javascript_write_as_json_is_read() -> None:
    found = of_lines(
        b'\xef\xbb\xbf{"text": "a", "score": NaN}\r\n\n  \n{"text": "b\\ud800", "n": 1e999}\n{"text": "\\u0000c"}'
    )
    assert [r.data for r in found if isinstance(r, Record)] == ["a", "b\ud800", "\x00c"]
    [_, torn, _] = [document_of(r) for r in found if isinstance(r, Record)]
    assert (torn.raw, torn.labels["exact"]) == ("b\ufffd", False)


def test_fields_are_found_by_their_names_in_order() -> None:
    row = {
        "body": "corps",
        "content": "contenu",
        "raw_html": "<p>page</p>",
        "url": " https://exemple.test/a ",
        "_id": 7,
    }
    found = one(row)
    assert found == Record("a.jsonl#7", "contenu", "https://exemple.test/a", None, None, None, 0)
    html = one(row, text=())
    assert isinstance(html, Record)
    assert (html.data, html.page) == ("<p>page</p>", True)
    assert document_of(html).text == "page"
    nested = one({"doc": {"said": "imbriqué"}, "meta": {"url": "https://exemple.test/b"}}, text=("doc.said",))
    assert isinstance(nested, Record)
    assert (nested.data, nested.url) == ("imbriqué", "https://exemple.test/b")
    empty = one({"text": None, "content": "", "body": "reste", "id": None, "uuid": "u", "url": 4})
    assert empty == Record("a.jsonl#u", "reste")


@pytest.mark.parametrize(
    ("given", "date"),
    [
        ("2024-05-06", "2024-05-06"),
        ("2024-05-06T07:08:09Z", "2024-05-06T07:08:09Z"),
        (1_700_000_000, "2023-11-14T22:13:20+00:00"),
        ("1700000000000", "2023-11-14T22:13:20+00:00"),
        ("hier", None),
        (12, None),
        (True, None),
        ({}, None),
    ],
)
def test_dates_become_iso_or_none(given: object, date: str | None) -> None:
    found = one({"text": "x", "date": given})
    assert isinstance(found, Record)
    assert found.date == date
    assert document_of(found).labels.get("crawled") == date


def test_ids_can_be_stored_one_a_line_and_do_not_repeat_in_a_chunk() -> None:
    rows = [{"id": i, "text": "x"} for i in ("a\nb", "a\u0000", "é", "é", "é", "x" * 1000, "é@1", " ", 1.5, True)]
    ids = [r.id.removeprefix("a.jsonl#") for r in of_lines(jsonl(rows))]
    assert len(set(ids)) == len(rows)
    assert ids[:3] == ["a\\nb", "a\\x00", "é"]
    assert ids[3].startswith("é@")
    assert len(ids[5]) < 256
    assert ids[8] == "1.5"
    assert all("\n" not in i and "\0" not in i for i in ids)


def test_the_plan_keeps_its_numbers_and_drops_what_is_not_wanted(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(jsonl(ROWS)))
    (tmp_path / "b.html").write_text("<p>x</p>")
    options = Options(chunk_bytes=300)
    whole = list(plan(walk([tmp_path]), options))
    again = list(plan(walk([tmp_path]), options, lambda n: n == 2))
    assert [c.number for c in whole] == [c.number for c in again] == list(range(len(whole)))
    assert [[(s.start, s.stop) for s in c.spans] for c in whole] == [
        [(s.start, s.stop) for s in c.spans] for c in again
    ]
    assert again[2] == whole[2]
    assert {s.payload for c in again if c.number != 2 for s in c.spans} == {b"", None}
    packed = msgspec.msgpack.encode(whole)
    assert msgspec.msgpack.decode(packed, type=list[Chunk]) == whole


def test_many_small_files_share_a_chunk_and_none_is_opened_to_plan(tmp_path: Path) -> None:
    for n in range(30):
        (tmp_path / f"{n:02}.txt").write_text("Une phrase." * 10)
    sources = list(walk([tmp_path]))
    for path in tmp_path.iterdir():
        path.unlink()
    found = list(plan(sources, Options(chunk_bytes=500, chunk_documents=4)))
    assert [len(c.spans) for c in found] == [4] * 7 + [2]
    reasons = [r for c in found for r in records(c, Options())]
    assert all(isinstance(r, Fault) and "No such file" in r.reason for r in reasons)


def test_json_and_nameless_files_are_lines_only_if_their_first_line_is_a_record(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(jsonl(ROWS[:2]))
    (tmp_path / "b.json").write_text('{"text": "un seul\\nobjet",\n "id": 1}')
    (tmp_path / "c").write_bytes(jsonl(ROWS[:2]))
    (tmp_path / "d").write_text('{"x": 1}\n{"x": 2}\n')
    (tmp_path / "e.md").write_bytes(jsonl(ROWS[:2]))
    ids = [r.id for r in everything(tmp_path)]
    assert ids == ["a.json#n0", "a.json#n1", "b.json", "c#n0", "c#n1", "d", "e.md"]
    assert [r.id for r in everything(tmp_path / "e.md", options=Options("jsonl"))] == ["e.md#n0", "e.md#n1"]
    assert [r.id for r in everything(tmp_path / "a.json", options=Options("text"))] == ["a.json"]


def test_options_name_their_choices() -> None:
    with pytest.raises(ValueError, match=r"unknown format 'csv'; known: auto, text"):
        Options("csv")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="chunk_bytes is 0"):
        Options(chunk_bytes=0)


def test_a_survey_counts_formats_without_reading_records(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(jsonl(ROWS)))
    (tmp_path / "b.html").write_text("<p>x</p>")
    (tmp_path / "c.html").write_text("<p>y</p>")
    pq.write_table(pa.table({"text": ["x"]}), tmp_path / "d")
    rows = survey(walk([tmp_path]), Options())
    assert [tuple(r)[:3] for r in rows] == [("document", "", 2), ("jsonl", "gzip", 1), ("parquet", "", 1)]
    assert rows[0].bytes == 16


def test_parquet_rows_are_the_same_however_they_are_grouped_and_cut(tmp_path: Path) -> None:
    table = pa.table(
        {
            "text": pa.array([f"Le train {n} part à l’heure." for n in range(500)]).dictionary_encode(),
            "id": pa.array(range(500), pa.int64()),
            "unused": ["x" * 100] * 500,
            "date": [datetime(2024, 5, 6, 7)] * 500,
            "metadata": [{"url": f"https://exemple.test/{n}", "b": 1} for n in range(500)],
        }
    )
    found = []
    for group, chunk_bytes, chunk_documents in ((500, 1 << 22, 10), (7, 1 << 22, 256), (100, 700, 256), (500, 1, 256)):
        pq.write_table(table, tmp_path / "a.parquet", row_group_size=group)
        options = Options(chunk_bytes=chunk_bytes, chunk_documents=chunk_documents)
        found.append(everything(tmp_path, options=options))
    assert all(each == found[0] for each in found)
    assert found[0][3] == Record(
        "a.parquet#3", "Le train 3 part à l’heure.", "https://exemple.test/3", None, "2024-05-06T07:00:00", None, 3
    )
    assert len(found[0]) == 500


def test_parquet_columns_that_hold_no_text_are_told(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1], "b": ["x"]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"text": [1, 2], "html": [[1], [2]]}), tmp_path / "b.parquet")
    pq.write_table(pa.table({"text": [None, "", "x"], "html": [b"<p>y</p>", None, None]}), tmp_path / "c.parquet")
    (tmp_path / "d.parquet").write_bytes(b"PAR1" + b"\0" * 50)
    bad = pa.StringArray.from_buffers(2, pa.py_buffer(b"\0\0\0\0\2\0\0\0\4\0\0\0"), pa.py_buffer(b"a\xffok"))
    pq.write_table(pa.table({"text": bad}), tmp_path / "e.parquet")
    found = {r.id: r for r in everything(tmp_path)}
    assert "none of the columns text" in found["a.parquet"].reason  # type: ignore[union-attr]
    assert "it has a, b" in found["a.parquet"].reason  # type: ignore[union-attr]
    assert "column 'text' holds int64, not strings" in found["b.parquet"].reason  # type: ignore[union-attr]
    assert found["c.parquet#0"].data == b"<p>y</p>"  # type: ignore[union-attr]
    assert "field 'text' is empty" in found["c.parquet#1"].reason  # type: ignore[union-attr]
    assert "not a Parquet file" in found["d.parquet"].reason  # type: ignore[union-attr]
    assert [found[f"e.parquet#{n}"].data for n in (0, 1)] == [b"a\xff", "ok"]  # type: ignore[union-attr]


def test_a_text_of_a_record_keeps_its_string() -> None:
    found = one({"text": "\ufeffÉté\r\n"})
    assert isinstance(found, Record)
    made = document_of(found)
    assert (made.raw, made.labels["exact"], made.labels["encoding"]) == ("\ufeffÉté\r\n", True, "utf-8")
    with pytest.raises(Unreadable, match="a PNG image"):
        document_of(Record("x", b"\x89PNG\r\n\x1a\n"))


def test_pieces_are_bounded(tmp_path: Path) -> None:
    for suffix, pack in PACKERS.items():
        (tmp_path / "a").write_bytes(pack(b"b" * 5_000_000))
        with open(tmp_path / "a", "rb") as file:
            _, parts = pieces(file)
            sizes = [len(part) for part in parts]
        assert sum(sizes) == 5_000_000
        assert max(sizes) <= (1 << 20) or suffix == ".zst"
