"""Why a line stays: each condition that fails is named, near phrases are found, and far ones are not."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from invented import folder_in

from cleaner.document import Document, Hint
from cleaner.explain import rows
from cleaner.near import Near, NoLine, distance, near
from cleaner.pipeline import Pipeline
from cleaner.proof import Proof
from cleaner.read.files import document as read_document
from cleaner.rules import RuleError, load
from cleaner.stages.extract import Extract

PROSE = "The ferry to the island sails again after a long winter, the harbour office said on Monday morning."
ENGLISH = "Nobody had counted the boats that lay on the beach all the while, and nobody ever asked about them."


def rule(name: str, keys: str, cls: str = "nav") -> str:
    return f'[{name}]\nwhy = "Invented."\nclass = "{cls}"\n{keys}\nremoves = ["[-x-]"]\nkeeps = ["y"]\nsource = "invented"\n'


RULES = {
    "any/quay.toml": "\n".join(
        (
            rule("menu", 'find = "line"\nwords = ["quays", "berths"]'),
            rule(
                "below-menu",
                'find = "line"\nwords = ["tide table"]\nbeside = { within = 2, side = "before", class = ["nav"] }',
            ),
            rule("three", 'find = "cluster"\nleast = 3\nmatch = "Gauge [a-z]+"'),
            rule("on-top", 'find = "line"\nedge = "head"\nwithin = 2\nwords = ["harbour news"]'),
            rule("risky", 'find = "line"\nconfidence = "low"\nwords = ["read the logbook"]'),
            rule("shaped", 'find = "line"\nshape = "name"\nmatch = "Photo.*"'),
            rule("short", 'find = "line"\nlongest = 30\nmatch = "Filed under .*"'),
            rule("comment", 'find = "line"\nwords = ["leave a comment"]', cls="comment-form"),
            rule("letter", 'find = "line"\nwords = ["subscribe to our harbour letter"]', cls="subscribe"),
            rule("seen-in", 'find = "inline"\nmatch = "\\\\(seen in [a-z]+\\\\)"\nconfidence = "low"'),
            rule("rest", 'find = "tail"\nwithin = 20\nwords = ["the end of the quay"]', cls="footer"),
        )
    ),
    "lang/de.toml": rule("weiter", 'find = "line"\nwords = ["weiter lesen"]'),
    "site/quay.example.toml": rule("print", 'find = "line"\nwords = ["print the leaf"]'),
    "cms/drupal.toml": rule("theme", 'find = "line"\nwords = ["made with nodes"]'),
    "cms/wordpress.toml": rule("press", 'find = "line"\nwords = ["made with blocks"]'),
}


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory):
    write = folder_in(tmp_path_factory.mktemp("near"))
    folder = next(iter({write(text, name) for name, text in RULES.items()}))
    return load(folder)


@pytest.fixture(scope="module")
def ask(rules):
    def ask(text: str, line: str, *, only: str | None = None, most: int = 10, **given) -> Near:
        settings = {key: given.pop(key) for key in ("profile", "keep") if key in given}
        pipeline = Pipeline(["encoding", "chrome", "joins"], rules=rules, **settings)
        done = pipeline.clean(Document("a.txt", text, source={"language": "en", **given.pop("source", {})}, **given))
        number = next(row.number for row in rows(done, whole=True) if line in "".join(p.text for p in row.pieces))
        return near(done, number, pipeline, only=only, most=most)

    return ask


def told(found: Near, rule: str) -> str:
    return next((answer.told for answer in found.answers if answer.rule == rule), "")


def test_what_took_the_line_comes_first_and_nothing_else_is_asked(ask) -> None:
    found = ask(f"Quays\n{PROSE}", "Quays")
    assert [answer.rule for answer in found.answers] == ["quay/menu"]
    assert "removed the line: Invented." in told(found, "quay/menu")
    assert not found.unknown


def test_a_condition_that_fails_is_named_with_its_number(ask) -> None:
    text = f"Quays\n{PROSE}\n{PROSE}\n{ENGLISH}\nTide table\n{PROSE}\nHarbour news\n{PROSE}\nGauge north\nGauge south\n{PROSE}"
    assert "a line that goes as nav within 2 lines above it, and the nearest is 4 away" in told(
        ask(text, "Tide table"), "quay/below-menu"
    )
    assert "among the head's 2 lines and is number 6" in told(ask(text, "Harbour news"), "quay/on-top")
    assert "2 of the 3 adjacent lines" in told(ask(text, "Gauge south"), "quay/three")
    assert "there is none" in told(ask(f"{PROSE}\nTide table\nQuays", "Tide table"), "quay/below-menu")


def test_a_rule_whose_conditions_hold_is_no_near_miss(ask) -> None:
    text = f"Quays\n{PROSE}\nTide table\n{PROSE}"
    assert told(ask(text, "Tide table"), "quay/below-menu").startswith("removed the line")


def test_low_confidence_and_kept_classes_are_told_and_only_where_they_decide(ask) -> None:
    text = f"{PROSE}\nRead the logbook\n{PROSE}"
    assert "--profile strict, or between lines that go" in told(ask(text, "logbook"), "quay/risky")
    assert told(ask(text, "logbook", profile="strict"), "quay/risky").startswith("removed")
    text = f"{PROSE}\nLeave a comment\n{PROSE}"
    assert "--keep comment-form" in told(ask(text, "Leave", keep=["comment-form"]), "quay/comment")
    assert "--keep" not in told(ask(text, "Leave"), "quay/comment")


def test_a_low_span_in_a_line_waits_for_strict_alone(ask) -> None:
    found = told(ask(f"{PROSE} (seen in april)\n{PROSE}", "april"), "quay/seen-in")
    assert "--profile strict" in found
    assert "between lines" not in found


def test_shape_length_and_budget_are_told(ask) -> None:
    assert "has not the shape 'name'" in told(ask(f"{PROSE}\nPhoto 12\n{PROSE}", "Photo"), "quay/shaped")
    long = "Filed under boats, ropes, sails, tar and oakum"
    assert f"has {len(long)} characters, the rule reads 30" in told(ask(f"{PROSE}\n{long}", long), "quay/short")
    swept = "\n".join((PROSE, "The end of the quay", *[ENGLISH] * 9))
    assert "more than half of the text" in told(ask(swept, "end of the quay"), "quay/rest")


def test_rules_of_other_languages_sites_and_systems_say_why_they_are_silent(ask) -> None:
    text = f"{PROSE}\nWeiter lesen\nPrint the leaf\nMade with nodes\n{PROSE}"
    assert "for text in de; this is en" in told(ask(text, "Weiter"), "de/weiter")
    assert "of no known address" in told(ask(text, "Print"), "quay.example/print")
    assert "this one is of other.example" in told(
        ask(text, "Print", url="https://other.example/a"), "quay.example/print"
    )
    wordpress = ask(text, "nodes", source={"cms": "wordpress"})
    assert "for pages made by drupal; this one is by wordpress" in told(wordpress, "drupal/theme")


@pytest.mark.parametrize(
    ("line", "rule", "how"),
    [
        ("Leave a coment", "quay/comment", "1 character differs"),
        ("Leave one comment", "quay/comment", "one word differs"),
        ("Please leave a comment below", "quay/comment", "2 words more"),
        ("Subscribe to our letter", "quay/letter", "one word differs"),
        ("Gauge north, again", "quay/three", "its pattern takes “Gauge north”"),
    ],
)
def test_a_phrase_or_pattern_that_nearly_matches_is_found(ask, line: str, rule: str, how: str) -> None:
    found = ask(f"{PROSE}\n{line}\n{PROSE}", line)
    assert how in told(found, rule)
    assert not found.unknown


@pytest.mark.parametrize(
    "line", ["The gulls leave a comment on every car that parks here", "Incomment", "Betths", "Quaysides", ENGLISH]
)
def test_what_only_shares_letters_or_a_word_is_not_near(ask, line: str) -> None:
    found = ask(f"{PROSE}\n{line}\n{PROSE}", line)
    assert [answer.rule for answer in found.answers if answer.rule != "quay/menu"] == []
    assert found.unknown == (line != "Betths")  # one character from "berths"


def test_the_surest_answers_come_first_and_at_most_so_many(ask) -> None:
    text = f"{PROSE}\nLeave a comment\n{PROSE}"
    found = ask(text, "Leave", keep=["comment-form"], most=0)
    assert (found.answers, found.more) == ((), 1)


def test_the_draft_for_an_unknown_line_loads_and_proves_itself(ask, rules, tmp_path: Path) -> None:
    line = "[-12 \"lanterns\" lit on O'Hara's \\ quay-]"
    found = ask(f"{PROSE}\n{line}\n{ENGLISH}", line)
    assert found.unknown
    assert found.draft.startswith("# my-rules/lang/en.toml\n[lanterns-lit-on-o-hara]")
    mine = load(folder_in(tmp_path)(found.draft + "\n", "lang/en.toml"))
    assert [str(fault) for fault in Proof(rules | mine).check("en/lanterns-lit-on-o-hara")] == []


def test_a_sentence_gets_no_draft(ask) -> None:
    found = ask(f"{PROSE}\n{ENGLISH}", ENGLISH)
    assert found.unknown
    assert not found.draft
    assert any("reads like a sentence" in seen for seen in found.seen)


def test_a_line_with_signs_alone_gets_no_draft(ask) -> None:
    assert ask(f"{PROSE}\n• | •\n{PROSE}", "• | •").draft == ""


def test_one_rule_may_be_asked_about_and_must_be_there(ask) -> None:
    assert ask(f"{PROSE}\nLeave a coment", "coment", only="quay/letter").answers == ()
    with pytest.raises(RuleError, match="near: quay/letter"):
        ask(f"{PROSE}\nLeave a coment", "coment", only="quay/lettr")


def test_a_number_out_of_range_says_how_many_there_are(rules) -> None:
    pipeline = Pipeline(["chrome"], rules=rules)
    with pytest.raises(NoLine, match=r"a\.txt has no line 3: .* 1 to 2"):
        near(pipeline.clean(Document("a.txt", f"{PROSE}\nQuays")), 3, pipeline)
    with pytest.raises(ValueError, match="chrome"):
        near(Document("a.txt", PROSE), 1, Pipeline(["joins"], rules=rules))


def test_preformatted_lines_and_what_extract_saw_are_told(rules) -> None:
    pipeline = Pipeline([Extract(), "chrome"], rules=rules)
    hints = (Hint("div/article/p"), Hint("div/pre"), Hint("div/p", 0.5))
    page = Document("a.html", f"{PROSE}\nQuays\nBerth for rent", hints=hints, html="<p>", source={"language": "en"})
    done = pipeline.clean(page)
    assert "preformatted" in told(near(done, 2, pipeline), "quay/menu")
    seen = near(done, 3, pipeline).seen
    assert any("div/p, 50% of it in links" in each for each in seen)


def test_the_line_of_the_file_is_told_where_the_numbers_part(rules) -> None:
    pipeline = Pipeline(["encoding", "chrome"], rules=rules)
    done = pipeline.clean(Document("a.txt", f"{PROSE}\r{ENGLISH}\nBerth for rent"))
    assert near(done, 3, pipeline).seen[0] == "line 2 of the file"
    done = pipeline.clean(Document("a.txt", f"Quays\n\n{PROSE}"))
    assert not any(" of the file" in seen for seen in near(done, 3, pipeline).seen)


def test_a_page_says_that_extract_kept_the_line(rules) -> None:
    pipeline = Pipeline(rules=rules)
    done = pipeline.clean(read_document(f"<html><body><main><p>{PROSE}</p><p>{ENGLISH}</p></main></body></html>"))
    assert any(seen.startswith("extract kept it: main/p, 0% of it in links") for seen in near(done, 1, pipeline).seen)


@given(st.text("abc ", max_size=9), st.text("abc ", max_size=9), st.integers(0, 3))
def test_distance_is_the_plain_edit_distance_within_its_bound(a: str, b: str, most: int) -> None:
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        now = [i]
        for j, y in enumerate(b, 1):
            now.append(min(row[j - 1] + (x != y), row[j] + 1, now[-1] + 1))
        row = now
    assert distance(a, b, most) == (row[-1] if row[-1] <= most else None)


LINES = st.lists(
    st.sampled_from(["Quays", "Tide table", "Leave a coment", PROSE, "", "Gauge north", "  ", "OTAN.Les", "Anna Quay"]),
    min_size=1,
    max_size=12,
)


@given(LINES)
def test_every_numbered_line_has_an_answer_about_itself(rules, chosen: list[str]) -> None:
    pipeline = Pipeline(["encoding", "chrome", "joins"], rules=rules)
    done = pipeline.clean(Document("a", "\n".join(chosen), source={"language": "en"}))
    for row in rows(done, whole=True):
        found = near(done, row.number, pipeline)
        assert found.row == row
        gone = {p.rule for p in row.pieces if p.kind == "-" and p.text.strip("↵ ")}
        assert gone <= {answer.rule for answer in found.answers}


def test_a_hostile_line_takes_no_time(ask) -> None:
    start = time.process_time()
    for line in ("(" * 60_000, "Photo " * 10_000, "leave a " * 120, "。" * 900):
        ask(f"{PROSE}\n{line}\n{PROSE}", line.strip())
    assert time.process_time() - start < 5


def test_the_command_prints_the_line_first_then_its_answers(tmp_path: Path) -> None:
    page = tmp_path / "a.txt"
    page.write_text(f"{PROSE}\nLeave a coment\n{ENGLISH}\n", encoding="utf-8")

    def run(*args: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "cleaner", "explain", str(page), *args]
        return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=60)

    shown = run("--line", "2").stdout.splitlines()
    assert shown[0].split() == ["2", "Leave", "a", "coment"]
    assert any(line.startswith("en/comment-form") and "1 character differs" in line for line in shown)
    one = run("--line", "2", "--rule", "en/connect").stdout
    assert "en/connect" in one
    assert "does not come near" in one
    assert "en/comment-form" not in one
    beyond = run("--line", "9")
    assert (beyond.returncode, "a.txt has no line 9" in beyond.stderr) == (2, True)
    assert run("--line", "2", "--all").returncode == 2
