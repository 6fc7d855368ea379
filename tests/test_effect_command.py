"""The command ``effect``: revisions, rules of one's own, exit codes, what is printed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from test_effect import HURT, PAGE, PRINT, WAVE, rule

from cleaner.cli import cli
from cleaner.revision import RevisionError, rules_at


def git(folder: Path, *args: str) -> None:
    told = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *told, *args], check=True, capture_output=True)


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose first revision has a bad file, its second one rule, its third two; and a corpus of a page."""
    home = tmp_path / "repo"
    (home / "rules/any").mkdir(parents=True)
    (home / "crawl").mkdir()
    (home / "crawl/page.txt").write_text(PAGE, encoding="utf-8")
    git(home, "init", "-q")
    for tables in (WAVE.replace("why", "wy"), WAVE, WAVE + PRINT):
        (home / "rules/any/a.toml").write_text(tables, encoding="utf-8")
        git(home, "add", ".")
        git(home, "commit", "-q", "-m", "rules")
    monkeypatch.chdir(home)
    return home


def run(*args: object) -> Result:
    return CliRunner().invoke(cli, ["effect", *map(str, args)])


def test_since_a_revision(repo: Path) -> None:
    done = run("--since", "HEAD~1", "crawl")
    assert done.exit_code == 0, done.output
    assert "1 rules before, 2 now; 1 of 1 documents change" in done.output
    assert "a/print  +1 -0 lines, +20 -0 characters" in done.output
    assert "  + page.txt:6\n      Nobody was hurt.\n      [-Print the tide table-]\n      See also" in done.output
    assert done.output.endswith("total  +1 -0 lines, +20 -0 characters\n")
    assert run("--since", "HEAD~1", "crawl").output == done.output


def test_since_sees_what_is_not_committed_yet_and_touches_nothing(repo: Path) -> None:
    (repo / "rules/any/a.toml").write_text(PRINT, encoding="utf-8")
    done = run("--since", "HEAD", "crawl")
    assert "a/wave  +0 -2 lines, +0 -20 characters" in done.output
    assert "{+Wave at us+}" in done.output
    assert (repo / "rules/any/a.toml").read_text(encoding="utf-8") == PRINT


def test_no_effect(repo: Path) -> None:
    done = run("--since", "HEAD", "--fail-on-loss", "crawl")
    assert (done.exit_code, done.output) == (0, "no effect: 2 rules on both sides, all the same\n")
    (repo / "crawl/page.txt").write_text("Nothing of the kind.", encoding="utf-8")
    done = run("--since", "HEAD~1", "crawl")
    assert done.exit_code == 0
    assert done.output.startswith("no effect: 1 rules before, 2 now; 0 of 1")


def test_fail_on_loss(repo: Path) -> None:
    assert run("--since", "HEAD~1", "--fail-on-loss", "crawl").exit_code == 0
    assert run("--since", "HEAD~1", "crawl").exit_code == 0
    (repo / "golden").mkdir()
    (repo / "golden/page.txt").write_text("Print the tide table\n", encoding="utf-8")
    done = run("--since", "HEAD~1", "--fail-on-loss", "crawl")
    assert done.exit_code == 1
    assert "a golden keeps it" in done.output
    (repo / "golden/page.txt").write_text("The ferry is late\n", encoding="utf-8")
    assert run("--since", "HEAD~1", "--fail-on-loss", "crawl").exit_code == 0
    also = rule("also", "see also: fog. the captain waited for the fog to lift")
    (repo / "rules/any/a.toml").write_text(WAVE + PRINT + also, encoding="utf-8")
    done = run("--since", "HEAD", "--fail-on-loss", "crawl")
    assert done.exit_code == 1
    assert "like a sentence" in done.output
    assert "1 of the new edits may be losses" in done.output
    assert run("--since", "HEAD", "crawl").exit_code == 0


def test_json(repo: Path) -> None:
    done = run("--since", "HEAD~1", "--json", "crawl")
    told = json.loads(done.stdout)
    assert set(told) == {"schema", "old", "new", "documents", "changed", "losses", "rules", "moved", "failed"}
    assert (told["schema"], told["documents"], told["changed"], told["losses"]) == (1, 1, 1, 0)
    assert (told["old"]["rules"], told["new"]["rules"]) == (1, 2)
    (its,) = told["rules"]
    assert its["rule"] == "a/print"
    assert {k: v for k, v in its["added"].items() if k != "samples"} == {
        "edits": 1, "lines": 1, "characters": 20, "golden": 0, "risky": 0, "longest": 20,
    }  # fmt: skip
    assert set(its["added"]["samples"][0]) == set(
        "document line start stop before after above head tail below golden sentence times".split()
    )
    assert done.stdout.count("\n") == 1
    assert json.loads(run("--since", "HEAD", "--json", "crawl").stdout)["rules"] == []


def test_samples_and_profile(repo: Path) -> None:
    assert "tide table" not in run("--since", "HEAD~1", "--samples", 0, "crawl").output
    low = rule("hurt", "nobody was hurt", 'find = "line"\nconfidence = "low"')
    (repo / "rules/any/a.toml").write_text(WAVE + low, encoding="utf-8")
    git(repo, "commit", "-q", "-a", "-m", "low")
    assert run("--since", "HEAD~3", "crawl").exit_code == 2
    assert run("--since", "HEAD~2", "crawl").output.startswith("no effect")
    assert "a/hurt  +1 -0 lines" in run("--since", "HEAD~2", "--profile", "strict", "crawl").output


def test_rules_of_ones_own(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cleaner.rules.shipped", lambda: repo / "rules")
    mine = repo / "mine/any/b.toml"
    mine.parent.mkdir(parents=True)
    mine.write_text(HURT, encoding="utf-8")
    done = run("--rules", "mine", "crawl")
    assert "b/hurt  +1 -0 lines" in done.output
    assert "a/print" not in done.output  # shipped, and on both sides
    done = run("--since", "HEAD", "--rules", "mine", "crawl")
    assert (done.exit_code, "HEAD has no folder mine" in done.output) == (2, True)
    git(repo, "add", ".")
    git(repo, "commit", "-q", "-m", "mine")
    mine.write_text(HURT + rule("fog", "fog"), encoding="utf-8")
    assert run("--since", "HEAD", "--rules", "mine", "crawl").output.startswith("no effect: 3 rules before, 4 now")


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("--since", "nowhere", "crawl"), ["'nowhere' is no commit of"]),
        (("--since", "HEAD..HEAD", "crawl"), ["'HEAD..HEAD' is no commit of"]),
        (("--since=--all", "crawl"), ["hyphen"]),
        (("--since", "HEAD~2", "crawl"), ["rules of HEAD~2", "today's keys", "rules/any/a.toml: [wave] unknown key 'wy'", "'why'"]),
        (("--since", "HEAD", "--rules-dir", "crawl/rules", "crawl"), ["crawl/rules: no such folder"]),
        (("--since", "HEAD", "nowhere"), ["nowhere: no such file or folder"]),
        (("--since", "HEAD", "empty"), ["nothing to compare in empty"]),
        (("crawl",), ["--since REV, --rules DIR"]),
        (("--rules-dir", "rules", "--rules", "rules", "crawl"), ["--rules-dir goes with --since"]),
    ],
)  # fmt: skip
def test_an_unusable_call_names_what_is_wrong(repo: Path, args: tuple[str, ...], told: list[str]) -> None:
    (repo / "empty").mkdir()
    done = run(*args)
    assert done.exit_code == 2
    for part in told:
        assert part in done.output


def test_a_pattern_that_is_no_more_taken_names_its_revision(repo: Path) -> None:
    bad = WAVE.replace('words = ["wave at us"]', 'match = "wave(?! at us)"')
    (repo / "rules/any/a.toml").write_text(bad, encoding="utf-8")
    done = run("--since", "HEAD", "crawl")
    assert (done.exit_code, "bad pattern" in done.output) == (2, True)
    git(repo, "commit", "-q", "-a", "-m", "bad")
    (repo / "rules/any/a.toml").write_text(WAVE, encoding="utf-8")
    done = run("--since", "HEAD", "crawl")
    assert (done.exit_code, "rules of HEAD" in done.output, "bad pattern" in done.output) == (2, True, True)


def test_what_cannot_be_read_is_told(repo: Path) -> None:
    (repo / "crawl/empty.txt").write_bytes(b"")
    done = run("--since", "HEAD~1", "--json", "crawl")
    assert done.exit_code == 1
    assert "empty.txt: " in done.stderr
    told = json.loads(done.stdout)
    assert [name for name, _ in told["failed"]] == ["empty.txt"]
    assert told["changed"] == 1


def test_no_checkout_is_told(tmp_path: Path) -> None:
    with pytest.raises(RevisionError, match="not a git repository"):
        rules_at("HEAD", tmp_path)


def test_rules_at_the_top_of_a_checkout_and_in_a_hook(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.chdir(repo / "crawl")
    assert [r.id for r in rules_at("HEAD~1", repo / "rules").all] == ["a/wave"]
    git_home = repo / "crawl/own"
    (git_home / "any").mkdir(parents=True)
    (git_home / "any/c.toml").write_text(HURT, encoding="utf-8")
    monkeypatch.delenv("GIT_DIR")
    git(git_home, "init", "-q")
    git(git_home, "add", ".")
    git(git_home, "commit", "-q", "-m", "rules")
    assert [r.id for r in rules_at("HEAD", git_home).all] == ["c/hurt"]
