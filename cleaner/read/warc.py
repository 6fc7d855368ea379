"""WARC and WET: records cut out of a stream, and pages out of records.

The format is ISO 28500 (WARC 1.0 and 1.1; 0.17 and 0.18 are read too): a version line, headers, a blank line and as
many bytes as ``Content-Length`` says.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from cleaner.read.fields import named, printable
from cleaner.read.record import Fault, Options, Record, Span, too_large
from cleaner.read.streams import Torn

MAGIC = re.compile(rb"WARC/[01]\.\d")
_HEAD = 1 << 16  # no header block of a crawler is longer
_BREAKS = re.compile(rb"[\r\n]+")
_END = re.compile(rb"\r?\n(?:\r?\n|(WARC/))")
_BLANK = re.compile(rb"\r?\n\r?\n")
_NEXT = b"\nWARC/"
_PAGES = ("text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml")
_TEXTS = ("text/plain", "text/markdown")
_CHARSET = re.compile(r"(?i)\bcharset\s*=\s*[\"']?\s*([a-z0-9_:.-]{1,40})")
_SIZE = re.compile(rb"[ \t]*([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]{0,256})?\r?\n")


class Piece(NamedTuple):
    """A record cut out of a stream at an offset; or, with a reason, what could not be."""

    place: int
    data: bytes
    reason: str = ""
    id: str | None = None


class _Window:
    """The bytes of a stream from the place on that is being read: ``data[at:]``."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.pieces, self.data, self.at, self.place, self.torn = pieces, b"", 0, 0, ""

    def fill(self, size: int) -> bool:
        """Have ``size`` bytes at hand, if there are as many."""
        held = len(self.data) - self.at
        if held < size:
            parts = [self.data[self.at :]]
            while held < size and (piece := self._next()):
                parts.append(piece)
                held += len(piece)
            self.data, self.at = b"".join(parts), 0
        return held >= size

    def skip(self, size: int) -> bool:
        """Go ``size`` bytes on without holding them, if there are as many."""
        while size > (held := len(self.data) - self.at):
            self.place, size = self.place + held, size - held
            self.data, self.at = self._next(), 0
            if not self.data:
                return False
        self.at, self.place = self.at + size, self.place + size
        return True

    def _next(self) -> bytes:
        try:
            return b"" if self.torn else next((piece for piece in self.pieces if piece), b"")
        except Torn as torn:
            self.torn = str(torn)
            return b""


def cut(pieces: Iterator[bytes], most: int) -> Iterator[Piece]:
    """Yield the records of a stream that may hold a page or a text; others are passed over in bounded memory.

    What is no record is told and passed over up to the next version line. A record of more than ``most`` bytes is
    told if it holds a page or a text.
    """
    window = _Window(pieces)
    while window.fill(1):
        yield from _one(window, most)
    if window.torn:
        yield Piece(window.place, b"", window.torn)


def _one(window: _Window, most: int) -> Iterator[Piece]:
    window.fill(_HEAD)
    # Two line breaks stand behind a record; some writers write more or fewer.
    if (blank := _BREAKS.match(window.data, window.at)) is not None:
        window.skip(blank.end() - window.at)
        return
    place, at = window.place, window.at
    # Up to the blank line, or to where another record begins: what is looked at is not looked at again.
    end = _END.search(window.data, at, at + _HEAD) if MAGIC.match(window.data, at) else None
    headers = _headers(window.data[at : end.start()]) if end and end[1] is None else {}
    length = headers.get("content-length", "")
    if end is None or not re.fullmatch(r"[0-9]{1,15}", length):
        reason = "no WARC record: no version line with headers and a length begins here"
        if window.torn and end is None:
            reason = f"{window.torn}; the record that begins here is incomplete"
            window.torn = ""
        _to_next(window)
        yield Piece(place, b"", reason)
        return
    start, size = end.end() - at, int(length)
    id = headers.get("warc-record-id", "").strip("<>").removeprefix("urn:uuid:") or None
    window.fill(start + min(size, _HEAD))
    wanted = _wanted(headers, window.data[window.at + start : window.at + start + min(size, _HEAD)])
    reason = ""
    if not wanted or size > most:
        whole = window.skip(start + size)
        if wanted:
            reason = too_large(f"this record holds {size:,} bytes, more than {most:,}")
    else:
        whole = window.fill(start + size)
        if whole:
            yield Piece(place, window.data[window.at : window.at + start + size], "", id)
        window.skip(start + size)
    if not whole:
        reason = f"{window.torn or 'the file ends early'}; the record that begins here is incomplete"
        window.torn = ""
    if reason:
        yield Piece(place, b"", reason, id)


def _to_next(window: _Window) -> None:
    """Pass over what is no record, to the line break before the next version line or to the end."""
    while (found := window.data.find(_NEXT, window.at)) < 0:
        window.skip(max(len(window.data) - window.at - len(_NEXT), 0))
        held = len(window.data) - window.at
        if not window.fill(held + 1):
            window.skip(held)
            return
    window.skip(found - window.at)


def _headers(block: bytes) -> dict[str, str]:
    """Parse header lines, their names in lower case; the first of a name stands, folded lines are joined."""
    headers: dict[str, str] = {}
    name = ""
    for line in block.decode("utf-8", "replace").splitlines()[1:]:
        if line[:1] in (" ", "\t") and name:
            headers[name] += " " + line.strip()
            continue
        key, colon, value = line.partition(":")
        name = key.strip().lower() if colon and key.strip().lower() not in headers else ""
        if name:
            headers[name] = value.strip()
    return headers


def _type(value: str) -> str:
    return value.partition(";")[0].strip().lower()


def _wanted(headers: dict[str, str], head: bytes) -> bool:
    """Tell from a record's headers, and those of the server's answer in it, whether it holds a page or a text."""
    kind = headers.get("warc-type", "").lower()
    own = _type(headers.get("content-type", ""))
    if kind == "conversion":
        return own in ("", *_PAGES, *_TEXTS)
    if kind == "resource":
        log = headers.get("warc-target-uri", "").startswith(("metadata:", "<metadata:"))  # wget’s own log
        return own in (*_PAGES, *_TEXTS) and not log
    if kind != "response" or not own.startswith("application/http"):
        return kind == "response" and own in (*_PAGES, *_TEXTS)
    end = _BLANK.search(head)
    status = head[:16].split(b" ", 2)[1:2]
    if status and (status[0][:1] in (b"1", b"3") or status[0] == b"204"):  # moved, not modified: no page
        return False
    answer = _headers(head[: end.start()] if end else head)
    type_ = _type(answer.get("content-type", "")) or _type(headers.get("warc-identified-payload-type", ""))
    return type_ in ("", *_PAGES, *_TEXTS)


def records(span: Span, options: Options) -> Iterator[Record | Fault]:
    """Read the record that a span holds: one record or one fault."""
    data = span.payload or b""
    end = _BLANK.search(data)
    if end is None:
        return
    headers = _headers(data[: end.start()])
    own = headers.get("warc-record-id", "").strip("<>").removeprefix("urn:uuid:") or None
    id = named(span.source.id, own, span.start)
    body, type_ = data[end.end() :], headers.get("content-type", "")
    if _type(type_).startswith("application/http"):
        found = _BLANK.search(body)
        answer = _headers(body[: found.start()] if found else body)
        body = body[found.end() :] if found else b""
        if "chunked" in answer.get("transfer-encoding", "").lower():
            body = _unchunked(body)
        try:
            for coding in reversed(answer.get("content-encoding", "").lower().split(",")):
                body = _unpacked(body, coding.strip(), options.most_bytes)
        except _Packed as fault:
            yield Fault(id, span.start, "read", str(fault))
            return
        type_ = answer.get("content-type", "") or headers.get("warc-identified-payload-type", "")
    if not body.strip():
        yield Fault(id, span.start, "read", "empty: the record holds no text")
        return
    page = True if _type(type_) in _PAGES else False if _type(type_) in _TEXTS else None
    charset = _CHARSET.search(type_)
    declared = charset[1] if charset else "utf-8" if headers.get("warc-type") == "conversion" else None
    url = printable(headers.get("warc-target-uri", "").strip("<> ")) or None
    yield Record(id, body, url, declared, headers.get("warc-date") or None, page, span.start)


class _Packed(ValueError):
    """A body whose content encoding cannot be undone."""


def _unchunked(body: bytes) -> bytes:
    """Undo chunked transfer (RFC 9112, 7.1); a body that is not chunked, as some archives store it, stays."""
    parts: list[bytes] = []
    at = 0
    while size := _SIZE.match(body, at):
        length = int(size[1], 16)
        if length == 0:
            return b"".join(parts)
        at = size.end() + length
        parts.append(body[size.end() : at])
        at += 2 if body[at : at + 2] == b"\r\n" else 1 if body[at : at + 1] == b"\n" else 0
    return b"".join(parts) if parts and at >= len(body) else body


def _unpacked(body: bytes, coding: str, most: int) -> bytes:
    """Undo one content encoding; a body that an archive has stored unpacked stays. A torn end is left off."""
    try:
        if coding in ("gzip", "x-gzip") and body.startswith(b"\x1f\x8b"):
            text = zlib.decompressobj(31).decompress(body, most + 1)
        elif coding == "deflate" and body:
            text = _deflated(body, most)
        elif coding == "br" and body:
            import brotli

            text = brotli.Decompressor().process(body, output_buffer_limit=most + 1)
        else:
            return body
    except ImportError as e:
        raise _Packed("packed with brotli: pip install brotli") from e
    except Exception as e:  # brotli.error and zlib.error derive from Exception alone
        if body[:64].lstrip().startswith(b"<"):
            return body
        raise _Packed(f"its {coding} body is damaged: {e}") from e
    if len(text) > most:
        raise _Packed(too_large(f"its {coding} body holds more than {most:,} bytes"))
    return text


def _deflated(body: bytes, most: int) -> bytes:
    """Undo deflate, with or without zlib's header: servers send both."""
    try:
        return zlib.decompressobj().decompress(body, most + 1)
    except zlib.error:
        return zlib.decompressobj(-15).decompress(body, most + 1)
