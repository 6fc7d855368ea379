"""Lines of any length in bounded memory: JSONL is cut and read by these."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from cleaner.read.streams import Torn


class Line(NamedTuple):
    """One line without its line break, and the offset it begins at; None for one that is too long."""

    place: int
    data: bytes | None


class Cut(NamedTuple):
    """Whole lines from an offset on; or, with a reason, what cannot be read there."""

    place: int
    data: bytes
    reason: str = ""


def lines(pieces: Iterable[bytes], place: int, most: int, stop: int | None = None) -> Iterator[Line]:
    """Yield the lines that begin at ``place`` or later and before ``stop``, in memory for one line of ``most`` bytes.

    >>> [tuple(line) for line in lines([b"ab\\nc", b"d\\n\\nlong line\\n"], 0, 4)]
    [(0, b'ab'), (3, b'cd'), (6, b''), (7, None)]
    """
    parts: list[bytes] = []
    held = 0
    for piece in pieces:
        at = 0
        while (end := piece.find(b"\n", at)) >= 0:
            held += end - at
            if held <= most:
                yield Line(place, b"".join((*parts, piece[at:end])) if parts else piece[at:end])
            else:
                yield Line(place, None)
            place += held + 1
            parts, held, at = [], 0, end + 1
            if stop is not None and place >= stop:
                return
        held += len(piece) - at
        if held <= most:
            parts.append(piece[at:])
        else:
            parts = []
            if stop is not None and place + held >= stop:
                break  # the line fills the span: nothing else begins in it
    if held:
        yield Line(place, b"".join(parts) if held <= most else None)


def cuts(pieces: Iterable[bytes], size: int, most: int) -> Iterator[Cut]:
    """Cut a stream behind the first line that reaches ``size`` bytes, over and over, wherever its pieces end.

    Memory is bounded by ``size`` + ``most``: a line of more than ``most`` bytes is a ``Cut`` with a reason, and so is
    the place where the stream tears. Lines before either are given.
    """
    held, place, skips = b"", 0, False
    parts: list[bytes] = []
    waiting = 0

    def ready() -> Iterator[Cut]:
        nonlocal held, place, skips
        at = 0
        while len(held) - at >= size:
            edge = at + size - 1
            end = held.find(b"\n", edge)
            begun = held.rfind(b"\n", at, edge) + 1 or at
            if end < 0 and len(held) - begun <= most:
                break
            if 0 <= end <= begun + most:
                yield Cut(place, held[at : end + 1])
            else:
                if begun > at:
                    yield Cut(place, held[at:begun])
                yield Cut(place + begun - at, b"", too_long(most))
                skips = end < 0
            gone = len(held) if skips else end + 1
            at, place = gone, place + gone - at
        held = held[at:]

    reason = ""
    try:
        for piece in pieces:
            if skips:
                end = piece.find(b"\n") + 1
                place += end or len(piece)
                if not end:
                    continue
                skips, piece = False, piece[end:]
            parts.append(piece)
            waiting += len(piece)
            # Joined when there is enough for a cut, or as much again as was looked through in vain: linear.
            if len(held) + waiting >= size and waiting >= len(held) // 2:
                held = b"".join((held, *parts))
                parts, waiting = [], 0
                yield from ready()
    except Torn as torn:
        reason = str(torn)
    held = b"".join((held, *parts))
    yield from ready()
    if held:
        yield Cut(place, held)
        place += len(held)
    if reason:
        yield Cut(place, b"", reason)


def too_long(most: int) -> str:
    """Say why a line was not read."""
    return f"too long: this line holds more than {most:,} bytes"
