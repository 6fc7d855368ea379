"""Decide from its labels whether a document is left out, and why."""

from __future__ import annotations

from collections.abc import Mapping

from cleaner.document import Label
from cleaner.settings import Drop
from cleaner.stages.language import UNKNOWN
from cleaner.stages.signals import SIGNALS


class DecisionError(ValueError):
    """A decision that asks for a label the document does not have."""


def decide(labels: Mapping[str, Label], drop: Drop) -> str:
    """Give the reason why a document is left out, or ``''`` for one that stays.

    The first that holds, in this order: language, unknown language, characters, quality (in the order of
    ``SIGNALS``, too little before too much), duplicate. A value that equals its threshold stays. The labels that are
    asked for are ``language``, ``chars`` (of the clean text), ``quality.*`` and ``duplicate_of``; the last is
    missing where a document is no duplicate.

    Raises ``DecisionError`` where another label that a threshold needs is missing: a decision that cannot be made
    is never passed over.

    >>> decide({"chars": 34}, Drop(min_chars=200))
    'min-chars 34 < 200'
    >>> decide({"language": "de"}, Drop(languages_kept=("fr",)))
    'language de'
    """
    if drop.languages_kept or drop.und:
        language = _needed(labels, "language", "drop.languages_kept" if drop.languages_kept else "drop.und")
        if language == UNKNOWN:
            if drop.und:
                return f"language {UNKNOWN}"
        elif drop.languages_kept and language not in drop.languages_kept:
            return f"language {language}"
    if drop.min_chars:
        chars = _number(labels, "chars", "drop.min_chars")
        if chars < drop.min_chars:
            return f"min-chars {_written(chars)} < {drop.min_chars}"
    for name in SIGNALS:
        least, most = getattr(drop.quality, f"min_{name}"), getattr(drop.quality, f"max_{name}")
        if least is None and most is None:
            continue
        value = _number(labels, f"quality.{name}", f"drop.quality.{'max' if least is None else 'min'}_{name}")
        if least is not None and value < least:
            return f"quality {name} {_written(value)} < {_written(least)}"
        if most is not None and value > most:
            return f"quality {name} {_written(value)} > {_written(most)}"
    if drop.duplicates and (twin := labels.get("duplicate_of")):
        return f"duplicate of {twin}"
    return ""


def _needed(labels: Mapping[str, Label], name: str, key: str) -> Label:
    if name not in labels:
        raise DecisionError(f"{key}: the document has no label {name!r}; it has: {', '.join(sorted(labels)) or 'none'}")
    return labels[name]


def _number(labels: Mapping[str, Label], name: str, key: str) -> int | float:
    value = _needed(labels, name, key)
    if isinstance(value, str):
        raise DecisionError(f"{key}: the label {name!r} is {value!r}, no number")
    return value


def _written(value: int | float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(value)
