"""Invented crawls, the same texts in every format, and what a run over them must have left behind."""

from __future__ import annotations

import gzip
import io
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from runs import files

_WHO = ("La mairie", "Le conseil", "Une voisine", "L’école", "Le port", "La fanfare", "Un marin", "Le musée")
_DOES = ("annonce", "refuse", "prépare", "raconte", "ferme", "attend", "découvre", "répare")
_WHAT = ("un pont", "la fête", "ses travaux", "une barque", "le marché", "deux ruelles", "la digue", "un concert")
_WHEN = ("lundi", "en mai", "à l’aube", "cet hiver", "avant midi", "pour la saison", "sans bruit", "comme promis")
_CHROME = ("Partager sur Facebook", "Lire aussi : La crue de mars", "Facebook\nTwitter\nLinkedIn", "")


def text(seed: int, sentences: int = 12) -> str:
    """Write an article of some paragraphs with some chrome between them."""
    dice = random.Random(seed)
    said = [f"{' '.join(dice.choice(part) for part in (_WHO, _DOES, _WHAT, _WHEN))}." for _ in range(sentences)]
    body = [" ".join(said[n : n + 3]) for n in range(0, sentences, 3)]
    body.insert(dice.randrange(len(body) + 1), dice.choice(_CHROME))
    return f"Article numéro {seed}\n" + "\n".join(part for part in body if part)


def page(seed: int) -> str:
    """Write the same as a page."""
    title, *body = text(seed).split("\n")
    return f"<!doctype html><title>{title}</title><article><h1>{title}</h1>" + "".join(f"<p>{p}</p>" for p in body)


def lines(texts: Sequence[str], first: int = 0) -> bytes:
    """Write texts as JSONL, with ids and addresses."""
    rows = ({"id": f"n{first + n}", "text": t, "url": f"https://exemple.test/{n}"} for n, t in enumerate(texts))
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


def parquet(columns: dict[str, Sequence[str]], rows: int = 1 << 20) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({name: list(values) for name, values in columns.items()}), sink, row_group_size=rows)
    return sink.getvalue()


def warc(texts: Sequence[str], first: int = 0) -> bytes:
    """Write texts as WET does: conversion records of plain text."""
    return b"".join(_record("conversion", "text/plain", t.encode(), f"w{first + n}") for n, t in enumerate(texts))


def pages_warc(pages: Sequence[str]) -> bytes:
    """Write pages as answers of a server."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    kind = "application/http; msgtype=response"
    return b"".join(_record("response", kind, head + p.encode(), f"p{n}") for n, p in enumerate(pages))


def _record(kind: str, type_: str, body: bytes, id: str) -> bytes:
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:{id}>\r\nContent-Type: {type_}\r\n"
        f"WARC-Target-URI: https://exemple.test/{id}\r\nWARC-Date: 2026-01-02T03:04:05Z\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body + b"\r\n\r\n"


def members(parts: Iterator[bytes] | Sequence[bytes]) -> bytes:
    return b"".join(gzip.compress(part, mtime=0) for part in parts)


def zst(data: bytes) -> bytes:
    return zstandard.compress(data)


def mixed(folder: Path, each: int = 18) -> int:
    """Write a crawl of many formats; give how many documents it has."""
    (folder / "pages").mkdir(parents=True)
    for n in range(each):
        (folder / f"t{n:02}.txt").write_text(text(n) + "\n")
        (folder / f"pages/p{n:02}.html").write_text(page(100 + n))
    some = [[text(1000 * k + n) for n in range(each)] for k in range(1, 6)]
    (folder / "a.jsonl").write_bytes(lines(some[0]))
    (folder / "b.jsonl.gz").write_bytes(members([lines(some[1])]))
    (folder / "c.jsonl.zst").write_bytes(zst(lines(some[2])))
    (folder / "d.parquet").write_bytes(parquet({"id": [f"r{n}" for n in range(each)], "text": some[3]}, 7))
    (folder / "e.warc.gz").write_bytes(members([warc([t], n) for n, t in enumerate(some[4])]))
    (folder / "pages/f.warc").write_bytes(pages_warc([page(9000 + n) for n in range(each)]))
    return 8 * each


def left(out: Path) -> dict[str, bytes]:
    """Give every file of a finished run but those that tell of its process and times; nothing else may be there."""
    found = files(out)
    assert not [name for name in found if "~tmp" in name or name.startswith(".work")]
    assert json.loads(found.pop("run.json"))["finished"] is True
    for name in (".lock", ".files"):
        found.pop(name)
    return found


def errors(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (out / "errors.jsonl").read_bytes().splitlines()]


def rows(out: Path, table: str = "documents") -> list[dict[str, object]]:
    """Give the rows of a table of Parquet parts, in the order of the run."""
    parts = sorted((out / table).glob("part-*.parquet"))
    return [row for part in parts for row in pq.read_table(part).to_pylist()]
