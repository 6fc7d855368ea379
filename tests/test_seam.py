"""The plans on the engine of one machine: the same rows as the pure functions give, whatever order and pieces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_clusters import crowd

from cleaner.document import Document
from cleaner.engine.local import Local
from cleaner.engine.seam import Count, Least, Sum, columns, joined
from cleaner.settings import Duplicates
from cleaner.site_lines import LINES, SITES, FactsError, SiteLines, page
from cleaner.study import copies, repeats, rows
from cleaner.study.clusters import ROUNDS, table
from cleaner.study.index import load
from cleaner.study.signatures import EMPTY, SCHEME, Scheme, Signed, sign

WORDS = "le pont du port ferme lundi pour travaux dit la mairie de nuit et rouvre samedi avant la fête du quai".split()
HOW = Duplicates()
Row = dict[str, Any]


def text(seed: int, edits: int = 0, length: int = 120) -> str:
    """Invent a text; ``edits`` words of it are others."""
    random = Random(seed)
    words = [f"{random.choice(WORDS)}{random.randrange(40)}" for _ in range(length)]
    other = Random(1000 * seed + edits)
    for _ in range(edits):
        words[other.randrange(length)] = f"autre{other.randrange(999)}"
    return " ".join(words)


def documents(texts: dict[str, str], scheme: Scheme = SCHEME, **more: Sequence[Any]) -> pa.Table:
    """Give rows of ``DOCUMENTS``, eight to a chunk."""
    signed = sign(list(texts.values()), scheme)
    count = len(texts)
    return pa.table(
        {
            "id": pa.array(list(texts), pa.string()),
            "chunk": pa.array([n // 8 for n in range(count)], pa.int32()),
            "exact": pa.array([each.tobytes() for each in signed.exact], pa.binary(16)),
            "minhash": pa.array([each.tobytes() for each in signed.minhash], pa.binary(4 * scheme.permutations)),
            "chars": pa.array(more.get("chars", [len(each) for each in texts.values()]), pa.int64()),
            "removed": pa.array(more.get("removed", [0] * count), pa.int64()),
            "date": pa.array(more.get("date", [""] * count), pa.string()),
            "sketch": pa.array(signed.sketches, pa.binary()),
        }
    )


def fragments(folder: Path, rows: pa.Table, count: int, seed: int = 0) -> list[Path]:
    """Write rows in another order into so many files, in batches of a few."""
    folder.mkdir(parents=True, exist_ok=True)
    order = list(range(rows.num_rows))
    Random(seed).shuffle(order)
    paths = []
    for n in range(count):
        path = folder / f"{n}.arrow"
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, rows.schema) as writer:
            writer.write_table(rows.take(pa.array(order[n::count], pa.int64())), max_chunksize=3)
        paths.append(path)
    return paths


def study(folder: Path, rows: pa.Table, how: Duplicates = HOW, count: int = 2, **more: Any) -> list[Row]:
    to = folder / "clusters.parquet"
    given = fragments(folder / "in", rows, count, seed=count)
    against = copies.Against(more["against"], more["crawl"], folder / "fresh.parquet") if more else None
    copies.duplicates(given, against, how, 256, folder / "temp", to)
    if against:
        copies.grow(against, how)
    assert pq.read_schema(to) == copies.CLUSTERS
    found: list[Row] = pq.read_table(to).to_pylist()
    return found


def near(count: int = 100) -> dict[str, str]:
    """Invent documents: groups of edited and of equal copies, loners, two without words."""
    made = {f"seul/{n}": text(n) for n in range(count // 3)}
    made |= {f"copie/{n}": text(500 + n // 4, edits=(n % 4)) for n in range(count // 2)}
    made |= {f"égal/{n}": text(900) for n in range(5)}
    return made | {"vide/a": "", "vide/b": "--- !"}


# Operations.


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Local]:
    with Local(128, tmp_path) as made:
        yield made


def rows_of(engine: Local, table: Any, by: Sequence[str] = ()) -> list[Row]:
    return [row for batch in engine.batches(table, by) for row in batch.to_pylist()]


NUMBERS = columns(site=pa.string(), n=pa.int32())


def numbers(engine: Local, *told: tuple[str | None, int]) -> Any:
    batch = pa.record_batch(
        [pa.array([s for s, _ in told], pa.string()), pa.array([n for _, n in told], pa.int32())], schema=NUMBERS
    )
    return engine.given([batch], NUMBERS)


def test_groups_count_sum_and_take_the_least(engine: Local) -> None:
    table = numbers(engine, ("b", 3), ("a", 5), ("b", 2))
    found = engine.group(table, ("site",), {"least": Least("n"), "sum": Sum("n"), "rows": Count()})
    assert found.schema == columns(site=pa.string(), least=pa.int32(), sum=pa.int64(), rows=pa.int64())
    assert rows_of(engine, found, ("site",)) == [
        {"site": "a", "least": 5, "sum": 5, "rows": 1},
        {"site": "b", "least": 2, "sum": 5, "rows": 2},
    ]


def test_joins_keep_the_schema_they_say(engine: Local) -> None:
    left = numbers(engine, ("a", 1), ("b", 2), ("c", 3))
    right = engine.select(
        numbers(engine, ("b", 7), ("d", 8)), columns(site=pa.string(), other=pa.int32()), {"other": "n"}
    )
    told = {
        how: rows_of(engine, engine.join(left, right, ("site",), how), ("site",))
        for how in ("inner", "left", "semi", "anti")
    }
    assert told["inner"] == [{"site": "b", "n": 2, "other": 7}]
    assert [row["other"] for row in told["left"]] == [None, 7, None]
    assert told["semi"] == [{"site": "b", "n": 2}]
    assert [row["site"] for row in told["anti"]] == ["a", "c"]
    with pytest.raises(ValueError, match="both tables have a column 'n'"):
        joined(NUMBERS, NUMBERS, ("site",), "inner")


def test_order_is_that_of_code_points_and_may_be_descending(engine: Local) -> None:
    table = numbers(engine, ("é", 1), ("z", 2), ("Z", 3), ("\U0001f600", 4), ("\uffff", 5), ("z", 9))
    assert [row["site"] for row in rows_of(engine, table, ("site", "n"))] == [
        "Z",
        "z",
        "z",
        "é",
        "\uffff",
        "\U0001f600",
    ]
    assert [row["n"] for row in rows_of(engine, table, ("-site", "-n"))] == [4, 5, 1, 9, 2, 3]
    assert [row["at"] for row in rows_of(engine, engine.numbered(table, ("site", "n"), "at"), ("site", "n"))] == [
        *range(6)
    ]


def test_what_an_engine_kept_goes_with_it(tmp_path: Path) -> None:
    with Local(128, tmp_path / "new") as engine:
        kept = engine.checkpoint(numbers(engine, ("a'b", 1)))
        assert rows_of(engine, kept) == [{"site": "a'b", "n": 1}]
        assert [*(tmp_path / "new").iterdir()]
    assert not [*(tmp_path / "new").iterdir()]


def test_a_file_that_is_no_fragment_is_named(engine: Local, tmp_path: Path) -> None:
    (bad := tmp_path / "bad.arrow").write_bytes(b"no arrow")
    with pytest.raises(ValueError, match=r"bad\.arrow: no rows of site, n"):
        engine.read([bad], NUMBERS)


# Duplicates.


@pytest.mark.parametrize("keep", ["least-chrome", "longest", "newest", "first"])
def test_the_plan_gives_what_the_pure_functions_give(tmp_path: Path, keep: Any) -> None:
    texts = near()
    random = Random(3)
    removed = [random.randrange(4) for _ in texts]
    dates = [random.choice(["", "2024-05-01", "2023-11-30", "2024-05-01"]) for _ in texts]
    given = documents(texts, removed=removed, date=dates)
    found = study(tmp_path, given, Duplicates(keep=keep))
    signed = sign(list(texts.values()))
    chars = [len(each) for each in texts.values()]
    wanted = table(list(texts), signed, policy=keep, removed=removed, chars=chars, dates=dates).to_pylist()
    for row in found:
        row.pop("chunk")
    assert len(wanted) > 20
    assert sorted(found, key=lambda row: row["id"]) == wanted


def test_a_crowd_is_parted_by_the_plan_as_in_memory(tmp_path: Path) -> None:
    pages, pairs = crowd(200, 60, seed=7)
    made = table(list(pages), sign(list(pages.values())), chars=list(map(len, pages.values())))
    wanted = {row["id"]: row["twin"] for row in made.to_pylist()}
    found = {row["id"]: row["twin"] for row in study(tmp_path, documents(pages))}
    assert found == wanted
    assert {frozenset(pair) for pair in found.items() if pair[1]} == set(map(frozenset, pairs))


@pytest.mark.parametrize(("count", "memory"), [(1, 128), (5, 1024)])
def test_files_order_and_memory_do_not_matter(tmp_path: Path, count: int, memory: int) -> None:
    given = documents(near())
    wanted = study(tmp_path / "a", given, count=3)
    to = tmp_path / "b.parquet"
    paths = fragments(tmp_path / "in", given, count, seed=9)
    copies.duplicates(paths[::-1], None, Duplicates(), memory, tmp_path / "temp", to)
    assert pq.read_table(to).to_pylist() == wanted
    assert to.read_bytes() == (tmp_path / "a" / "clusters.parquet").read_bytes()


def test_nothing_to_compare_is_no_cluster(tmp_path: Path) -> None:
    assert study(tmp_path / "a", documents({})) == []
    assert study(tmp_path / "b", documents({"a": "Un texte seul.", "b": "", "c": ""})) == []


def test_the_signature_that_is_missing_is_like_no_other(tmp_path: Path) -> None:
    given = documents({"a": text(1), "b": text(1), "c": text(1)})
    bare = pa.array([None, *given["minhash"].to_pylist()[1:]], given["minhash"].type)
    given = given.set_column(given.schema.get_field_index("minhash"), "minhash", bare)
    assert [row["id"] for row in study(tmp_path, given)] == ["b", "c"]


def test_one_id_in_two_chunks_is_two_documents(tmp_path: Path) -> None:
    given = documents({f"d{n}": text(n if n < 8 else n - 8) for n in range(16)})
    ids = pa.array([f"d{n % 8}" for n in range(16)])
    found = study(tmp_path, given.set_column(0, "id", ids))
    assert [(row["id"], row["chunk"], row["keep"]) for row in found] == [
        (f"d{n % 8}", n // 8, n < 8) for n in range(16)
    ]
    assert all(row["twin"] == row["id"] for row in found if not row["keep"])


def test_a_chunk_is_read_alone(tmp_path: Path) -> None:
    found = study(tmp_path, documents(near()))
    for number in (0, 3, 99):
        wanted = [row for row in found if row["chunk"] == number]
        told = copies.of_chunk(tmp_path / "clusters.parquet", number).to_pylist()
        assert [(row["id"], row["cluster"], row["duplicate_of"], row["similarity"]) for row in told] == [
            (row["id"], row["cluster"], row["twin"], row["similarity"]) for row in wanted
        ]


def test_signatures_of_two_schemes_are_refused(tmp_path: Path) -> None:
    some = documents({"a": text(1)}), documents({"b": text(1)}, Scheme(permutations=64))
    paths = [path for n, each in enumerate(some) for path in fragments(tmp_path / str(n), each, 1)]
    with pytest.raises(ValueError, match="different lengths"):
        copies.duplicates(paths, None, Duplicates(), 128, tmp_path, tmp_path / "c.parquet")
    assert not (tmp_path / "c.parquet").exists()


def test_what_an_earlier_crawl_had_is_named_and_the_rest_remembered(tmp_path: Path) -> None:
    index = tmp_path / "index"
    first = {"alt/1": text(1), "alt/2": text(2)}
    assert study(tmp_path / "1", documents(first), against=index, crawl="mai") == []
    second = {"neu/1": text(1, edits=1), "neu/2": text(7), "neu/3": text(7)}
    for _ in range(2):  # a crawl that runs again is not found in itself
        found = study(tmp_path / "2", documents(second), against=index, crawl="juin")
        assert [(row["id"], row["keep"], row["twin"]) for row in found] == [
            ("neu/1", False, "mai/alt/1"),
            ("neu/2", True, None),
            ("neu/3", False, "neu/2"),
        ]
        assert found[0]["cluster"] == "mai/alt/1"
        assert found[0]["similarity"] < 1
        assert [(part.crawl, part.documents) for part in load(index).parts] == [("mai", 2), ("juin", 1)]


# Rows: the same wherever batches end.


def batches(columns: Sequence[Any], schema: pa.Schema, cuts: Sequence[int]) -> Iterator[pa.RecordBatch]:
    told = [pa.array(each, kind) for each, kind in zip(columns, schema.types, strict=True)]
    whole = pa.record_batch(told, schema=schema)
    for start, stop in zip([0, *cuts], [*cuts, whole.num_rows], strict=True):
        if stop > start:
            yield whole.slice(start, stop - start)


_PLACING = columns(component=pa.int64(), position=pa.int64(), minhash=pa.binary(), sketch=pa.binary())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), min_size=1, max_size=40), st.data())
def test_placing_does_not_see_where_batches_end(members: list[tuple[int, int]], data: st.DataObject) -> None:
    members.sort(key=lambda member: member[0])
    base = np.arange(16, dtype="<u4")
    minhash = []
    for _, kind in members:  # six kinds of text in a row, each like its neighbours
        minhash.append((base + 100 * (base < 2 * kind)).astype("<u4").tobytes())
    # Of 16 numbers .875 are equal at most: too few to decide at .8, so that the sketches do, where both are there.
    sketched = [np.arange(100 + 15 * kind, dtype="<u4").tobytes() if kind < 5 else None for _, kind in members]
    given = [component for component, _ in members], list(range(len(members))), minhash, sketched
    schema = _PLACING
    cuts = sorted(data.draw(st.lists(st.integers(0, len(members)), max_size=6)))
    told = [row for batch in rows.place(batches(given, schema, cuts), 0.8) for row in batch.to_pylist()]
    whole = [row for batch in rows.place(batches(given, schema, ()), 0.8) for row in batch.to_pylist()]
    assert sorted(told, key=lambda row: row["position"]) == sorted(whole, key=lambda row: row["position"])
    assert {row["position"] for row in whole} == set(range(len(members)))


def test_a_chain_of_strangers_ends_after_so_many_rounds() -> None:
    count = 3 * ROUNDS
    minhash = [np.full(16, n, "<u4").tobytes() for n in range(count)]
    given, schema = ([7] * count, list(range(count)), minhash, [None] * count), _PLACING
    for cuts in ((), range(1, count), (ROUNDS,)):
        told = [row for batch in rows.place(batches(given, schema, [*cuts]), 0.8) for row in batch.to_pylist()]
        assert [row["position"] for row in told] == list(range(ROUNDS))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=40), st.data())
def test_components_are_the_smallest_positions(edges: list[tuple[int, int]], data: st.DataObject) -> None:
    least = {n: n for edge in edges for n in edge}
    for _ in least:
        for a, b in edges:
            least[a] = least[b] = min(least[a], least[b])
    cuts = sorted(data.draw(st.lists(st.integers(0, len(edges)), max_size=4)))
    given = [a for a, _ in edges], [b for _, b in edges]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "_FOLDED", data.draw(st.sampled_from([1, 5, 1000])))
        found = rows.components(batches(given, rows.PAIRS, cuts)).to_pylist() if edges else []
    assert {row["position"]: row["component"] for row in found} == least


def test_a_text_without_words_is_left_out_before_anything_else() -> None:
    signed = Signed(np.zeros((2, 2), np.uint64), np.array([[EMPTY, EMPTY], [EMPTY, 5]], np.uint32))
    batch = pa.record_batch({"minhash": pa.array([each.tobytes() for each in signed.minhash])})
    assert [each.num_rows for each in rows.with_words(iter([batch]))] == [1]


# Site lines.


def pages(texts: Sequence[tuple[str, str]]) -> list[Document]:
    return [Document(f"{n}", raw, site=site) for n, (site, raw) in enumerate(texts)]


def keys(found: Sequence[Document]) -> pa.Table:
    told: list[tuple[str, str, bytes]] = []
    for each in found:
        counted = page(each)
        told += [(each.site or "", key, counted.digest) for key in ("", *sorted(counted.keys))]
    site, key, digest = zip(*told, strict=True) if told else ((), (), ())
    return pa.table(
        {"site": pa.array(site, pa.string()), "key": pa.array(key, pa.string()), "page": pa.array(digest, pa.binary(8))}
    )


def facts(folder: Path) -> SiteLines:
    sites, lines = pq.read_table(folder / repeats.SITES_FILE), pq.read_table(folder / repeats.LINES_FILE)
    assert (sites.schema, lines.schema) == (SITES, LINES)
    return SiteLines.from_tables(sites, lines)


def count(folder: Path, found: Sequence[Document], files: int = 2, earlier: Path | None = None) -> SiteLines:
    given = fragments(folder / "in", keys(found), files, seed=files)
    repeats.site_lines(given, earlier, folder / "facts", 128, folder / "temp")
    return facts(folder / "facts")


MENU = "Accueil\nContact\nMentions"
CRAWL = pages(
    [("a.example", f"{MENU}\nArticle {word}\nUn texte sur {word}.") for word in ("rome", "oslo", "bonn")]
    + [("a.example", f"{MENU}\nArticle rome\nUn texte sur rome.")] * 3
    + [("b.example", f"Home\nStory of {word}") for word in ("ants", "bees")]
    + [("c.example", "Seule")]
)


@pytest.mark.parametrize("files", [1, 4])
def test_site_lines_are_those_of_the_pure_functions(tmp_path: Path, files: int) -> None:
    wanted = SiteLines.of(CRAWL).pruned()
    assert count(tmp_path, CRAWL, files) == wanted
    assert wanted.sites["a.example"].pages == 3, "copies of a page count once"
    assert wanted.sites["a.example"].lines["accueil\ncontact"] == 3
    assert wanted.sites["c.example"].lines == {}


def test_an_earlier_crawl_is_added(tmp_path: Path) -> None:
    count(tmp_path / "1", CRAWL)
    more = pages([("a.example", f"{MENU}\nNouveau"), ("d.example", "Neu\nHeute"), ("d.example", "Neu\nMorgen")])
    found = count(tmp_path / "2", more, earlier=tmp_path / "1" / "facts")
    assert found == (SiteLines.of(CRAWL).pruned() + SiteLines.of(more)).pruned()
    assert found.sites["a.example"].lines["accueil"] == 4
    assert found.sites["d.example"].lines["neu"] == 2


def test_no_page_is_no_fact(tmp_path: Path) -> None:
    assert count(tmp_path, []) == SiteLines()


def test_earlier_facts_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    with pytest.raises(FactsError, match=r"sites\.parquet: no facts"):
        count(tmp_path / "1", CRAWL, earlier=tmp_path / "none")
    count(tmp_path / "2", CRAWL)
    path = tmp_path / "2" / "facts" / repeats.LINES_FILE
    pq.write_table(pq.read_table(path).replace_schema_metadata({"fold_version": "0"}), path)
    with pytest.raises(FactsError, match=r"site_lines\.parquet: is of fold version 0"):
        count(tmp_path / "3", CRAWL, earlier=path.parent)
    pq.write_table(pq.read_table(path).drop_columns(["pages"]), path)
    with pytest.raises(FactsError, match="has no column 'pages'"):
        count(tmp_path / "3", CRAWL, earlier=path.parent)
