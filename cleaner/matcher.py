"""Which rules a line matches: phrases in one dictionary, regexes in linear-time sets, a shape for what neither can say.

The cost of a line does not grow with the number of rules. A pattern is known by a number: ``2 * rule`` for what
a rule finds, ``2 * rule + 1`` for what it wants beside.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import re2

from cleaner.fold import fold_plain
from cleaner.rules import RuleError, Rules

_MEMO = 1 << 16  # lines remembered: the chrome of a crawl is the same few thousand lines over and over
_MEMO_LENGTH = 256
_LONGEST = 1000  # characters: no line as a whole is chrome beyond; the longest cookie notice seen has 900
# RE2 gives up, without a word from `Set`, when its automaton outgrows its memory (8 MB unless told).
_MEMORY = 1 << 28


def _options() -> re2.Options:
    options = re2.Options()
    options.max_mem = _MEMORY
    options.log_errors = False
    return options


def compiled(pattern: str) -> re2._Regexp[str]:
    """Compile one RE2 pattern. Raises ``RuleError`` with RE2's words: it knows no lookaround and no backreference."""
    try:
        return re2.compile(pattern, _options())
    except re2.error as error:
        fault = error.args[0]
        raise RuleError(fault.decode() if isinstance(fault, bytes) else str(fault)) from error


class _Set:
    """Patterns that are asked all at once which of them match; empty sets match nothing."""

    def __init__(self, patterns: Sequence[tuple[int, str]], *, full: bool) -> None:
        self.numbers = [number for number, _ in patterns]
        self._set = (re2.Set.FullMatchSet if full else re2.Set.SearchSet)(_options())
        for _, pattern in patterns:
            self._set.Add(pattern)
        if patterns:
            self._set.Compile()

    def match(self, text: str) -> list[int]:
        return [self.numbers[n] for n in self._set.Match(text) or ()] if self.numbers else []


def boundaries(phrase: str) -> str:
    """Write a phrase as an RE2 pattern that finds it as whole words, any case, and groups it."""
    quoted = re2.escape(phrase).replace("\\ ", " +").replace("\\'", "'")
    return rf"(?i)(?:^|[^\pL\pN])({quoted})(?:$|[^\pL\pN])"


class Matcher:
    """All patterns of a set of rules, compiled once. Raises ``RuleError`` for a pattern that RE2 does not take."""

    def __init__(self, rules: Rules) -> None:
        phrases: dict[str, list[int]] = {}
        whole: list[tuple[int, str]] = []
        inside: list[tuple[int, str]] = []
        for n, rule in enumerate(rules.all):
            for number, words, match in (
                (2 * n, rule.words, rule.match),
                (2 * n + 1, *((rule.beside.words, rule.beside.match) if rule.beside else ((), ""))),
            ):
                if rule.find == "inline" and number == 2 * n:
                    inside += [(n, pattern) for pattern in (match, *map(boundaries, words)) if pattern]
                    continue
                for word in words:
                    phrases.setdefault(fold_plain(word), []).append(number)
                if match:
                    whole.append((number, match))
        self._inline: dict[int, list[re2._Regexp[str]]] = {}
        for number, pattern in (*whole, *inside):
            try:
                regex = compiled(pattern)
            except RuleError as error:
                rule = rules.all[number if (number, pattern) in inside else number >> 1]
                raise RuleError(f"{rule.path}: [{rule.id.split('/')[1]}] bad pattern {pattern!r}: {error}") from error
            if (number, pattern) in inside:
                self._inline.setdefault(number, []).append(regex)
        self._phrases = {phrase: tuple(numbers) for phrase, numbers in phrases.items()}
        self._longest = max(map(len, phrases), default=0) + 8
        self._whole = _Set(whole, full=True)
        self._inside = _Set(inside, full=False)
        self._memo: dict[str, tuple[int, ...]] = {}

    def line(self, line: str) -> tuple[int, ...]:
        """Give the numbers of the patterns that match a line as a whole; the line went through ``plain``."""
        found = self._memo.get(line)
        if found is None:
            stripped = line.strip()
            phrase = self._phrases.get(fold_plain(stripped), ()) if len(stripped) <= self._longest else ()
            found = tuple(sorted({*phrase, *(self._whole.match(stripped) if len(stripped) <= _LONGEST else ())}))
            if len(line) <= _MEMO_LENGTH:
                if len(self._memo) >= _MEMO:
                    self._memo.clear()
                self._memo[line] = found
        return found

    def inline(self, text: str) -> set[int]:
        """Give the numbers of the rules whose inline patterns may match in some line of a text."""
        return set(self._inside.match(text))

    def spans(self, rule: int, line: str) -> Iterator[tuple[int, int]]:
        """Yield where a rule's inline patterns match in a line: the first group's span, if the pattern has one."""
        for regex in self._inline[rule]:
            for match in regex.finditer(line):
                start, stop = match.span(1 if regex.groups else 0)
                if start < stop:
                    yield start, stop
