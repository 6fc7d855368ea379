"""Goldens of one's own: adding seeds, reviewing what differs, and turning a passage into a rule's look-alike."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from cleaner import golden
from cleaner.cli import cli
from cleaner.document import Document
from cleaner.golden import GoldenError, add, changed, compare, pending
from cleaner.keeps import Taken, keep, look_alike, taken
from cleaner.pipeline import Pipeline
from cleaner.proof import Proof, text_of
from cleaner.rules import RuleError, load

RULES = """\
# Chrome of the dyke's own paper.   (this comment stays)

[print-link]   # and this one
why = "The link to the printer's dialogue."
class = "share"
find = "line"
words = ["print the leaf"]
removes = ["The dyke is dry.\\n[-Print the leaf-]"]
keeps = ["Print the leaf on thick paper."]
source = 'invented'


[tools]
why  =  "A row of tools."
class = "share"
find = "cluster"
words = ["bucket", "rope", "spade"]
removes = [
    \"\"\"
    The dyke is dry.
    [-Spade
    Rope-]\"\"\",
]
keeps = [
    "Spade\\nThe dyke is dry.", # one alone
    # the last
]
source = "invented"
"""
SEED = "The dyke is dry.\n\nPrint the leaf\n\nWhat they carried:\nSpade\nRope\nThe water came at night.\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for folder in ("seeds", "golden", "none", "rules/any"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "rules/any/dyke.toml").write_text(RULES, encoding="utf-8")
    (tmp_path / "seeds/dyke.txt").write_text(SEED, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("cleaner.rules.shipped", lambda: tmp_path / "none")
    monkeypatch.setattr(sys.modules["cleaner.cli.golden"], "_terminal", lambda: True)
    return tmp_path


def run(*args: str, answers: str = "") -> Result:
    return CliRunner().invoke(cli, args, input=answers)


def tree(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.iterdir())}


# ---- word differences


@given(st.text("ab \n", max_size=60), st.text("ab \n", max_size=60))
def test_a_difference_leads_from_one_text_to_the_other(old: str, new: str) -> None:
    document = changed(old, new)
    assert (document.raw, document.text) == (old, new)
    assert bool(document.ledger) == (old != new)


def test_a_difference_is_as_small_as_its_words() -> None:
    old = "The water came at night.\nNobody had slept in the house on the dyke.\nIt rained.\n"
    new = "The water came at dawn.\nNobody had slept in the house on the dyke.\nIt rained.\nShare\n"
    assert [(e.before, e.after) for e in changed(old, new).ledger] == [("night.", "dawn."), ("", "Share\n")]


def test_stretches_with_little_in_common_are_not_interleaved() -> None:
    assert len(changed("one two three four a five six seven\n", "uno due tre a quattro\n").ledger) == 1


@pytest.mark.parametrize("unit", ["a\n", "a ", "a b\n"])
def test_a_hostile_difference_ends_soon(unit: str) -> None:
    old, new = unit * 1900, ("b\n" + unit) * 950
    assert changed(old, new).text == new  # compared naively, 222 seconds


# ---- add


def clean(path: Path) -> Document:
    return Document(path.name, path.read_text(encoding="utf-8").rstrip("\n"))


def test_a_file_is_added_byte_for_byte_and_waits_for_a_reader(home: Path) -> None:
    (home / "page.txt").write_bytes(b"\xef\xbb\xbfThe dyke is dry.\r\nPrint the leaf\r\n")
    done = run("golden", "add", "page.txt", "--rules", "rules")
    assert done.exit_code == 0, done.output
    assert (home / "seeds/page.txt").read_bytes() == (home / "page.txt").read_bytes()
    assert set(tree(home / "golden")) == {"page.txt.new", "page.edits.new"}
    assert "Print" not in tree(home / "golden")["page.txt.new"]
    assert "dyke/print-link" in tree(home / "golden")["page.edits.new"]
    assert run("golden", "test", "page", "--rules", "rules").exit_code == 1
    assert run("golden", "accept", "page").exit_code == 0
    assert run("golden", "test", "page", "--rules", "rules").exit_code == 0


@pytest.mark.parametrize("names", [("dyke.txt",), ("DYKE.html",), ("a.txt", "a.html"), ("new.txt", "old.htm"), (".x",)])
def test_a_taken_name_is_told_and_nothing_is_added(home: Path, names: tuple[str, ...]) -> None:
    (home / "golden/old.txt").write_text("x\n")
    (home / "in").mkdir()
    for name in names:
        (home / "in" / name).write_text("The dyke is dry.\n")
    before = tree(home / "seeds"), tree(home / "golden")
    with pytest.raises(GoldenError, match=names[-1].replace(".", r"\.")):
        add([home / "in" / name for name in names], home / "seeds", home / "golden", clean)
    done = run("golden", "add", *(f"in/{name}" for name in names))
    assert done.exit_code == 2
    assert (tree(home / "seeds"), tree(home / "golden")) == before


def test_the_first_seed_of_a_project_makes_its_folders(home: Path) -> None:
    seeds = add([home / "seeds/dyke.txt"], home / "new/seeds", home / "new/golden", clean)
    assert seeds == [home / "new/seeds/dyke.txt"]
    assert set(tree(home / "new/golden")) == {"dyke.txt.new", "dyke.edits.new"}


def test_what_cannot_be_read_is_not_added(home: Path) -> None:
    (home / "junk.txt").write_bytes(bytes(range(256)) * 40)
    done = run("golden", "add", "junk.txt")
    assert (done.exit_code, "junk.txt" in done.output) == (2, True)
    assert set(tree(home / "seeds")) == {"dyke.txt"}


# ---- names


def test_names_choose_seeds_and_near_ones_are_told(home: Path) -> None:
    (home / "seeds/other.txt").write_text("Rain.\n")
    assert [name for name, _ in compare(home / "seeds", home / "golden", clean, ["other"])] == ["other"]
    assert set(tree(home / "golden")) == {"other.txt.new", "other.edits.new"}
    done = run("golden", "test", "othr")
    assert (done.exit_code, "near: other" in done.output) == (2, True)


def test_two_seeds_of_one_name_are_told(home: Path) -> None:
    (home / "seeds/dyke.html").write_text("<p>x")
    assert run("golden", "test").exit_code == 2
    (home / "seeds/dyke.html").unlink()
    (home / "seeds/.dyke").write_text("hidden")
    assert run("golden", "test").exit_code == 1


# ---- review


def test_a_list_asks_nothing_and_its_exit_code_is_for_ci(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["cleaner.cli.golden"], "_terminal", lambda: False)
    assert run("golden", "review", "--list").output == "0 to review\n"
    run("golden", "test", "--rules", "rules")
    (home / "golden/gone.txt").write_text("x\n")
    (home / "golden/left.edits.new").write_text("x\n")
    listed = run("golden", "review", "--list")
    assert listed.exit_code == 1
    assert listed.output.splitlines() == [
        "new: golden/dyke.txt",
        "new: golden/dyke.edits",
        "orphan: golden/gone.txt",
        "orphan: golden/left.edits.new",
        "3 to review",
    ]
    refused = run("golden", "review")
    assert (refused.exit_code, "--list" in refused.output) == (2, True)


def test_accept_makes_the_golden_and_shows_the_seed_against_it(home: Path) -> None:
    run("golden", "test", "--rules", "rules")
    done = run("golden", "review", "--rules", "rules", answers="a\n")
    assert done.exit_code == 0, done.output
    assert "[-Print the leaf↵" in done.output
    assert set(tree(home / "golden")) == {"dyke.txt", "dyke.edits"}
    assert run("golden", "test", "--rules", "rules").exit_code == 0


def test_reject_and_skip_leave_the_golden(home: Path) -> None:
    (home / "golden/dyke.txt").write_text("The dyke is dry.\n")
    run("golden", "test", "--rules", "rules")
    skipped = run("golden", "review", answers="s\n")
    assert (skipped.exit_code, "{+" in skipped.output) == (1, True)
    assert "dyke.txt.new" in tree(home / "golden")
    assert run("golden", "review", answers="q\n").exit_code == 1
    rejected = run("golden", "review", answers="r\n")
    assert rejected.exit_code == 0
    assert tree(home / "golden") == {"dyke.txt": "The dyke is dry.\n"}


def test_a_trail_alone_is_of_the_kind_edits(home: Path) -> None:
    run("golden", "test", "--rules", "rules")
    run("golden", "accept", "--all")
    rules = home / "rules/any/dyke.toml"
    rules.write_text(rules.read_text().replace("[print-link]", "[printer]"))
    run("golden", "test", "--rules", "rules")
    ((name, found),) = pending(home / "seeds", home / "golden").items()
    assert (name, [d.kind for d in found]) == ("dyke", ["edits"])
    assert "{+dyke/printer" in run("golden", "review", answers="s\n").output


def test_accept_wants_names_or_all(home: Path) -> None:
    assert run("golden", "accept").exit_code == 2
    assert run("golden", "accept", "dyke", "--all").exit_code == 2
    assert run("golden", "accept", "--all").exit_code == 0  # nothing waits


@pytest.mark.skipif(sys.platform == "win32", reason="no pty")
def test_on_a_terminal_what_goes_is_red(home: Path) -> None:
    import pty

    run("golden", "test", "--rules", "rules")
    reader, terminal = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "cleaner", "golden", "review"], stdin=terminal, stdout=terminal, stderr=terminal
    )
    os.close(terminal)
    os.write(reader, b"s\n")
    output = b""
    try:
        while part := os.read(reader, 4096):
            output += part
    except OSError:  # how Linux tells the end of a terminal
        pass
    os.close(reader)
    assert child.wait(60) == 1
    assert b"\x1b[31m" in output
    assert b"Print the leaf" in output
    assert b"[-" not in output


# ---- keep-example


def document(text: str = SEED) -> tuple[Document, Pipeline]:
    pipeline = Pipeline(("chrome", "joins"), rules=load(Path("rules")))
    return pipeline.clean(Document("dyke", text.rstrip("\n"))), pipeline


def passage(done: Document, rule: str) -> Taken:
    return next(each for each in taken(done, {rule}) if each.edit.rule == rule)


def test_a_passage_becomes_a_look_alike_of_the_rule_that_took_it(home: Path) -> None:
    run("golden", "test", "--rules", "rules")
    done = run("golden", "review", "--rules", "rules", answers="k\n1\ns\n")
    assert done.exit_code == 1, done.output
    assert "[print-link] now keeps" in done.output
    assert "Noisy" in done.output
    after = (home / "rules/any/dyke.toml").read_text(encoding="utf-8")
    assert after == RULES.replace(
        '"Print the leaf on thick paper."]', '"Print the leaf on thick paper.", "Print the leaf"]'
    )
    again = run("golden", "review", "--rules", "rules", answers="k\n1\ns\n")
    assert "keeps that already" in again.output
    assert run("golden", "review", answers="k\ns\n").output.count("--rules DIR") == 1
    assert run("golden", "review", "--rules", "rules", answers="k\n0\ns\n").exit_code == 1


def test_a_cluster_is_shown_with_the_neighbours_it_falls_for(home: Path) -> None:
    done, pipeline = document()
    tools = passage(done, "dyke/tools")
    example = look_alike(done, tools, pipeline.rules)
    assert "Spade\nRope" in example
    path = keep([home / "rules"], "dyke/tools", example)
    after = path.read_text(encoding="utf-8")
    added = '    """\n' + "".join(f"    {line}\n" if line else "\n" for line in example.split("\n"))[:-1] + '""",\n'
    assert after == RULES.replace("    # the last\n", "    # the last\n" + added)
    words = [fault.word for fault in Proof(load(home / "rules")).check("dyke/tools")]
    assert words == ["Noisy"]


def test_what_other_rules_take_of_a_look_alike_is_marked(home: Path) -> None:
    done, pipeline = document("The dyke is dry.\nSpade\nPrint the leaf\nRope\nThe water came.\n")
    example = look_alike(done, passage(done, "dyke/tools"), pipeline.rules)
    assert "[-Print the leaf\n-]" in example
    keep([home / "rules"], "dyke/tools", example)
    (fault,) = Proof(load(home / "rules")).check("dyke/tools")
    assert "Spade" in fault.detail


def test_only_what_is_new_is_offered(home: Path) -> None:
    done, _ = document()
    assert {each.edit.rule for each in taken(done, {"dyke/tools", "dyke/print-link"})} == {
        "dyke/tools",
        "dyke/print-link",
    }
    assert {each.edit.rule for each in taken(done, {"dyke/tools", "dyke/print-link"}, golden.trail(done))} == set()
    assert taken(done, {"share/networks"}) == []


def test_a_rule_of_someone_else_is_not_written(home: Path) -> None:
    with pytest.raises(RuleError, match="copy its table"):
        keep([home / "rules"], "share/networks", "x")
    assert (home / "rules/any/dyke.toml").read_text(encoding="utf-8") == RULES


@given(st.text("ab\"'\\ \té\n[]-#\x00\x7f\u2028", max_size=20).filter(str.strip), st.sampled_from(("\n", "\r\n")))
@settings(deadline=None)
def test_any_passage_comes_back_out_of_the_file(tmp_path_factory: pytest.TempPathFactory, text: str, end: str) -> None:
    folder = tmp_path_factory.mktemp("rules")
    path = folder / "any/dyke.toml"
    path.parent.mkdir()
    path.write_bytes(RULES.replace("\n", end).encode())
    passage = text.strip()
    for name in ("print-link", "tools"):
        keep([folder], f"dyke/{name}", passage)
        data = tomllib.loads(path.read_bytes().decode())
        assert text_of(data[name]["keeps"][-1]) == text_of(passage)
    kept = [line for line in path.read_bytes().decode().split(end) if "keeps" not in line]
    assert set(RULES.split("\n")) - {line for line in RULES.split("\n") if "keeps" in line} <= set(kept)
