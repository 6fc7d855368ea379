"""A folder at an address: what fsspec writes to, as names below the address and their sizes."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TypeVar

from cleaner.read.remote import system
from cleaner.read.streams import is_url
from cleaner.write.tables import OutputError

_Given = TypeVar("_Given")

_AT_ONCE, _BATCH = 8, 256  # requests side by side, and how many are waited for together
_WAITS = (1.0, 4.0)  # seconds before a request is made again; backends have patience of their own
_LASTING = (FileNotFoundError, PermissionError, NotImplementedError)
_WEB = ("http://", "https://")


class Store:
    """The objects below an address (``s3://bucket/prefix``), each by the rest of its name.

    All that fails raises ``OutputError`` that names the address, the fault and what to do; ``Unreadable`` where the
    kind of address is not known or its package not installed. What goes up and comes down is checked by its size.
    """

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        if self.address.lower().startswith(_WEB):
            raise OutputError(f"{address}: a web server takes no output; choose a folder, or s3://, gs://, az://, …")
        fault = f"{address}: names no folder; write it as s3://bucket/folder"
        if not is_url(self.address):
            raise OutputError(fault)
        self._fs, path = system(self.address)
        self._root = str(self._fs._strip_protocol(path)).rstrip("/")
        if not self._root:
            raise OutputError(fault)
        # Object stores, all asynchronous in fsspec, have no folders: making one in s3fs may make the bucket.
        self._flat = bool(self._fs.async_impl)

    def sizes(self) -> dict[str, int]:
        """Give the size of each object, by its name; a console's signs of empty folders are none."""
        with self._faults("listed"):
            self._fs.invalidate_cache()
            found = self._fs.find(self._root, detail=True) if self._flat or self._fs.exists(self._root) else {}
        above = f"{self._root}/"
        named = ((str(path).removeprefix(above), info) for path, info in found.items() if str(path).startswith(above))
        return {name: int(info["size"] or 0) for name, info in named if name and not name.endswith("/")}

    def read(self, name: str) -> bytes:
        """Give an object's bytes."""
        with self._faults("read", name):
            return bytes(_again(lambda: self._fs.cat_file(self._path(name))))

    def write(self, name: str, content: bytes) -> None:
        """Write an object, whole."""
        with self._faults("written", name):
            self._room(name)
            _again(lambda: self._fs.pipe_file(self._path(name), content))
            self._fs.invalidate_cache()
            if (size := self._fs.info(self._path(name))["size"]) != len(content):
                raise OSError(f"{len(content):,} bytes went up, {size:,} are there")

    def put(self, names: Collection[str], folder: Path) -> Iterator[str]:
        """Write objects from the files of a folder; yield the name of each that is done. Sizes are not looked at."""

        def put(name: str) -> None:
            with self._faults("written", name):
                self._room(name)
                _again(lambda: self._fs.put_file(str(folder / name), self._path(name)))

        yield from _side_by_side(put, names)

    def get(self, sizes: dict[str, int], folder: Path) -> None:
        """Write objects into files of a folder."""

        def get(name: str) -> None:
            path = folder / name
            if not path.resolve().is_relative_to(folder.resolve()):
                raise OutputError(f"{self.address}: {name!r} leads out of it")
            path.parent.mkdir(parents=True, exist_ok=True)
            with self._faults("read", name):
                _again(lambda: self._fs.get_file(self._path(name), str(path)))
                if (size := path.stat().st_size) != sizes[name]:
                    raise OSError(f"{sizes[name]:,} bytes are there, {size:,} came")

        for _ in _side_by_side(get, sizes):
            pass

    def remove(self, names: Iterable[str]) -> None:
        """Remove objects."""

        def remove(name: str) -> None:
            with self._faults("removed", name):
                self._fs.rm_file(self._path(name))  # rm would take a name with a bracket for a pattern

        for _ in _side_by_side(remove, names):
            pass

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def holds(self, url: str) -> bool:
        """Tell whether a URL, as a listing gives it, is below the address."""
        return url.startswith((f"{self.address}/", f"{self._fs.unstrip_protocol(self._root)}/"))

    def _room(self, name: str) -> None:
        if not self._flat:
            self._fs.makedirs(self._path(name).rpartition("/")[0], exist_ok=True)

    @contextmanager
    def _faults(self, done: str, name: str = "") -> Iterator[None]:
        try:
            yield
        except OutputError:
            raise
        except Exception as e:  # each backend has errors of its own
            what = f"{self.address}/{name}" if name else self.address
            told = f"{type(e).__name__}: {e}".replace("\n", " ")
            raise OutputError(f"{what}: cannot be {done}: {told}; {_advice(e)}") from e


def _again(do: Callable[[], _Given]) -> _Given:
    """Do what may fail for a moment, thrice at most."""
    for wait in _WAITS:
        try:
            return do()
        except Exception as e:
            if isinstance(e, _LASTING) or "Credentials" in type(e).__name__:
                raise
            time.sleep(wait)
    return do()


def _side_by_side(do: Callable[[str], None], names: Iterable[str]) -> Iterator[str]:
    todo = iter(names)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        while some := list(islice(todo, _BATCH)):
            for name, _ in zip(some, pool.map(do, some), strict=True):
                yield name


def _advice(error: Exception) -> str:
    if "Credentials" in type(error).__name__ or isinstance(error, PermissionError):
        return "give keys that may read and write there (of S3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)"
    if isinstance(error, FileNotFoundError):
        return "mend the address, or make the bucket"
    return "mend the address, or what tells the server (of S3: AWS_ENDPOINT_URL), and try again"
