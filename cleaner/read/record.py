"""What travels between planning and reading: options, sources, spans, chunks, and the record or fault of each place."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, NamedTuple, get_args

import msgspec

Format = Literal["auto", "text", "html", "jsonl", "parquet", "warc"]
MIB = 1 << 20


class Source(msgspec.Struct, frozen=True):
    """One file: its id is its ``/``-separated path below the input it was found in.

    ``path`` is a local path or a URL, ``size`` counts bytes (-1: unknown), and ``stamp`` changes when the file does
    (nanoseconds of its modification time, an entity tag, a date; empty: unknown).
    """

    id: str
    path: str
    size: int = -1
    stamp: str = ""


@dataclass(frozen=True)
class Options:
    """How inputs are read: their format, the names that fields go by (the first that is there wins), and bounds.

    A name with a dot reaches into an object: ``metadata.url``. The text fields stand before the HTML fields: a record
    that has both gives its text. A document of more than ``most_bytes`` is a fault. A chunk of work ends at
    ``chunk_bytes`` (at least one record) or, where records are counted before they are read, ``chunk_documents``.

    Raises ``ValueError`` for an unknown format or a bound below 1, naming the choices.
    """

    format: Format = "auto"
    text: tuple[str, ...] = ("text", "content", "raw_content", "body", "article", "maintext", "plain_text", "document")
    html: tuple[str, ...] = ("html", "raw_html", "page_html", "html_content")
    id: tuple[str, ...] = ("id", "_id", "doc_id", "docid", "document_id", "uuid", "guid", "record_id")
    url: tuple[str, ...] = (
        *("url", "link", "source_url", "page_url", "canonical_url", "target_uri", "uri"),
        *("metadata.url", "meta.url"),
    )
    date: tuple[str, ...] = ("date", "crawl_date", "date_crawled", "date_download", "fetch_time", "timestamp")
    most_bytes: int = 4 * MIB
    chunk_bytes: int = 4 * MIB
    chunk_documents: int = 256

    def __post_init__(self) -> None:
        if self.format not in get_args(Format):
            raise ValueError(f"unknown format {self.format!r}; known: {', '.join(get_args(Format))}")
        for each in fields(self):
            if isinstance(bound := getattr(self, each.name), int) and bound < 1:
                raise ValueError(f"{each.name} is {bound}; it must be 1 or more")


class Span(msgspec.Struct, frozen=True):
    """A piece of one source.

    ``format`` tells what ``[start, stop)`` counts: bytes of the decompressed file (``jsonl``, ``warc``), rows
    (``parquet``), or the whole file (``document``, 0 to -1). ``payload`` holds the bytes themselves where the source
    cannot be read from its middle. In a ``fault``, what is at ``start`` cannot be read and the payload is the reason.
    ``rows`` is how many a Parquet file has in all.
    """

    source: Source
    format: Literal["document", "jsonl", "parquet", "warc", "fault"]
    start: int = 0
    stop: int = -1
    payload: bytes | None = None
    rows: int = 0


class Chunk(msgspec.Struct, frozen=True):
    """A bounded piece of work, numbered from 0 in the order of the inputs."""

    number: int
    spans: tuple[Span, ...]


class Record(NamedTuple):
    """One document as it was found, not yet decoded.

    ``declared`` is the charset that a server gave, ``date`` when it was crawled (ISO 8601), ``page`` whether it is
    known to be HTML (None: its looks decide), ``place`` its byte offset or row.
    """

    id: str
    data: bytes | str
    url: str | None = None
    declared: str | None = None
    date: str | None = None
    page: bool | None = None
    place: int = 0


class Fault(NamedTuple):
    """Something that could not be read, where (byte offset or row), and why."""

    id: str
    place: int
    stage: str
    reason: str


def too_large(what: str) -> str:
    """Say that something holds more than a document may, and which setting says how much that is."""
    return f"too large: {what} (input.max_document_mb)"
