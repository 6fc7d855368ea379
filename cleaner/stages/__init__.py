"""The line of stages, in order; one file a stage."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

from cleaner.document import Patch

if TYPE_CHECKING:
    from cleaner.document import Document
    from cleaner.rules import Rules

Profile = Literal["careful", "strict"]
Extractor = Literal["trafilatura", "best", "fast"]

LINE = ("encoding", "extract", "language", "chrome", "lines", "joins")


class Stage(Protocol):
    """One step: it looks at a document and proposes a patch; it changes nothing itself."""

    @property
    def name(self) -> str: ...

    def propose(self, document: Document) -> Patch: ...


def stage(
    name: str,
    rules: Rules,
    profile: Profile,
    keep: frozenset[str],
    today: str | None,
    extractor: Extractor = "best",
) -> Stage:
    """Make one stage of the line by its name; ``extractor`` is what finds a page's main text.

    Raises ``ValueError`` that names the choices.
    """
    if name not in LINE:
        raise ValueError(f"unknown stage {name!r}; known, in order: {', '.join(LINE)}")
    # Imported when made: a run over texts need not pay for the HTML libraries, nor --help for any.
    if name == "extract":
        return _Pages(extractor, today)
    if name == "lines" and profile != "strict":
        return _Resting(name)
    given = {"chrome": (rules, profile, keep), "lines": (profile, keep)}.get(name, ())
    made: Stage = getattr(import_module(f"cleaner.stages.{name}"), name.capitalize())(*given)
    return made


@dataclass(frozen=True)
class _Resting:
    """The stage of a name that this profile leaves nothing to do: its model and numpy are not loaded."""

    name: str

    def propose(self, document: Document) -> Patch:
        """Give the patch of nothing."""
        return Patch(self.name)


@dataclass(frozen=True)
class _Pages:
    """The stage that leaves what is no page alone; it is made when the first page comes."""

    extractor: Extractor
    today: str | None
    name: ClassVar[str] = "extract"

    @cached_property
    def _made(self) -> Stage:
        if self.extractor == "trafilatura":
            made: Stage = import_module("cleaner.stages.extract").Extract(self.today)
        else:
            made = import_module("cleaner.stages.blocks").Blocks(self.extractor, self.today)
        return made

    def propose(self, document: Document) -> Patch:
        """Give the patch of the stage that was asked for. Raises what it raises."""
        return Patch(self.name) if document.html is None else self._made.propose(document)
