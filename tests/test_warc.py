"""WARC and WET: what is a page or a text is one record, what is damaged is told, the rest is passed over."""

from __future__ import annotations

import gzip
import zlib
from io import BytesIO
from pathlib import Path

import brotli
import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType
from hypothesis import given
from hypothesis import strategies as st

from cleaner.document import Document
from cleaner.read.inputs import walk
from cleaner.read.record import Fault, Options, Record
from cleaner.read.records import documents, plan, records
from cleaner.read.warc import cut

PAGE = "<!doctype html><p>Le marché ouvre à l’aube.</p>".encode()


def record(kind: str, body: bytes, type_: str, id: str = "", **more: str) -> bytes:
    head = f"WARC/1.0\r\nWARC-Type: {kind}\r\nContent-Type: {type_}\r\nContent-Length: {len(body)}\r\n"
    head += f"WARC-Record-ID: <urn:uuid:{id}>\r\n" if id else ""
    head += "".join(f"{key.replace('_', '-')}: {value}\r\n" for key, value in more.items())
    return head.encode() + b"\r\n" + body + b"\r\n\r\n"


def answer(body: bytes = PAGE, type_: str = "text/html", id: str = "", status: str = "200 OK", **headers: str) -> bytes:
    lines = "".join(f"{key.replace('_', '-')}: {value}\r\n" for key, value in headers.items())
    http = f"HTTP/1.1 {status}\r\nContent-Type: {type_}\r\n{lines}\r\n".encode() + body
    return record("response", http, "application/http; msgtype=response", id, WARC_Target_URI="https://exemple.test/a")


def everything(root: Path, options: Options | None = None) -> list[Record | Fault]:
    options = options or Options()
    return [one for chunk in plan(walk([root]), options) for one in records(chunk, options)]


def read(tmp_path: Path, data: bytes, options: Options | None = None) -> list[Record | Fault]:
    (tmp_path / "a.warc").write_bytes(data)
    return everything(tmp_path / "a.warc", options)


def test_pages_and_texts_are_read_and_others_passed_over(tmp_path: Path) -> None:
    data = b"".join(
        (
            record("warcinfo", b"software: none", "application/warc-fields", "i"),
            record("request", b"GET / HTTP/1.1\r\n\r\n", "application/http; msgtype=request", "q"),
            answer(id="1"),
            answer(b"\x89PNG\r\n\x1a\n", "image/png", "2"),
            answer(b"body { color: red }", "text/css", "3"),
            answer(b"<p>Moved</p>", "text/html", "4", "301 Moved Permanently"),
            answer(b"<p>Introuvable</p>", "text/html", "5", "404 Not Found"),
            answer("Été".encode("cp1252"), "text/plain; charset=ISO-8859-1", "6"),
            record("conversion", b"Du texte extrait.", "text/plain", "7", WARC_Date="2024-05-06T07:08:09Z"),
            record("resource", PAGE, "text/html", "8", WARC_Target_URI="file:///a.html"),
            record("resource", b"wget", "text/plain", "9", WARC_Target_URI="metadata://gnu.org/software/wget/wget.log"),
            record("metadata", b"a: b", "application/warc-fields", "m"),
            record("revisit", b"", "application/http; msgtype=response", "r"),
        )
    )
    found = read(tmp_path, data)
    assert [r.id for r in found] == [f"a.warc#{n}" for n in "15678"]
    assert found[0] == Record(
        "a.warc#1", PAGE, "https://exemple.test/a", None, None, True, data.index(b"WARC-Type: response") - 10
    )
    assert found[2][1:6] == ("Été".encode("cp1252"), "https://exemple.test/a", "ISO-8859-1", None, False)
    assert found[3][3:6] == ("utf-8", "2024-05-06T07:08:09Z", False)
    texts = [d.text for d in documents([tmp_path]) if isinstance(d, Document)]
    assert texts == [
        "Le marché ouvre à l’aube.",
        "Introuvable",
        "Été",
        "Du texte extrait.",
        "Le marché ouvre à l’aube.",
    ]


def chunked(body: bytes, size: int = 10) -> bytes:
    parts = (body[at : at + size] for at in range(0, len(body), size))
    return b"".join(f"{len(p):x};x=y\r\n".encode() + p + b"\r\n" for p in parts) + b"0\r\n\r\n"


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (chunked(PAGE), {"Transfer_Encoding": "chunked"}),
        (PAGE, {"Transfer_Encoding": "chunked"}),  # stored unchunked
        (gzip.compress(PAGE, mtime=0), {"Content_Encoding": "gzip"}),
        (chunked(gzip.compress(PAGE, mtime=0)), {"Transfer_Encoding": "chunked", "Content_Encoding": "GZIP"}),
        (zlib.compress(PAGE), {"Content_Encoding": "deflate"}),
        (zlib.compress(PAGE, wbits=-15), {"Content_Encoding": "deflate"}),
        (brotli.compress(PAGE), {"Content_Encoding": "br"}),
        (PAGE, {"Content_Encoding": "br"}),  # stored unpacked
        (PAGE, {"Content_Encoding": "deflate"}),
        (PAGE, {"Content_Encoding": "gzip"}),
        (brotli.compress(gzip.compress(PAGE, mtime=0)), {"Content_Encoding": "gzip, br"}),
    ],
    ids=map(str, range(11)),
)
def test_transfer_and_content_encodings_are_undone(tmp_path: Path, body: bytes, headers: dict[str, str]) -> None:
    [found] = read(tmp_path, answer(body, **headers))
    assert isinstance(found, Record)
    assert found.data == PAGE


def test_bodies_that_cannot_be_unpacked_or_hold_nothing_are_told(tmp_path: Path) -> None:
    bomb = brotli.compress(b"a" * 20_000_000, quality=1)
    found = read(
        tmp_path,
        b"".join(
            (
                answer(b"\x00\x01nonsense", id="1", Content_Encoding="deflate"),
                answer(bomb, id="2", Content_Encoding="br"),
                answer(gzip.compress(b"a" * 20_000_000), id="3", Content_Encoding="gzip"),
                answer(b" \r\n", id="4"),
                answer(gzip.compress(PAGE * 50)[:-20], id="5", Content_Encoding="gzip"),
            )
        ),
        Options(most_bytes=1 << 20),
    )
    assert [type(r) for r in found] == [Fault] * 4 + [Record]
    for fault, reason in zip(
        found, ("deflate body is damaged", "br body holds more", "gzip body holds more", "empty"), strict=False
    ):
        assert isinstance(fault, Fault)
        assert reason in fault.reason
    assert isinstance(found[4], Record)
    assert found[4].data.startswith(PAGE)  # type: ignore[arg-type]


def test_a_record_that_is_too_large_is_told_if_it_is_a_page(tmp_path: Path) -> None:
    data = answer(b"x" * 5000, id="1") + answer(b"y" * 5000, "video/mp4", "2") + answer(id="3")
    found = read(tmp_path, data, Options(most_bytes=1000))
    assert [(type(r), r.id) for r in found] == [(Fault, "a.warc#1"), (Record, "a.warc#3")]
    assert "more than 1,000" in found[0].reason  # type: ignore[union-attr]


def test_what_is_no_record_is_told_once_and_the_next_is_found(tmp_path: Path) -> None:
    junk = b"WARC/1.0\r\nContent-Length: many\r\n\r\n" + b"nothing here\n" * 20_000
    data = answer(id="1") + junk + answer(id="2") + answer(id="3")[:-60]
    found = read(tmp_path, data)
    assert [(type(r), r.id) for r in found] == [
        (Record, "a.warc#1"),
        (Fault, f"a.warc#{len(answer(id='1'))}"),
        (Record, "a.warc#2"),
        (Fault, "a.warc#3"),
    ]
    assert "incomplete" in found[3].reason  # type: ignore[union-attr]


def test_members_are_records_and_a_torn_archive_keeps_what_came_before(tmp_path: Path) -> None:
    members = [gzip.compress(answer(PAGE * (n % 9 + 1), id=str(n))) for n in range(300)]
    (tmp_path / "a.warc.gz").write_bytes(b"".join(members))
    whole = everything(tmp_path)
    assert [r.id for r in whole] == [f"a.warc.gz#{n}" for n in range(300)]
    (tmp_path / "a.warc.gz").write_bytes(b"".join(members[:200]) + members[200][:-30])
    torn = everything(tmp_path)
    assert torn[:200] == whole[:200]
    assert [type(r) for r in torn[200:]] == [Fault]
    assert "gzip data ends early" in torn[200].reason  # type: ignore[union-attr]


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=8), st.integers(1, 400))
def test_records_are_those_that_fastwarc_finds(bodies: list[bytes], step: int) -> None:
    data = b"".join(answer(body, id=str(n)) for n, body in enumerate(bodies))
    ours = [p.data for p in cut((data[at : at + step] for at in range(0, len(data), step)), 1 << 20)]
    theirs = ArchiveIterator(BytesIO(data), record_types=WarcRecordType.response, parse_http=False)
    assert [o.partition(b"\r\n\r\n")[2] for o in ours] == [r.reader.read() for r in theirs]
