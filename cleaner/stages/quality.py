"""Label a document with signals of its final text: how long, how repetitive, how much of it is prose.

The signals are those that filters of web corpora ask for. Nothing is judged here: thresholds are a decision of the
user (``drop.quality`` in ``cleaner.toml``). Sources, by the name that ``signals.SIGNALS`` uses:

- Gopher: Rae et al. 2021, "Scaling Language Models", arXiv 2112.11446, table A1 and section A.1.1;
- C4: Raffel et al. 2020, "Exploring the Limits of Transfer Learning", JMLR 21, section 2.2;
- RefinedWeb: Penedo et al. 2023, arXiv 2306.01116, which takes Gopher's document and repetition filters over;
- FineWeb: Penedo et al. 2024, arXiv 2406.17557, section 3.6.

A word is what stands between blanks and holds a letter or a digit; its length counts letters, digits and marks. In
scripts that write without blanks every letter stands alone: two ideographs or kana count as a word, four letters of
Thai, Lao, Khmer or Burmese do. An n-gram of such a text is as many letters as n words have.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from cleaner.document import Document, Label, Patch, parts
from cleaner.stages.signals import PLAIN, SIGNALS

# What a character is. A word's characters are those from _MARK on.
_OTHER, _STOP, _WIDE_STOP, _BLANK, _MARK, _LETTER, _IDEOGRAPH, _LONG = range(8)
# Of Unicode's Sentence_Terminal; the wide ones need no blank behind them.
_STOPS, _WIDE_STOPS = (
    ".!?\u037e\u0589\u061f\u06d4\u0964\u0965\u104a\u104b\u1362\u1367\u1368\u17d4\u17d5\u203c\u2047\u2048\u2049\u203d",
    "。！？｡．﹒",
)
_TERMINAL = frozenset(_STOPS + _WIDE_STOPS)
_CLOSING = "\"'»«”“’‘›‹」』）)]】〉》｣}*"
_MAYBE = _TERMINAL | frozenset(_CLOSING)
# A hyphen or an asterisk before a blank. Dashes are no bullets: French, Spanish and Russian open speech with them.
_BULLETS, _HYPHENS = frozenset("•‣⁃▶►◦●○■□▪▫◆◇❖➢➤✓✔·∙"), frozenset("-*")
_SHORT = 30
_IDEOGRAPHS = (
    (0x3005, 0x3007),
    (0x3041, 0x30FF),
    (0x3400, 0x9FFF),
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9D),
    (0x1B000, 0x1B2FF),
    (0x20000, 0x323AF),
)
_LONGS = ((0xE01, 0xE7F), (0xE81, 0xEFF), (0x1000, 0x109F), (0x1780, 0x17D3), (0xA9E0, 0xA9FF), (0xAA60, 0xAA7F))
# Segmenters cut invented news into words of 1.8 (jieba), 1.5 (janome) and 4.6 letters (pythainlp); round numbers do.
_PER_WORD = {_IDEOGRAPH: 2, _LONG: 4}
_KNOWN = 0x32400
"""Code points from here on (tags, private use) are no letters."""
_NEAR = 0x3000
"""Code points before are alphabets and their signs: a process that sees no others makes its table in a tenth."""

_CHUNK = 1 << 14
"""Characters at a time, so that memory is bounded by the words; texts are cut at blanks."""

_U64 = npt.NDArray[np.uint64]
_I64 = npt.NDArray[np.int64]
_BASE, _INVERSE = 0x9E3779B97F4A7C15, pow(0x9E3779B97F4A7C15, -1, 1 << 64)
_STEP = 0xD6E8FEB86659FD93
_EDGE, _TRUE = np.array([_BLANK], np.uint8), np.array([True])
_SIGNS, _MARKS = bytes((_OTHER, _STOP, _WIDE_STOP)), bytes((_MARK,))  # what is no part of a word; no letter of one
_NO_KEYS, _NO_SIZES = np.zeros(0, np.uint64), np.zeros(0, np.int64)
_ZERO, _ONE, _NOUGHT = np.zeros(1, np.uint64), np.uint64(1), np.zeros(1, np.int32)


class _Words(NamedTuple):
    """The words of a text: how many, and their characters; and what else was counted.

    Where it is asked which are equal, ``keys`` holds a number that stands for each, in order, ``sizes`` its characters.
    """

    keys: _U64 = _NO_KEYS
    sizes: _I64 = _NO_SIZES
    number: int = 0
    characters: int = 0
    between: int = 0  # what stands between blanks, words or not
    alphabetic: int = 0  # of these
    ideographs: int = 0
    longs: int = 0
    sentences: int = 0


@cache
def _classes(known: int) -> npt.NDArray[np.uint8]:
    table = np.zeros(known + 1, np.uint8)
    kinds = {"L": _LETTER, "M": _MARK, "N": _MARK, "Z": _BLANK}
    categories = [*map(unicodedata.category, map(chr, range(known)))]  # in C: every process waits for it
    told = {category: kinds.get(category[0], _OTHER) for category in set(categories)}
    table[:known] = np.frombuffer(bytes(map(told.__getitem__, categories)), np.uint8)
    for ranges, kind in ((_IDEOGRAPHS, _IDEOGRAPH), (_LONGS, _LONG)):
        for first, last in ranges:
            part = table[first : last + 1]
            part[(part >= _MARK)] = kind
    for characters, kind in ((_STOPS, _STOP), (_WIDE_STOPS, _WIDE_STOP), ("\t\n\v\f\r\x85\u200b", _BLANK)):
        table[[ord(c) for c in characters if ord(c) < known]] = kind
    return table


@cache
def _powers(base: int) -> _U64:
    powers = np.full(_CHUNK, base, np.uint64)
    powers[0] = 1
    return np.multiply.accumulate(powers)


def _mixed(keys: _U64) -> _U64:
    """Spread numbers over all bits (the finalizer of splitmix64, Steele et al. 2014)."""
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return keys ^ (keys >> np.uint64(31))


def _keys(codes: npt.NDArray[np.uint32], starts: _I64, stops: _I64) -> _U64:
    """Give a number for each word, equal for equal words."""
    sums = np.concatenate((_ZERO, np.cumsum((codes.astype(np.uint64) + _ONE) * _powers(_BASE)[: len(codes)])))
    return _mixed((sums[stops] - sums[starts]) * _powers(_INVERSE)[starts])


def _runs(kinds: bytes | npt.NDArray[np.uint8]) -> int:
    """Count the runs between blanks."""
    blank = np.frombuffer(kinds, np.uint8) == _BLANK
    return int(np.count_nonzero(blank[:-1] & ~blank[1:])) + (len(blank) > 0 and not blank[0])


def _part(text: str, *, keyed: bool) -> _Words:
    """Give the words of one part, by whole-array steps."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    kinds = _classes(_NEAR if codes.max() < _NEAR else _KNOWN).take(codes, mode="clip")
    after = np.concatenate((kinds[1:], _EDGE))
    stops = (kinds == _STOP) | (kinds == _WIDE_STOP)
    ends = stops & (after != _STOP) & (after != _WIDE_STOP) & ((kinds == _WIDE_STOP) | (after <= _BLANK))
    total, sentences = _runs(kinds), int(np.count_nonzero(ends))
    if not keyed and kinds.max() < _IDEOGRAPH:
        # A word is what is left of what stands between blanks: a third of the time of the numbers below.
        inside = kinds.tobytes().translate(None, _SIGNS)
        return _Words(
            number=_runs(inside),
            characters=len(inside) - inside.count(_BLANK),
            between=total,
            alphabetic=_runs(inside.translate(None, _MARKS)),
            sentences=sentences,
        )

    blank = kinds == _BLANK
    runs = np.cumsum(blank[:-1] & ~blank[1:], dtype=np.int32)  # the number of the run of a character, less the first
    places = (kinds >= _MARK).nonzero()[0]  # without points and signs: "don't" is one word
    if not len(places):
        return _Words(between=total, sentences=sentences)
    codes, kinds = codes.take(places), kinds.take(places)
    run = np.concatenate((_NOUGHT, runs)).take(places)
    first = run[1:] != run[:-1]
    dense = kinds >= _IDEOGRAPH
    starts = np.flatnonzero(np.concatenate((_TRUE, first | dense[1:] | dense[:-1])))
    stops_at = np.append(starts[1:], len(codes))
    letters = run[kinds >= _LETTER]
    return _Words(
        _keys(codes, starts, stops_at) if keyed else _NO_KEYS,
        stops_at - starts if keyed else _NO_SIZES,
        len(starts),
        len(codes),
        total,
        int(np.count_nonzero(letters[1:] != letters[:-1])) + bool(len(letters)),
        int(np.count_nonzero(kinds == _IDEOGRAPH)),
        int(np.count_nonzero(kinds == _LONG)),
        sentences,
    )


def _words(text: str, *, keyed: bool) -> _Words:
    found = [_part(text[start:stop], keyed=keyed) for start, stop in parts(text, _CHUNK) if stop > start]
    if len(found) < 2:
        return found[0] if found else _Words()
    keys, sizes, *counts = zip(*found, strict=True)
    return _Words(np.concatenate(keys), np.concatenate(sizes), *map(sum, counts))


class _Groups(NamedTuple):
    """Runs of words that stand more than once: the first place of each, then the later ones in order.

    Those of the run ``i`` are ``later[bounds[i] : bounds[i + 1]]``.
    """

    first: _I64
    bounds: _I64
    later: _I64


def _equal(keys: _U64, places: _I64, bits: int) -> _Groups:
    """Group equal keys. Key and number are sorted as one integer; of a million words' keys 44 bits remain."""
    low = np.uint64((1 << bits) - 1)
    ranked = (keys & ~low) | np.arange(len(keys), dtype=np.uint64)
    ranked.sort()
    (same,) = ((ranked[1:] ^ ranked[:-1]) <= low).nonzero()
    new = np.ones(len(same) + 1, bool)
    np.not_equal(same[1:], same[:-1] + 1, out=new[1:-1])
    (bounds,) = new.nonzero()
    ranked &= low
    number = ranked.view(np.int64)
    return _Groups(places[number[same[bounds[:-1]]]], bounds, places[number[same + 1]])


def _covered(starts: _I64, length: int, ends: _I64) -> int:
    """Count the characters under runs of ``length`` words at sorted ``starts``; ``ends`` sums up the words' sizes."""
    stops = starts + length
    begins = np.maximum(starts, np.concatenate((starts[:1], stops[:-1])))
    return int((ends[stops] - ends[begins]).sum())


def _repetition(words: _Words, per_word: int) -> dict[str, float]:
    """Give the shares of characters in the top 2- to 4-gram and in 5- to 10-grams that stood before.

    A run of words that is repeated begins and ends with one that is, so each length looks only at the places that
    the one before left: after the pairs little remains, and the cost is that of sorting the words once.
    """
    shares = dict.fromkeys((name for name in SIGNALS if name.endswith("_gram")), 0.0)
    count = len(words.keys)
    ends: _I64 = np.concatenate((_NOUGHT, np.cumsum(words.sizes)), dtype=np.int64)
    bits = max(1, count.bit_length())
    unit, width = words.keys, 1
    while width < per_word:  # 1, 2, 4 letters: a word
        unit = unit[:-width] * np.uint64(pow(_STEP, width, 1 << 64)) + unit[width:]
        width *= 2
    places, keys = np.arange(len(unit)), unit
    step = np.uint64(pow(_STEP, per_word, 1 << 64))
    for n in range(2, 11):
        length = n * per_word
        fits = int(places.searchsorted(count - length, "right"))
        if fits < 2:
            break
        places = places[:fits]
        keys = keys[:fits] * step + unit[places + (length - per_word)]
        groups = _equal(keys, places, bits)
        if not len(groups.first):
            break
        if n < 5:
            shares[f"top_{n}_gram"] = _top(groups, length, ends) / int(ends[-1])
        else:
            shares[f"repeated_{n}_gram"] = _covered(np.sort(groups.later), length, ends) / int(ends[-1])
        # What is repeated for n + 1 words is repeated for n words here and a word further.
        kept = np.zeros(count + per_word, bool)
        kept[groups.first] = kept[groups.later] = True
        (stays,) = (kept[places] & kept[places + per_word]).nonzero()
        places, keys = places[stays], keys[stays]
    return shares


def _top(groups: _Groups, length: int, ends: _I64) -> int:
    """Count the characters of the most frequent run; of equally frequent ones the longest's, then the first's."""
    counts = groups.bounds[1:] - groups.bounds[:-1]
    (best,) = (counts == counts.max()).nonzero()
    first = groups.first[best]
    sizes = ends[first + length] - ends[first]
    (tied,) = (sizes == sizes.max()).nonzero()
    chosen = best[tied[first[tied].argmin()]]
    later = groups.later[groups.bounds[chosen] : groups.bounds[chosen + 1]]
    return _covered(np.concatenate((groups.first[chosen : chosen + 1], later)), length, ends)


def _of_lines(text: str) -> dict[str, float]:
    """Give the shares of lines; equal lines are compared without the blanks at their ends."""
    lines = [line for line in map(str.strip, text.split("\n")) if line]
    terminal = ellipses = bullets = 0
    for line in lines:
        last, first = line[-1], line[0]
        if last in _MAYBE:
            told = line if last in _TERMINAL else line.rstrip(_CLOSING)
            cut = told.endswith("...")
            terminal += told[-1:] in _TERMINAL and not cut
            ellipses += cut and last == "."
        elif last == "…":
            ellipses += 1
        if first in _BULLETS or (first in _HYPHENS and line[1:2] == " "):
            bullets += 1
    distinct = set(lines)
    sizes = sum(map(len, lines))
    counts = {
        "terminal_lines": terminal,
        "bullet_lines": bullets,
        "ellipsis_lines": ellipses,
        "short_lines": len([line for line in lines if len(line) < _SHORT]),
        "duplicate_lines": len(lines) - len(distinct),
    }
    shares = {name: count / max(1, len(lines)) for name, count in counts.items()}
    return shares | {"duplicate_line_characters": (sizes - sum(map(len, distinct))) / max(1, sizes)}


def signals(text: str, wanted: Collection[str] = SIGNALS.keys()) -> dict[str, int | float]:
    """Give the wanted signals of a text, by the names and in the order of ``SIGNALS``; time grows as the text does.

    >>> found = signals("One two three. Four five?\\n- six\\n- six")
    >>> found["words"], found["sentences"], found["bullet_lines"], found["duplicate_lines"]
    (7, 2, 0.6667, 0.3333)
    >>> signals("议会昨晚决定关闭旧桥。")["words"]
    5
    """
    plain = PLAIN.issuperset(wanted)
    words = _words(text, keyed=not plain)
    dense = {_IDEOGRAPH: words.ideographs, _LONG: words.longs}
    spaced = words.number - sum(dense.values())
    equivalents = spaced + sum(count / _PER_WORD[kind] for kind, count in dense.items())
    most = max(dense, key=dense.__getitem__)
    per_word = _PER_WORD[most] if dense[most] > spaced else 1
    counted: dict[str, int | float] = {
        "words": round(equivalents),
        "sentences": words.sentences,
        "mean_word_length": words.characters / (equivalents or 1),
        "alphabetic_words": words.alphabetic / max(1, words.between),
        "hash_ratio": (text.count("#") + text.count("＃")) / max(1.0, equivalents),
        "ellipsis_ratio": (text.count("...") + text.count("…")) / max(1.0, equivalents),
        **_of_lines(text),
        **({} if plain else _repetition(words, per_word)),
    }
    return {name: round(counted[name], 4) for name in SIGNALS if name in wanted}


@dataclass(frozen=True, slots=True)
class Quality:
    """The stage that labels ``quality.words`` and the other signals that are wanted; no edits."""

    wanted: frozenset[str] = PLAIN
    name: ClassVar[str] = "quality"

    def propose(self, document: Document) -> Patch:
        """Give the labels."""
        labels: dict[str, Label] = {
            f"quality.{name}": value for name, value in signals(document.text, self.wanted).items()
        }
        return Patch(self.name, labels=labels)


__all__ = ["Quality", "signals"]
