"""What is wrong with rules beyond what their examples prove: rules in vain, phrases told twice, large patterns."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from typing import NamedTuple

from cleaner.document import Document, Edit
from cleaner.fold import fold, plain
from cleaner.marks import MarksError, parse
from cleaner.matcher import size
from cleaner.pipeline import Pipeline
from cleaner.proof import page_of, text_of, visible, wider
from cleaner.rules import Rule, Rules, Scope
from cleaner.stages.chrome import Chrome

_LARGE = 20_000
"""RE2 instructions in one pattern; of 772 patterns in use 61 have more, the median has 300."""

_COUNTED = 5_000
r"""RE2 instructions in one counted class. ``\pL`` is 1,200 of them and is written out for every count: ``\pL{2,40}``
makes 47,882, ``\pL+`` 1,201. ``.{0,60}`` makes 544 and is let be."""

_TOLD = 5  # phrases named in one finding

_TOKEN = re.compile(
    r"\\Q.*?(?:\\E|\Z)|(?P<cls>\\[pP](?:\{\^?\w+\}|\w)|\\[dDwWsS]|\[\^?\]?(?:\\[pP]\{\^?\w+\}|\\.|\[:\^?\w+:\]|[^\]\\])*\]|\.)"
    r"|\\.|(?P<open>\()|(?P<close>\))|.",
    re.DOTALL,
)
_NO_LITERAL = re.compile(r"\\[pP](?:\{\^?\w+\}|\w)|\\[a-zA-Z]|\(\?[a-z]+[:)]|\(\?:")
_RUN = re.compile(r"[^\W\d_]+")
_DENSE = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u9fff\uac00-\ud7ff]")
_COUNT = re.compile(r"\{(\d+)(?:,(\d*))?\}")


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
        self._by_id = {rule.id: rule for rule in rules.all}
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
            finders = sorted({other.id for others in by.values() for other in others})
            yield "unreachable", f"every phrase of it is found by {_listed(finders)}"
            return
        if rule.find == "line":
            yield from self._twice(rule, by, needed)
        takers = self._takers(rule)
        if takers and not rule.words:
            yield "unreachable", f"all that its examples mark is taken by {_listed(takers)}; show what only it takes"
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
        for k in self._chrome.matcher.lookup(self._active(rule.scope)).match(plain(word)):
            other = self.rules.all[k >> 1]
            if k & 1 or k >> 1 == n or not (wider(other.scope, rule.scope) and _asks_no_more(other, rule)):
                continue
            mutual = (
                fold(word) in self._folded[k >> 1] and wider(rule.scope, other.scope) and _asks_no_more(rule, other)
            )
            if not mutual or _rank(other) < _rank(rule):
                found.append(other)
        return found

    def _as_context(self, rule: Rule, others: Iterable[Rule]) -> bool:
        """Whether a line needs the rule all the same, for its class: another rule wants one of that class beside."""
        return rule.cls in self._asked and all(other.cls != rule.cls for other in others)

    def _takers(self, rule: Rule) -> list[str]:
        """Give the rules of equal or wider scope, of high confidence, that take all that its examples mark."""
        takers: set[str] = set()
        pages = [(page_of(text, rule), visible(edits, text)) for text, edits in map(_marked, rule.removes)]
        for page, marked in pages:
            patch = self._chrome.propose(page)
            edits = [e for e in (*patch.edits, *patch.spared) if e.note in ("", "overlap") and self._may(e.rule, rule)]
            if not marked or marked - visible(edits, page.text):
                return []
            takers |= {e.rule for e in edits}
        others = Rules(self._by_id[id] for id in takers)
        alone = Chrome(others)
        if self._as_context(rule, others.all):
            return []
        if any(marked - visible(alone.propose(page).edits, page.text) for page, marked in pages):
            return []  # they wait for what the rule itself takes
        return sorted(takers)

    def _may(self, id: str, rule: Rule) -> bool:
        other = self._by_id[id]
        twin = bool(other.words) and set(other.words) <= set(rule.words) and _asks_no_more(rule, other)
        if twin and _rank(rule) < _rank(other):
            return False  # the other of two twins is told to be in vain
        return other is not rule and not other.low and wider(other.scope, rule.scope)

    def _active_of(self, scope: Scope) -> frozenset[int]:
        language = {"lang": scope.name, "site": "und"}.get(scope.kind, "en")
        return self.rules.scoped(language, scope.name if scope.kind == "cms" else "")

    # Ids.

    def _ids(self, rule: Rule) -> Iterator[tuple[str, str]]:
        for id in rule.was:
            if id in self._by_id:
                yield "was", f"{id} is the id of a rule in {self._by_id[id].path}"
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


# Patterns.


def _patterns(rule: Rule) -> Iterator[tuple[str, str]]:
    """Yield what makes a pattern large: RE2 takes linear time for any, but memory and compiling go with its size."""
    for key, pattern in (("match", rule.match), ("beside.match", rule.beside.match if rule.beside else "")):
        parts = list(_counted(pattern))
        counted = {part.text: part.copies * size(part.once) for part in parts if part.cls}
        if large := sorted(text for text, instructions in counted.items() if instructions > _COUNTED):
            named = _listed(f"{text} (about {counted[text]:,} instructions)" for text in large)
            yield "counted", f"RE2 writes out in {key!r} {named}; write '+' and bound the line with 'longest'"
        elif pattern and (total := size(pattern)) > _LARGE:
            groups = {part.text: part.copies * size(part.once) for part in parts if not part.cls}
            named = _listed(sorted(groups, key=lambda text: (-groups[text], text))[:2])
            yield (
                "large",
                f"{total:,} RE2 instructions in {key!r}, {_LARGE:,} at most"
                + (f"; most of it is {named}" if named else ""),
            )


class _Counted(NamedTuple):
    text: str
    once: str
    copies: int
    cls: bool


def _counted(pattern: str) -> Iterator[_Counted]:
    """Yield the counted classes and groups of a pattern, and how many copies RE2 makes of each."""
    opened: list[int] = []
    caseless = "(?i)" if "(?i" in pattern else ""
    at = 0
    while token := _TOKEN.match(pattern, at):
        start = at
        if token["open"]:
            opened.append(start)
        elif token["close"]:
            start = opened.pop() if opened else start
        at = token.end()
        count = _COUNT.match(pattern, at)
        if count and (token["cls"] or token["close"]):
            once, copies = caseless + pattern[start:at], max(int(n or 0) for n in count.groups())
            yield _Counted(pattern[start : count.end()], once, copies, bool(token["cls"]))
        at = count.end() if count else at


# Words and examples.


def _words(rule: Rule) -> Iterator[tuple[str, str]]:
    for key, words in (("words", rule.words), ("beside.words", rule.beside.words if rule.beside else ())):
        order = sorted(words)
        if list(words) != order:
            yield "unsorted", f"{next(b for a, b in zip(words, order, strict=True) if a != b)!r} comes earlier in {key}"
        known: dict[str, str] = {}
        for word in words:
            if fold(word) in known:
                yield "duplicate", f"{word!r} is {known[fold(word)]!r} in {key} as they are compared"
            known.setdefault(fold(word), word)


def _keeps(rule: Rule) -> Iterator[tuple[str, str]]:
    """Yield look-alikes that have nothing of what the rule finds, and so would stay whatever it did."""
    if not (rule.words or rule.match):
        return  # a shape is like another in form, not in words
    literal = _letters(_NO_LITERAL.sub(" ", rule.match))
    marked = "\n".join(e.before for _, edits in map(_marked, rule.removes) for e in edits)
    looks = literal | _looks("\n".join((*rule.words, marked)))
    for example in rule.keeps:
        text, _ = _marked(example)
        if text and looks.isdisjoint(_looks(text)):
            yield "unlike", f"the look-alike {text!r} has nothing of what the rule finds"


def _marked(example: str) -> tuple[str, tuple[Edit, ...]]:
    """Read an example; nothing of one whose marks do not pair up, which its proof tells."""
    try:
        return parse(text_of(example))
    except MarksError:
        return "", ()


def _letters(text: str) -> set[str]:
    """Give what the words of a text are alike by: three letters in a row, one in scripts that set no blanks."""
    found: set[str] = set()
    for word in _RUN.findall(text.casefold()):
        least = 1 if _DENSE.search(word) else 3
        found |= {word[i : i + least] for i in range(max(1, len(word) - least + 1))}
    return found


def _looks(text: str) -> set[str]:
    """Give what a text is alike by: its words' letters, that it has a number, its signs."""
    signs = {c for c in text if not c.isalnum() and not c.isspace() and c not in ".,;:!?'’\"“”()-"}
    return _letters(text) | signs | ({"0"} if any(map(str.isdigit, text)) else set())


def _listed(things: Iterable[str], last: str = "and") -> str:
    """Name things in a row, at most five: ``a, b and c``, ``a, b and 7 more``."""
    every = list(things)
    named = every if len(every) <= _TOLD else [*every[: _TOLD - 1], f"{len(every) - _TOLD + 1} more"]
    return f" {last} ".join(filter(None, (", ".join(named[:-1]), *named[-1:])))
