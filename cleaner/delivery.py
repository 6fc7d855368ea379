"""An output at an address (``s3://bucket/folder``): a run works in a folder here, and is sent when it is whole.

At the address lies what would lie in a folder: ``.files`` lists what is ours, put there before anything is read; the
last word (``run.json``) is put there last. When a run is sent, the last word of the one before goes first, then parts
replace parts, and what the new run has not is removed: who finds a last word finds all of that run and nothing else.
Killed anywhere, the same command goes on: with the run, or with the sending.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import NamedTuple

from msgspec import convert

from cleaner.parsed import cache
from cleaner.progress import State, Watch
from cleaner.read.inputs import walk
from cleaner.read.streams import is_url
from cleaner.write.atomic import waited, write
from cleaner.write.digest import ERRORS, RUN, run_of
from cleaner.write.folder import FILES, OURS, refuse_strangers
from cleaner.write.parts import parts
from cleaner.write.shards import DOCUMENTS
from cleaner.write.tables import OutputError

_TRIES = 3  # how often what arrived with a wrong size is sent


class Kind(NamedTuple):
    """What an output consists of: its last word, its folders, its files."""

    last: str
    folders: tuple[str, ...]
    files: tuple[str, ...]

    def holds(self, name: str) -> bool:
        """Tell whether a name is one that such an output may have, its last word excepted."""
        parts = name.split("/")
        return name in self.files or (len(parts) > 1 and parts[0] in self.folders and ".." not in parts)


CLEANED = Kind(RUN, OURS, (ERRORS,))


class Sent(NamedTuple):
    """What was sent: objects and their bytes."""

    objects: int = 0
    size: int = 0


@dataclass(frozen=True)
class Kept:
    """An output in a folder here: it is where it belongs. Like ``Delivery`` with nothing to send."""

    folder: Path
    is_waiting: bool = False

    def __enter__(self) -> Kept:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def claim(self, planned: Collection[str]) -> None:
        """Take the output for this run."""

    def send(self, tell: Watch) -> Sent:
        """Send what is there."""
        return Sent()


class Delivery:
    """An output at an address, held by this process alone (on this machine) while the context lasts.

    ``folder`` is where to work. It depends on the address alone: below ``work``, by default in the user's cache. What a
    killed run left there is there again; otherwise it holds the last word of the output at the address, if there is
    one, so that a finished run is known for what it is. When the context ends and nothing is left to send, it goes.

    Entering raises ``OutputError`` or ``Unreadable`` where the address cannot be had or cannot take an output.
    """

    def __init__(
        self,
        address: str,
        work: Path | None = None,
        *,
        inputs: Sequence[str] = (),
        exclude: Sequence[str] = (),
        kind: Kind = CLEANED,
    ) -> None:
        from cleaner.store import Store  # fsspec, of which an output in a folder has no need

        self.store, self.kind = Store(address), kind
        self._inputs, self._exclude = inputs, exclude
        name = self.store.address.rpartition("/")[2]
        key = sha256(self.store.address.encode()).hexdigest()[:16]
        self._lock = _kept() / f"{key}.lock"
        self._home = (work.resolve() if work else _kept()) / key
        self.folder = self._home / (re.sub(r"[^\w.-]|^\.+", "_", name) or "_")
        self._log = self._home / "~sent"
        self._stack = ExitStack()
        self._is_done = False

    def __enter__(self) -> Delivery:
        self._refuse_inputs()
        try:
            self._lock.parent.mkdir(parents=True, exist_ok=True)
            self._stack.enter_context(waited(self._lock))
        except BlockingIOError as e:
            raise OutputError(f"{self.store.address}: another run writes there ({e.strerror}); wait for it") from e
        except OSError as e:
            raise OutputError(f"{e.filename}: cannot be written ({e.strerror}); set XDG_CACHE_HOME") from e
        with ExitStack() as stack:
            stack.callback(self._stack.close)
            self._open()
            stack.pop_all()
        return self

    def _open(self) -> None:
        there = self.store.sizes()
        if not self.is_waiting:
            shutil.rmtree(self._home, ignore_errors=True)
            self.folder.mkdir(parents=True)
            if self.kind.last in there:
                write(self.folder / self.kind.last, self.store.read(self.kind.last))
            if there and not run_of(self.folder, self.kind.last) and self.kind.last not in self._listed(there):
                raise OutputError(
                    f"{self.store.address}: is not empty and holds no former run (no {self.kind.last}); "
                    "empty it or choose another address"
                )

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._is_done or not self.is_waiting:
            # First the file that tells a run from what was fetched: one that is half removed must not be sent.
            (self.folder / FILES).unlink(missing_ok=True)
            shutil.rmtree(self._home, ignore_errors=True)
        self._stack.close()
        if isinstance(error, OutputError) and str(error).startswith(f"{self.folder}: "):
            told = f"{self.store.address} (worked on in {self.folder})"
            raise OutputError(f"{told}{str(error).removeprefix(str(self.folder))}") from error

    @property
    def is_waiting(self) -> bool:
        """Whether the folder holds a run that is not sent yet."""
        return (self.folder / FILES).exists()

    def claim(self, planned: Collection[str]) -> None:
        """Take the address for a run that begins, which needs the right to write there: ``.files`` is written anew.

        Raises ``OutputError``, having changed nothing, where a stranger's object is in the way.
        """
        there = self.store.sizes()
        listed = self._listed(there)
        if strangers := {name for name in there if self.kind.holds(name)} - listed:
            refuse_strangers(self.store.address, strangers, planned)
        self.store.write(FILES, _lines(listed | {self.kind.last}))

    def send(self, tell: Watch) -> Sent:
        """Send the finished output in the folder. Raises ``OutputError``; what was sent need not be sent again."""
        run, told = (self.folder / self.kind.last).read_bytes(), run_of(self.folder, self.kind.last)
        if not told.get("finished") or len(parts(self.folder, DOCUMENTS)) < convert(told.get("shards", 0), int):
            raise OutputError(f"{self.folder}: the run there is not whole; begin anew with --restart")
        try:
            made = self._send(run, tell)
        except OutputError as e:
            if not self.is_waiting:
                raise
            raise OutputError(f"{e}. The run is whole and waits in {self.folder}: the same command sends it") from e
        self._is_done = True
        return made

    def _send(self, run: bytes, tell: Watch) -> Sent:
        ours = self._here()
        there = self.store.sizes()
        listed = self._listed(there)
        sent = self._sent(run, there)
        if sent is None:
            self.store.write(FILES, _lines(listed | ours.keys() | {self.kind.last}))
            self.store.remove([self.kind.last] if self.kind.last in there else [])
            self._log.write_text(f"{_digest(run)}\n", "utf-8")
            sent = set()
        made = self._put(ours, sent, there, tell)
        there = self.store.sizes()
        self.store.remove(name for name in listed - ours.keys() if name in there and self.kind.holds(name))
        self.store.write(FILES, _lines(ours.keys() | {self.kind.last}))
        self.store.write(self.kind.last, run)
        return made

    def _put(self, ours: dict[str, int], sent: set[str], there: dict[str, int], tell: Watch) -> Sent:
        objects = done = 0
        for _ in range(_TRIES):
            todo = [name for name in ours if name not in sent or there.get(name) != ours[name]]
            if not todo:
                return Sent(objects, done)
            total = sum(ours[name] for name in todo) + done
            with self._log.open("a", encoding="utf-8") as log:
                for name in self.store.put(todo, self.folder):
                    log.write(f"{name}\n")
                    log.flush()
                    objects, done = objects + 1, done + ours[name]
                    tell(State("sending", done, total, objects, 0, {}))
            sent.update(todo)
            there = self.store.sizes()
        wrong = [name for name in ours if there.get(name) != ours[name]]
        if wrong:
            name = wrong[0]
            raise OutputError(
                f"{self.store.address}/{name}: {ours[name]:,} bytes were sent, {there.get(name, 0):,} are there, "
                f"{_TRIES} times; see who else writes there"
            )
        return Sent(objects, done)

    def _here(self) -> dict[str, int]:
        """Give the files of the output, its last word excepted, in order, with their sizes."""
        paths = (path for path in sorted(self.folder.rglob("*")) if path.is_file())
        named = ((path.relative_to(self.folder).as_posix(), path) for path in paths)
        return {name: path.stat().st_size for name, path in named if self.kind.holds(name)}

    def _listed(self, there: Collection[str]) -> set[str]:
        """Give the names that ``.files`` lists; of those in folders that it lists, the ones that are there."""
        if FILES not in there:
            return set()
        names = self.store.read(FILES).decode("utf-8", "replace").split("\n")
        folders = tuple(name for name in names if name.endswith("/"))
        return {name for name in names if name and not name.endswith("/")} | {
            name for name in there if folders and name.startswith(folders)
        }

    def _sent(self, run: bytes, there: Collection[str]) -> set[str] | None:
        """Give what of this very run is there already; None where the sending is to begin."""
        try:
            whose, *names = self._log.read_text("utf-8").split("\n")
        except FileNotFoundError:
            return None
        if whose != _digest(run) or (self.kind.last in there and self.store.read(self.kind.last) != run):
            return None
        return set(names)

    def _refuse_inputs(self) -> None:
        """Refuse an address that an input reaches into, or one that holds an input."""
        own = f"{self.store.address}/"
        for given in filter(is_url, self._inputs):
            begin = re.split(r"[*?\[]", given)[0]
            plain = begin == given
            if f"{given.rstrip('/')}/".startswith(own):
                raise OutputError(f"{self.store.address}: holds the input {given}; choose another address")
            if not own.startswith(f"{given.rstrip('/')}/" if plain else begin):
                continue
            if plain or any(self.store.holds(source.path) for source in walk([given], self._exclude)):
                raise OutputError(
                    f"{self.store.address}: lies in the input {given}, the next run would read it; choose another"
                )


@contextmanager
def fetched(out: Path | str) -> Iterator[Path]:
    """Give a run's folder: of a run at an address a copy, as long as the context lasts."""
    if isinstance(out, Path):
        yield out
        return
    from cleaner.store import Store

    store = Store(out)
    there = store.sizes()
    if RUN not in there:
        raise OutputError(f"{out}: holds no run (no {RUN}), or one that is not sent yet")
    with TemporaryDirectory(prefix="cleaner-") as folder:
        wanted = {name: size for name, size in there.items() if name == RUN or CLEANED.holds(name)}
        store.get(wanted, Path(folder))
        yield Path(folder)


def _kept() -> Path:
    kept = cache()
    if kept is None:
        raise OutputError("there is no home folder to keep a run in; name one in XDG_CACHE_HOME")
    return kept / "outputs"


def _lines(names: Iterable[str]) -> bytes:
    return "".join(f"{name}\n" for name in sorted(names)).encode()


def _digest(run: bytes) -> str:
    return sha256(run).hexdigest()
