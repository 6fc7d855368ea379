"""Parts of a run's tables: Parquet or JSON lines in zstd frames, written whole, read row by row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Literal

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from cleaner.write.atomic import Whole
from cleaner.write.tables import OutputError

Form = Literal["parquet", "jsonl"]
"""How a table is written."""

SUFFIXES: dict[Form, str] = {"parquet": ".parquet", "jsonl": ".jsonl.zst"}
_GROUP_BYTES = 16 << 20  # a row group is what a reader holds in memory


def part_name(table: str, number: int, form: Form) -> str:
    """Give a part's path in the run's folder.

    >>> part_name("ledger", 3, "parquet")
    'ledger/part-00003.parquet'
    """
    return f"{table}/part-{number:05}{SUFFIXES[form]}"


class Part:
    """One part being written; ``commit`` gives it its name. A context manager: what was not committed goes."""

    def __init__(self, path: Path, schema: pa.Schema, form: Form) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.rows = 0
        self._schema, self._form = schema, form
        self._waiting: list[pa.RecordBatch] = []
        self._bytes = 0
        self._whole = Whole(path)
        self._committed = False
        if form == "parquet":
            self._parquet = pq.ParquetWriter(self._whole.file, schema, compression="zstd")
        else:
            self._lines = pa.CompressedOutputStream(pa.PythonFile(self._whole.file, mode="w"), "zstd")

    def __enter__(self) -> Part:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if not self._committed:
            with suppress(OSError, pa.ArrowException):  # it writes its end: on a full disk that fails again
                (self._parquet if self._form == "parquet" else self._lines).close()
            self._whole.discard()

    def add(self, batch: pa.RecordBatch) -> None:
        """Add a batch of rows of the part's schema."""
        if not batch.num_rows:
            return
        self.rows += batch.num_rows
        self._waiting.append(batch)
        self._bytes += batch.nbytes
        if self._bytes >= _GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._form == "parquet":
            if self._waiting:
                self._parquet.write_table(pa.Table.from_batches(self._waiting, self._schema))
        else:
            for batch in self._waiting:
                self._lines.write(b"".join(msgspec.json.encode(row) + b"\n" for row in _objects(batch)))
        self._waiting, self._bytes = [], 0

    def commit(self) -> None:
        """Bring the part to the disk under its name."""
        self._flush()
        if self._form == "parquet":
            self._parquet.close()
        else:
            self._lines.close()
            # Arrow closes the file below, too: what is left is to bring its bytes to the disk.
            self._whole.reopen()
        self._whole.commit()
        self._committed = True


def _objects(batch: pa.RecordBatch) -> Iterator[dict[str, object]]:
    maps = [f.name for f in batch.schema if pa.types.is_map(f.type)]
    for row in batch.to_pylist():
        for name in maps:
            row[name] = dict(row[name] or ())
        yield row


def parts(out: Path, table: str) -> list[Path]:
    """Give the parts of a table, in order."""
    found = [p for suffix in SUFFIXES.values() for p in (out / table).glob(f"part-*{suffix}")]
    return sorted(found, key=lambda p: (len(p.name.split(".")[0]), p.name))


def rows(out: Path, table: str, schema: pa.Schema, columns: Sequence[str]) -> Iterator[tuple[object, ...]]:
    """Yield the rows of a table as tuples of the columns asked for. Raises ``OutputError`` that names the part."""
    wanted = pa.schema([schema.field(name) for name in columns])
    for part in parts(out, table):
        try:
            if part.name.endswith(SUFFIXES["jsonl"]):
                yield from _read_lines(part, wanted)
            else:
                yield from _read_parquet(part, wanted)
        except (OSError, KeyError, pa.ArrowException, msgspec.DecodeError) as e:
            raise OutputError(f"{part}: cannot be read: {e}") from e


def _read_parquet(part: Path, wanted: pa.Schema) -> Iterator[tuple[object, ...]]:
    with pq.ParquetFile(part) as file:
        for n in range(file.num_row_groups):  # a row group is what was in memory when it was written
            group = file.read_row_group(n, columns=wanted.names).select(wanted.names).cast(wanted)
            yield from zip(*(column.to_pylist() for column in group.columns), strict=True)


def _read_lines(part: Path, wanted: pa.Schema) -> Iterator[tuple[object, ...]]:
    maps = {f.name for f in wanted if pa.types.is_map(f.type)}
    with pa.CompressedInputStream(pa.OSFile(str(part), "rb"), "zstd") as stream:
        for line in _lines(stream):
            row = msgspec.json.decode(line, type=dict[str, object])
            yield tuple(
                list(row[name].items()) if name in maps else row[name]  # type: ignore[attr-defined]
                for name in wanted.names
            )


def _lines(stream: pa.NativeFile) -> Iterator[bytes]:
    rest: list[bytes] = []
    while block := stream.read(1 << 20):
        first, *more = block.split(b"\n")
        rest.append(first)
        for line in more:
            yield b"".join(rest)
            rest = [line]
    if last := b"".join(rest):
        yield last
