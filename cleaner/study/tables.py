"""Tables that a study leaves behind: Parquet files, whole or not at all, the same rows in the same order."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cleaner.write.atomic import Whole

_GROUP = 1 << 16  # rows of a row group: what who looks for a chunk reads, and what is in memory here


def save(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
    """Write batches to a Parquet file, atomically; give the number of rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = held = 0
    with Whole(path) as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        waiting: list[pa.RecordBatch] = []
        for batch in batches:
            waiting.append(batch)
            rows, held = rows + batch.num_rows, held + batch.num_rows
            if held >= _GROUP:
                writer.write_table(pa.Table.from_batches(waiting).cast(schema))
                waiting, held = [], 0
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting).cast(schema))
    return rows
