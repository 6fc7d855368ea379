"""Inputs to records: chunks of work planned in the order of the inputs, and the documents in a chunk.

The plan depends on the inputs and the options alone, never on workers, time or how a network cuts a file up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from cleaner.document import Document
from cleaner.read import warc
from cleaner.read.decode import Unreadable
from cleaner.read.fields import Broken, named, parsed, printable, record
from cleaner.read.files import by_name, made
from cleaner.read.inputs import walk
from cleaner.read.lines import Line, cuts, lines, too_long
from cleaner.read.record import MIB, Chunk, Fault, Options, Record, Source, Span
from cleaner.read.streams import Torn, bare, blocks, is_url, opened, pieces, whole

_LINES = (".jsonl", ".ndjson", ".jl", ".jsonlines")
# Names that may stand for JSONL too (C4 is .json.gz): their first line tells. Others are documents by their name.
_MAYBE_LINES = ("", ".json", ".dat", ".data")
_DOCUMENTS = (".txt", ".text", ".html", ".htm", ".xhtml", ".md")
_PARQUET = b"PAR1"
_HEAD = 16
_BLOCK = 1 << 17  # what may be read behind the end of a span
_MARK = b"\xef\xbb\xbf"


class Kind(NamedTuple):
    """What a file is: its format, and its compression or nothing."""

    format: str
    compression: str


class Row(NamedTuple):
    """How many files of a format and compression the inputs hold, and their bytes where these are known."""

    format: str
    compression: str
    files: int
    bytes: int


def kind(source: Source, options: Options) -> Kind:
    """Tell what a file is: by the option, else by its first bytes, else by its name, else one document.

    A file whose name says page or text (``.html``, ``.txt``, ``.html.gz``) is not opened: it is one document, and
    reading it looks for a compression. Raises ``Unreadable`` when it cannot be opened.
    """
    stem = bare(source.path.rstrip("/").rsplit("/", 1)[-1])
    suffix = "." + stem.rsplit(".", 1)[1] if "." in stem else ""
    if options.format in ("text", "html") or (options.format == "auto" and suffix in _DOCUMENTS):
        return Kind("document", "")
    with opened(source) as file:
        packed, parts = pieces(file)
        head = b""
        while len(head) < _HEAD and (part := next(parts, b"")):
            head += part
        if options.format != "auto":
            return Kind(options.format, packed)
        if head.startswith(_PARQUET) and not packed:
            return Kind("parquet", packed)
        if warc.MAGIC.match(head):
            return Kind("warc", packed)
        if head and (suffix in _LINES or (suffix in _MAYBE_LINES and _looks_like_lines(head, parts, options))):
            return Kind("jsonl", packed)
    return Kind("document", packed)


def _looks_like_lines(head: bytes, parts: Iterator[bytes], options: Options) -> bool:
    """Tell whether the first line is a whole JSON object with a field of text."""
    if not head.removeprefix(_MARK).startswith(b"{"):
        return False
    try:
        first = next(lines(chain((head,), parts), 0, min(MIB, options.most_bytes)))
        row = parsed((first.data or b"").removeprefix(_MARK))
    except (Broken, Torn):
        return False
    return isinstance(record(row, "", 0, options), Record)


def plan(
    sources: Iterable[Source], options: Options, wanted: Callable[[int], bool] = lambda _: True
) -> Iterator[Chunk]:
    """Yield the chunks of a run, in the order of the inputs, in bounded memory.

    A chunk whose number is not ``wanted`` comes without the payload of its spans. What cannot be read stands in its
    place in a chunk, as a span that is a fault, so that chunks alone are a run's state.
    """
    number, size, documents = 0, 0, 0
    spans: list[Span] = []
    keeps = wanted(0)
    for source in sources:
        for span, more, many in _spans(source, options):
            full = size + more > options.chunk_bytes or documents + many > options.chunk_documents
            if spans and full:
                yield Chunk(number, tuple(spans))
                number, size, documents, spans = number + 1, 0, 0, []
                keeps = wanted(number)
            dropped = not keeps and span.payload is not None
            spans.append(Span(span.source, span.format, span.start, span.stop, b"", span.rows) if dropped else span)
            size, documents = size + more, documents + many
    if spans:
        yield Chunk(number, tuple(spans))


def _spans(source: Source, options: Options) -> Iterator[tuple[Span, int, int]]:
    """Yield the spans of one file, each with its bytes and its documents, where these are known; at least one."""
    none = True
    for each in _found(source, options):
        none = False
        yield each
    if none:
        yield _fault(source, 0, "holds no page and no text", None), 0, 1


def _found(source: Source, options: Options) -> Iterator[tuple[Span, int, int]]:
    try:
        found = kind(source, options)
        if found.format == "parquet":
            from cleaner.read import parquet

            yield from parquet.spans(source, options)
        elif found.format == "document":
            yield Span(source, "document"), max(source.size, 0), 1
        elif found.format == "jsonl":
            yield from _line_spans(source, found, options)
        else:
            with opened(source) as file:
                for piece in warc.cut(pieces(file)[1], options.most_bytes):
                    stop = piece.place + len(piece.data)
                    if piece.reason:
                        yield _fault(source, piece.place, piece.reason, piece.id), 0, 1
                    else:
                        yield Span(source, "warc", piece.place, stop, piece.data), len(piece.data), 1
    except Unreadable as e:
        yield _fault(source, 0, str(e), None), 0, 1


def _line_spans(source: Source, found: Kind, options: Options) -> Iterator[tuple[Span, int, int]]:
    if not found.compression and source.size >= 0 and _has_ranges(source):
        for start in range(0, source.size, options.chunk_bytes):
            stop = min(start + options.chunk_bytes, source.size)
            yield Span(source, "jsonl", start, stop), stop - start, 0
        if not source.size:
            yield _fault(source, 0, "empty: it holds no bytes", None), 0, 1
        return
    with opened(source) as file:
        for cut in cuts(pieces(file)[1], options.chunk_bytes, options.most_bytes):
            if cut.reason:
                yield _fault(source, cut.place, cut.reason, None), 0, 1
            else:
                size = len(cut.data)
                yield Span(source, "jsonl", cut.place, cut.place + size, cut.data), size, 0


def _fault(source: Source, place: int, reason: str, own: str | None) -> Span:
    told = f"{printable(reason)}\n{printable(own or '')}"
    return Span(source, "fault", place, place, told.encode())


def _has_ranges(source: Source) -> bool:
    if not is_url(source.path):
        return True
    from cleaner.read.remote import ranges

    return ranges(source.path)


def records(chunk: Chunk, options: Options) -> Iterator[Record | Fault]:
    """Read a chunk: each of its records is one ``Record`` or one ``Fault``, in order, and no id comes twice.

    An id that repeats within the chunk gets ``@`` and its place.
    """
    seen: set[str] = set()
    for span in chunk.spans:
        for one in of_span(span, options):
            yield apart(one, seen)


def apart(one: Record | Fault, seen: set[str]) -> Record | Fault:
    """Give a record an id of its own: one that is ``seen`` gets ``@`` and its place. It is then seen, too."""
    id = one.id
    while id in seen:
        id = f"{id}@{one.place}"
    seen.add(id)
    return one if id == one.id else one._replace(id=id)


def of_span(span: Span, options: Options) -> Iterator[Record | Fault]:
    """Read one span; ids may repeat."""
    if span.format == "fault":
        reason, _, own = (span.payload or b"").decode("utf-8", "replace").partition("\n")
        id = named(span.source.id, own, span.start) if own or span.start else span.source.id
        yield Fault(id, span.start, "read", reason)
    elif span.format == "document":
        try:
            page = {"text": False, "html": True}.get(options.format, by_name(span.source.path))
            yield Record(span.source.id, whole(span.source, options.most_bytes), page=page)
        except Unreadable as e:
            yield Fault(span.source.id, 0, "read", str(e))
    elif span.format == "parquet":
        from cleaner.read import parquet

        yield from parquet.records(span, options)
    elif span.format == "warc":
        yield from warc.records(span, options)
    else:
        none = span.start == 0
        try:
            for line in _lines(span, options):
                if (one := _of_line(line, span.source.id, options)) is not None:
                    none = False
                    yield one
            if none:
                yield Fault(span.source.id, 0, "read", f"holds no record in its first {span.stop:,} bytes")
        except Unreadable as e:
            yield Fault(span.source.id, span.start, "read", str(e))


def _lines(span: Span, options: Options) -> Iterator[Line]:
    """Yield the lines that begin in a span; the one that an earlier span began is passed over."""
    if span.payload is not None:
        yield from lines((span.payload,), span.start, options.most_bytes)
        return
    with opened(span.source) as file:
        start = max(span.start - 1, 0)
        file.seek(start)
        found = lines(blocks(file, _BLOCK), start, options.most_bytes, span.stop)
        if span.start:
            next(found, None)
        for line in found:
            if line.place < span.stop:
                yield line


def _of_line(line: Line, source: str, options: Options) -> Record | Fault | None:
    place, data = line
    if data is None:
        return Fault(named(source, None, place), place, "read", too_long(options.most_bytes))
    if place == 0:
        data = data.removeprefix(_MARK)
    if not data.strip():
        return None
    try:
        return record(parsed(data), source, place, options)
    except Broken as e:
        return Fault(named(source, None, place), place, "read", str(e))


def document_of(record: Record) -> Document:
    """Decode a record and, if it is a page, linearise it; its date becomes the label ``crawled``.

    Raises ``Unreadable`` with the reason when it holds no text.
    """
    document = made(record.data, record.id, record.url, record.declared, record.page)
    if record.date is None:
        return document
    return Document(
        document.id,
        document.raw,
        document.url,
        hints=document.hints,
        source={**document.source, "crawled": record.date},
        html=document.html,
    )


def documents(
    inputs: Sequence[str | Path], options: Options | None = None, exclude: Sequence[str] = ()
) -> Iterator[Document | Fault]:
    """Read everything that the inputs hold, in order. Raises ``Unreadable`` when an input does not exist."""
    options = options or Options()
    for chunk in plan(walk(inputs, exclude), options):
        for one in records(chunk, options):
            if isinstance(one, Fault):
                yield one
                continue
            try:
                yield document_of(one)
            except Unreadable as e:
                yield Fault(one.id, one.place, "read", str(e))


def survey(sources: Iterable[Source], options: Options) -> list[Row]:
    """Count the files of each format and compression, sorted; files that cannot be opened are ``unreadable``."""
    found: dict[Kind, tuple[int, int]] = {}
    for source in sources:
        try:
            what = kind(source, options)
        except Unreadable:
            what = Kind("unreadable", "")
        files, size = found.get(what, (0, 0))
        found[what] = files + 1, size + max(source.size, 0)
    return [Row(*what, *counts) for what, counts in sorted(found.items())]
