"""Strip lines of a scraped text that a model takes for the site's own: soft evidence, no rule knows their words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cleaner.blocks.characters import Floats
from cleaner.blocks.trees import ModelError, Trees, read
from cleaner.document import Document, Edit, Label, Line, Patch
from cleaner.stages import Profile
from cleaner.stages.measures import LONG, Flags, Measures, measures

RULE = "line/model"
CLASS = "model"
SHIPPED = Path(__file__).parent / "lines.npz"
Places = npt.NDArray[np.intp]
LEAST = 5
"""Lines: of fewer nothing can be told."""
_ROUNDS = 32  # most documents settle in two; one of 308 took 9
# Of the text's characters. On 1,737 texts that extractors left of pages .8 finds 6 % more noise than .5 for .025 % more
# of the content's characters; to find as much by a lower threshold costs four times that.
_BUDGET = 0.8
_WORDS = 30.0  # a longer line is never scored, nor a sentence of LONG words
_PIECES = re.compile(r"[\w'’]+")
# Where code would be: calls, braces, comparisons, an indented line.
_CODE = re.compile(r"\t|[{};\\]$|\w\((?!\d+\))|[=<>]=|->|::|^(?:[-+*/#|=_]{3}|#!)")


class Model(NamedTuple):
    """Trees over the measures of a line, and from which score a line goes.

    A score is the log of how many times likelier noise is than content, less what content of its length would cost.
    """

    columns: tuple[str, ...]
    trees: Trees
    least: float


@dataclass(frozen=True)
class Lines:
    """Remove, in the strict profile, the lines that the model takes for noise; in the careful one rest.

    Pages and texts of under ``LEAST`` lines are left alone. Never goes: a headline above running text, a row of a
    table, code, a sentence of ``LONG`` words, a line of 30.

    What goes changes what the others look like: they are scored again until nothing goes, so that cleaning the result
    finds nothing. Where that takes more than 32 rounds, or more than four fifths of the text would go, nothing does;
    what would have gone is spared, with the reason in its note.

    Why not in the careful profile: on 308 texts in four languages, what it was surest of, right beside lines that
    rules had taken, was .005 of the noise, and rules alone had lost the .1 % of content that is theirs to lose.
    """

    profile: Profile = "careful"
    keep: frozenset[str] = frozenset()
    name: str = field(default="lines", init=False)

    @cached_property
    def _left(self) -> list[list[str]]:
        """The lines that the stage has left of the last document."""
        return []

    def propose(self, document: Document) -> Patch:
        """Give the edits, each with the chance that it is noise (0 to 1) as the note.

        Raises ``ModelError`` for a model that cannot be read or does not fit.
        """
        if self.profile != "strict" or document.html is not None or CLASS in self.keep:
            return Patch(self.name)
        solid = [line for line in document.lines if line.text.strip()]
        self._left[:] = [[line.text for line in solid]]
        texts = [line.text.strip() for line in solid]
        gone, reason = _settled(texts, [_verbatim(line.text) for line in solid])
        edits = tuple(_edits(document.text, solid, gone))
        if reason:
            labels: dict[str, Label] = {"suspect": "over-removal"} if reason == "budget" else {}
            return Patch(self.name, labels=labels, spared=tuple(e._replace(note=f"{reason}, {e.note}") for e in edits))
        self._left[:] = [[line.text for k, line in enumerate(solid) if k not in gone]]
        return Patch(self.name, edits)

    def settled(self, document: Document) -> bool:
        """Whether the document's lines are those that the stage has left: then it would leave them again."""
        if self.profile != "strict":
            return True
        return bool(self._left) and self._left[0] == [line for line in document.text.split("\n") if line.strip()]


def _verbatim(line: str) -> bool:
    """Tell code and the rows of tables: two bars at least, and two cells with text in them."""
    if line.startswith("  ") or _CODE.search(line.strip()):
        return True
    return line.count("|") > 1 and sum(not cell.isspace() for cell in line.split("|") if cell) > 1


def _settled(texts: Sequence[str], verbatim: Sequence[bool]) -> tuple[dict[int, float], str]:
    """Give the places of the lines that go, each with its chance of being noise, and why they may not, if so."""
    stay = np.arange(len(texts))
    structured = np.array(verbatim, np.bool_)
    gone: dict[int, float] = {}
    total, taken = sum(map(len, texts)), 0
    for _ in range(_ROUNDS):
        if len(stay) < LEAST:
            return gone, ""
        now = [texts[k] for k in stay.tolist()]
        found = measures(now)
        places = np.flatnonzero(candidates(found, now) & ~structured[stay])
        if not len(places):
            return gone, ""
        model = load(SHIPPED)
        scores, chances = scored(model, found, now, places)
        takes = scores >= model.least
        if not takes.any():
            return gone, ""
        went = stay[places[takes]].tolist()
        gone |= dict(zip(went, chances[takes].tolist(), strict=True))
        taken += sum(len(texts[k]) for k in went)
        if taken > _BUDGET * total:
            return gone, "budget"
        stay = np.delete(stay, places[takes])
    return gone, "unsettled"


def candidates(found: Measures, lines: Sequence[str]) -> Flags:
    """Tell which lines are scored: no long one, no sentence, and no headline.

    >>> lines = ["Neue Brücke", "Teilen", "Die alte steht seit 1921, und kein Lastwagen darf in Zukunft noch über sie."]
    >>> candidates(measures(lines), lines).tolist()
    [False, True, False]
    """
    running = (found.words >= LONG) & found.closed
    asked = (found.words < _WORDS) & ~running
    # A headline: words alone, at least two and none of them a number, right above running text, or first of all.
    above = np.append(running[1:] | (found.words[1:] >= _WORDS), False)
    if len(above):
        above[0] = True
    for k in np.flatnonzero(above & asked).tolist():
        asked[k] = not _headline(lines[k])
    return asked


def _headline(line: str) -> bool:
    words = _PIECES.findall(line)
    return len(words) > 1 and not any(c.isdigit() or c in _UNTITLED for c in line)


_UNTITLED = frozenset("|@©®/»›>→«…:;[]#=+*_~•·")


def scored(model: Model, found: Measures, lines: Sequence[str], places: Places) -> tuple[Floats, Floats]:
    """Give the score of the lines at these places, and the chance that they are noise (0 to 1).

    Raises ``ModelError`` where the model knows other measures.
    """
    if found.columns != model.columns:
        raise ModelError(f"the model knows {len(model.columns)} measures, not the {len(found.columns)} that are taken")
    odds = model.trees(found.rows[places])[:, 0]
    sizes = np.array([len(lines[k]) for k in places.tolist()], np.float64)
    chances = 1 / (1 + np.exp(-np.clip(odds + np.log(np.clip(sizes, 5, CUT) / UNIT), -60, 60)))
    return np.asarray(odds - np.log(np.maximum(sizes, 5)), np.float32), np.asarray(chances, np.float32)


UNIT, CUT = 60.0, 400.0
"""Characters: in training a line of content weighs its length over ``UNIT``, at most ``CUT``."""


def _edits(text: str, solid: Sequence[Line], gone: dict[int, float]) -> Iterator[Edit]:
    """Remove each line with the break behind it; blank lines are another stage's."""
    for k in sorted(gone):
        start, stop = solid[k].start, min(solid[k].stop + 1, len(text))
        yield Edit(start, stop, text[start:stop], "", RULE, f"score {gone[k]:.2f}")


@cache
def load(path: Path) -> Model:
    """Read a model file. Raises ``ModelError`` naming the file and what is missing."""
    return read(path, _made)


def _made(held: Mapping[str, npt.NDArray[Any]]) -> Model:
    trees = Trees(*(held[name] for name in Trees._fields))
    return Model(tuple(held["columns"].tolist()), trees, float(held["least"]))


def save(model: Model, path: Path) -> None:
    """Write a model file: named arrays in numpy's zip format; equal models give equal bytes."""
    held: dict[str, npt.ArrayLike] = dict(zip(Trees._fields, model.trees, strict=True))
    held |= {"columns": np.array(model.columns), "least": np.float64(model.least)}
    np.savez_compressed(path, allow_pickle=False, **held)
