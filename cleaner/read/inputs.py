"""Inputs to files: files, folders, globs and URLs, in the order of the ids."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from cleaner.read.decode import Unreadable
from cleaner.read.fields import printable
from cleaner.read.record import Source
from cleaner.read.streams import is_url

if TYPE_CHECKING:
    from cleaner.read.remote import Entry

_WILD = re.compile(r"[*?\[]")


class _Input(NamedTuple):
    """One input: where it begins, the glob below that if it is one, and the parts of its name."""

    given: str
    root: str
    glob: str
    parts: list[str]


def walk(inputs: Sequence[str | Path], exclude: Sequence[str] = ()) -> Iterator[Source]:
    """Yield the files of the inputs, each a file, a folder, a glob or a URL; each folder in the order of the ids.

    A glob (``crawl/**/*.html``) gives the files below its first folder without a wildcard: ``*`` and ``?`` stay
    inside a name, ``**/`` stands for any folders. It counts only where no file has that name. A URL is whatever
    fsspec reaches: a file, or a folder (``s3://bucket/pages``); of a web server, an address that ends with ``/`` and
    whose page lists a folder.

    With several inputs an id begins with its input's name, and with as many folders above it as tell inputs of
    one name apart. ``exclude`` holds globs that leave out what they match: a path below its input, or the name of
    a file or folder at any depth. Hidden files and folders (``.git``, ``.DS_Store``) are left out, unless they are
    inputs themselves. In folders, links to folders are not followed, nor links to files outside; what is no plain
    file is left out. A folder that cannot be listed is yielded like a file, so that reading it gives the reason.

    Raises ``Unreadable`` when an input does not exist or a glob matches nothing, naming it.
    """
    each = [_input(os.fspath(given)) for given in inputs]
    for one in each:
        if one.glob and next(_matching(one, "", exclude), None) is None:
            raise Unreadable(f"{one.given}: no file matches")
    for one, name in zip(each, _names([one.parts for one in each]), strict=True):
        prefix = f"{name}/" if len(each) > 1 else ""
        if one.glob:
            yield from _matching(one, prefix, exclude)
        elif is_url(one.root):
            yield from _remote(one.root, name, prefix, exclude)
        elif os.path.isdir(one.root):
            yield from _tree(one.root, prefix, _local(one.root, exclude))
        elif not _excluded(name, exclude):
            yield local(name, one.root)


def local(id: str, path: str) -> Source:
    """Give the source of a local file, with its size and time, if it has any."""
    try:
        found = os.stat(path)
    except OSError:  # reading it gives the reason
        return Source(id, path)
    return Source(id, path, found.st_size, str(found.st_mtime_ns))


def _input(given: str) -> _Input:
    if given.lower().startswith("file://"):
        given = unquote(urlsplit(given).path)
    remote = is_url(given)
    glob = ""
    root = given
    # A question mark begins a query in a web address; a star is rare in one and common in s3://bucket/*.jsonl.
    wild = re.search(r"[*\[]", given) if given.lower().startswith(("http://", "https://")) else _WILD.search(given)
    if wild and (remote or not os.path.lexists(given)):
        folder = given.rfind("/", 0, wild.start()) + 1
        root, glob = given[:folder] or ".", given[folder:]
    if remote:
        return _Input(
            given, root, glob, [_utf8(p) for p in urlsplit(root)._replace(scheme="").geturl().split("/") if p]
        )
    if not os.path.exists(root):
        raise Unreadable(f"{given}: no such file or folder")
    return _Input(given, root, glob, [_utf8(part) for part in Path(os.path.abspath(root)).parts[1:]] or ["root"])


def _names(parts: list[list[str]]) -> list[str]:
    """Name each input by its last parts, as many as tell it from the others; equal inputs are numbered."""
    taken = [1] * len(parts)
    while True:
        names = ["/".join(part[-n:]) for part, n in zip(parts, taken, strict=True)]
        seen = Counter(names)
        more = [i for i, name in enumerate(names) if seen[name] > 1 and taken[i] < len(parts[i])]
        if not more:
            break
        for i in more:
            taken[i] += 1
    order: Counter[str] = Counter()
    for i, name in enumerate(names):
        order[name] += 1
        if order[name] > 1:
            names[i] = f"{name}~{order[name]}"
    return names


class _Found(NamedTuple):
    name: str
    path: str
    folder: bool
    size: int = -1
    stamp: str = ""


def _tree(root: str, prefix: str, listed: Callable[[str, str], list[_Found] | None]) -> Iterator[Source]:
    """Yield the files below a folder; ``listed`` gives a folder's entries, ``None`` where it cannot be listed."""
    # A stack, not recursion: folders nest deeper than Python does. Sorted with a slash behind a folder’s name, the
    # names come in the order of the ids: "a-b" before "a/b".
    pending = [_Found("", root, True)]
    while pending:
        at = pending.pop()
        if not at.folder:
            yield Source(prefix + at.name, at.path, at.size, at.stamp)
        elif (found := listed(at.path, at.name)) is None:
            yield Source((prefix + at.name).removesuffix("/") or _utf8(os.path.basename(at.path)), at.path)
        else:
            pending += sorted(found, key=lambda each: each.name, reverse=True)


def _local(root: str, exclude: Sequence[str], depth: int | None = None) -> Callable[[str, str], list[_Found] | None]:
    home = Path(root).resolve()

    def listed(path: str, above: str) -> list[_Found] | None:
        try:
            entries = list(os.scandir(path))
        except OSError:
            return None
        found = []
        for entry in entries:
            name = above + _utf8(entry.name)
            folder = entry.is_dir(follow_symlinks=False)
            if entry.name.startswith(".") or _excluded(name, exclude):
                continue
            if folder:
                if depth is None or name.count("/") + 1 < depth:
                    found.append(_Found(f"{name}/", entry.path, True))
            elif entry.is_file() and (not entry.is_symlink() or Path(entry.path).resolve().is_relative_to(home)):
                one = local(name, entry.path)
                found.append(_Found(name, one.path, False, one.size, one.stamp))
        return found

    return listed


def _remote(url: str, name: str, prefix: str, exclude: Sequence[str]) -> Iterator[Source]:
    from cleaner.read.remote import entry

    one = entry(url)
    if one.folder:
        yield from _tree(one.url, prefix, _distant(exclude))
    elif not _excluded(name, exclude):
        yield Source(printable(name if prefix else one.name), one.url, one.size, one.stamp)


def _distant(exclude: Sequence[str], depth: int | None = None) -> Callable[[str, str], list[_Found] | None]:
    from cleaner.read.remote import listing

    def wanted(name: str, each: Entry) -> bool:
        deep = each.folder and depth is not None and name.count("/") + 1 >= depth
        return not (each.name.startswith(".") or _excluded(name, exclude) or deep)

    def listed(url: str, above: str) -> list[_Found] | None:
        named = [(above + printable(each.name), each) for each in listing(url)]
        return [
            _Found(f"{name}/" if each.folder else name, each.url, each.folder, each.size, each.stamp)
            for name, each in named
            if wanted(name, each)
        ]

    return listed


def _matching(one: _Input, prefix: str, exclude: Sequence[str]) -> Iterator[Source]:
    pattern = re.compile(_translated(one.glob))
    depth = None if "**" in one.glob else one.glob.count("/") + 1
    listed = _distant(exclude, depth) if is_url(one.root) else _local(one.root, exclude, depth)
    for source in _tree(one.root, "", listed):
        if pattern.fullmatch(source.id):
            yield Source(prefix + source.id, source.path, source.size, source.stamp)


def _translated(glob: str) -> str:
    """Write a glob as a regular expression.

    >>> bool(re.fullmatch(_translated("**/a*.html"), "x/y/ab.html")), bool(re.fullmatch(_translated("*"), "x/y"))
    (True, False)
    """
    parts = re.split(r"(\*\*/|\*+|\?|\[!?[^\]/]+\])", glob)
    known = {"**/": "(?:[^/]+/)*", "*": "[^/]*", "?": "[^/]"}
    written = []
    for part in parts:
        if part in known:
            written.append(known[part])
        elif part.startswith("*"):
            written.append(".*")
        elif part.startswith("[") and part.endswith("]") and len(part) > 2:
            inner = re.sub(r"([\\\\^\[])", r"\\\\\1", part[1:-1].removeprefix("!"))
            written.append(f"[{'^/' if part[1] == '!' else ''}{inner}]")
        else:
            written.append(re.escape(part))
    return "".join(written)


def _excluded(name: str, exclude: Sequence[str]) -> bool:
    return any(fnmatchcase(name, glob) or fnmatchcase(name.rsplit("/", 1)[-1], glob) for glob in exclude)


def _utf8(name: str) -> str:
    """Write the bytes of a file name that are not UTF-8 as ``\\xe9`` and control characters escaped."""
    return printable(os.fsencode(name).decode("utf-8", "backslashreplace"))
