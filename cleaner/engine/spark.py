"""The engine of a cluster: Spark, for tables and for the tasks of a run. Needs the extra ``spark`` and Java 17.

Tables are Parquet files in a folder that the driver and all executors reach under one path (of one machine any; of a
cluster a network file system); so are checkpoints, which an executor that is lost cannot take along. Maps run through
``mapInArrow`` in the executors' Python, where this package must be installed.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import accumulate
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from types import TracebackType
from typing import Any, Generic

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cleaner.engine.pool import Do as Start
from cleaner.engine.pool import Failed, Lost, Pool, Result, Task
from cleaner.engine.seam import (
    NONE,
    Aggregate,
    Batches,
    Do,
    How,
    Table,
    columns,
    expression,
    fragments,
    grouped,
    joined,
)

# pyspark is imported where it is used: it is an extra, and takes a second. So its types are told by name alone.
Session = Any
"""A ``pyspark.sql.SparkSession``."""
DataFrame = Any
"""A ``pyspark.sql.DataFrame``."""
Frame = Table[DataFrame]


_TYPES = {
    pa.string(): "string",
    pa.binary(): "binary",
    pa.bool_(): "boolean",
    pa.int32(): "int",
    pa.int64(): "bigint",
    pa.float64(): "double",
}
_HOWS = {"inner": "inner", "left": "left", "semi": "left_semi", "anti": "left_anti"}
_TASKS, _TASK_BYTES = 4096, 256 << 20  # tasks of one job at most: what the driver holds
_PARTS = 8  # partitions of a job for each core, so that a lost one costs little


class NoSpark(ValueError):
    """Spark is asked for and not installed."""


def started(master: str = "local[*]") -> Session:
    """Start a session, or give the one there is. On this machine, Spark listens on the loopback alone.

    Raises ``NoSpark`` where it is not installed.
    """
    try:
        from pyspark.sql import SparkSession
    except ImportError as e:
        raise NoSpark("Spark is not installed: pip install 'crawl-cleaner[spark]', and Java 17") from e
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    found = SparkSession.builder.master(master).appName("cleaner").config("spark.ui.enabled", "false")
    found = found.config("spark.sql.execution.arrow.useLargeVarTypes", "false")
    if master.startswith("local"):
        found = found.config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1")
        found = found.config("spark.sql.shuffle.partitions", "8")
    session: Session = found.getOrCreate()
    return session


class Spark:
    """A session, and a folder under ``shared`` for what is kept between steps; a context manager.

    At the end of the context the folder goes; the session stays.
    """

    def __init__(self, session: Session, shared: Path) -> None:
        shared.mkdir(parents=True, exist_ok=True)
        self.session = session
        self._folder = Path(mkdtemp(prefix="engine-", dir=shared)).resolve()
        self._folder.chmod(0o777)  # executors may be other users
        self._made = 0

    def __enter__(self) -> Spark:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        rmtree(self._folder, ignore_errors=True)

    def read(self, files: Sequence[Path], schema: pa.Schema) -> Frame:
        """Give the rows of Arrow IPC files, which executors read."""
        paths = columns(path=pa.string())
        table = self.given([pa.record_batch([pa.array(list(map(str, files)), pa.string())], schema=paths)], paths)
        spread = table.held.repartition(max(1, min(len(files), self.cores * _PARTS)), "path")
        return self.map(Table(paths, spread), partial(_read, schema=schema), schema)

    def given(self, batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Frame:
        """Give rows that the driver made: a file that executors read."""
        path = self._path()
        path.mkdir()
        with pq.ParquetWriter(path / "part.parquet", schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
        return self._there(path, schema)

    def map(self, table: Frame, do: Do, schema: pa.Schema) -> Frame:
        """Give what a function makes of the rows, one call a partition."""
        run = partial(_run, do=do, given=table.schema, schema=schema)
        return Table(schema, table.held.mapInArrow(run, _told(schema)))

    def swept(self, table: Frame, do: Do, schema: pa.Schema, together: str, by: Sequence[str]) -> Frame:
        """Give what a function makes of the rows in order; equal ``together`` are in one partition."""
        apart = table.held.repartition(together).sortWithinPartitions(*_order([together, *by]))
        return self.map(Table(table.schema, apart), do, schema)

    def select(self, table: Frame, schema: pa.Schema, made: Mapping[str, str] = NONE) -> Frame:
        """Give the columns of a schema."""
        told = [f"cast({made.get(f.name, f.name)} as {_TYPES[f.type]}) as {f.name}" for f in schema]
        return Table(schema, table.held.selectExpr(*told))

    def filter(self, table: Frame, condition: str) -> Frame:
        """Give the rows for which an expression holds."""
        return Table(table.schema, table.held.filter(condition))

    def union(self, a: Frame, b: Frame) -> Frame:
        """Give the rows of both tables."""
        return Table(a.schema, a.held.unionByName(b.held))

    def group(self, table: Frame, by: Sequence[str], made: Mapping[str, Aggregate]) -> Frame:
        """Give one row a group."""
        from pyspark.sql import functions as sql

        told = [sql.expr(expression(each)).alias(name) for name, each in made.items()]
        return Table(grouped(table.schema, by, made), table.held.groupBy(*by).agg(*told))

    def join(self, left: Frame, right: Frame, on: Sequence[str], how: How) -> Frame:
        """Give the joined rows."""
        schema = joined(left.schema, right.schema, on, how)
        return Table(schema, left.held.join(right.held, list(on), _HOWS[how]).select(*schema.names))

    def numbered(self, table: Frame, by: Sequence[str], name: str) -> Frame:
        """Add each row's place: rows are sorted and kept, each partition counted, and those before it added."""
        inner = pa.schema([*table.schema, pa.field("_part", pa.int64()), pa.field("_row", pa.int64())])
        kept = self.checkpoint(self.map(Table(table.schema, table.held.orderBy(*_order(by))), _counted, inner))
        sizes = kept.held.groupBy("_part").count().collect()
        parts = sorted((int(row[0]), int(row[1])) for row in sizes)
        before = accumulate((size for _, size in parts), initial=0)
        starts = {part: start for (part, _), start in zip(parts, before, strict=False)}
        schema = table.schema.append(pa.field(name, pa.int64()))
        return self.checkpoint(self.map(kept, partial(_placed, starts=starts, schema=schema), schema))

    def checkpoint(self, table: Frame) -> Frame:
        """Compute the rows once, into files that outlive executors."""
        path = self._path()
        table.held.write.parquet(path.as_uri())
        return self._there(path, table.schema)

    def batches(self, table: Frame, by: Sequence[str] = ()) -> Batches:
        """Bring the rows here: executors write them, in order if asked, the driver reads a part after the other."""
        path = self._path()
        (table.held.orderBy(*_order(by)) if by else table.held).write.parquet(path.as_uri())
        for part in sorted(path.glob("part-*.parquet")):  # named by the number of their partition
            with pq.ParquetFile(part) as file:
                for batch in file.iter_batches(columns=table.schema.names):
                    if batch.num_rows:
                        yield batch.select(table.schema.names).cast(table.schema)

    @property
    def cores(self) -> int:
        """How many tasks run at a time."""
        return int(self.session.sparkContext.defaultParallelism)

    def _there(self, path: Path, schema: pa.Schema) -> Frame:
        return Table(schema, self.session.read.schema(_told(schema)).parquet(path.as_uri()))

    def _path(self) -> Path:
        self._made += 1
        return self._folder / f"{self._made:04}"


def _told(schema: pa.Schema) -> str:
    return ", ".join(f"`{field.name}` {_TYPES[field.type]}" for field in schema)


def _order(by: Sequence[str]) -> list[Any]:
    from pyspark.sql import functions as sql

    return [sql.col(name[1:]).desc() if name.startswith("-") else sql.col(name) for name in by]


# What runs in executors.


def _run(batches: Batches, do: Do, given: pa.Schema, schema: pa.Schema) -> Batches:
    there = (batch.cast(given) for batch in batches if batch.num_rows)
    for made in do(there):
        yield pa.record_batch([made.column(f.name).cast(f.type) for f in schema], schema=_nullable(schema))


def _nullable(schema: pa.Schema) -> pa.Schema:
    return pa.schema([pa.field(f.name, f.type) for f in schema])


def _read(batches: Batches, schema: pa.Schema) -> Batches:
    for batch in batches:
        yield from fragments([Path(str(path)) for path in batch.column("path").to_pylist()], schema)


def _counted(batches: Batches) -> Batches:
    from pyspark import TaskContext

    context: Any = TaskContext.get()
    part, start = context.partitionId(), 0
    for batch in batches:
        rows = batch.num_rows
        more = pa.array([part] * rows, pa.int64()), pa.array(range(start, start + rows), pa.int64())
        start += rows
        yield pa.record_batch([*batch.columns, *more], names=[*batch.schema.names, "_part", "_row"])


def _placed(batches: Batches, starts: Mapping[int, int], schema: pa.Schema) -> Batches:
    for batch in batches:
        parts: list[Any] = batch.column("_part").to_pylist()
        places = pc.add(pa.array([starts[part] for part in parts], pa.int64()), batch.column("_row"))
        yield pa.record_batch([*batch.select(schema.names[:-1]).columns, places], schema=schema)


# The tasks of a run.


class Cluster(Generic[Task, Result]):
    """``Pool``, on executors: each has one worker process, so that what a document does to it stays known.

    ``start`` is called in each worker and must be picklable, as tasks and results are. A task may run twice, where an
    executor was lost: what it writes must be the same.
    """

    def __init__(self, engine: Spark, start: Callable[[], Start], timeout: float, memory: int) -> None:
        self._engine = engine
        self._do = partial(_work, start=start, timeout=timeout, memory=memory)

    def __enter__(self) -> Cluster[Task, Result]:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def run(self, tasks: Iterable[Task | None]) -> Iterator[tuple[Task, Result | Lost | Failed] | None]:
        """Yield each task with what became of it, a job's worth after the other.

        A task of None says that there will be more when those before it have ended. Raises ``RuntimeError`` when None
        comes and nothing was given.
        """
        todo = iter(tasks)
        ended = False
        while not ended:
            given: list[Task] = []
            packed: list[bytes] = []
            size = 0
            for task in todo:
                if task is None:
                    break
                given.append(task)
                packed.append(pickle.dumps(task))
                size += len(packed[-1])
                if len(given) >= _TASKS or size >= _TASK_BYTES:
                    break
            else:
                ended = True
            if given:
                yield from ((given[n], result) for n, result in self._job(packed))
            elif not ended:
                raise RuntimeError("there is work left, but nothing that it waits for")

    def _job(self, packed: Sequence[bytes]) -> Iterator[tuple[int, Result | Lost | Failed]]:
        schema = columns(n=pa.int64(), packed=pa.binary())
        rows = pa.record_batch([pa.array(range(len(packed)), pa.int64()), pa.array(packed, pa.binary())], schema=schema)
        table = self._engine.given([rows], schema)
        spread = table.held.repartition(min(len(packed), self._engine.cores * _PARTS), "n")
        done = self._engine.map(Table(schema, spread), self._do, schema)
        for row in done.held.collect():
            yield row["n"], pickle.loads(bytes(row["packed"]))


def _work(batches: Batches, start: Callable[[], Start], timeout: float, memory: int) -> Batches:
    schema = columns(n=pa.int64(), packed=pa.binary())
    numbers: dict[int, int] = {}

    def tasks() -> Iterator[Any]:
        for batch in batches:
            for n, packed in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                task = pickle.loads(packed)
                numbers[id(task)] = n
                yield task

    with Pool[Any, Any](start, 1, timeout, memory) as pool:
        for ended in pool.run(tasks()):
            if ended is not None:
                task, result = ended
                made = [pa.array([numbers.pop(id(task))], pa.int64()), pa.array([pickle.dumps(result)], pa.binary())]
                yield pa.record_batch(made, schema=schema)
