"""Files whole or not at all, and names that are safe, distinct and the same in any order."""

from __future__ import annotations

import os
import random
import stat
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from runs import files

from cleaner.write import atomic
from cleaner.write.atomic import COMPONENT_BYTES, TEMPORARY, Names, Whole, fold, locked, place, write

# One file, whole or not at all.


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "é.txt"
    write(path, "un\r\n")
    write(path, b"deux\n")
    place(path, b"trois\n")
    assert files(tmp_path) == {"é.txt": b"trois\n"}


def test_a_failure_leaves_the_old_file_and_no_temporary(tmp_path: Path) -> None:
    write(tmp_path / "a", "old")

    def fail() -> None:
        with Whole(tmp_path / "a") as file:
            file.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert files(tmp_path) == {"a": b"old"}


@pytest.mark.parametrize("put", [write, place])
def test_a_folder_in_the_way_stays_and_no_temporary_is_left(tmp_path: Path, put: object) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    with pytest.raises(OSError):
        put(tmp_path / "a", b"x")  # type: ignore[operator]
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


@pytest.mark.skipif(sys.platform == "win32", reason="no umask")
def test_files_have_the_usual_permissions(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write(tmp_path / "a", "x")
        place(tmp_path / "b", b"x")
    finally:
        os.umask(old)
    assert {stat.S_IMODE((tmp_path / n).stat().st_mode) for n in "ab"} == {0o640}


def test_a_lock_names_its_holder_and_ends_with_its_block(tmp_path: Path) -> None:
    with locked(tmp_path / ".lock"), pytest.raises(BlockingIOError, match=f"process {os.getpid()} "):
        locked(tmp_path / ".lock").__enter__()
    with locked(tmp_path / ".lock"):
        pass


# Names.

PART = st.one_of(
    st.sampled_from(
        ["a", "A", "a.txt", "a.TXT", "..", ".", "", "aux", "NUL.tar", "é", "e\u0301", "É", "a.", "a ", "x" * 300]
    ),
    st.sampled_from(["a~ca978112", "a~ca978112.txt", "a.txt~tmp00000000", "c:", "x?y", "ß", "ss", "\ud800", "a\\b"]),
    st.text(max_size=4),
)
IDS = st.lists(st.lists(PART, min_size=1, max_size=4).map("/".join), max_size=12)


def safe(path: str) -> bool:
    parts = path.split("/")
    return (
        all(
            part and part.strip(".") and part[-1] not in ". " and len(part.encode()) <= COMPONENT_BYTES
            for part in parts
        )
        and not set(path) & set('<>:"\\|?*\0\n\r')
        and not {p.partition(".")[0].rstrip().lower() for p in parts} & {"con", "prn", "aux", "nul", "com1", "lpt9"}
        and not TEMPORARY.match(path)
        and len(path.encode()) < 1000
    )


@given(IDS, st.sampled_from(["", ".txt"]), st.randoms())
def test_names_are_safe_distinct_and_the_same_in_any_order(
    given_ids: list[str], suffix: str, chance: random.Random
) -> None:
    names = Names.of(given_ids, suffix)
    shuffled = given_ids * 2
    chance.shuffle(shuffled)
    assert names == Names.of(shuffled, suffix)
    keys = {fold(names[id]): id for id in set(given_ids)}
    assert len(keys) == len(set(given_ids))
    folders = {k.rsplit("/", n)[0] for k in keys for n in range(1, k.count("/") + 1)}
    assert not folders & set(keys)
    for id in given_ids:
        assert id in names
        assert safe(names[id])
        assert names[id].endswith(suffix)


@pytest.mark.parametrize(
    "id", ["a", "été/Zürich/日本語.htm", "page (2).html", "v1.2/-x", ".hidden", "crawl.warc.gz#1024"]
)
def test_a_plain_id_is_its_own_name(id: str) -> None:
    assert Names.of([id, "other"])[id] == id
    assert Names.of([id, "other"], ".txt")[id] == id + ".txt"
    assert Names.of([id + ".txt"], ".txt")[id + ".txt"] == id + ".txt"


@pytest.mark.parametrize(
    ("id", "name"),
    [
        ("/etc/passwd", "etc/passwd.txt"),
        ("../../x", "__/__/x.txt"),
        ("C:\\x", "C__x.txt"),
        ("a//b/", "a/b.txt"),
        ("", "_.txt"),
        ("con/com1.html", "_con/_com1.html.txt"),
        ("a./b ", "a_/b .txt"),
        ("tab\there", "tab_here.txt"),
        ("\udce9", "_.txt"),
        ("console", "console.txt"),
    ],
)
def test_a_hostile_id_gets_a_safe_name(id: str, name: str) -> None:
    assert Names.of([id], ".txt")[id] == name


@pytest.mark.parametrize(
    "clash",
    [
        ("a", "a.txt"),
        ("b", "B"),
        ("é", "e\u0301"),
        ("a.txt", "a.txt/b"),
        ("x?", "x*"),
        ("ß", "SS"),
        ("d", "d/"),
        ("y" * 300 + "1", "y" * 300 + "2"),
    ],
)
def test_what_clashes_carries_the_hash_of_its_id(clash: tuple[str, str]) -> None:
    names = Names.of([*clash, "c"], ".txt")
    short = [sha256(id.encode()).hexdigest()[:8] for id in clash]
    marked = [names[id].endswith(f"~{h}.txt") for id, h in zip(clash, short, strict=True)]
    assert marked == [True, not clash[1].startswith(clash[0] + "/b")]
    assert names["c"] == "c.txt"


def test_hashes_that_begin_alike_are_written_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    class Alike:
        def __init__(self, content: bytes) -> None:
            self.content = content

        def hexdigest(self) -> str:
            return "0" * 8 + sha256(self.content).hexdigest()[8:]

    monkeypatch.setattr(atomic, "sha256", Alike)
    names = Names.of(["n", "N", "n.txt", "m"], ".txt")
    assert len({fold(names[id]) for id in ("n", "N", "n.txt")}) == 3
    assert all(len(names[id]) == 1 + 1 + 64 + 4 for id in ("n", "N", "n.txt")[1:2])
