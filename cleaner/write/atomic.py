"""Files that are written whole or not at all, under names that every system takes, by one process at a time."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b, sha256
from io import BufferedWriter
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from unicodedata import normalize

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

TEMPORARY = re.compile(r"(?s)(.+)~tmp[0-9a-f]{8}\Z")
"""The name of a file that is being written; group 1 is the name it will have. ``Names`` gives none like it."""

_PATIENCE = 10.0  # seconds that workers of a killed run may take to notice
_NEW = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


class Whole:
    """A file under a temporary name beside ``path``: ``commit`` gives it its name, ``discard`` removes it.

    As a context manager it yields the open binary file, commits when the block ends and discards when it raises.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._temporary = path.with_name(f"{path.name}~tmp{token_hex(4)}")
        self.file: BufferedWriter = os.fdopen(os.open(self._temporary, _NEW, 0o666), "wb")

    def commit(self) -> None:
        """Bring the file's bytes to the disk, then its name, replacing a file that had it."""
        try:
            self.file.flush()
            os.fsync(self.file.fileno())
            self.file.close()
            os.replace(self._temporary, self.path)
        except BaseException:
            self.discard()
            raise
        _sync_folder(self.path.parent)

    def reopen(self) -> None:
        """Open the file again at its end, after a library that wrote to it has closed it."""
        if self.file.closed:
            self.file = self._temporary.open("ab")

    def discard(self) -> None:
        """Remove the temporary file; what stood at ``path`` stays as it was."""
        with suppress(OSError):  # a full disk fails again when the rest of the buffer is flushed
            self.file.close()
        self._temporary.unlink(missing_ok=True)

    def __enter__(self) -> BufferedWriter:
        return self.file

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            self.commit()
        else:
            self.discard()


def write(path: Path, content: bytes | str) -> None:
    """Write a file whole (text as UTF-8, line ends as they are); it is on the disk when this returns."""
    with Whole(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def place(path: Path, content: bytes) -> None:
    """Write a file whole, as ``write`` does, but leave it to the system when the bytes reach the disk.

    For the many small files of a run, whose last word is ``settle``: 36 microseconds a file here, 350 with ``write``.
    """
    temporary = path.with_name(f"{path.name}~tmp{token_hex(4)}")
    handle = os.open(temporary, _NEW, 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def settle(paths: Iterator[Path]) -> None:
    """Bring files that were placed to the disk: all at once where the system can, else one by one."""
    if hasattr(os, "sync"):
        os.sync()
        return
    for path in paths:
        if path.exists():
            with path.open("r+b") as file:
                os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # Windows opens no folders, some network file systems sync none
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock on the file for the block; the lock ends with the process, however that ends.

    The file stays: removing it would let two processes hold two locks of one name. Raises ``BlockingIOError``
    that names the process which holds it.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
    with os.fdopen(handle, "r+b") as file:
        try:
            if sys.platform == "win32":
                file.seek(1 << 20)  # a locked byte cannot be read by others: lock one far behind the number
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as e:
            file.seek(0)
            holder = file.read(20).decode("ascii", "replace").strip() or "unknown"
            raise BlockingIOError(e.errno, f"process {holder} holds the lock", str(path)) from e
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid()}\n".encode())
        file.flush()
        try:
            yield
        finally:
            if sys.platform == "win32":
                file.seek(1 << 20)
                msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)


@contextmanager
def waited(path: Path) -> Iterator[None]:
    """Hold a lock as ``locked`` does; wait for a killed run's workers, which hold it until they see that it is gone."""
    end = time.monotonic() + _PATIENCE
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(locked(path))
                break
            except BlockingIOError:
                if _alive(path) or time.monotonic() > end:
                    raise
                time.sleep(0.05)
        yield


def _alive(lock: Path) -> bool:
    try:
        holder = int(lock.read_bytes().strip() or b"0")
        if holder > 0:
            os.kill(holder, 0)
    except (ValueError, ProcessLookupError):
        return False
    except OSError:
        return True
    return holder > 0


# Names.

COMPONENT_BYTES = 200
"""The longest component of a path, as UTF-8: most file systems end at 255, and ``~tmp`` needs 12 of them."""
_FOLDERS_BYTES = 700  # Linux refuses paths over 4,096 bytes, macOS over 1,024
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"\\|?*\u2028\u2029\ud800-\udfff]')
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file: devices, with any extension, too
_DEVICE = re.compile(r"(?i)(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:\.|\Z)")
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,16}\Z")
_OURS = re.compile(r"~(?:(?:tmp)?[0-9a-f]{8}|[0-9a-f]{64})(?:\.[a-z0-9]{1,16})?\Z")


def fold(path: str) -> str:
    """Give the key that two paths share when some file system takes them for one: no case, no composition."""
    if path.isascii():
        return path.lower()
    return normalize("NFD", normalize("NFD", path).upper().casefold())


@dataclass(frozen=True, slots=True)
class Names:
    """The file names of a set of ids: relative, ``/``-separated, safe on every system, no two alike.

    A name is the id, characters that some system refuses replaced by ``_``, ``suffix`` appended unless it is
    there. It carries the first 8 hex digits of the id's SHA-256 when it had to be cut (over 200 bytes a
    component) or when another id of the set has the same name but for case and Unicode composition, or has it as
    a folder: ``a~ca978112.txt``. It depends on the set alone, not on its order.

    >>> names = Names.of(["a/b", "a", "A.txt", "../nul"], ".txt")
    >>> [names[id] for id in ("a/b", "a", "A.txt", "../nul")]
    ['a/b.txt', 'a~ca978112.txt', 'A~48266a69.txt', '__/_nul.txt']
    """

    suffix: str
    _known: frozenset[int]
    _clashing: frozenset[int]
    _twins: frozenset[int]

    @classmethod
    def of(cls, ids: Collection[str], suffix: str = "") -> Names:
        """Learn the names of the ids, which are gone through twice; about 100 bytes an id stay in memory."""
        known: set[int] = set()
        files: set[int] = set()
        twice: set[int] = set()
        folders: set[int] = set()
        any_cut = False
        for each in ids:
            if (number := _number(each)) in known:
                continue
            known.add(number)
            path, cut = _plain(each, suffix)
            any_cut |= cut
            key = fold(path)
            (twice if (file := _number(key)) in files else files).add(file)
            while (key := key.rpartition("/")[0]) and (folder := _number(key)) not in folders:
                folders.add(folder)
        names = cls(suffix, frozenset(known), frozenset(twice | files & folders), frozenset())
        if not any_cut and not names._clashing:
            return names
        # Two names that clash and whose hashes begin alike can be made on purpose: 65,536 tries.
        short: dict[int, int] = {}
        twins: set[int] = set()
        for each in ids:
            path, marked = names._named(each)
            if marked and short.setdefault(key_ := _number(fold(path)), _number(each)) != _number(each):
                twins.add(key_)
        return cls(suffix, names._known, names._clashing, frozenset(twins))

    def __contains__(self, id: object) -> bool:
        return isinstance(id, str) and _number(id) in self._known

    def record(self, id: str) -> str:
        """Give the name of a record of a file, ``<file's id>#<record>``: in a folder named after the file.

        Its records are not known beforehand, so each name carries a hash of 16 digits, clash or none.

        >>> Names.of([], ".txt").record("crawl/a.jsonl#7/8")
        'crawl/a.jsonl/7_8~695670c774fcb701.txt'
        """
        file, _, name = id.partition("#")
        return _marked(id, _plain(f"{file}/{name.replace('/', '_')}", self.suffix)[0], 16)

    def __getitem__(self, id: str) -> str:
        path, marked = self._named(id)
        return _marked(id, _plain(id, self.suffix)[0], 64) if marked and _number(fold(path)) in self._twins else path

    def _named(self, id: str) -> tuple[str, bool]:
        path, cut = _plain(id, self.suffix)
        return (_marked(id, path, 8), True) if cut or _number(fold(path)) in self._clashing else (path, False)


def _number(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest())


def _plain(id: str, suffix: str) -> tuple[str, bool]:
    """Give the id as a safe path, and whether it had to be cut."""
    above, _, last = id.rstrip("/").rpartition("/")
    last = last or "_"
    folders, cut = _folders(above)
    name = _safe(last if last.endswith(suffix) else last + suffix)
    return folders + name, cut or _size(name) > COMPONENT_BYTES


@lru_cache(maxsize=1024)  # most documents lie in the folder that the one before lay in
def _folders(above: str) -> tuple[str, bool]:
    folders = ""
    room = _FOLDERS_BYTES
    for part in filter(None, above.split("/")):
        folder = _safe(part)
        if _size(folder) > COMPONENT_BYTES:
            folder = _safe(_cut(folder, COMPONENT_BYTES - 1) + "_")
        if (room := room - _size(folder) - 1) < 0:
            break
        folders += folder + "/"
    return folders, room < 0


def _safe(part: str) -> str:
    part = _FORBIDDEN.sub("_", part) or "_"
    if not part.strip("."):
        part = "_" * len(part)
    elif part[-1] in ". ":  # Windows drops them, so that "a." is "a"
        part = part[:-1] + "_"
    if _DEVICE.match(part):
        part = "_" + part
    if "~" in part and _OURS.search(fold(part)):
        stem, extension = _split(part)
        part = f"{stem}_{extension}" if "~" in stem else part + "_"
    return part


def _marked(id: str, path: str, digits: int) -> str:
    above, slash, name = path.rpartition("/")
    stem, extension = _split(name)
    mark = "~" + sha256(id.encode("utf-8", "surrogatepass")).hexdigest()[:digits]
    return f"{above}{slash}{_cut(stem, COMPONENT_BYTES - len(mark) - len(extension))}{mark}{extension}"


def _split(name: str) -> tuple[str, str]:
    found = _EXTENSION.search(name)
    return (name[: found.start()], found[0]) if found and found.start() else (name, "")


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _cut(text: str, size: int) -> str:
    return text.encode()[:size].decode(errors="ignore")
