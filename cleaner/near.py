"""Why a line stays: the rules that came near it, and what each of them lacked.

A line is judged as the rule stage first met it: after ``encoding`` and ``extract``, before any rule.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple
from unicodedata import normalize
from urllib.parse import urlsplit

from cleaner.document import Document, Edit, Hint
from cleaner.explain import Row, rows, short
from cleaner.fold import fold_plain, plain
from cleaner.keeps import quoted
from cleaner.marks import history, render
from cleaner.matcher import compiled
from cleaner.pipeline import Pipeline
from cleaner.rules import LONGEST, Rule
from cleaner.stages.chrome import Chrome, _Page
from cleaner.stages.flags import Flags

_MOST = 10  # answers
_MORE_WORDS = 4  # of a line beyond a phrase that it has
_PHRASE = 0.33  # of a line: the least that a phrase in it must make up; “read” is near to too much
_PART = 0.5  # of a line: the least that a pattern must find for its rule to be near
_EXAMPLE = 160  # characters of a neighbour in an example
_SENTENCE = re.compile(r".{60,}[.!?…。][»”\"')]*", re.DOTALL)
_WRITING = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")  # written without blanks
_WHERE = {"before": "above it", "after": "below it", "either": "above or below it"}


class NoLine(ValueError):
    """The document has no line of that number; the message says how many it has."""


class Answer(NamedTuple):
    """What one rule has to do with a line: ``told`` goes on after the rule's id."""

    rule: str
    told: str


class Near(NamedTuple):
    """A line, where it stands and who saw it, and the rules that took or nearly took it, most useful first.

    ``more`` counts answers left out; ``unknown`` says that no rule knows the words; ``draft`` is then a rule for the
    line in TOML, unless it reads like a sentence.
    """

    row: Row
    seen: tuple[str, ...]
    answers: tuple[Answer, ...]
    more: int
    unknown: bool
    draft: str


_SHAPED = (1, 4)


class _Ranked(NamedTuple):
    """An answer and its order: its kind, then how far the rule is.

    0: its words or pattern match; 1: its shape does and one condition lacks; 2: out of scope; 3: its words are near;
    4: its shape matches and more lacks.
    """

    kind: int
    far: float
    answer: Answer


def near(document: Document, number: int, pipeline: Pipeline, *, only: str | None = None, most: int = _MOST) -> Near:
    """Tell why a line of a cleaned document stays, or what took it.

    ``number`` counts from 1 as ``cleaner.explain.rows`` does; ``pipeline`` is what cleaned the document; ``only``
    is the id of the one rule asked about. Raises ``NoLine`` for a number out of range, ``cleaner.rules.RuleError``
    for an unknown rule, ``ValueError`` for a pipeline without the rule stage.
    """
    chrome = next((stage for stage in pipeline.stages if isinstance(stage, Chrome)), None)
    if chrome is None:
        raise ValueError("the pipeline has no stage 'chrome', so no rule has seen the line")
    asked = [pipeline.rules[only]] if only else pipeline.rules.all
    row = _row(document, number)
    took = [Answer(rule, told) for rule, told in _took(row, pipeline) if only in (None, rule)]
    stays = _stays(document, number)
    if stays is None:
        blank = not any(piece.text.strip("↵ \t") for piece in row.pieces)
        return Near(row, ("a blank line: no rule looks at it",) if blank else (), tuple(took), 0, False, "")
    first = next(n for n, patch in enumerate(document.patches) if patch.stage == chrome.name)
    before = replace(document, patches=document.patches[:first], _text=None)
    for patch in reversed(document.patches[first:]):
        stays = patch.origin(stays)
    line = _Line(chrome, before, stays, document.patches[first].spared)
    ranked = sorted(line.answers(asked))
    found = [*took, *(each.answer for each in ranked)]
    unknown = not (only or took or any(each.kind not in _SHAPED for each in ranked))
    seen = (*_origin(document, before, stays, number), *line.seen())
    return Near(row, seen, tuple(found[:most]), len(found[most:]), unknown, line.draft() if unknown else "")


def _row(document: Document, number: int) -> Row:
    last = 0
    for row in rows(document, whole=True):
        if row.number == number:
            return row
        last = row.number
    raise NoLine(f"{document.id} has no line {number}: 'cleaner explain --all' numbers them 1 to {last}")


def _took(row: Row, pipeline: Pipeline) -> Iterator[tuple[str, str]]:
    """Yield the rules that changed a line and what they did, in one sentence each."""
    whole = not any(piece.kind != "-" and piece.text.strip() for piece in row.pieces)
    blank = not any(piece.text.strip("↵ \t") for piece in row.pieces)
    for rule in row.rules:
        if not blank and not any(piece.text.strip("↵ \t") for piece in row.pieces if piece.rule == rule):
            continue  # a line break that joins settled
        why = f": {pipeline.rules[rule].why}" if rule in pipeline.rules.classes else ""
        yield rule, f"{'removed the line' if whole else 'changed the line'}{why}"


def _stays(document: Document, number: int) -> int | None:
    """Give the offset in the clean text of a line's first visible character; None where all of it has gone."""
    nth, offset = 1, 0
    for piece in history(document):
        for n, part in enumerate(piece.text.split("\n")):
            nth += n > 0
            offset += n > 0 and piece.kind != "-"
            if nth > number:
                return None
            if nth == number and piece.kind != "-" and part.strip():
                return offset + len(part) - len(part.lstrip())
            offset += len(part) if piece.kind != "-" else 0
    return None


def _origin(document: Document, before: Document, offset: int, number: int) -> Iterator[str]:
    for patch in reversed(before.patches):
        offset = patch.origin(offset)
    of_file = document.raw.count("\n", 0, offset) + 1
    if of_file != number:
        yield f"line {of_file} of the {'page, one block a line' if document.hints else 'file'}"


class _Line:
    """One line before the rule stage. All that is asked of the stage's inner state is asked in ``_lacks``."""

    def __init__(self, chrome: Chrome, document: Document, offset: int, spared: Sequence[Edit]) -> None:
        self._page = page = _Page(chrome, document)
        self._flags = _settled(page)
        self._k = max(bisect_right(page.starts, offset) - 1, 0)
        start, past = page.starts[self._k], page.pasts[self._k]
        self._document, self._profile = document, chrome.profile
        self._line = page.lines[self._k]
        self._folded = fold_plain(self._line)
        self._hint = _hint(document, start)
        self._lost = {e.rule for e in spared if e.note == "overlap" and start <= e.start < past}
        self._inline = chrome.matcher.inline(self._line)
        self._numbers = {rule.id: n for n, rule in enumerate(chrome.rules.all)}

    def seen(self) -> Iterator[str]:
        """Yield which stage saw the line how, one sentence each."""
        if self._document.html is not None:
            told = str(self._document.labels.get("extract", "not asked"))
            kept = (
                "extract kept it"
                if told in ("trafilatura", "best", "fast")
                else f"extract kept the whole page ({told})"
            )
            if self._hint:
                kept += f": {self._hint.path or 'body'}, {self._hint.links:.0%} of it in links"
            yield kept
        language = self._document.labels.get("language", "und")
        yield f"chrome tried {len(self._page.scope.active):,} rules on it, language {language}, profile {self._profile}"
        if len(self._line) > LONGEST:
            yield f"{len(self._line):,} characters: rules take no line as a whole beyond {LONGEST:,}"
        elif _SENTENCE.fullmatch(self._line):
            yield "it reads like a sentence: only repetition on many pages could tell it from text"

    def answers(self, rules: Iterable[Rule]) -> Iterator[_Ranked]:
        for rule in rules:
            n = self._numbers[rule.id]
            lacks = self._unmet(rule)
            if lacks is None and n in self._page.scope.active:
                yield from (_Ranked(3, far, Answer(rule.id, told)) for far, told in self._nearly(rule))
            elif lacks is not None and n not in self._page.scope.active:
                yield _Ranked(2, 0.0, Answer(rule.id, f"matches, but is {self._scope(rule)}"))
            elif lacks is not None:
                lacks = lacks or _lacks(self._page, self._flags, self._k, n)
                if not lacks and rule.id in self._lost:
                    lacks = ["a longer span of another rule was taken"]
                if lacks:
                    kind = 0 if rule.words or rule.match else _SHAPED[len(lacks) > 1]
                    yield _Ranked(kind, len(lacks), Answer(rule.id, f"matches, but {'; '.join(lacks)}"))

    def _unmet(self, rule: Rule) -> list[str] | None:
        """Tell what of the line itself keeps a rule whose words, pattern or shape it has; None where it has not."""
        n = self._numbers[rule.id]
        if rule.find == "inline":
            return [] if n in self._inline else None
        found = self._page.finds(self._k, n)
        if not found and not (len(self._line) <= LONGEST and self._whole(rule)):
            return None
        if not found and len(self._line) > rule.longest and rule.match:
            return [f"the line has {len(self._line)} characters, the rule reads {rule.longest} at most"]
        if self._hint and "pre" in self._hint.path.split("/"):
            return ["the line is preformatted, and no rule touches code"]
        return [f"the line has not the shape '{rule.shape}'"] if not found and rule.shape else []

    def _whole(self, rule: Rule) -> bool:
        if rule.match:
            return compiled(rule.match).fullmatch(self._line) is not None
        return any(fold_plain(plain(word)) == self._folded for word in rule.words)

    def _nearly(self, rule: Rule) -> Iterator[tuple[float, str]]:
        """Yield how far a rule's words or pattern are from the line, 0 to 1, and in words, if they are near at all."""
        if len(self._line) > LONGEST or rule.find == "inline":
            return
        if rule.match:
            found = compiled(rule.match).search(self._line)
            part = found.group() if found else ""
            if len(part) > _PART * len(self._line):
                yield 1 - len(part) / len(self._line), f"its pattern takes “{short(part, 60)}”, not the whole line"
        phrases = ((_phrase(fold_plain(plain(word)), self._folded), word) for word in rule.words)
        nearest = min(((*how, word) for how, word in phrases if how), default=None)
        if nearest:
            yield nearest[0], f"knows “{short(nearest[2], 60)}”: {nearest[1]}"

    def _scope(self, rule: Rule) -> str:
        kind, name = rule.scope
        labels = self._document.labels
        if kind == "lang":
            return f"for text in {name}; this is {labels.get('language', 'und')}"
        if kind == "cms":
            return f"for pages made by {name}; this one is by {labels.get('cms', '')}"
        host = (urlsplit(self._document.url).hostname or "") if self._document.url else ""
        return f"for pages of {name}; this one is {f'of {host}' if host else 'of no known address'}"

    def draft(self) -> str:
        """Write a rule that takes the line: to be named, classed and given a look-alike by who knows the site."""
        if not self._folded or len(self._line) > LONGEST or _SENTENCE.fullmatch(self._line):
            return ""
        host = urlsplit(self._document.url).hostname if self._document.url else None
        language = str(self._document.labels.get("language", "und"))
        file = f"site/{host}.toml" if host else "any/own.toml" if language == "und" else f"lang/{language}.toml"
        above = self._page.lines[self._k - 1] if self._k and self._k - 1 not in self._flags.by else ""
        above = f"{above[:_EXAMPLE].strip()}\n" if above else ""
        example = render(above + self._line, [Edit(len(above), len(above) + len(self._line), self._line, "", "")])
        return "\n".join(
            (
                f"# my-rules/{file}",
                f"[{_kebab(self._folded)}]",
                'why = "Say what it is."',
                'class = "widget" # or nav, share, related, subscribe, footer, …',
                'find = "line"',
                f"words = [{quoted(self._folded)}] # a number in it changes from page to page? Then write a match",
                f"removes = [{quoted(example)}]",
                f"keeps = [{quoted(render(f'It says “{self._line}” there, the guide told us, and went on.', ()))}]",
                f"source = {quoted(self._document.id)}",
            )
        )


def _settled(page: _Page) -> Flags:
    """Give the flags of a page as the rule stage's ``propose`` reaches them."""
    flags = page.flags()
    return page.flags(sweeping=False) if page.over_budget(flags) else flags


def _lacks(page: _Page, flags: Flags, k: int, n: int) -> list[str]:
    """Tell every condition of rule n that does not hold for the line at position k."""
    rule, ask = page.rules[n], flags.asks[n]
    lacks = []
    if ask.least and not flags._run(k, n, ask.least):
        run = next((count for count in range(ask.least - 1, 1, -1) if flags._run(k, n, count)), 1)
        lacks.append(f"stands with {run} of the {rule.least} adjacent lines that it needs")
    if ask.edge and not flags._edge(k, ask):
        outside = range(k) if ask.edge < 0 else range(k + 1, flags.size)
        edge, nth = "head" if ask.edge < 0 else "tail", 1 + sum(at not in flags.by for at in outside)
        lacks.append(f"it must be among the {edge}'s {rule.within} lines and is number {nth}")
    if rule.beside and not flags._beside(k, n, ask):
        classes = frozenset(rule.beside.classes)
        gone = (at for at, by in flags.by.items() if any(page.rules[m].cls in classes for m in by))
        away = _distance_to({*flags.contexts.get(n, ()), *gone}, k, rule.beside.side, flags.by)
        lacks.append(f"needs {_wanted(rule)}, and {f'the nearest is {away} away' if away else 'there is none'}")
    if rule.cls in page.chrome.keep:
        lacks.append(f"its class is kept (--keep {rule.cls})")
    elif rule.sweeps and not flags.sweeping:
        lacks.append("heads and tails would take more than half of the text (suspect: over-removal)")
    elif not flags.trusted(k, n):
        between = "" if rule.find == "inline" else ", or between lines that go"
        lacks.append(f"its confidence is low: it takes the line with --profile strict{between}")
    return lacks


def _distance_to(places: Iterable[int], k: int, side: str, gone: Container[int]) -> int:
    """Count lines to the nearest of some places, removed ones left out; 0 where there is none on that side."""
    above = max((at for at in places if at < k and side != "after"), default=None)
    below = min((at for at in places if at > k and side != "before"), default=None)
    ways = [range(above + 1, k)] if above is not None else []
    ways += [range(k + 1, below)] if below is not None else []
    return min((1 + sum(at not in gone for at in way) for way in ways), default=0)


def _wanted(rule: Rule) -> str:
    want = rule.beside
    assert want
    kinds = []
    if want.classes:
        kinds.append(f"a line that goes as {_or(want.classes)}")
    if want.words:
        more = f" (or {len(want.words) - 2} phrases more)" if len(want.words) > 2 else ""
        kinds.append(" or ".join(f"“{word}”" for word in want.words[:2]) + more)
    if want.match:
        kinds.append(f"a line like {short(want.match, 60)}")
    return f"{' or '.join(kinds)} within {want.within} {'lines' if want.within > 1 else 'line'} {_WHERE[want.side]}"


def _or(names: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _hint(document: Document, start: int) -> Hint | None:
    return document.line_hints()[document.text.count("\n", 0, start)] if document.hints else None


def _phrase(phrase: str, line: str) -> tuple[float, str] | None:
    """Tell how far a phrase is from a line, both folded: the share that differs, and in words; None where far."""
    most = 2 if len(phrase) >= 8 else int(len(phrase) >= 4)
    if most and phrase != line and (apart := distance(phrase, line, most)) is not None:
        return apart / len(phrase), f"{apart} character{'s' * (apart > 1)} differ{'s' * (apart < 2)}"
    at = line.find(phrase) if len(phrase) > 1 else -1
    if at >= 0 and _bounded(line, at, at + len(phrase)):
        rest = f"{line[:at]} {line[at + len(phrase) :]}"
        more = max(len(rest.split()), len(_WRITING.findall(rest)) // 2)
        if 0 < more <= _MORE_WORDS and len(phrase) >= _PHRASE * len(line):
            return 1 - len(phrase) / len(line), f"the line has {more} word{'s' * (more > 1)} more"
    ours, theirs = line.split(), phrase.split()
    head = _common(ours, theirs)
    tail = _common(ours[head:][::-1], theirs[head:][::-1])
    if head + tail >= 2 and max(len(ours), len(theirs)) == head + tail + 1:
        return 1 / max(len(ours), len(theirs)), "one word differs"
    return None


def _bounded(line: str, start: int, stop: int) -> bool:
    """Whether no letter of a script that writes blanks stands right before or behind a part of a line."""
    return not any(c.isalnum() and not _WRITING.match(c) for c in (line[:start][-1:], line[stop : stop + 1]))


def _common(a: Sequence[str], b: Sequence[str]) -> int:
    return next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def distance(a: str, b: str, most: int) -> int | None:
    """Count the characters to change, put in or take out to make one text the other; None beyond ``most``.

    Only the ``2 * most + 1`` diagonals that can matter are filled in (Ukkonen 1985), so the work grows with the
    length alone.

    >>> distance("leave a comment", "leave a coment", 2), distance("share", "tweet", 2)
    (1, None)
    """
    if abs(len(a) - len(b)) > most:
        return None
    beyond = most + 1
    row = {j: j for j in range(min(len(b), most) + 1)}
    for i, x in enumerate(a, 1):
        now: dict[int, int] = {}
        for j in range(max(0, i - most), min(len(b), i + most) + 1):
            change = row.get(j - 1, beyond) + (x != b[j - 1]) if j else beyond
            now[j] = min(change, row.get(j, beyond) + 1, now.get(j - 1, beyond) + 1)
        row = now
        if min(row.values()) > most:
            return None
    return row[len(b)] if row[len(b)] <= most else None


def _kebab(folded: str) -> str:
    ascii_ = normalize("NFKD", folded).encode("ascii", "ignore").decode()
    return "-".join(re.findall(r"[a-z][a-z0-9]*", ascii_)[:5])[:40].strip("-") or "line"
