"""Files that are not on this machine: everything that fsspec reaches, by its URL.

What a server needs to know (keys, an endpoint of one's own) is fsspec's and the backend's own configuration:
``AWS_ENDPOINT_URL``, ``FSSPEC_S3_ENDPOINT_URL`` or ``~/.config/fsspec/*.json``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple, cast
from urllib.parse import unquote, urlsplit

import fsspec

from cleaner.read.decode import Unreadable

_BLOCK = 1 << 20
_STAMPS = ("ETag", "etag", "LastModified", "Last-Modified", "last_modified", "updated", "mtime", "modified", "created")
# A page that lists a folder, as Apache, nginx, Python and Caddy write it; links on other pages are not followed.
_LISTING = re.compile(rb"(?i)<(?:title|h1)\b[^>]{0,256}>\s*(?:index of|directory listing|listing)\b")


class Entry(NamedTuple):
    """One file or folder of a listing; ``name`` is its last part, ``size`` in bytes, -1 if unknown."""

    name: str
    url: str
    folder: bool
    size: int
    stamp: str


class _Reads:
    """A file of fsspec whose errors, each backend has its own, are ``OSError``."""

    def __init__(self, file: Any, url: str) -> None:
        self.file, self.url = file, url

    def read(self, size: int = -1) -> bytes:
        try:
            return bytes(self.file.read(size))
        except Exception as e:
            raise OSError(f"{type(e).__name__}: {e}") from e

    def seek(self, at: int, whence: int = 0) -> int:
        try:
            return int(self.file.seek(at, whence))
        except Exception as e:
            raise OSError(f"{type(e).__name__}: {e}") from e

    def tell(self) -> int:
        return int(self.file.tell())

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    @property
    def closed(self) -> bool:
        return bool(self.file.closed)

    def close(self) -> None:
        self.file.close()

    def flush(self) -> None:
        """Nothing is written."""

    def __enter__(self) -> _Reads:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def stream(url: str) -> BinaryIO:
    """Open a file to be read forward. Raises ``Unreadable`` with the reason."""
    return _opened(url, forward=True)


def seekable(url: str) -> BinaryIO:
    """Open a file to be read from any place. Raises ``Unreadable`` with the reason; reading may raise ``OSError``."""
    return _opened(url, forward=False)


def ranges(url: str) -> bool:
    """Tell whether files of this kind can be relied on to be read from their middle: not those of web servers."""
    return not _web(url)


def entry(url: str) -> Entry:
    """Look one file or folder up. Raises ``Unreadable`` when it is not there or cannot be had."""
    fs, path = system(url)
    if _web(url) and url.endswith("/"):
        return Entry(_last(url), url, _lists(url), -1, "")
    try:
        return _entry(fs, url, fs.info(path))
    except FileNotFoundError as e:
        raise Unreadable(f"{url}: no such file or folder") from e
    except Exception as e:
        raise _fault(url, e) from e


def listing(url: str) -> Iterator[Entry]:
    """Yield the entries of a folder, in any order. Raises ``Unreadable`` when it cannot be listed."""
    fs, path = system(url)
    fs.use_listings_cache = False
    try:
        infos = fs.ls(path, detail=True)
    except Exception as e:
        raise _fault(url, e) from e
    here = fs._strip_protocol(path).rstrip("/")
    for info in infos:
        inside = info["name"].rstrip("/")
        # A folder of S3 may stand in its own listing; a web page may link anywhere.
        if inside != here and inside.startswith(f"{here}/") and "?" not in inside and "#" not in inside:
            yield _entry(fs, fs.unstrip_protocol(info["name"]), info)


def _entry(fs: fsspec.AbstractFileSystem, url: str, info: dict[str, Any]) -> Entry:
    size, folder = info.get("size"), info["type"] == "directory"
    stamp = next((str(info[key]) for key in _STAMPS if info.get(key)), "")
    return Entry(_last(url), url, folder, -1 if size is None or folder else int(size), "" if folder else stamp)


def _opened(url: str, *, forward: bool) -> BinaryIO:
    fs, path = system(url)
    # A web server may answer a request for a range with the whole file: forward reading asks for the file itself.
    told: dict[str, Any] = {"block_size": 0} if forward and _web(url) else {"block_size": _BLOCK}
    if not forward:
        told["cache_type"] = "readahead"
    if fs.protocol == "memory" or "memory" in fs.protocol:
        told = {}
    try:
        return cast(BinaryIO, _Reads(fs.open(path, "rb", **told), url))
    except FileNotFoundError as e:
        raise Unreadable("cannot be read: No such file or directory") from e
    except Exception as e:
        raise _fault(url, e) from e


def system(url: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """Give what reaches a URL, and the path there. Raises ``Unreadable`` that names what is not known or missing."""
    try:
        fs, path = fsspec.core.url_to_fs(url)
    except ImportError as e:
        raise Unreadable(f"{url}: {e} (S3, Google, HTTP: pip install 'crawl-cleaner[remote]')") from e
    except ValueError as e:
        known = ", ".join(("file", "http", "https", "s3", "gs", "az", "hf", "sftp", "webdav"))
        raise Unreadable(f"{url}: {e}; known, among others: {known}") from e
    except Exception as e:
        raise _fault(url, e) from e
    return fs, path


def _web(url: str) -> bool:
    return url.lower().startswith(("http://", "https://"))


def _lists(url: str) -> bool:
    with stream(url) as page:
        try:
            return _LISTING.search(page.read(_BLOCK)) is not None
        except OSError as e:
            raise Unreadable(f"{url}: {e}") from e


def _last(url: str) -> str:
    parts = urlsplit(url)
    path = unquote(parts.path) if _web(url) else url.partition("://")[2]
    return path.rstrip("/").rsplit("/", 1)[-1] or parts.netloc


def _fault(url: str, error: Exception) -> Unreadable:
    return Unreadable(f"{url}: cannot be read: {type(error).__name__}: {error}".replace("\n", " "))
