"""Files as bytes read forward in bounded memory, decompressed by what they hold, not by what they are called."""

from __future__ import annotations

import bz2
import lzma
import os
import re
import zlib
from collections.abc import Iterator
from itertools import chain
from typing import Any, BinaryIO

from cleaner.read.decode import Unreadable
from cleaner.read.record import Source, too_large

PIECE = 1 << 20
_INPUT = 1 << 15
# 2 KiB of zstd give at most 64 MiB: a block of 4 bytes stands for 128 KiB (RFC 8878, 3.1.1.2).
_ZSTD_INPUT = 1 << 11
# Of a window: what zstd itself takes without --long, and four times what xz -9 needs.
_ZSTD_WINDOW, _XZ_MEMORY = 1 << 27, 1 << 28
_MAGIC = (
    ("gzip", re.compile(rb"\x1f\x8b\x08")),
    ("zstd", re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18", re.DOTALL)),
    ("bzip2", re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")),
    ("xz", re.compile(rb"\xfd7zXZ\x00")),
)
SUFFIXES = (".gz", ".zst", ".zstd", ".bz2", ".xz")


class Torn(Unreadable):
    """A file that ends or breaks in its middle; what came before the tear was given."""


def opened(source: Source) -> BinaryIO:
    """Open a file, local or remote. Raises ``Unreadable`` with the reason."""
    path = os.fspath(source.path)
    if is_url(path):
        from cleaner.read.remote import stream

        return stream(path)
    try:
        if os.path.isdir(path):
            os.listdir(path)  # a folder that could not be listed: this says why
        return open(path, "rb")
    except OSError as e:
        raise Unreadable(f"cannot be read: {e.strerror or e}") from e


def is_url(path: str) -> bool:
    """Tell a URL (``s3://bucket/pages``) from a path.

    >>> is_url("https://exemple.test/a"), is_url("C:/a"), is_url("a/b")
    (True, False, False)
    """
    return _URL.match(path) is not None


_URL = re.compile(r"(?i)[a-z][a-z0-9+.-]+://")


def compression(head: bytes) -> str:
    """Name the compression of a file by its first ten bytes; empty for none.

    >>> compression(b"\\x1f\\x8b\\x08\\0"), compression(b"A text")
    ('gzip', '')
    """
    return next((name for name, magic in _MAGIC if magic.match(head)), "")


def bare(name: str) -> str:
    """Give a name in lower case and without the suffix of a compression.

    >>> bare("A.html.gz")
    'a.html'
    """
    name = name.lower()
    return next((name.removesuffix(suffix) for suffix in SUFFIXES if name.endswith(suffix)), name)


def pieces(file: BinaryIO) -> tuple[str, Iterator[bytes]]:
    """Give a file's compression and its decompressed bytes in pieces of at most 1 MiB (zstd: 64 MiB at worst).

    The iterator gives all that can be had, then raises ``Torn`` if the file ends in the middle or is damaged.
    """
    first = _read(file, _INPUT)
    kind = compression(first[:10])
    rest = blocks(file, _INPUT if kind else PIECE)
    found = chain((first,), rest) if first else rest
    return kind, (_decompressed(found, kind) if kind else found)


def whole(source: Source, most: int) -> bytes:
    """Give a file's decompressed bytes. Raises ``Unreadable`` when it cannot be had or holds more than ``most``."""
    with opened(source) as file:
        kind, parts = pieces(file)
        held, size = [], 0
        for part in parts:
            held.append(part)
            size += len(part)
            if size > most:
                raise Unreadable(too_large(f"more than {most:,} bytes{f' out of its {kind}' if kind else ''}"))
    return b"".join(held)


def _read(file: BinaryIO, size: int) -> bytes:
    try:
        return file.read(size)
    except OSError as e:
        raise Torn(f"cannot be read: {e.strerror or e}") from e


def blocks(file: BinaryIO, size: int = PIECE) -> Iterator[bytes]:
    """Yield a file's bytes as they are, from where it stands. Raises ``Torn`` when they cannot be had."""
    while block := _read(file, size):
        yield block


def _unit(kind: str) -> Any:
    if kind == "gzip":
        return zlib.decompressobj(31)
    if kind == "bzip2":
        return bz2.BZ2Decompressor()
    if kind == "xz":
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
    import zstandard

    return zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()


def _inflated(unit: Any, kind: str, data: bytes) -> Iterator[bytes]:
    """Feed one member; what follows its end stays in ``unused_data``. Raises what the library raises."""
    if kind == "gzip":
        yield from _unzipped(unit, data)
    elif kind == "zstd":
        yield unit.decompress(data)
    else:
        yield unit.decompress(data, PIECE)
        while not unit.eof and not unit.needs_input:
            yield unit.decompress(b"", PIECE)


def _unzipped(unit: Any, data: bytes) -> Iterator[bytes]:
    while data and not unit.eof:
        before = unit.copy()  # 10 µs for 32 KiB: what stands before a damaged byte can still be had
        try:
            part = unit.decompress(data, PIECE)
        except zlib.error:
            for n in range(len(data)):
                yield before.decompress(data[n : n + 1])  # raises at the byte itself
            raise
        yield part
        data = unit.unconsumed_tail


def _decompressed(packed: Iterator[bytes], kind: str) -> Iterator[bytes]:
    """Yield every member of a compressed file; zeros may pad the end (tar writes them, xz allows them)."""
    unit: Any = None
    given = 0
    step = _ZSTD_INPUT if kind == "zstd" else _INPUT
    try:
        for block in packed:
            for at in range(0, len(block), step):
                data = block[at : at + step]
                while data:
                    if unit is None:
                        data = data if not given or kind == "zstd" else data.lstrip(b"\0")
                        if not data:
                            break
                        unit = _unit(kind)
                    for part in _inflated(unit, kind, data):
                        given += len(part)
                        if part:
                            yield part
                    data = unit.unused_data if unit.eof else b""
                    unit = None if unit.eof else unit
    except Torn:
        raise
    except (EOFError, OSError, ValueError, zlib.error, lzma.LZMAError, MemoryError) as e:
        raise Torn(f"its {kind} data is damaged after {given:,} bytes: {e}") from e
    except Exception as e:  # zstandard’s own error derives from Exception alone
        if type(e).__module__.partition(".")[0] not in ("zstandard", "zstd"):
            raise
        raise Torn(f"its {kind} data is damaged after {given:,} bytes: {e}") from e
    if unit is not None:
        raise Torn(f"its {kind} data ends early, after {given:,} bytes")
