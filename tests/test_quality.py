"""Signals of quality are what their sources define, in every script, in linear time, and change no text."""

from __future__ import annotations

import time
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleaner.document import Document
from cleaner.stages import quality
from cleaner.stages.quality import Quality, signals
from cleaner.stages.signals import PLAIN, SIGNALS

NEWS = (
    "The harbour office closed the eastern lock on Monday, because divers had found a crack in its lower gate.\n"
    "Barges now wait up to nine hours. \"We lost three orders,\" said a skipper who carries gravel for the dam.\n"
    "Repairs should end in May!"
)  # fmt: skip


def test_the_stage_labels_and_edits_nothing() -> None:
    document = Document("a", NEWS)
    patch = Quality(frozenset(SIGNALS)).propose(document)
    assert (patch.stage, patch.edits, patch.spared) == ("quality", (), ())
    assert list(patch.labels) == [f"quality.{name}" for name in SIGNALS]
    plain = Quality().propose(document).labels
    assert plain == {name: value for name, value in patch.labels.items() if not name.endswith("_gram")}
    assert (document + patch).text == NEWS


def test_clean_news_has_the_signals_of_clean_news() -> None:
    found = signals(NEWS)
    assert (found["words"], found["sentences"], found["terminal_lines"]) == (44, 4, 1.0)
    assert 4 < found["mean_word_length"] < 5
    assert found["alphabetic_words"] == 1.0
    for name in SIGNALS:
        if name not in ("words", "sentences", "mean_word_length", "alphabetic_words", "terminal_lines", "short_lines"):
            assert found[name] == 0, name


@pytest.mark.parametrize(
    ("text", "words", "mean"),
    [
        ("", 0, 0.0),
        ("… — ###", 0, 0.0),
        ("don’t re-open", 2, 5.0),
        ("3.14 and 2,000", 3, 3.3333),
        ("été", 1, 3.0),
        ("e\u0301te\u0301", 1, 5.0),
        ("हिन्दी में", 2, 4.5),  # vowel signs are marks: they belong to the word
        ("한국어 문장", 2, 2.5),
        ("市议会昨晚决定关闭旧桥", 6, 2.0),
        ("橋をわたる", 2, 2.0),
        ("สะพานเก่า", 2, 4.0),
        ("我用 Linux 和 BSD", 4, 3.1429),
        ("a\u00a0b\u3000c\u200bd", 4, 1.0),
        ("😀 😀", 0, 0.0),
        ("\ud800 a", 1, 1.0),
    ],
)
def test_words_in_many_scripts(text: str, words: int, mean: float) -> None:
    found = signals(text)
    assert (found["words"], found["mean_word_length"]) == (words, mean)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("He came. He went", 1),
        ("Really?! Yes...", 2),
        ("Version 3.14 of a.b is out", 0),
        ("«Vraiment ?» dit-il.", 2),
        ("工程将开始。需要两年！", 2),
        ("यह पुल है। वह नदी है।", 2),
        ("هل أغلق الجسر؟ نعم.", 2),
        ("", 0),
    ],
)
def test_sentences(text: str, sentences: int) -> None:
    assert signals(text)["sentences"] == sentences


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("It ended.", "terminal_lines"),
        ("“It ended!”", "terminal_lines"),
        ("(It ended.)  ", "terminal_lines"),
        ("橋は閉鎖された。」", "terminal_lines"),
        ("• a lock", "bullet_lines"),
        ("- a lock", "bullet_lines"),
        ("* a lock", "bullet_lines"),
        ("It ended…", "ellipsis_lines"),
        ("It ended...", "ellipsis_lines"),
    ],
)
def test_a_line_is_what_it_is(line: str, name: str) -> None:
    found = signals(f"\n{line}\n\nplain and long enough to be no short line\n")
    told = {each for each in ("terminal_lines", "bullet_lines", "ellipsis_lines") if found[each]}
    assert told == {name}
    assert found[name] == 0.5


@pytest.mark.parametrize(
    "line", ["Home", "It ended:", "— Bonjour", "-5 degrees", "*nix", "(1)", "…so it ended", "\"'»"]
)
def test_a_line_that_only_looks_like_it_is_not(line: str) -> None:
    found = signals(line)
    assert {name: found[name] for name in ("terminal_lines", "bullet_lines", "ellipsis_lines") if found[name]} == {}


def test_copies_of_a_line_count_but_not_the_first() -> None:
    found = signals("one two\n\n one two\nfour four four\none two")
    assert found["duplicate_lines"] == 0.5
    assert found["duplicate_line_characters"] == round(14 / 35, 4)
    assert found["short_lines"] == 1.0
    assert signals("x" * 30)["short_lines"] == 0


def test_ratios_and_symbols() -> None:
    found = signals("#one two # … three...")
    assert found["hash_ratio"] == round(2 / 3, 4)
    assert found["ellipsis_ratio"] == round(2 / 3, 4)
    assert found["alphabetic_words"] == 0.6
    assert signals("12 345 six")["alphabetic_words"] == 0.3333


def naive(words: list[str]) -> dict[str, float]:
    """The n-gram shares by their definition, quadratically."""
    shares = {}
    total = sum(map(len, words))
    for n in range(2, 11):
        grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
        counts = Counter(grams)
        chosen: set[int] = set()
        if n < 5:
            best = max(counts, key=lambda g: (counts[g], sum(map(len, g)), -grams.index(g)), default=None)
            if best and counts[best] > 1:
                chosen = {j for i, g in enumerate(grams) if g == best for j in range(i, i + n)}
        else:
            chosen = {j for i, g in enumerate(grams) if grams.index(g) < i for j in range(i, i + n)}
        name = f"top_{n}_gram" if n < 5 else f"repeated_{n}_gram"
        shares[name] = round(sum(len(words[i]) for i in chosen) / max(1, total), 4)
    return shares


@given(st.lists(st.sampled_from(("a", "bb", "ccc", "dd")), max_size=60))
@settings(deadline=None)
def test_repeated_runs_of_words_are_those_of_the_definition(words: list[str]) -> None:
    found = signals(" ".join(words))
    assert {name: found[name] for name in SIGNALS if name.endswith("_gram")} == naive(words)


@given(st.lists(st.sampled_from(("石", "橋", "川", "水")), max_size=60), st.integers(1, 3))
@settings(deadline=None)
def test_a_run_of_ideographs_is_twice_as_many(letters: list[str], n: int) -> None:
    text = "".join(letters)
    runs = Counter(text[i : i + 4] for i in range(len(text) - 3))
    assert (signals(text)["top_2_gram"] > 0) == (max(runs.values(), default=0) > 1)


def test_punctuation_and_line_breaks_do_not_hide_a_repeat_and_order_counts() -> None:
    phrase = "the lower gate of the eastern lock"
    assert signals(f"{phrase}. ({phrase.replace(' ', chr(10))})")["repeated_7_gram"] == 0.5
    assert signals(f"{phrase}. {' '.join(reversed(phrase.split()))}")["repeated_5_gram"] == 0
    assert signals(f"{phrase}. {phrase.upper()}")["repeated_5_gram"] == 0


@given(st.text(max_size=80))
@settings(deadline=None)
def test_any_text_has_every_signal_and_shares_are_shares(text: str) -> None:
    found = signals(text)
    assert list(found) == list(SIGNALS)
    for name, value in found.items():
        assert 0 <= value <= (1 if "lines" in name or "gram" in name or name == "alphabetic_words" else 1e6), name


@given(st.text("abé1 '\u0301石ก#.!。…\t\n", max_size=60) | st.text(max_size=60))
@settings(deadline=None)
def test_without_repetition_the_same_is_counted(text: str) -> None:
    found = signals(text)
    assert signals(text, PLAIN) == {name: found[name] for name in SIGNALS if name in PLAIN}


@given(st.text("ab 石橋ก#.…\n", max_size=200), st.integers(8, 40))
@settings(deadline=None)
def test_cutting_a_text_into_parts_at_blanks_changes_nothing(text: str, size: int) -> None:
    if max(map(len, text.split()), default=0) >= size:
        return  # a word that is longer than a part is cut, and nothing else
    whole = signals(text)
    before, quality._CHUNK = quality._CHUNK, size
    try:
        assert signals(text) == whole
        assert signals(text, PLAIN) == {name: whole[name] for name in SIGNALS if name in PLAIN}
    finally:
        quality._CHUNK = before


@pytest.mark.parametrize("piece", ["a ", "x\n", "石橋", "ก", ")", ".", "a", "\n", "ab cd ef gh ij "])
def test_the_time_grows_as_the_text_does(piece: str) -> None:
    def seconds(size: int) -> float:
        text = piece * (size // len(piece))
        begun = time.process_time()
        signals(text)
        return time.process_time() - begun

    seconds(1000)
    assert min(seconds(200_000) for _ in range(2)) < 40 * max(0.005, min(seconds(20_000) for _ in range(3)))
