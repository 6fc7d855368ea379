"""The loop over the stages, and ``clean`` for one text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Protocol, get_args, runtime_checkable

from cleaner import parsed, rules
from cleaner.document import Document, Patch
from cleaner.read.files import document as read_document
from cleaner.rules import CLASSES, RuleError, Rules
from cleaner.stages import LINE, Profile, Stage
from cleaner.stages import stage as made

_ROUNDS = 3
"""How often the stages may run over one document until nothing moves."""
_ONCE, _LAST = ("extract",), ("quality",)
"""The stages that run in the first round alone, and those that run after the last, on the final text."""


class StageError(RuntimeError):
    """A stage failed on a document; ``stage`` is its name, the cause is chained."""

    def __init__(self, stage: str, error: Exception) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self.stage = stage


@runtime_checkable
class Settling(Protocol):
    """A stage that can tell, for less than a patch costs, that another would change neither text nor labels."""

    def settled(self, document: Document) -> bool: ...


class Pipeline:
    """Stages in the order in which they run, and the rules, profile and kept classes they work with.

    ``stages`` are names of the built-in line (``cleaner.stages.LINE``) or objects with ``name`` and ``propose``.
    ``keep`` names classes of rules that rest. ``today`` (an ISO date) is the latest publication date that is
    believed; without it any is. The clock is never asked.

    Raises ``ValueError`` for an unknown stage or profile and ``RuleError`` for an unknown class, naming the choices.
    """

    def __init__(
        self,
        stages: Sequence[str | Stage] = LINE,
        *,
        rules: Rules | None = None,
        profile: Profile = "careful",
        keep: Iterable[str] = (),
        today: str | None = None,
    ) -> None:
        if profile not in get_args(Profile):
            raise ValueError(f"unknown profile {profile!r}; known: {', '.join(get_args(Profile))}")
        self.rules = loaded() if rules is None else rules
        self.profile, self.keep, self.today = profile, frozenset(keep), today
        for name in sorted(self.keep - CLASSES):
            raise RuleError(f"unknown class {name!r}; known: {', '.join(sorted(CLASSES))}")
        self.stages: tuple[Stage, ...] = tuple(
            made(s, self.rules, profile, self.keep, today) if isinstance(s, str) else s for s in stages
        )
        # Asked once: whether an object fits a protocol takes ten microseconds.
        self._line = tuple((stage, stage if isinstance(stage, Settling) else None) for stage in self.stages)

    def clean(self, document: Document) -> Document:
        """Give the document with the patch of every stage.

        The stages depend on each other (a line that goes can let the language be seen, a join can complete a
        phrase), so all but ``extract`` run again until none proposes an edit; ``quality`` runs on what they leave. A
        document that still moves in the third round is labelled ``unsettled``.
        """
        for nth in range(_ROUNDS):
            before = document.text
            for stage, settling in self._line:
                if stage.name not in _LAST and (nth == 0 or stage.name not in _ONCE):
                    document = _run(stage, document, settling, again=nth > 0)
            if document.text == before:
                break
        else:
            document += Patch("pipeline", labels={"unsettled": True})
        for stage in self.stages:
            if stage.name in _LAST:
                document = _run(stage, document)
        return document


def _run(stage: Stage, document: Document, settling: Settling | None = None, *, again: bool = False) -> Document:
    """Add a stage's patch; a later round's only if it changes the text or a label."""
    try:
        if again and settling is not None and settling.settled(document):
            return document
        patch = stage.propose(document)
        if again and not patch.edits:
            labels = document.labels
            if all(labels.get(name) == told for name, told in patch.labels.items()):
                return document
        return document + patch
    except Exception as error:
        raise StageError(stage.name, error) from error


@cache
def loaded(folders: tuple[Path, ...] = ()) -> Rules:
    """Load the rules that come with the package and those of folders beside them, once.

    Raises ``RuleError`` for rules of the folders that cannot be used; those of the package are tested before they ship.
    """
    if folders:
        from cleaner.matcher import Matcher  # RE2, which --help has no need of

        Matcher(rules.load(*folders)).check()
    return parsed.load(*folders)


@cache
def _pipeline(profile: Profile) -> Pipeline:
    return Pipeline(profile=profile)


def clean(text_or_html: str | bytes, *, url: str | None = None, profile: Profile = "careful") -> Document:
    """Clean one text or page; HTML is recognised, bytes are decoded.

    ``.text`` of what comes back is the clean text, ``.labels`` what is known, ``.ledger`` every change that was
    made, and ``.undo()`` takes them back. Raises ``cleaner.read.decode.Unreadable`` for bytes that hold no text.

    >>> clean("Rien n’est signé.\\n\\nFacebook\\nTwitter\\nLinkedIn").text
    'Rien n’est signé.'
    """
    return _pipeline(profile).clean(read_document(text_or_html, url=url))
