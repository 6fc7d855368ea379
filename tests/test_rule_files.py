"""Rule files: the words of the proof, faults that name place and choices, scopes, digests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from invented import RULE, document, folder_in

from cleaner import proof
from cleaner.document import Document
from cleaner.rules import RuleError, load, shipped
from cleaner.stages.chrome import Chrome


@pytest.fixture
def folder(tmp_path: Path):
    return folder_in(tmp_path)


# ---- the words of the proof


def faults(folder: Path) -> list[str]:
    return [fault.word for fault in proof.Proof(load(folder)).check()]


def test_a_good_rule_has_no_fault(folder) -> None:
    assert faults(folder()) == []


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (("[-Share me-]", "[-Share it-]"), "Missing"),
        (("Text.\\n[-Share me-]", "[-Text.-]\\n[-Share me-]"), "Missing"),
        (("Text.\\n[-Share me-]", "Share me\\n[-Share me-]"), "Wrong"),
        (("Text.\\n[-Share me-]", "Text.\\nShare me"), "Wrong"),
        (("Text.\\n[-Share me-]", "Text.\\n[-Share me"), "Wrong"),
        (("Share me a story.", "Text.\\nShare me\\nText."), "Noisy"),
        (('words = ["share me"]', 'words = ["share me", "a share"]'), "Wrong"),
        (('words = ["share me"]', 'words = ["share me", "share  me"]'), "Wrong"),
        (('keeps = ["Share me a story."]', 'keeps = ["Share me a story.", "Share me a story."]'), "Wrong"),
    ],
)
def test_a_bad_example_is_told(folder, change: tuple[str, str], word: str) -> None:
    assert word in faults(folder(RULE.replace(*change)))


def test_a_rule_in_the_shade_of_another_is_told(folder) -> None:
    folder(RULE, "any/a.toml")
    found = list(proof.Proof(load(folder(RULE.replace('class = "share"', 'class = "nav"'), "any/b.toml"))).check())
    assert [(fault.rule, fault.word) for fault in found] == []  # the loser is in `spared`, so both are seen


def test_marks_in_a_look_alike_allow_other_rules_only(folder) -> None:
    other = RULE.replace("share me", "go away").replace("Share me", "Go away")
    folder(RULE.replace("Share me a story.", "Share me a story.\\n[-Go away-]"), "any/a.toml")
    assert faults(folder(other, "any/b.toml")) == []
    assert faults(folder(RULE.replace("Share me a story.", "A story.\\n[-Share me-]"), "any/a.toml")) == ["Noisy"]


# ---- faults of rule files


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("keeps = [", "keep = ["), ["rules/any/share.toml: [thing]", "unknown key 'keep'", "did you mean 'keeps'", "'keeps' is missing"]),
        (("[thing]", "[Thing_1]"), ["kebab-case"]),
        (('class = "share"', 'class = "shar"'), ["unknown class 'shar'", "did you mean 'share'"]),
        (('find = "line"', 'find = "row"'), ["'row'"]),
        (('words = ["share me"]', 'words = "share me"'), ["words"]),
        (('words = ["share me"]', 'words = ["share me"]\nmatch = "x"'), ["not both"]),
        (('words = ["share me"]', ""), ["needs 'words' or 'match'"]),
        (('words = ["share me"]', 'match = "(share"'), ["bad pattern", "[thing]"]),
        (('words = ["share me"]', 'match = "share(?! me)"'), ["bad pattern"]),
        (('find = "line"', 'find = "line"\nbeside = { word = ["a"] }'), ["'beside.word'", "did you mean 'words'"]),
        (('find = "line"', "find = \"line\"\nbeside = { within = 2 }"), ["'beside' needs"]),
        (('find = "line"', 'find = "line"\nbeside = { class = ["cokie"] }'), ["did you mean 'cookie'"]),
        (('find = "line"', 'find = "line"\nbeside = { words = ["a"], within = 99 }'), ["at most"]),
        (('find = "line"', 'find = "cluster"\nleast = 1'), ["'least'"]),
        (('find = "line"', 'find = "inline"\nshape = "name"'), ["whole lines"]),
        (('find = "line"', 'find = "line"\nshape = "nme"'), ["did you mean 'name'"]),
        (('find = "line"', 'find = "tail"\nedge = "head"'), ["edge already"]),
        (("[thing]", "why = 1\n[thing]"), ["outside any rule"]),
        (("[thing]", "[thing"), ["rules/any/share.toml"]),
    ],
)  # fmt: skip
def test_a_bad_file_names_place_fault_and_choices(folder, change: tuple[str, str], told: list[str]) -> None:
    with pytest.raises(RuleError) as error:
        Chrome(load(folder(RULE.replace(*change)))).propose(document("a"))
    for part in told:
        assert part in str(error.value)


def test_a_file_in_no_scope_is_refused(folder) -> None:
    with pytest.raises(RuleError, match="any/, lang/, cms/ or site/"):
        load(folder(RULE, "elsewhere/share.toml"))


def test_all_bad_files_are_told_at_once(folder) -> None:
    folder(RULE.replace("why", "wy"), "any/a.toml")
    with pytest.raises(RuleError, match=r"(?s)any/a\.toml.*any/b\.toml"):
        load(folder(RULE.replace("find", "fnd"), "any/b.toml"))


def test_two_rules_of_one_id_are_refused(folder) -> None:
    folder(RULE, "any/share.toml")
    with pytest.raises(RuleError, match="stands in"):
        load(folder(RULE, "lang/share.toml"))


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match="no such folder"):
        load(tmp_path / "nowhere")


def test_a_later_folder_overrides_by_id(folder, tmp_path: Path) -> None:
    first = folder()
    second = tmp_path / "mine"
    shutil.copytree(first, second)
    (second / "any/share.toml").write_text(RULE.replace("A thing.", "My thing."), encoding="utf-8")
    assert [rule.why for rule in load(first, second).all] == ["My thing."]


def test_an_unknown_id_names_the_near_ones(folder) -> None:
    with pytest.raises(RuleError, match="share/thing"):
        load(folder())["share/thin"]


# ---- scope


@pytest.mark.parametrize(
    ("scope", "labels", "url", "goes"),
    [
        ("lang/de.toml", {"language": "de"}, None, True),
        ("lang/de.toml", {"language": "fr"}, None, False),
        ("lang/de.toml", {"language": "und"}, None, True),
        ("lang/de.toml", {}, None, True),
        ("lang/en.toml", {"language": "fr"}, None, True),
        ("cms/drupal.toml", {"language": "fr"}, None, True),
        ("cms/drupal.toml", {"language": "fr", "cms": "drupal"}, None, True),
        ("site/a.example.toml", {}, "https://www.a.example/x", True),
        ("site/a.example.toml", {}, "https://ba.example/x", False),
        ("site/a.example.toml", {}, None, False),
    ],
)
def test_a_rule_applies_in_its_scope_only(
    folder, scope: str, labels: dict[str, str], url: str | None, goes: bool
) -> None:
    d = Document("a", "Text.\nShare me", url=url, source=labels)
    assert bool(Chrome(load(folder(RULE, scope))).propose(d).edits) == goes


def test_a_system_rule_rests_where_another_known_system_is(folder) -> None:
    folder(RULE, "cms/drupal.toml")
    stage = Chrome(load(folder(RULE, "cms/joomla.toml")))
    d = Document("a", "Text.\nShare me", source={"language": "fr", "cms": "joomla"})
    assert [e.rule for e in stage.propose(d).edits] == ["joomla/thing"]


def test_a_digest_tells_what_rules_do_and_not_how_they_are_explained(folder) -> None:
    before = load(folder()).digest()
    assert load(folder(RULE.replace("A thing.", "Explained.").replace("invented", "elsewhere"))).digest() == before
    assert load(folder(RULE.replace("Text.", "Other text."))).digest() == before
    others = [
        load(folder(RULE.replace('"line"', '"tail"'))).digest(),
        load(folder(RULE.replace("share me", "share us").replace("Share me", "Share us"))).digest(),
        load(folder(RULE.replace('"share"', '"nav"'))).digest(),
        load(folder(RULE.replace("[thing]", "[other]"))).digest(),
    ]
    assert len({before, *others}) == 5


def test_the_shipped_rules_lie_where_they_are_looked_for() -> None:
    assert (shipped() / "any" / "share.toml").is_file()


def test_near_ids_are_named_and_far_ones_are_not(folder) -> None:
    rules = load(folder())
    with pytest.raises(RuleError, match=r"^there is no rule 'share/thin'; near: share/thing$"):
        rules["share/thin"]
    with pytest.raises(RuleError, match=r"^there is no rule 'xyzzy'$"):
        rules["xyzzy"]
    assert rules["share/thing"].why == "A thing."


def test_choices_are_sorted_and_the_nearest_is_suggested(folder) -> None:
    with pytest.raises(RuleError) as error:
        load(folder(RULE.replace('"share"', '"shares"')))
    assert "did you mean 'share'? known: ad, app, author-bio, caption" in str(error.value)
    with pytest.raises(RuleError, match="unknown class 'qqq'; known: ad, app"):
        load(folder(RULE.replace('"share"', '"qqq"')))
