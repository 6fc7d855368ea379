"""The engine of one machine: DuckDB in this process, with a bound on memory, the rest on disk.

What a map makes is a Parquet file in a folder of its own, read again by name; so is a checkpoint. DuckDB sorts,
groups and joins what does not fit into memory on disk, and gives results as a stream.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from types import TracebackType

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from cleaner.engine.seam import NONE, Aggregate, Batches, Do, How, Table, expression, fragments, grouped, joined

_ROWS = 4096  # rows of a batch: 2 MB of signatures of 128 numbers, up to 17 with sketches
_GROUP = 122_880  # rows of a row group, DuckDB's own
_BYTES = 16 << 20  # or this much
_OF_MEMORY = 0.5  # what DuckDB may hold of the memory given: the rest is Arrow's, Python's and its own beyond the limit
_THREAD_MB = 128  # a thread sorts and joins well with this much
_WRITTEN = f"FORMAT parquet, COMPRESSION lz4_raw, ROW_GROUP_SIZE_BYTES {_BYTES}"

Query = Table[str]
"""A table here: what is held is a query."""


class NoRoom(ValueError):
    """A step that needs more memory, or more room on the disk, than there is."""


class Local:
    """DuckDB with ``memory_mb`` megabytes for all and a folder under ``temp`` for the rest; a context manager.

    At the end of the context the folder goes.
    """

    def __init__(self, memory_mb: int, temp: Path) -> None:
        temp.mkdir(parents=True, exist_ok=True)
        self._folder = Path(mkdtemp(prefix="engine-", dir=temp))
        self._made, self._memory = 0, memory_mb
        self._db = duckdb.connect(
            config={
                "memory_limit": f"{int(memory_mb * _OF_MEMORY)}MB",
                "temp_directory": str(self._folder / "spill"),
                "preserve_insertion_order": "false",
            }
        )
        # A hash table is built of the right side, as the seam says: left alone, a million signatures were the table.
        self._db.execute("SET disabled_optimizers = 'join_order,build_side_probe_side'")
        self._db.execute("SET enable_progress_bar = false")  # which it shows in a notebook and under python -c
        ((threads,),) = self._db.execute("SELECT current_setting('threads')").fetchall()
        self._db.execute(f"SET threads = {max(1, min(int(threads), int(memory_mb * _OF_MEMORY) // _THREAD_MB))}")

    def __enter__(self) -> Local:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._db.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def read(self, files: Sequence[Path], schema: pa.Schema) -> Query:
        """Give the rows of Arrow IPC files, copied to one Parquet file. Raises ``ValueError`` that names a bad file."""
        return self._kept(fragments(files, schema), schema)

    def given(self, batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Query:
        """Give rows that were made here."""
        return self._kept(iter(batches), schema)

    def map(self, table: Query, do: Do, schema: pa.Schema) -> Query:
        """Give what a function makes of all rows, in one call."""
        return self._kept(do(self.batches(table)), schema)

    def swept(self, table: Query, do: Do, schema: pa.Schema, together: str, by: Sequence[str]) -> Query:
        """Give what a function makes of all rows in order, in one call."""
        return self._kept(do(self.batches(table, [together, *by])), schema)

    def select(self, table: Query, schema: pa.Schema, made: Mapping[str, str] = NONE) -> Query:
        """Give the columns of a schema."""
        told = ", ".join(f'{made[name]} AS "{name}"' if name in made else f'"{name}"' for name in schema.names)
        return Table(schema, f"SELECT {told} FROM ({table.held})")

    def filter(self, table: Query, condition: str) -> Query:
        """Give the rows for which an expression holds."""
        return Table(table.schema, f"SELECT * FROM ({table.held}) WHERE {condition}")

    def union(self, a: Query, b: Query) -> Query:
        """Give the rows of both tables."""
        return Table(a.schema, f"SELECT {_names(a)} FROM ({a.held}) UNION ALL SELECT {_names(a)} FROM ({b.held})")

    def group(self, table: Query, by: Sequence[str], made: Mapping[str, Aggregate]) -> Query:
        """Give one row a group."""
        keys = ", ".join(f'"{name}"' for name in by)
        told = "".join(f', {expression(each)} AS "{name}"' for name, each in made.items())
        return Table(grouped(table.schema, by, made), f"SELECT {keys}{told} FROM ({table.held}) GROUP BY {keys}")

    def join(self, left: Query, right: Query, on: Sequence[str], how: How) -> Query:
        """Give the joined rows."""
        schema = joined(left.schema, right.schema, on, how)
        keys = ", ".join(f'"{name}"' for name in on)
        told = ", ".join(f'"{name}"' for name in schema.names)
        return Table(schema, f"SELECT {told} FROM ({left.held}) {how.upper()} JOIN ({right.held}) USING ({keys})")

    def numbered(self, table: Query, by: Sequence[str], name: str) -> Query:
        """Add each row's place: rows are sorted, on disk if need be, and counted."""

        def count(batches: Batches) -> Batches:
            start = 0
            for batch in batches:
                places = pa.array(range(start, start + batch.num_rows), pa.int64())
                start += batch.num_rows
                yield pa.record_batch([*batch.columns, places], schema=schema)

        schema = table.schema.append(pa.field(name, pa.int64()))
        return self._kept(count(self.batches(table, by)), schema)

    def checkpoint(self, table: Query) -> Query:
        """Compute the rows once, into a file."""
        path = self._path()
        with self._room():
            self._db.execute(f"COPY ({table.held}) TO '{_sql(path)}' ({_WRITTEN})")
        return Table(table.schema, _scan(path))

    def batches(self, table: Query, by: Sequence[str] = ()) -> Batches:
        """Bring the rows here, a batch in memory at a time."""
        order = ", ".join(f'"{name[1:]}" DESC' if name.startswith("-") else f'"{name}"' for name in by)
        query = f"SELECT {_names(table)} FROM ({table.held})" + (f" ORDER BY {order}" if order else "")
        # A cursor of its own: the next query on a connection ends the stream of the one before.
        with self._db.cursor() as cursor, self._room():
            for batch in cursor.sql(query).to_arrow_reader(_ROWS):
                if batch.num_rows:
                    yield batch.cast(table.schema)

    @contextmanager
    def _room(self) -> Iterator[None]:
        try:
            yield
        except duckdb.OutOfMemoryException as e:
            told = str(e).partition("\n")[0]
            raise NoRoom(f"{self._memory} MB do not suffice, here or on disk: raise run.memory_mb ({told})") from e

    def _kept(self, batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Query:
        path = self._path()
        waiting: list[pa.RecordBatch] = []
        rows = size = 0
        with pq.ParquetWriter(path, schema, compression="lz4", use_dictionary=False, write_statistics=False) as file:
            for batch in batches:
                waiting.append(batch)
                rows, size = rows + batch.num_rows, size + batch.nbytes
                if rows >= _GROUP or size >= _BYTES:
                    file.write_table(pa.Table.from_batches(waiting, schema))
                    waiting, rows, size = [], 0, 0
            file.write_table(pa.Table.from_batches(waiting, schema))
        return Table(schema, _scan(path))

    def _path(self) -> Path:
        self._made += 1
        return self._folder / f"{self._made:04}.parquet"


def _names(table: Query) -> str:
    return ", ".join(f'"{name}"' for name in table.schema.names)


def _scan(path: Path) -> str:
    return f"SELECT * FROM read_parquet('{_sql(path)}')"


def _sql(path: Path) -> str:
    return str(path).replace("'", "''")
