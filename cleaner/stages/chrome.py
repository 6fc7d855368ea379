"""Strip what the rules find: lines, clusters, spans inside lines, heads and tails.

Find, then edit. Finding raises flags on lines until no flag is added (``cleaner.stages.flags``), so the order of rules
cannot matter and a second pass finds nothing new.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import accumulate, compress
from typing import NamedTuple
from urllib.parse import urlsplit

from cleaner import shapes, stamps
from cleaner.document import Document, Edit, Hint, Label, Patch, lines
from cleaner.fold import plain
from cleaner.matcher import Hit, LineShape, Lookup, Matcher
from cleaner.rules import REACH, Rule, Rules
from cleaner.shapes import SHAPES
from cleaner.stages import Profile
from cleaner.stages.asks import Asks, Sure
from cleaner.stages.flags import STEPS, Flags

_BUDGET = 0.5  # of the text's characters: what head and tail rules may take together
_BUDGET_FROM = 500  # characters; below, a comment form can well be longer than the note above it
_FEW = STEPS - REACH  # lines that may have gone without a walk ending early for them

_WITH_BREAK = (1).__add__  # a line's length and that of its break

_LINE_SHAPES: dict[str, LineShape] = {**shapes.LINES, **stamps.LINES}


class _Span(NamedTuple):
    start: int
    stop: int
    rank: int  # of the rule, for the credit of equal spans
    rule: Rule


class _Kind(NamedTuple):
    """What is told of a line by what it matches alone: what removes it for sure, and what is left to ask."""

    sure: Sure | None
    finds: tuple[int, ...]
    wants: tuple[int, ...]


class _Scope(NamedTuple):
    """What applies to pages of one language, system and host."""

    active: frozenset[int]
    lookup: Lookup
    shapes: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]
    """Shapes of more than a line; the rules that ask for each alone, and those that also have words or a pattern."""
    shaped: frozenset[int]
    """The rules that ask for one."""
    kinds: dict[Hit, _Kind]
    """What has been told of the lines seen so far."""


@lru_cache(2)
def matcher_of(rules: Rules) -> Matcher:
    """Give what matches some rules: all stages of a process, and those forked from it, share what it compiles."""
    return Matcher(rules, _LINE_SHAPES)


@dataclass(frozen=True)
class Chrome:
    """The rule stage. ``keep`` names classes that stay whatever the rules say."""

    rules: Rules
    profile: Profile = "careful"
    keep: frozenset[str] = frozenset()
    name: str = field(default="chrome", init=False)

    @cached_property
    def matcher(self) -> Matcher:
        return matcher_of(self.rules)

    @cached_property
    def asks(self) -> Asks:
        return Asks(self.rules.all, self.profile, self.keep)

    @cached_property
    def ranks(self) -> tuple[int, ...]:
        """Where each rule stands among all: the surer first, then the wider, then by their ids."""
        rules = self.rules.all
        order = sorted(range(len(rules)), key=lambda n: (rules[n].low, rules[n].scope.breadth, rules[n].id))
        ranks = {n: rank for rank, n in enumerate(order)}
        return tuple(ranks[n] for n in range(len(rules)))

    @cached_property
    def _scopes(self) -> dict[tuple[str, str, str], _Scope]:
        return {}

    @cached_property
    def _sites(self) -> tuple[str, ...]:
        return tuple({f".{rule.scope.name}" for rule in self.rules.all if rule.scope.kind == "site"})

    def scope(self, document: Document) -> _Scope:
        """Give the rules that apply to a document, by its language, system and host."""
        labels = document.labels
        host = (urlsplit(document.url).hostname or "") if document.url else ""
        if not f".{host}".endswith(self._sites):
            host = ""  # hosts are many, scopes few
        key = (str(labels.get("language", "und")), str(labels.get("cms", "")), host)
        if key not in self._scopes:
            self._scopes[key] = self._scope(*key)
        return self._scopes[key]

    def _scope(self, language: str, cms: str, host: str) -> _Scope:
        active = self.rules.scoped(language, cms, host)
        asking: dict[str, tuple[list[int], list[int]]] = {}
        for n in sorted(active):
            rule = self.rules.all[n]
            if rule.shape and rule.shape not in _LINE_SHAPES:
                asking.setdefault(rule.shape, ([], []))[bool(rule.words or rule.match)].append(n)
        shapes = tuple((shape, tuple(alone), tuple(also)) for shape, (alone, also) in asking.items())
        shaped = frozenset(n for rules in asking.values() for some in rules for n in some)
        return _Scope(active, self.matcher.lookup(active, language), shapes, shaped, {})

    def kind(self, scope: _Scope, hit: Hit) -> _Kind:
        """Tell what a line's hit comes to, once for all lines that have it."""
        asks, (finds, wants) = self.asks.all, hit
        sure = frozenset(n for n in finds if asks[n].plain and n not in scope.shaped)
        bits = 0
        for n in sure:
            bits |= asks[n].bit
        kind = _Kind(Sure(sure, bits) if sure else None, tuple(n for n in finds if n not in sure), wants)
        scope.kinds[hit] = kind
        return kind

    def propose(self, document: Document) -> Patch:
        """Give the edits of every rule that applies, and what was found and spared, with the reason in its note."""
        page = _Page(self, document)
        flags = page.flags()
        labels: dict[str, Label] = {}
        if page.over_budget(flags):
            labels["suspect"] = "over-removal"
            flags = page.flags(sweeping=False)
        edits, spared = page.decide(flags)
        patch = Patch(self.name, edits, labels, spared)
        self._left[:] = [] if labels else page.left(flags, patch)
        return patch

    @cached_property
    def _left(self) -> list[_Left]:
        """What the last document looked like when the stage had seen it."""
        return []

    def settled(self, document: Document) -> bool:
        """Whether the stage would leave the document as it is."""
        if self._left and not document.hints and self._left[0].holds(self, document):
            return True
        page = _Page(self, document)
        flags = page.flags()
        return not flags.by and not any(trusted for _, trusted in page.inline(flags))


class _Left(NamedTuple):
    """The lines that the stage has left, and what shapes of the whole page it saw in them.

    Nothing more goes from them as long as no shape sees more. All else that a rule asks held for as many lines when
    those that went were there: they counted as context, and not as distance. But a walk ends at ``STEPS`` lines, those
    that went among them; hence ``_FEW``.
    """

    patch: Patch
    lines: Sequence[str]
    scope: _Scope
    shaped: Sequence[tuple[str, Sequence[int], frozenset[int]]]
    """A shape, the lines it was asked of, those that had it; none where nothing went: the lines are what it saw."""

    def holds(self, chrome: Chrome, document: Document) -> bool:
        """Whether the document still is those lines, and no shape sees more in them."""
        if chrome.scope(document) is not self.scope:
            return False
        if not self._untouched(document):
            lines = [*filter(None, map(str.strip, plain(document.text).split("\n")))]
            if lines != self.lines:
                return False
        return all(had.issuperset(SHAPES[shape](self.lines, asked)) for shape, asked, had in self.shaped)

    def _untouched(self, document: Document) -> bool:
        """Whether no patch has changed the text since."""
        for patch in reversed(document.patches):
            if patch is self.patch or patch.edits:
                return patch is self.patch
        return False


class _Page:
    """One document's lines that are not blank, and what they match. Positions count these lines."""

    def __init__(self, chrome: Chrome, document: Document) -> None:
        self.chrome, self.text, self.rules = chrome, document.text, chrome.rules.all
        self.scope = chrome.scope(document)
        self.flat = plain(self.text)
        parts = self.flat.split("\n")
        stripped = [*map(str.strip, parts)]
        pasts = [*accumulate(map(_WITH_BREAK, map(len, parts)))]  # where what follows a line begins
        self.lines = [*filter(None, stripped)]
        self.starts = [*compress((0, *pasts), stripped)]
        pasts[-1] -= 1  # no break ends the text
        self.pasts = [*compress(pasts, stripped)]
        self.verbatim = _verbatim_lines(self.flat, document.line_hints()) if document.hints else frozenset()
        self.shaped: list[tuple[str, Sequence[int], list[int]]] = []
        self.sure: list[tuple[int, Sure]] = []
        self.found: dict[int, list[int]] = {}  # rule that asks for more -> positions of the lines it matches, in order
        self.contexts: dict[int, set[int]] = {}  # rule -> positions of the lines that it may stand beside
        self._match()

    def _hits(self) -> list[tuple[int, Hit]]:
        hits = self.scope.lookup.among(self.lines)
        if self.verbatim:
            return [(k, hit) for k, hit in hits if self.starts[k] not in self.verbatim]
        return hits

    @cached_property
    def _everywhere(self) -> Sequence[int]:
        """The lines that a rule may touch."""
        if self.verbatim:
            return [k for k, start in enumerate(self.starts) if start not in self.verbatim]
        return range(len(self.lines))

    def _match(self) -> None:
        found, contexts, kinds = self.found, self.contexts, self.scope.kinds
        classes = 0
        for k, hit in self._hits():
            sure, finds, wants = kinds.get(hit) or self.chrome.kind(self.scope, hit)
            if sure:
                self.sure.append((k, sure))
                classes |= sure.bits
            for n in finds:
                if n in found:
                    found[n].append(k)
                else:
                    found[n] = [k]
            for n in wants:
                contexts.setdefault(n, set()).add(k)
        if not self.scope.shapes:
            return
        # A shape is not looked for where no rule that asks for it alone can get what it wants beside.
        asks = self.chrome.asks
        guessed: dict[int, Sequence[int]] = dict(found)
        for _, alone, _ in self.scope.shapes:
            guessed.update(dict.fromkeys(alone, self._everywhere))
        possible = asks.possible(guessed, contexts, classes)
        for shape, alone, also in self.scope.shapes:
            able = [n for n in alone if n in possible]
            if able and (had := self._shape(shape, self._everywhere)):
                found.update((n, had) for n in able)
            for n in also:
                if n in found and not (shaped := self._shape(shape, found[n])):
                    del found[n]
                elif n in found:
                    found[n] = shaped

    def finds(self, k: int, n: int) -> bool:
        """Whether rule n matches the line at a position, its shape included, whatever it wants beside."""
        shape = self.rules[n].shape
        if n not in self.scope.shaped:
            return any(at == k and n in hit[0] for at, hit in self._hits())
        also = self.rules[n].words or self.rules[n].match
        asked = [at for at, hit in self._hits() if n in hit[0]] if also else self._everywhere
        return n in self.scope.active and k in SHAPES[shape](self.lines, asked)

    def _shape(self, shape: str, asked: Sequence[int]) -> list[int]:
        """Give which of the lines asked have a shape."""
        had = list(SHAPES[shape](self.lines, asked))
        self.shaped.append((shape, asked, had))
        return had

    def flags(self, *, sweeping: bool = True) -> Flags:
        asks, size = self.chrome.asks, len(self.lines)
        return Flags(asks, size, self.found, self.contexts, self.sure, sweeping=sweeping)

    def left(self, flags: Flags, patch: Patch) -> list[_Left]:
        """Give what is left where whole lines went, a few and by themselves; nothing where more has changed."""
        if flags.swept or len(flags.by) > _FEW or len(patch.edits) != len(flags.by):
            return []
        if not flags.by:
            return [_Left(patch, self.lines, self.scope, ())]
        stay = [k for k in range(len(self.lines)) if k not in flags.by]
        at = {k: n for n, k in enumerate(stay)}
        everywhere = range(len(stay))
        shaped = [
            (
                shape,
                everywhere if len(asked) == len(self.lines) else [at[k] for k in asked if k in at],
                frozenset(at[k] for k in had if k in at),
            )
            for shape, asked, had in self.shaped
        ]
        return [_Left(patch, [self.lines[k] for k in stay], self.scope, shaped)]

    def over_budget(self, flags: Flags) -> bool:
        """Whether heads and tails take more than half of the text beyond what other rules take."""
        if not flags.swept or len(self.text) < _BUDGET_FROM:
            return False
        alone = (k for k, by in flags.by.items() if all(self.rules[n].sweeps for n in by))
        return sum(self.pasts[k] - self.starts[k] - 1 for k in alone) > _BUDGET * len(self.text)

    def decide(self, flags: Flags) -> tuple[tuple[Edit, ...], tuple[Edit, ...]]:
        """Turn flags and finds into edits that do not overlap: the longest, the leftmost, the surer, the wider rule."""
        rules, ranks, starts, pasts, text = self.rules, self.chrome.ranks, self.starts, self.pasts, self.text
        edits: list[Edit] = []
        spared: list[Edit] = []
        for k, n in flags.doubts():
            start, stop, note = starts[k], pasts[k], self._why_spared(rules[n], flags)
            spared.append(Edit(start, stop, text[start:stop], "", rules[n].id, note))
        found: list[_Span] = []
        for span, trusted in self.inline(flags):
            if trusted:
                found.append(span)
            else:
                spared.append(self._edit(span, self._why_spared(span.rule, flags)))
        if flags.swept:
            found += self._swept(flags)
        else:
            for k, by in flags.by.items():
                start, stop = starts[k], pasts[k]
                if len(by) == 1:
                    (best,) = by
                else:
                    best = min(by, key=ranks.__getitem__)
                    others = (rules[n].id for n in by if n != best)
                    spared += (Edit(start, stop, text[start:stop], "", other, "overlap") for other in others)
                edits.append(Edit(start, stop, text[start:stop], "", rules[best].id))
        if found:
            kept, overlapping = _longest(found, len(text))
            edits += map(self._edit, kept)
            spared += (self._edit(span, "overlap") for span in overlapping if not span.rule.sweeps)
        return tuple(sorted(edits)), tuple(sorted(spared))

    def _swept(self, flags: Flags) -> Iterator[_Span]:
        """Yield what sweeps take, and the lines that go by themselves."""
        rules, ranks = self.rules, self.chrome.ranks
        # Where two sweeps cross, the shorter one's lines go one by one.
        for k, by in flags.by.items():
            yield from (_Span(self.starts[k], self.pasts[k], ranks[n], rules[n]) for n in by)
        for n, k in flags.swept.items():
            head = rules[n].find == "head"
            start, stop = (0, self.pasts[k]) if head else (self.starts[k], len(self.text))
            yield _Span(start, stop, ranks[n], rules[n])

    def _why_spared(self, rule: Rule, flags: Flags) -> str:
        if rule.cls in self.chrome.keep:
            return "kept class"
        return "budget" if rule.sweeps and not flags.sweeping else "low confidence"

    def inline(self, flags: Flags) -> Iterator[tuple[_Span, bool]]:
        """Yield the finds inside lines that stay, and whether they may go."""
        rules = sorted(self.chrome.matcher.inline(self.flat) & self.scope.active)
        for k in range(len(self.lines)) if rules else ():
            if k in flags.by:
                continue
            line = self.flat[self.starts[k] : self.pasts[k]].rstrip("\n")
            for n in rules:
                for start, stop in self.chrome.matcher.spans(n, line):
                    if flags.holds(k, n):
                        at = self.starts[k]
                        span = _Span(at + start, at + stop, self.chrome.ranks[n], self.rules[n])
                        yield span, flags.trusted(k, n)

    def _edit(self, span: _Span, note: str = "") -> Edit:
        return Edit(span.start, span.stop, self.text[span.start : span.stop], "", span.rule.id, note)


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
    for span in sorted(spans, key=lambda s: (s.start - s.stop, s.start, s.rank)):
        if taken.find(1, span.start, span.stop) < 0:
            taken[span.start : span.stop] = b"\1" * (span.stop - span.start)
            kept.append(span)
        else:
            lost.append(span)
    return sorted(kept, key=lambda s: s.start), lost
