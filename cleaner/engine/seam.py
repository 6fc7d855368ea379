"""What a plan asks of an engine: a dozen operations over tables of explicit Arrow schemas.

A plan written against ``Engine`` runs on any: DuckDB in this process (``local``), Spark on a cluster (``spark``). Rows
are the same whatever the engine, the partitions and the order of the input, since a plan keeps to four habits:
hashes are made by our own functions, never by the engine; numbers of rows are places in the order of their ids;
aggregates are minima, counts and sums of integers; a function gives a row what it gives however batches are cut.

Expressions (``select``, ``filter``) are of the SQL that every engine speaks alike: names, integers, strings, ``null``,
``= <> < <= > >=``, ``and or not``, ``is null``, ``coalesce``, ``true false``. Tables hold columns of these types only:
string, binary, bool, int32, int64, float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, NamedTuple, Protocol, TypeVar

import pyarrow as pa

Held = TypeVar("Held")

Batches = Iterator[pa.RecordBatch]
Do = Callable[[Batches], Batches]
"""A map: some batches of a table in, batches of another schema out. It must not depend on where batches end."""
NONE: Mapping[str, str] = {}
How = Literal["inner", "left", "semi", "anti"]


class Least(NamedTuple):
    """The smallest value of a column in a group."""

    column: str


class Sum(NamedTuple):
    """The sum of an integer column in a group, int64."""

    column: str


class Count(NamedTuple):
    """The number of rows of a group, int64."""


Aggregate = Least | Sum | Count


@dataclass(frozen=True, slots=True)
class Table(Generic[Held]):
    """Rows of a schema, in no order; ``held`` is the engine's own idea of them."""

    schema: pa.Schema
    held: Held


class Engine(Protocol[Held]):
    """Where tables are and operations run. Nothing need be computed before ``checkpoint`` or ``batches``."""

    def read(self, files: Sequence[Path], schema: pa.Schema) -> Table[Held]:
        """Give the rows of Arrow IPC files; columns are chosen by name and cast."""
        ...

    def given(self, batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Table[Held]:
        """Give rows that the driver made."""
        ...

    def map(self, table: Table[Held], do: Do, schema: pa.Schema) -> Table[Held]:
        """Give what a function makes of the rows: it is called once a partition and may give more rows or fewer."""
        ...

    def swept(self, table: Table[Held], do: Do, schema: pa.Schema, together: str, by: Sequence[str]) -> Table[Held]:
        """Give what a function makes of the rows in order: sorted by ``together``, then ``by`` (``-name``: descending).

        Rows that are equal in ``together`` come in one call.
        """
        ...

    def select(self, table: Table[Held], schema: pa.Schema, made: Mapping[str, str] = NONE) -> Table[Held]:
        """Give the columns of a schema: those that are named by an expression, the others as they are."""
        ...

    def filter(self, table: Table[Held], condition: str) -> Table[Held]:
        """Give the rows for which an expression holds."""
        ...

    def union(self, a: Table[Held], b: Table[Held]) -> Table[Held]:
        """Give the rows of both tables, which have one schema."""
        ...

    def group(self, table: Table[Held], by: Sequence[str], made: Mapping[str, Aggregate]) -> Table[Held]:
        """Give one row a group: the columns ``by``, then the aggregates."""
        ...

    def join(self, left: Table[Held], right: Table[Held], on: Sequence[str], how: How) -> Table[Held]:
        """Give the columns of both, ``on`` once; of ``semi`` and ``anti`` the left ones. Other names differ.

        The left side may be long and wide and is read once; of the right one a hash table is made.
        """
        ...

    def numbered(self, table: Table[Held], by: Sequence[str], name: str) -> Table[Held]:
        """Add each row's place, from 0, in the order of columns in which no two rows are equal."""
        ...

    def checkpoint(self, table: Table[Held]) -> Table[Held]:
        """Compute the rows once and keep them: whoever asks again does not begin anew."""
        ...

    def batches(self, table: Table[Held], by: Sequence[str] = ()) -> Batches:
        """Bring the rows here, a batch in memory at a time, sorted by some columns if asked."""
        ...


def columns(**types: pa.DataType) -> pa.Schema:
    """Give the schema of columns of these types."""
    return pa.schema([pa.field(name, kind) for name, kind in types.items()])


def grouped(schema: pa.Schema, by: Sequence[str], made: Mapping[str, Aggregate]) -> pa.Schema:
    """Give the schema of ``Engine.group``."""
    fields = [schema.field(name) for name in by]
    for name, each in made.items():
        fields.append(schema.field(each.column).with_name(name) if isinstance(each, Least) else pa.field(name, _COUNT))
    return pa.schema(fields)


def joined(left: pa.Schema, right: pa.Schema, on: Sequence[str], how: How) -> pa.Schema:
    """Give the schema of ``Engine.join``. Raises ``ValueError`` for a name that both have and that is not joined on."""
    if how in ("semi", "anti"):
        return left
    more = [field for field in right if field.name not in on]
    if both := sorted({field.name for field in more} & set(left.names)):
        raise ValueError(f"join on {', '.join(on)}: both tables have a column {both[0]!r}")
    return pa.schema([*left, *more])


def expression(made: Aggregate) -> str:
    """Write an aggregate as SQL.

    >>> expression(Least("position")), expression(Sum("pages")), expression(Count())
    ('min(position)', 'cast(sum(pages) as bigint)', 'count(*)')
    """
    match made:
        case Least(column):
            return f"min({column})"
        case Sum(column):
            return f"cast(sum({column}) as bigint)"
        case Count():
            return "count(*)"


def fragments(files: Sequence[Path], schema: pa.Schema) -> Batches:
    """Yield the rows of Arrow IPC files, columns by name and cast. Raises ``ValueError`` that names a bad file."""
    for path in files:
        try:
            with pa.OSFile(str(path), "rb") as file, pa.ipc.open_file(file) as reader:
                for n in range(reader.num_record_batches):
                    yield reader.get_batch(n).select(schema.names).cast(schema)
        except (KeyError, pa.ArrowInvalid) as e:
            raise ValueError(f"{path}: no rows of {', '.join(schema.names)}: {e}") from e


_COUNT = pa.int64()
