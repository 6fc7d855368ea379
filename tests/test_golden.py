"""Goldens: four kinds of difference, never written by a failing run, replaced only by accept."""

from __future__ import annotations

from pathlib import Path

import pytest

from cleaner.document import Document, Edit, Patch
from cleaner.golden import accept, compare, trail


def strip(rule: str):
    def clean(path: Path) -> Document:
        text = path.read_text(encoding="utf-8").rstrip("\n")
        document = Document(path.name, text)
        n = text.find("\nShare")
        return document + Patch("t", (Edit(n, len(text), text[n:], "", rule),)) if n >= 0 else document

    return clean


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    seeds, golden = tmp_path / "seeds", tmp_path / "golden"
    seeds.mkdir()
    golden.mkdir()
    (seeds / "a.txt").write_text("Text.\nShare\n", encoding="utf-8")
    return seeds, golden


def kinds(folders: tuple[Path, Path], rule: str = "t/share") -> list[tuple[str, str]]:
    return [(d.path.name, d.kind) for _, differences in compare(*folders, strip(rule)) for d in differences]


def test_a_seed_without_goldens_is_new_until_accepted(folders) -> None:
    assert kinds(folders) == [("a.txt", "new"), ("a.edits", "new")]
    assert not (folders[1] / "a.txt").exists()
    assert [path.name for path in accept("a", folders[1])] == ["a.txt", "a.edits"]
    assert (folders[1] / "a.txt").read_text() == "Text.\n"
    assert (folders[1] / "a.edits").read_text() == "t/share\t\\nShare\n"
    assert kinds(folders) == []
    assert sorted(path.name for path in folders[1].iterdir()) == ["a.edits", "a.txt"]


def test_other_text_and_other_credit_are_told_apart(folders) -> None:
    kinds(folders)
    accept("a", folders[1])
    assert kinds(folders, "t/other") == [("a.edits", "edits")]
    (folders[1] / "a.txt").write_text("Text.\nMore.\n", encoding="utf-8")
    assert kinds(folders) == [("a.txt", "text")]
    assert (folders[1] / "a.txt").read_text() == "Text.\nMore.\n"
    assert (folders[1] / "a.txt.new").read_text() == "Text.\n"


def test_a_new_that_no_longer_differs_goes(folders) -> None:
    kinds(folders)
    accept("a", folders[1])
    kinds(folders, "t/other")
    assert (folders[1] / "a.edits.new").exists()
    assert kinds(folders) == []
    assert not (folders[1] / "a.edits.new").exists()


def test_a_golden_without_a_seed_is_an_orphan(folders) -> None:
    (folders[1] / "b.txt").write_text("x\n", encoding="utf-8")
    assert ("b.txt", "orphan") in kinds(folders)


def test_nothing_to_accept_is_told(folders) -> None:
    with pytest.raises(FileNotFoundError, match="golden test"):
        accept("a", folders[1])


def test_a_trail_is_in_reading_order_over_all_steps() -> None:
    document = Document("a", "one\ttwo three\n")
    document += Patch("a", (Edit(13, 14, "\n", "", "a/end"),))
    document += Patch("b", (Edit(0, 4, "one\t", "", "b/first"),))
    document += Patch("c", (Edit(0, 3, "two", "2\\", "c/middle"),))
    assert trail(document) == "b/first\tone\\t\nc/middle\ttwo -> 2\\\\\na/end\t\\n\n"
