"""Rules prove themselves: every rule's own examples, run against it and against all rules of equal or wider scope."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator, Sequence
from textwrap import dedent
from typing import NamedTuple

from cleaner.document import Document, Edit
from cleaner.fold import fold
from cleaner.marks import MarksError, parse, render
from cleaner.rules import Rule, Rules, Scope
from cleaner.stages import Profile
from cleaner.stages.chrome import Chrome

_HOSTILE = 20_000
"""Characters of the hostile text that each rule is tried on."""
_SECONDS = 0.2
"""How long a rule may take over it: 0.1 MB/s, where a linear rule needs a hundredth."""


class Fault(NamedTuple):
    """What a rule's own examples show to be wrong: ``Missing``, ``Noisy``, ``Wrong``, or a broken law."""

    rule: str
    path: str
    word: str
    detail: str

    def __str__(self) -> str:
        return f"{self.path}: [{self.rule.split('/')[1]}] {self.word}: {self.detail}"


class Proof:
    """A set of rules on trial. What rules of one scope share, their companions compiled, is made once."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._stages: dict[tuple[Scope, str], Chrome] = {}

    def check(self, *ids: str) -> Iterator[Fault]:
        """Yield every fault of the rules, or of those whose ids are given, against the whole set."""
        for rule in self.rules.all:
            if not ids or rule.id in ids:
                for word, detail in self._faults(rule):
                    yield Fault(rule.id, rule.path, word, detail)

    def _faults(self, rule: Rule) -> Iterator[tuple[str, str]]:
        stage = self._stage(rule.scope, "strict" if rule.low else "careful")
        faults = [*_form(rule), *_removes(rule, stage)]
        alone = Chrome(Rules([rule]), "strict")
        faults += _keeps(rule, self._stage(rule.scope, "careful"), alone)
        if not faults:
            faults += _laws(rule, stage, self._stage(rule.scope, stage.profile, shuffled=True), alone)
        yield from faults

    def _stage(self, scope: Scope, profile: Profile, *, shuffled: bool = False) -> Chrome:
        """Make the stage of the rules of equal or wider scope: ``any`` < language and system < site."""
        key = (scope, f"{profile} {shuffled}")
        if key not in self._stages:
            around = [rule for rule in self.rules.all if wider(rule.scope, scope)]
            if shuffled:
                random.Random(scope.name).shuffle(around)
            self._stages[key] = Chrome(_in_order(around), profile)
        return self._stages[key]


def wider(other: Scope, scope: Scope) -> bool:
    """Say whether rules of the other scope apply wherever those of a scope do, English ones counted as everywhere."""
    return (
        other.kind == "any"
        or other == scope
        or other == ("lang", "en")
        or (scope.kind == "site" and other.kind in ("lang", "cms"))
    )


def text_of(example: str) -> str:
    """Give an example without the indentation and the first line break that a TOML string gives it."""
    return dedent(example.removeprefix("\n")).rstrip()


def page_of(text: str, rule: Rule) -> Document:
    """Make a document of an example's text: a page to which the rule applies."""
    kind, name = rule.scope
    language = name if kind == "lang" else "und"
    labels: dict[str, str | int | float | bool] = {"language": language, "cms": name if kind == "cms" else ""}
    return Document("example", text, url=f"https://{name}/" if kind == "site" else None, source=labels)


def visible(edits: Iterable[Edit], text: str) -> frozenset[int]:
    """Give the offsets of the visible characters that edits take."""
    return frozenset(i for e in edits for i in range(e.start, e.stop) if not text[i].isspace())


def _removes(rule: Rule, stage: Chrome) -> Iterator[tuple[str, str]]:
    for example in rule.removes:
        try:
            text, wanted = parse(text_of(example), rule.id)
        except MarksError as error:
            yield "Wrong", f"the example's marks do not pair up: {error}"
            continue
        if not wanted:
            yield "Wrong", f"nothing is marked in {text!r}"
        patch = stage.propose(page_of(text, rule))
        missing, more = (
            visible(wanted, text) - visible(patch.edits, text),
            visible(patch.edits, text) - visible(wanted, text),
        )
        if more:
            yield "Wrong", f"removes what is not marked:\n{render(text, patch.edits, credit=' ')}"
        elif missing:
            yield "Missing", f"leaves what is marked:\n{render(text, patch.edits, credit=' ')}"
        elif all(e.rule != rule.id for e in (*patch.edits, *patch.spared)):
            yield "Missing", f"another rule does it all:\n{render(text, patch.edits, credit=' ')}"


def _keeps(rule: Rule, all_rules: Chrome, alone: Chrome) -> Iterator[tuple[str, str]]:
    for example in rule.keeps:
        text, others = parse(text_of(example))  # marks in a look-alike: what other rules may take
        edits = all_rules.propose(page_of(text, rule)).edits
        own = alone.propose(page_of(text, rule)).edits
        if own or any(e.rule == rule.id for e in edits) or visible(edits, text) - visible(others, text):
            yield "Noisy", f"removes from a look-alike:\n{render(text, own or edits, credit=' ')}"


def _form(rule: Rule) -> Iterator[tuple[str, str]]:
    examples = [*map(text_of, rule.removes), *map(text_of, rule.keeps)]
    if len(set(examples)) < len(examples):
        yield "Wrong", "an example stands twice"
    for words in (rule.words, rule.beside.words if rule.beside else ()):
        folded = [fold(word) for word in words]
        if list(words) != sorted(words):
            after = next(b for a, b in zip(words, sorted(words), strict=True) if a != b)
            yield "Wrong", f"words are not sorted: {after!r} comes earlier"
        if len(set(folded)) < len(folded):
            twice = next(word for word, key in zip(words, folded, strict=True) if folded.count(key) > 1)
            yield "Wrong", f"{twice!r} stands twice among the words, as they are compared"


def _laws(rule: Rule, stage: Chrome, shuffled: Chrome, alone: Chrome) -> Iterator[tuple[str, str]]:
    for example in rule.removes:
        text, _ = parse(text_of(example))
        document = page_of(text, rule)
        patch = stage.propose(document)
        once = document + patch
        if once.undo().text != text:
            yield "Wrong", f"the edits do not invert: {text!r}"
        again = stage.propose(once).edits
        if again:
            yield "Wrong", f"one pass is not enough; the second removes:\n{render(once.text, again, credit=' ')}"
        if shuffled.propose(document).edits != patch.edits:
            yield "Wrong", f"the order of the rules matters: {text!r}"
    alone = Chrome(Rules([rule]), "strict")
    hostile = page_of(_hostile(rule), rule)
    seconds = min(_seconds(alone, hostile))
    if seconds > _SECONDS:
        yield "Wrong", f"takes {seconds:.1f} s over a hostile text of {len(hostile.raw):,} characters"


def _seconds(stage: Chrome, page: Document) -> Iterator[float]:
    """Time a stage over a page; again, where it took too long, for the machine may have been busy elsewhere."""
    for _ in range(3):
        start = time.process_time()
        stage.propose(page)
        seconds = time.process_time() - start
        yield seconds
        if seconds <= _SECONDS:
            return


def _in_order(rules: Sequence[Rule]) -> Rules:
    """Give a set of rules in another order than that of their ids."""
    made = Rules(())
    made.all = tuple(rules)
    return made


def _hostile(rule: Rule) -> str:
    """Give a text that is nearly the rule's find, over and over, half in one line and half in lines."""
    near = max((parse(text_of(example))[0] for example in rule.removes), key=len)[:-1]
    times = _HOSTILE // 2 // (len(near) + 1) + 1
    return (near.replace("\n", " ") + " ") * times + ("\n" + near) * times
