"""What is called a copy is one, the same in any order, and a bucket of any size costs no more than its documents."""

from __future__ import annotations

import time
from random import Random

import numpy as np
import pytest
from datasketch.lsh import _optimal_param
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cleaner.study import clusters as study
from cleaner.study.bands import Bands, keys, parameters
from cleaner.study.clusters import Ints, Policy, clusters, joined, preference, repeated, settled, star, table
from cleaner.study.signatures import EMPTY, Signed, exact, jaccard, shingles, sign, similarity

VOCABULARY = [a + b for a in ("ka", "lo", "mi", "ne", "pu", "sa") for b in ("ber", "dan", "fol", "gis", "tum", "wen")]


def page(seed: int, size: int = 120) -> list[str]:
    return Random(seed).choices([w + x for w in VOCABULARY for x in "aeiou"], k=size)


def edited(text: list[str], seed: int, share: float) -> list[str]:
    random = Random(seed)
    return [random.choice(VOCABULARY) if random.random() < share else word for word in text]


def rows(ids: list[str], texts: list[str], **given: object) -> dict[str, tuple[str, bool, float, str | None]]:
    found = table(ids, sign(texts), **given)  # type: ignore[arg-type]
    return {r["id"]: (r["cluster"], r["keep"], r["similarity"], r["twin"]) for r in found.to_pylist()}


def test_copies_are_found_and_others_left_alone() -> None:
    a, b = page(1), page(2)
    near = " ".join([*a[:60], "autre", *a[61:]])
    texts = {"c": " ".join(a), "a": near, "d": " ".join(b), "b": " ".join(a).upper() + " !", "e": "", "f": ""}
    found = rows(list(texts), list(texts.values()), removed=[0, 0, 0, 0, 0, 0], chars=[len(t) for t in texts.values()])
    assert set(found) == {"a", "b", "c"}, "an unlike text and texts without words are no copies"
    assert [id for id, row in found.items() if row[1]] == ["b"], "the longest of those from which as little was removed"
    assert {row[0] for row in found.values()} == {"a"}
    assert found["c"][2:] == (1.0, "b")
    assert found["b"][2:] == (1.0, None)
    assert 0.8 <= found["a"][2] < 1


@pytest.mark.parametrize(("policy", "kept"), [("least-chrome", "b"), ("longest", "c"), ("newest", "d"), ("first", "a")])
def test_policies(policy: Policy, kept: str) -> None:
    given = {
        "removed": [9, 2, 3, 2, 9],
        "chars": [5, 6, 9, 5, 1],
        "dates": ["2020", "", "2023-01-02", "2024-05-06", ""],
    }
    found = rows(list("abcde"), [" ".join(page(1))] * 5, policy=policy, **given)
    assert {row[3] for id, row in found.items() if id != kept} == {kept}
    assert [id for id, row in found.items() if row[1]] == [kept]


def test_an_unknown_policy_names_the_choices() -> None:
    with pytest.raises(ValueError, match="'best'; known: least-chrome, longest, newest, first"):
        preference("best", removed=[1], chars=[1])  # type: ignore[arg-type]


def test_ids_come_once_and_lists_are_of_one_length() -> None:
    signed = sign(["a", "b", "c"])
    with pytest.raises(ValueError, match="'x' comes twice"):
        table(["x", "y", "x"], signed)
    with pytest.raises(ValueError, match="3 ids, 2 chars"):
        table(["x", "y", "z"], signed, chars=[1, 2])
    with pytest.raises(ValueError, match="2 ids, 3 signatures"):
        table(["x", "y"], signed)


def test_a_chain_makes_no_copies_of_unlike_texts() -> None:
    # Each text shares 85 % with the next; the ends share nothing.
    words = page(3, 3000)
    texts = [" ".join(words[start : start + 400]) for start in range(0, 2600, 20)]
    ids = [f"{n:03}" for n in range(len(texts))]
    found = rows(ids, texts)
    assert len(found) > 100
    for id, (_, keep, alike, twin) in found.items():
        if not keep:
            assert twin is not None
            true = jaccard(shingles(texts[int(id)]), shingles(texts[int(twin)]))
            assert true >= study.THRESHOLD
            assert alike >= study.THRESHOLD
            assert found[twin][1], "the twin is a document that stays"


documents = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 5), st.sampled_from((0.0, 0.01, 0.03, 0.1))), max_size=25
)


@settings(deadline=None, max_examples=60)
@given(documents, st.randoms(use_true_random=False), st.sampled_from(("least-chrome", "longest", "newest", "first")))
def test_the_order_of_the_input_does_not_matter(
    made: list[tuple[int, int, float]], random: Random, policy: Policy
) -> None:
    texts = [" ".join(edited(page(base), seed, share)) for base, seed, share in made]
    ids = [f"d{n * 37 % 101}" for n in range(len(texts))]
    removed, dates = [n % 3 for n in range(len(texts))], [f"20{n % 7:02}" for n in range(len(texts))]
    by = list(range(len(texts)))
    random.shuffle(by)

    def found(order: list[int]) -> dict[str, tuple[str, bool, float, str | None]]:
        taken = {"removed": [removed[n] for n in order], "dates": [dates[n] for n in order]}
        return rows([ids[n] for n in order], [texts[n] for n in order], policy=policy, **taken)

    one = found(list(range(len(texts))))
    assert found(by) == one
    for _, keep, alike, twin in one.values():
        assert keep == (twin is None)
        assert alike >= study.THRESHOLD
        assert twin is None or one[twin][1]
    groups = [row[0] for row in one.values() if row[1]]
    assert len(groups) == len(set(groups)), "one copy stays of each cluster"
    assert all(cluster == min(id for id, row in one.items() if row[0] == cluster) for cluster in groups)


def test_a_bucket_of_equal_documents_is_linear() -> None:
    one = sign(["Une seule et même page, cent mille fois."])
    n = 100_000
    equal = Signed(np.repeat(one.exact, n, 0), np.repeat(one.minhash, n, 0))
    start = time.process_time()
    found = clusters(equal, np.arange(n)[::-1].copy())
    assert time.process_time() - start < 5
    assert found.document.size == n
    assert set(found.twin.tolist()) == {n - 1}
    assert set(found.cluster.tolist()) == {0}


def test_a_bucket_of_nearly_equal_documents_is_linear() -> None:
    random = np.random.RandomState(1)
    n = 20_000
    minhash = np.tile(random.randint(0, 1 << 32, 128, dtype=np.uint32), (n, 1))
    minhash[np.arange(n), random.randint(0, 128, n)] = np.arange(n, dtype=np.uint32)
    start = time.process_time()
    found = clusters(Signed(np.arange(2 * n, dtype=np.uint64).reshape(n, 2), minhash), np.arange(n))
    assert time.process_time() - start < 5
    assert found.document.size == n
    assert set(found.twin.tolist()) == {0}


def test_an_endless_chain_is_linear_and_keeps_what_it_cannot_place() -> None:
    n = 50_000
    pairs = 0

    def next_only(left: Ints, right: Ints) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        nonlocal pairs
        pairs += left.size
        return np.where(abs(left - right) <= 1, 0.9, 0.1)

    found = settled(np.zeros(n, np.int64), np.arange(n), next_only)
    assert pairs <= study.ROUNDS * n
    assert found.document.size == 2 * study.ROUNDS
    assert (abs(found.document - found.twin) <= 1).all()


@given(
    st.integers(1, 40).flatmap(
        lambda n: st.tuples(st.just(n), st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=60))
    )
)
@example((6, [(1, 5), (2, 5), (2, 4), (3, 4), (0, 3)]))
def test_components_are_those_of_the_edges(given_: tuple[int, list[tuple[int, int]]]) -> None:
    n, edges = given_
    reached = list(range(n))
    for _ in range(n):
        for a, b in edges:
            reached[a] = reached[b] = min(reached[a], reached[b])
    left, right = (np.array([e[i] for e in edges], np.int64) for i in (0, 1))
    assert joined(np.arange(n), left, right).tolist() == reached
    half = len(edges) // 2
    assert joined(joined(np.arange(n), left[:half], right[:half]), left[half:], right[half:]).tolist() == reached


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1000)), unique_by=lambda t: t[1], max_size=30))
def test_stars_point_to_the_smallest_of_the_bucket(made: list[tuple[int, int]]) -> None:
    found = star(np.array([k for k, _ in made], np.uint64), np.array([d for _, d in made], np.int64))
    buckets = {k: [d for j, d in made if j == k] for k, _ in made}
    wanted = {(d, min(b), len(b)) for b in buckets.values() for d in b if d != min(b)}
    assert set(zip(*(x.tolist() for x in found), strict=True)) == wanted


def crowd(count: int, copies: int, seed: int = 1) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Write pages from one template, four words of five; of some an edited copy: the pages, and which are pairs."""
    random = Random(seed)
    template = [f"modele{n}" for n in range(192)]
    pages = [template + [f"m{random.randrange(10**7)}" for _ in range(48)] for _ in range(count)]
    pairs = []
    for n in random.sample(range(count // 2, count), copies):
        page = list(pages[n])
        for _ in range(8):
            page[random.randrange(192, 240)] = f"x{random.randrange(10**7)}"
        pairs.append((f"{n:04}", f"{len(pages):04}"))
        pages.append(page)
    return {f"{n:04}": " ".join(page) for n, page in enumerate(pages)}, pairs


def test_pairs_in_a_crowd_that_is_unlike_them_are_found() -> None:
    pages, pairs = crowd(500, 150)
    strangers = [jaccard(shingles(pages["0000"]), shingles(pages[f"{n:04}"])) for n in range(1, 9)]
    assert all(0.6 < each < 0.7 for each in strangers), "from one template, and no copies"
    found = rows(list(pages), list(pages.values()))
    assert {frozenset((id, str(row[3]))) for id, row in found.items() if row[3]} == set(map(frozenset, pairs))


def test_a_document_of_equal_text_gets_the_similarity_of_its_twin() -> None:
    a = page(7)
    near = " ".join([*a[:30], "autre", *a[31:]])
    found = rows(list("abcd"), [" ".join(a), near, near, " ".join(a)], removed=[1, 0, 1, 1])
    assert found["b"][1:] == (True, 1.0, None)
    assert found["c"][2:] == (1.0, "b")
    assert found["a"][2] == found["d"][2] == similarity(sign([near]).minhash, sign([" ".join(a)]).minhash)[0] < 1


def test_true_jaccard_can_decide() -> None:
    texts = [" ".join(page(1)), " ".join(edited(page(1), 5, 0.02)), " ".join(edited(page(1), 6, 0.05))]
    sets = [shingles(text) for text in texts]
    measure = lambda left, right: np.array([jaccard(sets[a], sets[b]) for a, b in zip(left, right, strict=True)])  # noqa: E731
    found = clusters(sign(texts), np.arange(3), threshold=0.5, measure=measure)
    true = [jaccard(sets[0], s) for s in sets]
    assert found.similarity.tolist() == [true[n] for n in found.document] or min(true) < 0.5
    assert all(s >= 0.5 for s in found.similarity)


def test_no_documents_give_no_rows() -> None:
    assert table([], sign([])).num_rows == 0
    assert rows(["a"], ["Un mot."]) == {}
    assert rows(["a", "b"], ["", "…"]) == {}
    assert (sign([""]).minhash == EMPTY).all()


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0])
def test_bands_find_pairs_at_the_threshold(threshold: float) -> None:
    bands = parameters(threshold)
    assert bands.b * bands.r <= 128
    assert bands.recall(threshold) >= 0.99
    b, r = _optimal_param(min(threshold, 0.95), 128, 0.5, 0.5)
    assert bands.recall(threshold) >= Bands(b, r).recall(threshold), "datasketch's own choice misses more"


def test_bands_are_refused_where_they_cannot_work() -> None:
    for threshold in (0.0, -1.0, 1.1, float("nan")):
        with pytest.raises(ValueError, match="not over 0 and up to 1"):
            parameters(threshold)
    with pytest.raises(ValueError, match=r"4 permutations cannot find pairs at 0\.1"):
        parameters(0.1, 4)


def test_keys_hold_their_band() -> None:
    minhash = np.zeros((2, 128), np.uint32)
    found = keys(minhash, Bands(18, 7))
    assert len(set(found[0].tolist())) == 18
    assert (found[0] == found[1]).all()
    minhash[1, 8] = 1
    assert np.flatnonzero(keys(minhash, Bands(18, 7))[0] != keys(minhash, Bands(18, 7))[1]).tolist() == [1]


def test_paragraphs_that_stood_before() -> None:
    pages = [["Un chapeau.", "Un texte."], ["Un autre.", "Un chapeau.", "Un chapeau."], ["Un CHAPEAU"]]
    paragraphs = [(n, p) for n, each in enumerate(pages) for p in each]
    found = np.array([np.frombuffer(exact(p), "<u8") for _, p in paragraphs])
    assert repeated(found, np.array([n for n, _ in paragraphs])).tolist() == [False, False, False, True, True, True]
    assert repeated(found, np.array([2 - n for n, _ in paragraphs])).tolist() == [True, False, False, True, True, False]
    assert repeated(found[:0], np.empty(0, np.int64)).size == 0
