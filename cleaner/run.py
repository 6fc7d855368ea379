"""One run: inputs planned into chunks, cleaned by workers, merged into shards; killed anywhere, it goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import msgspec
import pyarrow.parquet as pq

from cleaner.call import Begin, Call
from cleaner.engine.pool import Failed, Lost
from cleaner.place import Doing, Place, Task, Where, here, workers
from cleaner.progress import State, Watch
from cleaner.read.records import plan
from cleaner.settings import Settings
from cleaner.sharding import Sharding, bytes_of
from cleaner.study.copies import Against, fits, grow
from cleaner.study.repeats import LINES_FILE, SITES_FILE
from cleaner.work import CLEANING, LINES, PARAGRAPHS, SIGNATURES, Clean, Count, Job, Merge, Sign
from cleaner.write.digest import run_of
from cleaner.write.folder import FACTS, Claim, Folder
from cleaner.write.fragment import Marker, Tally, marker, marker_path, table_path
from cleaner.write.shards import Merged, tables_of

_SIGNED = 64 << 20  # bytes of input, a second of signing: for fewer a second process is not worth its start


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
    copies: int = 0
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
    facts: Path | None = None,
    against: Path | None = None,
    crawl: str = "",
    claim: Claim = lambda planned: None,
    where: Where | None = None,
    tell: Watch = lambda state: None,
) -> Summary:
    """Clean the inputs into the folder ``out``.

    ``begin`` is ``continue`` (go on with an unfinished run of the same call, do nothing where it is finished) or
    ``restart``. ``today`` (ISO) bounds publication dates; a continued run keeps that of its beginning. ``stdin`` is
    read where an input is ``-``. ``facts`` is a folder of facts that a former run learned (its ``facts/``): they are
    applied, and extended by what this run learns. ``against`` is an index of earlier crawls, there or not yet: copies
    of those are found, and when all is done this run is added under ``crawl`` (default: the name of ``out``).
    ``where`` is this machine, or ``cluster.on(…)``; ``claim`` is ``Delivery``'s, where ``out`` will be sent elsewhere.

    Raises ``Unreadable`` for an input that is not there, ``OutputError`` for an output that cannot be or an
    unfinished run of another call, ``RuleError`` and ``ValueError`` for rules and settings, ``IndexFault`` for an
    index that does not fit, ``RunError`` when the work cannot go on.
    """
    began = time.monotonic()
    with Folder(out, inputs=[each for each in inputs if each != "-"], claim=claim) as folder:
        index = (against, crawl or folder.out.name) if against else None
        if against:
            fits(against, settings.duplicates)
        call = Call(inputs, settings, today, folder, begin, stdin, facts, index)
        if call.idle:
            return _former(folder)
        driver = _Driver(call, tell)
        driver.clean(where or here)
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
        self.facts = self.folder.out / FACTS
        self.clusters = self.facts / "clusters.parquet"
        self.against = Against(*call.index, self.work / "fresh.parquet") if call.index else None
        self.job = Job(
            call.settings,
            call.rules,
            call.today,
            call.reading,
            self.folder.out,
            self.work,
            call.names,
            facts=self.facts if call.counts else call.facts,
            clusters=self.clusters if call.studies else None,
            signs=call.studies,
            size=self.total,
            pages=call.pages,
            repeated=self.facts / "paragraphs.parquet" if call.studies and call.settings.repeated.paragraphs else None,
        )
        self.shards = Sharding(self.folder.out, self.work, self.settings.output.shard_mb << 20)
        self.lost: dict[int, int] = {}
        self.phase = "learning"

    def clean(self, where: Where) -> None:
        """Learn what sites repeat, clean every chunk that is not done, find copies, merge every shard."""
        with where(self.job) as place:
            if self.call.counts and not (self.facts / SITES_FILE).exists():
                self._learn(place)
            self.phase, self.read = "cleaning", 0
            self.shards.held = self.job.signs and not self._is_compared
            with place.pool(cleans=True) as pool:
                self._do(pool, self._tasks)
            if self.shards.held:
                with place.pool(1 + self.total // _SIGNED) as pool:
                    self._do(pool, self._signs)
                self._compare(place)
                with place.pool() as pool:
                    self._do(pool, self._merges)

    def _learn(self, place: Place) -> None:
        """Count the lines of every site's pages, and keep what repeats as facts."""
        with place.pool() as pool:
            self._do(pool, self._counts)
        self.folder.announce(f"{FACTS}/{name}" for name in (SITES_FILE, LINES_FILE))
        counted = [table_path(self.work, number, LINES) for number in range(self.chunks)]
        place.learn(counted, self.call.facts, self.facts)
        for path in counted:
            path.unlink()

    def _compare(self, place: Place) -> None:
        """Find the near-duplicates among the clean texts, and the paragraphs that others share."""
        self.phase = "comparing"
        self._tell()
        repeated = self.job.repeated
        self.folder.announce(f"{FACTS}/{path.name}" for path in (self.clusters, repeated) if path)
        signed = [table_path(self.work, number, SIGNATURES) for number in range(self.chunks)]
        place.compare(signed, self.against, self.clusters)
        if repeated:
            place.find([table_path(self.work, n, PARAGRAPHS) for n in range(self.chunks)], self.clusters, repeated)
        self.shards.held = False
        self.phase = "merging"

    @property
    def _is_compared(self) -> bool:
        return all(path.exists() for path in (self.clusters, self.job.repeated) if path)

    def _copies(self) -> int:
        """Count the documents that are copies of one that stays."""
        if not self.clusters.exists():
            return 0
        with pq.ParquetFile(self.clusters) as file:
            return sum(batch.column("keep").to_pylist().count(False) for batch in file.iter_batches(columns=["keep"]))

    def _do(self, pool: Doing, tasks: Callable[[list[Count | Clean | Sign]], Iterator[Task | None]]) -> None:
        """Do a phase's tasks; what cost a worker its life is done again without the document."""
        self._tell()
        again: list[Count | Clean | Sign] = []
        for ended in pool.run(tasks(again)):
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
            elif isinstance(result, Tally):
                self.tally += result
            elif isinstance(task, Count | Clean):
                if isinstance(result, Marker):
                    self._done(result)
                self.read += bytes_of(task.chunk)
                self._tell()

    def _counts(self, again: list[Count | Clean | Sign]) -> Iterator[Task | None]:
        """Yield the chunks whose lines are not counted."""

        def wanted(number: int) -> bool:
            return not table_path(self.work, number, LINES).exists()

        given: list[int] = []
        for chunk in plan(self.call.sources, self.call.reading, wanted):
            self.chunks = max(self.chunks, chunk.number + 1)
            while again:
                yield again.pop()
            if wanted(chunk.number):
                given.append(chunk.number)
                yield Count(chunk)
            else:
                self.read += bytes_of(chunk)
        while given := list(filter(wanted, given)):
            yield again.pop() if again else None

    def finish(self, seconds: float) -> Summary:
        """Write the run's last word; before it, remember its documents in the index."""
        if self.against:
            try:
                grow(self.against, self.settings.duplicates)
            except BlockingIOError as e:
                raise RunError(f"{self.against.folder}: another run adds to this index ({e.strerror})") from e
        made = self.shards.done
        summary = Summary(
            self.tally, errors=self.errors, seconds=seconds, resumed=self.resumed, changed=self.call.changed
        )
        summary.copies = self._copies()
        summary.documents, summary.chars = sum(m.documents for m in made), sum(m.chars for m in made)
        for each in made:
            self.tally.settle(each.rules)
            for reason, count in each.dropped.items():
                summary.dropped[reason] = summary.dropped.get(reason, 0) + count
        counts = msgspec.to_builtins(self.tally)
        counts |= {
            "documents": summary.documents,
            "chars": summary.chars,
            "errors": self.errors,
            "copies": summary.copies,
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
                "workers": workers(self.settings),
                "seconds": round(seconds, 3),
            },
        )
        return summary

    def _tasks(self, again: list[Count | Clean | Sign]) -> Iterator[Task | None]:
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
                    if (made := marker(self.work, found.number)) is not None:
                        self.resumed += 1
                        self.read += bytes_of(found)
                        self._done(made)
                    else:
                        yield Clean(found)
            elif self.shards.is_done(self.chunks) or self.shards.waits(self.chunks):
                return
            else:
                yield None

    def _signs(self, again: list[Count | Clean | Sign]) -> Iterator[Task | None]:
        """Yield the chunks whose clean texts are not signed."""
        todo = [n for n in range(self.chunks) if not table_path(self.work, n, SIGNATURES).exists()]
        yield from map(Sign, todo)
        while any(not table_path(self.work, n, SIGNATURES).exists() for n in todo):
            yield again.pop() if again else None

    def _merges(self, again: list[Count | Clean | Sign]) -> Iterator[Task | None]:
        """Yield the shards that are left."""
        while not self.shards.is_done(self.chunks):
            shard = self.shards.next(self.chunks)
            if shard is not None:
                self.folder.announce(tables_of(shard.number, self.job.writing))
            yield None if shard is None else Merge(shard)

    def _is_wanted(self, number: int) -> bool:
        return not marker_path(self.work, number).exists()

    def _done(self, made: Marker) -> None:
        self.tally += made.tally
        self.errors += len(made.faults)
        self.shards.cleaned(made)

    def _without(self, task: Task, lost: Lost) -> Count | Clean | Sign:
        """Give the task again without the record that its worker died of."""
        number = task.chunk.number if isinstance(task, Count | Clean) else -1
        if lost.item < 0 or not isinstance(task, Count | Clean):
            self.lost[number] = self.lost.get(number, 0) + 1
            if self.lost[number] > 2 or isinstance(task, Merge):
                raise RunError(f"a worker {lost.reason}, three times, and at no document")
            return task
        if lost.step == CLEANING:
            return msgspec.structs.replace(task, poison=task.poison | {lost.item: lost.reason})
        return msgspec.structs.replace(task, unread=task.unread | {lost.step - 1: (lost.item, lost.reason)})

    def _tell(self) -> None:
        total = self.total if self.read <= self.total else 0  # how much a compressed stream holds is not known
        self.tell(State(self.phase, self.read, total, self.tally.documents, self.errors, self.tally.seconds))


def _former(folder: Folder) -> Summary:
    """Tell of the finished run that stands there what can be told."""
    run = run_of(folder.out)
    counts = msgspec.convert(run.get("counts", {}), dict[str, object])
    tally = msgspec.convert({k: v for k, v in counts.items() if k in Tally.__struct_fields__}, Tally)
    errors = msgspec.convert(counts.get("errors", 0), int)
    dropped = msgspec.convert(counts.get("dropped", {}), dict[str, int])
    copies = msgspec.convert(counts.get("copies", 0), int)
    kept = tally.documents
    tally.documents += sum(dropped.values())
    return Summary(tally, kept, tally.chars, dropped, errors, copies=copies, idle=True)
