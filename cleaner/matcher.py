"""Which rules a line matches: phrases in one dictionary, regexes in linear-time sets, a shape for what neither can say.

The cost of a line does not grow with the number of rules. A pattern is known by a number: ``2 * rule`` for what
a rule finds, ``2 * rule + 1`` for what it wants beside.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import NamedTuple

import re2

from cleaner.atoms import Atoms, atoms
from cleaner.fold import fold_lines, fold_plain, plain
from cleaner.rules import Rule, RuleError, Rules

_MEMO = 1 << 13  # lines remembered: the chrome of a crawl is the same few thousand lines over and over
_MEMO_LENGTH = 100  # characters of one: longer ones are mostly prose, which does not come again
_LONG = 200  # characters, what `longest` is unless told
_GLANCE = 1 << 16  # characters that are worth a pattern's compilation
# Characters that are asked of one pattern after the other, which takes 1 to 9 ms for 4,000; to compile all of a
# language takes 10 to 90 (English 230), and as much memory as the language has patterns in each worker that does.
_EARLY = 1 << 14
_BATCH, _PARTS = 128, 8  # lines asked at once; of those in which some pattern matches, each eighth
# RE2 gives up, without a word from `Set`, when its automaton outgrows its memory (8 MB unless told).
_MEMORY = 1 << 28

LineShape = tuple[Callable[[str, str], bool], int]
"""Whether a line, plain and stripped, of a language has a shape; the characters of the longest line that can."""

Hit = tuple[tuple[int, ...], tuple[int, ...]]
"""What a line matches: the rules that find it, and those that may stand beside it."""


def _options(*, nl: bool = True) -> re2.Options:
    options = re2.Options()
    options.never_nl = options.never_capture = not nl
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
    """Patterns that are asked all at once which of them match somewhere in a text; no patterns match nothing.

    ``nl`` says whether a match may hold a line break.
    """

    def __init__(self, patterns: Iterable[tuple[int, str]], *, nl: bool) -> None:
        self._patterns, self._nl = sorted(patterns, key=lambda item: item[1]), nl

    @cached_property  # when first asked: a small page has no line that is long enough for the set of the long ones
    def _parts(self) -> list[tuple[re2.Set, list[int]]]:
        parts, done = [], 0
        for made, size in _compiled(tuple(pattern for _, pattern in self._patterns), self._nl):
            parts.append((made, [number for number, _ in self._patterns[done : done + size]]))
            done += size
        return parts

    def match(self, text: str | bytes) -> list[int]:
        return [numbers[n] for part, numbers in self._parts for n in part.Match(text) or ()]


@lru_cache(256)  # the stages of one process share what they compile: a set of English patterns takes 0.1 s
def _compiled(patterns: tuple[str, ...], nl: bool) -> tuple[tuple[re2.Set, int], ...]:
    """Compile patterns into as few sets as RE2's memory allows, one or halves of it; each with its size."""
    made = re2.Set.SearchSet(_options(nl=nl))
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
        return _compiled(patterns[:middle], nl) + _compiled(patterns[middle:], nl)


class Without:
    """Whether a pattern matches nowhere in a text, told at a glance; False until so much was asked that it pays."""

    def __init__(self, pattern: str) -> None:
        self._set = _Set([(0, pattern)], nl=True)
        self._asked = 0  # characters

    def __call__(self, text: str) -> bool:
        self._asked += len(text)
        try:
            return self._asked > _GLANCE and not self._set.match(text)
        except UnicodeEncodeError:  # a lone surrogate
            return False


class _Batch(NamedTuple):
    """Some lines, and all of them as one text."""

    lines: Sequence[str]
    encoded: bytes


def _batches(lines: Sequence[str], size: int = _BATCH) -> list[_Batch]:
    parts = [lines[first : first + size] for first in range(0, len(lines), size)]
    return [_Batch(part, "\n".join(part).encode()) for part in parts]


class _Lines:
    """Patterns of whole lines, asked of many lines at once.

    One call of RE2 tells which of them match in some line, and few do: of 17,000 distinct lines of 497 pages 313
    match one of a hundred English patterns. Where one does, parts of the lines are asked, down to single ones.
    """

    def __init__(self, patterns: Sequence[tuple[int, str]]) -> None:
        self._patterns = patterns
        # What asks for the ends of the text, or of bytes, asks each line by itself.
        self._alone = [(number, pattern) for number, pattern in patterns if _OF_TEXT.search(pattern)]
        together = [(number, f"(?m)^(?:{pattern})$") for number, pattern in patterns if not _OF_TEXT.search(pattern)]
        self._set = _Set(together, nl=False)
        self._asked = 0  # bytes

    @cached_property
    def _atoms(self) -> list[tuple[int, str, Atoms]]:
        return [(number, pattern, atoms(pattern)) for number, pattern in self._patterns]

    def match(self, batches: Iterable[_Batch]) -> Iterator[tuple[int, str]]:
        """Yield a pattern's number and a line that it matches."""
        for batch in batches:
            self._asked += len(batch.encoded)
            if self._asked > _EARLY:
                yield from self._among(batch)
                yield from _matches(self._alone, batch.lines)
            else:
                yield from self._early(batch.lines)

    def _among(self, batch: _Batch) -> Iterator[tuple[int, str]]:
        found = self._set.match(batch.encoded)
        if len(batch.lines) == 1:
            yield from ((number, batch.lines[0]) for number in found)
        elif found:
            for part in _batches(batch.lines, -(-len(batch.lines) // _PARTS)):
                yield from self._among(part)

    def _early(self, lines: Sequence[str]) -> Iterator[tuple[int, str]]:
        """As long as few lines were asked: ask those patterns whose literals they hold."""
        folded = "\n".join(lines).casefold()
        likely = ((n, p) for n, p, some in self._atoms if some is None or any(map(folded.__contains__, some)))
        return _matches(likely, lines)


_OF_TEXT = re.compile(r"\\[AzCQ]|\(\?[A-Za-z]*-[A-Za-z]*m")


def _matches(patterns: Iterable[tuple[int, str]], lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Ask each pattern of each line."""
    for number, pattern in patterns:
        regex = compiled(pattern)
        yield from ((number, line) for line in lines if regex.fullmatch(line))


def boundaries(phrase: str) -> str:
    """Write a phrase as an RE2 pattern that finds it as whole words, any case, and groups it."""
    quoted = re2.escape(phrase).replace("\\ ", " +").replace("\\'", "'")
    return rf"(?i)(?:^|[^\pL\pN])({quoted})(?:$|[^\pL\pN])"


class Group:
    """The line patterns of the rules that go together: those of one language, or those that apply to every page."""

    def __init__(self, phrases: Mapping[str, Sequence[int]], whole: Sequence[tuple[int, str]], rules: Rules) -> None:
        self._phrases = phrases
        self.phrase = max(map(len, phrases), default=0) + 8  # characters: room for bullets and points
        self._longest = {number: rules.all[number >> 1].longest for number, _ in whole}
        self.line = max(self._longest.values(), default=0)
        self._whole = _Lines(whole)
        # Few rules look for lines as long as most prose: those are asked alone about them.
        self._long = _Lines([item for item in whole if self._longest[item[0]] > _LONG])

    def match(
        self, short: Sequence[_Batch], long: Sequence[_Batch], folded: Mapping[str, Sequence[str]]
    ) -> Iterator[tuple[int, str]]:
        """Yield number and line of the patterns that match one of some stripped lines as a whole.

        ``short`` and ``long`` are those lines, parted at ``_LONG`` characters; ``folded`` holds those that are short
        enough for a phrase, by what they are folded to.
        """
        for key in self._phrases.keys() & folded.keys():
            for line in folded[key]:
                if len(line) <= self.phrase:
                    yield from ((number, line) for number in self._phrases[key])
        longest = self._longest
        for patterns, some in ((self._whole, short), (self._long, long)):
            for number, line in patterns.match(some):
                if len(line) <= longest[number]:
                    yield number, line


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
        self._memo: dict[str, Hit | tuple[()]] = {}
        self._hits: dict[Hit, Hit] = {}

    def match(self, line: str) -> tuple[int, ...]:
        """Give the numbers of the patterns that match a line as a whole; the line went through ``plain``."""
        return tuple(sorted(self._numbers([line.strip()]).get(line.strip(), ())))

    def _numbers(self, lines: Sequence[str]) -> dict[str, set[int]]:
        """Give the numbers of the patterns that match each of some lines, no two alike; those without any may miss."""
        phrases = [line for line in lines if len(line) <= self._phrase]
        folded: dict[str, list[str]] = {}
        for line, key in zip(phrases, fold_lines(phrases), strict=True):
            folded.setdefault(key, []).append(line)
        short = _batches([line for line in lines if len(line) <= _LONG])
        long = _batches([line for line in lines if _LONG < len(line) <= self._line])
        numbers: dict[str, set[int]] = {}
        for group in self._groups:
            for number, line in group.match(short, long, folded):
                if number >> 1 in self._active:
                    numbers.setdefault(line, set()).add(number)
        for has, longest, alone, also in self._shapes:
            asked = lines if alone else [line for line, found in numbers.items() if not also.isdisjoint(found)]
            language = self._language
            shaped = {line for line in asked if len(line) <= longest and has(line, language)}
            for line in shaped if alone else ():
                numbers.setdefault(line, set()).update(alone)
            if also:
                for line, found in numbers.items():
                    if line not in shaped:
                        found -= also
        return numbers

    def among(self, lines: Sequence[str]) -> list[tuple[int, Hit]]:
        """Give position and hit of the stripped lines that something matches."""
        memo = self._memo
        told = [*map(memo.get, lines)]
        if None in told:
            longest = max(self._line, self._phrase, self._shape)
            unknown = [line for line, known in zip(lines, told, strict=True) if known is None]
            asked = [line for line in dict.fromkeys(unknown) if len(line) <= longest]
            found = {line: self._hit(numbers) for line, numbers in self._numbers(asked).items() if numbers}
            if len(memo) >= _MEMO:
                memo.clear()
            memo.update((line, found.get(line, ())) for line in asked[:_MEMO] if len(line) <= _MEMO_LENGTH)
            told = [found.get(line) if known is None else known for line, known in zip(lines, told, strict=True)]
        return [(k, hit) for k, hit in enumerate(told) if hit]

    def _hit(self, numbers: Iterable[int]) -> Hit:
        """Give what a line with these patterns hits: equal hits are one object."""
        order = sorted(numbers)
        hit = tuple(n >> 1 for n in order if not n & 1), tuple(n >> 1 for n in order if n & 1)
        return self._hits.setdefault(hit, hit)


def _inside(rule: Rule) -> list[str]:
    return [rule.match] if rule.match else [*map(boundaries, rule.words)]


class Matcher:
    """All patterns of a set of rules.

    Line patterns are grouped by language, the rest in one group with English, so that a page of a known language
    meets two groups however many languages there are. Groups are read and compiled when first met: reading those of
    26 languages takes a third of a second. ``shapes`` are those that one line has or has not, by name.

    Raises ``RuleError`` for a pattern that RE2 does not take, when its group is first met; ``check`` asks for all.
    """

    def __init__(self, rules: Rules, shapes: Mapping[str, LineShape] | None = None) -> None:
        self._rules, self._shapes = rules, shapes or {}
        self._group_of = [rule.scope.name if rule.scope.kind == "lang" else "en" for rule in rules.all]
        self._groups: dict[str, Group] = {}
        self._met: dict[tuple[frozenset[int], str], Lookup] = {}
        self._inline: dict[int, list[re2._Regexp[str]]] = {}
        inside: list[tuple[int, str]] = []
        for n, rule in enumerate(rules.all):
            if rule.find == "inline":
                self._check((rule,))
                inside += [(n, pattern) for pattern in _inside(rule)]
        self._inside = _Set(inside, nl=True)

    def check(self) -> None:
        """Raise ``RuleError`` for the first pattern that RE2 does not take, whatever language it is for."""
        self._check(self._rules.all)

    def _check(self, rules: Iterable[Rule]) -> None:
        parses = re2.Set.SearchSet(_options())
        for rule in rules:
            for pattern in filter(None, (rule.match, rule.beside.match if rule.beside else "")):
                try:
                    parses.Add(pattern)  # which only parses
                except re2.error:
                    self._compiled(rule, pattern)

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
        self._check(rule for n, rule in enumerate(self._rules.all) if self._group_of[n] == name)
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
