"""What is wrong with rules beyond what their examples prove: rules in vain, phrases told twice, patterns that explode."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cache
from typing import NamedTuple

from cleaner.document import Document
from cleaner.fold import fold, plain
from cleaner.marks import parse
from cleaner.matcher import size
from cleaner.pipeline import Pipeline
from cleaner.proof import page_of, text_of, visible, wider
from cleaner.rules import Rule, RuleError, Rules, Scope
from cleaner.stages.chrome import Chrome

_LARGE = 20_000
"""RE2 instructions in one pattern; of 772 patterns in use 61 have more, the median has 300."""

_COUNTED = 2_000
r"""RE2 instructions in one counted class. ``\pL`` is 1,198 of them and is written out for every count: ``\pL{2,40}``
makes 47,882, ``\pL+`` 1,200. ``.{0,60}`` makes 544 and is let be."""

_TOLD = 5  # phrases named in one finding

_TOKEN = re.compile(
    r"(?P<cls>\\[pP](?:\{\^?\w+\}|\w)|\\[dDwWsS]|\[\^?\]?(?:\\[pP]\{\^?\w+\}|\\.|\[:\^?\w+:\]|[^\]\\])*\]|\.)"
    r"|\\.|(?P<open>\()|(?P<close>\))|.",
    re.DOTALL,
)
_COUNT = re.compile(r"\{\d+(?:,\d*)?\}")


class Finding(NamedTuple):
    """One thing to mend in a rule: where it stands, what it is, and the particulars."""

    rule: str
    path: str
    what: str
    detail: str

    def __str__(self) -> str:
        return f"{self.path}: [{self.rule.split('/')[1]}] {self.what}: {self.detail}"


class Lint:
    """A set of rules to be looked through; what its rules share is compiled once.

    ``met`` holds the ids of the rules that found something in a corpus; without it no ``low`` rule is ``unseen``.
    """

    def __init__(self, rules: Rules, met: Collection[str] | None = None) -> None:
        self.rules = rules
        self._met = met
        self._chrome = Chrome(rules)
        self._asked = {cls for rule in rules.all if rule.beside for cls in rule.beside.classes}
        self._folded = [{fold(word) for word in rule.words} for rule in rules.all]
        self._active = cache(self._active_of)

    def check(self, *ids: str) -> Iterator[Finding]:
        """Yield every finding, or those of the rules whose ids are given, against the whole set."""
        for n, rule in enumerate(self.rules.all):
            if not ids or rule.id in ids:
                found = (*self._covered(n, rule), *_patterns(rule), *_words(rule), *_keeps(rule), *self._ids(rule))
                for what, detail in found:
                    yield Finding(rule.id, rule.path, what, detail)

    # Rules in vain.

    def _covered(self, n: int, rule: Rule) -> Iterator[tuple[str, str]]:
        """Yield what other rules find already: single phrases, or all that the rule has to show."""
        by = {word: others for word in rule.words if (others := self._finders(n, rule, word))}
        needed = {word for word, others in by.items() if self._as_context(rule, others)}
        if rule.words and len(by) == len(rule.words) and not needed and not rule.shape:
            others = {other.id for found in by.values() for other in found}
            yield "unreachable", f"each of its {_counted(len(by), 'phrase')} is found by {_listed(sorted(others))}"
            return
        if rule.find == "line":
            yield from self._twice(rule, by, needed)
        takers = self._takers(rule)
        if takers and not rule.words:
            yield "unreachable", f"all that its examples mark is taken by {_listed(takers)}"
        elif takers:
            own = [repr(word) for word in rule.words if word not in by]
            yield "unshown", f"all that its examples mark is taken by {_listed(takers)}; show {_listed(own, 'or')}"

    def _twice(self, rule: Rule, by: dict[str, list[Rule]], needed: Collection[str]) -> Iterator[tuple[str, str]]:
        told: dict[tuple[str, str], list[str]] = {}
        for word, others in by.items():
            same = [o for o in others if o.path == rule.path and fold(word) in map(fold, o.words)]
            if same:
                told.setdefault(("twice", same[0].id), []).append(word)
            elif word not in needed:
                told.setdefault(("covered", others[0].id), []).append(word)
        for (what, other), words in told.items():
            cls = self.rules.classes[other]
            where = f"{other} has it too" if what == "twice" else f"{other} finds it"
            yield what, f"{_listed(map(repr, words))}: {where}" + (f", as {cls}" if cls != rule.cls else "")

    def _finders(self, n: int, rule: Rule, word: str) -> list[Rule]:
        """Give the rules that find a line of this phrase wherever rule n does; of two equal ones the first stays."""
        if rule.find not in ("line", "cluster"):
            return []
        found = []
        numbers = {k for group in self._chrome.matcher.groups(self._active(rule.scope)) for k in group.match(plain(word))}
        for k in sorted(numbers):
            other = self.rules.all[k >> 1]
            if k & 1 or k >> 1 == n or not (wider(other.scope, rule.scope) and _asks_no_more(other, rule)):
                continue
            mutual = fold(word) in self._folded[k >> 1] and wider(rule.scope, other.scope) and _asks_no_more(rule, other)
            if not mutual or _rank(other) < _rank(rule):
                found.append(other)
        return found

    def _as_context(self, rule: Rule, others: Iterable[Rule]) -> bool:
        """Whether a line needs the rule all the same, for its class: another rule wants one of that class beside."""
        return rule.cls in self._asked and all(other.cls != rule.cls for other in others)

    def _takers(self, rule: Rule) -> list[str]:
        """Give the rules of equal or wider scope, of high confidence, that take all that its examples mark."""
        takers: set[str] = set()
        pages = [(page_of(text, rule), visible(edits, text)) for text, edits in map(_parsed, rule.removes)]
        for page, marked in pages:
            patch = self._chrome.propose(page)
            edits = [e for e in (*patch.edits, *patch.spared) if e.note in ("", "overlap") and self._may(e.rule, rule)]
            if not marked or marked - visible(edits, page.text):
                return []
            takers |= {e.rule for e in edits}
        others = Rules(other for other in self.rules.all if other.id in takers)
        alone = Chrome(others)
        if self._as_context(rule, others.all):
            return []
        if any(marked - visible(alone.propose(page).edits, page.text) for page, marked in pages):
            return []  # they wait for what the rule itself takes
        return sorted(takers)

    def _may(self, id: str, rule: Rule) -> bool:
        other = self.rules[id]
        return id != rule.id and not other.low and wider(other.scope, rule.scope)

    def _active_of(self, scope: Scope) -> frozenset[int]:
        language = {"lang": scope.name, "site": "und"}.get(scope.kind, "en")
        return self.rules.scoped(language, scope.name if scope.kind == "cms" else "")

    # Ids.

    def _ids(self, rule: Rule) -> Iterator[tuple[str, str]]:
        for id in rule.was:
            if id in self.rules.classes:
                yield "was", f"{id} is the id of a rule in {self.rules[id].path}"
        if not rule.source.strip():
            yield "source", "it is empty: say where the thing was seen"
        if self._met is not None and rule.low and rule.id not in self._met:
            yield "unseen", "nothing in the corpus is what it finds, and its confidence is low"


def met(pipeline: Pipeline, documents: Iterable[Document]) -> set[str]:
    """Give the ids of the rules that find something in documents, what is spared included.

    Raises ``StageError`` when a stage fails on one of them.
    """
    found: set[str] = set()
    for document in documents:
        for patch in pipeline.clean(document).patches:
            found |= {e.rule for e in (*patch.edits, *patch.spared)}
    return found


def _asks_no_more(other: Rule, rule: Rule) -> bool:
    """Whether the other's conditions hold for a line wherever the rule's do."""
    return (
        other.find == "line"
        and other.shape in ("", rule.shape)
        and (rule.low or not other.low)
        and other.beside in (None, rule.beside)
        and (not other.edge or (other.edge == rule.edge and other.within >= rule.within))
    )


def _rank(rule: Rule) -> tuple[bool, str]:
    return rule.scope.kind != "any", rule.id


def _parsed(example: str) -> tuple[str, tuple[object, ...]]:
    return parse(text_of(example))


# Patterns.


def _patterns(rule: Rule) -> Iterator[tuple[str, str]]:
    """Yield what makes a pattern large: RE2 takes linear time for any, but memory and compiling go with its size."""
    for key, pattern in (("match", rule.match), ("beside.match", rule.beside.match if rule.beside else "")):
        total = size(pattern) if pattern else 0
        if total <= _COUNTED:
            continue
        parts = sorted(_sizes(pattern), key=lambda part: (-part.size, part.text))
        counted = [part for part in parts if part.cls and part.size > _COUNTED]
        cure = "write '+' and bound the line with 'longest'"
        if counted:
            named = _listed(f"{part.text} ({part.size:,})" for part in counted)
            yield "counted", f"RE2 writes each count out, {total:,} instructions in {key!r}: {named}; {cure}"
        elif total > _LARGE:
            named = _listed(f"{part.text} ({part.size:,})" for part in parts[:2])
            yield "large", f"{total:,} RE2 instructions in {key!r}, {_LARGE:,} are enough" + (
                f"; most of it: {named}" if named else ""
            )


class _Part(NamedTuple):
    text: str
    cls: bool
    size: int


def _sizes(pattern: str) -> Iterator[_Part]:
    """Yield the counted classes and groups of a pattern, with the RE2 instructions that each makes."""
    opened: list[int] = []
    caseless = "(?i)" if "(?i" in pattern else ""
    at = 0
    while token := _TOKEN.match(pattern, at):
        start = at
        if token["open"]:
            opened.append(start)
        elif token["close"]:
            start = opened.pop()
        at = token.end()
        count = _COUNT.match(pattern, at)
        if count:
            at = count.end()
        if count and (token["cls"] or token["close"]):
            try:
                yield _Part(pattern[start:at], bool(token["cls"]), size(caseless + pattern[start:at]))
            except RuleError:
                continue  # part of a \Q…\E: what looks like a group is none


# Words and examples.


def _words(rule: Rule) -> Iterator[tuple[str, str]]:
    for key, words in (("words", rule.words), ("beside.words", rule.beside.words if rule.beside else ())):
        order = sorted(words)
        if list(words) != order:
            yield "unsorted", f"{next(b for a, b in zip(words, order, strict=True) if a != b)!r} comes earlier in {key}"
        known: dict[str, str] = {}
        for word in words:
            if not fold(word):
                yield "empty", f"nothing is left of {word!r} in {key} as it is compared"
            elif fold(word) in known:
                yield "duplicate", f"{word!r} is {known[fold(word)]!r} in {key} as they are compared"
            known.setdefault(fold(word), word)


def _keeps(rule: Rule) -> Iterator[tuple[str, str]]:
    """Yield look-alikes that have nothing of what the rule finds, and so would stay whatever it did."""
    if not (rule.words or rule.match):
        return  # a shape is like another in form, not in words
    literal = re.sub(r"\\[pP](?:\{\^?\w+\}|\w)|\\[a-zA-Z]|\(\?[a-z]+[:)]", " ", rule.match)
    marked = (e.before for text, edits in map(_marked, rule.removes) for e in edits)
    looks = _looks("\n".join((*rule.words, literal, *marked)))
    for example in rule.keeps:
        text, _ = _marked(example)
        if looks.isdisjoint(_looks(text)):
            yield "unlike", f"the look-alike {text!r} has nothing of what the rule finds"
