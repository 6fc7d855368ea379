"""What a rule change does to a corpus: what goes, what comes back, what only changes its credit, and what is risky."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleaner.document import Document
from cleaner.effect import Effect, compare
from cleaner.pipeline import Pipeline
from cleaner.rules import Rules, load
from cleaner.sides import sentence_like

PAGE = """The ferry is late

The ferry to the island left an hour late on Tuesday, and nobody on the quay could say why.
Wave at us
Nobody was hurt.
Print the tide table
See also: Fog. The captain waited for the fog to lift.

Wave at us
"""


def rule(name: str, words: str, more: str = 'find = "line"') -> str:
    return f"""
[{name}]
why = "A test."
class = "share"
{more}
words = ["{words}"]
removes = ["Text.\\n[-{words}-]"]
keeps = ["Text."]
source = "invented"
"""


WAVE = rule("wave", "wave at us")
PRINT = rule("print", "print the tide table")
HURT = rule("hurt", "nobody was hurt")


@pytest.fixture
def rules(tmp_path: Path) -> Callable[..., Rules]:
    def made(*tables: str) -> Rules:
        file = tmp_path / "made/rules/any/a.toml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(tables), encoding="utf-8")
        return load(tmp_path / "made/rules")

    return made


def effect(old: Rules, new: Rules, *texts: str, **given: object) -> Effect:
    documents = [Document(f"{n}.txt", text) for n, text in enumerate(texts or (PAGE,))]
    stages = ("language", "chrome", "joins")
    return compare(documents, Pipeline(stages, rules=old), Pipeline(stages, rules=new), **given)  # type: ignore[arg-type]


# ---- what is counted


def test_the_same_rules_have_no_effect(rules) -> None:
    found = effect(rules(WAVE), rules(WAVE))
    assert not found
    assert (found.documents, found.changed, found.rules, found.moved) == (1, 0, (), ())


def test_an_added_rule_takes_lines(rules) -> None:
    found = effect(rules(WAVE), rules(WAVE, PRINT), PAGE, "Nothing of the kind.", PAGE)
    assert (found.documents, found.changed) == (3, 2)
    (its,) = found.rules
    assert its.rule == "a/print"
    assert (its.added.edits, its.added.lines, its.added.characters) == (2, 2, 2 * len("Print the tide table"))
    assert (its.removed.edits, its.removed.samples) == (0, ())
    (sample,) = its.added.samples  # the same text twice is one sample
    assert (sample.document, sample.line, sample.times) == ("0.txt", 6, 2)
    assert PAGE[sample.start : sample.stop] == sample.before == "Print the tide table"
    assert (sample.above, sample.head, sample.tail) == ("Nobody was hurt.", "", "")
    assert sample.below == "See also: Fog. The captain waited for the fog to lift."
    assert found.losses == 0


def test_a_removed_rule_gives_lines_back(rules) -> None:
    found = effect(rules(WAVE, PRINT), rules(PRINT))
    (its,) = found.rules
    assert (its.rule, its.added.edits, its.removed.edits, its.removed.lines) == ("a/wave", 0, 2, 2)
    assert found.losses == 0  # text that comes back is no loss


def test_a_changed_rule_counts_both_ways(rules) -> None:
    found = effect(rules(WAVE), rules(rule("wave", "print the tide table")))
    (its,) = found.rules
    assert (its.added.lines, its.removed.lines) == (1, 2)


def test_credit_that_moves_is_neither_added_nor_removed(rules) -> None:
    found = effect(rules(WAVE), rules(rule("greeting", "wave at us")))
    assert (found.changed, found.rules) == (0, ())
    (moved,) = found.moved
    assert (moved.old, moved.new, moved.side.lines, moved.side.characters) == ("a/wave", "a/greeting", 2, 20)
    assert found
    assert found.losses == 0


def test_a_sweep_is_parted_into_what_is_new_and_what_moves(rules) -> None:
    tail = rule("tail", "nobody was hurt", 'find = "tail"\nwithin = 30')
    found = effect(rules(PRINT, WAVE), rules(PRINT, tail))
    assert [(m.old, m.new, m.side.lines) for m in found.moved] == [
        ("a/print", "a/tail", 1),
        ("a/wave", "a/tail", 1),
    ]
    by = {its.rule: its for its in found.rules}
    assert (by["a/tail"].added.edits, by["a/tail"].added.lines) == (1, 2)
    assert by["a/tail"].added.characters == len("Nobody was hurt.") + len(
        "See also: Fog. The captain waited for the fog to lift."
    )
    assert by["a/wave"].removed.lines == 1  # above the tail


def test_a_span_inside_a_line_stands_in_its_line(rules) -> None:
    found = effect(rules(WAVE), rules(WAVE, rule("also", "see also: fog", 'find = "inline"')))
    (its,) = [its for its in found.rules if its.rule == "a/also"]
    (sample,) = its.added.samples
    assert (sample.head, sample.before, sample.tail) == (
        "",
        "See also: Fog",
        ". The captain waited for the fog to lift.",
    )


def test_blank_space_that_follows_counts_to_no_rule(rules) -> None:
    text = "One line stands here.\n\nPrint the tide table\n\nAnother stands there."
    found = effect(rules(WAVE), rules(WAVE, PRINT), text)
    assert [its.rule for its in found.rules] == ["a/print"]
    assert found.moved == ()


def test_what_the_rules_wake_is_credited_to_who_takes_it(rules) -> None:
    low = rule("hurt", "nobody was hurt", 'find = "line"\nconfidence = "low"')
    found = effect(rules(WAVE, low), rules(WAVE, low, PRINT))
    assert {its.rule for its in found.rules} == {"a/print", "a/hurt"}


def test_places_are_those_of_the_raw_text(rules) -> None:
    raw = (
        "\ufeffThe cafÃ© is open, and the cafÃ© is full of people who wait for the rain to stop.\nPrint the tide table"
    )
    sides = [Pipeline(rules=r) for r in (rules(WAVE), rules(WAVE, PRINT))]
    found = compare([Document("a", raw)], *sides)
    (sample,) = found.rules[0].added.samples
    assert raw[sample.start : sample.stop] == "Print the tide table"
    assert sample.line == 2


def test_stages_before_and_behind_the_rules_run_once_where_nothing_differs(rules) -> None:
    class Counted:
        name = "counted"
        calls = 0

        def propose(self, document: Document):
            from cleaner.document import Patch

            Counted.calls += 1
            return Patch(self.name)

    counted = Counted()
    sides = [Pipeline([counted, "chrome", counted], rules=r) for r in (rules(WAVE), rules(WAVE, PRINT))]
    found = compare([Document("a", "Nothing of the kind.")], *sides)
    assert (Counted.calls, found.changed) == (2, 0)


def test_a_stage_that_fails_is_told_and_the_others_are_compared(rules) -> None:
    class Picky:
        name = "picky"

        def propose(self, document: Document):
            from cleaner.document import Patch

            if document.id == "bad":
                raise RuntimeError("not this one")
            return Patch(self.name)

    sides = [Pipeline([Picky(), "chrome"], rules=r) for r in (rules(WAVE), rules(WAVE, PRINT))]
    found = compare([Document("bad", PAGE), Document("good", PAGE)], *sides)
    assert found.failed == (("bad", "picky: RuntimeError: not this one"),)
    assert (found.documents, found.changed) == (2, 1)


# ---- what is risky


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("The bridge is open.", True),
        ("Is the bridge open at night?", True),
        ("« Le pont est ouvert. »", True),
        ("Menu\nThe bridge is open again.\nShare", True),
        ("橋は今日からまた開いています。", True),
        ("Leave a comment", False),
        ("Share this.", False),
        ("The bridge, the quay and the island", False),
        ("開く。", False),
        ("", False),
    ],
)
def test_what_is_like_a_sentence(text: str, is_one: bool) -> None:
    assert sentence_like(text) is is_one


def test_the_most_risky_come_first(rules, tmp_path: Path) -> None:
    (tmp_path / "0.txt").write_text("The ferry is late\nNobody was hurt.\n", encoding="utf-8")
    long = rule("long", "a very long line of words that comes to no end at all and has no point")
    also = rule("also", "see also: fog. the captain waited for the fog to lift")
    text = PAGE + "A very long line of words that comes to no end at all and has no point\n"
    found = effect(rules(WAVE), rules(WAVE, PRINT, HURT, long, also), text, golden=tmp_path)
    assert [its.rule for its in found.rules] == ["a/hurt", "a/also", "a/long", "a/print"]
    assert [(its.added.golden, its.added.risky) for its in found.rules] == [(1, 1), (0, 1), (0, 0), (0, 0)]
    assert [(its.added.samples[0].golden, its.added.samples[0].sentence) for its in found.rules[:2]] == [
        (True, False),
        (False, True),
    ]
    assert found.losses == 2


def test_samples_are_capped_the_most_risky_kept_and_counted(rules) -> None:
    words = ["harbour", "lighthouse", "tide", "quay"]
    table = rule("places", "x").replace('words = ["x"]', f"words = {sorted(words)}".replace("'", '"'))
    texts = [f"{word}\nThe text of the page stands here." for word in [*words, "tide", "quay", "lighthouse"]]
    added = effect(rules(WAVE), rules(WAVE, table), *texts, samples=2).rules[0].added
    assert added.edits == 7
    assert [(s.before, s.document, s.times) for s in added.samples] == [
        ("lighthouse", "1.txt", 2),
        ("harbour", "0.txt", 1),
    ]
    assert effect(rules(WAVE), rules(WAVE, table), *texts, samples=0).rules[0].added.samples == ()


@pytest.mark.parametrize(
    ("golden", "touched"),
    [
        ("Boat\nThe ferry left late.\n", True),
        ("The ferry left late.\n", False),  # a golden that does not keep the word
        ("Boats\nThe ferry left late.\n", False),  # nor does a longer word keep it
    ],
)
def test_a_golden_says_what_is_kept(rules, tmp_path: Path, golden: str, touched: bool) -> None:
    (tmp_path / "0.txt").write_text(golden, encoding="utf-8")
    found = effect(rules(WAVE), rules(WAVE, rule("boat", "boat")), "Boat\nThe ferry left late.", golden=tmp_path)
    assert found.rules[0].added.golden == touched


def test_a_golden_is_touched_by_what_it_keeps_more_often(rules, tmp_path: Path) -> None:
    """A headline that stands twice: the golden keeps one."""
    (tmp_path / "0.txt").write_text("The ferry is late\nNobody was hurt.\n", encoding="utf-8")
    once = rule("again", "the ferry is late", 'find = "line"\nedge = "head"\nwithin = 1')
    text = "The ferry is late\nA word\nThe ferry is late\nNobody was hurt."
    assert effect(rules(WAVE), rules(WAVE, once), text, golden=tmp_path).rules[0].added.golden == 0
    both = rule("again", "the ferry is late")
    assert effect(rules(WAVE), rules(WAVE, both), text, golden=tmp_path).rules[0].added.golden == 2


def test_a_golden_is_not_touched_by_what_stands_inside_its_sentence(rules, tmp_path: Path) -> None:
    text = "The ferry left late. See also: Fog. The captain waited for the fog to lift."
    also = rule("also", "See also: Fog.", 'find = "inline"')
    keeps = {"0.txt": "The ferry left late. The captain waited for the fog to lift.", "1.txt": text}
    for name, kept in keeps.items():
        (tmp_path / name).write_text(kept + "\n", encoding="utf-8")
    added = effect(rules(WAVE), rules(WAVE, also), text, golden=tmp_path).rules[0].added
    assert (added.edits, added.golden) == (1, 0)
    added = effect(rules(WAVE), rules(WAVE, also), text, text, golden=tmp_path).rules[0].added
    assert (added.edits, added.golden) == (2, 1)


def test_kept_text_that_comes_back_is_told_too(rules, tmp_path: Path) -> None:
    (tmp_path / "0.txt").write_text("Nobody was hurt.\n", encoding="utf-8")
    found = effect(rules(WAVE, HURT), rules(WAVE), golden=tmp_path)
    assert found.rules[0].removed.golden == 1
    assert found.losses == 0


# ---- laws

_LINES = st.lists(
    st.sampled_from(["Wave at us", "Print the tide table", "Nobody was hurt.", "", "  ", "A line of text", "Fog"]),
    max_size=9,
)


@given(text=_LINES.map("\n".join), golden=_LINES.map("\n".join), names=st.tuples(*[st.sets(st.integers(0, 3))] * 2))
def test_turned_round_what_was_added_is_removed(tmp_path_factory, text: str, golden: str, names) -> None:
    folder = tmp_path_factory.mktemp("law")
    (folder / "0.txt").write_text(golden, encoding="utf-8")
    sides = []
    tail = rule("tail", "fog", 'find = "tail"')
    for chosen in names:
        file = folder / f"{len(sides)}/rules/any/a.toml"
        file.parent.mkdir(parents=True)
        file.write_text("".join((WAVE, PRINT, HURT, tail)[n] for n in sorted(chosen)), encoding="utf-8")
        sides.append(load(file.parent.parent))
    there = effect(*sides, text, golden=folder)
    back = effect(*reversed(sides), text, golden=folder)
    assert {its.rule: (its.added, its.removed) for its in there.rules} == {
        its.rule: (its.removed, its.added) for its in back.rules
    }
    assert {(m.old, m.new): m.side.characters for m in there.moved} == {
        (m.new, m.old): m.side.characters for m in back.moved
    }
    before, after = (Pipeline(("language", "chrome", "joins"), rules=side).clean(Document("0", text)) for side in sides)
    gone = sum(its.added.characters - its.removed.characters for its in there.rules)
    assert len(before.text.replace("\n", "")) - len(after.text.replace("\n", "")) == gone
    assert there.changed == (before.text != after.text)
