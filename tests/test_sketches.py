"""What two texts share is counted where signatures cannot tell: every pair at the threshold or over, none under it."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_clusters import edited, page

from cleaner.study import sketches
from cleaner.study.clusters import table
from cleaner.study.index import Lookup
from cleaner.study.signatures import Signed, jaccard, shingles, sign
from cleaner.study.sketches import KEPT, sketch, unsure

hashes = st.lists(st.integers(0, 40) | st.just(2**32 - 1), max_size=60)


def told(values: list[int]) -> bytes:
    return sketch(np.array(values, np.uint32))


@given(st.lists(st.tuples(hashes, hashes), max_size=8))
def test_small_sets_are_counted_exactly(pairs: list[tuple[list[int], list[int]]]) -> None:
    found = sketches.jaccard([told(a) for a, _ in pairs], [told(b) for _, b in pairs])
    wanted = [len({*a} & {*b}) / len({*a} | {*b}) if a or b else 0 for a, b in pairs]
    assert found.tolist() == pytest.approx(wanted)


def test_large_sets_are_estimated_within_their_error() -> None:
    random = np.random.default_rng(3)
    errors = []
    for n in range(1, 60):
        values = random.choice(2**32, 6000, replace=False).astype(np.uint32)
        shared = 100 * n
        a, b = values[: 3000 + shared // 2], values[3000 - shared // 2 :]
        errors.append(sketches.jaccard([sketch(a)], [sketch(b)])[0] - shared / 6000)
        assert len(sketch(a)) == 4 * KEPT
    assert np.abs(errors).max() < 4 * 0.5 / KEPT**0.5
    assert abs(np.mean(errors)) < 0.01


def test_a_sketch_of_a_long_text_is_its_smallest_hashes_each_once() -> None:
    values = np.array([7, *range(5000, 0, -1), 7], np.uint32)
    assert np.frombuffer(sketch(values), "<u4").tolist() == list(range(1, KEPT + 1))
    assert sketches.jaccard([sketch(values)], [sketch(values[::-1])]).tolist() == [1.0]


def test_a_short_text_within_a_long_one_is_not_like_it() -> None:
    short, long = told([*range(1000)]), told([*range(100_000)])
    assert sketches.jaccard([short, long], [long, short]).tolist() == [1000 / KEPT] * 2, "the smallest are all it has"
    random = np.random.default_rng(1).choice(2**32, 100_000, replace=False).astype(np.uint32)
    assert sketches.jaccard([sketch(random[:1000])], [sketch(random)])[0] < 0.03


@pytest.mark.parametrize("run", ["compiled", "vectorized"])
def test_texts_are_sketched_by_all_their_shingles(run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if run == "vectorized":
        from cleaner.study import signatures

        monkeypatch.setattr(signatures, "_SMALL", 1 << 40)
        monkeypatch.setattr(
            signatures._compiled, "cache_info", lambda: type("Info", (), {"currsize": 0}), raising=False
        )
    texts = [" ".join(page(n, size)) for n, size in enumerate((3, 5, 40, 900, 12_000))]
    texts += [
        "",
        "…",
        "e\u0301te\u0301 sur l’e\u0301tang, au bord du grand canal",
        "橋は二年ぶりに開通した。",
        texts[2] * 9,
    ]
    signed = sign(texts * 8)
    for n, text in enumerate(texts * 8):
        assert sorted({*np.frombuffer(signed.sketches[n], "<u4").tolist()}) == shingles(text).tolist()[:KEPT], n


def test_every_copy_at_the_threshold_is_found_and_none_under_it() -> None:
    random = Random(5)
    bases = [page(n, random.randint(60, 400)) for n in range(120)]
    texts = [" ".join(base) for base in bases]
    copies = [" ".join(edited(base, n, random.uniform(0, 0.07))) for n, base in enumerate(bases)]
    true = [jaccard(shingles(a), shingles(b)) for a, b in zip(texts, copies, strict=True)]
    assert sum(abs(share - 0.7) < 0.1 for share in true) > 25, "most are where signatures cannot tell"
    signed = sign([*texts, *copies])
    ids = [f"{n:03}" for n in range(240)]
    found = {row["id"]: row for row in table(ids, signed).to_pylist()}
    assert {int(id) % 120 for id in found} == {n for n, share in enumerate(true) if share >= 0.7}
    for row in found.values():
        if row["twin"] and unsure(np.array([row["similarity"]]), 0.7, 128)[0]:
            assert row["similarity"] == pytest.approx(true[int(row["twin"]) % 120])
    by_signature = {int(row["id"]) % 120 for row in table(ids, Signed(signed.exact, signed.minhash)).to_pylist()}
    assert by_signature != {n for n, share in enumerate(true) if share >= 0.7}, "without sketches it is as it was"


def test_a_lookup_counts_what_texts_share() -> None:
    random = Random(9)
    for n in range(40):
        base = page(n, 200)
        copy = edited(base, n, random.uniform(0, 0.07))
        lookup = Lookup()
        lookup.add("a", " ".join(base))
        true = jaccard(shingles(" ".join(base)), shingles(" ".join(copy)))
        assert bool(lookup.find(" ".join(copy))) == (true >= 0.7), true
