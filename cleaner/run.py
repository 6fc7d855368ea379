"""One run: inputs planned into chunks, cleaned by workers, merged into shards; killed anywhere, it goes on."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import msgspec

from cleaner.call import Begin, Call
from cleaner.engine.pool import Failed, Lost, Pool
from cleaner.progress import State, Watch
from cleaner.read.record import Chunk
from cleaner.read.records import plan
from cleaner.settings import Settings
from cleaner.work import CLEANING, Clean, Job, Merge
from cleaner.write.digest import run_of
from cleaner.write.folder import Folder
from cleaner.write.fragment import Marker, Tally, marker, table_path
from cleaner.write.shards import Merged, Shard, merged, tables_of

# What a worker may have, ten times what the largest documents need: one that asks for more is an error.
_WORKER_MEMORY = 2 << 30


class RunError(RuntimeError):
    """A run that cannot go on: the disk is full, say. What is done stays done, and the same call goes on."""


@dataclass
class Summary:
    """What became of a run; ``changed`` names what made it begin anew where a former, finished run stood."""

    tally: Tally = field(default_factory=Tally)
    documents: int = 0
    chars: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    errors: int = 0
    seconds: float = 0.0
    resumed: int = 0
    idle: bool = False
    changed: list[str] = field(default_factory=list)


def run(
    inputs: Sequence[str],
    out: Path,
    settings: Settings,
    *,
    today: str,
    begin: Begin = "continue",
    stdin: BinaryIO | None = None,
    tell: Watch = lambda state: None,
) -> Summary:
    """Clean the inputs into the folder ``out``.

    ``begin`` is ``continue`` (go on with an unfinished run of the same call, do nothing where it is finished) or
    ``restart``. ``today`` (ISO) bounds publication dates; a continued run keeps that of its beginning. ``stdin`` is
    read where an input is ``-``.

    Raises ``Unreadable`` for an input that is not there, ``OutputError`` for an output that cannot be or an
    unfinished run of another call, ``RuleError`` and ``ValueError`` for rules and settings, ``RunError`` when the
    work cannot go on.
    """
    began = time.monotonic()
    with Folder(out, inputs=[each for each in inputs if each != "-"]) as folder:
        call = Call(inputs, settings, today, folder, begin, stdin)
        if call.idle:
            return _former(folder)
        driver = _Driver(call, tell)
        driver.clean()
        return driver.finish(time.monotonic() - began)


class _Driver:
    """The loop over chunks and shards of one run."""

    def __init__(self, call: Call, tell: Watch) -> None:
        self.call, self.folder, self.settings, self.tell = call, call.folder, call.settings, tell
        self.work = self.folder.work
        self.total = sum(max(source.size, 0) for source in call.sources)
        self.read = 0
        self.tally = Tally()
        self.errors = self.resumed = self.chunks = 0
        self.job = Job(call.settings, call.rules, call.today, call.reading, self.folder.out, self.work, call.names)
        self.shards = _Shards(self.work, self.settings.output.shard_mb << 20)
        self.lost: dict[int, int] = {}

    def clean(self) -> None:
        """Clean every chunk that is not done and merge every shard."""
        self._tell()
        with self._pool() as pool:
            again: list[Clean] = []
            for ended in pool.run(self._tasks(again)):
                if ended is None:
                    self._tell()
                    continue
                task, result = ended
                if isinstance(result, Failed):
                    raise RunError(result.reason)
                if isinstance(result, Lost):
                    again.append(self._without(task, result))
                elif isinstance(result, Merged):
                    self.shards.merged(result)
                elif isinstance(task, Clean):
                    self._done(result)
                    self.read += _bytes(task.chunk)
                    self._tell()

    def finish(self, seconds: float) -> Summary:
        """Write the run's last word."""
        made = self.shards.done
        summary = Summary(
            self.tally, errors=self.errors, seconds=seconds, resumed=self.resumed, changed=self.call.changed
        )
        summary.documents, summary.chars = sum(m.documents for m in made), sum(m.chars for m in made)
        for each in made:
            for reason, count in each.dropped.items():
                summary.dropped[reason] = summary.dropped.get(reason, 0) + count
        counts = msgspec.to_builtins(self.tally)
        counts |= {
            "documents": summary.documents,
            "chars": summary.chars,
            "errors": self.errors,
            "dropped": summary.dropped,
        }
        self.folder.finish(
            self.chunks,
            {
                "rules": self.call.plan.rules,
                "plan": msgspec.to_builtins(self.call.plan),
                "to": self.call.to,
                "ledger": self.settings.output.ledger,
                "counts": counts,
                "shards": len(made),
                "workers": self._workers(),
                "seconds": round(seconds, 3),
            },
        )
        return summary

    def _tasks(self, again: list[Clean]) -> Iterator[Clean | Merge | None]:
        """Yield what can be done now: chunks that lost their worker, shards whose chunks are done, the next chunk."""
        chunks = plan(self.call.sources, self.call.reading, self._is_wanted)
        planned = False
        while True:
            if again:
                yield again.pop()
            elif (shard := self.shards.next(self.chunks if planned else None)) is not None:
                self.folder.announce(tables_of(shard.number, self.job.writing))
                yield Merge(shard)
            elif not planned:
                found = next(chunks, None)
                if found is None:
                    planned = True
                else:
                    self.chunks = max(self.chunks, found.number + 1)
                    if (made := self._made(found.number)) is not None:
                        self.resumed += 1
                        self.read += _bytes(found)
                        self._done(made)
                    else:
                        yield Clean(found)
            elif self.shards.is_done(self.chunks):
                return
            else:
                yield None

    def _is_wanted(self, number: int) -> bool:
        return self._made(number) is None

    def _made(self, number: int) -> Marker | None:
        return marker(self.work, number)

    def _done(self, made: Marker) -> None:
        self.tally += made.tally
        self.errors += len(made.faults)
        self.shards.cleaned(made)

    def _without(self, task: Clean | Merge, lost: Lost) -> Clean:
        """Give the task again without the record that its worker died of."""
        number = task.chunk.number if isinstance(task, Clean) else -1
        if lost.item < 0 or isinstance(task, Merge):
            self.lost[number] = self.lost.get(number, 0) + 1
            if self.lost[number] > 2 or isinstance(task, Merge):
                raise RunError(f"a worker {lost.reason}, three times, and at no document")
            return task
        if lost.step == CLEANING:
            return msgspec.structs.replace(task, poison=task.poison | {lost.item: lost.reason})
        return msgspec.structs.replace(task, unread=task.unread | {lost.step - 1: (lost.item, lost.reason)})

    def _pool(self) -> Pool[Clean | Merge, Marker | Merged]:
        self.job.load()
        return Pool(self.job.start, self._workers(), self.settings.run.timeout, _WORKER_MEMORY)

    def _workers(self) -> int:
        if self.settings.run.workers:
            return int(self.settings.run.workers)
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    def _tell(self) -> None:
        self.tell(State("cleaning", self.read, self.total, self.tally.documents, self.errors, self.tally.seconds))


class _Shards:
    """Which chunks make which shard: in order, each shard closed by the chunk that fills it. Never depends on time."""

    def __init__(self, work: Path, size: int) -> None:
        self._work, self._size = work, size
        self.done = merged(work)
        self._given = len(self.done)
        self._first = self._at = self.done[-1].shard.last + 1 if self.done else 0
        self._filled = 0
        self._sizes: dict[int, int] = {}
        for each in self.done:
            self._discard(each.shard)

    def cleaned(self, made: Marker) -> None:
        """Say that a chunk is done."""
        if made.number >= self._first:
            self._sizes[made.number] = made.size

    def next(self, chunks: int | None) -> Shard | None:
        """Give the next shard whose chunks are done; ``chunks`` is how many there are in all, once known."""
        while (size := self._sizes.pop(self._at, None)) is not None:
            self._at += 1
            self._filled += size
            if self._filled >= self._size:
                return self._shard()
        return self._shard() if self._at == chunks and self._at > self._first else None

    def _shard(self) -> Shard:
        made = Shard(self._given, self._first, self._at - 1)
        self._given, self._first, self._filled = self._given + 1, self._at, 0
        return made

    def merged(self, made: Merged) -> None:
        """Say that a shard is done: its fragments go."""
        self.done.append(made)
        self._discard(made.shard)

    def is_done(self, chunks: int) -> bool:
        """Whether every one of so many chunks is in a shard that is done."""
        return self._first == chunks and len(self.done) == self._given

    def _discard(self, shard: Shard) -> None:
        for number in range(shard.first, shard.last + 1):
            for table in ("documents", "ledger", "clusters"):
                table_path(self._work, number, table).unlink(missing_ok=True)


def _bytes(chunk: Chunk) -> int:
    return sum(max(span.source.size, 0) if span.stop < 0 else span.stop - span.start for span in chunk.spans)


def _former(folder: Folder) -> Summary:
    """Tell of the finished run that stands there what can be told."""
    run = run_of(folder.out)
    counts = msgspec.convert(run.get("counts", {}), dict[str, object])
    tally = msgspec.convert({k: v for k, v in counts.items() if k in Tally.__struct_fields__}, Tally)
    errors = msgspec.convert(counts.get("errors", 0), int)
    dropped = msgspec.convert(counts.get("dropped", {}), dict[str, int])
    documents, chars = tally.documents, tally.chars
    return Summary(tally, documents, chars, dropped, errors, idle=True)
