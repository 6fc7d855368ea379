"""One run: every source read, cleaned and written; what fails is told with its reason and does not stop the rest."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from cleaner import __version__
from cleaner.document import Document
from cleaner.pipeline import Pipeline, StageError
from cleaner.read.decode import Unreadable
from cleaner.read.files import read, walk
from cleaner.write.output import Output


@dataclass
class Counts:
    """What a run has done so far; characters, and for each rule its edits and the characters they took."""

    total: int = 0
    documents: int = 0
    errors: int = 0
    raw: int = 0
    clean: int = 0
    edits: Counter[str] = field(default_factory=Counter)
    taken: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def done(self) -> int:
        return self.documents + self.errors

    def add(self, document: Document) -> None:
        self.documents += 1
        self.raw += len(document.raw)
        self.clean += len(document.text)
        for edit in document.ledger:
            self.edits[edit.rule] += 1
            self.taken[edit.rule] += len(edit.before)


def run(
    inputs: Sequence[Path],
    out: Path,
    pipeline: Pipeline,
    *,
    exclude: Sequence[str] = (),
    tell: Callable[[int, int, float], None] | None = None,
) -> Counts:
    """Clean every file under the inputs into the folder ``out``; ``tell`` is given, after each document, how many are
    done, of how many, and the characters read.

    Raises ``FileNotFoundError`` for an input that is not there and ``OutputError`` for an output that cannot be.
    """
    sources = list(walk(inputs, exclude))
    counts = Counts(total=len(sources))
    begun = time.monotonic()
    with Output(out, inputs=inputs, ids=[source.id for source in sources]) as output:
        for source in sources:
            try:
                document = pipeline.clean(read(source))
            except Unreadable as error:
                counts.errors += 1
                output.error(source.id, "read", str(error))
            except StageError as error:
                counts.errors += 1
                output.error(source.id, error.stage, str(error))
            else:
                counts.add(document)
                output.add(document, pipeline.rules.classes)
            if tell:
                tell(counts.done, counts.total, counts.raw)
        counts.seconds = time.monotonic() - begun
        output.finish(
            {
                "version": __version__,
                "rules": pipeline.rules.digest(),
                "config": config(pipeline),
                "inputs": [str(path) for path in inputs],
                "exclude": list(exclude),
                "seconds": round(counts.seconds, 3),
            }
        )
    return counts


def config(pipeline: Pipeline) -> dict[str, object]:
    """Give what a pipeline was told, as run.json keeps it: with the rules it decides what comes out."""
    told: dict[str, object] = {
        "stages": [stage.name for stage in pipeline.stages],
        "profile": pipeline.profile,
        "keep": sorted(pipeline.keep),
        "today": pipeline.today,
    }
    return {**told, "digest": sha256(repr(sorted(told.items())).encode()).hexdigest()}
