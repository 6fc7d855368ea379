"""The blocks of a page are the lines of the linearised page, with the elements around them."""

from __future__ import annotations

import re
import time
from functools import reduce
from operator import or_

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleaner.blocks import vocabulary
from cleaner.blocks.characters import Counts
from cleaner.blocks.context import inner, levels, outer
from cleaner.blocks.features import features
from cleaner.blocks.tree import Tree, tree
from cleaner.read.html import linearise


def lines(page: Tree) -> list[str]:
    made: list[str] = []
    for text, gap in zip(page.texts, page.gaps, strict=True):
        made += [""] * (gap == 2 and bool(made)) + [text]
    return made


PAGES = {
    "nested list": "<ul><li>a<ul><li>b<li><p>c<p>d</ul><li>e</ul>f",
    "loose list": "<ol><li><p>a<p>b<li>c</ol><p>d",
    "data table": "<table><tr><th>a<th>b<tr><td>1<br>2<td>3<tr><td><p>x<td>y</table>z",
    "layout table": "<table><tr><td><p>a<p>b<td><table><tr><td>c<td>d</table></table>",
    "table in a row's cell with blocks": "<table><tr><td>a<td>b<tr><td>" + "long words " * 40 + "<br>b<td>c</table>",
    "pre": "<pre>\n a\n\n  b\tc \n</pre>d<pre> </pre>",
    "links": "<p><a href=a>x</a><a href=b>y</a> z <a>w</a><p><a href=c></a>b",
    "pictures": "<p>a<img>b<svg><text>no</text></svg>c<wbr>d<p>あ<img>い",
    "hidden": "<p>a<p hidden>b<div style='color:red;display: none'>c</div><noscript>d</noscript>e",
    "mostly hidden": "<div hidden>" + "a text that is meant to be read " * 20 + "</div><p>b",
    "breaks": "a<br><br>b<br>c<hr>d",
    "empty": "",
    "no words": "<div><p>\u200b<p>&nbsp;</div>",
    "unclosed": "<b><i><p>a<div><table>b<tr>c<td>d",
    "link over blocks": "<a href=x><div>a</div><div>b</div></a>c",
}


@pytest.mark.parametrize("html", PAGES.values(), ids=PAGES)
def test_blocks_are_the_lines_of_the_linearised_page(html: str) -> None:
    linear, page = linearise(html), tree(html)
    assert "\n".join(lines(page)) == linear.text
    if page.texts:
        hints = [linear.hints[n] for n in page.lines()]
        assert [hint.links for hint in hints] == page.links


_tags = st.sampled_from(
    "p div a li ul ol dl dt dd table tr td th pre br hr h1 span b img article nav section noscript script".split()
)
_piece = st.one_of(
    st.sampled_from(("a", "b c", " ", "\n", "x\ny", "。", "1")),
    _tags.map(lambda t: f"<{t}>"),
    _tags.map(lambda t: f"</{t}>"),
    st.sampled_from(("<a href=/>", "<div class='x y'>", "<p hidden>", "<div style='display:none'>")),
)


@settings(deadline=None)
@given(st.lists(_piece, max_size=60).map("".join))
def test_any_markup_gives_the_same_lines_and_sound_tables(html: str) -> None:
    linear, page = linearise(html), tree(html)
    assert "\n".join(lines(page)) == linear.text
    count = len(page.texts)
    for n, (parent, first, last) in enumerate(zip(page.parents, page.firsts, page.lasts, strict=True)):
        assert 0 <= first <= last <= count
        if n:
            assert parent < n
            assert page.firsts[parent] <= first
            assert last <= page.lasts[parent]
    for block, owner in enumerate(page.owners):
        assert page.firsts[owner] <= block < page.lasts[owner]
    table = features(page)
    assert np.isfinite(table.rows).all()
    assert len(table.rows) == len(table.words) == count


def test_a_hostile_page_takes_linear_time() -> None:
    features(tree("<p>warm"))
    start = time.process_time()
    features(tree("<div>" * 20_000 + "a" + "<ul><li>b" * 5_000 + "<table><tr><td>" * 3_000 + "c"))
    features(tree("<p class='" + "comment-" * 50_000 + "'>a" + "<p id=x1>b" * 20_000))
    assert time.process_time() - start < 20


def test_words_are_counted_in_every_script() -> None:
    counts = Counts(["Two words", "二つの言葉がここにある", "สวัสดีชาวโลก", "…", "42 %"])
    assert counts.words[0] == 2
    assert 3 < counts.words[1] < 8
    assert 1 < counts.words[2] < 5
    assert counts.words[3] == 0
    assert counts.words[4] == 1


def test_features_do_not_depend_on_the_words_or_the_site() -> None:
    def page(text: str, name: str) -> str:
        return f"<title>{text}</title><div class='{name}'><h2>{text}</h2><p>{text}, {text}.</p></div><p><a href='//{name}/'>{text}</a>"

    first, second = (features(tree(page(text, name))) for text, name in (("Quiet", "xqz"), ("Lorem", "zzk")))
    assert first.columns == second.columns
    assert np.array_equal(first.rows, second.rows)


def test_class_words_are_told_apart_and_roles_count_as_tags() -> None:
    def named(names: str) -> set[str]:
        [bits] = vocabulary.name_bits([names])
        return {name for n, name in enumerate(vocabulary.NAMES) if bits >> n & 1}

    assert "comment" in named("comments-area")
    assert "nav" in named("main_menu")
    assert named("x3f9a") == set()
    assert "ad" not in named("shadow loading gradient")
    assert vocabulary.tag_bits("div", "navigation") == vocabulary.tag_bits("nav", "")


def test_each_level_of_elements_around_a_block_has_more_blocks() -> None:
    page = tree("<div><p>a b c<p>d</div><div><p>e f</div>")
    owners, parents, firsts, lasts = (
        np.array(c, np.int64) for c in (page.owners, page.parents, page.firsts, page.lasts)
    )
    around = levels(owners, parents, firsts, lasts)
    assert [(int(first[0]), int(last[0])) for first, last in around] == [(0, 1), (0, 2), (0, 3), (0, 3), (0, 3)]


_word_parts = st.sampled_from(
    [re.sub(r"\\b|[()?:\[\]|]", "", pattern) for group in vocabulary.GROUPS.values() for pattern in group.split()]
)


@given(
    st.lists(st.lists(st.one_of(_word_parts, st.sampled_from(("-", "_", "é", "x", "s", "1"))), max_size=5), max_size=30)
)
def test_names_say_what_each_pattern_alone_finds_in_each_word(parts: list[list[str]]) -> None:
    words = ["".join(some) for some in parts]
    found = vocabulary.name_bits([" ".join(words), *words])
    expected = [
        sum(
            any(re.search(pattern, word.replace("_", "-")[:64]) for pattern in group.split()) << n
            for n, group in enumerate(vocabulary.GROUPS.values())
        )
        for word in words
    ]
    assert found[1:] == expected
    assert found[0] == reduce(or_, expected, 0)


@given(st.lists(st.tuples(st.integers(0, 1000), st.booleans()), max_size=30))
def test_the_nearest_and_the_last_chosen_around_an_element(given_: list[tuple[int, bool]]) -> None:
    parents = np.array([-1, *(drawn % n for n, (drawn, _) in enumerate(given_, 1))], np.int64)
    chosen = np.array([False, *(is_chosen for _, is_chosen in given_)])
    for n in range(len(parents)):
        way, at = [], n
        while at > 0:
            way += [at] if chosen[at] else []
            at = int(parents[at])
        assert inner(chosen, parents)[n] == (way[0] if way else 0)
        assert outer(chosen, parents)[n] == (way[-1] if way else 0)


def test_as_many_columns_are_measured_as_there_is_room_for() -> None:
    table = features(tree("<title>a b</title><h1>a b</h1><p>" + "many words, and more. " * 9))
    assert len(table.columns) == len(set(table.columns)) == table.rows.shape[1]
    assert table.columns == features(tree("x")).columns
