"""A Spark cluster of two workers on this machine, one killed on the way, gives what one machine gives, byte for byte."""

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
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from test_seam import text

from cleaner.run import run
from cleaner.settings import Run, Settings
from cleaner.write.digest import digest

HAS = importlib.util.find_spec("pyspark") is not None and shutil.which("java") is not None
NEEDS_SPARK = pytest.mark.skipif(not HAS, reason="needs pyspark and a Java: make spark")
FACTS = ("facts/clusters.parquet", "facts/sites.parquet", "facts/site_lines.parquet", "errors.jsonl")
TODAY = "2026-01-01"


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


DRIVER = """
import sys
from pathlib import Path
from cleaner.cluster import on
from cleaner.run import run
from cleaner.settings import Settings
master, source, out, today = sys.argv[1:]
run([source], Path(out), Settings(), today=today, where=on(master))
"""


def executors(pid: int) -> list[int]:
    """Find the executors of a worker: what else it has begun may have a lower number."""
    ps = ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(pid)]
    found = subprocess.run(ps, capture_output=True, text=True, check=False).stdout.splitlines()
    return [int(each.split()[0]) for each in found if "ExecutorBackend" in each]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@NEEDS_SPARK
@pytest.mark.skipif(sys.platform != "linux", reason="finds the executors by ps")
def test_an_executor_that_is_killed_changes_nothing(tmp_path: Path) -> None:
    """Run on a standalone cluster of two workers, loopback only, and kill an executor when chunks are done."""
    import pyspark

    home = Path(pyspark.__file__).parent
    source = str(crawl(tmp_path / "in", 150))
    local = {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_HOME": str(home), "PYSPARK_PYTHON": sys.executable}
    short = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"  # seven machines that live a minute
    told = {
        "spark.sql.shuffle.partitions": "3",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.extraJavaOptions": short,
        "spark.executor.extraJavaOptions": short,
    }
    submit = " ".join(f"--conf '{key}={value}'" for key, value in told.items()) + " pyspark-shell"
    env = {**os.environ, **local, "SPARK_WORKER_DIR": str(tmp_path / "work"), "PYSPARK_SUBMIT_ARGS": submit}
    env["SPARK_DAEMON_JAVA_OPTS"] = short
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
        end = time.monotonic() + 200
        while not [*work.glob("chunk-*.json")] and driver.poll() is None and time.monotonic() < end:
            time.sleep(0.1)
        killed = [pid for worker in workers for pid in executors(worker.pid)][:1]
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        code = driver.wait(300)
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
