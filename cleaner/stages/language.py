"""Label a document with the language of its prose.

What is asked about is a sample of the long lines: langdetect calls ``Leave a Comment`` French with probability 1.0.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import ClassVar

from cleaner.document import Document, Patch

try:  # the same answers, 20 to 45 times faster, where it has a wheel
    import langdetect_rs as langdetect
except ImportError:
    import langdetect

UNKNOWN = "und"
# On 787 labelled texts in seven languages accuracy is .854 at 20 letters, .905 at 30, .926 at 40, .959 at 100; from
# 200 on it stays at .970, and most of the rest are pages in another language than their crawl's label.
MIN_LETTERS = 30
# Scripts that one language alone writes need few: a word. Ideographs alone need more, for names stand in all pages.
MIN_SCRIPT, MIN_IDEOGRAPHS = 4, 10
# langdetect makes seven trials: five must agree. At 30 letters four in ten of the answers with less are right and
# less than half of those with .70 to .80; from 400 letters on .87 of those with .70 to .80 are.
FLOOR = 0.7
# The sample: so many windows, spread evenly, for the first kilobyte is often a cookie notice in another language.
_WINDOWS, _WINDOW = 8, 75
# A line of prose. A sentence of twenty ideographs or kana is as long as one of sixty letters.
_LINE, _DENSE_LINE = 60, 20
# A language that sure is not asked for again as long as so much of the prose stands: of 1,994 texts asking again
# tells another of none (at .7 of one), and a third of the questions are spared.
_SURE, _MOST = 0.99, 0.8
_GLANCE = 80  # characters of Latin script that nearly always hold letters enough

_DENSE = re.compile("[\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
# Digits are blanks to langdetect itself.
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+|(?<![\w.+-])[\w.+-]{1,64}@\S+")
_KANA, _IDEOGRAPH = "\u3041-\u3096\u30a1-\u30fa\uff66-\uff9d", "\u3005\u3400-\u9fff"
# The script tells the language: langdetect has no profile of another language in it, or (hy to si) none at all and
# answers nonsense (it calls Armenian Estonian). Yiddish counts as Hebrew, Assamese as Bengali, as langdetect has them.
_SCRIPTS = {
    "el": "\u0370-\u03ff\u1f00-\u1fff",
    "he": "\u05d0-\u05ea",
    "ko": "\uac00-\ud7a3",
    "th": "\u0e01-\u0e4e",
    "bn": "\u0980-\u09ff",
    "pa": "\u0a00-\u0a7f",
    "gu": "\u0a80-\u0aff",
    "ta": "\u0b80-\u0bff",
    "te": "\u0c00-\u0c7f",
    "kn": "\u0c80-\u0cff",
    "ml": "\u0d00-\u0d7f",
    "hy": "\u0531-\u0587",
    "ka": "\u10a0-\u10ff\u1c90-\u1cbf",
    "km": "\u1780-\u17d3",
    "lo": "\u0e81-\u0ecd",
    "my": "\u1000-\u109f",
    "or": "\u0b00-\u0b7f",
    "si": "\u0d80-\u0dff",
}
_TELLING = re.compile(f"[{_KANA}{_IDEOGRAPH}{''.join(_SCRIPTS.values())}]")
# Neither in the table nor known to langdetect, which then judges by the blanks: Tibetan, Ethiopic, Cherokee, …
_UNREAD = re.compile("[\u0700-\u08ff\u0f00-\u0fff\u1200-\u16ff\u1700-\u177f\u1800-\u1cff\ua000-\ua63f\ua900-\uabff]")
_FOREIGN = re.compile("[^\0-\u036f\u1e00-\u1eff\u2000-\u2bff]")  # to Latin script and its signs


@cache
def _script() -> re.Pattern[str]:
    parts = (f"(?P<{script}>[{letters}])" for script, letters in _SCRIPTS.items())
    return re.compile("|".join((f"(?P<kana>[{_KANA}])|(?P<han>[{_IDEOGRAPH}])", *parts)))


def _prose(text: str) -> str:
    """Give the lines of prose of a text; none where it has none."""
    lines = text.split("\n")
    prose = [line for line in lines if len(line) >= _LINE]
    if not text.isascii():
        shorter = [line for line in lines if _DENSE_LINE <= len(line) < _LINE and not line.isascii()]
        if shorter and _DENSE.search("\n".join(shorter)):
            prose = [line for line in lines if len(line) >= (_DENSE_LINE if _DENSE.search(line) else _LINE)]
    return "\n".join(prose)


def sample(text: str) -> str:
    """Give the part of a text to ask about: windows spread over its lines of prose, without addresses.

    A text without a line of prose is sampled as a whole. About 600 characters at most.
    """
    return _windows(_prose(text) or text)


def _windows(whole: str) -> str:
    size = len(whole)
    if size > _WINDOWS * _WINDOW:
        starts = (size * n // _WINDOWS for n in range(_WINDOWS))
        windows = (whole[start : start + _WINDOW] for start in starts)
        # Whole words only, where there are blanks.
        whole = " ".join([w if w.count(" ") < 2 else w[w.find(" ") : w.rfind(" ")] for w in windows])
    return _ADDRESS.sub(" ", whole) if "@" in whole or "//" in whole or "www." in whole else whole


def _by_script(text: str, letters: int) -> tuple[str, float] | None:
    """Give the language that the script of most letters tells and its share of them; None when it tells nothing."""
    if text.isascii() or 2 * len(_TELLING.findall(text)) < letters:
        return (UNKNOWN, 0.0) if 2 * len(_UNREAD.findall(text)) > letters else None
    counts = Counter(m.lastgroup or "" for m in _script().finditer(text))
    total = max(letters, sum(counts.values()))
    kana, han = counts.pop("kana", 0), counts.pop("han", 0)
    # Japanese prose is a third kana at least; a Chinese page may name a Japanese thing.
    language = "ja" if 10 * kana > kana + han else "zh"
    counts[language] = kana + han
    language, count = min(counts.items(), key=lambda item: (-item[1], item[0]))
    if 2 * count < total:
        return None
    return (
        (language, count / total) if count >= (MIN_IDEOGRAPHS if language == "zh" else MIN_SCRIPT) else (UNKNOWN, 0.0)
    )


def identify(text: str) -> tuple[str, float]:
    """Give the language of a text as ISO 639-1 code and how sure that is, 0 to 1.

    The code is ``und`` for a text with too few letters (score 0) and where nothing reaches ``FLOOR``.

    >>> identify("Le ministre a reçu les délégués, qui attendaient depuis des heures devant la porte.")[0]
    'fr'
    >>> identify("Leave a Comment"), identify("Σχόλια")
    (('und', 0.0), ('el', 1.0))
    """
    return _identified(sample(text))


@lru_cache(64)  # pages of one text, and of a text whose prose stayed as it was when its chrome went
def _identified(asked: str) -> tuple[str, float]:
    if sum(map(str.isalpha, asked[:_GLANCE])) >= MIN_LETTERS and (asked.isascii() or not _FOREIGN.search(asked)):
        told, letters = None, MIN_LETTERS  # or more: no script tells
    else:
        letters = sum(map(str.isalpha, asked))
        told = _by_script(asked, letters)
    if told is not None or letters < MIN_LETTERS:
        return told or (UNKNOWN, 0.0)
    # Without a seed langdetect answers at random; it seeds anew for every text, so the order of texts does not matter.
    langdetect.DetectorFactory.seed = 0
    try:
        answers = langdetect.detect_langs(asked)
    except langdetect.LangDetectException:  # no letter that stands in any profile
        return UNKNOWN, 0.0
    scores: Counter[str] = Counter()
    for answer in answers:
        scores[answer.lang.partition("-")[0]] += answer.prob  # zh-cn and zh-tw are one language
    language, score = min(scores.items(), key=lambda item: (-item[1], item[0]))
    return (language if score >= FLOOR else UNKNOWN), min(score, 1.0)


@dataclass(frozen=True)
class Language:
    """The stage that labels ``language`` (ISO 639-1, or ``und``) and ``language_score`` (four digits); no edits."""

    name: ClassVar[str] = "language"

    def propose(self, document: Document) -> Patch:
        """Give the labels."""
        prose = _prose(document.text)
        language, score = _identified(_windows(prose or document.text))
        patch = Patch(self.name, labels={"language": language, "language_score": round(score, 4)})
        self._told[:] = [(patch, len(prose))] if score >= _SURE else []
        return patch

    @cached_property
    def _told(self) -> list[tuple[Patch, int]]:
        """What was told of the last document, and of how many characters of prose, where that was sure."""
        return []

    def settled(self, document: Document) -> bool:
        """Whether what was told stands: it was sure, and most of the prose that told it is there."""
        if not self._told:
            return False
        patch, size = self._told[0]
        return any(each is patch for each in document.patches) and len(_prose(document.text)) > _MOST * size


__all__ = ["FLOOR", "MIN_LETTERS", "UNKNOWN", "Language", "identify", "sample"]
