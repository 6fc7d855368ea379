"""The line of stages, in order; one file a stage."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from cleaner.document import Document, Patch
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
    given = {"extract": (today,), "chrome": (rules, profile, keep), "lines": (profile, keep)}.get(name, ())
    if name == "extract" and extractor != "trafilatura":
        asked: Stage = import_module("cleaner.stages.blocks").Blocks(extractor, today)
        return asked
    made: Stage = getattr(import_module(f"cleaner.stages.{name}"), name.capitalize())(*given)
    return made
