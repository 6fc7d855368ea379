"""A page's serialised pieces tell what its tree does, whatever the markup; one parse serves all who ask."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser, LexborNode

from cleaner.blocks.tree import tree
from cleaner.read import outline as module
from cleaner.read.bounded import bounded
from cleaner.read.files import document
from cleaner.read.html import linearise
from cleaner.read.outline import outline
from cleaner.read.parser import Parsed, attribute, attributes, escaped, parse, unescaped
from cleaner.stages.blocks import Blocks

NOT_SHOWN = set(
    "head title script style template svg select option datalist textarea iframe object audio video canvas noembed"
    " noframes frameset noscript".split()
)


def shown(node: LexborNode | None) -> str:
    """Give the text of a tree as its nodes tell it, without blanks."""
    made = []
    child = node.first_child if node is not None else None
    while child is not None:
        if child.tag == "-text":
            made.append(child.text_content or "")
        elif child.tag not in NOT_SHOWN and "hidden" not in child.attributes:
            made.append(shown(child))
        child = child.next
    return "".join("".join(made).split()).replace("\u200b", "")


_tags = st.sampled_from(
    "p div a b span ul li table tr td pre br hr h1 section svg math mi script style template textarea select option"
    " iframe xmp noscript form input img object button title body head caption noembed".split()
)
_pieces = st.one_of(
    st.sampled_from(("a", "b c", " ", "\n", "&lt;p&gt;", "&nbsp;", "&amp;amp;", "\x00", "<", ">", '"', "1", "x<y")),
    _tags.map(lambda t: f"<{t}>"),
    _tags.map(lambda t: f"</{t}>"),
    st.sampled_from(
        (
            "<!-- a > b -->",
            "<!--<p>-->",
            "<!-->",
            "<!x>",
            "<?php y ?>",
            "</ z>",
            "<![CDATA[ q ]]>",
            "<p hidden>",
            "<a href='x>y'>",
            '<div class="a\'b" =c=d e"f>',
            "<b<c>",
            "<script>if(a<b&&c>d){}</script>",
            "<p title='<b>'>",
        )
    ),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(_pieces, max_size=40).map("".join))
@example("<script><!--<script></script>--></script>a")
@example("<xmp>a<b>&amp;</xmp>b")
@example("<p>a<plaintext>b</plaintext><p>c")
@example("<table><plaintext>b</table>")
@example("<template><script>'<template>'</template>a</script>b")
def test_the_pieces_hold_the_text_of_the_tree(html: str) -> None:
    text = "".join("".join(outline(html).texts).split()).replace("\u200b", "")
    assert text == shown(LexborHTMLParser(html).body)


@given(st.text())
def test_what_is_escaped_is_read_back(text: str) -> None:
    assert unescaped(escaped(text)) == text
    assert "<" not in escaped(text)
    assert ">" not in escaped(text)


@given(st.dictionaries(st.from_regex(r"[a-z:=\"'][a-z0-9\"'<-]*", fullmatch=True), st.text(max_size=5), max_size=4))
def test_attributes_are_those_of_the_tree(given_: dict[str, str]) -> None:
    html = "<p " + " ".join(f'{name}="{value.replace(chr(34), "")}"' for name, value in given_.items()) + ">x"
    [node] = LexborHTMLParser(html.encode("utf-8", "replace")).css("p")
    found = parse(html.encode("utf-8", "replace").decode()).pieces[1]
    tag = found.partition("<")[2]
    assert attributes(tag) == {name: value or "" for name, value in node.attributes.items()}
    for name in (*attributes(tag), "href", "class"):
        assert attribute(tag, name) == attributes(tag).get(name)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(("", "=", " a=", 'x"', " b", "&"))), max_size=4))
def test_one_attribute_is_told_from_a_value_that_looks_like_it(given_: list[tuple[str, str]]) -> None:
    tag = (
        "p" + "".join(f' {name}{n}="{value.replace(chr(34), "")}"' for n, (name, value) in enumerate(given_)) + ' a="1"'
    )
    assert attribute(tag, "a") == attributes(tag)["a"]
    assert attribute(tag, "b") == attributes(tag).get("b")


def test_a_processing_instruction_is_no_element() -> None:
    assert tree("<p>a<?php echo ?>b").texts == ["ab"]


def test_a_script_in_a_hidden_element_is_no_text_that_outweighs_the_page() -> None:
    dialog = "<div hidden>Menu<script>" + "let a = 1;" * 100 + "</script></div>"
    assert linearise(f"<p>A short page.</p>{dialog}").text == "A short page."
    assert "Menu" in linearise("<p>A short page.</p><div hidden>Menu " + "and a long text. " * 100 + "</div>").text


def test_elements_without_a_line_are_not_in_the_tables() -> None:
    page = outline("<div id=a></div><div id=b><span>x</span><p></p></div><i><p>y</p></i>")
    assert page.tags == ["body", "div", "i", "p"]
    assert page.names == ["", "b", "", ""]
    assert page.parents == [-1, 0, 0, 2]
    assert list(zip(page.firsts, page.lasts, strict=True)) == [(0, 2), (0, 1), (1, 2), (1, 2)]


def test_a_closed_cell_that_becomes_one_line_leaves_no_element_behind() -> None:
    page = outline("<table><tr><td><b>a<br>b</b><td>c</table><p>d")
    assert page.texts == ["a b\tc", "d"]
    assert page.tags == ["body", "table", "tbody", "tr", "p"]


def test_only_what_arranges_blocks_is_layout() -> None:
    page = outline("<table><tr><td><p>a<p>b</table><table><tr><td>c<td>d</table>")
    layout = [tag for tag, is_layout in zip(page.tags, page.layouts, strict=True) if is_layout]
    assert layout == ["table", "tbody", "tr"]


def test_a_page_is_parsed_once_for_reading_and_extraction(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def counted(html: str) -> Parsed:
        asked.append(html)
        return parse(html)

    monkeypatch.setattr(module, "parse", counted)
    outline.cache_clear()
    html = "<!doctype html><title>A</title><nav><a href=/>Start</a></nav><p>" + "One sentence after another. " * 9
    patch = Blocks("fast").propose(document(html))
    assert patch.labels["title"] == "A"
    assert len(asked) == 1


def test_a_large_page_loses_formatting_and_nothing_else() -> None:
    page = "<div><p>a <b>c</b></p><!-- <b> --><script>'<b>'</script><base-x></base-x></div>" * 1000
    assert bounded(page) == page.replace("<p>a <b>c</b>", "<p>a <wbr>c<wbr>")
    assert bounded("<p>a <b>c</b>") == "<p>a <b>c</b>"


def test_what_is_too_deep_is_made_shallow_and_what_is_not_stays() -> None:
    deep = "<section>" * 600 + "x" + "<i>" * 6000
    assert bounded(deep).count("<section>") == 512
    wide = "<section>x</section>" * 6000
    assert bounded(wide) == wide


@pytest.mark.parametrize(
    "piece",
    [
        "<?x ",
        "<!-- > ",
        "<svg>",
        "<select><option>a",
        "<div hidden>",
        "<xmp>",
        "<a href=x>y</a>",
        "<p a='>'>",
        "&nbsp;",
        "<math><source>",
        "<template>",
        "<b<",
        "<iframe>",
        "<meta name=a content=b>",
        "<h1>a",
        "<script></script>",
    ],
)
def test_hostile_pieces_take_linear_time(piece: str) -> None:
    began = time.process_time()
    outline(piece * 40_000)
    assert time.process_time() - began < 6
