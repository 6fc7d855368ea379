"""The folder that a run writes: texts, the documents table, the ledger, errors, and ``run.json`` as its last word."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from hashlib import sha256
from itertools import chain
from pathlib import Path, PurePosixPath
from types import TracebackType

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from cleaner import __version__
from cleaner.document import Document, Edit, Label
from cleaner.write.atomic import TEMPORARY, Names, Whole, fold, locked, place, settle, write
from cleaner.write.digest import (
    DOCUMENTS,
    DOCUMENTS_SCHEMA,
    ERRORS,
    LABEL_COLUMNS,
    LEDGER,
    LEDGER_SCHEMA,
    RUN,
    TEXTS,
    LedgerRow,
    OutputError,
    run_of,
)

FILES, LOCK = ".files", ".lock"

BATCH_BYTES = 8 << 20
BATCH_ROWS = 32_768
PART_BYTES = 512 << 20
_ROW_BYTES = 64  # what a row takes beside its strings, nearly


class Rule(msgspec.Struct):
    """What one rule did in a run; ``removed`` and ``added`` count characters."""

    edits: int = 0
    spared: int = 0
    removed: int = 0
    added: int = 0


class Output:
    """Write a run into ``out``, replacing what a former run wrote there; a context manager.

    ``ids`` are the ids of all documents that may come, so that file names do not depend on which came first.
    ``inputs`` are the files and folders that are read, for the check that ``out`` lies in none of them.
    Without ``finish`` the run stays marked as unfinished. Entering raises ``OutputError`` where the folder
    cannot take a run, and says what to do.
    """

    def __init__(self, out: Path, *, ids: Iterable[str], inputs: Sequence[Path | str] = ()) -> None:
        self.out = out.resolve()
        self._inputs = [os.fspath(i) for i in inputs]
        self._ids: Collection[str] = ids if isinstance(ids, Collection) else list(ids)
        self._stack = ExitStack()
        self._folders: set[str] = set()
        self._added: set[str] = set()
        self._counts: Counter[str] = Counter(documents=0, errors=0, chars_raw=0, chars=0, edits=0, spared=0)
        self._rules: dict[str, Rule] = {}
        self._started = _now()

    def __enter__(self) -> Output:
        _refuse(self.out, self._inputs)
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            self._stack.enter_context(locked(self.out / LOCK))
        except BlockingIOError as e:
            raise OutputError(f"{self.out}: another run writes there ({e.strerror}); wait or choose another") from e
        except OSError as e:
            raise OutputError(f"{self.out}: cannot be written ({e.strerror}); choose another folder") from e
        try:
            self._begin()
        except BaseException:
            self._stack.close()
            raise
        return self

    def _begin(self) -> None:
        self._names = Names.of(self._ids, ".txt")
        listed, abandoned = _former(self.out, self._names, self._ids)
        write(self.out / RUN, _json(self._run() | {"finished": False}))
        _remove(self.out, listed, abandoned)
        with Whole(self.out / FILES) as file:
            for each in self._ids:
                file.write(f"{TEXTS}/{self._names[each]}\n".encode())
            file.write(f"{ERRORS}\n".encode())
        for name in (TEXTS, DOCUMENTS, LEDGER):
            (self.out / name).mkdir(exist_ok=True)
        self._errors = self._stack.enter_context((self.out / ERRORS).open("xb"))
        self._documents = self._stack.enter_context(_Table(self.out, DOCUMENTS, DOCUMENTS_SCHEMA))
        self._ledger = self._stack.enter_context(_Table(self.out, LEDGER, LEDGER_SCHEMA))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def add(self, document: Document, classes: Mapping[str, str]) -> None:
        """Write a document's text, its row and its edits; ``classes`` gives the class of a rule, else the stage's name.

        Raises ``OutputError``, having written nothing, when the id was not announced or came before, or when a
        string holds a lone surrogate (a half character, which no UTF-8 file can hold).
        """
        if document.id in self._added or document.id not in self._names:
            fault = "was added before" if document.id in self._added else "is not among the ids that the run was given"
            raise OutputError(f"{document.id!r}: the document {fault}")
        path = f"{TEXTS}/{self._names[document.id]}"
        rows = list(_rows(document, classes))
        try:
            text = document.text.encode() + b"\n"
            edits_bytes = len("".join(chain.from_iterable((document.id, *r[3:6], *r[8:11]) for r in rows)).encode())
            row, row_bytes = _document_row(document, path)
        except UnicodeEncodeError as e:
            raise OutputError(
                f"{document.id!r}: holds a lone surrogate, {e.object[e.start]!r}, which is no character"
            ) from e
        self._make_folder(path)
        place(self.out / path, text)
        self._documents.add((row,), row_bytes)
        self._ledger.add(rows, edits_bytes)
        self._added.add(document.id)
        self._count(document, rows)

    def error(self, id: str, stage: str, reason: str) -> None:
        """Record a document that could not be read or cleaned; lone surrogates are written as ``\\udcff``."""
        fields = {"id": id, "stage": stage, "reason": reason}
        self._errors.write(msgspec.json.encode({k: _printable(v) for k, v in fields.items()}) + b"\n")
        self._errors.flush()
        self._counts["errors"] += 1

    def finish(self, run: Mapping[str, object]) -> None:
        """Close the tables and write ``run.json``: what ``run`` holds (digests of rules, timings) and the counts.

        Nothing counts as finished before all of it is on the disk. The keys that ``Output`` writes (version,
        inputs, started, ended, finished, counts) win. Of each rule ``counts.rules`` tells the edits, the spared
        and the characters removed and added: ``chars = chars_raw - removed + added`` over all rules.
        """
        self._documents.close()
        self._ledger.close()
        self._errors.close()
        settle(chain((self.out / TEXTS / self._names[each] for each in self._added), (self.out / ERRORS,)))
        rules = {rule: msgspec.structs.asdict(count) for rule, count in self._rules.items()}
        own = {"finished": True, "ended": _now(), "counts": {**self._counts, "rules": rules}}
        write(self.out / RUN, _json({**run, **self._run(), **own}))

    def _run(self) -> dict[str, object]:
        return {"version": __version__, "inputs": [_printable(i) for i in self._inputs], "started": self._started}

    def _make_folder(self, path: str) -> None:
        folder = path.rpartition("/")[0]
        if folder not in self._folders:
            (self.out / folder).mkdir(parents=True, exist_ok=True)
            self._folders.add(folder)

    def _count(self, document: Document, rows: Sequence[LedgerRow]) -> None:
        edits = sum(row.applied for row in rows)
        self._counts.update(documents=1, chars_raw=len(document.raw), chars=len(document.text))
        self._counts.update(edits=edits, spared=len(rows) - edits)
        for row in rows:
            rule = self._rules.setdefault(row.rule, Rule())
            if row.applied:
                rule.edits += 1
                rule.removed += len(row.before)
                rule.added += len(row.after)
            else:
                rule.spared += 1


class _Table:
    """A table in parts, written in batches, so that memory stays flat; a part has its name once it is whole."""

    def __init__(self, out: Path, name: str, schema: pa.Schema) -> None:
        self._out, self._name, self._schema = out, name, schema
        self._rows: list[tuple[object, ...]] = []
        self._bytes = self._part_bytes = self._parts = 0
        self._open()

    def __enter__(self) -> _Table:
        return self

    def add(self, rows: Sequence[tuple[object, ...]], size: int) -> None:
        self._rows += rows
        self._bytes += size + _ROW_BYTES * len(rows)
        if self._bytes >= BATCH_BYTES or len(self._rows) >= BATCH_ROWS:
            self._flush()
            if self._part_bytes >= PART_BYTES:
                self._commit()
                self._open()

    def close(self) -> None:
        self._flush()
        self._commit()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._writer.is_open:
            with suppress(OSError, pa.ArrowException):  # a full disk, perhaps: the file goes anyway
                self._writer.close()
            self._whole.discard()

    def _open(self) -> None:
        path = f"{self._name}/part-{self._parts:05}.parquet"
        with (self._out / FILES).open("ab") as files:  # named before it exists, or a killed run's would be a stranger
            files.write(f"{path}\n".encode())
            files.flush()
            os.fsync(files.fileno())
        self._parts += 1
        self._part_bytes = 0
        self._whole = Whole(self._out / path)
        self._writer = pq.ParquetWriter(self._whole.file, self._schema, compression="zstd")

    def _flush(self) -> None:
        if self._rows:
            columns = [pa.array(c, f.type) for c, f in zip(zip(*self._rows, strict=True), self._schema, strict=True)]
            self._writer.write_batch(pa.record_batch(columns, schema=self._schema))
        self._part_bytes += self._bytes
        self._rows, self._bytes = [], 0

    def _commit(self) -> None:
        self._writer.close()
        self._whole.commit()


def _rows(document: Document, classes: Mapping[str, str]) -> Iterator[LedgerRow]:
    def row(step: int, n: int, stage: str, e: Edit, applied: bool) -> LedgerRow:
        kind = classes.get(e.rule, stage)
        return LedgerRow(document.id, step, n, stage, e.rule, kind, e.start, e.stop, e.before, e.after, e.note, applied)

    for step, patch in enumerate(document.patches):
        for n, e in enumerate(patch.edits):
            yield row(step, n, patch.stage, e, True)
        for n, e in enumerate(patch.spared):
            if e.note != "overlap":  # that text did not stay: it went by another rule, whose row stands above
                yield row(step, n, patch.stage, e, False)


def _document_row(document: Document, path: str) -> tuple[tuple[object, ...], int]:
    labels = document.labels
    raw = document.raw.encode()
    own: dict[str, Label | None] = {}
    for name, kind in LABEL_COLUMNS.items():
        own[name] = labels.pop(name) if type(labels.get(name)) is kind else None
    others = [(name, msgspec.json.encode(labels[name]).decode()) for name in sorted(labels)]
    row = (
        document.id,
        document.url,
        document.site,
        path,
        own["title"],
        own["language"],
        own["language_score"],
        len(document.raw),
        len(document.text),
        others,
        own["source_sha256"],
        own["raw_sha256"] or sha256(raw).hexdigest(),
        own["exact"],
        own["encoding"],
        own["format"],
    )
    strings = chain((v for v in row if isinstance(v, str)), chain.from_iterable(others))
    return row, len("".join(strings).encode())


# The folder before the run.


def _refuse(out: Path, inputs: Iterable[str]) -> None:
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out}: is a file; choose a folder")
    for given in inputs:
        source = Path(given).resolve()
        if not source.exists():
            continue
        if any(above.exists() and above.samefile(source) for above in (out, *out.parents)):
            raise OutputError(f"{out}: lies in the input {given}, the next run would read it; choose a folder outside")
        if out.exists() and any(above.samefile(out) for above in source.parents):
            raise OutputError(f"{out}: holds the input {given}, which a run could replace; choose another folder")
    try:
        names = os.listdir(out) if out.exists() else []
    except OSError as e:
        raise OutputError(f"{out}: cannot be read ({e.strerror}); choose another folder") from e
    begun = {n for n in names if n == LOCK or ((m := TEMPORARY.match(n)) and m[1] == RUN)}
    if set(names) - begun and not run_of(out):
        raise OutputError(f"{out}: is not empty and holds no former run (no {RUN}); empty it or choose another folder")


def _former(out: Path, names: Names, ids: Iterable[str]) -> tuple[set[str], list[str]]:
    """Give the files that a former run listed and what it left half-written; refuse a stranger's in the way."""
    listed = set()
    if (out / FILES).exists():
        for path in (out / FILES).read_text("utf-8", "replace").split("\n"):
            parts = PurePosixPath(path).parts
            if path == ERRORS or (parts[:1] in ((TEXTS,), (DOCUMENTS,), (LEDGER,)) and ".." not in parts):
                listed.add(path)
    abandoned, strangers = [], set()
    for path in _walk(out):
        half = TEMPORARY.match(path)
        if half and (half[1] in listed or half[1] in (RUN, FILES)):
            abandoned.append(path)
        elif path not in listed:
            strangers.add(path)
    if strangers:
        _refuse_strangers(out, strangers, (f"{TEXTS}/{names[each]}" for each in ids))
    return listed, abandoned


def _walk(out: Path) -> Iterator[str]:
    with os.scandir(out) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if entry.name in (TEXTS, DOCUMENTS, LEDGER):
            if entry.is_symlink() or not entry.is_dir():
                raise OutputError(f"{entry.path}: is not a folder, a run needs one of that name; move it away")
            for folder, folders, files in os.walk(entry.path):
                for name in folders:
                    if os.path.islink(os.path.join(folder, name)):
                        raise OutputError(f"{os.path.join(folder, name)}: leads out of the run's folder; remove it")
                above = Path(folder).relative_to(out).as_posix()
                yield from (f"{above}/{name}" for name in files)
        elif entry.name == ERRORS or TEMPORARY.match(entry.name):
            yield entry.name


def _refuse_strangers(out: Path, strangers: set[str], planned: Iterable[str]) -> None:
    files = {fold(path): path for path in strangers}
    folders = {fold(str(above)): path for path in strangers for above in PurePosixPath(path).parents}
    for path in chain(planned, (ERRORS,)):
        key = fold(path)
        above = (fold(str(p)) for p in PurePosixPath(path).parents)
        if found := files.get(key) or folders.get(key) or next((files[p] for p in above if p in files), None):
            raise OutputError(f"{out / found}: no former run wrote it and it is in the way; move it away")
    for path in sorted(strangers):
        if path.startswith((DOCUMENTS, LEDGER)) and path.endswith(".parquet"):
            raise OutputError(f"{out / path}: no former run wrote it and readers would take it for a part; move it")


def _remove(out: Path, listed: Collection[str], abandoned: Iterable[str]) -> None:
    for path in chain(listed, abandoned):
        (out / path).unlink(missing_ok=True)
    above = {parent for path in listed for parent in PurePosixPath(path).parents if parent.parts}
    for folder in sorted(above, key=lambda p: len(p.parts), reverse=True):
        try:
            (out / folder).rmdir()
        except OSError:  # a stranger's file is in it, or the run never came to it
            continue


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _json(run: Mapping[str, object]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(run, order="deterministic"), indent=2) + b"\n"


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
