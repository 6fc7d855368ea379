"""The folder that a run writes into: whose it is, what a former run left there, and its last word, ``run.json``."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path, PurePosixPath
from types import TracebackType

import msgspec

from cleaner import __version__
from cleaner.write.atomic import TEMPORARY, Whole, fold, waited, write
from cleaner.write.digest import ERRORS, RUN, run_of
from cleaner.write.fragment import marker
from cleaner.write.shards import DOCUMENTS, DROPPED, LEDGER, TEXTS
from cleaner.write.tables import OutputError

FILES, LOCK, WORK = ".files", ".lock", ".work"
FACTS = "facts"
OURS = (TEXTS, DOCUMENTS, LEDGER, DROPPED, FACTS)

Claim = Callable[[Collection[str]], None]
"""Told the paths of texts that will come, if known, before a run that begins anew changes anything; may refuse."""


class Folder:
    """A run's folder, held by this process alone while the context lasts.

    ``inputs`` are the files and folders that are read, for the check that ``out`` lies in none of them. Entering
    raises ``OutputError`` where the folder cannot take a run, and says what to do; nothing is changed by it but
    that the folder and its lock are there. ``claim`` is asked where the run goes elsewhere afterwards.
    """

    def __init__(
        self, out: Path, *, inputs: Iterable[str | os.PathLike[str]] = (), claim: Claim = lambda planned: None
    ) -> None:
        self.out, self._claim = out.resolve(), claim
        self.work = self.out / WORK
        self._inputs = [os.fspath(i) for i in inputs]
        self._stack = ExitStack()
        self._announced: set[str] = set()

    def __enter__(self) -> Folder:
        _refuse(self.out, self._inputs)
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            self._stack.enter_context(waited(self.out / LOCK))
        except BlockingIOError as e:
            raise OutputError(f"{self.out}: another run writes there ({e.strerror}); wait or choose another") from e
        except OSError as e:
            raise OutputError(f"{self.out}: cannot be written ({e.strerror}); choose another folder") from e
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    @property
    def finished(self) -> bool:
        """Whether the folder holds a finished run."""
        return bool(run_of(self.out).get("finished"))

    def begin(self, planned: Iterable[str]) -> None:
        """Begin anew: remove what a former run wrote. ``planned`` are the paths of texts that will come, if known.

        Raises ``OutputError``, having removed nothing, where a stranger's file is in the way.
        """
        planned = list(planned)
        listed, abandoned = _former(self.out, planned)
        self._claim(planned)
        write(self.out / RUN, json_of(self._run() | {"finished": False}))
        shutil.rmtree(self.work, ignore_errors=True)
        _remove(self.out, listed, abandoned)
        with Whole(self.out / FILES) as file:
            for path in chain(planned, (ERRORS,)):
                file.write(f"{path}\n".encode())
        self.work.mkdir()
        self._announced = set()

    def tidy(self) -> None:
        """Remove what a run that was killed behind its last word still had to remove."""
        shutil.rmtree(self.work, ignore_errors=True)

    def go_on(self) -> None:
        """Go on with an unfinished run: remove what it left half-written."""
        _, abandoned = _former(self.out, ())
        for path in chain((self.out / path for path in abandoned), self.work.iterdir()):
            if TEMPORARY.match(path.name):
                path.unlink()

    def announce(self, paths: Iterable[str]) -> None:
        """List files before they are written, so that a later run knows them for its own; a folder's end in ``/``."""
        new = [path for path in paths if path not in self._announced]
        if new:
            with (self.out / FILES).open("ab") as files:
                files.write("".join(f"{path}\n" for path in new).encode())
                files.flush()
                os.fsync(files.fileno())
            self._announced.update(new)

    def finish(self, chunks: int, run: Mapping[str, object]) -> int:
        """Write the errors of all chunks and ``run.json``, remove the work folder; give the number of errors.

        The keys that the folder writes (version, inputs, started, ended, finished, errors) win.
        """
        errors = 0
        with Whole(self.out / ERRORS) as file:
            for number in range(chunks):
                done = marker(self.work, number)
                for fault in done.faults if done else ():
                    errors += 1
                    file.write(msgspec.json.encode(fault) + b"\n")
        for name in (TEXTS, DOCUMENTS, LEDGER):
            if name != TEXTS or run.get("to") == "text":
                (self.out / name).mkdir(exist_ok=True)
        own = {"finished": True, "ended": now(), "errors": errors}
        write(self.out / RUN, json_of({**run, **self._run(), **own}))
        shutil.rmtree(self.work, ignore_errors=True)
        return errors

    def _run(self) -> dict[str, object]:
        return {"version": __version__, "inputs": [_printable(i) for i in self._inputs], "started": self._started()}

    def _started(self) -> str:
        started = run_of(self.out).get("started")
        return str(started) if started and not self.finished else now()


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
    begun = {n for n in names if n in (LOCK, WORK) or ((m := TEMPORARY.match(n)) and m[1] == RUN)}
    if set(names) - begun and not run_of(out):
        raise OutputError(f"{out}: is not empty and holds no former run (no {RUN}); empty it or choose another folder")


def _former(out: Path, planned: Iterable[str]) -> tuple[set[str], list[str]]:
    """Give the files that a former run listed and what it left half-written; refuse a stranger's in the way."""
    listed, folders = set(), []
    if (out / FILES).exists():
        for path in (out / FILES).read_text("utf-8", "replace").split("\n"):
            parts = PurePosixPath(path).parts
            if path == ERRORS or (parts[:1] and parts[0] in OURS and ".." not in parts):
                if path.endswith("/"):
                    folders.append(path)
                else:
                    listed.add(path)
    abandoned, strangers = [], set()
    for path in _walk(out):
        half = TEMPORARY.match(path)
        ours = any(path.startswith(folder) for folder in folders)
        if half and (ours or half[1] in listed or half[1] in (RUN, FILES)):
            abandoned.append(path)
        elif ours:
            listed.add(path)
        elif path not in listed:
            strangers.add(path)
    if strangers:
        refuse_strangers(out, strangers, planned)
    return listed, abandoned


def _walk(out: Path) -> Iterator[str]:
    with os.scandir(out) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if entry.name in OURS:
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


def refuse_strangers(out: Path | str, strangers: set[str], planned: Iterable[str]) -> None:
    """Raise ``OutputError`` where a file that no run wrote has a name that one will need, or that readers go by."""
    files = {fold(path): path for path in strangers}
    folders = {fold(str(above)): path for path in strangers for above in PurePosixPath(path).parents}
    for path in chain(planned, (ERRORS,)):
        key = fold(path)
        above = (fold(str(p)) for p in PurePosixPath(path).parents)
        if found := files.get(key) or folders.get(key) or next((files[p] for p in above if p in files), None):
            raise OutputError(f"{out}/{found}: no former run wrote it and it is in the way; move it away")
    for path in sorted(strangers):
        if not path.startswith(f"{TEXTS}/") and path.endswith((".parquet", ".jsonl.zst")):
            raise OutputError(f"{out}/{path}: no former run wrote it and readers would take it for a part; move it")


def _remove(out: Path, listed: Collection[str], abandoned: Iterable[str]) -> None:
    for path in chain(listed, abandoned):
        (out / path).unlink(missing_ok=True)
    above = {parent for path in listed for parent in PurePosixPath(path).parents if parent.parts}
    for folder in sorted(above, key=lambda p: len(p.parts), reverse=True):
        try:
            (out / folder).rmdir()
        except OSError:  # a stranger's file is in it, or the run never came to it
            continue


def now() -> str:
    """Give the time of day, for people: it decides nothing."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def json_of(run: Mapping[str, object]) -> bytes:
    """Write what ``run.json`` says: sorted and indented."""
    return msgspec.json.format(msgspec.json.encode(run, order="deterministic"), indent=2) + b"\n"


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
