"""A run on a cluster: the same chunks, tasks and plans as on one machine, done by Spark's executors.

The output folder is where all meet: the driver and every executor must reach it under one path, as they must the
inputs (or by URL). Chunks are planned by the driver and read by executors, so that ids, faults, shards and the digest
are those of a run on one machine; killed anywhere, the same call goes on, on a cluster or not.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cleaner.call import Begin, Call
from cleaner.engine.spark import Cluster, Spark, started
from cleaner.progress import Watch
from cleaner.run import _WORKER_MEMORY, Summary, _Driver, _former
from cleaner.settings import Settings
from cleaner.study.copies import compare
from cleaner.study.repeats import LINES_FILE, SITES_FILE, count
from cleaner.work import LINES, SIGNATURES
from cleaner.write.folder import FACTS, Folder
from cleaner.write.fragment import table_path

if TYPE_CHECKING:
    from cleaner.engine.spark import Session


def clean(
    inputs: Sequence[str],
    out: Path,
    settings: Settings,
    *,
    today: str,
    session: Session | None = None,
    master: str | None = None,
    begin: Begin = "continue",
    facts: Path | None = None,
    tell: Watch = lambda state: None,
) -> Summary:
    """Clean the inputs into the folder ``out`` as ``run`` does, on the executors of a Spark session.

    ``session`` is one that is there; else one is started at ``master`` (a URL as ``spark://host:7077``; default: the
    cores of this machine). Standard input is no input here. Raises what ``run`` raises, and what Spark does.
    """
    began = time.monotonic()
    with Folder(out, inputs=inputs) as folder:
        call = Call(inputs, settings, today, folder, begin, None, facts)
        if call.idle:
            return _former(folder)
        driver = _Driver(call, tell)
        with Spark(session or started(master or "local[*]"), folder.work) as engine:
            _clean(driver, engine)
        return driver.finish(time.monotonic() - began)


def _clean(driver: _Driver, engine: Spark) -> None:
    """Do the steps of ``_Driver.clean``: what runs here is planning, and the last step of each study."""
    pool: Any = Cluster(engine, driver.job.start, driver.settings.run.timeout, _WORKER_MEMORY)
    call, work = driver.call, driver.work
    if call.counts and not (driver.facts / SITES_FILE).exists():
        driver._do(pool, driver._counts)
        driver.folder.announce(f"{FACTS}/{name}" for name in (SITES_FILE, LINES_FILE))
        counted = [table_path(work, number, LINES) for number in range(driver.chunks)]
        count(engine, counted, call.facts, driver.facts)
        for path in counted:
            path.unlink()
    driver.phase, driver.read = "cleaning", 0
    driver.shards.held = driver.job.signs and not driver.clusters.exists()
    driver._do(pool, driver._tasks)
    if driver.shards.held:
        driver.phase = "comparing"
        driver.folder.announce((f"{FACTS}/{driver.clusters.name}",))
        signed = [table_path(work, number, SIGNATURES) for number in range(driver.chunks)]
        compare(engine, signed, driver.settings.duplicates, driver.clusters)
        driver.shards.held = False
        driver.phase = "merging"
        driver._do(pool, driver._merges)
