"""The whole line: the seeds to the letter, the seeds as pages, and the laws of cleaning."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cleaner
from cleaner.document import Document, Edit, Patch
from cleaner.golden import compare
from cleaner.pipeline import StageError
from cleaner.read.files import Source, document, read
from cleaner.rules import RuleError
from cleaner.stages import LINE

ROOT = Path(__file__).parent.parent
SEEDS = sorted((ROOT / "seeds").iterdir())
PIPELINE = cleaner.Pipeline(today="2026-01-01")
STRICT = cleaner.Pipeline(profile="strict", today="2026-01-01")
LOOKALIKES = [
    pytest.param(path.stem, text.strip("\n"), id=f"{path.stem}-{n}")
    for path in sorted((ROOT / "tests/lookalikes").glob("*.txt"))
    for n, text in enumerate(path.read_text(encoding="utf-8").split("%%\n"))
]


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed.stem)
def test_a_seed_becomes_its_golden(seed: Path, tmp_path: Path) -> None:
    """To the byte, by the recorded trail of rules; a difference is written to golden/<name>.new."""
    (tmp_path / seed.name).symlink_to(seed)
    found = {
        name: [d.kind for d in differences]
        for name, differences in compare(
            tmp_path, ROOT / "golden", lambda path: PIPELINE.clean(read(Source(path.name, path)))
        )
        if name == seed.stem
    }
    assert found == {seed.stem: []}


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed.stem)
def test_a_seed_undoes_to_its_bytes(seed: Path) -> None:
    done = PIPELINE.clean(read(Source(seed.name, seed)))
    assert done.undo().text.encode() == seed.read_bytes()
    assert done.labels["language"] == "fr"
    assert "unsettled" not in done.labels


def test_no_golden_waits_for_review() -> None:
    assert sorted(path.name for path in (ROOT / "golden").glob("*.new")) == []


@pytest.mark.parametrize(("language", "text"), LOOKALIKES)
def test_a_look_alike_stays(language: str, text: str) -> None:
    """No rule of the default profile touches it, whether its language is known or not."""
    chrome = next(stage for stage in PIPELINE.stages if stage.name == "chrome")
    for told in (language, "und"):
        edits = chrome.propose(Document("a", text, source={"language": told})).edits
        assert [(edit.rule, edit.before) for edit in edits] == []


PARTS = sorted(
    {line for seed in SEEDS for line in seed.read_text(encoding="utf-8").split("\n")}
    | {"", " ", "  code", "Ã©tÃ©", "a\u200bb", "&amp;lt;", "&lt;b&gt;", "<p>", "l’OTAN.Les États ont dit , enfin", "\r", "… »a dit"}
)  # fmt: skip
TEXTS = st.lists(st.sampled_from(PARTS) | st.text(max_size=20), max_size=12).map("\n".join)


@settings(deadline=None)
@given(TEXTS, st.sampled_from([PIPELINE, STRICT]))
def test_cleaning_what_was_cleaned_changes_nothing(text: str, pipeline: cleaner.Pipeline) -> None:
    once = pipeline.clean(document(text)) if text else Document("-", "")
    assert "unsettled" not in once.labels
    assert once.undo().text == once.raw
    again = pipeline.clean(Document("-", once.text))
    assert again.text == once.text
    assert again.ledger == ()
    assert pipeline.clean(Document("-", once.text + "\n")).text == once.text


@given(st.text(max_size=200))
def test_any_text_cleans_and_comes_back(text: str) -> None:
    done = PIPELINE.clean(Document("-", text))
    assert done.undo().text == text


def test_clean_takes_texts_pages_and_bytes() -> None:
    text = "Rien n’est signé.\n\nFacebook\nTwitter\nLinkedIn\n"
    page = (
        "<!doctype html><html><head><title>Pont</title></head><body><nav><a href='/'>Accueil</a></nav><article><h1>Le pont</h1>"
        + "<p>Les ingénieurs ont rendu leur rapport mercredi, et il est meilleur que prévu.</p>" * 1
        + "<p>La mairie promet une réouverture au printemps, avant la crue de mai.</p></article></body></html>"
    )
    assert cleaner.clean(text).text == cleaner.clean(text.encode()).text == "Rien n’est signé."
    done = cleaner.clean(page, url="https://example.org/pont")
    assert "printemps" in done.text
    assert "Accueil" not in done.text
    assert done.labels["format"] == "html"
    assert "Accueil" in "".join(edit.before for edit in done.ledger)
    assert done.undo().text == done.raw


def test_stages_and_classes_can_be_chosen() -> None:
    text = "Le pont rouvre.Les premiers camions sont passés à l’aube, dit la mairie de la ville.\nFacebook\nTwitter\nLinkedIn"
    assert cleaner.Pipeline(["joins"]).clean(Document("a", text, source={"language": "fr"})).text.endswith("LinkedIn")
    assert cleaner.Pipeline(keep=["share"]).clean(Document("a", text)).text.endswith("LinkedIn")
    assert not PIPELINE.clean(Document("a", text)).text.endswith("LinkedIn")


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        ({"stages": ["chrom"]}, ValueError, "encoding, extract, language, chrome, lines, joins"),
        ({"profile": "lax"}, ValueError, "careful, strict"),
        ({"keep": ["shares"]}, RuleError, "share, subscribe"),
    ],
)
def test_an_unknown_choice_names_the_known_ones(given: dict, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        cleaner.Pipeline(**given)


def test_the_order_of_the_line_is_a_fact() -> None:
    assert LINE == ("encoding", "extract", "language", "chrome", "lines", "joins")
    assert tuple(stage.name for stage in PIPELINE.stages) == LINE


class Restless:
    name = "restless"

    def propose(self, d: Document) -> Patch:
        return Patch(self.name, (Edit(0, 0, "", "x", "restless/x"),))


class Broken:
    name = "broken"

    def propose(self, d: Document) -> Patch:
        raise KeyError("inside")


def test_what_never_settles_is_labelled_and_still_undoes() -> None:
    done = cleaner.Pipeline([Restless()]).clean(Document("a", "b"))
    assert (done.text, done.labels["unsettled"], done.undo().text) == ("xxxb", True, "b")


def test_a_failing_stage_is_named() -> None:
    with pytest.raises(StageError, match="KeyError: 'inside'") as error:
        cleaner.Pipeline([Broken()]).clean(Document("a", "b"))
    assert error.value.stage == "broken"


def test_results_do_not_depend_on_what_was_cleaned_before() -> None:
    texts = [seed.read_text(encoding="utf-8") for seed in SEEDS]
    forward = [PIPELINE.clean(document(text)).patches for text in texts]
    fresh = cleaner.Pipeline(today="2026-01-01")
    backward = [fresh.clean(document(text)).patches for text in reversed(texts)]
    assert forward == backward[::-1]
