"""The laws of patches, documents and marks."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleaner.document import Document, Edit, Hint, Line, Patch, PatchError, lines, trimmed
from cleaner.marks import MarksError, history, parse, render

TEXT = st.text(st.sampled_from("ab é\n«»[]{}+-\\𝕏"), max_size=30)


@st.composite
def patches(draw: st.DrawFn, text: str) -> Patch:
    """Any patch that fits a text: insertions, deletions, replacements, adjacent ones, several at one offset."""
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    edits = [
        Edit(a, b, text[a:b], draw(st.text("xy\n", max_size=3)), "t/r")
        for a, b in zip(cuts[::2], cuts[1::2], strict=False)
    ]
    return Patch("test", tuple(edits))


@st.composite
def documents(draw: st.DrawFn) -> Document:
    document = Document("d", draw(TEXT))
    for _ in range(draw(st.integers(0, 4))):
        document += draw(patches(document.text))
    return document


@given(st.data(), TEXT)
def test_a_patch_inverts(data: st.DataObject, text: str) -> None:
    patch = data.draw(patches(text))
    after = patch.apply(text)
    assert patch.inverse().apply(after) == text
    assert patch.inverse().inverse().edits == patch.edits


@given(documents())
def test_a_document_undoes_to_its_raw_text(document: Document) -> None:
    back = document.undo()
    assert (back.text, back.patches) == (document.raw, ())


@given(documents())
def test_text_is_derived_from_raw_and_patches_alone(document: Document) -> None:
    again = Document(document.id, document.raw, patches=document.patches)
    assert again == document
    assert again.text == document.text
    assert pickle.loads(pickle.dumps(document)).text == document.text


@given(documents())
def test_the_ledger_and_the_output_give_the_raw_text(document: Document) -> None:
    text = document.text
    for patch in reversed(document.patches):
        rebuilt = Patch(patch.stage, tuple(Edit(*edit) for edit in patch.edits))
        text = rebuilt.inverse().apply(text)
    assert text == document.raw
    assert document.ledger == tuple(e for p in document.patches for e in p.edits)


@given(st.data(), TEXT)
def test_an_origin_is_where_a_kept_character_came_from(data: st.DataObject, text: str) -> None:
    marked = "".join(chr(0x1000 + n) for n in range(len(text)))  # every character its own place
    patch = data.draw(patches(marked))
    after = patch.apply(marked)
    for offset, char in enumerate(after):
        if char not in "xy\n":
            assert patch.origin(offset) == marked.index(char)
    assert list(patch.origins(range(len(after) + 1))) == [patch.origin(n) for n in range(len(after) + 1)]


@pytest.mark.parametrize(
    ("edits", "fault"),
    [
        ([Edit(0, 2, "ab", "", "r"), Edit(1, 3, "bc", "", "r")], "overlaps the one before, which ends at 2"),
        ([Edit(2, 3, "c", "", "r"), Edit(0, 1, "a", "", "r")], "overlaps"),
        ([Edit(-1, 1, "ab", "", "r")], "overlaps"),
        ([Edit(0, 3, "ab", "", "r")], "not as long"),
        ([Edit(2, 1, "", "", "r")], "not as long"),
    ],
)
def test_a_patch_refuses_edits_that_do_not_go_together(edits: list[Edit], fault: str) -> None:
    with pytest.raises(PatchError, match=fault):
        Patch("test", tuple(edits))


@pytest.mark.parametrize("edit", [Edit(0, 1, "x", "", "r"), Edit(3, 4, "d", "", "r"), Edit(4, 4, "", "x", "r")])
def test_a_patch_refuses_a_text_it_does_not_fit(edit: Edit) -> None:
    with pytest.raises(PatchError, match=r"r: .* stands at \d-\d, the edit expects"):
        Patch("test", (edit,)).apply("abc")


def test_edits_at_one_offset_apply_in_their_order() -> None:
    patch = Patch(
        "t", (Edit(1, 1, "", "x", "r"), Edit(1, 1, "", "y", "r"), Edit(1, 2, "b", "", "r"), Edit(2, 2, "", "z", "r"))
    )
    assert patch.apply("abc") == "axyzc"
    assert patch.inverse().apply("axyzc") == "abc"


def test_undo_notices_a_document_that_was_tampered_with() -> None:
    document = Document("d", "abc") + Patch("t", (Edit(0, 1, "a", "", "r"),))
    forged = Document("d", "xbc", patches=document.patches, _text="bc")
    with pytest.raises(PatchError, match="d: undoing"):
        forged.undo()


def test_a_later_label_replaces_an_earlier_one_and_undo_keeps_what_reading_told() -> None:
    document = Document("d", "a", source={"exact": True, "language": "und"}) + Patch("l", labels={"language": "fr"})
    assert document.labels == {"exact": True, "language": "fr"}
    assert document.undo().labels == {"exact": True, "language": "und"}
    assert [
        bool(p) for p in (Patch("a"), Patch("a", labels={"b": 1}), Patch("a", spared=(Edit(0, 0, "", "", "r"),)))
    ] == [False, True, True]


def test_hints_follow_their_lines_through_patches() -> None:
    hints = tuple(Hint(path) for path in ("h1", "p", "pre", "p"))
    document = Document("d", "ab\ncd\nef\ngh", hints=hints)
    assert document.line_hints() == hints
    document += Patch("t", (Edit(0, 0, "", ">", "r"), Edit(3, 6, "cd\n", "", "r")))
    assert document.text == ">ab\nef\ngh"
    assert [hint and hint.path for hint in document.line_hints()] == ["h1", "pre", "p"]
    document += Patch("t", (Edit(0, 4, ">ab\n", "", "r"), Edit(6, 6, "", "\nnew", "r")))
    assert [hint and hint.path for hint in document.line_hints()] == ["pre", "pre", "p"]
    assert Document("d", "a\nb").line_hints() == (None, None)


def test_verbatim_blocks_are_known_by_their_path() -> None:
    assert [Hint(p).verbatim for p in ("div/pre", "table/tr/td", "div/p", "", "prefix/p")] == [
        True,
        True,
        False,
        False,
        False,
    ]


@given(TEXT)
def test_lines_add_up(text: str) -> None:
    found = list(lines(text))
    assert "\n".join(line.text for line in found) == text
    assert all(text[line.start : line.stop] == line.text for line in found)
    assert tuple(found) == Document("d", text).lines
    assert isinstance(found[0], Line)


@given(st.text("ab", max_size=6), st.text("ab", max_size=6), st.integers(0, 5))
def test_a_trimmed_edit_does_the_same_and_shares_no_end(before: str, after: str, start: int) -> None:
    edit = trimmed(start, before, after, "r", "n")
    assert Patch("t", (edit,)).apply("x" * start + before + "y") == "x" * start + after + "y"
    if before != after:
        assert (
            not edit.before or not edit.after or (edit.before[0] != edit.after[0] and edit.before[-1] != edit.after[-1])
        )
    assert (edit.rule, edit.note) == ("r", "n")


# ---- marks


@given(st.data(), TEXT)
def test_marks_can_write_and_read_any_edits(data: st.DataObject, text: str) -> None:
    patch = data.draw(patches(text))
    read, edits = parse(render(text, patch.edits), "t/r")
    assert read == text
    assert Patch("test", edits).apply(read) == patch.apply(text)
    if all(e.before or e.after for e in patch.edits):
        assert render(read, edits) == render(text, patch.edits)


@pytest.mark.parametrize("text", ["a+}b", "a-]b", "a{+b", "a[-b"])
def test_an_edit_of_nothing_makes_no_mark(text: str) -> None:
    assert parse(render(text, [Edit(2, 2, "", "", "t/r")])) == (text, ())


def test_a_credit_names_the_rule() -> None:
    assert render("a b", [Edit(1, 3, " b", "", "fr/x")], credit=" ") == "a[- b-] fr/x"


@pytest.mark.parametrize(
    ("marked", "fault"),
    [
        ("a [-b", "never closed"),
        ("a -] b", "closes nothing"),
        ("[-a {+b+} -]", "stands inside"),
        ("{+a-]", "stands inside"),
        ("a+}", "character 1 closes"),
    ],
)
def test_marks_that_do_not_pair_are_told(marked: str, fault: str) -> None:
    with pytest.raises(MarksError, match=fault):
        parse(marked)


@given(documents())
def test_a_history_reads_both_ways(document: Document) -> None:
    pieces = history(document)
    assert "".join(piece.text for piece in pieces if piece.kind != "+") == document.raw
    assert "".join(piece.text for piece in pieces if piece.kind != "-") == document.text
    assert {piece.rule for piece in pieces if piece.kind != "="} <= {"t/r"}


def test_a_history_keeps_changes_in_their_place() -> None:
    document = Document("d", "one two three")
    document += Patch("a", (Edit(4, 7, "two", "2", "a/r"),))
    document += Patch("b", (Edit(3, 9, " 2 thr", "-", "b/r"),))
    assert [tuple(piece) for piece in history(document)] == [
        ("=", "one", ""), ("-", " ", "b/r"), ("-", "two", "a/r"), ("-", " thr", "b/r"), ("+", "-", "b/r"), ("=", "ee", ""),
    ]  # fmt: skip
