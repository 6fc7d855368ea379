"""Damaged inputs in one run: every one is accounted for, in the outputs or in the errors, and none twice."""

from __future__ import annotations

import gzip
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from crawls import errors, left, lines, page, pages_warc, parquet, rows, text, warc, zst
from nursery import Nursery

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks")

SLOW = "CLEANER_SLOW" in os.environ
MANY, LONG = (2000, 50 << 20) if SLOW else (200, 9 << 20)

Form = tuple[str, Callable[[int], bytes]]
FORMS: tuple[Form, ...] = (
    ("txt", lambda n: text(n).encode()),
    ("html", lambda n: page(n).encode()),
    ("jsonl", lambda n: lines([text(n), text(n + 1)])),
    ("jsonl.gz", lambda n: gzip.compress(lines([text(n), text(n + 1)]), mtime=0)),
    ("jsonl.zst", lambda n: zst(lines([text(n), text(n + 1)]))),
    ("parquet", lambda n: parquet({"text": [text(n), text(n + 1)], "id": ["x", "y"]})),
    ("warc", lambda n: pages_warc([page(n), page(n + 1)])),
    ("warc.gz", lambda n: gzip.compress(warc([text(n), text(n + 1)]), mtime=0)),
)


def truncated(data: bytes, dice: random.Random) -> bytes:
    return data[: dice.randrange(len(data))]


def flipped(data: bytes, dice: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(dice.randrange(1, 9)):
        changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def inserted(data: bytes, dice: random.Random) -> bytes:
    at = dice.randrange(len(data))
    return (
        data[:at] + dice.choice((b"\0" * 99, b"\xff\xfe", b"\xe9", b"\n{\n", b"\xed\xa0\x80", b"\r\n\r\n")) + data[at:]
    )


def doubled(data: bytes, dice: random.Random) -> bytes:
    return data + data


def emptied(data: bytes, dice: random.Random) -> bytes:
    return dice.choice(
        (b"", b"\n\n", b"\0", b"{}\n", b"[]", b"null\n", gzip.compress(b""), zst(b""), b"PAR1", b"\x1f\x8b\x08")
    )


def renamed(data: bytes, dice: random.Random) -> bytes:
    old, new = (b"Content-Length", b"Content-Longth") if data.startswith(b"WARC") else (b"text", b"tuxt")
    return data.replace(old, new)


MUTATIONS = (truncated, flipped, inserted, doubled, emptied, renamed)


def whole_ones(folder: Path) -> dict[str, bytes]:
    """Write what is not damaged, only wicked."""
    nested = b"<div>" * 100_000 + b"Le port ferme lundi." + b"</div>" * 100_000
    return {
        "nested.html": b"<!doctype html>" + nested,
        "nested.jsonl": b'{"text":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n" + lines([text(1)]),
        "long.jsonl": lines([text(1)]) + b'{"text":"' + b"mot " * (LONG // 4) + b'"}\n' + lines([text(2)], 1),
        "long.txt": b"mot " * (LONG // 4),
        "nul.txt": b"Le port\0ferme\0lundi." * 30,
        "columns.parquet": parquet({"titre": ["a"], "corps": ["b"]}),
        "bomb.txt.gz": gzip.compress(b"mot " * (LONG // 2)),
        "surrogate.jsonl": b'{"text":"Le port \\ud83d ferme.", "id":"\\udc80"}\n',
        "latin.txt": "Le café de l’été, à côté.".encode("cp1252") * 9,
    }


def test_every_damaged_input_is_accounted_for_and_none_twice(tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for n in range(MANY):
        dice = random.Random(n)
        suffix, made = FORMS[n % len(FORMS)]
        mutate = dice.choice(MUTATIONS)
        (source / f"{n:04}-{mutate.__name__}.{suffix}").write_bytes(mutate(made(n), dice))
    for name, data in whole_ones(source).items():
        (source / name).write_bytes(data)
    nursery = Nursery(tmp_path)
    began = time.monotonic()
    child = nursery.start("clean", source, "-o", out, "--to", "parquet", "--workers", 2, chunk=[1 << 20, 64])
    assert child.wait(600).code == 1, child.told
    assert time.monotonic() - began < 180 or not SLOW
    nursery.close()
    left(out)
    ids = Counter([str(row["id"]) for row in rows(out)])
    ids.update(str(each["id"]) for each in errors(out))
    assert {id: many for id, many in ids.items() if many > 1} == {}
    missing = {p.name for p in source.iterdir()} - {id.partition("#")[0] for id in ids}
    assert missing == set()
    assert all(each["reason"] and each["stage"] for each in errors(out))
    reasons = {str(each["id"]): str(each["reason"]) for each in errors(out)}
    assert "too large" in reasons["long.txt"]
    assert "too large" in reasons["bomb.txt.gz"]
    assert "columns" in reasons["columns.parquet"]
    assert [reason for id, reason in reasons.items() if id.startswith("long.jsonl#") and "too long" in reason]
    assert {"long.jsonl#n0", "long.jsonl#n1", "nested.jsonl#n0", "latin.txt", "nested.html"} <= set(ids) - set(reasons)
    # Most records are whole: damage costs what it hits.
    assert len(rows(out)) > MANY / 2
