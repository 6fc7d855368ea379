"""Inputs: globs, sizes and stamps; what folders give is in test_read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleaner.read.decode import Unreadable
from cleaner.read.inputs import walk


def put(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("Une ligne.\n", encoding="utf-8")


def ids(*inputs: Path | str, exclude: tuple[str, ...] = ()) -> list[str]:
    return [source.id for source in walk(inputs, exclude)]


@pytest.mark.parametrize(
    ("glob", "found"),
    [
        ("crawl/**/*.html", ["a.html", "x/b.html", "x/y/c.html"]),
        ("crawl/*.html", ["a.html"]),
        ("crawl/*", ["a.html", "d.txt"]),
        ("crawl/**", ["a.html", "d.txt", "x/b.html", "x/y/c.html", "x/y/e.txt"]),
        ("crawl/x/**/[ce].*", ["y/c.html", "y/e.txt"]),
        ("crawl/x/**/[!e].html", ["b.html", "y/c.html"]),
        ("crawl/?.txt", ["d.txt"]),
        ("crawl/*/y/*.txt", ["x/y/e.txt"]),
        ("cr*/d.txt", ["crawl/d.txt"]),
    ],
)
def test_a_glob_gives_the_files_below_its_first_folder(tmp_path: Path, glob: str, found: list[str]) -> None:
    put(tmp_path, "crawl/a.html", "crawl/x/b.html", "crawl/x/y/c.html", "crawl/d.txt", "crawl/x/y/e.txt")
    put(tmp_path, "crawl/.git/z.html", "crawl/x/.h.html")
    assert ids(f"{tmp_path}/{glob}") == found


def test_a_glob_among_others_is_named_by_its_folder(tmp_path: Path) -> None:
    put(tmp_path, "crawl/a.html", "crawl/x/b.html", "crawl/x/print/c.html", "other/a.html")
    found = ids(tmp_path / "crawl/**/*.html", tmp_path / "other/a.html", exclude=("print",))
    assert found == ["crawl/a.html", "crawl/x/b.html", "a.html"]


def test_a_name_with_a_star_is_a_file_before_it_is_a_glob(tmp_path: Path) -> None:
    put(tmp_path, "a*.txt", "ab.txt", "[b].txt")
    assert ids(tmp_path / "a*.txt") == ["a*.txt"]
    assert ids(tmp_path / "[b].txt") == ["[b].txt"]
    assert ids(tmp_path / "*b.txt") == ["ab.txt"]


def test_a_glob_that_matches_nothing_is_named_before_anything_is_read(tmp_path: Path) -> None:
    put(tmp_path, "a.txt")
    with pytest.raises(Unreadable, match=r"\*\.warc: no file matches"):
        next(walk([tmp_path / "a.txt", tmp_path / "*.warc"]))
    with pytest.raises(Unreadable, match="no such file or folder"):
        next(walk([tmp_path / "nowhere/*.warc"]))


def test_sources_tell_size_and_change(tmp_path: Path) -> None:
    put(tmp_path, "a.txt")
    [before] = walk([tmp_path])
    assert (before.size, before.path) == (11, str(tmp_path / "a.txt"))
    os.utime(tmp_path / "a.txt", ns=(1, before.stamp == "" or int(before.stamp) + 1))
    [after] = walk([tmp_path])
    assert after.stamp != before.stamp
    assert [before] != [after]
    assert next(walk([tmp_path / "a.txt"])) == after
    assert next(walk([f"file://{tmp_path}/a.txt"])) == after


def test_ids_hold_no_line_breaks(tmp_path: Path) -> None:
    put(tmp_path, "a\nb.txt")
    assert ids(tmp_path) == ["a\\nb.txt"]
    assert ids(tmp_path / "a\nb.txt") == ["a\\nb.txt"]


@given(st.lists(st.sampled_from(["a", "b-1", "b", "c.txt", "b.x"]), min_size=1, max_size=4).map("/".join))
def test_two_stars_match_every_folder_and_one_stays_in_its_own(path: str) -> None:
    import re

    from cleaner.read.inputs import _translated

    assert re.fullmatch(_translated("**/*"), path)
    assert bool(re.fullmatch(_translated("*"), path)) == ("/" not in path)
