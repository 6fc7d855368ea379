"""A document is its raw text plus patches; its text is derived from them, never assigned.

Offsets count characters (Unicode code points) of the text a stage was given, half-open ``[start, stop)``.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import accumulate
from typing import NamedTuple

Label = str | int | float | bool


class PatchError(ValueError):
    """A patch that does not fit the text it is applied to, or whose edits overlap."""


class Line(NamedTuple):
    """One line of a text, without its line break: ``text[start:stop]``."""

    start: int
    stop: int
    text: str


class Hint(NamedTuple):
    """What HTML told about one block, beside the block's line: never part of the text.

    ``path`` holds the tags from below ``body`` to the block (``div/article/p``), ``links`` the share of the
    block's characters that stand in links (0 to 1), ``names`` the class and id words of the block and its
    ancestors, nearest first, separated by blanks.
    """

    path: str
    links: float = 0.0
    names: str = ""

    @property
    def verbatim(self) -> bool:
        """Whether the block keeps its own line and column structure: preformatted text or a table row."""
        return not _VERBATIM.isdisjoint(self.path.split("/"))


_VERBATIM = frozenset(("pre", "code", "samp", "textarea", "table", "tr"))


class Edit(NamedTuple):
    """One change: ``before`` stood at ``[start, stop)`` and ``after`` takes its place, because of ``rule``.

    ``note`` carries what the rule measured, for people: a score, the pages seen, why it was spared.
    """

    start: int
    stop: int
    before: str
    after: str
    rule: str
    note: str = ""


def _check(edits: Iterable[Edit]) -> None:
    end = 0
    for e in edits:
        if e.start < end or e.stop - e.start != len(e.before):
            fault = (
                f"is not as long as {e.before!r}" if e.start >= end else f"overlaps the one before, which ends at {end}"
            )
            raise PatchError(f"{e.rule}: the edit at {e.start}-{e.stop} {fault}")
        end = e.stop


@dataclass(frozen=True, slots=True)
class Patch:
    """What one stage did to one document.

    ``edits`` are in reading order and do not overlap (edits at one offset apply in tuple order); ``spared``
    are edits that a stage found and did not make, the reason in their note.

    Raises ``PatchError`` when edits overlap or an edit's span is not as long as its ``before``.

    >>> p = Patch("joins", (Edit(5, 5, "", " ", "joins/glued-sentence"),))
    >>> p.apply("OTAN.Les")
    'OTAN. Les'
    >>> p.inverse().apply("OTAN. Les")
    'OTAN.Les'
    """

    stage: str
    edits: tuple[Edit, ...] = ()
    labels: Mapping[str, Label] = field(default_factory=dict)
    spared: tuple[Edit, ...] = ()

    def __post_init__(self) -> None:
        _check(self.edits)

    def __bool__(self) -> bool:
        return bool(self.edits or self.labels or self.spared)

    def apply(self, text: str) -> str:
        """Give the text with every edit made. Raises ``PatchError`` where ``before`` does not stand in it."""
        if not self.edits:
            return text
        parts: list[str] = []
        end = 0
        for e in self.edits:
            if text[e.start : e.stop] != e.before or e.stop > len(text):
                found = text[e.start : e.stop]
                raise PatchError(f"{e.rule}: {found!r} stands at {e.start}-{e.stop}, the edit expects {e.before!r}")
            parts += text[end : e.start], e.after
            end = e.stop
        parts.append(text[end:])
        return "".join(parts)

    def inverse(self) -> Patch:
        """Give the patch that takes this one back: ``p.inverse().apply(p.apply(t)) == t``."""
        shift = 0
        edits = []
        for e in self.edits:
            start = e.start + shift
            edits.append(Edit(start, start + len(e.after), e.after, e.before, e.rule, e.note))
            shift += len(e.after) - len(e.before)
        return Patch(self.stage, tuple(edits))

    def origin(self, offset: int) -> int:
        """Give the place in the text before this patch of a character of the text after it.

        What follows a deletion maps behind the deletion; an inserted character maps to where it was put in.
        """
        return next(self.origins((offset,)))

    def origins(self, offsets: Iterable[int]) -> Iterator[int]:
        """Give ``origin`` of each of the offsets, the edits walked through once."""
        stops = list(accumulate((len(e.after) - len(e.before) for e in self.edits), initial=0))
        starts = [e.start + shift for e, shift in zip(self.edits, stops, strict=False)]
        for offset in offsets:
            n = bisect_right(starts, offset)
            if not n:
                yield offset
                continue
            e, start = self.edits[n - 1], starts[n - 1]
            yield e.start if offset < start + len(e.after) else offset - stops[n]


@dataclass(frozen=True, slots=True)
class Document:
    """A text, where it came from, and all that was done to it.

    ``raw`` is the decoded file; for HTML it is the linearised text, one block a line, with one ``Hint`` a line
    in ``hints`` and the decoded page in ``html``. ``source`` holds the labels that reading gave. Adding a patch
    is the only way to another text.

    >>> d = Document("a", "OTAN.Les") + Patch("joins", (Edit(5, 5, "", " ", "joins/glued-sentence"),))
    >>> d.text, d.undo().text
    ('OTAN. Les', 'OTAN.Les')
    """

    id: str
    raw: str
    url: str | None = None
    site: str | None = None
    hints: tuple[Hint, ...] = ()
    source: Mapping[str, Label] = field(default_factory=dict)
    html: str | None = field(default=None, repr=False, compare=False)
    patches: tuple[Patch, ...] = ()
    _text: str | None = field(default=None, repr=False, compare=False)

    @property
    def text(self) -> str:
        """The raw text with every patch applied."""
        if self._text is None:
            object.__setattr__(self, "_text", reduce(lambda text, patch: patch.apply(text), self.patches, self.raw))
        assert self._text is not None
        return self._text

    @property
    def lines(self) -> tuple[Line, ...]:
        """The text's lines; at least one."""
        return tuple(lines(self.text))

    @property
    def labels(self) -> dict[str, Label]:
        """What is known of the document; a later patch's label replaces an earlier one."""
        labels = dict(self.source)
        for patch in self.patches:
            labels.update(patch.labels)
        return labels

    @property
    def ledger(self) -> tuple[Edit, ...]:
        """Every edit that was made, in the order of making; offsets count in the text each stage was given."""
        return tuple(e for patch in self.patches for e in patch.edits)

    def line_hints(self) -> tuple[Hint | None, ...]:
        """Give each line of the text the hint of the raw line that its first character came from."""
        if not self.hints:
            return (None,) * (self.text.count("\n") + 1)
        offsets: Iterable[int] = [line.start for line in lines(self.text)]
        for patch in reversed(self.patches):
            offsets = patch.origins(offsets)
        starts = [line.start for line in lines(self.raw)]
        return tuple(self.hints[min(bisect_right(starts, o), len(self.hints)) - 1] for o in offsets)

    def __add__(self, patch: Patch) -> Document:
        text, patches = patch.apply(self.text), (*self.patches, patch)
        # Not `replace`, which looks every field up: five of these to a document.
        return Document(self.id, self.raw, self.url, self.site, self.hints, self.source, self.html, patches, text)

    def undo(self) -> Document:
        """Take every patch back, last first, by its inverse. Raises ``PatchError`` if that does not give ``raw``."""
        text = self.text
        for patch in reversed(self.patches):
            text = patch.inverse().apply(text)
        if text != self.raw:
            raise PatchError(f"{self.id}: undoing its patches does not give the raw text back")
        return replace(self, patches=(), _text=None)


def lines(text: str) -> Iterator[Line]:
    """Yield the lines of a text, split at ``\\n`` alone, so that offsets add up.

    >>> [tuple(line) for line in lines("a\\n\\nbc")]
    [(0, 1, 'a'), (2, 2, ''), (3, 5, 'bc')]
    """
    start = 0
    for part in text.split("\n"):
        stop = start + len(part)
        yield Line(start, stop, part)
        start = stop + 1


def parts(text: str, size: int, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, int]]:
    r"""Cut ``text[start:stop]`` behind blanks into parts of ``size`` characters at most; a longer word is cut, too.

    >>> list(parts("ab cd\nefghijk", 5))
    [(0, 3), (3, 6), (6, 11), (11, 13)]
    """
    stop = len(text) if stop is None else stop
    while stop - start > size:
        cut = 1 + max(text.rfind(blank, start, start + size) for blank in "\n ")
        cut = cut if cut > start else start + size
        yield start, cut
        start = cut
    yield start, stop


def trimmed(start: int, before: str, after: str, rule: str, note: str = "") -> Edit:
    """Give the edit from ``before`` to ``after`` at ``start`` without the ends that both share.

    >>> trimmed(10, "dÃ©but", "début", "encoding/mojibake")[:4]
    (11, 13, 'Ã©', 'é')
    """
    short = min(len(before), len(after))
    head = next((i for i in range(short) if before[i] != after[i]), short)
    tail = next((i for i in range(short - head) if before[-1 - i] != after[-1 - i]), short - head)
    stop = len(before) - tail
    return Edit(start + head, start + stop, before[head:stop], after[head : len(after) - tail], rule, note)


def composed(text: str, first: Sequence[Edit], then: Sequence[Edit]) -> list[Edit]:
    """Give the edits of ``text`` that ``first`` and then, on its result, ``then`` make; what touches becomes one.

    >>> composed("a&amp;c", [Edit(1, 6, "&amp;", "&", "entity")], [Edit(0, 2, "a&", "x", "mojibake")])
    [Edit(start=0, stop=6, before='a&amp;', after='x', rule='entity mojibake', note='')]
    """
    if not first or not then:
        return [*first, *then]
    middle = Patch("", tuple(first)).apply(text)
    spans = [(e.start, e.stop, 1, e) for e in then]
    spans += ((e.start, e.stop, 0, e) for e in Patch("", tuple(first)).inverse().edits)
    spans.sort(key=lambda span: span[:3])
    out: list[Edit] = []
    shift = n = 0
    while n < len(spans):
        start, stop = spans[n][:2]
        group: list[tuple[int, Edit]] = []
        while n < len(spans) and spans[n][0] <= stop:
            stop = max(stop, spans[n][1])
            group.append(spans[n][2:])
            n += 1
        group.sort(key=lambda item: item[0])
        late = (e._replace(start=e.start - start, stop=e.stop - start) for is_late, e in group if is_late)
        after = Patch("", tuple(late)).apply(middle[start:stop])
        grown = sum(len(e.before) - len(e.after) for is_late, e in group if not is_late)
        rule = " ".join(dict.fromkeys(rule for _, e in group for rule in e.rule.split(" ")))
        note = ", ".join(dict.fromkeys(e.note for _, e in group if e.note))
        origin = start - shift, stop - shift - grown
        out.append(Edit(*origin, text[slice(*origin)], after, rule, note))
        shift += grown
    return out
