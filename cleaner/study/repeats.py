"""The plan that counts what the pages of each site repeat, for any engine: ``SiteLines`` in relations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cleaner.engine.seam import Batches, Count, Engine, Held, Sum, Table, columns
from cleaner.site_lines import KEPT_PAGES, KEPT_SHARE, LINES, SITES, FactsError, Page
from cleaner.study.tables import save

KEYS = columns(site=pa.string(), key=pa.string(), page=pa.binary())
"""What the plan is given: one row for each distinct key of a page, and one of key "" for the page itself.

``page`` is ``Page.digest``: of the pages of a site that share it one counts.
"""

SITES_FILE, LINES_FILE = "sites.parquet", "site_lines.parquet"


def keys_of(pages: Sequence[tuple[str, Page]]) -> pa.RecordBatch:
    """Give the rows of ``KEYS`` of pages and their sites."""
    keys = [key for _, page in pages for key in ("", *page.keys)]
    of = pa.array(np.repeat(np.arange(len(pages)), [1 + len(page.keys) for _, page in pages]), pa.int64())
    sites = pa.array([site for site, _ in pages], pa.string())
    digests = pa.array([page.digest for _, page in pages], pa.binary())
    return pa.record_batch([sites.take(of), pa.array(keys, pa.string()), digests.take(of)], schema=KEYS)


def site_lines(fragments: Sequence[Path], earlier: Path | None, to: Path, memory_mb: int, temp: Path) -> None:
    """Write what sites repeat into the folder ``to``: ``sites.parquet`` and ``site_lines.parquet``, each atomically.

    ``fragments``: Arrow IPC files with the columns of ``KEYS``. ``earlier``: the folder of a former crawl's facts,
    whose counts are added; it may be ``to`` itself only if the crawl is not counted twice: nothing tells crawls apart.

    Raises ``FactsError`` for earlier facts that this version cannot use, ``ValueError`` for a bad fragment, naming it.
    """
    from cleaner.engine.local import Local

    with Local(memory_mb, temp) as engine:
        count(engine, fragments, earlier, to)


def count(engine: Engine[Held], fragments: Sequence[Path], earlier: Path | None, to: Path) -> None:
    """Do what ``site_lines`` does, on any engine."""
    sites, lines = plan(engine, engine.read(fragments, KEYS), earlier)
    save(to / LINES_FILE, LINES, engine.batches(lines, ("site", "line_key")))
    save(to / SITES_FILE, SITES, engine.batches(sites, ("site",)))


def plan(engine: Engine[Held], keys: Table[Held], earlier: Path | None = None) -> tuple[Table[Held], Table[Held]]:
    """Give the tables ``SITES`` and ``LINES``, in no order, of ``KEYS``, on any engine."""
    counted = _counted(engine, keys)
    if earlier is not None:
        counted = engine.union(counted, engine.given(_former(earlier), _COUNTED))
    counted = engine.checkpoint(engine.group(counted, ("site", "key"), {"pages": Sum("pages")}))
    sites = engine.select(engine.filter(counted, "key = ''"), SITES)
    sites = engine.checkpoint(sites)
    whole = engine.select(sites, _WHOLE, {"whole": "pages"})
    lines = engine.filter(counted, f"key <> '' and pages >= {KEPT_PAGES}")
    return sites, engine.checkpoint(engine.map(engine.join(lines, whole, ("site",), "inner"), _shares, LINES))


_COUNTED = columns(site=pa.string(), key=pa.string(), pages=pa.int64())
_WHOLE = columns(site=pa.string(), whole=pa.int64())


def _counted(engine: Engine[Held], keys: Table[Held]) -> Table[Held]:
    """Count the pages of each key. Only rows of pages that came more than once are made distinct: those are few."""
    twice = engine.group(engine.filter(keys, "key = ''"), ("site", "page"), {"copies": Count()})
    twice = engine.checkpoint(engine.filter(twice, "copies > 1"))
    once = engine.join(keys, twice, ("site", "page"), "anti")
    again = engine.join(keys, twice, ("site", "page"), "semi")
    again = engine.group(again, ("site", "key", "page"), {"copies": Count()})
    return engine.union(
        engine.group(once, ("site", "key"), {"pages": Count()}),
        engine.group(again, ("site", "key"), {"pages": Count()}),
    )


def _shares(batches: Batches) -> Batches:
    """Keep what ``Repeats.pruned`` keeps, with its share of the site's pages."""
    for batch in batches:
        pages, whole = batch.column("pages").to_numpy(), batch.column("whole").to_numpy()
        share = pa.array(pages / whole, pa.float64())
        found = pa.record_batch([batch.column("site"), batch.column("key"), batch.column("pages"), share], schema=LINES)
        yield found.filter(pa.array(pages >= np.maximum(KEPT_PAGES, KEPT_SHARE * whole)))


def _former(folder: Path) -> Batches:
    """Read a former crawl's facts as counts, a batch at a time."""
    for name, wanted in ((SITES_FILE, SITES), (LINES_FILE, LINES)):
        try:
            with pq.ParquetFile(folder / name) as file:
                found = file.schema_arrow
                if missing := [column for column in wanted.names if column not in found.names]:
                    raise FactsError(
                        f"{folder / name}: has no column {missing[0]!r}; it needs {', '.join(wanted.names)}"
                    )
                version, ours = ((s.metadata or {}).get(b"fold_version", b"none") for s in (found, wanted))
                if version != ours:
                    raise FactsError(
                        f"{folder / name}: is of fold version {version.decode()}, this is {ours.decode()}: count anew"
                    )
                for batch in file.iter_batches(columns=wanted.names):
                    key = batch.column("line_key") if name == LINES_FILE else pa.array([""] * batch.num_rows)
                    columns = [batch.column("site"), key, batch.column("pages")]
                    yield pa.record_batch(columns, schema=_COUNTED)
        except (FileNotFoundError, pa.ArrowInvalid) as e:
            raise FactsError(f"{folder / name}: no facts: {e}") from e
