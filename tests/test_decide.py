"""A document is left out for a reason that is told, and never without one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleaner.config import load
from cleaner.decide import DecisionError, decide
from cleaner.settings import Drop
from cleaner.stages.quality import signals
from cleaner.stages.signals import SIGNALS

LABELS = {"language": "de", "chars": 34, "duplicate_of": "b/x", "quality.words": 12, "quality.hash_ratio": 0.25}


def drop(*sets: str) -> Drop:
    return load(None, [f"drop.{told}" for told in sets]).settings.drop


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ("languages_kept=fr,en", "language de"),
        ("languages_kept=fr,de", ""),
        ("und=true", ""),
        ("min_chars=200", "min-chars 34 < 200"),
        ("min_chars=34", ""),
        ("duplicates=true", "duplicate of b/x"),
        ("quality.min_words=50", "quality words 12 < 50"),
        ("quality.min_words=12", ""),
        ("quality.max_words=12", ""),
        ("quality.max_words=11.5", "quality words 12 > 11.5"),
        ("quality.max_hash_ratio=0.1", "quality hash_ratio 0.25 > 0.1"),
        ("quality.min_words=0", ""),
    ],
)
def test_one_threshold(told: str, reason: str) -> None:
    assert decide(LABELS, drop(told)) == reason


@given(st.dictionaries(st.sampled_from(("language", "chars", "duplicate_of", "quality.words")), st.just("und")))
def test_by_default_every_document_stays(labels: dict[str, str]) -> None:
    assert decide(labels, Drop()) == ""


def test_the_first_reason_in_the_stated_order_is_told() -> None:
    every = [
        "languages_kept=fr",
        "min_chars=200",
        "quality.min_words=50",
        "quality.max_hash_ratio=0",
        "duplicates=true",
    ]
    reasons = [decide(LABELS, drop(*every[n:])) for n in range(len(every))]
    assert [reason.split(" ")[0] for reason in reasons] == ["language", "min-chars", "quality", "quality", "duplicate"]
    assert decide(LABELS, drop(*reversed(every))) == reasons[0]


def test_an_unknown_language_is_a_question_of_its_own() -> None:
    unknown = {"language": "und"}
    assert decide(unknown, drop("languages_kept=fr")) == ""
    assert decide(unknown, drop("languages_kept=fr", "und=true")) == "language und"
    assert decide(unknown, drop("und=true")) == "language und"
    assert decide({"language": "fr"}, drop("languages_kept=fr", "und=true")) == ""


def test_a_document_that_is_no_duplicate_stays() -> None:
    assert decide({"duplicate_of": ""}, drop("duplicates=true")) == ""
    assert decide({"cluster": "a"}, drop("duplicates=true")) == ""


@pytest.mark.parametrize("told", ["languages_kept=fr", "und=true", "min_chars=1", "quality.max_words=3"])
def test_a_label_that_is_needed_and_missing_is_told(told: str) -> None:
    with pytest.raises(DecisionError, match=rf"drop\.{told.split('=')[0]}: .*no label"):
        decide({"title": "x"}, drop(told))


def test_every_signal_has_both_thresholds_and_every_threshold_works() -> None:
    labels = {f"quality.{name}": 0.5 for name in SIGNALS}
    for name in SIGNALS:
        assert decide(labels, drop(f"quality.min_{name}=0.6")) == f"quality {name} 0.5 < 0.6"
        assert decide(labels, drop(f"quality.max_{name}=0.4")) == f"quality {name} 0.5 > 0.4"
    assert set(signals("")) == set(SIGNALS)
