"""Signatures are datasketch's own, whoever computes them, and words fold alike wherever they come from."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import unicodedata
from functools import cache
from hashlib import blake2b
from pathlib import Path
from random import Random

import numpy as np
import pytest
from datasketch import MinHash
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cleaner.study import signatures
from cleaner.study.signatures import (
    EMPTY,
    SCHEME,
    Scheme,
    Signed,
    exact,
    hash32,
    jaccard,
    shingles,
    sign,
    signed,
    similarity,
)
from cleaner.study.words import table, words

ALPHABET = "aZé ß.İΣς1２ＡĐ東ひガกาĸ\u0301\u0323\u3099\u00ad\u200b’ʼ\n\U0001f600\U00020000\U000e0041한\u1161\ue000"
TEXTS = st.one_of(st.text(st.sampled_from(ALPHABET), max_size=60), st.text(max_size=40))


@pytest.fixture(autouse=True, scope="module")
def _loaded() -> None:
    """Small texts too are signed by the compiled loop once it is there."""
    assert signatures._compiled() is not None, "numba is part of the development set"


def reference(text: str, scheme: Scheme) -> MinHash:
    """Sign with datasketch itself."""
    found = words(text)
    n = min(scheme.shingle, len(found))
    minhash = MinHash(num_perm=scheme.permutations, scheme="affine32", hashfunc=hash32)
    if n:
        minhash.update_batch(" ".join(found[i : i + n]).encode() for i in range(len(found) - n + 1))
    return minhash


def without_numba(monkeypatch: pytest.MonkeyPatch, texts: list[str], scheme: Scheme = SCHEME) -> Signed:
    with monkeypatch.context() as patched:
        patched.setattr(signatures, "_compiled", cache(lambda: None))
        return sign(texts, scheme)


@settings(deadline=None)
@given(st.lists(TEXTS, max_size=5), st.integers(1, 6), st.sampled_from((1, 7, 128)))
@example(["", "a", "东京" * 4000, "mot " * 9000], 5, 128)
def test_signatures_are_datasketchs(texts: list[str], n: int, permutations: int) -> None:
    scheme = Scheme(n, permutations)
    got = sign(texts, scheme)
    for row, text in zip(got.minhash, texts, strict=True):
        assert row.tolist() == reference(text, scheme).hashvalues.tolist()
    assert [row.tobytes() for row in got.exact] == [exact(text) for text in texts]


def test_numpy_signs_as_numba_does(monkeypatch: pytest.MonkeyPatch) -> None:
    random = Random(3)
    texts = ["".join(random.choices(ALPHABET + "abc  ", k=random.choice((0, 3, 50, 9000)))) for _ in range(300)]
    for scheme in (Scheme(), Scheme(1, 16), Scheme(9, 4)):
        fast, slow = sign(texts, scheme), without_numba(monkeypatch, texts, scheme)
        assert (fast.exact == slow.exact).all()
        assert (fast.minhash == slow.minhash).all()


@pytest.mark.parametrize("count", [4094, 4095, 4096, 4100, 4101, 4102, 8192, 8197, 12290])
@pytest.mark.parametrize("word", ["ab ", "é. ", "東", "a東", "東a"])
def test_blocks_leave_no_seam(count: int, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "".join(f"{word}{n:x} " if n % 3 == 0 else word for n in range(count))
    for scheme in (Scheme(1, 8), Scheme(5, 8)):
        assert (sign([text], scheme).minhash == without_numba(monkeypatch, [text], scheme).minhash).all()


def test_a_row_does_not_know_its_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"La {n}e page parle de {n * n} choses et d’une autre encore." for n in range(50)] + [
        "e\u0301t\u00e9 " * 9
    ]
    whole = sign(texts)
    monkeypatch.setattr(signatures, "_CHUNK", 100)
    assert (sign(texts).minhash == whole.minhash).all()
    assert (np.concatenate([sign([t]).exact for t in texts]) == whole.exact).all()


def test_no_text_gives_no_rows() -> None:
    assert sign([]).minhash.shape == (0, 128)
    assert sign([]).exact.shape == (0, 2)
    assert signed(sign([]).minhash).shape == (0,)


def test_text_without_words_is_not_signed() -> None:
    got = sign(["", " \n", "— … !?", "\u200b\ufeff", "\ue001", "\U0001f600", "0", "é"]).minhash
    assert signed(got).tolist() == [False] * 6 + [True, True]
    assert (got[0] == EMPTY).all()


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Le Conseil d’État", "le conseil d'état"),
        ("ÉTÉ ΟΔΟΣ", "été οδος"),
        ("e\u0301te\u0301", "été"),
        ("Vie\u0323\u0302t Nam", "Việt nam"),
        ("Ｔｏｋｙｏ　２０２０", "tokyo 2020"),
        ("か\u3099", "が"),
        ("\u1112\u1161\u11ab", "한"),
        ("co\u00adop\u200bérer", "coopérer"),
        ("un\u00a0mot,\nun autre !", "Un mot. Un autre"),
        ("ᲡᲐᲥᲐᲠᲗᲕᲔᲚᲝ", "საქართველო"),
        ("l\u02bcan", "l’an"),
    ],
)
def test_what_folds_together(a: str, b: str) -> None:
    assert words(a) == words(b)
    assert exact(a) == exact(b)
    assert (sign([a]).minhash == sign([b]).minhash).all()


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("12 morts", "13 morts"),  # one template, another event
        ("pêche", "péché"),
        ("un mot", "unmot"),
        ("le chat et le chien", "le chien et le chat"),
        ("東京", "京東"),
        ("m²", "m2"),
        ("क", "का"),
    ],
)
def test_what_stays_apart(a: str, b: str) -> None:
    assert exact(a) != exact(b)


def test_scripts_without_blanks_go_by_characters() -> None:
    assert words("東京ひガกา漢a字") == [*"東京ひガกา漢", "a", "字"]
    assert words("한국 사람 привет мир مرحبا") == ["한국", "사람", "привет", "мир", "مرحبا"]


def test_the_fold_is_frozen() -> None:
    # The same on every Python; a change makes saved signatures wrong: FOLD then goes up and this digest with it.
    assert blake2b(table().astype("<u4").tobytes(), digest_size=8).hexdigest() == "5979de6a97c5ef13"
    assert (
        blake2b(sign(["Un, deux, trois: été 東京."]).minhash.astype("<u4").tobytes(), digest_size=8).hexdigest()
        == "f6230d3338224eab"
    )


def test_letters_compose_with_their_marks_as_nfc_says() -> None:
    seen = 0
    for code in (*range(0xC0, 0x900), *range(0x1E00, 0x2000), *range(0x3040, 0x3100), *range(0xAC00, 0xAD00)):
        apart = unicodedata.normalize("NFD", chr(code))
        if len(apart) > 1 and unicodedata.is_normalized("NFC", chr(code)):
            assert words(apart) == words(chr(code)), hex(code)
            seen += 1
    assert seen > 900


def test_similarity_is_near_jaccard() -> None:
    random = Random(5)
    vocabulary = [f"mot{n}" for n in range(900)]
    for share in (0.0, 0.05, 0.2, 0.5):
        page = random.choices(vocabulary, k=600)
        edited = [random.choice(vocabulary) if random.random() < share / 5 else w for w in page]
        a, b = " ".join(page), " ".join(edited)
        true = jaccard(shingles(a), shingles(b))
        got = similarity(sign([a]).minhash, sign([b]).minhash)[0]
        assert abs(got - true) < 4 * (true * (1 - true) / 128) ** 0.5 + 1e-9
    assert jaccard(shingles(""), shingles("")) == 0.0


@pytest.mark.parametrize(
    "text",
    ["a" * 2_000_000, "a\u0301\u0316" * 300_000, "a" + "\u0301\u0316" * 500_000, "東" * 900_000, ".\u00ad" * 900_000],
)
def test_hostile_text_takes_linear_time(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sign(["warm"])
    start = time.process_time()
    fast = sign([text])
    assert time.process_time() - start < 5  # a run of marks alone would take NFC minutes
    assert (without_numba(monkeypatch, [text]).minhash == fast.minhash).all()


def test_lone_surrogates_part_words() -> None:
    assert exact("un\ud800deux") == exact("un deux")
    assert sign(["un\ud800deux"]).exact.tobytes() == exact("un deux")


def test_a_scheme_needs_words_and_numbers() -> None:
    with pytest.raises(ValueError, match=r"shingle=0.*1 word"):
        sign(["a"], Scheme(shingle=0))
    with pytest.raises(ValueError, match="permutations=0"):
        sign(["a"], Scheme(permutations=0))


def test_numba_works_where_nothing_can_be_cached(tmp_path: Path) -> None:
    # Neither beside the module nor in a home: numba then names no locator, and says so before it compiles anything.
    code = (
        "import numba.core.caching as c\n"
        "c.CacheImpl._locator_classes = []\n"
        "from cleaner.study.signatures import _compiled\n"
        "assert _compiled() is not None\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"HOME": str(tmp_path)}, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
