"""Spark gives what one machine gives, row by row, whatever the partitions, the order, or an executor's end."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_cluster import NEEDS_SPARK, TODAY, crawl, same
from test_clusters import crowd
from test_seam import CRAWL, documents, fragments, keys, near, text

from cleaner.delivery import Delivery
from cleaner.engine.pool import Beat, Lost
from cleaner.engine.seam import Count, Least, Sum, columns
from cleaner.run import run
from cleaner.settings import Duplicates, Repeated, Run, Settings
from cleaner.study import copies, paragraphs, repeats

if TYPE_CHECKING:
    from cleaner.engine.spark import Spark

pytestmark = [
    NEEDS_SPARK,
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::ResourceWarning", "ignore::UserWarning"),
]


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    from cleaner.engine.spark import started

    with pytest.MonkeyPatch.context() as patch:  # executors must find this module's functions
        patch.setenv("PYTHONPATH", os.pathsep.join((str(Path(__file__).parent), os.environ.get("PYTHONPATH", ""))))
        session = started("local[4]")
        session.sparkContext.setLogLevel("ERROR")
        yield session
        session.stop()


@pytest.fixture(params=[3, 7])
def engine(session: Any, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Spark]:
    from cleaner.engine.spark import Spark

    session.conf.set("spark.sql.shuffle.partitions", request.param)
    with Spark(session, tmp_path / "shared") as made:
        yield made
    assert not [*(tmp_path / "shared").iterdir()]


def test_duplicates_are_those_of_one_machine(engine: Spark, tmp_path: Path) -> None:
    given = documents(near() | crowd(60, 20)[0])
    copies.duplicates(fragments(tmp_path / "1", given, 2), None, Duplicates(), 256, tmp_path, tmp_path / "1.parquet")
    found = copies.compare(engine, fragments(tmp_path / "2", given, 5, seed=4), Duplicates(), tmp_path / "2.parquet")
    assert found > 20
    assert (tmp_path / "2.parquet").read_bytes() == (tmp_path / "1.parquet").read_bytes()


def test_site_lines_are_those_of_one_machine(engine: Spark, tmp_path: Path) -> None:
    repeats.site_lines(fragments(tmp_path / "1", keys(CRAWL), 1), None, tmp_path / "a", 256, tmp_path)
    repeats.count(engine, fragments(tmp_path / "2", keys(CRAWL), 4, seed=4), None, tmp_path / "b")
    for name in (repeats.SITES_FILE, repeats.LINES_FILE):
        assert (tmp_path / "b" / name).read_bytes() == (tmp_path / "a" / name).read_bytes()


def test_paragraphs_are_those_of_one_machine(engine: Spark, tmp_path: Path) -> None:
    texts = [f"{text(n % 7)}\n{text(n % 5)}" for n in range(40)]
    told = [row for n, each in enumerate(texts) for row in paragraphs.rows(f"d{n}", each, n // 4, n % 4, 50)]
    kinds = paragraphs.PARAGRAPHS.types
    given = [pa.array(column, kind) for column, kind in zip(zip(*told, strict=True), kinds, strict=True)]
    table = pa.table(given, schema=paragraphs.PARAGRAPHS)
    copied = [{"id": "d3", "chunk": 0, "cluster": "d2", "keep": False, "similarity": 1.0, "twin": "d2"}]
    pq.write_table(pa.Table.from_pylist(copied, copies.CLUSTERS), clusters := tmp_path / "clusters.parquet")
    how = Repeated(paragraphs=3)
    paragraphs.local(fragments(tmp_path / "1", table, 2), clusters, how, 128, tmp_path, tmp_path / "1.parquet")
    found = paragraphs.find(engine, fragments(tmp_path / "2", table, 5, seed=4), clusters, how, tmp_path / "2.parquet")
    assert found > 20
    assert (tmp_path / "2.parquet").read_bytes() == (tmp_path / "1.parquet").read_bytes()


ROWS = columns(site=pa.string(), n=pa.int32())


def doubled(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Give each row with the site that stood before it in its call."""
    before = ""
    for batch in batches:
        for site, n in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            yield pa.record_batch([[before], pa.array([n], pa.int32())], schema=ROWS)
            before = site


def test_operations_are_those_of_one_machine(engine: Spark) -> None:
    told = [("é", 1), ("z", 2), ("Z", 3), ("\U0001f600", 4), ("\uffff", 5), ("z", 9)]
    sites, n = zip(*told, strict=True)
    table = engine.given([pa.record_batch([list(sites), pa.array(n, pa.int32())], schema=ROWS)], ROWS)

    def rows(table: Any, *by: str) -> list[dict[str, Any]]:
        return [row for batch in engine.batches(table, by) for row in batch.to_pylist()]

    assert [row["n"] for row in rows(table, "-site", "-n")] == [4, 5, 1, 9, 2, 3]
    assert [row["at"] for row in rows(engine.numbered(table, ("site", "n"), "at"), "site", "n")] == [*range(6)]
    found = engine.group(table, ("site",), {"least": Least("n"), "sum": Sum("n"), "rows": Count()})
    assert rows(found, "site")[1] == {"site": "z", "least": 2, "sum": 11, "rows": 2}
    followed = rows(engine.swept(table, doubled, ROWS, "site", ("n",)), "n")
    assert followed[-1] == {"site": "z", "n": 9}, "equal ones come in one call, in order"


def fate(task: int, beat: Beat) -> str:
    beat.at(task, 0)
    if task == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return f"done {task}"


def start() -> Callable[[int, Beat], str]:
    return fate


def test_what_kills_its_worker_is_known_and_the_rest_done(session: Any, tmp_path: Path) -> None:
    from cleaner.engine.spark import Cluster, Spark

    def tasks() -> Iterator[int | None]:
        yield from range(6)
        yield None
        assert len(done) == 6, "what comes later waits for what came before"
        yield 6

    done: dict[int, Any] = {}
    with Spark(session, tmp_path) as engine:
        pool: Cluster[int, str] = Cluster(engine, start, 60, 2 << 30)
        for ended in pool.run(tasks()):
            assert ended
            done[ended[0]] = ended[1]
        with pytest.raises(RuntimeError, match="nothing that it waits for"):
            list(pool.run([None]))
    assert {n: told for n, told in done.items() if n != 3} == {n: f"done {n}" for n in (0, 1, 2, 4, 5, 6)}
    assert isinstance(done[3], Lost)
    assert done[3].item == 3


# Whole runs.


def test_a_run_is_that_of_one_machine_at_an_address_too(
    session: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cleaner.cluster import on

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source = str(crawl(tmp_path / "in", 150))
    run([source], tmp_path / "a", Settings(run=Run(workers=1)), today=TODAY)
    with Delivery(f"local://{tmp_path}/b", tmp_path / "work") as into:
        given = {"claim": into.claim, "where": on(session=session)}
        found = run([source], into.folder, Settings(), today=TODAY, **given)  # type: ignore[arg-type]
        into.send(lambda state: None)
    assert (found.tally.documents, found.errors) == (150, 1)
    same(tmp_path / "a", tmp_path / "b")
    assert run([source], tmp_path / "b", Settings(), today=TODAY, where=on(session=session)).idle
