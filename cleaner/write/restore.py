"""The way back: the sources of a run, rebuilt from its texts and its ledger and checked against their hashes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from cleaner.document import Edit, Patch, PatchError
from cleaner.write.atomic import Names, write
from cleaner.write.digest import finished, ids, kept_ledger, text_of, walk
from cleaner.write.tables import DocumentRow, LedgerRow, OutputError


class Restored(NamedTuple):
    """One document of a run, given back or not.

    ``exact`` tells that ``path`` holds the source's own bytes; otherwise it holds the raw text as UTF-8 (a page:
    its linearised text). With an ``error`` nothing was written and ``path`` is None.
    """

    id: str
    path: Path | None
    exact: bool
    error: str = ""


class _Unfit(ValueError):
    """Why a document cannot be given back."""


def restore(out: Path, to: Path, encode: Callable[[str, str], bytes]) -> Iterator[Restored]:
    """Rebuild the sources of the run in ``out`` under ``to``, named by their ids, in the order of the run.

    ``encode(text, encoding)`` gives a text's bytes in an encoding. Names that some system refuses are changed as
    for texts (see ``Names``). A file that is there already is never replaced: with the same bytes it counts as
    restored, with others the document is an error. One document is in memory at a time, and the names of all.

    Raises ``OutputError`` when the run is unfinished, a table cannot be read, or ``to`` lies in ``out``.
    """
    out, target = finished(out), to.resolve()
    if target.is_relative_to(out):
        raise OutputError(f"{to}: lies in the run's folder {out}; choose a folder outside")
    if target.exists() and not target.is_dir():
        raise OutputError(f"{to}: is a file; choose a folder")
    if kept_ledger(out) not in ("parquet", "jsonl"):
        raise OutputError(
            f"{out}: its ledger was not kept whole (--ledger {kept_ledger(out)}), nothing can be put back"
        )
    waiting = set(ids(out))
    return _restore(out, target, encode, Names.of(waiting), waiting)


def _restore(
    out: Path, to: Path, encode: Callable[[str, str], bytes], names: Names, waiting: set[str]
) -> Iterator[Restored]:
    for row, edits, _ in walk(out, waiting):
        if row is None:
            yield Restored(edits[0].id, None, False, "the ledger has edits of it, the documents table has not")
            continue
        try:
            raw = _raw(out, row, edits)
            content = _content(raw, row, encode)
            path = to / names[row.id]
            _put(path, content, to, out)
        except _Unfit as e:
            yield Restored(row.id, None, False, str(e))
        except OSError as e:
            yield Restored(row.id, None, False, f"cannot be written: {e.strerror or e}")
        else:
            yield Restored(row.id, path, _is_exact(row))


def _raw(out: Path, row: DocumentRow, edits: Sequence[LedgerRow]) -> str:
    try:
        text = text_of(out, row).decode()
    except OutputError as e:
        raise _Unfit(str(e)) from e
    except UnicodeDecodeError as e:
        raise _Unfit(f"its text {row.path} was changed: it is not UTF-8") from e
    if len(text) != row.chars:
        raise _Unfit(f"its text {row.path} was changed: {len(text):,} characters, {row.chars:,} were written")
    try:
        patches = [
            Patch(stage, tuple(Edit(r.start, r.stop, r.before, r.after, r.rule, r.note) for r in rows))
            for (_, stage), rows in groupby((r for r in edits if r.applied), lambda r: (r.step, r.stage))
        ]
        for patch in reversed(patches):
            text = patch.inverse().apply(text)
    except PatchError as e:
        raise _Unfit(f"its text {row.path} or its edits were changed: {e}") from e
    if sha256(text.encode()).hexdigest() != row.raw_sha256:
        raise _Unfit(f"its text {row.path} or its edits were changed: the raw text has another hash")
    return text


def _is_exact(row: DocumentRow) -> bool:
    return bool(row.exact and row.encoding and row.source_sha256)


def _content(raw: str, row: DocumentRow, encode: Callable[[str, str], bytes]) -> bytes:
    if not _is_exact(row):
        return raw.encode()
    assert row.encoding is not None
    try:
        content = encode(raw, row.encoding)
    except (LookupError, ValueError) as e:
        raise _Unfit(f"its raw text cannot be encoded as {row.encoding}: {e}") from e
    if sha256(content).hexdigest() != row.source_sha256:
        raise _Unfit(f"its raw text encoded as {row.encoding} has another hash than the source had")
    return content


def _put(path: Path, content: bytes, to: Path, out: Path) -> None:
    folder = path.parent.resolve()
    if not folder.is_relative_to(to) or folder.is_relative_to(out):
        raise _Unfit(f"{path} leads into the run's folder or out of {to}")
    if path.is_symlink() or path.exists():
        if path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content:
            return
        raise _Unfit(f"{path} is there already and is something else; it was left as it is")
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, content)
