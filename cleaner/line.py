"""The line of stages that settings ask for; what only a run over many documents needs is imported where it is asked."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path

from cleaner.document import Document, Patch
from cleaner.pipeline import Pipeline
from cleaner.rules import Rules
from cleaner.settings import Clean, Settings
from cleaner.stages import LINE, Stage, stage
from cleaner.stages.signals import PLAIN, SIGNALS


def editing(settings: Settings, rules: Rules, today: str, facts: Path | None = None) -> list[Stage]:
    """Make the stages that may change a text: all but ``quality``. ``facts`` is a folder of them."""
    made = [*_stages(settings.clean, rules, today)]
    if facts is not None:
        from cleaner.stages.repeated import Asked, Repeated
        from cleaner.study.facts import saved

        asked = settings.repeated
        made.insert(1, Repeated(saved(facts), Asked(asked.share_many, asked.share_few, pages=asked.least)))
    return made


def pipeline_of(
    settings: Settings, rules: Rules, today: str, seconds: dict[str, float] | None = None, facts: Path | None = None
) -> Pipeline:
    """Make the stages that settings ask for; ``seconds`` collects what each takes, ``facts`` is a folder of them."""
    from cleaner.stages.quality import Quality

    made = [*editing(settings, rules, today, facts), Quality(_signals(settings))]
    if seconds is not None:
        made = [_Timed(each, seconds) for each in made]
    return Pipeline(made, rules=rules, profile=settings.clean.profile, keep=settings.clean.keep, today=today)


@cache
def _stages(clean: Clean, rules: Rules, today: str) -> tuple[Stage, ...]:
    keep = frozenset(clean.keep)
    if clean.extract == "none":
        return tuple(stage(name, rules, clean.profile, keep, today) for name in LINE if name != "extract")
    return tuple(stage(name, rules, clean.profile, keep, today, clean.extract) for name in LINE)


def _signals(settings: Settings) -> frozenset[str]:
    """Give the quality signals to label: those of words and lines, and those that a threshold asks for."""
    asked = {
        name
        for name in SIGNALS
        for side in ("min", "max")
        if getattr(settings.drop.quality, f"{side}_{name}") is not None
    }
    return frozenset(SIGNALS if settings.clean.signals == "all" else PLAIN | asked)


class _Timed:
    """A stage and the seconds that it takes."""

    def __init__(self, inner: Stage, seconds: dict[str, float]) -> None:
        self.inner, self.name, self._seconds = inner, inner.name, seconds

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)  # what else a stage can: tell that it is settled, say

    def propose(self, document: Document) -> Patch:
        began = time.thread_time()
        try:
            return self.inner.propose(document)
        finally:
            self._seconds[self.name] = self._seconds.get(self.name, 0.0) + time.thread_time() - began
