"""Goldens: what a careful reader keeps of each seed, and the recorded trail of rules that gets there.

``golden/<seed>.txt`` is human truth; ``golden/<seed>.edits`` is the machine's record, one edit a line in reading
order. A run that differs writes ``<name>.new`` beside the golden; only ``accept`` replaces a golden.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from difflib import SequenceMatcher, get_close_matches
from itertools import accumulate
from pathlib import Path
from typing import Literal, NamedTuple

from cleaner.document import Document, Edit, Patch
from cleaner.write.atomic import fold, write

Kind = Literal["new", "text", "edits", "orphan"]

_SUFFIXES = (".txt", ".edits")
_LINES = 2000
"""Lines of two texts that are compared one by one; what is longer counts as replaced as a whole."""
_WORDS = 1000  # words of one changed stretch, likewise
_ALIKE = 0.3  # the share of words that two stretches have in common; below, their words are not interleaved


class GoldenError(ValueError):
    """Seeds or goldens that cannot be told apart, or a name that none of them has."""


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
    return "".join(entry(e) + "\n" for *_, e in sorted(placed))


def entry(edit: Edit) -> str:
    """Write one edit as a trail has it, without the line break."""
    return f"{edit.rule}\t{_shown(edit.before)}" + (f" -> {_shown(edit.after)}" if edit.after else "")


def _shown(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")


def seeds_of(folder: Path) -> dict[str, Path]:
    """Give the seeds of a folder by their names, which are the file names without their extension.

    Hidden files and folders are left out. Raises ``GoldenError`` when two seeds share a name: they would share
    their goldens.
    """
    seeds: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.is_file() and not path.name.startswith("."):
            if path.stem in seeds:
                raise GoldenError(f"{path}: {seeds[path.stem].name} has the same name but for its extension")
            seeds[path.stem] = path
    return seeds


def chosen(names: Collection[str], known: Collection[str]) -> None:
    """Raise ``GoldenError``, naming what is near, for the first of the names that is not known."""
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, 3)
            raise GoldenError(f"there is no {name!r}" + (f"; near: {', '.join(near)}" if near else ""))


def compare(
    seeds: Path, golden: Path, clean: Callable[[Path], Document], names: Collection[str] = ()
) -> Iterator[tuple[str, list[Difference]]]:
    """Clean every seed and yield its name with what differs from its goldens, writing each difference to ``.new``.

    ``names`` restricts this to some. A ``.new`` of an earlier run that no longer differs is removed. Goldens
    without a seed come last, as orphans. Raises ``GoldenError`` for a name that is neither seed nor golden.
    """
    known = seeds_of(seeds)
    orphans = orphans_of(known, golden)
    chosen(names, {*known, *(orphan.name for orphan in orphans)})
    for name, seed in known.items():
        if names and name not in names:
            continue
        document = clean(seed)
        text = document.text + "\n"
        differences = [
            *_differs(name, golden / f"{name}.txt", text, "text"),
            *_differs(name, golden / f"{name}.edits", trail(document), "edits"),
        ]
        yield name, differences
    for orphan in orphans:
        if not names or orphan.name in names:
            yield orphan.name, [orphan]


def orphans_of(seeds: Collection[str], golden: Path) -> list[Difference]:
    """Give the goldens, and the ``.new`` files, whose seed is gone."""
    found = []
    for path in sorted(golden.iterdir()):
        name, suffix = Path(path.name.removesuffix(".new")).stem, Path(path.name.removesuffix(".new")).suffix
        if suffix in _SUFFIXES and name not in seeds:
            found.append(Difference(name, "orphan", path, "", ""))
    return found


def _differs(name: str, path: Path, got: str, kind: Kind) -> Iterator[Difference]:
    new = path.with_name(path.name + ".new")
    expected = _read(path)
    if expected == got:
        new.unlink(missing_ok=True)
        return
    write(new, got)
    yield Difference(name, "new" if expected is None else kind, path, expected or "", got)


def _read(path: Path) -> str | None:
    return path.read_bytes().decode("utf-8") if path.exists() else None


def pending(seeds: Path, golden: Path) -> dict[str, list[Difference]]:
    """Give what waits for a reader, by name: every ``.new`` that the last run wrote, and every orphan."""
    found: dict[str, list[Difference]] = {}
    known = seeds_of(seeds)
    for new in sorted(golden.glob("*.new")):
        path = new.with_suffix("")
        if path.suffix in _SUFFIXES and path.stem in known:
            expected = _read(path)
            kind: Kind = "new" if expected is None else "text" if path.suffix == ".txt" else "edits"
            difference = Difference(path.stem, kind, path, expected or "", _read(new) or "")
            found.setdefault(path.stem, []).append(difference)
    for differences in found.values():
        differences.reverse()  # the text before its trail
    for orphan in orphans_of(known, golden):
        found.setdefault(orphan.name, []).append(orphan)
    return found


def waiting(golden: Path) -> list[str]:
    """Give the names under which a run wrote a ``.new``."""
    return sorted({path.stem for new in golden.glob("*.new") if (path := new.with_suffix("")).suffix in _SUFFIXES})


def accept(name: str, golden: Path) -> list[Path]:
    """Make what the last run wrote the golden; give the files that changed.

    Raises ``FileNotFoundError`` when there is nothing to accept under that name.
    """
    accepted = []
    for new in _new(name, golden):
        new.replace(new.with_suffix(""))
        accepted.append(new.with_suffix(""))
    return accepted


def reject(name: str, golden: Path) -> list[Path]:
    """Remove what the last run wrote and give the files that went; the golden stays, and so does the difference.

    Raises ``FileNotFoundError`` when there is nothing to reject under that name.
    """
    rejected = _new(name, golden)
    for new in rejected:
        new.unlink()
    return rejected


def _new(name: str, golden: Path) -> list[Path]:
    found = [new for suffix in _SUFFIXES if (new := golden / f"{name}{suffix}.new").exists()]
    if not found:
        raise FileNotFoundError(f"{golden / name}.txt.new: nothing waits there; 'cleaner golden test' writes it")
    return found


def add(files: Sequence[Path], seeds: Path, golden: Path, clean: Callable[[Path], Document]) -> list[Path]:
    """Copy files into the folder of seeds, byte for byte, and write what they become beside their goldens-to-be.

    Only ``.new`` files are written: a reader accepts them. Gives the seeds. All or none: before anything is
    written every file has been read and cleaned. Both folders are made if they are not there.

    Raises ``GoldenError`` when a file's name, without its extension and whatever its case, is a seed's or a
    golden's, or another file's of the same call.
    """
    taken = {fold(name): path for name, path in (seeds_of(seeds) if seeds.is_dir() else {}).items()}
    for path in golden.iterdir() if golden.is_dir() else ():
        taken.setdefault(fold(Path(path.name.removesuffix(".new")).stem), path)
    cleaned = []
    for file in files:
        if file.name.startswith(".") or not file.is_file():
            raise GoldenError(f"{file}: a seed is a plain file, not hidden")
        clash = taken.setdefault(fold(file.stem), file)
        if clash is not file:
            raise GoldenError(f"{file}: {clash} has its name already; give the copy another")
        cleaned.append((file.stem, seeds / file.name, file.read_bytes(), clean(file)))
    for folder in (seeds, golden):
        folder.mkdir(parents=True, exist_ok=True)
    for name, seed, data, document in cleaned:
        write(seed, data)
        write(golden / f"{name}.txt.new", document.text + "\n")
        write(golden / f"{name}.edits.new", trail(document))
    return [seed for _, seed, *_ in cleaned]


# Word differences.


def changed(expected: str, got: str) -> Document:
    """Give the expected text with one patch that makes it the other, word by word, for people to read.

    Lines are compared first, then the words of lines that differ.

    >>> changed("The bridge is open.\\nShare\\n", "The bridge is shut.\\n").ledger[0][:4]
    (14, 25, 'open.\\nShare', 'shut.')
    """
    edits = _changes(expected.splitlines(keepends=True), got.splitlines(keepends=True), _LINES, 0, _by_words)
    return Document("golden", expected) + Patch("golden", tuple(edits))


def _by_words(old: str, new: str, start: int) -> Iterator[Edit]:
    a, b = re.findall(r"\s+|\S+", old), re.findall(r"\s+|\S+", new)
    if max(len(a), len(b)) <= _WORDS and SequenceMatcher(None, old.split(), new.split()).ratio() < _ALIKE:
        yield Edit(start, start + len(old), old, new, "golden")
    else:
        yield from _changes(a, b, _WORDS, start, _whole)


def _whole(old: str, new: str, start: int) -> Iterator[Edit]:
    yield Edit(start, start + len(old), old, new, "golden")


def _changes(
    a: Sequence[str], b: Sequence[str], most: int, start: int, inside: Callable[[str, str, int], Iterator[Edit]]
) -> Iterator[Edit]:
    """Yield the edits from a to b, each stretch that is replaced by what ``inside`` makes of it."""
    short = min(len(a), len(b))
    head = next((i for i in range(short) if a[i] != b[i]), short)
    tail = next((i for i in range(short - head) if a[-1 - i] != b[-1 - i]), short - head)
    starts = list(accumulate(map(len, a), initial=start))
    mid_a, mid_b = a[head : len(a) - tail], b[head : len(b) - tail]
    if max(len(mid_a), len(mid_b)) > most:  # difflib takes quadratic time
        hunks = [("replace", 0, len(mid_a), 0, len(mid_b))]
    else:
        hunks = list(SequenceMatcher(None, mid_a, mid_b).get_opcodes())
    for kind, i, j, k, m in hunks:
        if kind != "equal":
            old, new, at = "".join(mid_a[i:j]), "".join(mid_b[k:m]), starts[head + i]
            yield from inside(old, new, at) if old and new else _whole(old, new, at)
