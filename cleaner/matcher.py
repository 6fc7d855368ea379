"""Which rules a line matches: phrases in one dictionary, regexes in linear-time sets, a shape for what neither can say.

The cost of a line does not grow with the number of rules. A pattern is known by a number: ``2 * rule`` for what
a rule finds, ``2 * rule + 1`` for what it wants beside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import NamedTuple

import re2

from cleaner.fold import fold_plain, plain
from cleaner.rules import Rule, RuleError, Rules

_MEMO = 1 << 15  # lines remembered: the chrome of a crawl is the same few thousand lines over and over
_MEMO_LENGTH = 256
_LONG = 200  # characters, what `longest` is unless told
# RE2 gives up, without a word from `Set`, when its automaton outgrows its memory (8 MB unless told).
_MEMORY = 1 << 28

LineShape = tuple[Callable[[str, str], bool], int]
"""Whether a line, plain and stripped, of a language has a shape; the characters of the longest line that can."""

Found = tuple[int, ...]


def _options() -> re2.Options:
    options = re2.Options()
    options.max_mem = _MEMORY
    options.log_errors = False
    return options


@lru_cache(1 << 14)  # the same pattern serves in every set of rules that a proof makes
def compiled(pattern: str) -> re2._Regexp[str]:
    """Compile one RE2 pattern. Raises ``RuleError`` with RE2's words: it knows no lookaround and no backreference."""
    try:
        return re2.compile(pattern, _options())
    except re2.error as error:
        fault = error.args[0]
        raise RuleError(fault.decode() if isinstance(fault, bytes) else str(fault)) from error


def size(pattern: str) -> int:
    """Give the number of instructions that RE2 makes of a pattern. Raises ``RuleError`` as ``compiled`` does.

    >>> size(r"[a-z]{2,40}"), size(r"[a-z]+")
    (82, 6)
    """
    return int(compiled(pattern).programsize)


class _Set:
    """Patterns that are asked all at once which of them match; no patterns match nothing."""

    def __init__(self, patterns: Sequence[tuple[int, str]], *, full: bool) -> None:
        self._patterns, self._full = sorted(patterns, key=lambda item: item[1]), full

    @cached_property  # when first asked: a small page has no line that is long enough for the set of the long ones
    def _parts(self) -> list[tuple[re2.Set, list[int]]]:
        parts, done = [], 0
        for made, size in _compiled(tuple(pattern for _, pattern in self._patterns), self._full):
            parts.append((made, [number for number, _ in self._patterns[done : done + size]]))
            done += size
        return parts

    def match(self, text: str) -> list[int]:
        return [numbers[n] for part, numbers in self._parts for n in part.Match(text) or ()]


@lru_cache(256)  # the stages of one process share what they compile: a set of English patterns takes 0.1 s
def _compiled(patterns: tuple[str, ...], full: bool) -> tuple[tuple[re2.Set, int], ...]:
    """Compile patterns into as few sets as RE2's memory allows, one or halves of it; each with its size."""
    made = (re2.Set.FullMatchSet if full else re2.Set.SearchSet)(_options())
    for pattern in patterns:
        made.Add(pattern)
    try:
        if patterns:
            made.Compile()
        return ((made, len(patterns)),) if patterns else ()
    except re2.error:
        if len(patterns) < 2:
            raise
        middle = len(patterns) // 2
        return _compiled(patterns[:middle], full) + _compiled(patterns[middle:], full)


def boundaries(phrase: str) -> str:
    """Write a phrase as an RE2 pattern that finds it as whole words, any case, and groups it."""
    quoted = re2.escape(phrase).replace("\\ ", " +").replace("\\'", "'")
    return rf"(?i)(?:^|[^\pL\pN])({quoted})(?:$|[^\pL\pN])"


class Group:
    """The line patterns of the rules that go together: those of one language, or those that apply to every page."""

    def __init__(self, phrases: Mapping[str, Sequence[int]], whole: Sequence[tuple[int, str]], rules: Rules) -> None:
        self.phrases = phrases
        self.phrase = max(map(len, phrases), default=0) + 8  # characters: room for bullets and points
        self._longest = {number: rules.all[number >> 1].longest for number, _ in whole}
        self.line = max(self._longest.values(), default=0)
        self._whole = _Set(whole, full=True)
        # Few rules look for lines as long as most prose: those are asked alone about them.
        self._long = _Set([item for item in whole if self._longest[item[0]] > _LONG], full=True)

    def match(self, line: str) -> Iterator[int]:
        """Yield the numbers of the patterns, phrases aside, that match a stripped line as a whole."""
        patterns = self._long if len(line) > _LONG else self._whole
        return (n for n in patterns.match(line) if len(line) <= self._longest[n])


class _Shape(NamedTuple):
    """A shape that one line has or has not: the rules that ask for it alone, and those that also have a pattern."""

    has: Callable[[str, str], bool]
    longest: int
    alone: frozenset[int]
    also: frozenset[int]


class Lookup:
    """The patterns of the rules that apply to a kind of page, and what they found in lines seen before."""

    def __init__(
        self, groups: Sequence[Group], active: frozenset[int], language: str, shapes: Sequence[_Shape]
    ) -> None:
        self._groups, self._active, self._language, self._shapes = groups, active, language, shapes
        self._phrase = max((group.phrase for group in groups), default=0)
        self._line = max((group.line for group in groups), default=0)
        self._shape = max((shape.longest for shape in shapes), default=0)
        self._memo: dict[str, tuple[Found, Found] | tuple[()]] = {}

    def match(self, line: str) -> tuple[int, ...]:
        """Give the numbers of the patterns that match a line as a whole; the line went through ``plain``."""
        return tuple(sorted(self._numbers(line.strip())))

    def _match(self, line: str) -> tuple[Found, Found] | tuple[()]:
        numbers = sorted(self._numbers(line))
        found = (
            (tuple(n >> 1 for n in numbers if not n & 1), tuple(n >> 1 for n in numbers if n & 1)) if numbers else ()
        )
        if len(line) <= _MEMO_LENGTH:
            if len(self._memo) >= _MEMO:
                self._memo.clear()
            self._memo[line] = found
        return found

    def _numbers(self, line: str) -> set[int]:
        numbers: set[int] = set()
        if len(line) <= self._phrase:
            folded = fold_plain(line)
            for group in self._groups:
                if folded in group.phrases and len(line) <= group.phrase:
                    numbers.update(group.phrases[folded])
        for group in self._groups:
            if len(line) <= group.line:
                numbers.update(group.match(line))
        if numbers:
            numbers = {n for n in numbers if n >> 1 in self._active}
        for has, longest, alone, also in self._shapes:
            if len(line) <= longest and (alone or not also.isdisjoint(numbers)) and has(line, self._language):
                numbers |= alone
            else:
                numbers -= also
        return numbers

    def among(self, lines: Sequence[str]) -> Iterator[tuple[int, tuple[Found, Found]]]:
        """Yield position, rules found and rules that may stand beside, of the stripped lines that something matches."""
        memo, longest = self._memo, max(self._line, self._phrase, self._shape)
        for k, line in enumerate(lines):
            if len(line) > longest:
                continue
            found = memo.get(line)
            if found is None:
                found = self._match(line)
            if found:
                yield k, found


def _inside(rule: Rule) -> list[str]:
    return [rule.match] if rule.match else [*map(boundaries, rule.words)]


class Matcher:
    """All patterns of a set of rules. Raises ``RuleError`` for a pattern that RE2 does not take.

    Line patterns are grouped by language, the rest in one group with English, so that a page of a known language
    meets two groups however many languages there are. Groups are compiled when first met. ``shapes`` are those
    that one line has or has not, by name.
    """

    def __init__(self, rules: Rules, shapes: Mapping[str, LineShape] | None = None) -> None:
        self._rules, self._shapes = rules, shapes or {}
        self._group_of = [rule.scope.name if rule.scope.kind == "lang" else "en" for rule in rules.all]
        self._groups: dict[str, Group] = {}
        self._met: dict[tuple[frozenset[int], str], Lookup] = {}
        self._inline: dict[int, list[re2._Regexp[str]]] = {}
        inside: list[tuple[int, str]] = []
        parses = re2.Set.SearchSet(_options())
        for n, rule in enumerate(rules.all):
            for pattern in filter(None, (rule.match, rule.beside.match if rule.beside else "")):
                try:
                    parses.Add(pattern)  # which only parses: what RE2 does not take is told before anything runs
                except re2.error:
                    self._compiled(rule, pattern)
            if rule.find == "inline":
                inside += [(n, pattern) for pattern in _inside(rule)]
        self._inside = _Set(inside, full=False)

    @staticmethod
    def _compiled(rule: Rule, pattern: str) -> re2._Regexp[str]:
        try:
            return compiled(pattern)
        except RuleError as error:
            raise RuleError(f"{rule.path}: [{rule.id.split('/')[1]}] bad pattern {pattern!r}: {error}") from error

    def lookup(self, active: frozenset[int], language: str = "und") -> Lookup:
        """Give what finds the rules of these numbers on pages of a language."""
        key = active, language
        if key not in self._met:
            names = sorted({self._group_of[n] for n in active})
            groups = [self._groups.get(name) or self._group(name) for name in names]
            shapes = [self._shape(name, active) for name in sorted(self._shapes)]
            self._met[key] = Lookup(groups, active, language, [shape for shape in shapes if shape.alone or shape.also])
        return self._met[key]

    def _shape(self, name: str, active: frozenset[int]) -> _Shape:
        has, longest = self._shapes[name]
        asking = [n for n in active if self._rules.all[n].shape == name]
        also = frozenset(2 * n for n in asking if self._rules.all[n].words or self._rules.all[n].match)
        return _Shape(has, longest, frozenset(2 * n for n in asking) - also, also)

    def _group(self, name: str) -> Group:
        phrases: dict[str, list[int]] = {}
        whole: list[tuple[int, str]] = []
        for n, rule in enumerate(self._rules.all):
            if self._group_of[n] != name:
                continue
            finds = (2 * n, rule.words, rule.match)
            wants = (2 * n + 1, rule.beside.words, rule.beside.match) if rule.beside else (2 * n + 1, (), "")
            for number, words, match in (wants,) if rule.find == "inline" else (finds, wants):
                for word in words:
                    phrases.setdefault(fold_plain(plain(word)), []).append(number)
                if match:
                    whole.append((number, match))
        self._groups[name] = Group(phrases, whole, self._rules)
        return self._groups[name]

    def inline(self, text: str) -> set[int]:
        """Give the numbers of the rules whose inline patterns may match in some line of a text."""
        return set(self._inside.match(text))

    def spans(self, rule: int, line: str) -> Iterator[tuple[int, int]]:
        """Yield where a rule's inline patterns match in a line: the first group's span, if the pattern has one."""
        if rule not in self._inline:
            one = self._rules.all[rule]
            self._inline[rule] = [self._compiled(one, pattern) for pattern in _inside(one)]
        for regex in self._inline[rule]:
            for match in regex.finditer(line):
                start, stop = match.span(1 if regex.groups else 0)
                if start < stop:
                    yield start, stop
