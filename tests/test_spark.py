"""Spark gives what one machine gives, row by row, whatever the partitions, the order, or an executor's end."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_seam import CRAWL, documents, fragments, keys, near, text

from cleaner.engine.pool import Beat, Lost
from cleaner.engine.seam import Count, Least, Sum, columns
from cleaner.run import run
from cleaner.settings import Duplicates, Run, Settings
from cleaner.study import copies, repeats
from cleaner.write.digest import digest

if TYPE_CHECKING:
    from cleaner.engine.spark import Spark

HAS = importlib.util.find_spec("pyspark") is not None and shutil.which("java") is not None
pytestmark = [
    pytest.mark.skipif(not HAS, reason="needs pyspark and a Java: pip install 'crawl-cleaner[spark]', Java 17"),
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::ResourceWarning", "ignore::UserWarning"),
]
FACTS = ("facts/clusters.parquet", "facts/sites.parquet", "facts/site_lines.parquet", "errors.jsonl")
TODAY = "2026-01-01"


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
    given = documents(near())
    copies.duplicates(fragments(tmp_path / "1", given, 2), None, Duplicates(), 256, tmp_path, tmp_path / "1.parquet")
    found = copies.compare(engine, fragments(tmp_path / "2", given, 5, seed=4), Duplicates(), tmp_path / "2.parquet")
    assert found > 20
    assert (tmp_path / "2.parquet").read_bytes() == (tmp_path / "1.parquet").read_bytes()


def test_site_lines_are_those_of_one_machine(engine: Spark, tmp_path: Path) -> None:
    repeats.site_lines(fragments(tmp_path / "1", keys(CRAWL), 1), None, tmp_path / "a", 256, tmp_path)
    repeats.count(engine, fragments(tmp_path / "2", keys(CRAWL), 4, seed=4), None, tmp_path / "b")
    for name in (repeats.SITES_FILE, repeats.LINES_FILE):
        assert (tmp_path / "b" / name).read_bytes() == (tmp_path / "a" / name).read_bytes()


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


def crawl(folder: Path, count: int) -> Path:
    """Invent a crawl of three sites: menus around texts, a quarter of them edited copies; one line is torn."""
    folder.mkdir()
    path = folder / "crawl.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for n in range(count):
            body = text(n * 3 // 4, edits=n % 2, length=60)
            told = f"Accueil\nNos rayons\n{body[:150]}.\n{body[150:]}.\nPlan du magasin\nHoraires"
            file.write(json.dumps({"id": f"p{n}", "url": f"https://lieu{n % 3}.example/{n}", "text": told}) + "\n")
        file.write('{"id": "torn", "te\n')
    return path


def same(a: Path, b: Path) -> None:
    assert digest(a) == digest(b)
    for name in FACTS:
        assert (a / name).read_bytes() == (b / name).read_bytes(), name
    assert pq.read_table(a / "facts/clusters.parquet").num_rows > 10


def test_a_run_is_that_of_one_machine(session: Any, tmp_path: Path) -> None:
    from cleaner.cluster import on

    source = str(crawl(tmp_path / "in", 150))
    run([source], tmp_path / "a", Settings(run=Run(workers=1)), today=TODAY)
    found = run([source], tmp_path / "b", Settings(), today=TODAY, where=on(session=session))
    assert (found.tally.documents, found.errors) == (150, 1)
    same(tmp_path / "a", tmp_path / "b")
    assert run([source], tmp_path / "b", Settings(), today=TODAY, where=on(session=session)).idle


DRIVER = """
import sys
from pathlib import Path
from cleaner.cluster import on
from cleaner.run import run
from cleaner.settings import Settings
master, source, out, today = sys.argv[1:]
run([source], Path(out), Settings(), today=today, where=on(master))
"""


def children(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(each) for each in found.stdout.split()]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.mark.skipif(sys.platform != "linux", reason="finds the executors by ps")
def test_an_executor_that_is_killed_changes_nothing(tmp_path: Path) -> None:
    """Run on a standalone cluster of two workers, loopback only, and kill an executor when chunks are done."""
    import pyspark

    home = Path(pyspark.__file__).parent
    source = str(crawl(tmp_path / "in", 400))
    local = {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_HOME": str(home), "PYSPARK_PYTHON": sys.executable}
    submit = "--conf spark.sql.shuffle.partitions=3 --conf spark.driver.host=127.0.0.1 pyspark-shell"
    env = {**os.environ, **local, "SPARK_WORKER_DIR": str(tmp_path / "work"), "PYSPARK_SUBMIT_ARGS": submit}
    port = free_port()
    url = f"spark://127.0.0.1:{port}"
    deploy, host = "org.apache.spark.deploy", ["--host", "127.0.0.1", "--webui-port", "0"]
    one = ["--cores", "1", "--memory", "1g", url]
    begun: list[subprocess.Popen[bytes]] = []

    def begin(*command: str) -> subprocess.Popen[bytes]:
        with (tmp_path / f"{len(begun)}.log").open("wb") as log:
            begun.append(subprocess.Popen(command, env=env, stdout=log, stderr=log))
        return begun[-1]

    try:
        begin(str(home / "bin/spark-class"), f"{deploy}.master.Master", *host, "--port", str(port))
        workers = [begin(str(home / "bin/spark-class"), f"{deploy}.worker.Worker", *host, *one) for _ in range(2)]
        driver = begin(sys.executable, "-c", DRIVER, url, source, str(tmp_path / "b"), TODAY)
        run([source], tmp_path / "a", Settings(run=Run(workers=4)), today=TODAY)
        work = tmp_path / "b" / ".work"
        end = time.monotonic() + 150
        while not [*work.glob("chunk-*.json")] and driver.poll() is None and time.monotonic() < end:
            time.sleep(0.1)
        killed = [pid for worker in workers for pid in children(worker.pid)][:1]
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        code = driver.wait(150)
        assert code == 0, (tmp_path / "3.log").read_text()[-3000:]
        assert killed, "no executor was there to be killed"
        log = (tmp_path / "3.log").read_text()
        assert "Lost executor" in log or "Lost task" in log
    finally:
        for each in reversed(begun):
            each.terminate()
        for each in begun:
            try:
                each.wait(20)
            except subprocess.TimeoutExpired:
                each.kill()
                each.wait()
    same(tmp_path / "a", tmp_path / "b")
