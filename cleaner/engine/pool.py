"""Worker processes, one pipe each: a worker that dies or hangs is replaced, and what it was at is known.

``concurrent.futures`` loses every task in flight when one worker dies and cannot say which item killed it;
``multiprocessing.Pool`` waits for ever. Here the driver sees each worker's beat: the item it is at, and since when.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.sharedctypes import RawArray
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from cleaner.engine.forks import Begin, Forks
from cleaner.engine.process import FULL, begin, bind, cause, context, give_back, made, tie

_LOOK = 0.25  # seconds between two looks at the beats
_STARTS = 3  # workers that die one after the other before they could begin: another would die too
_LEAST_DONE = 8  # tasks before a worker is replaced: what it has learned by then is worth its start
_GROWN = 32 << 20  # bytes more than after its first task: what facts of large sites take a new one would hold as well

Task = TypeVar("Task")
Result = TypeVar("Result")


class Beat(Protocol):
    """What a worker tells of itself while it works: shared memory, read by the driver when it has died."""

    def at(self, item: int, step: int) -> None:
        """Say that work on the item of this number begins; ``step`` is the caller's own number for what is done.

        An item below 0 is none: there the time is not looked at.
        """


class Lost(NamedTuple):
    """A task that its worker did not finish: the item and step it was at (-1: before the first), and why."""

    item: int
    step: int
    reason: str


class Failed(NamedTuple):
    """A task whose function raised: a fault of ours or of the disk, never of one document."""

    reason: str


Do = Callable[[Any, Beat], Any]


class Pool(Generic[Task, Result]):
    """``workers`` processes that do tasks; a context manager, which kills them when it ends.

    ``start`` is called once in each worker and gives the function that does a task; it must be picklable where
    processes are not forked. Where they are, ``warm`` is called once before, for what all of them can share. An item
    that takes longer than ``timeout`` seconds costs its worker the life; one that asks for ``memory`` bytes beyond what
    its process had at the start gets a ``MemoryError`` (Linux; elsewhere the system decides). A task is ``Failed`` when
    worker after worker dies before it could begin. A worker that has held more than ``most`` bytes when some tasks are
    done makes room for a new one (Linux), unless it held nearly as much for its first: then a new one would, too.
    """

    def __init__(
        self,
        start: Callable[[], Do],
        workers: int,
        timeout: float,
        memory: int,
        most: int = sys.maxsize,
        warm: Callable[[], None] | None = None,
    ) -> None:
        self._count, self._timeout, self._most, self._warm = workers, timeout, most, warm
        self._beats = [_Shared(RawArray("d", 4)) for _ in range(workers)]
        self._work = partial(_work, start, self._beats, memory)
        self._forks: Forks | None = None
        self._workers: list[_Worker] = []
        self._stillborn = 0

    def __enter__(self) -> Pool[Task, Result]:
        self._forks = self._forking()
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.kill()
        self._workers.clear()
        if self._forks is not None:
            self._forks.close()
            self._forks = None

    def run(self, tasks: Iterable[Task | None]) -> Iterator[tuple[Task, Result | Lost | Failed] | None]:
        """Yield each task with what became of it, as they end; None now and then, where nothing has ended for long.

        Tasks are taken only when a worker is free. A task of None says that there will be more when one of those
        at work has ended. Raises ``RuntimeError`` when None comes and nothing is at work.
        """
        todo = iter(tasks)
        done = False
        try:
            while True:
                while not done and self._has_room():
                    try:
                        task = next(todo)
                    except StopIteration:
                        done = True
                        break
                    if task is None:
                        break
                    self._idle().give(task)
                busy = [worker for worker in self._workers if worker.busy]
                if not busy and not done:
                    raise RuntimeError("there is work left, but nothing that it waits for")
                if not busy:
                    return
                ended = list(self._ended(busy))
                yield from ended or (None,)
        except GeneratorExit:
            self.__exit__()
            raise

    def _has_room(self) -> bool:
        return len(self._workers) < self._count or not all(worker.busy for worker in self._workers)

    def _idle(self) -> _Worker:
        for worker in self._workers:
            if not worker.busy:
                return worker
        return self._new()

    def _new(self) -> _Worker:
        taken = {worker.place for worker in self._workers}
        place = min(set(range(self._count)) - taken)
        worker = _Worker(place, self._beats[place], self._beginning())
        self._workers.append(worker)
        return worker

    def _beginning(self) -> Begin:
        """Give what begins a worker; before it has a pipe, or what forks would hold the worker's end, too."""
        if self._forks is not None and not self._forks.lives():  # and so none of its workers does
            self._forks.close()
            self._forks = self._forking()
        return partial(made, self._work) if self._forks is None else self._forks.start

    def _forking(self) -> Forks | None:
        return Forks(self._work, self._warm) if context().get_start_method() == "fork" else None

    def _ended(self, busy: list[_Worker]) -> Iterator[tuple[Task, Result | Lost | Failed]]:
        by_pipe = {worker.pipe: worker for worker in busy}
        for pipe in wait(list(by_pipe), _LOOK):
            worker = by_pipe.pop(pipe)
            task = worker.task
            try:
                result = worker.take()
            except (EOFError, OSError):
                yield from self._died(worker, task)
            else:
                self._stillborn = 0
                if worker.done >= _LEAST_DONE and worker.has_grown(self._most):
                    worker.kill()
                    self._workers.remove(worker)
                yield task, result
        now = time.monotonic()
        for worker in by_pipe.values():
            if worker.busy and worker.item >= 0 and now - worker.since > self._timeout and not worker.pipe.poll():
                task = worker.task
                yield task, self._replaced(worker, f"timeout: not done after {self._timeout:g} seconds")

    def _died(self, worker: _Worker, task: Task) -> Iterator[tuple[Task, Lost | Failed]]:
        began = worker.began
        lost = self._replaced(worker, "")
        if began:
            yield task, lost
            return
        self._stillborn += 1
        if self._stillborn >= _STARTS:
            yield task, Failed(f"no worker process can begin: {self._stillborn} in a row died, the last {lost.reason}")
        else:
            self._idle().give(task)

    def _replaced(self, worker: _Worker, reason: str) -> Lost:
        item, step = worker.item, worker.step
        worker.kill()
        self._workers.remove(worker)
        return Lost(item, step, reason or worker.cause())


@dataclass(slots=True)
class _Shared:
    """The beat in shared memory: item (-1: none), step, start of the item in monotonic seconds; 1 when it can begin."""

    cells: Any

    def at(self, item: int, step: int) -> None:
        self.cells[2] = time.monotonic()  # first: a new item with an old time would look late
        self.cells[0], self.cells[1] = item, step


class _Worker:
    """One process as the driver sees it."""

    def __init__(self, place: int, beat: _Shared, begin: Begin) -> None:
        self.place, self._beat = place, beat
        beat.cells[:] = (-1.0, -1.0, 0.0, 0.0)
        self.pipe, theirs = context().Pipe()
        self._process = begin(theirs, place)
        theirs.close()
        self.busy = False
        self.done = 0
        self._first = 0  # bytes, the most that it held until its first task was done
        self.task: Any = None

    @property
    def item(self) -> int:
        return int(self._beat.cells[0])

    @property
    def step(self) -> int:
        return int(self._beat.cells[1])

    @property
    def began(self) -> bool:
        return bool(self._beat.cells[3])

    @property
    def since(self) -> float:
        return float(self._beat.cells[2])

    def give(self, task: object) -> None:
        self._beat.at(-1, -1)
        self.task, self.busy = task, True
        with suppress(OSError):  # dead already: the next look finds the pipe at its end
            self.pipe.send(task)

    def take(self) -> Any:
        result = self.pipe.recv()
        self.busy = False
        self.done += 1
        if self.done == 1:
            self._first = self._most_held()
        return result

    def has_grown(self, most: int) -> bool:
        """Whether it has held more than so many bytes, and ``_GROWN`` more than for its first task."""
        return self._most_held() > max(most, self._first + _GROWN)

    def _most_held(self) -> int:
        """Give the most bytes of memory that it has held, what it shares with others among them; 0 where untold."""
        try:
            with open(f"/proc/{self._process.pid}/status") as file:
                return next((1024 * int(line.split()[1]) for line in file if line.startswith("VmHWM:")), 0)
        except OSError:
            return 0

    def kill(self) -> None:
        self._process.kill()
        self._process.join()
        self.pipe.close()

    def cause(self) -> str:
        return cause(self._process.exitcode)


def _work(
    start: Callable[[], Do], beats: Sequence[_Shared], memory: int, pipe: Connection[Any, Any], place: int
) -> None:
    beat = beats[place]
    begin()
    bind(memory)
    tie()
    try:
        do = start()
    except Exception as error:
        do = _failing(error)
    beat.cells[3] = 1
    while True:
        try:
            task = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            result = do(task, beat)
        except MemoryError:
            os._exit(FULL)  # what holds the memory is unknown: only the end of the process gives it back
        except Exception as error:
            result = Failed(f"{type(error).__name__}: {error}")
        beat.at(-1, -1)
        del task
        pipe.send(result)
        del result
        give_back()


def _failing(error: Exception) -> Do:
    failed = Failed(f"{type(error).__name__}: {error}")
    return lambda task, beat: failed
