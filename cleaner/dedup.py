"""Find the near-duplicates of a corpus that exists already: read, sign, compare; write who is a copy of whom."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Literal

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from cleaner import __version__
from cleaner.call import reading
from cleaner.delivery import Kind
from cleaner.document import Document
from cleaner.read.decode import Unreadable
from cleaner.read.inputs import walk
from cleaner.read.record import Fault, Options, Source
from cleaner.read.records import document_of, plan, records
from cleaner.settings import Settings
from cleaner.study.copies import DOCUMENTS, Against, duplicates, grow
from cleaner.study.signatures import Scheme, sign
from cleaner.write.atomic import Whole, locked, write
from cleaner.write.parts import Form, Part, part_name, parts
from cleaner.write.tables import OutputError

CLUSTERS, ERRORS, LAST, KEPT = "clusters.parquet", "errors.jsonl", "dedup.json", "documents"
COMPARED = Kind(LAST, (KEPT,), (CLUSTERS, ERRORS))
_LOCK, _WORK = ".lock", ".work"
_OURS = {CLUSTERS, ERRORS, LAST, KEPT, _LOCK, _WORK}
_SIGNED_CHARS, _SIGNED = 4 << 20, 4096  # characters and documents that are signed at a time

Dropping = Literal["none", "duplicates"]

KEPT_SCHEMA = pa.schema(
    (
        pa.field("id", pa.string(), nullable=False),
        pa.field("url", pa.string()),
        pa.field("date", pa.string()),
        pa.field("text", pa.string(), nullable=False),
    )
)
"""One row a document that stays, in the order of the input."""


class Found(msgspec.Struct, frozen=True):
    """What became of a corpus: documents read, those in clusters, those that are copies, those that failed."""

    documents: int
    clustered: int
    copies: int
    errors: int


def dedup(
    inputs: Sequence[str],
    out: Path,
    settings: Settings,
    *,
    against: Path | None = None,
    crawl: str = "",
    drop: Dropping = "none",
) -> Found:
    """Compare the documents of the inputs and write ``clusters.parquet`` into ``out``; their texts stay as they are.

    ``settings`` say how inputs are read and when documents are near-duplicates. With ``drop`` the documents that are
    no copies are written, too (``KEPT_SCHEMA``, in the form ``output.to``: parquet or jsonl). With ``against``, an
    index of earlier crawls, copies of those are found and this corpus is added under ``crawl`` (default: the name of
    ``out``). What cannot be read goes to ``errors.jsonl``.

    Raises ``Unreadable`` for an input that is not there, ``OutputError`` for an output that cannot be, ``IndexFault``
    for an index that does not fit.
    """
    out = out.resolve()
    _refuse(out, inputs)
    out.mkdir(parents=True, exist_ok=True)
    sources = list(walk(inputs, settings.input.exclude))
    options = reading(settings, sum(max(source.size, 0) for source in sources))
    try:
        with locked(out / _LOCK):
            return _dedup(sources, options, out, settings, against, crawl or out.name, drop)
    except BlockingIOError as e:
        raise OutputError(f"{e.filename}: another process writes there ({e.strerror})") from e


def _dedup(
    sources: list[Source],
    options: Options,
    out: Path,
    settings: Settings,
    against: Path | None,
    crawl: str,
    drop: Dropping,
) -> Found:
    work = out / _WORK
    shutil.rmtree(work, ignore_errors=True)
    _remove(out)
    work.mkdir()
    write(out / LAST, msgspec.json.encode({"version": __version__, "finished": False}) + b"\n")
    fragment = work / "documents.arrow"
    scheme = Scheme(settings.duplicates.shingle, settings.duplicates.permutations)
    read, errors = _sign(sources, options, scheme, fragment, out / ERRORS)
    earlier = Against(against, crawl, work / "fresh.parquet") if against else None
    given = (settings.duplicates, settings.run.memory_mb, work, out / CLUSTERS)
    clustered = duplicates([fragment], earlier, *given)
    copies = sum(len(ids) for _, ids in _copies(out / CLUSTERS))
    if drop == "duplicates":
        _keep(sources, options, out, settings)
    if earlier:
        grow(earlier, settings.duplicates)
    found = Found(read, clustered, copies, errors)
    last = {"version": __version__, "finished": True, "scheme": scheme.name, "crawl": crawl, "counts": found}
    write(out / LAST, msgspec.json.format(msgspec.json.encode(last), indent=2) + b"\n")
    shutil.rmtree(work, ignore_errors=True)
    return found


def _sign(sources: list[Source], options: Options, scheme: Scheme, to: Path, errors: Path) -> tuple[int, int]:
    """Write a row of each document, ``DOCUMENTS``, and the faults; give how many there are of both."""
    waiting: list[tuple[int, Document]] = []
    count = failed = size = 0
    with Whole(errors) as told, pa.OSFile(str(to), "wb") as file, pa.ipc.new_file(file, DOCUMENTS) as writer:
        for chunk, one in _documents(sources, options):
            if isinstance(one, Fault):
                failed += 1
                told.write(msgspec.json.encode(_printable(one)) + b"\n")
                continue
            count, size = count + 1, size + len(one.raw)
            waiting.append((chunk, one))
            if size >= _SIGNED_CHARS or len(waiting) >= _SIGNED:
                writer.write_batch(_rows(waiting, scheme))
                waiting, size = [], 0
        if waiting:
            writer.write_batch(_rows(waiting, scheme))
    return count, failed


def _documents(sources: list[Source], options: Options) -> Iterator[tuple[int, Document | Fault]]:
    """Yield each document or fault with the number of its chunk, in the order of the inputs."""
    for chunk in plan(sources, options):
        for one in records(chunk, options):
            if isinstance(one, Fault):
                yield chunk.number, one
                continue
            try:
                yield chunk.number, document_of(one)
            except Unreadable as e:
                yield chunk.number, Fault(one.id, one.place, "read", str(e))


def _printable(fault: Fault) -> dict[str, object]:
    told = {name: str(value).encode("utf-8", "backslashreplace").decode() for name, value in fault._asdict().items()}
    return {**told, "place": fault.place}


def _rows(waiting: list[tuple[int, Document]], scheme: Scheme) -> pa.RecordBatch:
    found = [document for _, document in waiting]
    signed = sign([document.raw for document in found], scheme)
    columns: tuple[list[object], ...] = (
        [document.id for document in found],
        [chunk for chunk, _ in waiting],
        [each.tobytes() for each in signed.exact],
        [each.tobytes() for each in signed.minhash],
        [len(document.raw) for document in found],
        [0] * len(found),
        [str(document.source.get("crawled", "")) for document in found],
        list(signed.sketches),
    )
    made = [pa.array(column, field.type) for column, field in zip(columns, DOCUMENTS, strict=True)]
    return pa.record_batch(made, schema=DOCUMENTS)


def _copies(clusters: Path) -> Iterator[tuple[int, set[str]]]:
    """Yield the ids of copies, chunk by chunk: the file is in that order."""
    with pq.ParquetFile(clusters) as file:
        batches = file.iter_batches(columns=["chunk", "id", "keep"])
        rows = (row for batch in batches for row in zip(*(c.to_pylist() for c in batch.columns), strict=True))
        for chunk, group in groupby(rows, key=lambda row: row[0]):
            yield chunk, {id for _, id, keep in group if not keep}


def _keep(sources: list[Source], options: Options, out: Path, settings: Settings) -> None:
    """Write the documents that are no copies: the inputs are read a second time."""
    form: Form = "jsonl" if settings.output.to == "jsonl" else "parquet"
    copies = _copies(out / CLUSTERS)
    at, gone = -1, set[str]()
    number = written = 0
    part = Part(out / part_name(KEPT, number, form), KEPT_SCHEMA, form)
    try:
        for chunk, group in groupby(_documents(sources, options), key=lambda found: found[0]):
            while at < chunk:
                at, gone = next(copies, (1 << 62, set()))
            away = gone if at == chunk else set()
            stay = [one for _, one in group if isinstance(one, Document) and one.id not in away]
            columns: tuple[list[object], ...] = (
                [document.id for document in stay],
                [document.url for document in stay],
                [document.source.get("crawled") for document in stay],
                [document.raw for document in stay],
            )
            made = [pa.array(column, field.type) for column, field in zip(columns, KEPT_SCHEMA, strict=True)]
            batch = pa.record_batch(made, schema=KEPT_SCHEMA)
            part.add(batch)
            written += batch.nbytes
            if written >= settings.output.shard_mb << 20:
                part.commit()
                number, written = number + 1, 0
                part = Part(out / part_name(KEPT, number, form), KEPT_SCHEMA, form)
        part.commit()
    except BaseException:
        part.__exit__(None, None, None)
        raise


def _refuse(out: Path, inputs: Sequence[str]) -> None:
    """Refuse a folder that holds what is not ours, or that lies in an input or around one."""
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out}: is a file; choose a folder")
    strangers = sorted({path.name for path in out.iterdir()} - _OURS) if out.exists() else []
    if strangers or (out.exists() and (out / KEPT).exists() and not (out / LAST).exists()):
        raise OutputError(
            f"{out}: holds {(strangers or [KEPT])[0]}, which 'dedup' did not write; choose another folder"
        )
    for given in inputs:
        source = Path(given).resolve()
        if source.exists() and (out.is_relative_to(source) or source.is_relative_to(out)):
            raise OutputError(f"{out}: and the input {given} hold one another; choose a folder outside")


def _remove(out: Path) -> None:
    for name in (CLUSTERS, ERRORS):
        (out / name).unlink(missing_ok=True)
    for path in parts(out, KEPT):
        path.unlink()
    with suppress(OSError):  # not there, or not empty: that stays
        (out / KEPT).rmdir()
