"""Which chunks of a run make which shard, and which of its ids came before."""

from __future__ import annotations

from pathlib import Path

from cleaner.read.record import Chunk, Span
from cleaner.work import PARAGRAPHS, SIGNABLE, SIGNATURES
from cleaner.write.fragment import Marker, table_path
from cleaner.write.seen import Seen
from cleaner.write.shards import Merged, Shard, merged


class Sharding:
    """Which chunks make which shard: in order, each shard closed by the chunk that fills it. Never depends on time."""

    def __init__(self, out: Path, work: Path, size: int) -> None:
        self._work, self._size = work, size
        self.done = merged(out, work)
        self._given = self._whole = len(self.done)
        self._apart: dict[int, Shard] = {}  # done, while one before them is not
        self._first = self._at = self.done[-1].shard.last + 1 if self.done else 0
        self._filled = 0
        self._waiting: dict[int, tuple[int, bytes]] = {}  # chunk done and in no shard yet -> its size and ids
        self._seen = Seen()
        self._again: dict[int, dict[int, int]] = {}
        self.held = False  # until it is known which documents are copies
        for each in self.done:
            self._discard(each.shard)

    def cleaned(self, made: Marker) -> None:
        """Say that a chunk is done."""
        if made.number >= self._first:
            self._waiting[made.number] = made.size, made.ids
        else:
            self._seen.add(made.ids)

    def next(self, chunks: int | None) -> Shard | None:
        """Give the next shard whose chunks are done; ``chunks`` is how many there are in all, once known."""
        if self.held:
            return None
        while (made := self._waiting.pop(self._at, None)) is not None:
            size, ids = made
            if again := self._seen.add(ids):
                self._again[self._at] = again
            self._at += 1
            self._filled += size
            if self._filled >= self._size:
                return self._shard()
        return self._shard() if self._at == chunks and self._at > self._first else None

    def _shard(self) -> Shard:
        made = Shard(self._given, self._first, self._at - 1, self._again)
        self._given, self._first, self._filled, self._again = self._given + 1, self._at, 0, {}
        return made

    def merged(self, made: Merged) -> None:
        """Say that a shard is done: its fragments go, once those of every shard before it have gone."""
        self.done.append(made)
        self._apart[made.shard.number] = made.shard
        while (shard := self._apart.pop(self._whole, None)) is not None:
            self._whole += 1
            self._discard(shard)

    def is_done(self, chunks: int) -> bool:
        """Whether every one of so many chunks is in a shard that is done."""
        return self._first == chunks and len(self.done) == self._given

    def waits(self, chunks: int) -> bool:
        """Whether all chunks are done and no shard may be made yet."""
        return self.held and self._at + len(self._waiting) == chunks

    def _discard(self, shard: Shard) -> None:
        for number in range(shard.first, shard.last + 1):
            for table in ("documents", "ledger", SIGNABLE, SIGNATURES, PARAGRAPHS):
                table_path(self._work, number, table).unlink(missing_ok=True)


def bytes_of(chunk: Chunk) -> int:
    """Give the bytes of the inputs that a chunk is; of a compressed stream what they are without compression."""
    return sum(map(_size, chunk.spans))


def _size(span: Span) -> int:
    if span.rows:
        return max(span.source.size, 0) * (span.stop - span.start) // span.rows
    return max(span.source.size, 0) if span.stop < 0 else span.stop - span.start
