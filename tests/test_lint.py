"""What lint tells of invented rules, and what it lets be."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleaner.document import Document
from cleaner.lint import Lint, _counted, met
from cleaner.matcher import size
from cleaner.pipeline import Pipeline
from cleaner.rules import load


def rule(name: str = "thing", **keys: object) -> str:
    """Write one rule as TOML: a share button unless told otherwise; a key that is None is left out."""
    told = {
        "why": "A thing.",
        "class": "share",
        "find": "line",
        "words": ["share me"],
        "removes": ["Text.\n[-Share me-]"],
        "keeps": ["Share me a story."],
        "source": "invented",
    } | keys
    told = {("class" if key == "cls" else key): value for key, value in told.items() if value is not None}
    beside = told.pop("beside", None)
    lines = [f"{key} = {json.dumps(value)}" for key, value in told.items()]
    if beside:
        lines.append("beside = { " + ", ".join(f"{key} = {json.dumps(v)}" for key, v in beside.items()) + " }")
    return "\n".join([f"[{name}]", *lines, ""])


@pytest.fixture
def told(tmp_path: Path):
    def lint(*, met: set[str] | None = None, **files: str) -> list[tuple[str, str]]:
        """Give (rule, what) of the findings in files named like ``any_share`` or ``lang_fr``."""
        return [(f.rule, f.what) for f in Lint(folder(tmp_path, files), met).check()]

    return lint


def folder(path: Path, files: dict[str, str]):
    for name, text in files.items():
        file = path / "rules" / f"{name.replace('_', '/', 1)}.toml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return load(path / "rules")


OTHER = {"words": ["pass it on"], "removes": ["Text.\n[-Pass it on-]"], "keeps": ["Pass it on to him."]}
BOTH = {"words": ["pass it on", "share me"], "removes": OTHER["removes"]}


def test_good_rules_have_no_finding(told) -> None:
    assert told(any_share=rule() + rule("other", **OTHER)) == []


# ---- rules in vain


def test_a_rule_whose_every_phrase_a_wider_rule_has_is_unreachable(told) -> None:
    assert told(any_share=rule(), lang_fr=rule(words=["Share me »"])) == [("fr/thing", "unreachable")]
    assert told(any_share=rule(), lang_fr=rule(find="cluster", removes=["[-Share me\nShare me-]"])) == [
        ("fr/thing", "unreachable")
    ]


def test_english_rules_are_as_wide_as_any(told) -> None:
    assert told(lang_en=rule(), lang_fr=rule()) == [("fr/thing", "unreachable")]


def test_rules_of_another_language_or_system_cover_nothing(told) -> None:
    assert told(lang_de=rule(), lang_fr=rule(), cms_ghost=rule()) == []


def test_of_two_rules_with_the_same_phrases_one_is_told(told) -> None:
    assert told(any_a=rule(), any_b=rule()) == [("b/thing", "unreachable")]


@pytest.mark.parametrize(
    "wide",
    [
        {"confidence": "low"},
        {"edge": "tail"},
        {"find": "cluster", "removes": ["[-Share me\nShare me-]"]},
        {"beside": {"words": ["follow us"]}, "removes": ["Follow us\n[-Share me-]"]},
        {"find": "inline"},
    ],
)
def test_a_rule_that_asks_for_more_covers_nothing(told, wide) -> None:
    found = told(any_share=rule(**wide), lang_fr=rule())
    assert found == ([("fr/thing", "unshown")] if "edge" in wide else [])


def test_a_low_rule_covers_a_low_one_and_a_wide_edge_a_narrow_one(told) -> None:
    low = {"confidence": "low"}
    assert told(any_share=rule(**low), lang_fr=rule(**low, edge="tail")) == [("fr/thing", "unreachable")]
    assert told(any_share=rule(edge="tail", within=5), lang_fr=rule(edge="tail", within=3)) == [
        ("fr/thing", "unreachable")
    ]
    assert told(any_share=rule(edge="tail", within=2), lang_fr=rule(edge="tail", within=3)) == [
        ("fr/thing", "unshown")  # no example has a third line from the end
    ]


def test_a_phrase_that_a_wider_rule_has_is_covered(told) -> None:
    assert told(any_share=rule(), lang_fr=rule(**BOTH)) == [("fr/thing", "covered")]


def test_a_phrase_that_a_pattern_matches_is_covered(told) -> None:
    pattern = rule(words=None, match="(?i)share .+")
    assert told(any_share=pattern, lang_fr=rule(**BOTH)) == [("fr/thing", "covered")]
    longer = rule(words=None, match="(?i)share .+", longest=5, removes=["Text.\n[-Share-]"])
    assert ("fr/thing", "covered") not in told(any_share=longer, lang_fr=rule(**BOTH))


def test_clusters_count_phrases_that_others_remove_too(told) -> None:
    cluster = rule(find="cluster", words=["pass it on", "share me"], removes=["Text.\n[-Pass it on\nPass it on-]"])
    assert told(any_share=rule(), lang_fr=cluster) == []


def test_a_phrase_in_two_rules_of_one_file_is_told_once(told) -> None:
    findings = told(
        any_share=rule("a-both", **BOTH) + rule("b-more", words=["share me", "tell all"], removes=["[-Tell all-]"])
    )
    assert findings == [("share/b-more", "twice")]


def test_two_rules_may_find_a_phrase_in_different_company(told) -> None:
    first = rule("a", beside={"words": ["follow us"]}, removes=["Follow us\n[-Share me-]"])
    second = rule("b", beside={"words": ["like us"]}, removes=["Like us\n[-Share me-]"])
    assert told(any_share=first + second) == []


def test_a_rule_whose_class_others_wait_for_is_not_in_vain(told) -> None:
    waiting = rule("waiting", words=["or not"], removes=["[-Share me\nOr not-]"], beside={"class": ["share"]})
    narrow = rule("narrow", cls="share")
    assert told(any_share=rule(cls="nav"), lang_fr=narrow + waiting) == []
    assert told(any_share=rule(cls="nav"), lang_fr=narrow) == [("fr/narrow", "unreachable")]


def test_a_pattern_whose_examples_others_take_is_unreachable(told) -> None:
    pattern = {"words": None, "match": "(?i)share me!*"}
    assert told(any_share=rule(), lang_fr=rule(**pattern)) == [("fr/thing", "unreachable")]
    own = ["Text.\n[-Share me-]", "Text.\n[-Share me!!!-]"]
    assert told(any_share=rule(words=["share you"], removes=["[-Share you-]"]), lang_fr=rule(**pattern)) == []
    assert (
        told(
            any_share=rule(words=["share me"]),
            lang_fr=rule(words=None, match="(?i)share me[?]*", removes=[*own[:1], "[-Share me??-]"]),
        )
        == []
    )


def test_what_takes_the_examples_must_not_wait_for_the_rule_itself(told) -> None:
    """The heading goes by the pattern alone; the wide rule takes the same line only beside what the pattern takes."""
    heading = rule("heading", words=None, match="(?i)follow us[!?]+", removes=["[-Follow us!?\nShare me-]"])
    wide = rule("wide", words=["follow us!?"], beside={"class": ["nav"]}, removes=["[-Go on\nFollow us!?-]"])
    go = rule("go-on", cls="nav", words=["go on"], removes=["[-Go on-]"], keeps=["Go on and on."])
    assert ("fr/heading", "unreachable") not in told(any_share=wide + go + rule(), lang_fr=heading)


def test_low_rules_take_nothing_from_others(told) -> None:
    low = rule(words=None, match="(?i)share me.?", confidence="low")
    assert told(any_share=low, lang_fr=rule(words=None, match="(?i)share m.")) == []


def test_examples_that_show_only_what_others_find(told) -> None:
    more = rule(words=["share me", "tell all"], removes=["Text.\n[-Share me-]"])
    assert told(any_share=rule(), lang_fr=more) == [("fr/thing", "covered"), ("fr/thing", "unshown")]


# ---- patterns


@pytest.mark.parametrize(
    ("match", "what"),
    [
        (r"(?i)share \pL{2,40}", ["counted"]),
        (r"(?i)share [\pL '-]{3,30}", ["counted"]),
        (r"(?i)share (?:\pL+ )?[^.!?]{1,60}me", []),
        (r"(?i)share \pL+", []),
        (r"(?i)share .{0,60}", []),
        (r"(?i)share [a-z]{2,40}|\d{4}-\d{2}", []),
        (r"(?i)share (?:\pL+ ?(?:by|and|or) [\pL\pN]+ ){1,9}", ["large"]),
        (r"\Q(?i)\pL{2,40}(\E|Share me", []),
        (r"[]\pL{]{1}hare me|[^]a]{2}|\{\pL\}", []),
    ],
)
def test_patterns_that_explode_are_told(told, match: str, what: list[str]) -> None:
    found = told(any_share=rule(words=None, match=f"{match}|Share me", removes=["Text.\n[-Share me-]"]))
    assert [name for _, name in found] == what


def test_patterns_beside_are_looked_at_too(tmp_path: Path) -> None:
    text = rule(beside={"match": r"\pL{2,40}"}, removes=["Follow\n[-Share me-]"])
    (finding,) = Lint(folder(tmp_path, {"any_share": text})).check()
    assert str(finding) == (
        r"rules/any/share.toml: [thing] counted: RE2 writes out in 'beside.match' \pL{2,40} "
        r"(about 48,000 instructions); write '+' and bound the line with 'longest'"
    )


@given(st.text(st.sampled_from(r"(){}[]\pLQE,2.a|*?"), max_size=14))
def test_any_pattern_is_read_to_its_end(pattern: str) -> None:
    list(_counted(pattern))


@pytest.mark.parametrize("pattern", [r"\pL{2,40}", r"[\pL ]{1,9}", r".{0,60}", r"\p{Lu}{7}"])
def test_the_figure_told_is_about_what_re2_makes(pattern: str) -> None:
    (part,) = _counted(pattern)
    assert part.copies * size(part.once) == pytest.approx(size(pattern), rel=0.5)


# ---- words, look-alikes, sources, ids


def test_unsorted_and_double_words(told) -> None:
    assert told(any_share=rule(words=["share me", "pass it on"])) == [("share/thing", "unsorted")]
    assert told(any_share=rule(words=["Share  me:", "share me"])) == [("share/thing", "duplicate")]
    beside = rule(beside={"words": ["b", "a"]}, removes=["A\n[-Share me-]"])
    assert told(any_share=beside) == [("share/thing", "unsorted")]


@pytest.mark.parametrize(
    ("keeps", "found"),
    [
        ("Share me a story.", False),
        ("Sharing is caring.", False),
        ("Der Brief liegt im Boot.", True),
        ("橋が開いた。", True),
        ("1, 2, 3", True),
    ],
)
def test_a_look_alike_looks_alike(told, keeps: str, found: bool) -> None:
    assert (("share/thing", "unlike") in told(any_share=rule(keeps=[keeps]))) is found


def test_look_alikes_in_scripts_without_blanks(told) -> None:
    chinese = {"words": ["分享到"], "removes": ["橋開了。\n[-分享到-]"]}
    assert told(lang_zh=rule(**chinese, keeps=["他把面包分给朋友。"])) == []
    assert told(lang_zh=rule(**chinese, keeps=["橋開了。"])) == [("zh/thing", "unlike")]


def test_look_alikes_of_patterns_may_be_alike_in_figures_and_signs(told) -> None:
    pattern = {"words": None, "match": r"\d+ \| \d+", "removes": ["Text.\n[-3 | 4-]"]}
    assert told(any_share=rule(**pattern, keeps=["In 1904 he left."])) == []
    assert told(any_share=rule(**pattern, keeps=["Text | more"])) == []
    assert told(any_share=rule(**pattern, keeps=["He left."])) == [("share/thing", "unlike")]
    shape = rule(words=None, shape="name", removes=["[-Ann Lee-]"], keeps=["He left."])
    assert [what for _, what in told(any_share=shape)] == []


def test_a_blank_source_is_none(told) -> None:
    assert told(any_share=rule(source=" ")) == [("share/thing", "source")]


def test_a_former_id_is_not_used_again(told) -> None:
    assert told(any_share=rule(was=["share/older"])) == []
    both = rule(was=["share/other"]) + rule("other", **OTHER)
    assert told(any_share=both) == [("share/thing", "was")]


def test_low_rules_that_a_corpus_never_met(told, tmp_path: Path) -> None:
    low = rule(confidence="low")
    assert told(any_share=low) == []
    assert told(any_share=low, met=set()) == [("share/thing", "unseen")]
    assert told(any_share=rule(), met=set()) == []
    rules = folder(tmp_path, {"any_share": low})
    seen = met(Pipeline(("chrome",), rules=rules), [Document("a", "Text.\nShare me\nText.")])
    assert seen == {"share/thing"}  # spared, but seen
    assert met(Pipeline(("chrome",), rules=rules), [Document("a", "Text.")]) == set()


# ---- the command


def cleaner(*args: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cleaner", *map(str, args)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
    )


def test_the_command_tells_findings_of_own_rules_and_exits_1(tmp_path: Path) -> None:
    folder(tmp_path, {"lang_xx": rule(words=["zz top up", "xx share me"], confidence="low")})
    (tmp_path / "page.txt").write_text("Nothing.\n", encoding="utf-8")
    done = cleaner("rules", "lint", "xx/thing", "--rules", tmp_path / "rules", "--corpus", tmp_path / "page.txt")
    assert done.returncode == 1, done.stderr
    first, second, last = done.stdout.splitlines()
    assert first == "rules/lang/xx.toml: [thing] unsorted: 'xx share me' comes earlier in words"
    assert second.startswith("rules/lang/xx.toml: [thing] unseen: ")
    assert last.startswith("1 rules, 2 findings, ")


def test_the_command_knows_its_ids_and_paths(tmp_path: Path) -> None:
    done = cleaner("rules", "lint", "share/network")
    assert (done.returncode, done.stdout) == (2, "")
    assert "near: share/networks" in done.stderr
    gone = cleaner("rules", "lint", "--corpus", tmp_path / "gone")
    assert gone.returncode == 2
    assert "gone" in gone.stderr
    assert "Traceback" not in gone.stderr
