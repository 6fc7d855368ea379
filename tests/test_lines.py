"""Lines that a model takes for the site's own: what goes in strict, what never goes, and the laws of cleaning."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleaner.blocks.characters import Floats
from cleaner.blocks.trees import ModelError, Trees
from cleaner.document import Document
from cleaner.explain import rows
from cleaner.pipeline import Pipeline
from cleaner.read.files import Source, document, read
from cleaner.stages import Profile
from cleaner.stages import lines as stage
from cleaner.stages.lines import LEAST, RULE, SHIPPED, Lines, Model, candidates, load, save
from cleaner.stages.measures import Measures, measures

ROOT = Path(__file__).parent.parent
SEEDS = sorted((ROOT / "seeds").iterdir())
LOOKALIKES = [
    text.strip("\n")
    for path in sorted((ROOT / "tests/lookalikes").glob("*.txt"))
    for text in path.read_text(encoding="utf-8").split("%%\n")
]
STORY = [
    "The lock at Harrow Bend opened on Monday for the first time in three years, and eleven boats were waiting for it.",
    "Its gates, which had hung since the war, were lifted out by crane, scraped, and found to be sounder than expected.",
    "The keeper, who lives in the cottage beside it, says that the new paddles turn with one hand, even against a flood.",
    "What is still missing is the footbridge: it will be delivered in spring, if the foundry keeps its word this time.",
]
GERMAN = [
    "Die Schleuse am Harrow öffnete am Montag zum ersten Mal seit drei Jahren, und elf Boote warteten schon vor ihr.",
    "Die Tore, die seit dem Krieg hingen, wurden mit einem Kran gehoben, gebürstet und für gesünder als erwartet befunden.",
    "Der Wärter, der im Haus daneben wohnt, sagt, die neuen Schütze ließen sich mit einer Hand drehen, selbst bei Flut.",
    "Was noch fehlt, ist der Steg: Er wird im Frühling geliefert, wenn die Gießerei diesmal ihr Wort hält, heißt es.",
]
AFTER = ["» Zum Seitenanfang", "Kanal", "Schleusen", "Boote 12", "Fähren 3", "|", "Impressum | Karte", "© Hafenblatt"]


def line_of(profile: Profile) -> Pipeline:
    return Pipeline(("encoding", "extract", "language", "chrome", Lines(profile), "joins"), profile=profile)


CAREFUL, STRICT = line_of("careful"), line_of("strict")
ALONE = Pipeline((Lines("strict"), "joins"), profile="strict")  # rules know most of the words below


@pytest.fixture
def sure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every line go that is asked about."""
    held = load(SHIPPED)
    monkeypatch.setattr(stage, "load", lambda path: held._replace(least=-99.0))


def taken(done: Document) -> list[str]:
    return [e.before.strip() for e in done.ledger if e.rule == RULE]


@pytest.mark.parametrize("story", [STORY, GERMAN], ids=["en", "de"])
def test_strict_takes_what_hangs_below_a_story_and_leaves_the_story(story: list[str]) -> None:
    done = ALONE.clean(document("\n".join([*story, *AFTER])))
    assert done.text.split("\n")[: len(story)] == story
    assert taken(done)
    assert set(taken(done)) <= set(AFTER)
    assert len(taken(done)) > len(AFTER) / 2
    assert done.undo().text == done.raw
    for patch in done.patches:
        for e in patch.edits:
            if e.rule == RULE:
                assert 0 < float(e.note.removeprefix("score ")) <= 1


def test_explain_names_the_model() -> None:
    shown = rows(ALONE.clean(document("\n".join([*GERMAN, *AFTER]))))
    assert any(RULE in row.rules for row in shown)


def test_careful_asks_nothing(sure: None) -> None:
    text = "\n".join([*GERMAN, "Schleusen", "Facebook", "Twitter", "LinkedIn", "Fähren 3", *STORY])
    assert taken(CAREFUL.clean(Document("-", text))) == []
    assert "Schleusen" in taken(ALONE.clean(Document("-", text)))
    assert Lines("careful").settled(Document("-", text))


def test_look_alikes_stay_in_careful(sure: None) -> None:
    assert [text for text in LOOKALIKES if Lines("careful").propose(Document("-", text)).edits] == []


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed.stem)
def test_the_seeds_are_cleaned_as_without_it(seed: Path) -> None:
    done = CAREFUL.clean(read(Source(seed.name, seed)))
    assert done.text + "\n" == (ROOT / "golden" / seed.name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "line",
    [
        "Eleven boats at Harrow Bend",  # above running text: a headline
        "for n in range(9): drop(n)",
        "  if tide:",
        "gate\t1921\t14 t",
        "| gate | 1921 | 14 t |",
        "total = sum(weights)",
        "}",
    ],
)
def test_headlines_code_and_rows_stay_in_strict_whatever_the_score(line: str, sure: None) -> None:
    text = "\n".join([*STORY[:2], line, *STORY[2:], *GERMAN])
    assert Lines("strict").propose(Document("-", text)).edits == ()
    gone = text.replace(line, "» 12")
    assert [e.before for e in Lines("strict").propose(Document("-", gone)).edits] == ["» 12\n"]


def test_pages_short_texts_and_a_kept_class_are_left_alone(sure: None) -> None:
    text = "\n".join([*STORY, "» 12"])
    assert text.count("\n") + 1 == LEAST
    assert len(Lines("strict").propose(Document("-", text)).edits) == 1
    assert Lines("strict", frozenset(["model"])).propose(Document("-", text)).edits == ()
    assert Lines("strict").propose(Document("-", "\n".join([*STORY[1:], "» 12"]))).edits == ()
    page = document("<!doctype html>" + "".join(f"<p>{line}" for line in text.split("\n")))
    assert Lines("strict").propose(page).edits == ()


def test_nothing_goes_where_more_than_four_fifths_would(sure: None) -> None:
    menu = [f"» Kanal {n}" for n in range(80)]
    most = Lines("strict").propose(Document("-", "\n".join([STORY[0], *menu[:40]])))  # .77 of it
    assert len(most.edits) == 40
    assert most.labels == {}
    patch = Lines("strict").propose(Document("-", "\n".join([STORY[0], *menu])))
    assert patch.edits == ()
    assert patch.labels == {"suspect": "over-removal"}
    assert len(patch.spared) == 80
    assert all(e.note.startswith("budget, score ") for e in patch.spared)


def test_what_goes_line_by_line_goes_unless_it_takes_too_many_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    def last(model: Model, found: Measures, lines: Sequence[str], places: stage.Places) -> tuple[Floats, Floats]:
        scores = np.full(len(places), -99, np.float32)
        scores[-1] = 99
        return scores, np.full(len(places), 0.5, np.float32)

    monkeypatch.setattr(stage, "scored", last)
    text = [*STORY, *(f"» {n}" for n in range(40))]
    assert len(Lines("strict").propose(Document("-", "\n".join(text[:-16]))).edits) == 24
    patch = Lines("strict").propose(Document("-", "\n".join(text)))
    assert patch.edits == ()
    assert patch.labels == {}
    assert patch.spared
    assert all(e.note == "unsettled, score 0.50" for e in patch.spared)


PARTS = sorted(
    {*STORY, *GERMAN, *AFTER, "", " ", "Facebook", "Twitter", "LinkedIn", "  code();", "12.", "10 Kommentare"}
)
TEXTS = st.lists(st.sampled_from(PARTS) | st.text(max_size=12), max_size=30).map("\n".join)


@settings(max_examples=80, deadline=None)
@given(TEXTS, st.sampled_from([CAREFUL, STRICT]))
def test_cleaning_what_was_cleaned_changes_nothing(text: str, pipeline: Pipeline) -> None:
    once = pipeline.clean(document(text)) if text else Document("-", "")
    assert "unsettled" not in once.labels
    assert once.undo().text == once.raw
    again = pipeline.clean(Document("-", once.text))
    assert again.ledger == ()


@settings(max_examples=50, deadline=None)
@given(TEXTS)
def test_the_law_holds_for_the_stage_alone_whatever_the_threshold(text: str) -> None:
    held = load(SHIPPED)
    for least in (-6.0, -4.0, -2.0):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(stage, "load", lambda path, least=least: held._replace(least=least))
            lines = Lines("strict")
            once = Document("-", text) + lines.propose(Document("-", text))
            assert lines.settled(once)
            assert Lines("strict").propose(Document("-", once.text)).edits == ()


@given(st.lists(st.text(min_size=1).map(str.strip).filter(bool).filter(lambda s: "\n" not in s), max_size=20))
def test_any_lines_can_be_measured(texts: list[str]) -> None:
    found = measures(texts)
    assert found.rows.shape == (len(texts), len(found.columns))
    assert found.columns == load(SHIPPED).columns
    assert np.isfinite(found.rows).all()
    assert len(set(found.columns)) == len(found.columns)
    assert candidates(found, texts).shape == (len(texts),)


def test_measures_count_what_they_say() -> None:
    texts = [
        "水門が月曜日に開いた",
        "Le pont a rouvert.",
        "« Le pont a rouvert. »",
        "12 boats",
        "13 boats",
        "Boats: 9 @ sea |",
    ]
    found = measures(texts)
    column = dict(zip(found.columns, found.rows.T.tolist(), strict=True))
    assert found.words[1:].tolist() == [4, 4, 2, 2, 3]
    assert 4 < found.words[0] < 6  # ten characters without blanks
    assert found.closed.tolist() == [False, True, False, False, False, False]
    assert column["same-line"][3] == column["same-line"][4] > 0 == column["same-line"][1]
    assert column["sign-bar"] == [0, 0, 2, 0, 0, 1]
    assert column["starts-digit"] == [0, 0, 0, 1, 1, 0]
    assert column["chars+1"][0] == column["chars"][1]
    assert column["chars-1"][0] == -1


def test_time_is_linear_in_lines_and_characters() -> None:
    many = Document("-", "\n".join([*STORY, *(f"» Kanal {n}" for n in range(40_000))]))
    wide = Document("-", "\n".join([*STORY, "a" * 2_000_000, "(" * 2_000_000, "| " * 500_000]))
    for text in (many, wide):
        begun = time.process_time()
        Lines("strict").propose(text)
        assert time.process_time() - begun < 20


def test_a_model_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    held = load(SHIPPED)
    save(held, tmp_path / "a.npz")
    save(load(tmp_path / "a.npz"), tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes() == SHIPPED.read_bytes()
    assert SHIPPED.stat().st_size < 200_000


def test_a_file_that_is_no_model_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.npz").write_bytes(b"no zip")
    with pytest.raises(ModelError, match=r"a\.npz: cannot be read as a model"):
        load(tmp_path / "a.npz")
    trees = Trees(
        np.zeros((1, 1), np.int16), np.zeros((1, 1), np.float32), np.zeros((1, 2, 1), np.float32), np.zeros(1)
    )
    monkeypatch.setattr(stage, "load", lambda path: Model(("chars",), trees, 0.0))
    with pytest.raises(ModelError, match="knows 1 measures"):
        Lines("strict").propose(Document("-", "\n".join([*STORY, *AFTER])))
