"""What a run was asked to do: whether it begins anew, goes on, or is done already."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Literal

import msgspec

from cleaner import __version__
from cleaner.pipeline import loaded
from cleaner.read.decode import Unreadable
from cleaner.read.inputs import walk
from cleaner.read.record import Options, Source
from cleaner.read.records import kind
from cleaner.settings import Settings, get, keys
from cleaner.study.facts import digest as facts_digest
from cleaner.write.atomic import Names, Whole
from cleaner.write.digest import run_of
from cleaner.write.folder import Folder
from cleaner.write.plan import Input, Plan, changed, digest_of, keep, kept, plan_of
from cleaner.write.shards import text_path
from cleaner.write.tables import OutputError

Begin = Literal["continue", "restart"]

STDIN = "stdin"
_BARE = (".txt", ".text", ".md")  # files that cannot name their address
# A chunk is what a killed run may have to do again in each worker, about a second of work: larger ones only where
# there would be more of them than a folder holds well.
_CHUNK_BYTES, _CHUNK_DOCUMENTS = 1 << 20, 64
_MOST_CHUNK_BYTES, _MANY_CHUNKS = 16 << 20, 4096


class Call:
    """What was asked for, and whether it begins anew, goes on, or is done already."""

    def __init__(
        self,
        inputs: Sequence[str],
        settings: Settings,
        today: str,
        folder: Folder,
        begin: Begin,
        stdin: BinaryIO | None,
        facts: Path | None = None,
        index: tuple[Path, str] | None = None,
    ) -> None:
        """``index``: of earlier crawls, and the name of this one. Raises ``OutputError`` where nothing is compared."""
        self.inputs, self.settings, self.folder, self.facts, self.index = list(inputs), settings, folder, facts, index
        if index and not settings.run.study:
            raise OutputError(f"{index[0]}: without a study nothing is compared with earlier crawls; leave one out")
        self.idle = False
        self.changed: list[str] = []
        former = kept(folder.work) if begin == "continue" and not folder.finished else None
        given = [each for each in inputs if each != "-"]
        self.sources = list(walk(given, settings.input.exclude))
        own = os.path.join(folder.out, "")
        if any(os.path.abspath(source.path).startswith(own) for source in self.sources):
            raise OutputError(f"{folder.out}: {' '.join(given)} reaches into it, the run would read what it writes")
        self.rules = tuple(Path(each) for each in settings.clean.rules)
        rules = loaded(self.rules).digest()
        earlier = facts_digest(facts) if facts else ""
        now = Plan(__version__, rules, earlier, former.today if former else today, self._told, self.inputs)
        files = [Input(source.id, source.size, source.stamp) for source in self.sources]
        if former is not None:
            differences = list(former.differences(msgspec.structs.replace(now, sources=former.sources)))
            if former.inputs == now.inputs and (file := changed(folder.work, files)):
                differences.append(file)
            if differences:
                raise OutputError(
                    f"{folder.out}: holds an unfinished run of another call; changed since: {', '.join(differences)}; "
                    "go back to that, or begin anew with --restart"
                )
            self.plan = former
            folder.go_on()
        else:
            now = msgspec.structs.replace(now, sources=digest_of(files))
            then = plan_of(run_of(folder.out).get("plan")) if begin == "continue" and folder.finished else None
            if then is not None:
                self.changed = list(then.differences(now))
                self.idle = not self.changed and "-" not in inputs
            if self.idle:
                folder.tidy()
                self.plan = now
                return
            self.plan = now
            self._begin(files)
        self.today = self.plan.today
        if "-" in inputs:
            self._spool(stdin)

    def _begin(self, files: list[Input]) -> None:
        planned = []
        names = self.names
        for source in self.sources:
            if names is None:
                break
            path = text_path(names, source.id)
            # Which records a container holds is not known yet: their texts have a folder of its name.
            planned += [path, f"{path.removesuffix('.txt')}/"] if source.id in self._containers else [path]
        self.folder.begin(planned)
        keep(self.plan, files, self.folder.work)

    def _spool(self, stdin: BinaryIO | None) -> None:
        """Keep standard input on the disk: it comes only once."""
        path = self.folder.work / STDIN
        if not path.exists():
            with Whole(path) as file:
                if stdin is not None:
                    shutil.copyfileobj(stdin, file, 1 << 20)
        self.sources.append(Source(STDIN, str(path), path.stat().st_size, ""))
        for known in ("reading", "names", "_containers"):
            self.__dict__.pop(known, None)
        if names := self.names:
            self.folder.announce((text_path(names, STDIN), f"{text_path(names, STDIN).removesuffix('.txt')}/"))

    @property
    def _told(self) -> dict[str, str]:
        """What decides what comes out, by dotted keys, written as JSON."""
        told = {key.name: get(self.settings, key.name) for key in keys().values() if not key.inert}
        if self.index:
            told |= {"against": os.path.abspath(self.index[0]), "crawl": self.index[1]}
        return {name: msgspec.json.encode(value).decode() for name, value in told.items()}

    @property
    def studies(self) -> bool:
        """Whether there is anything to learn: more documents than one, or earlier ones."""
        return self.settings.run.study and (len(self.sources) > 1 or bool(self._containers or self.index))

    @property
    def counts(self) -> bool:
        """Whether documents have sites: pages and records may name theirs, files of text do by their folders."""
        if not self.studies:
            return False
        by_folder = self.settings.input.site_from == "folder"
        return by_folder or self.pages

    @property
    def pages(self) -> bool:
        """Whether there may be pages or records: not where all files are texts."""
        return not all(source.path.lower().endswith(_BARE) for source in self.sources)

    @property
    def to(self) -> str:
        """How texts are written: into files where every input is a file of its own."""
        to = self.settings.output.to
        if to != "auto":
            return str(to)
        return "parquet" if self._containers else "text"

    @cached_property
    def _containers(self) -> frozenset[str]:
        """The ids of files that hold records."""
        options = self.reading
        return frozenset(source.id for source in self.sources if _is_container(source, options))

    @cached_property
    def names(self) -> Names | None:
        """The names of text files, where texts are written into files."""
        return Names.of([source.id for source in self.sources], ".txt") if self.to == "text" else None

    @cached_property
    def reading(self) -> Options:
        """How the inputs are read."""
        return reading(self.settings, sum(max(source.size, 0) for source in self.sources))


def reading(settings: Settings, total: int) -> Options:
    """Give how inputs of so many bytes in all are read; the size of chunks depends on nothing else."""
    given = settings.input
    size = min(max(_CHUNK_BYTES, total // _MANY_CHUNKS), _MOST_CHUNK_BYTES)
    return Options(
        format=given.format,
        text=given.text,
        html=given.html,
        id=given.id,
        url=given.url,
        date=given.date,
        most_bytes=int(given.max_document_mb * (1 << 20)),
        chunk_bytes=size,
        chunk_documents=_CHUNK_DOCUMENTS * (size // _CHUNK_BYTES),
    )


def _is_container(source: Source, options: Options) -> bool:
    try:
        return kind(source, options).format != "document"
    except Unreadable:  # told when it is read
        return False
