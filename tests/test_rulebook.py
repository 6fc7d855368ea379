"""The pages made from rules, whether the committed ones are fresh, and the commands that list and show."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleaner import rulebook, rules
from cleaner.rulebook import _code, _diff, _escaped, conditions, pages, pieces, stale, write

ROOT = Path(__file__).parent.parent

FR = r"""
[read-also]
why = "A link to <another> article | in the text."
class = "related"
find = "line"
longest = 90
match = '''(?i)lire aussi ?: [^`|]+'''
beside = { within = 2, side = "before", words = ["à lire", "`x`"], class = ["share", "nav"] }
confidence = "low"
removes = ["Le pont rouvre.\n[-Lire aussi : la crue\n-]Il était fermé."]
keeps = ["Lire aussi les pages 12 à 14.\n[-Partager-]"]
source = "common use; *see* https://e.invalid"
was = ["fr/lire"]

[share-heading]
why = "A heading."
class = "share"
find = "cluster"
least = 3
words = ["`partager`", "partager | envoyer"]
removes = ["Un texte.\n[-partager | envoyer\n`partager`\n```partager```-]"]
keeps = ["Partager | envoyer le pain."]
source = "invented"
"""

ANY = r"""
[gallery]
why = "A label."
class = "media"
find = "inline"
words = ["see <all> photos"]
removes = ["1. It opens. [-See <all> photos-]\n- It *was* shut."]
keeps = ["See all photos of the bridge."]
source = "invented"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (("lang/fr", FR), ("any/share", ANY)):
        path = tmp_path / "own" / f"{name}.toml"
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "own"


@pytest.fixture
def made(folder: Path) -> dict[str, str]:
    return pages(rules.load(folder))


def test_the_committed_pages_are_fresh() -> None:
    """Fails after every change to rules/ until ``cleaner rules docs`` has written docs/rules/ anew."""
    gone = stale(pages(rules.load(rules.shipped())), ROOT / "docs" / "rules")
    assert not gone, "docs/rules/ is not what the rules say: run 'cleaner rules docs'"


def test_a_page_for_each_file_and_a_section_for_each_rule(made: dict[str, str]) -> None:
    assert list(made) == ["any/share.md", "lang/fr.md", "README.md"]
    page = made["lang/fr.md"]
    assert re.findall("^## (.+)", page, re.MULTILINE) == ["read-also", "share-heading"]
    assert (
        "| [read-also](#read-also) | related | line | low | A link to \\<another\\> article \\| in the text. |" in page
    )
    section = page[page.index("## read-also") : page.index("## share-heading")]
    assert (
        section
        == r"""## read-also

A link to \<another\> article \| in the text.

- id: `fr/read-also`
- class: `related`
- finds: `line`, a whole line
- confidence: `low`
- asks: the line has at most 90 characters
- asks: at most 2 lines above it stands a line that a rule of class `share` removes or a line that a rule of class `nav` removes or the line `à lire` or the line `` `x` ``
- asks: only in the strict profile, or where the lines right above and below are removed
- source: common use; \*see\* https\://e.invalid
- was: `fr/lire`

The pattern:

```
(?i)lire aussi ?: [^`|]+
```

Removes:

```diff
  Le pont rouvre.
- Lire aussi : la crue
  Il était fermé.
```

Keeps:

```diff
  Lire aussi les pages 12 à 14.
- Partager
```

"""
    )


def test_backticks_in_phrases_and_examples_do_not_end_their_blocks(made: dict[str, str]) -> None:
    page = made["lang/fr.md"]
    assert "2 phrases:\n\n```\n`partager`\npartager | envoyer\n```\n" in page
    assert "````diff\n  Un texte.\n- partager | envoyer\n- `partager`\n- ```partager```\n````\n" in page


def test_what_goes_inside_a_line_is_struck_through(made: dict[str, str]) -> None:
    assert "> 1\\. It opens. <del>See \\<all\\> photos</del><br>\n> \\- It \\*was\\* shut.\n" in made["any/share.md"]


def test_the_index_counts_by_class_and_language_and_by_file(made: dict[str, str]) -> None:
    index = made["README.md"]
    assert "3 rules, 3 phrases and 6 examples, in 2 files." in index
    assert "| class | rules | all | fr |\n|---|--:|--:|--:|\n" in index
    assert "| media | 1 | 1 |  |\n" in index
    assert "| related | 1 |  | 1 |\n" in index
    assert "| **rules** | 3 | 1 | 2 |\n| **classes** | 3 | 1 | 2 |\n" in index
    assert "| [lang/fr](lang/fr.md) | 2 | 1 | 2 | 4 |\n" in index


def test_pages_do_not_depend_on_the_order_of_rules(folder: Path, made: dict[str, str]) -> None:
    turned = rules.Rules(())
    turned.all = tuple(reversed(rules.load(folder).all))
    turned.classes = {rule.id: rule.cls for rule in turned.all}
    assert pages(turned) == made


def test_stale_pages_are_named_and_written_anew(made: dict[str, str], tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    assert stale(made, docs) == ["README.md", "any/share.md", "lang/fr.md"]
    write(made, docs)
    assert stale(made, docs) == []
    (docs / "lang/fr.md").write_text("changed", encoding="utf-8")
    (docs / "any/share.md").rename(docs / "any/gone.md")
    (docs / "any/by-hand.md").write_text("# Notes\n", encoding="utf-8")
    assert stale(made, docs) == ["any/gone.md", "any/share.md", "lang/fr.md"]
    write(made, docs)
    assert stale(made, docs) == []
    assert sorted(p.name for p in (docs / "any").iterdir()) == ["by-hand.md", "share.md"]


TEXT = st.text(st.sampled_from("ab \n`|<>*_#-[]+1.\\~é"), max_size=30)


@given(TEXT)
def test_code_spans_give_back_what_they_hold(text: str) -> None:
    text = f"x{text}".replace("\n", " ")
    span = _code(text)
    fence = re.match("`+", span)[0]
    assert span.endswith(fence)
    assert fence not in re.split("(?<!`)(?=`)|(?<=`)(?!`)", span)[2:-2]
    inner = span[len(fence) : -len(fence)]
    assert text in (inner, inner[1:-1])


@given(TEXT.map(lambda text: text.replace("\n", " ")))
def test_escaping_adds_backslashes_and_nothing_else(text: str) -> None:
    escaped = _escaped(text)
    assert re.sub(r"\\([^\w\s]|_)", r"\1", escaped) == text
    assert not re.search(r"(?<!\\)(?:\\\\)*[`|<>*_#\[\]~]", escaped)


@given(st.lists(TEXT, max_size=4), st.sets(st.integers(0, 3)))
def test_a_diff_shows_each_line_of_an_example_once(lines: list[str], gone: set[int]) -> None:
    """An example whose whole lines go reads back from its diff."""
    lines = [re.sub(r"\s", " ", line).strip() for line in lines]
    text = [rulebook.Piece("-" if n in gone else "=", line + "\n") for n, line in enumerate(lines)]
    fence, *shown, last = _diff(text)
    assert fence == f"{last}diff"
    assert [line[2:] for line in shown] == lines
    assert [line[:1] == "-" for line in shown] == [n in gone and bool(line) for n, line in enumerate(lines)]


def test_conditions_say_what_a_rule_asks(folder: Path) -> None:
    loaded = rules.load(folder)
    assert list(conditions(loaded["share/gallery"])) == []
    assert list(conditions(loaded["fr/share-heading"])) == ["at least 3 such lines together"]
    assert [p.kind for p in pieces(loaded["fr/read-also"].removes[0])] == ["=", "-", "="]


# ---- the commands


def cleaner(*args: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cleaner", *map(str, args)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
    )


def test_docs_are_written_and_checked(folder: Path, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    assert cleaner("rules", "docs", "--rules", folder, "-o", docs).stdout == f"3 pages in {docs}\n"
    assert cleaner("rules", "docs", "--rules", folder, "-o", docs, "--check").returncode == 0
    (docs / "README.md").unlink()
    done = cleaner("rules", "docs", "--rules", folder, "-o", docs, "--check")
    assert (done.returncode, done.stdout.splitlines()[0]) == (1, f"stale: {docs / 'README.md'}")
    assert not (docs / "README.md").exists()


def test_list_is_plain_text_where_there_is_no_terminal(folder: Path) -> None:
    done = cleaner("rules", "list", "--rules", folder, "--lang", "fr", "--class", "related", "--confidence", "low")
    assert "fr/read-also  " in done.stdout
    assert "\x1b" not in done.stdout
    assert all(line.startswith("fr/") and "  related  " in line for line in done.stdout.splitlines())
    ids = [line.split()[0] for line in cleaner("rules", "list", "--scope", "any").stdout.splitlines()]
    assert ids == [rule.id for rule in rules.load(rules.shipped()).all if rule.scope.kind == "any"]


def test_list_as_json(folder: Path) -> None:
    done = cleaner("rules", "list", "--rules", folder, "--scope", "lang", "--class", "related", "--json")
    found = {(told := json.loads(line))["id"]: told for line in done.stdout.splitlines()}
    assert found["fr/read-also"] == {
        "id": "fr/read-also",
        "scope": {"kind": "lang", "name": "fr"},
        "path": "own/lang/fr.toml",
        "class": "related",
        "find": "line",
        "confidence": "low",
        "why": "A link to <another> article | in the text.",
    }


@pytest.mark.parametrize(
    ("args", "known"), [(("--lang", "xx"), "fr"), (("--class", "shares"), "share"), (("--scope", "page"), "cms")]
)
def test_list_names_the_choices(args: tuple[str, ...], known: str) -> None:
    done = cleaner("rules", "list", *args)
    assert (done.returncode, done.stdout) == (2, "")
    assert known in done.stderr


def test_show_tells_everything(folder: Path) -> None:
    done = cleaner("rules", "show", "fr/read-also", "--rules", folder)
    told = re.sub(" +", " ", done.stdout)
    for part in (
        "A link to <another> article | in the text.",
        "file own/lang/fr.toml",
        "scope pages in fr",
        "confidence low",
        "asks at most 2 lines above it stands",
        "was fr/lire",
        "match (?i)lire aussi ?: [^`|]+",
        "removes Le pont rouvre.\n [-Lire aussi : la crue\n -]Il était fermé.",
        "keeps Lire aussi les pages 12 à 14.\n [-Partager-]",
    ):
        assert part in told
    assert "\x1b" not in done.stdout


def test_show_names_near_ids(folder: Path) -> None:
    done = cleaner("rules", "show", "fr/read-alsso", "--rules", folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert "near: fr/read-also" in done.stderr
