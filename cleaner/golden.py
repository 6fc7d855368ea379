"""Goldens: what a careful reader keeps of each seed, and the recorded trail of rules that gets there.

``golden/<seed>.txt`` is human truth; ``golden/<seed>.edits`` is the machine's record, one edit a line in reading
order. A run that differs writes ``<name>.new`` beside the golden; only ``accept`` replaces a golden.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from cleaner.document import Document
from cleaner.write.atomic import write

Kind = Literal["new", "text", "edits", "orphan"]


class Difference(NamedTuple):
    """One golden file that a run does not give: what kind, where it is, what it holds and what it would hold.

    ``new`` has no golden yet, ``text`` keeps other text, ``edits`` keeps the same text by other rules, and
    ``orphan`` has no seed any more.
    """

    name: str
    kind: Kind
    path: Path
    expected: str
    got: str


def trail(document: Document) -> str:
    """Write the edits of a document one a line, in reading order, without offsets.

    ``rule-id<TAB>text`` where text went, ``rule-id<TAB>before -> after`` where it was changed; line breaks and
    tabs are written ``\\\\n`` and ``\\\\t``.
    """
    placed = []
    for step, patch in enumerate(document.patches):
        offsets: list[int] = [e.start for e in patch.edits]
        for earlier in reversed(document.patches[:step]):
            offsets = list(earlier.origins(offsets))
        placed += [(offset, step, n, e) for n, (offset, e) in enumerate(zip(offsets, patch.edits, strict=True))]
    shown = [
        f"{e.rule}\t{_shown(e.before)}" + (f" -> {_shown(e.after)}" if e.after else "") for *_, e in sorted(placed)
    ]
    return "".join(line + "\n" for line in shown)


def _shown(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")


def compare(seeds: Path, golden: Path, clean: Callable[[Path], Document]) -> Iterator[tuple[str, list[Difference]]]:
    """Clean every seed and yield its name with what differs from its goldens, writing each difference to ``.new``.

    A ``.new`` of an earlier run that no longer differs is removed. Goldens without a seed come last, as orphans.
    """
    names = set()
    for seed in sorted(path for path in seeds.iterdir() if path.is_file()):
        document = clean(seed)
        names.add(seed.stem)
        text = document.text + "\n"
        differences = [
            *_differs(seed.stem, golden / f"{seed.stem}.txt", text, "text"),
            *_differs(seed.stem, golden / f"{seed.stem}.edits", trail(document), "edits"),
        ]
        yield seed.stem, differences
    for path in sorted(golden.iterdir()):
        if path.suffix in (".txt", ".edits") and path.stem not in names:
            yield path.stem, [Difference(path.stem, "orphan", path, "", "")]


def _differs(name: str, path: Path, got: str, kind: Kind) -> Iterator[Difference]:
    new = path.with_name(path.name + ".new")
    expected = path.read_bytes().decode("utf-8") if path.exists() else None
    if expected == got:
        new.unlink(missing_ok=True)
        return
    write(new, got)
    yield Difference(name, "new" if expected is None else kind, path, expected or "", got)


def accept(name: str, golden: Path) -> list[Path]:
    """Make what the last run wrote the golden; give the files that changed.

    Raises ``FileNotFoundError`` when there is nothing to accept under that name.
    """
    accepted = []
    for suffix in (".txt", ".edits"):
        new = golden / f"{name}{suffix}.new"
        if new.exists():
            new.replace(golden / f"{name}{suffix}")
            accepted.append(golden / f"{name}{suffix}")
    if not accepted:
        raise FileNotFoundError(f"{golden / name}.txt.new: nothing to accept; 'cleaner golden test' writes it")
    return accepted
