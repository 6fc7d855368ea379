"""Repair what decoding, escaping and copying did to the characters of a text, and touch nothing else.

ftfy finds the mojibake. It runs with everything off that rewrites sound text (quotes, ligatures, widths, NFC as a
whole), line by line, only on lines that hold something a fixer could change, and its guesses are judged against
what sound text looks like: a wrong repair of a sound line is worse than a missed one.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import ClassVar, NamedTuple

import ftfy
from ftfy import fixes
from ftfy.badness import MOJIBAKE_CATEGORIES, is_bad
from ftfy.chardata import C1_CONTROL_RE, CONTROL_CHARS, HTML_ENTITY_RE, UTF8_DETECTOR_RE

from cleaner.document import Document, Edit, Patch, composed, lines, parts, trimmed
from cleaner.matcher import Without

CONFIG = ftfy.TextFixerConfig(
    restore_byte_a0=False,  # makes `⬠ (` of `6,49 â¬ (` and `Muà` of `Muß` whose last byte is lost; see _restored
    uncurl_quotes=False,
    fix_latin_ligatures=False,
    fix_character_width=False,
    normalization=None,  # NFC replaces CJK compatibility ideographs in Japanese names, the Ohm and Angstrom signs
)
_WHOLE = CONFIG._replace(decode_inconsistent_utf8=False)

# Real damage settles within five (mojibake of mojibake doubles in length each time); `Â` * n + `©` would need n.
_ROUNDS = 12
# Strongest first: a stretch that several fixers touched bears the name of the first of them.
_STRENGTH = "mojibake entity terminal-escape surrogate control bom line-end decomposed zero-width".split()

_FOREIGN_END = re.compile("[\r\u2028\u2029](?:(?<=\r)\n)?")
_LINE_END = re.compile("[\n\r\u2028\u2029]")
_CONTROL = re.compile(f"[{re.escape(''.join(map(chr, CONTROL_CHARS)))}]")
_SURROGATE = re.compile("[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]")
_INVISIBLE = re.compile("[\xad\u061c\u200b-\u200f\u202a\u202c\u2060\u2066\u2068\u2069]+")
_MARKS = "\u061c\u200e\u200f\u202a\u202c\u2066\u2068\u2069"
# Right-to-left letters, and the controls that turn left-to-right letters around.
_RTL = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\u202b\u202d\u202e\u2067]")
# Written without blanks between words; there U+200B marks the words (The Unicode Standard, section 23.2).
_UNSPACED = "\u0e01-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\u3005-\u30ff\u3400-\u9fff"
# Where a joiner has nothing to join: neither Arabic, Syriac, Mongolian or Indic letters nor emoji.
_PLAIN = "\\s!-~\xa1-\u02ff\u0370-\u052f\u1e00-\u1fff\u2010-\u2027\u2030-\u205e\u20a0-\u20bf"
_LETTERS = "A-Za-z\xc0-\u024f\u0370-\u0373\u0376-\u03ff\u0400-\u052f\u1e00-\u1fff"
# Four marks at most: reordering a long run is quadratic, and no single code point stands for more than three.
_CLUSTER = re.compile(f"[{_LETTERS}][\u0300-\u036f]{{1,4}}(?![\u0300-\u036f])")

# An entity is the subject, not damage: `the entity &amp; stands for`, `write "&lt;"`.
_MENTION = re.compile(r"\b(?:entit(?:y|ies|és?|ät|äten)|escap\w+|character references?|ampersands?)\b", re.IGNORECASE)
_QUOTES = "`\"'‘’“”„«»‹›"
_OPENED = re.compile("(?<![ÂÃâ€])[“‘«„‚‹»]")
# What only mojibake makes, and of it the letters è ç ê ò ù: French, Italian, Catalan, Portuguese, where words end in à.
_SOLID = re.compile("(?<=[a-z])Ã[©¨ª§¢´¼¤¶±³º]|Ã[©¨ª§¢´¼¤¶±³º](?=[a-z])|â€[™œ˜¦“”]")
_GRAVE = re.compile("(?<=[a-z])Ã[¨§ª²¹]|Ã[¨§ª²¹](?=[a-z])")
_NEAR = re.compile("[\xa0-\u017f\u0192\u0218-\u021b\u0300-\u036f\u0391-\u03c9]?")
_SKELETON = re.compile("[\t\n\r!->@-~]+")


def _suspect() -> tuple[re.Pattern[str], str]:
    """Build a test for texts that a fixer might change, one charset first so that it searches at that speed.

    Beside it, what is found wherever it is, for a first look at whole texts: a fifth of the time.

    A superset of ``ftfy.badness.BADNESS_RE``, whose alternatives are cut down to two neighbours.
    """
    c = MOJIBAKE_CATEGORIES
    bad, la, ua, box, law = c["bad"], c["lower_accented"], c["upper_accented"], c["box"], c["law"]
    sp, ep, cur, num = c["start_punctuation"], c["end_punctuation"], c["currency"], c["numeric"]
    always = f"\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\xad{_MARKS}\u2060\u206a-\u206f\ud800-\udfff\ufeff\ufff9-\ufffc"
    before_any = {
        always: "",
        "&": "(?=#?[0-9A-Za-z]{1,24};)",
        "\u0300-\u036f": f"(?<=[{_LETTERS}].)",
        "\u200b": f"(?:(?<![{_UNSPACED}\u200b].)|(?![{_UNSPACED}\u200b]))",
        "\u200c\u200d": f"(?<![^{_PLAIN}\xad\u200b-\u200f\u2060].)",
        "Œœ": "(?![A-Za-z])",
        "ÂÃ": "(?= )",
    }
    before_other = {
        bad + box + ep + cur + num: f"(?=[{bad}{la}{ua}{box}{sp}{ep}{cur}{num}{law}{c['kaomoji']}])",
        la + ua: f"(?=[{sp}{ep}][\\w{num}{sp}])",
        la + c["lower_common"] + c["upper_common"]: f"(?=[{bad}{ua}{box}{cur}])",
        ua: f"(?=[{bad}{box}{sp}{cur}{num}{law}°])",
        sp + law: f"(?=[{bad}{num}{box}])",
        "ÂÃÎÐ": f"(?=[€œŠš¢£Ÿž\xa0\xad®©°·»{sp}{ep}–—´])",
        "ØÙ": f"(?=[{c['common']}{cur}{bad}{num}{sp}ŸŠ®°µ»])",
        "ВГРСΒΓΞΟ": f"(?=[{sp}{ep}{cur}°µ][ВГРСΒΓΞΟ])",
        "à√≈‚×": "(?=[²³µ¹¼½¾±∂†≠®™´≤≥¥ø°¢Äâó])",
        "вГ": "(?=[Ђў])",
        "β": "(?=€)",
    }
    others = f"{bad}{la}{ua}{box}{sp}{ep}{cur}{num}{law}{c['common']}{c['kaomoji']}°²³µ¹¼½¾ŸŠœšžЂў"
    any_next, other_next = ("|".join(f"(?<=[{k}]){v}" for k, v in d.items()) for d in (before_any, before_other))
    specials, letters = "".join(before_any), "".join(before_other)
    suspect = f"[{specials}{letters}](?:(?=[{others}])(?:{other_next})|(?<=[{specials}])(?:{any_next}))"
    # The same without a look around, and so for RE2, or a little more.
    alone = "".join(k for k in before_any if k not in ("&", "Œœ", "ÂÃ")).replace("\ud800-\udfff", "")
    pairs = "|".join(f"[{k}]{v}" for k, v in before_other.items()).replace("(?=", "(?:").replace(f"[\\w{num}{sp}]", ".")
    maybe = f"[{alone}]|&#?[0-9A-Za-z]{{1,24}};|[Œœ](?:[^A-Za-z]|$)|[ÂÃ] |{pairs}"
    return re.compile(suspect), maybe


_SUSPECT, _MAYBE = _suspect()
_is_without = Without(_MAYBE)


class Signs(NamedTuple):
    """What a document tells about each of its lines, to read doubtful characters by."""

    entities: bool = True  # as in ftfy: from the first line with a `<` on, entities are markup and stay
    right_to_left: bool = False
    mojibake: bool = False
    grave: bool = False


class _UnsettledError(Exception):
    """A text that still changes after ``_ROUNDS`` rounds."""


def _changed(text: str, edits: Iterable[Edit]) -> str:
    return Patch("encoding", tuple(edits)).apply(text)


def _aligned(before: str, after: str, note: str) -> list[Edit]:
    """Give the stretches that mojibake repair changed: what lies between the printable ASCII, which it never does."""
    old, new = list(_SKELETON.finditer(before)), list(_SKELETON.finditer(after))
    if [m[0] for m in old] != [m[0] for m in new]:
        gaps = [(0, before, after)]
    else:
        starts = zip((0, *(m.end() for m in old)), (0, *(m.end() for m in new)), strict=True)
        stops = zip((*(m.start() for m in old), len(before)), (*(m.start() for m in new), len(after)), strict=True)
        gaps = [(i, before[i:k], after[j:n]) for (i, j), (k, n) in zip(starts, stops, strict=True)]
    out = []
    for start, gap, filled in gaps:
        apart = gap.count(" ") == filled.count(" ")
        for old_word, new_word in zip(gap.split(" "), filled.split(" "), strict=True) if apart else [(gap, filled)]:
            if old_word != new_word:
                out.append(trimmed(start, old_word, new_word, "mojibake", note))
            start += len(old_word) + 1
    return out


def _decoded(text: str) -> tuple[str, tuple[str, ...]]:
    """Give the text as ``ftfy.fix_encoding`` would and by which codecs, but stop where that takes quadratic time.

    ftfy repeats its step until nothing changes and offers no bound, hence the step itself is called.
    """
    notes: list[str] = []
    for _ in range(_ROUNDS):
        if text.isascii() or not is_bad(text):
            return text, tuple(notes)
        fixed, plan = ftfy._fix_encoding_one_step_and_explain(text, _WHOLE)
        note = "→".join(step.parameter for step in plan or () if step.action in ("encode", "decode"))
        if not note.endswith(("utf-8", "utf-8-variants")):
            # In ftfy's order: first runs of UTF-8 that no codec explains together with the rest of the line.
            runs = [(m, _decoded(m[0])) for m in UTF8_DETECTOR_RE.finditer(text) if len(m[0]) < len(text)]
            if any(m[0] != run for m, (run, _) in runs):
                fixed = _changed(text, (Edit(*m.span(), m[0], run, "mojibake") for m, (run, _) in runs))
                note = ", ".join(dict.fromkeys(codec for _, (_, codecs) in runs for codec in codecs))
        if fixed == text:
            return text, tuple(notes)
        text = fixed
        notes.append(note or "latin-1→windows-1252")
    raise _UnsettledError


def _restored(line: str, signs: Signs) -> str:
    """Put back the byte A0 that became a blank after ``Ã`` or ``Â``, where nothing else can have been meant.

    A lone ``Â`` or ``Ã`` may be the letter itself, ``MuÃ `` and ``sÃ `` have lost another byte (German ß, Spanish í).
    """
    if "Â " in line:
        line = re.sub("Â " if signs.mojibake else "(?<=[a-z0-9.,;:!?)%])Â ", "Â\xa0", line)
    if "Ã " in line:
        where = r"(?<=\b[Vv]oil)|(?<=\b[Dd]Ã©j)|(?<=\b[Dd]éj)|(?<=\bl)"
        where = "" if signs.grave else f"(?:{where}|(?<![^\\s('’-]))" if signs.mojibake else f"(?:{where})"
        line = re.sub(f"{where}Ã (?=[ ,.;:!?)]|quel[ea]|quilo|s )", "Ã\xa0", line)  # Portuguese às, àquele
        line = re.sub(f"{where}Ã ", "Ã\xa0 ", line)
    return line


def _doubt(line: str, edit: Edit) -> str:
    """Say why a repair of two characters may well be wrong; empty when there is no doubt."""
    start, stop, before, after = edit[:4]
    if before == "Â" and not after:
        stop += 1  # `Â»` to `»`, cut down to what changed
    if stop - start != 2 or len(after) > 1 or "\x80" <= line[start + 1] <= "\x9f":
        return ""
    before, second, behind = line[max(0, start - 2) : start], line[start + 1], line[stop : stop + 1]
    if not _NEAR.fullmatch(after):
        return "a lone letter of another script"  # CAFÉ³, Ø±0,1, LIBERTÉ†
    if after in ("×", "÷") and (before[-1:].isalpha() or behind.isalpha()):
        return "no sign between letters"  # IRMÃ—disse
    if second in "”’»›“‘" and not behind.isalpha() and _OPENED.search(line, max(0, start - 200), start):
        return "a capital before a closing quotation mark"  # “MAÇÃ”, «Â»
    if second == "\xa0" and not before[-1:].isalnum() and behind and behind in ":;!?»":
        return "a capital on its own"  # la lettre « Â » with no-break spaces
    if second in "¹²³®©™°±ªº´†‡‰\xa0" and re.fullmatch("[A-ZÀ-ÖØ-Þ]{2}", before) and not behind.isalpha():
        return "a sign after a word in capitals"  # IRMÃ³
    return ""


def _mojibake(line: str, signs: Signs) -> tuple[list[Edit], str]:
    restored = _restored(line, signs)
    if line.isascii() or (restored == line and not is_bad(line)):
        return [], ""
    try:
        fixed, plan = _decoded(restored)
        if restored != line and re.search("[ÂÃ]\xa0", fixed):
            fixed, plan = _decoded(line)
    except _UnsettledError:
        return [Edit(0, 0, "", "", "mojibake")], f"still changing after {_ROUNDS} rounds"
    changes = _aligned(line, fixed, ", ".join(dict.fromkeys(plan)))
    return changes, _doubt(line, changes[0]) if changes and all(_doubt(line, e) for e in changes) else ""


def _entities(line: str, signs: Signs) -> tuple[list[Edit], str]:
    if not signs.entities or "&" not in line:
        return [], ""
    changes = _matches(line, HTML_ENTITY_RE, lambda m: fixes.unescape_html(m[0]), "entity")
    if changes and _MENTION.search(line):
        return changes, "the line speaks of entities"
    quoted = all(c.start and line[c.start - 1] in _QUOTES and line[c.stop : c.stop + 1] in _QUOTES for c in changes)
    return changes, "an entity in quotation marks" if changes and quoted else ""


def _matches(line: str, pattern: re.Pattern[str], fix: Callable[[re.Match[str]], str], rule: str) -> list[Edit]:
    return [Edit(*m.span(), m[0], after, rule) for m in pattern.finditer(line) if (after := fix(m)) != m[0]]


def _visible(signs: Signs, run: re.Match[str]) -> str:
    """Give what must stay of a run of invisible characters between two visible ones."""
    before, behind = run.string[max(0, run.start() - 1) : run.start()], run.string[run.end() : run.end() + 1]
    keep = _MARKS if signs.right_to_left else ""
    if not before.strip() or not behind.strip() or (before.isdigit() and behind.isdigit()):
        keep += "\xad"  # at a line's end a word may go on; 0xAD once stood for a visible hyphen, 12-14
    if re.match(f"[{_UNSPACED}]{{2}}", before + behind):
        keep += "\u200b"
    if re.search(f"[^{_PLAIN}]", before + behind):
        keep += "\u200c\u200d"
    return "".join(c for c in run[0] if c in keep)


def _composed_letter(m: re.Match[str]) -> str:
    letter = unicodedata.normalize("NFC", m[0])
    return letter if len(letter) == 1 else m[0]


_Fixer = Callable[[str, Signs], tuple[list[Edit], str]]  # gives edits and, when they are not to be made, why


def _fixer(pattern: re.Pattern[str], fix: Callable[[re.Match[str]], str], rule: str) -> _Fixer:
    return lambda line, signs: (_matches(line, pattern, fix, rule), "")


# ftfy's in ftfy's order, then our own.
_FIXERS: tuple[_Fixer, ...] = (
    _entities,
    _mojibake,
    _fixer(C1_CONTROL_RE, lambda m: fixes.fix_c1_controls(m[0]), "mojibake"),
    _fixer(_FOREIGN_END, lambda m: "\n", "line-end"),
    _fixer(_SURROGATE, lambda m: fixes.fix_surrogates(m[0]), "surrogate"),
    _fixer(fixes.ANSI_RE, lambda m: "", "terminal-escape"),
    _fixer(re.compile("\ufeff+"), lambda m: "", "bom"),
    _fixer(_CONTROL, lambda m: "", "control"),
    lambda line, signs: (_matches(line, _INVISIBLE, partial(_visible, signs), "zero-width"), ""),
    _fixer(_CLUSTER, _composed_letter, "decomposed"),
)


def _settled(line: str, signs: Signs) -> tuple[list[Edit], list[Edit]]:
    """Give the changes after which no fixer changes the line any more, and those held back with the reason as note."""
    made: list[Edit] = []
    text = line
    for _ in range(_ROUNDS):
        before, spared = text, []
        for fixer in _FIXERS:
            changes, doubt = fixer(text, signs)
            if doubt:
                held = composed(line, made, [e._replace(note=doubt, rule=f"{e.rule} spared") for e in changes])
                spared += [e._replace(rule=e.rule[:-7], note=doubt) for e in held if e.rule.endswith(" spared")]
            elif changes:
                made = composed(line, made, changes)
                text = _changed(line, made)
        if text == before:
            return made, spared
    return [], [Edit(0, 0, "", "", "entity", f"still changing after {_ROUNDS} rounds")]


_remembered = lru_cache(maxsize=4096)(_settled)


_PART = 1 << 16  # characters: a longer line is judged in parts, as ftfy does from a million on; four took 330 MB


def _repaired(text: str, verbatim: Callable[[int], bool]) -> tuple[list[Edit], list[Edit]]:
    """Give what to change in a text and what was held back; ``verbatim`` tells of an offset whether it is in code."""
    foreign = "\r" in text or "\u2028" in text or "\u2029" in text
    made = _matches(text, _FOREIGN_END, lambda m: "\n", "line-end") if foreign else []
    ends = "\n\r\u2028\u2029" if made else "\n"
    spared: list[Edit] = []
    document = Signs()
    markup, done = -1, 0
    while suspect := _SUSPECT.search(text, done):
        if markup < 0:
            markup = text.find("<") % (len(text) + 1)
            document = Signs(
                right_to_left=any(mark in text for mark in _MARKS) and bool(_RTL.search(text)),
                mojibake=bool(_SOLID.search(text)),
                grave=bool(_GRAVE.search(text)),
            )
        start = max(done, *(text.rfind(end, done, suspect.start()) + 1 for end in ends))
        found = _LINE_END.search(text, suspect.start())
        end = found.start() if found else len(text)
        start, stop = next(part for part in parts(text, _PART, start, end) if suspect.start() < part[1])
        line = text[start:stop] + "\n" * (found is not None and stop == end)
        signs = document._replace(entities=stop <= markup and "&" in line and not verbatim(start))
        changes, held = (_remembered if len(line) <= 500 else _settled)(line, signs)
        made += (e._replace(start=e.start + start, stop=e.stop + start) for e in changes)
        spared += (e._replace(start=e.start + start, stop=e.stop + start) for e in held)
        done = stop
    made.sort()
    return made, spared


def _named(edit: Edit) -> Edit:
    """Give the edit cut down to what changes and named by the strongest fixer; the others go into the note."""
    rules = sorted(edit.rule.split(" "), key=_STRENGTH.index)
    note = ", ".join((*filter(None, (edit.note,)), *rules[1:]))
    return trimmed(edit.start, edit.before, edit.after, f"encoding/{rules[0]}", note)


def _is_sound(text: str) -> bool:
    """Whether no fixer could change a text; it is as sound as its lines, for no sign of damage spans a line break."""
    if "\r" in text or "\u2028" in text or "\u2029" in text:
        return False
    return _is_without(text) or not _SUSPECT.search(text)


@dataclass(frozen=True, slots=True)
class Encoding:
    """The stage that repairs a text's characters: mojibake, entities, controls, invisible characters, line ends.

    Each edit's rule names the fix; the note of ``encoding/mojibake`` says by which codecs. U+0085 is mojibake too:
    on the web it is the ellipsis of Windows-1252, never a line end.

    >>> patch = Encoding().propose(Document("a", "Une dÃ©sescalade,\\r\\nenfin"))
    >>> [(e.before, e.after, e.rule, e.note) for e in patch.edits][0]
    ('Ã©', 'é', 'encoding/mojibake', 'latin-1→utf-8')
    """

    name: ClassVar[str] = "encoding"
    _last: list[str] = field(default_factory=list, init=False, repr=False, compare=False)
    """The last text in which nothing was suspect."""

    def propose(self, document: Document) -> Patch:
        """Give the edits after which the stage finds nothing more; what it found and doubts is in ``spared``."""
        text = document.text
        if _is_sound(text):
            self._last[:] = [text]
            return Patch(self.name)
        self._last.clear()
        starts: list[int] = []
        hints = document.line_hints() if document.hints and "&" in text else ()

        def verbatim(offset: int) -> bool:
            if hints and not starts:
                starts.extend(line.start for line in lines(text))
            hint = hints[bisect_right(starts, offset) - 1] if hints else None
            return hint is not None and hint.verbatim

        made, spared = _repaired(text, verbatim)
        for _ in range(_ROUNDS):
            # A line break that came out of an entity or of mojibake makes new lines, each to be judged on its own.
            if not any("\n" in e.after and e.rule != "line-end" for e in made):
                break
            more, _held = _repaired(_changed(text, made), lambda offset: bool(hints))
            if not more:
                break
            made = composed(text, made, more)
        edits = tuple(_named(e) for e in made if e.before != e.after)
        return Patch(self.name, edits, {}, tuple(map(_named, spared)))

    def settled(self, document: Document) -> bool:
        """Whether nothing is suspect in the document, as nothing was in the last one: no line of it that is new."""
        if not self._last:
            return False
        new = set(document.text.split("\n")).difference(self._last[0].split("\n"))
        return not new or _is_sound("\n".join(new))
