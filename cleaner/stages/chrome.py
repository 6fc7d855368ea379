"""Strip what the rules find: lines, clusters, spans inside lines, heads and tails.

Find, then edit. Finding raises flags on lines until no flag is added (a work list, so linear): a line that goes
lets its neighbours move together and may be the context that another rule waits for, never the other way
round, so the order of rules cannot matter and a second pass finds nothing new.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple
from urllib.parse import urlsplit

from cleaner import stamps
from cleaner.document import Document, Edit, Hint, Label, Patch, lines
from cleaner.fold import plain
from cleaner.matcher import Matcher
from cleaner.rules import Rule, Rules
from cleaner.shapes import SHAPES
from cleaner.stages import Profile

_STEPS = 64  # lines looked at to one side, removed ones included: bounds the work where a whole menu has gone
_BUDGET = 0.5  # of the text's characters: what head and tail rules may take together
_BUDGET_FROM = 500  # characters; below, a comment form can well be longer than the note above it


_SIDES = {"before": (-1,), "after": (1,), "either": (-1, 1)}


class _Span(NamedTuple):
    start: int
    stop: int
    rule: Rule
    note: str = ""


@dataclass(frozen=True)
class Chrome:
    """The rule stage. ``keep`` names classes that stay whatever the rules say."""

    rules: Rules
    profile: Profile = "careful"
    keep: frozenset[str] = frozenset()
    name: str = field(default="chrome", init=False)

    @cached_property
    def matcher(self) -> Matcher:
        return Matcher(self.rules)

    @cached_property
    def _scopes(self) -> dict[tuple[str, str, str], frozenset[int]]:
        return {}

    @cached_property
    def _sites(self) -> tuple[str, ...]:
        return tuple({f".{rule.scope.name}" for rule in self.rules.all if rule.scope.kind == "site"})

    @cached_property
    def shaped(self) -> frozenset[int]:
        return frozenset(n for n, rule in enumerate(self.rules.all) if rule.shape)

    def scope(self, document: Document) -> frozenset[int]:
        """Give the numbers of the rules that apply to a document, by its language, system and host."""
        labels = document.labels
        host = (urlsplit(document.url).hostname or "") if document.url else ""
        if not f".{host}".endswith(self._sites):
            host = ""  # hosts are many, scopes few
        key = (str(labels.get("language", "und")), str(labels.get("cms", "")), host)
        if key not in self._scopes:
            self._scopes[key] = self.rules.scoped(*key)
        return self._scopes[key]

    def propose(self, document: Document) -> Patch:
        """Give the edits of every rule that applies, and what was found and spared, with the reason in its note."""
        page = _Page(self, document)
        page.settle()
        labels: dict[str, Label] = {}
        if page.over_budget():
            labels["suspect"] = "over-removal"
            page = _Page(self, document, sweeping=False)
            page.settle()
        edits, spared = page.decide()
        return Patch(self.name, edits, labels, spared)


class _Page:
    """The working state of one document: its lines, what they match, what has been flagged."""

    def __init__(self, chrome: Chrome, document: Document, *, sweeping: bool = True) -> None:
        self.chrome, self.text = chrome, document.text
        self.rules, self.active = chrome.rules.all, chrome.scope(document)
        self.sweeping = sweeping
        self.language = str(document.labels.get("language", "und"))
        self.flat = plain(self.text)
        self.spans = [line for line in lines(self.flat) if line.text and not line.text.isspace()]
        hints = document.line_hints() if document.hints else ()
        verbatim = _verbatim_lines(self.flat, hints)
        self.candidates: dict[int, list[int]] = {}  # position of a line -> rules that match it
        self.contexts: dict[int, set[int]] = {}  # rule -> positions of the lines that it may stand beside
        self._match(verbatim)
        self.flags: dict[int, set[int]] = {}  # position of a removed line -> the rules that remove it
        self.gone: dict[str, set[int]] = {}  # class -> positions of the lines that its rules remove
        self.swept: dict[int, int] = {}  # rule that sweeps -> the position it sweeps from

    def _match(self, verbatim: frozenset[int]) -> None:
        hits: dict[int, list[int]] = {}
        match = self.chrome.matcher.lookup(self.active).match
        for k, line in enumerate(self.spans):
            found = match(line.text)
            if found and line.start not in verbatim:
                for number in found:
                    if number & 1:
                        self.contexts.setdefault(number >> 1, set()).add(k)
                    else:
                        hits.setdefault(number >> 1, []).append(k)
        stripped = [line.text.strip() for line in self.spans]
        everywhere = [k for k, line in enumerate(self.spans) if line.start not in verbatim]
        seen: dict[str, list[int]] = {}  # what a shape alone finds does not depend on the rule that asks
        for n in self.chrome.shaped & self.active:
            rule = self.rules[n]
            if n in hits:
                hits[n] = self._shaped(rule.shape, stripped, hits[n])
            elif not (rule.words or rule.match):
                if rule.shape not in seen:
                    seen[rule.shape] = self._shaped(rule.shape, stripped, everywhere)
                hits[n] = seen[rule.shape]
        for n in sorted(hits):
            for k in hits[n]:
                self.candidates.setdefault(k, []).append(n)

    def _shaped(self, shape: str, stripped: Sequence[str], hits: Sequence[int]) -> list[int]:
        if shape in stamps.SHAPES:
            return list(stamps.SHAPES[shape](stripped, hits, self.language))
        return list(SHAPES[shape](stripped, hits))

    # Walking. Positions count lines that are not blank; removed lines do not add to a distance.

    def _walk(self, k: int, step: int) -> Iterator[tuple[int, int]]:
        """Yield (position, distance) of the lines to one side, the nearest first."""
        distance = 1
        for _ in range(_STEPS):
            k += step
            if not 0 <= k < len(self.spans):
                return
            yield k, distance
            distance += k not in self.flags

    def _edge(self, k: int, step: int, within: int) -> bool:
        """Whether a line stands among the outermost at one edge of the text, removed lines not counted."""
        outside = k if step < 0 else len(self.spans) - 1 - k
        if outside > _STEPS or outside - len(self.flags) >= within:
            return False
        return sum(at not in self.flags for at, _ in self._walk(k, step)) < within

    def _run(self, k: int, n: int) -> int:
        """Count the adjacent lines, this one included, that are of rule n's set: up to its ``least``."""
        count = 1
        for step in (-1, 1):
            for at, _ in self._walk(k, step):
                if n in self.candidates.get(at, ()):
                    count += 1
                elif at not in self.flags:
                    break
                if count >= self.rules[n].least:
                    return count
        return count

    def _beside(self, k: int, n: int) -> bool:
        want = self.rules[n].beside
        if want is None:
            return True
        near = [places for places in (self.contexts.get(n), *map(self.gone.get, want.classes)) if places]
        if not near:
            return False
        for step in _SIDES[want.side]:
            for at, distance in self._walk(k, step):
                if distance > want.within:
                    break
                if any(at in places for places in near):
                    return True
        return False

    def _neighbours_gone(self, k: int) -> bool:
        """Whether the lines right above and below have gone (the text's edge counts, but not twice)."""
        around = [at for at in (k - 1, k + 1) if 0 <= at < len(self.spans)]
        return bool(around) and all(at in self.flags for at in around)

    def holds(self, k: int, n: int) -> bool:
        """Whether rule n's conditions hold for the line at position k, its confidence aside."""
        rule = self.rules[n]
        if rule.find == "cluster" and self._run(k, n) < rule.least:
            return False
        edge = rule.find if rule.sweeps else rule.edge
        if edge and not self._edge(k, -1 if edge == "head" else 1, rule.within):
            return False
        return self._beside(k, n)

    def trusted(self, k: int, n: int) -> bool:
        """Whether a rule whose conditions hold may remove: its confidence, its class, the budget."""
        rule = self.rules[n]
        return (
            rule.cls not in self.chrome.keep
            and (self.sweeping or not rule.sweeps)
            and (
                not rule.low or self.chrome.profile == "strict" or (rule.find != "inline" and self._neighbours_gone(k))
            )
        )

    # Flagging.

    def settle(self) -> None:
        """Raise flags until none is added. A line is looked at again only when one near it has gone."""
        waiting: dict[int, list[int]] = {}
        for k, found in self.candidates.items():
            for n in found:
                if self._plain(n):
                    self._flag(k, n)
                else:
                    waiting.setdefault(k, []).append(n)
        positions = sorted(waiting)
        queue, queued = deque(positions), set(positions)
        while queue:
            k = queue.popleft()
            queued.discard(k)
            for n in waiting[k]:
                if n in self.flags.get(k, ()) or not self.trusted(k, n) or not self.holds(k, n):
                    continue
                for at in self._takes(k, n):
                    self._flag(at, n)
                for at in positions[bisect_left(positions, k - _STEPS) : bisect_right(positions, k + _STEPS)]:
                    if at not in queued:
                        queued.add(at)
                        queue.append(at)

    def _flag(self, k: int, n: int) -> None:
        self.flags.setdefault(k, set()).add(n)
        self.gone.setdefault(self.rules[n].cls, set()).add(k)

    def _plain(self, n: int) -> bool:
        """Whether rule n asks nothing of what stands around, and so goes wherever it is found."""
        rule = self.rules[n]
        asks = rule.low or rule.beside or rule.edge or rule.find != "line"
        return not asks and rule.cls not in self.chrome.keep

    def _takes(self, k: int, n: int) -> Sequence[int]:
        rule = self.rules[n]
        if not rule.sweeps:
            return (k,)
        self.swept[n] = max(k, self.swept.get(n, k)) if rule.find == "head" else min(k, self.swept.get(n, k))
        return range(k + 1) if rule.find == "head" else range(k, len(self.spans))

    def over_budget(self) -> bool:
        """Whether heads and tails take more than half of the text beyond what other rules take."""
        if not self.swept or len(self.text) < _BUDGET_FROM:
            return False
        alone = (k for k, by in self.flags.items() if all(self.rules[n].sweeps for n in by))
        return sum(len(self.spans[k].text) for k in alone) > _BUDGET * len(self.text)

    # Editing.

    def decide(self) -> tuple[tuple[Edit, ...], tuple[Edit, ...]]:
        """Turn flags and finds into edits that do not overlap: the longest, the leftmost, the surer, the wider rule."""
        found: list[_Span] = []
        spared: list[_Span] = []
        for n, k in self.swept.items():
            start = 0 if self.rules[n].find == "head" else self.spans[k].start
            stop = self._past(k) if self.rules[n].find == "head" else len(self.text)
            found.append(_Span(start, stop, self.rules[n]))
        for k in sorted(self.candidates):
            for n in self.candidates[k]:
                span = _Span(self.spans[k].start, self._past(k), self.rules[n])
                if n in self.flags.get(k, ()):
                    found += [] if self.rules[n].sweeps else [span]
                elif k not in self.flags and not self.trusted(k, n) and self.holds(k, n):
                    spared.append(span._replace(note=self._why_spared(self.rules[n])))
        for span, trusted in self._inline():
            if trusted:
                found.append(span)
            else:
                spared.append(span._replace(note=self._why_spared(span.rule)))
        # Where two sweeps cross, the shorter one's lines go one by one.
        for k, by in self.flags.items():
            found += [_Span(self.spans[k].start, self._past(k), self.rules[n]) for n in by if self.rules[n].sweeps]
        kept, overlapping = _longest(found, len(self.text))
        spared += [span._replace(note="overlap") for span in overlapping if not span.rule.sweeps]
        return self._edits(kept), self._edits(sorted(spared, key=lambda s: (s.start, s.stop, s.rule.id, s.note)))

    def _why_spared(self, rule: Rule) -> str:
        if rule.cls in self.chrome.keep:
            return "kept class"
        return "budget" if rule.sweeps and not self.sweeping else "low confidence"

    def _inline(self) -> Iterator[tuple[_Span, bool]]:
        rules = sorted(self.chrome.matcher.inline(self.flat) & self.active)
        for k, line in enumerate(self.spans) if rules else ():
            if k in self.flags:
                continue
            for n in rules:
                for start, stop in self.chrome.matcher.spans(n, line.text):
                    if self.holds(k, n):
                        yield _Span(line.start + start, line.start + stop, self.rules[n]), self.trusted(k, n)

    def _past(self, k: int) -> int:
        """Give the offset behind a line, its line break included."""
        return min(self.spans[k].stop + 1, len(self.text))

    def _edits(self, spans: Sequence[_Span]) -> tuple[Edit, ...]:
        return tuple(Edit(s.start, s.stop, self.text[s.start : s.stop], "", s.rule.id, s.note) for s in spans)


def _verbatim_lines(text: str, hints: Sequence[Hint | None]) -> frozenset[int]:
    """Give the offsets of lines of preformatted text, which no rule touches: code is never chrome."""
    if not hints:
        return frozenset()
    return frozenset(
        line.start for line, hint in zip(lines(text), hints, strict=True) if hint and "pre" in hint.path.split("/")
    )


def _longest(spans: Sequence[_Span], length: int) -> tuple[list[_Span], list[_Span]]:
    """Part the spans of a text of that length into those that stay, in reading order, and those they overlap."""
    taken = bytearray(length)
    kept: list[_Span] = []
    lost: list[_Span] = []
    for span in sorted(spans, key=lambda s: (s.start - s.stop, s.start, s.rule.low, s.rule.scope.breadth, s.rule.id)):
        if taken.find(1, span.start, span.stop) < 0:
            taken[span.start : span.stop] = b"\1" * (span.stop - span.start)
            kept.append(span)
        else:
            lost.append(span)
    return sorted(kept, key=lambda s: s.start), lost
