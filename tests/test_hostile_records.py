"""Damaged and enormous containers: no exception, nothing twice, nothing unsaid, memory bounded."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
import time
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from cleaner.read.decode import Unreadable
from cleaner.read.inputs import walk
from cleaner.read.record import Fault, Options, Record, Source
from cleaner.read.records import document_of, plan, records
from cleaner.read.streams import Torn, pieces

LINES = [json.dumps({"id": str(n), "text": f"La grue numéro {n} s’est posée près du lac."}) for n in range(30)]
JSONL = "\n".join(LINES).encode() + b"\n"
WARC = b"".join(
    f"WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Record-ID: <urn:uuid:{n}>\r\nContent-Length: {len(t)}\r\n\r\n".encode()
    + t
    + b"\r\n\r\n"
    for n, t in enumerate(line.encode() for line in LINES)
)


def parquet() -> bytes:
    sink = BytesIO()
    rows = [json.loads(line) for line in LINES]
    pq.write_table(pa.Table.from_pylist(rows), sink, row_group_size=7, compression="zstd")
    return sink.getvalue()


SEEDS = {
    "lines": JSONL,
    "lines.gz": gzip.compress(JSONL, mtime=0),
    "lines.zst": zstandard.compress(JSONL),
    "warc": WARC,
    "warc.gz": b"".join(gzip.compress(b"WARC/1.0" + part, mtime=0) for part in WARC.split(b"WARC/1.0")[1:]),
    "warc2.gz": gzip.compress(WARC, mtime=0),
    "parquet": parquet(),
}
OPTIONS = (Options(chunk_bytes=200, most_bytes=400), Options(), Options(chunk_documents=3))


def damaged(data: bytes, chance: random.Random) -> bytes:
    made = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        at, kind = chance.randrange(max(len(made), 1)), chance.randrange(6)
        if kind == 0:
            del made[at:]
        elif kind == 1:
            made[at : at + 1] = bytes((made[at] ^ 1 << chance.randrange(8),)) if made else b""
        elif kind == 2:
            made[at:at] = b"\0" * chance.randint(1, 9)
        elif kind == 3:
            del made[at : at + chance.randint(1, 60)]
        elif kind == 4:
            made[at:at] = chance.choice((b"\n", b"\xff\xfe", b"\r\n\r\n", b"WARC/1.0\r\n", b'{"', b"\x1f\x8b\x08"))
        else:
            made[at:at] = made[at : at + chance.randint(1, 200)]
    return bytes(made)


@pytest.mark.parametrize("name", SEEDS)
def test_damage_raises_nothing_and_every_record_is_told_once(name: str, tmp_path: Path) -> None:
    chance = random.Random(f"damage {name}")
    path = tmp_path / ("a.jsonl" if name.startswith("lines") else "a.x")
    for n in range(100):
        data = damaged(SEEDS[name], chance)
        path.write_bytes(data)
        options = OPTIONS[n % 3]
        chunks = list(plan(walk([path]), options))
        assert chunks == list(plan(walk([path]), options))
        assert [chunk.number for chunk in chunks] == list(range(len(chunks)))
        found = [one for chunk in chunks for one in records(chunk, options)]
        for chunk in chunks:
            ids = [one.id for one in records(chunk, options)]
            assert len(ids) == len(set(ids))
        for one in found:
            assert not set("\n\0\r") & set(one.id)
            if isinstance(one, Fault):
                assert one.reason
                assert one.stage == "read"
            else:
                with suppress(Unreadable):
                    document_of(one)
        places = [one.place for one in found]
        assert places == sorted(places), name
        kinds = {span.format for chunk in chunks for span in chunk.spans} - {"fault"}
        if kinds == {"jsonl"}:
            # Each line that is not blank is one record or one fault, at its place; a tear is one more.
            text, torn = unpacked(data)
            at, expected = 0, []
            for line in text.split(b"\n"):
                if (line.removeprefix(b"\xef\xbb\xbf") if at == 0 else line).strip():
                    expected.append(at)
                at += len(line) + 1
            # A file without a record is one fault.
            assert places == ([*expected, *([len(text)] if torn else [])] or [0])
        elif kinds == {"parquet"}:
            rows = [range(span.start, span.stop) for chunk in chunks for span in chunk.spans]
            assert [row for each in rows for row in each] == list(range(rows[-1].stop))
            assert len(found) == rows[-1].stop or any("cannot be read" in getattr(one, "reason", "") for one in found)


def unpacked(data: bytes) -> tuple[bytes, bool]:
    """Decompress as far as it goes, and tell whether it tore."""
    held = []
    try:
        for piece in pieces(BytesIO(data))[1]:
            held.append(piece)  # noqa: PERF402
    except Torn:
        return b"".join(held), True
    return b"".join(held), False


def bounded(code: str, limit: int, *args: Path | str) -> str:
    """Run code in a process of its own and give what it prints; its memory may grow by ``limit`` MiB."""
    head = (
        "import resource, sys\n"
        "from cleaner.read.records import *\nfrom cleaner.read.record import *\nfrom cleaner.read import parquet\n"
        "from cleaner.read.inputs import walk\n"
        "import pyarrow.parquet\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
    )
    tail = (
        "\ngrown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024\n"
        f"assert grown < {limit}, f'{{grown}} MiB'\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", head + code + tail, *map(str, args)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


COUNT = """
options = Options()
found = [0, 0]
for chunk in plan(walk([sys.argv[1]]), options):
    for one in records(chunk, options):
        found[isinstance(one, Fault)] += 1
print(*found)
"""


@pytest.mark.parametrize("packed", ["", "gz"])
def test_a_large_file_of_lines_takes_the_memory_of_a_chunk(tmp_path: Path, packed: str) -> None:
    path = tmp_path / f"a.jsonl.{packed}".rstrip(".")
    rows = "".join(json.dumps({"id": n, "text": f"Une phrase {n}. " * 400}) + "\n" for n in range(2000)).encode()
    with gzip.open(path, "wb", 1) if packed else open(path, "wb") as file:
        for _ in range(20):
            file.write(rows)
    assert path.stat().st_size > 240_000_000 or packed
    assert bounded(COUNT, 80, path) == "40000 0"


@pytest.mark.parametrize("packed", ["", "gz"])
def test_a_line_of_50_megabytes_is_passed_over_in_the_memory_of_a_short_one(tmp_path: Path, packed: str) -> None:
    path = tmp_path / f"a.jsonl.{packed}".rstrip(".")
    with gzip.open(path, "wb", 1) if packed else open(path, "wb") as file:
        file.write(b'{"text": "avant"}\n{"text": "')
        for _ in range(50):
            file.write(b"x" * 1_000_000)
        file.write(b'"}\n{"text": "apr\xc3\xa8s"}\n')
    assert bounded(COUNT, 60, path) == "2 1"
    found = [one for chunk in plan(walk([path]), Options()) for one in records(chunk, Options())]
    assert [type(one) for one in found] == [Record, Fault, Record]
    assert "this line holds more than 4,194,304 bytes" in found[1].reason  # type: ignore[union-attr]
    assert found[1].place == 18


def test_one_large_row_group_is_read_in_the_memory_of_a_chunk(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    schema = pa.schema({"id": pa.int64(), "text": pa.string(), "unused": pa.binary()})
    chance = random.Random(5)
    with pq.ParquetWriter(path, schema, use_dictionary=False, compression="zstd") as out:
        texts = ["".join(chance.choices("abcdefgh ", k=200)) * 40 for _ in range(100)]
        table = {"id": range(25_000), "text": texts * 250, "unused": [b"x" * 2000] * 25_000}
        out.write_table(pa.table(table, schema=schema), row_group_size=25_000)
    assert pq.ParquetFile(path).metadata.num_row_groups == 1
    assert bounded(COUNT, 150, path) == "25000 0"


def test_a_large_archive_is_read_in_the_memory_of_a_chunk(tmp_path: Path) -> None:
    path = tmp_path / "a.warc.gz"
    one = gzip.compress(WARC * 40, 1)
    film = b"WARC/1.0\r\nWARC-Type: resource\r\nContent-Type: video/mp4\r\nContent-Length: 90000000\r\n\r\n"
    with open(path, "wb") as file:
        file.write(one)
        with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1) as packed:
            packed.write(film)
            for _ in range(90):
                packed.write(b"\0" * 1_000_000)
        for _ in range(10):
            file.write(one)
    assert bounded(COUNT, 80, path) == f"{30 * 40 * 11} 0"


def test_a_file_that_is_gone_or_shorter_than_planned_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(JSONL)
    (tmp_path / "b.parquet").write_bytes(parquet())
    chunks = list(plan(walk([tmp_path]), Options(chunk_bytes=300)))
    for path in tmp_path.iterdir():
        path.unlink()
    faults = [one for chunk in chunks for one in records(chunk, Options())]
    assert all(isinstance(one, Fault) and "No such file" in one.reason for one in faults)
    assert len(faults) >= len(chunks)
    [chunk] = plan([Source("gone.jsonl", str(tmp_path / "gone.jsonl"))], Options())
    [fault] = records(chunk, Options())
    assert fault == Fault("gone.jsonl", 0, "read", "cannot be read: No such file or directory")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.warc", b"WARC/1.0\n" * 100_000),
        ("a.warc", b"WARC/1.0\r\nContent-Length: 0\r\n\r\n" * 100_000),
        ("a.warc", b"WARC/1.0\r\n" + b"a: b\r\n" * 500_000),
        ("a.warc", b"WARC/1.0\r\n" + b" folded\r\n" * 300_000),
        ("a.warc", b"WARC/1.0\r\n\r\n" + b"\nWARC" * 500_000),
        ("a.jsonl", b"\n" * 500_000),
        ("a.jsonl", b"{\n" * 60_000),
        ("a.jsonl", b'{"text":' * 300_000),
        ("a.jsonl", b'{"id": "x", "text": "a"}\n' * 60_000),
        ("a.jsonl", gzip.compress(b"", mtime=0) * 100_000 + gzip.compress(JSONL, mtime=0)),
        ("a.jsonl", zstandard.compress(b"") * 100_000 + zstandard.compress(JSONL)),
    ],
    ids=map(str, range(11)),
)
def test_time_is_linear_in_what_was_made_to_stall(tmp_path: Path, name: str, data: bytes) -> None:
    for some, options in ((data, Options()), (data[:200_000], Options(chunk_bytes=5000, most_bytes=100_000))):
        (tmp_path / name).write_bytes(some)
        begun = time.process_time()
        for chunk in plan(walk([tmp_path]), options):
            for _ in records(chunk, options):
                pass
        assert time.process_time() - begun < 10
