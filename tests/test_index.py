"""The index names copies of earlier crawls, grows whole or not at all, and never mixes what does not compare."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleaner.study import index
from cleaner.study.index import Copy, IndexFault, Lookup, add, copies, load
from cleaner.study.signatures import Scheme, Signed, sign, similarity

VOCABULARY = [
    a + b + c for a in ("ba", "do", "fi", "gu") for b in ("lan", "mor", "sel") for c in ("te", "va", "xo", "zi")
]


def text(seed: int, changed: int = 0) -> str:
    words = Random(seed).choices(VOCABULARY, k=150)
    for n in range(changed):
        words[10 + 7 * n] = "autre"
    return " ".join(words)


def crawl(**texts: str) -> list[tuple[Sequence[str], Signed]]:
    return [(list(texts), sign(list(texts.values())))]


def test_copies_of_earlier_crawls_are_named(tmp_path: Path) -> None:
    add(tmp_path, "may", crawl(a=text(1), b=text(2), empty="…"))
    add(tmp_path, "june", crawl(a=text(1, changed=1), c=text(3), d=text(2)))
    assert [(p.crawl, p.documents) for p in load(tmp_path).parts] == [("may", 2), ("june", 3)]
    found = copies(tmp_path, sign([text(1), text(1, 1), text(2), text(4), "", text(3).upper()]))
    assert found[0] == Copy("may", "a", 1.0)
    assert found[1] == Copy("june", "a", 1.0)
    assert found[2] == Copy("june", "d", 1.0), "of equals the first by crawl, then id"
    assert found[3:5] == [None, None]
    assert found[5] == Copy("june", "c", 1.0)


def test_a_near_copy_is_found_with_its_similarity(tmp_path: Path) -> None:
    add(tmp_path, "may", crawl(a=text(1), b=text(2)))
    asked = sign([text(1, 1), text(2, 15)])
    found = copies(tmp_path, asked)
    assert found == [Copy("may", "a", float(similarity(asked.minhash[:1], sign([text(1)]).minhash)[0])), None]
    assert copies(tmp_path, asked, threshold=0.99) == [None, None]


def test_a_crawl_is_not_found_in_itself_and_takes_its_own_place(tmp_path: Path) -> None:
    add(tmp_path, "may", crawl(a=text(1)))
    add(tmp_path, "june", crawl(a=text(2)))
    assert copies(tmp_path, sign([text(2)]), crawl="june") == [None]
    before = {path.name for path in tmp_path.iterdir()}
    add(tmp_path, "may", crawl(z=text(5)))
    assert copies(tmp_path, sign([text(1), text(5), text(2)])) == [None, Copy("may", "z", 1.0), Copy("june", "a", 1.0)]
    assert len(list(tmp_path.iterdir())) == len(before)
    assert not {p.name for p in tmp_path.glob("000001*")}, "a number is never used twice"


def test_growing_writes_only_what_is_new(tmp_path: Path) -> None:
    add(tmp_path, "may", crawl(a=text(1)))
    stamps = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in tmp_path.glob("*.arrow")}
    add(tmp_path, "june", crawl(b=text(2)))
    assert all((path.stat().st_mtime_ns, path.stat().st_ino) == stamp for path, stamp in stamps.items())


def test_a_failed_crawl_leaves_the_index_as_it_was(tmp_path: Path) -> None:
    add(tmp_path, "may", crawl(a=text(1)))
    before = (tmp_path / "index.json").read_bytes()

    def broken() -> Iterator[tuple[Sequence[str], Signed]]:
        yield from crawl(b=text(2))
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        add(tmp_path, "june", broken())
    assert (tmp_path / "index.json").read_bytes() == before
    assert copies(tmp_path, sign([text(1), text(2)])) == [Copy("may", "a", 1.0), None]
    (tmp_path / "000007.keys.arrow~tmp0123abcd").write_bytes(b"torn")
    (tmp_path / "notes.arrow").write_bytes(b"not ours")
    add(tmp_path, "july", crawl(c=text(3)))
    assert {p.name.partition(".")[0] for p in tmp_path.glob("*.arrow*")} == {"000001", "000002", "notes"}
    assert not list(tmp_path.glob("*~tmp*"))


def test_two_processes_do_not_add_at_once(tmp_path: Path) -> None:
    def within() -> Iterator[tuple[Sequence[str], Signed]]:
        with pytest.raises(BlockingIOError):
            add(tmp_path, "june", crawl(b=text(2)))
        yield from crawl(a=text(1))

    assert [part.crawl for part in add(tmp_path, "may", within()).parts] == ["may"]


def test_schemes_do_not_mix(tmp_path: Path) -> None:
    add(tmp_path, "may", crawl(a=text(1)))
    other = Scheme(shingle=3)
    for ask in (lambda: add(tmp_path, "june", crawl(), scheme=other), lambda: copies(tmp_path, sign([]), scheme=other)):
        with pytest.raises(IndexFault, match=r"words5-fold1, the signatures of .*words3-fold1"):
            ask()


def test_faults_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(IndexFault, match=r"no index here, index\.json is missing"):
        load(tmp_path)
    add(tmp_path, "may", crawl(a=text(1)))
    part = tmp_path / "000001.keys.arrow"
    whole = part.read_bytes()
    part.write_bytes(whole[:-8])
    with pytest.raises(IndexFault, match=r"000001\.keys\.arrow: \d+ bytes, the index says"):
        copies(tmp_path, sign([text(1)]))
    part.write_bytes(b"\0" * len(whole))
    with pytest.raises(IndexFault, match=r"000001\.keys\.arrow: .*Arrow"):
        copies(tmp_path, sign([text(1)]))
    part.unlink()
    with pytest.raises(IndexFault, match=r"000001\.keys\.arrow"):
        copies(tmp_path, sign([text(1)]))
    (tmp_path / "index.json").write_text('{"scheme": 1}')
    with pytest.raises(IndexFault, match=r"index\.json: .*scheme"):
        load(tmp_path)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 2)), max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_a_batch_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, made: list[tuple[int, int]], random: Random
) -> None:
    texts = {f"d{n}": text(*each) for n, each in enumerate(made)}
    shuffled = random.sample(list(texts.items()), len(texts))
    asked = sign([text(seed, changed) for seed in range(7) for changed in range(3)])
    one, other = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("other")
    assert add(one, "c", crawl(**texts)) == add(other, "c", crawl(**dict(shuffled)))
    assert all((other / path.name).read_bytes() == path.read_bytes() for path in one.glob("*.arrow"))
    found = copies(one, asked)
    assert found == [copies(other, Signed(asked.exact[n : n + 1], asked.minhash[n : n + 1]))[0] for n in range(21)]
    for n, (seed, changed) in enumerate((seed, changed) for seed in range(7) for changed in range(3)):
        equal = sorted(id for id, each in texts.items() if each == text(seed, changed))
        assert not equal or found[n] == Copy("c", equal[0], 1.0)


def test_one_page_a_hundred_thousand_times_costs_a_question_nothing(tmp_path: Path) -> None:
    random = np.random.RandomState(2)
    n = 30_000
    minhash = np.tile(random.randint(0, 1 << 32, 128, dtype=np.uint32), (n, 1))
    minhash[np.arange(n), random.randint(0, 128, n)] = np.arange(n, dtype=np.uint32)  # nearly equal
    signed = Signed(np.arange(2 * n, dtype=np.uint64).reshape(n, 2), minhash)
    add(tmp_path, "may", [([f"{i:06}" for i in range(n)], signed)])
    start = time.process_time()
    found = copies(tmp_path, Signed(signed.exact[:2000], signed.minhash[:2000]))
    assert time.process_time() - start < 5
    assert all(copy is not None and copy.similarity > 0.95 for copy in found)
    assert load(tmp_path).parts[0].keys < 8 * 18 + 18 * n * 0.1


def test_ids_and_signatures_are_of_one_length(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="1 ids, 2 signatures"):
        add(tmp_path, "may", [(["a"], sign(["x", "y"]))])
    assert not (tmp_path / "index.json").exists()


def test_lookup_finds_the_most_similar_first() -> None:
    lookup = Lookup(threshold=0.5)
    assert lookup.find(text(1)) == []
    for id, each in {"far": text(1, 8), "near": text(1, 1), "other": text(2), "empty": ""}.items():
        lookup.add(id, each)
    found = lookup.find(text(1))
    assert [id for id, _ in found] == ["near", "far"]
    assert found[0][1] > found[1][1] >= 0.5
    assert lookup.find(text(1), most=1) == found[:1]
    assert lookup.find("") == lookup.find(text(9)) == []
    with pytest.raises(ValueError, match="'near' is there already"):
        lookup.add("near", "un mot")


def test_lookup_and_index_agree(tmp_path: Path) -> None:
    texts = {f"d{n:02}": text(n % 9, n % 4) for n in range(40)}
    lookup = Lookup()
    for id, each in texts.items():
        lookup.add(id, each)
    add(tmp_path, "may", crawl(**texts))
    for asked in [text(n, 2) for n in range(12)]:
        (found,) = copies(tmp_path, sign([asked]))
        assert ([(found.twin, found.similarity)] if found else []) == lookup.find(asked, most=1)


def test_the_manifest_is_for_people_too(tmp_path: Path) -> None:
    add(tmp_path, "may", crawl(a=text(1)))
    shown = (tmp_path / "index.json").read_text()
    assert '"scheme": "affine32-seed1-128/words5-fold1"' in shown
    assert index.load(tmp_path).bands == (32, 4)
