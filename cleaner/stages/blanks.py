"""Blank lines and stray blanks: what of a text is layout, and what of its layout must stay."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from cleaner.document import Edit

# Unicode's Zs, the tab, and the carriage return of a text whose lines end in CR LF.
BLANKS = " \t\r\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
# U+3000 is not among the leading ones: one of it opens every paragraph of Chinese and Japanese prose.
_LEADING = " \xa0\u202f"
# CommonMark 0.31, section 4.5: up to three blanks, three backticks or more, no backtick in the info string.
_FENCE = re.compile(r"^[ \xa0\u202f]{0,3}(`{3,})([^`\n]*)$", re.MULTILINE)


def fenced(text: str, starts: Sequence[int]) -> frozenset[int]:
    """Give the numbers of the lines in ``` fences, the fences' own among them; an unclosed fence is none.

    ``starts`` holds the offset of every line.

    >>> sorted(fenced("a\\n```\\nb\\n```\\nc\\n```", (0, 2, 6, 8, 12, 14)))
    [1, 2, 3]
    """
    if "```" not in text:
        return frozenset()
    marks = [(bisect_right(starts, m.start()) - 1, len(m[1]), not m[2].strip(BLANKS)) for m in _FENCE.finditer(text)]
    longest = 0
    closers = []  # the longest fence without an info string from each mark on
    for _, length, bare in reversed(marks):
        longest = max(longest, length) if bare else longest
        closers.append(longest)
    closers.reverse()
    inside: set[int] = set()
    opened: tuple[int, int] | None = None
    for n, (line, length, bare) in enumerate(marks):
        if opened is None:
            if n + 1 < len(marks) and closers[n + 1] >= length:
                opened = line, length
        elif bare and length >= opened[1]:
            inside.update(range(opened[0], line + 1))
            opened = None
    return frozenset(inside)


def is_row(line: str) -> bool:
    """Whether tabs stand between the line's words: a row of a table, whose blanks are empty cells."""
    return "\t" in line.strip(BLANKS)


def blank_edits(text: str, lines: Sequence[str], starts: Sequence[int], kept: frozenset[int]) -> Iterator[Edit]:
    """Yield the edits that leave one blank line between paragraphs, none at the text's ends, no stray blanks.

    ``lines`` are those of ``text``, ``starts`` their offsets, ``kept`` the numbers of those left alone; blank
    lines at the text's ends go even there, so that a text never ends in a line break. Edits are in order.
    """
    head = len(text) - len(text.lstrip(BLANKS + "\n"))
    tail = len(text.rstrip(BLANKS + "\n"))
    if head >= tail:
        if text:
            yield Edit(0, len(text), text, "", "joins/blank-lines")
        return
    first, last = bisect_right(starts, head) - 1, bisect_right(starts, tail - 1) - 1
    if first:
        yield Edit(0, starts[first], text[: starts[first]], "", "joins/blank-lines")
    gap, cut, above = 0, 0, -2
    # Most lines neither begin nor end in a blank.
    for n in [n for n, line in enumerate(lines) if not line or line[0] in BLANKS or line[-1] in BLANKS]:
        if not first <= n <= last:
            continue
        line = lines[n]
        start = starts[n]
        if above != n - 1:
            if gap > 1:
                yield Edit(cut, starts[above + 1], text[cut : starts[above + 1]], "", "joins/blank-lines")
            gap = 0
        if n not in kept and not line.strip(BLANKS):
            above = n
            gap += 1
            if gap == 1 and line:
                yield Edit(start, start + len(line), line, "", "joins/trailing-blank")
            elif gap == 2:
                cut = start
            continue
        if gap > 1:
            yield Edit(cut, start, text[cut:start], "", "joins/blank-lines")
        gap = 0
        if line and n not in kept and not is_row(line):
            if line[0] in _LEADING and line[1] not in BLANKS:
                yield Edit(start, start + 1, line[0], "", "joins/leading-blank")
            end = len(line.rstrip(BLANKS))
            if end < len(line):
                yield Edit(start + end, start + len(line), line[end:], "", "joins/trailing-blank")
    if gap > 1:
        yield Edit(cut, starts[above + 1], text[cut : starts[above + 1]], "", "joins/blank-lines")
    end = starts[last] + len(lines[last])
    if end < len(text):
        yield Edit(end, len(text), text[end:], "", "joins/blank-lines")
