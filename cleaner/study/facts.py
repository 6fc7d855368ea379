"""Saved facts, looked up a site at a time: memory is that of a few row groups, however many sites a crawl has."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cleaner.site_lines import LINES, SITES, FactsError, Lookup, Repeats, lookup
from cleaner.study.repeats import LINES_FILE, SITES_FILE

_GROUPS_HELD, _SITES_HELD = 4, 64


def saved(folder: Path) -> Lookup:
    """Give a look-up into the facts that ``repeats.site_lines`` wrote into a folder.

    Raises ``FactsError`` where there are none, or of another version.
    """
    sites, lines = _Sorted(folder / SITES_FILE, SITES), _Sorted(folder / LINES_FILE, LINES)
    lookup(sites.none, lines.none)  # refuses what cannot be used

    @lru_cache(_SITES_HELD)
    def of_site(site: str) -> Repeats | None:
        known = sites.of(site)
        return lookup(known, lines.of(site))(site) if known.num_rows else None

    return of_site


def digest(folder: Path) -> str:
    """Give a hash of the facts in a folder. Raises ``FactsError`` where there are none."""
    whole = sha256()
    for name in (SITES_FILE, LINES_FILE):
        try:
            whole.update((folder / name).read_bytes())
        except OSError as e:
            raise FactsError(f"{folder / name}: no facts: {e.strerror}") from e
    return whole.hexdigest()


class _Sorted:
    """A Parquet file whose rows are in the order of its column ``site``."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        try:
            self._file = pq.ParquetFile(path)
        except (OSError, pa.ArrowException) as e:
            raise FactsError(f"{path}: no facts: {e}") from e
        self.none = self._file.schema_arrow.empty_table()
        self._columns = [name for name in schema.names if name in self.none.column_names]
        found = [self._file.metadata.row_group(n).column(0).statistics for n in range(self._file.num_row_groups)]
        self._bounds = [(str(each.min), str(each.max)) if each and each.has_min_max else None for each in found]
        self._group = lru_cache(_GROUPS_HELD)(self._read)

    def _read(self, number: int) -> pa.Table:
        return self._file.read_row_group(number, columns=self._columns)

    def of(self, site: str) -> pa.Table:
        """Give the rows of one site."""
        import pyarrow.compute as pc  # makes its functions in 0.06 s, which a run without facts need not wait for

        groups = [n for n, bound in enumerate(self._bounds) if bound is None or bound[0] <= site <= bound[1]]
        parts = [self._group(n).filter(pc.equal(self._group(n)["site"], pa.scalar(site))) for n in groups]
        return pa.concat_tables(parts) if parts else self.none
