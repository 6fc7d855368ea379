"""Measuring extractors on pages with gold text: the metric, the data, the table, and errors that say what to do."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from cleaner import scores
from cleaner.cli import cli
from cleaner.scores import DataError, ExtractorError, Fields, Page, extractor, opaque, pages, word_scores

LAND = "On the other shore the harbour master counted heads, and wrote none of them down. " * 6
STORY = "The ferry crossed the sound at dawn, and nobody aboard had slept. " * 6
NAV = "<nav class='menu'><ul><li><a href=/>Start</a><li><a href=/sea>Sea</a><li><a href=/land>Isles</a></ul></nav>"


def page(n: int) -> str:
    body = f"<article><h1>Crossing {n}</h1><p>{STORY}</p><p>{LAND}</p></article>"
    return f"<!doctype html><html lang=en><head><title>Crossing {n}</title></head><body>{NAV}{body}</body></html>"


ROWS = [
    {"html": page(n), "main_content": f"Crossing {n}\n{STORY}\n{LAND}", "page_type": ("article", "forum")[n % 3 == 0]}
    for n in range(7)
]


def jsonl(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def run(*args: object) -> Result:
    return CliRunner().invoke(cli, ["bench", "extract", *map(str, args)])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return jsonl(tmp_path / "pages.jsonl", ROWS)


@given(st.text("ab cé .\n"), st.text("ab cé .\n"))
def test_word_scores_are_bounded_and_swap_precision_for_recall(text: str, gold: str) -> None:
    f1, precision, recall = word_scores(text, gold)
    assert 0 <= f1 <= 1
    assert word_scores(gold, text) == (f1, recall, precision)
    assert min(precision, recall) - 1e-9 <= f1 <= max(precision, recall) + 1e-9
    assert word_scores(text, text) == (1, 1, 1)


@pytest.mark.parametrize(
    ("text", "gold", "told"),
    [
        ("", "", (1, 1, 1)),
        ("a word", "", (0, 0, 0)),
        ("", "a word", (0, 0, 0)),
        ("Tide, TIDE", "tide", (2 / 3, 1 / 2, 1)),  # a bag: the second is one too many
        ("noon tide", "tide noon", (1, 1, 1)),  # of any order
    ],
)
def test_word_scores_count_bags(text: str, gold: str, told: tuple[float, float, float]) -> None:
    assert all(map(math.isclose, word_scores(text, gold), told))


def test_parquet_and_jsonl_and_its_compression_give_the_same_pages(tmp_path: Path) -> None:
    plain = [p for p in pages(jsonl(tmp_path / "a.jsonl", ROWS)) if p]
    packed = [p for p in pages(jsonl(tmp_path / "a.jsonl.gz", ROWS)) if p]
    pq.write_table(
        pa.Table.from_pylist([{**row, "html": row["html"].encode()} for row in ROWS]), tmp_path / "a.parquet"
    )
    columns = [p for p in pages(tmp_path / "a.parquet") if p]
    assert plain == packed == columns
    assert plain[3] == Page(page(3), ROWS[3]["main_content"], "forum")
    for path in ("a.jsonl", "a.jsonl.gz", "a.parquet"):
        assert scores.count(tmp_path / path) == 7
        assert list(pages(tmp_path / path, every=3)) == plain[::3]


def test_fields_are_found_by_the_first_name_that_is_there_or_by_option(tmp_path: Path) -> None:
    rows = [{"body": "<p>Rain.</p>", "truth": "Rain.", "gold": "no", "site": "a.example"}]
    path = jsonl(tmp_path / "a.jsonl", rows)
    fields = Fields(html=("body",), gold=("truth",))
    assert list(pages(path, fields)) == [Page("<p>Rain.</p>", "Rain.", "a.example")]
    with pytest.raises(DataError, match=r"row 1: no field 'html' or .* for its html; there are: 'body', 'truth'"):
        list(pages(path))
    with pytest.raises(DataError, match="--group-field"):
        list(pages(path, fields._replace(group=("kind",))))


def test_pages_without_gold_or_group_count_and_those_without_text_do_not(tmp_path: Path) -> None:
    rows = [{"html": "<p>Rain.</p>", "gold": None}]
    assert list(pages(jsonl(tmp_path / "a.jsonl", rows))) == [Page("<p>Rain.</p>", "", "-")]
    junk = pa.table({"html": [b"\x89PNG\r\n\x1a\n" + bytes(99), b"<p>Rain."], "gold": ["", "Rain."]})
    pq.write_table(junk, tmp_path / "a.parquet")
    assert list(pages(tmp_path / "a.parquet")) == [None, Page("<p>Rain.", "Rain.", "-")]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"<html>", "row 1: neither Parquet nor a line of JSON"),
        (b"[1]\n", "not an object"),
        (b'{"html": 3, "gold": ""}\n', "'html' holds no text"),
        (b'{"html": "", "gold": ["a"]}\n', "'gold' holds no text"),
        (b"PAR1 and no more", "cannot be read as Parquet"),
        (b"", "holds no page"),
    ],
)
def test_data_that_cannot_be_used_is_one_clear_line(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "pages"
    path.write_bytes(content)
    done = run(path, "-x", "none")
    assert (done.exit_code, done.stdout) == (2, "")
    assert told in done.stderr
    assert str(path) in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["fast", "best", "trafilatura", "none"])
def test_each_extractor_finds_the_story(name: str) -> None:
    text = extractor(name)(page(1))
    assert STORY.strip() in " ".join(text.split())
    assert ("Isles" in text) == (name == "none")


@pytest.mark.parametrize("name", ["resiliparse", "justext"])
def test_rivals_run_where_they_are_installed(name: str) -> None:
    pytest.importorskip(name)
    text = extractor(name)(page(1))
    assert "nobody aboard" in text
    assert "Isles" not in text


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("fastest", "known: fast, best, trafilatura"),
        ("no_such_package:run", "cannot be imported"),
        ("json:run", "json has no function 'run'"),
    ],
)
def test_extractors_that_are_not_there_are_told_with_the_choices(name: str, told: str, data: Path) -> None:
    with pytest.raises(ExtractorError, match=told):
        extractor(name)
    done = run(data, "-x", f"none,{name}")
    assert done.exit_code == 2
    assert told in done.stderr


def test_a_library_that_is_not_installed_is_told_and_left_out_unless_asked_for(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = scores.import_module

    def absent(name: str) -> object:
        if name == "justext":
            raise ModuleNotFoundError("No module named 'justext'", name="justext")
        return load(name)

    monkeypatch.setattr(scores, "import_module", absent)
    done = run(data, "--every", 7)
    assert done.exit_code == 0
    assert "left out: extractor 'justext'" in done.stderr
    assert "pip install justext" in done.stderr
    assert "trafilatura" in done.stdout
    assert "justext" not in done.stdout
    assert run(data, "-x", "fast,justext").exit_code == 2


def test_the_table_has_each_extractor_and_each_group(data: Path) -> None:
    done = run(data, "-x", "none,trafilatura")
    assert done.exit_code == 0
    assert done.stderr == ""
    cells = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines() if line}
    assert cells["trafilatura"][4] == "1.000"
    assert cells["article"][0] == "4"
    assert cells["forum"][0] == "3"
    assert float(cells["none"][0]) < float(cells["trafilatura"][0])
    assert "7 pages" in done.stdout
    one = run(jsonl(data, [{**row, "page_type": "article"} for row in ROWS]), "-x", "none")
    assert "by group" not in one.stdout
    assert cells["none"][4] != "-" == one.stdout.splitlines()[1].split()[5]  # no trafilatura to compare with


def test_json_says_the_same_as_the_table(data: Path) -> None:
    made = json.loads(run(data, "-x", "none,trafilatura", "--json").stdout)
    assert (made["data"], made["pages"]) == ("pages.jsonl", 7)
    none, theirs = made["extractors"]
    assert (none["name"], theirs["cpu_of_trafilatura"]) == ("none", 1)
    assert none["recall"] == 1 > none["precision"]
    assert {group: found["pages"] for group, found in none["groups"].items()} == {"article": 4, "forum": 3}
    groups = [found["f1"] for found in none["groups"].values()]
    assert math.isclose(none["f1_of_groups"], sum(groups) / 2, abs_tol=1e-4)


def test_an_extractor_that_raises_scores_nothing_and_is_counted() -> None:
    def torn(html: str) -> str:
        if "Crossing 2" in html:
            raise RecursionError
        return STORY

    (score,) = scores.scores([Page(page(n), STORY, "a") for n in range(4)], {"torn": torn})
    assert (score.errors, score.all.f1, score.all.pages) == (1, 0.75, 4)


def test_opaque_hides_names_and_keeps_words(data: Path) -> None:
    made = opaque(page(1))
    assert "menu" not in made
    assert "<nav" not in made
    assert "<article" not in made
    assert "Start" in made
    assert opaque(page(1)) == made
    assert opaque("") == ""
    assert run(data, "--opaque", "-x", "fast").exit_code == 0


def test_help_shows_examples() -> None:
    shown = run("--help").stdout
    assert "cleaner bench extract pages.parquet" in shown
    assert "trained on WCXB" in shown
