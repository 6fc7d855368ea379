"""Files, folders and strings to documents."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path

from cleaner.document import Document, Label
from cleaner.read.decode import Unreadable, decode, without_surrogates
from cleaner.read.html import declared_charset, is_html, linearise

_TEXT = frozenset((".txt", ".text"))
_PAGE = frozenset((".html", ".htm", ".xhtml"))
# As their generator meta elements begin, and as rules/cms names them.
_CMS = re.compile(
    r"(?i)\s*(wordpress|drupal|joomla|mediawiki|blogger|ghost|discourse|phpbb|typo3|wix|squarespace|shopify|hugo|jekyll"
    r"|substack|webflow|prestashop|xenforo|vbulletin|moodle|dokuwiki|docusaurus|sphinx|spip|plone|contao|concrete5)\b"
)


@dataclass(frozen=True, slots=True)
class Source:
    """A file to read, and the id its document gets: its ``/``-separated path below the input it was found in."""

    id: str
    path: Path


def walk(paths: Sequence[Path], exclude: Sequence[str] = ()) -> Iterator[Source]:
    """Yield the files of the inputs, each input a file or a folder; each folder in the order of the ids.

    With several inputs an id begins with its input's name, and with as many folders above it as tell inputs of
    one name apart. ``exclude`` holds globs that leave out what they match: a path below its input, or the name of
    a file or folder at any depth. Hidden files and folders (``.git``, ``.DS_Store``) are left out, unless they are
    inputs themselves. In folders, links to folders are not followed, nor links to files outside; what is no plain
    file is left out.

    A folder that cannot be listed is yielded like a file, so that ``read`` gives the reason.

    Raises ``Unreadable`` when an input does not exist, naming it.
    """
    for path in paths:
        if not path.exists():
            raise Unreadable(f"{path}: no such file or folder")
    for path, name in zip(paths, _names(paths), strict=True):
        if path.is_dir():
            yield from _tree(path, f"{name}/" if len(paths) > 1 else "", exclude)
        elif not _excluded(name, exclude):
            yield Source(name, path)


def read(source: Source) -> Document:
    """Read one file: ``.txt`` as text, ``.html``, ``.htm`` and ``.xhtml`` as a page, others as what they look like.

    Raises ``Unreadable`` with the reason when the file cannot be opened or holds no text.
    """
    try:
        if source.path.is_dir():
            os.listdir(source.path)  # a folder that could not be listed: this says why
        data = source.path.read_bytes()
    except OSError as e:
        raise Unreadable(f"cannot be read: {e.strerror or e}") from e
    suffix = source.path.suffix.lower()
    page = False if suffix in _TEXT else True if suffix in _PAGE else None
    return _document(data, source.id, None, None, page)


def document(data: bytes | str, id: str = "-", url: str | None = None, declared: str | None = None) -> Document:
    """Make a document of a text or a page, whichever it is; ``declared`` is the encoding a server gave for bytes.

    A page without ``url`` gets the one it gives for itself (label ``url_from``). Lone surrogates in a string
    become U+FFFD. Raises ``Unreadable`` for bytes that hold no text.

    >>> document("<!doctype html><p>Une <b>page</b>.").text, document("Du texte.\\n").raw
    ('Une page.', 'Du texte.\\n')
    """
    return _document(data, id, url, declared, None)


def _document(data: bytes | str, id: str, url: str | None, declared: str | None, page: bool | None) -> Document:
    if isinstance(data, bytes):
        decoded = decode(data, declared or declared_charset(data))
        text, encoding, exact = decoded.text, decoded.encoding, decoded.exact
        source = data
    else:
        text, encoding = without_surrogates(data), "utf-8"
        exact, source = text == data, text.encode()
    labels: dict[str, Label] = {"encoding": encoding, "exact": exact, "source_sha256": sha256(source).hexdigest()}
    if page is None:
        page = is_html(text)
    if not page:
        labels |= {"format": "text", "raw_sha256": sha256(text.encode()).hexdigest()}
        return Document(id, text, url, source=labels)
    linear = linearise(text)
    # Never exact: the linearised text is what can be given back, not the page’s bytes.
    labels |= {"format": "html", "exact": False, "raw_sha256": sha256(linear.text.encode()).hexdigest()}
    if url is None and linear.url is not None:
        url = linear.url
        labels["url_from"] = "page"
    if cms := _CMS.match(linear.generator):
        labels["cms"] = cms[1].lower()
    return Document(id, linear.text, url, hints=linear.hints, source=labels, html=text)


def _names(paths: Sequence[Path]) -> list[str]:
    """Name each input by its last parts, as many as tell it from the others; equal inputs are numbered."""
    parts = [[_printable(part) for part in Path(os.path.abspath(path)).parts[1:]] or ["root"] for path in paths]
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


def _tree(root: Path, prefix: str, exclude: Sequence[str]) -> Iterator[Source]:
    home = root.resolve()
    # A stack, not recursion: folders nest deeper than Python does. Sorted with a slash behind a folder’s name, the
    # names come in the order of the ids: "a-b" before "a/b".
    pending = [(root, prefix, True)]
    while pending:
        path, name, is_folder = pending.pop()
        if not is_folder:
            yield Source(name, path)
            continue
        found = []
        try:
            entries = list(os.scandir(path))
        except OSError:
            yield Source(name.removesuffix("/") or path.name, path)  # reading it gives the reason
            continue
        for entry in entries:
            below = name + _printable(entry.name)
            folder = entry.is_dir(follow_symlinks=False)
            if entry.name.startswith(".") or _excluded(below[len(prefix) :], exclude):
                continue
            inside = folder or not entry.is_symlink() or Path(entry.path).resolve().is_relative_to(home)
            if inside and (folder or entry.is_file()):
                found.append((Path(entry.path), f"{below}/" if folder else below, folder))
        pending += sorted(found, key=lambda each: each[1], reverse=True)


def _excluded(name: str, exclude: Sequence[str]) -> bool:
    return any(fnmatchcase(name, glob) or fnmatchcase(name.rsplit("/", 1)[-1], glob) for glob in exclude)


def _printable(name: str) -> str:
    """Write the bytes of a file name that are not UTF-8 as ``\\xe9``, so that the id can be stored."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
