"""Asking many lines at once finds what asking each by itself does; so does asking only the patterns that may match."""

from __future__ import annotations

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st
from invented import RULE, folder_in

from cleaner import matcher
from cleaner.atoms import atoms
from cleaner.fold import fold_lines, fold_plain, plain
from cleaner.marks import parse
from cleaner.matcher import Matcher
from cleaner.pipeline import loaded
from cleaner.rules import RuleError, load
from cleaner.stages.chrome import Chrome
from cleaner.stages.encoding import _is_sound

RULES = loaded()


def lines_of(language: str) -> list[str]:
    """Give the lines of the examples of a language's rules, and their first and last halves."""
    found: dict[str, None] = {}
    for rule in RULES.all:
        if rule.scope.name in ("", "en", language):
            for example in (*rule.removes, *rule.keeps):
                for line in plain(parse(example)[0]).split("\n"):
                    half = len(line) // 2
                    found.update(dict.fromkeys(filter(None, map(str.strip, (line, line[:half], line[half:])))))
    return list(found)


@pytest.mark.parametrize("language", ["de", "ru"])
@pytest.mark.parametrize("early", [0, 1 << 40])
def test_many_lines_are_matched_as_each_by_itself(monkeypatch, language: str, early: int) -> None:
    monkeypatch.setattr(matcher, "_EARLY", early)
    active = RULES.scoped(language)
    lines = lines_of(language)[::3]
    told = {lines[k]: found for k, (found, _) in Matcher(RULES).lookup(active, language).among(lines)}
    for n in sorted(active):
        rule = RULES.all[n]
        if rule.find == "inline" or not rule.match or rule.shape:
            continue
        regex = matcher.compiled(rule.match)
        alone = {line for line in lines if len(line) <= rule.longest and regex.fullmatch(line)}
        assert {line for line, found in told.items() if n in found} == alone, rule.id


ENDS = [
    r"\Ashare\b.*",
    r"share.*\z",
    r"(?-m:^share)\pL*",
    r"[^x]+",
    r"(?s)share.+",
    r"^share .*$",
    r"(?i)share(?:\s)me",
]


@pytest.mark.parametrize("pattern", ENDS)
@pytest.mark.parametrize("early", [0, 1 << 40])
def test_no_match_reaches_across_lines(tmp_path, monkeypatch, pattern: str, early: int) -> None:
    monkeypatch.setattr(matcher, "_EARLY", early)
    match = f"match = '{pattern}'"
    rules = load(folder_in(tmp_path)(RULE.replace('words = ["share me"]', match)))
    lines = ["share", "me", "share me", "shared", "axa", "share  it", "Share me"]
    lookup = Matcher(rules).lookup(frozenset((0,)))
    alone = [k for k, line in enumerate(lines) if re2.fullmatch(pattern, line)]
    assert [k for k, _ in lookup.among(lines)] == alone
    assert [k for k, _ in lookup.among(lines)] == alone, "remembered"


def test_a_bad_pattern_of_another_language_is_told_when_asked_for(tmp_path) -> None:
    bad = RULE.replace('words = ["share me"]', 'match = "(share"')
    rules = load(folder_in(tmp_path)(bad, "lang/nl.toml"))
    with pytest.raises(RuleError, match=r"lang/nl\.toml: \[thing\] bad pattern"):
        Matcher(rules).check()
    with pytest.raises(RuleError, match=r"lang/nl\.toml: \[thing\] bad pattern"):
        loaded((tmp_path / "rules",))


# ---- literals that a match must hold


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("read more", {"read more"}),
        ("reads? mor+e", {"read"}),
        ("(?:read|see) more", {" more"}),
        ("(?:read|see)+", {"read", "see"}),
        ("(?:read|see)?x", {"x"}),
        ("(?:read|)", None),
        ("(?:read)*", None),
        (r"(?i)STRAß(?-i:E)\.", {"strass"}),
        (r"\pL[abc]\d.", None),
        (r"a{0,3}b{2}c{1,}", {"b"}),
        (r"x[]read]y|[^]z]+w", {"x", "w"}),
        (r"[[:alpha:]]+ago", {"ago"}),
        (r"\p{Lu}ab\bcd\x41", None),
        (r"\Qa|b\E", None),
        ("(" * 400 + "a" + ")" * 400, None),
    ],
)
def test_literals_of_a_pattern(pattern: str, told: set[str] | None) -> None:
    assert atoms(pattern) == told


PIECES = st.recursive(
    st.sampled_from(["a", "b", "B", "ß", "ſ", " ", r"\.", ".", "[ab]", "[^a]", r"\pL", r"\b", "(?i)"]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda some: f"(?:{'|'.join(some)})"),
        st.tuples(inner, st.sampled_from(["?", "*", "+", "{2}", "{0,1}", "+?"])).map(lambda x: f"(?:{x[0]}){x[1]}"),
        st.tuples(st.sampled_from("abß "), st.sampled_from(["?", "*", "+", "{2}"])).map("".join),
        inner.map(lambda x: f"(?i:{x})"),
    ),
    max_leaves=8,
)


@settings(max_examples=600, deadline=None)
@given(PIECES, st.lists(st.text("abBßsSſẞ. ", max_size=6), min_size=4, max_size=12))
def test_what_matches_holds_a_literal(pattern: str, texts: list[str]) -> None:
    needed = atoms(pattern)
    for text in texts if needed is not None else ():
        if re2.fullmatch(pattern, text):
            assert any(atom in text.casefold() for atom in needed), (pattern, text)


def test_what_rules_remove_holds_a_literal_of_theirs() -> None:
    for rule in RULES.all:
        needed = atoms(rule.match) if rule.match and rule.find != "inline" else None
        for example in rule.removes if needed else ():
            for line in map(str.strip, plain(parse(example)[0]).split("\n")):
                if matcher.compiled(rule.match).fullmatch(line):
                    assert any(atom in line.casefold() for atom in needed or ()), (rule.id, line)


# ---- whole texts for lines


@given(st.lists(st.text(st.sampled_from("aİß »:.-…\x1f\x85\u2028\r\x0b'"), max_size=8)))
def test_lines_fold_together_as_each_by_itself(lines: list[str]) -> None:
    lines = [plain(line) for line in lines]
    assert fold_lines(lines) == [fold_plain(line) for line in lines]


SIGNS = "aA \nÃÂ©à€™&amp;;#8\u0300\u200b\u200c\u0e01中œ”“»ВГ\xa0\xad\x9d\ufeff°²×"


@settings(max_examples=500)
@given(st.text(st.sampled_from(SIGNS), max_size=24))
def test_a_text_is_as_sound_as_its_lines(text: str) -> None:
    assert _is_sound(text) == all(map(_is_sound, text.split("\n")))


def test_a_group_is_read_when_first_met(tmp_path) -> None:
    """What the rules of one language cost is not paid on pages of another."""
    stage = Chrome(RULES)
    stage.matcher.lookup(RULES.scoped("de"), "de")
    assert sorted(stage.matcher._groups) == ["de", "en"]
