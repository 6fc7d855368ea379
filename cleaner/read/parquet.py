"""Parquet: rows in spans, read in bounded memory; columns that are not needed are not read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from cleaner.read.decode import Unreadable
from cleaner.read.fields import missing, named, printable, record
from cleaner.read.record import Fault, Options, Record, Source, Span
from cleaner.read.streams import is_url

MAGIC = b"PAR1"
_TEXTY = ("string", "large_string", "string_view", "binary", "large_binary", "binary_view")
# A span reads its row group from the start on: up to here that is cheaper than handing rows over. Larger row groups
# are read once, where the spans are planned.
_PARTS = 4
_BUFFER = 1 << 20
_BROKEN = (pa.ArrowException, OSError, ValueError, KeyError, MemoryError)


def spans(source: Source, options: Options) -> Iterator[tuple[Span, int, int]]:
    """Yield the spans of a file with their bytes (as the file tells) and rows.

    Raises ``Unreadable`` when the file is damaged or has no column of text, naming what it has.
    """
    with _open(source) as file:
        names, meta = _columns(file, options), file.metadata
        row = 0
        for group in range(meta.num_row_groups):
            rows = meta.row_group(group).num_rows
            size = _size(meta.row_group(group), names)
            step = max(1, min(options.chunk_documents, rows * options.chunk_bytes // max(size, 1)))
            bounds = [(row + at, row + min(at + step, rows)) for at in range(0, rows, step)]
            if len(bounds) <= _PARTS:
                for start, stop in bounds:
                    yield (
                        Span(source, "parquet", start, stop, rows=meta.num_rows),
                        size * (stop - start) // max(rows, 1),
                        stop - start,
                    )
            else:
                yield from _handed(file, source, group, names, bounds, size // max(rows, 1))
                pa.default_memory_pool().release_unused()  # to the system: who is forked next would have it, too
            row += rows


def _handed(
    file: pq.ParquetFile, source: Source, group: int, names: list[str], bounds: list[tuple[int, int]], size: int
) -> Iterator[tuple[Span, int, int]]:
    """Read one row group and hand its rows over as Arrow IPC streams."""
    step = bounds[0][1] - bounds[0][0]
    batches = file.iter_batches(batch_size=step, row_groups=[group], columns=names, use_threads=False)
    for n, (start, stop) in enumerate(bounds):
        try:
            batch = next(batches)
            if batch.num_rows != stop - start:
                raise ValueError(f"{batch.num_rows} rows stand where {stop - start} are declared")
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, batch.schema) as out:
                out.write_batch(batch)
        except (*_BROKEN, StopIteration) as e:
            reason = _rows(start, bounds[-1][1], e)
            yield Span(source, "fault", start, bounds[-1][1], reason.encode()), 0, len(bounds) - n
            return
        payload = sink.getvalue().to_pybytes()
        yield Span(source, "parquet", start, stop, payload, file.metadata.num_rows), size * (stop - start), stop - start


def records(span: Span, options: Options) -> Iterator[Record | Fault]:
    """Read the rows of a span: each is one record or one fault; rows that cannot be had are one fault together."""
    row = span.start
    try:
        for batch in _batches(span, options):
            for n, values in enumerate(_rows_of(batch)):
                yield record(values, span.source.id, row + n, options)
            row += batch.num_rows
    except (*_BROKEN, Unreadable) as e:
        yield Fault(named(span.source.id, None, row), row, "read", _rows(row, span.stop, e))
        return
    if row < span.stop:
        yield Fault(
            named(span.source.id, None, row), row, "read", _rows(row, span.stop, ValueError("the file ends early"))
        )


def _batches(span: Span, options: Options) -> Iterator[pa.RecordBatch]:
    if span.payload is not None:
        with pa.ipc.open_stream(span.payload) as stream:
            yield from stream
        return
    with _open(span.source) as file:
        names, meta, first = _columns(file, options), file.metadata, 0
        for group in range(meta.num_row_groups):
            rows = meta.row_group(group).num_rows
            if first < span.stop and span.start < first + rows:
                yield from _part(file, group, names, span.start - first, span.stop - first, options)
            first += rows


def _part(
    file: pq.ParquetFile, group: int, names: list[str], start: int, stop: int, options: Options
) -> Iterator[pa.RecordBatch]:
    """Yield the rows ``[start, stop)`` of a row group; a batch holds an eighth of a chunk, as the file tells."""
    meta = file.metadata.row_group(group)
    step = options.chunk_bytes * meta.num_rows // (8 * max(_size(meta, names), 1))
    at = 0
    for batch in file.iter_batches(
        batch_size=max(1, min(step, 1024)), row_groups=[group], columns=names, use_threads=False
    ):
        if at >= stop:
            return
        part = batch.slice(max(start - at, 0), max(min(stop - at, batch.num_rows) - max(start - at, 0), 0))
        if part.num_rows:
            yield part
        at += batch.num_rows


def _rows_of(batch: pa.RecordBatch) -> Iterator[dict[str, object]]:
    """Give each row as names and values; a string that is not UTF-8, which Arrow does not ask, as its bytes."""
    columns = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        columns[name] = column.dictionary_decode() if isinstance(column, pa.DictionaryArray) else column
    for n in range(batch.num_rows):
        yield {name: _value(column[n]) for name, column in columns.items()}


def _value(scalar: pa.Scalar[Any]) -> object:
    try:
        return scalar.as_py()
    except UnicodeDecodeError as e:
        return e.object
    except (ValueError, OverflowError):  # a date beyond Python’s years
        return None


def _open(source: Source) -> pq.ParquetFile:
    try:
        if is_url(source.path):
            from cleaner.read.remote import seekable

            return pq.ParquetFile(seekable(source.path), pre_buffer=False)
        # Buffered: else the column of a row group of 1 GB would be read in one piece.
        return pq.ParquetFile(source.path, memory_map=False, buffer_size=_BUFFER, pre_buffer=False)
    except _BROKEN as e:
        raise Unreadable(f"not a Parquet file that can be read: {_said(e)}") from e


def _columns(file: pq.ParquetFile, options: Options) -> list[str]:
    """Name the columns that are needed. Raises ``Unreadable`` when none of them can hold text."""
    try:
        schema = file.schema_arrow
    except _BROKEN as e:
        raise Unreadable(f"not a Parquet file that can be read: {_said(e)}") from e
    texts = _named(schema, (*options.text, *options.html))
    if not texts:
        raise Unreadable(missing(dict.fromkeys(schema.names), options).replace("fields", "columns"))
    wrong = {name: kind for name in texts if not _texty(kind := _type(schema, name))}
    if len(wrong) == len(texts):
        raise Unreadable("; ".join(f"column {name!r} holds {kind}, not strings" for name, kind in wrong.items()))
    others = _named(schema, (*options.id, *options.url, *options.date))
    return [name for name in (*texts, *others) if name not in wrong]


def _named(schema: pa.Schema, names: tuple[str, ...]) -> list[str]:
    return [name for name in names if _type(schema, name) is not None]


def _type(schema: pa.Schema, name: str) -> pa.DataType | None:
    """Give a column's type, or that of a field in a struct (``metadata.url``); None where there is none of the name."""
    top, *parts = (name,) if name in schema.names else name.split(".")
    if schema.names.count(top) != 1:
        return None
    found: pa.DataType = schema.field(top).type
    for part in parts:
        at = found.get_field_index(part) if isinstance(found, pa.StructType) else -1
        if at < 0:
            return None
        found = cast(pa.StructType, found).field(at).type
    return found


def _texty(type_: pa.DataType | None) -> bool:
    if isinstance(type_, pa.DictionaryType):
        type_ = type_.value_type
    elif isinstance(type_, pa.ListType | pa.LargeListType):  # of lines
        type_ = type_.value_type
        return str(type_) in ("string", "large_string")
    return type_ is not None and str(type_) in _TEXTY


def _size(group: pq.RowGroupMetaData, names: list[str]) -> int:
    """Give the uncompressed bytes of the needed columns of a row group."""
    needed = tuple(f"{name}." for name in names)
    columns = (group.column(n) for n in range(group.num_columns))
    return sum(c.total_uncompressed_size for c in columns if f"{c.path_in_schema}.".startswith(needed))


def _rows(start: int, stop: int, error: BaseException) -> str:
    return f"rows {start} to {stop - 1} cannot be read: {_said(error)}"


def _said(error: BaseException) -> str:
    return printable(str(error).splitlines()[0])[:300] if str(error) else type(error).__name__
