"""Workers that raise, hang, leave and die: the driver knows what they were at, and the others are not harmed."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest

from cleaner.engine.pool import Beat, Failed, Lost, Pool
from cleaner.engine.process import apart, context

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals and limits as Linux has them")

MEMORY = 2 << 30
Task = tuple[int, str]


def do(task: Task, beat: Beat) -> str:
    number, what = task
    beat.at(7, 3)
    if what == "raise":
        raise LookupError("no such thing")
    if what == "sleep":
        time.sleep(600)
    if what == "busy":
        deque(repeat(0), maxlen=0)  # in C, the interpreter's lock never let go
    if what == "exit":
        os._exit(5)
    if what == "segfault":
        faulthandler.disable()
        ctypes.string_at(0)
    if what == "memory":
        held = []
        while True:
            held.append(bytes(1 << 28))  # calloc: no page is touched
    if what == "rest":
        beat.at(-1, -1)
        time.sleep(0.8)
    if what.startswith("SIG"):
        os.kill(os.getpid(), getattr(signal, what))
    if what == "large":
        return "x" * (8 << 20)
    return f"{number} done"


def start() -> Any:
    return do


def fails() -> Any:
    raise OSError("no rules there")


def dies() -> Any:
    os._exit(9)


def dies_first(path: Path) -> Any:
    if not path.exists():
        path.touch()
        os._exit(9)
    return do


def counted(path: Path) -> Any:
    with path.open("a") as file:
        file.write(f"{os.getpid()}\n")
    return do


def results(tasks: list[Task], workers: int = 2, timeout: float = 30.0, how: Any = start) -> dict[int, Any]:
    found: dict[int, Any] = {}
    with Pool[Task, Any](how, workers, timeout, MEMORY) as pool:
        for ended in pool.run(iter(tasks)):
            if ended is not None:
                (number, _), result = ended
                assert number not in found
                found[number] = result
    return found


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_every_task_is_done_once_whatever_the_number_of_workers(workers: int) -> None:
    assert results([(n, "") for n in range(40)], workers) == {n: f"{n} done" for n in range(40)}


def test_no_task_no_worker(tmp_path: Path) -> None:
    assert results([], how=partial(counted, tmp_path / "started")) == {}
    assert not (tmp_path / "started").exists()


def test_no_more_workers_start_than_there_are_tasks(tmp_path: Path) -> None:
    assert results([(0, "")], 4, how=partial(counted, tmp_path / "started")) == {0: "0 done"}
    assert len((tmp_path / "started").read_text().split()) == 1


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("exit", "ended its worker process: exit code 5"),
        ("segfault", "killed its worker process: SIGSEGV"),
        ("SIGKILL", "killed its worker process: SIGKILL (out of memory, perhaps)"),
        ("SIGTERM", "killed its worker process: SIGTERM"),
        ("memory", "ran out of memory"),
    ],
)
def test_a_worker_that_dies_tells_what_it_was_at_and_harms_no_other(what: str, reason: str) -> None:
    found = results([(n, what if n in (3, 4, 11) else "") for n in range(20)])
    assert [found.pop(n) for n in (3, 4, 11)] == [Lost(7, 3, reason)] * 3
    assert found == {n: f"{n} done" for n in range(20) if n not in (3, 4, 11)}


@pytest.mark.parametrize("what", ["sleep", "busy"])
def test_a_worker_that_hangs_is_replaced_and_the_time_named(what: str) -> None:
    began = time.monotonic()
    found = results([(n, what if n == 2 else "") for n in range(12)], timeout=0.5)
    assert found.pop(2) == Lost(7, 3, "timeout: not done after 0.5 seconds")
    assert found == {n: f"{n} done" for n in range(12) if n != 2}
    assert time.monotonic() - began < 10


def test_a_task_that_is_at_no_item_may_take_its_time() -> None:
    assert results([(0, "rest")], timeout=0.2) == {0: "0 done"}


def test_what_raises_has_failed_and_its_worker_goes_on() -> None:
    found = results([(n, "raise" if n == 1 else "") for n in range(4)], 1)
    assert found.pop(1) == Failed("LookupError: no such thing")
    assert found == {n: f"{n} done" for n in (0, 2, 3)}


def test_a_worker_that_cannot_start_says_why() -> None:
    assert results([(0, "")], how=fails) == {0: Failed("OSError: no rules there")}
    assert results([(0, "")], 1, how=dies) == {
        0: Failed("no worker process can begin: 3 in a row died, the last ended its worker process: exit code 9")
    }


def test_one_that_dies_as_it_starts_costs_no_task(tmp_path: Path) -> None:
    assert results([(n, "") for n in range(9)], how=partial(dies_first, tmp_path / "died")) == {
        n: f"{n} done" for n in range(9)
    }


def test_what_the_driver_has_is_not_the_workers_to_pay_for() -> None:
    held = bytearray(MEMORY + (1 << 20))  # never touched: reserved only
    assert results([(0, "")]) == {0: "0 done"}
    assert results([(0, "memory")]) == {0: Lost(7, 3, "ran out of memory")}
    del held


def test_large_results_come_whole() -> None:
    found = results([(n, "large") for n in range(4)])
    assert {len(text) for text in found.values()} == {8 << 20}


def test_a_large_task_for_a_worker_that_is_dead_does_not_stop_the_driver() -> None:
    tasks = [(0, "SIGKILL"), (1, "x" * (8 << 20)), (2, "exit"), (3, "x" * (8 << 20))]
    assert {n: type(r) for n, r in results(tasks, 1).items()} == {0: Lost, 1: str, 2: Lost, 3: str}


def test_tasks_that_wait_for_others_come_later() -> None:
    ended: list[int] = []

    def tasks() -> Any:
        yield from ((0, ""), (1, ""))
        while len(ended) < 2:
            yield None
        yield (2, "")

    with Pool[Task, Any](start, 2, 30.0, MEMORY) as pool:
        for each in pool.run(tasks()):
            ended += [] if each is None else [each[0][0]]
    assert sorted(ended[:2]) == [0, 1]
    assert ended[2:] == [2]


def test_waiting_for_nothing_is_an_error_not_a_standstill() -> None:
    with Pool[Task, Any](start, 2, 30.0, MEMORY) as pool, pytest.raises(RuntimeError, match="waits for"):
        list(pool.run(iter([None])))


def test_leaving_early_leaves_no_worker() -> None:
    with Pool[Task, Any](start, 2, 30.0, MEMORY) as pool:
        running = pool.run((n, "sleep" if n else "") for n in range(3))
        next(running)
        pids = [worker._process.pid for worker in pool._workers]
        assert pids
    assert not any(alive(pid) for pid in pids if pid)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


DRIVER = """
import os, sys, time
from collections import deque
from itertools import repeat
from cleaner.engine.pool import Pool

def do(task, beat):
    beat.at(0, 0)
    os.write(1, b"%d\\n" % os.getpid())  # at once: unbuffered, print writes the number and its end one after the other
    if task == 0:
        deque(repeat(0), maxlen=0)
    time.sleep(600)

with Pool(lambda: do, 3, 600.0, 2 << 30) as pool:
    for ended in pool.run(range(3)):
        pass
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_die_with_their_driver(number: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", DRIVER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as driver:
        assert driver.stdout
        try:
            pids = [int(driver.stdout.readline()) for _ in range(3)]
            assert all(alive(pid) for pid in pids)
            driver.send_signal(number)
            driver.wait(2)
        finally:
            driver.kill()  # or what fails here would wait for ever
    end = time.monotonic() + 2
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < end, "workers outlive their driver"
        time.sleep(0.01)


def grows() -> Any:
    held: list[bytes] = []

    def do(task: Task, beat: Beat) -> tuple[int, int]:
        held.append(b"x" * (16 << 20))
        return task[0], os.getpid()

    return do


def is_large() -> Any:
    held = b"x" * (128 << 20)

    def do(task: Task, beat: Beat) -> tuple[int, int]:
        return task[0] + 0 * len(held), os.getpid()

    return do


@pytest.mark.parametrize(
    ("start", "most", "processes"),
    [(grows, 1 << 20, 3), (grows, sys.maxsize, 1), (is_large, 1 << 20, 1)],
    ids=["it has grown", "it may hold that", "a new one would hold as much"],
)
def test_a_worker_that_has_grown_makes_room_after_some_tasks(start: Any, most: int, processes: int) -> None:
    tasks = [(n, "") for n in range(20)]
    with Pool[Task, tuple[int, int]](start, 1, 60.0, MEMORY, most) as made:
        found = [ended[1] for ended in made.run(tasks) if ended is not None]
    assert [number for number, _ in found] == list(range(20))
    pids = [pid for _, pid in found]
    assert len(set(pids)) == processes
    assert pids == sorted(pids, key=pids.index), "none comes back"


_warmed: list[int] = []


def warms(path: Path) -> None:
    with path.open("a") as file:
        file.write("warmed\n")
    _warmed.append(os.getppid())


def tells() -> Any:
    def do(task: Task, beat: Beat) -> tuple[list[int], int]:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        if task[1] == "kill":
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(600)
        if task[1] == "exit":
            os._exit(1)
        return _warmed, pages * os.sysconf("SC_PAGE_SIZE")

    return do


def test_what_all_workers_need_is_made_once_and_not_in_the_driver(tmp_path: Path) -> None:
    path = tmp_path / "warmed"
    with Pool[Task, Any](tells, 2, 60.0, MEMORY, warm=partial(warms, path)) as made:
        found = [ended[1] for ended in made.run((n, "exit" if n == 4 else "") for n in range(9)) if ended is not None]
    assert [result[0] for result in found if not isinstance(result, Lost)] == [[os.getpid()]] * 8
    assert path.read_text() == "warmed\n"
    assert not _warmed


def test_what_cannot_be_made_beforehand_harms_nothing() -> None:
    with Pool[Task, Any](start, 2, 60.0, MEMORY, warm=fails) as made:
        assert [ended[1] for ended in made.run([(0, "")]) if ended is not None] == ["0 done"]


def test_workers_do_not_begin_with_what_the_driver_has_read_since() -> None:
    with Pool[Task, Any](tells, 1, 60.0, MEMORY) as made:
        running = made.run((n, "exit" if n == 1 else "") for n in range(3))
        first = next(ended for ended in running if ended is not None)[1][1]
        read = b"x" * (200 << 20)
        later = [ended[1] for ended in running if ended is not None][-1][1]
        assert later < first + len(read) // 4


def test_a_run_outlives_the_process_that_forks_its_workers() -> None:
    with Pool[Task, Any](tells, 2, 60.0, MEMORY) as made:
        found = dict(ended for ended in made.run((n, "kill" if n == 3 else "") for n in range(8)) if ended is not None)
    lost = {task for task, result in found.items() if isinstance(result, Lost)}
    assert (3, "kill") in lost
    assert len(lost) <= 2, "what the other was at, perhaps"
    assert len(found) == 8


def test_with_threads_about_workers_are_made_another_way() -> None:
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        assert context().get_start_method() != "fork"
        found = results([(n, "exit" if n == 3 else "") for n in range(8)])
    finally:
        done.set()
        thread.join()
    assert found.pop(3) == Lost(7, 3, "ended its worker process: exit code 5")
    assert found == {n: f"{n} done" for n in range(8) if n != 3}


ARRAYS = """
import pyarrow
from cleaner.engine.pool import Pool
from cleaner.engine.process import apart

def do(*_):
    return str(pyarrow.array(["not imported"])[0])

apart(lambda: print(do(), flush=True))
with Pool(lambda: do, 1, 60.0, 2 << 30) as pool:
    print(*[ended[1] for ended in pool.run([0]) if ended is not None])
"""


def test_no_process_imports_pandas_where_that_is_installed(tmp_path: Path) -> None:
    (tmp_path / "pandas").mkdir()
    (tmp_path / "pandas" / "__init__.py").write_text("raise SystemExit('imported')")
    env = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", ARRAYS], env=env, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("not imported\n" * 2, "")
    bare = subprocess.run([sys.executable, "-c", "import pyarrow; pyarrow.array(['a'])"], env=env, check=False)
    assert bare.returncode, "Arrow would have"


def learns() -> None:
    raise ValueError("of the study")


def is_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_what_is_done_apart_raises_here_what_it_raises() -> None:
    done: list[int] = []
    apart(partial(done.append, 1))
    assert not done, "in a process of its own"
    with pytest.raises(ValueError, match="of the study"):
        apart(learns)
    with pytest.raises(RuntimeError, match="SIGKILL"):
        apart(is_killed)
    with pytest.raises(RuntimeError, match="Local: x"):
        apart(unsendable)


def unsendable() -> None:
    class Local(Exception):
        pass

    raise Local("x")
