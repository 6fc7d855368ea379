"""Pages as lines: all that is visible, nothing glued, nothing split, whatever the markup."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleaner.document import Hint
from cleaner.read.html import linearise


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>a</p><p>b</p>", "a\n\nb"),
        ("<span>a</span><br>b", "a\nb"),
        ("a<br><br>\n<br>b", "a\nb"),
        ("<b>bo</b>ld, <i>o</i><u>n</u>e", "bold, one"),
        ("a<div>b</div>c", "a\n\nb\n\nc"),
        ("<a href=/1>Home</a><a href=/2>About</a>", "Home About"),
        ("<a href=/1>東京</a><a href=/2>大阪</a>", "東京大阪"),
        ("<a href=/1>link</a>ed, note<a href=#1>[1]</a><a href=#2>[2]</a>", "linked, note[1][2]"),
        ("<button>Share</button><button>Like</button>", "Share\n\nLike"),
        ("before<img src=x>after, be<wbr>fore", "before after, before"),
        ("  a \n\t b  ", "a b"),
        ("a\xa0: b&nbsp;! &nbsp;", "a\xa0: b\xa0! \xa0"),
        ("<p>&nbsp;</p><p>x</p><p>&#8203;</p>", "x"),
        ("&lt;p&gt; &amp;amp; &eacute;", "<p> &amp; é"),
        ("<ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp></ruby>", "漢(かん)"),
        ("<details><summary>Plus</summary>Une réponse.</details>", "Plus\n\nUne réponse."),
        ("x<hr>y", "x\n\ny"),
        ("", ""),
        ("<html></html>", ""),
        ("\ufeff<!doctype html><title>T</title><body>x", "x"),
    ],
)
def test_lines(html: str, text: str) -> None:
    assert linearise(html).text == text


@pytest.mark.parametrize(
    "unseen",
    [
        "<script>var a = 'x'</script>",
        "<style>p { }</style>",
        "<noscript>Enable scripts.</noscript>",
        "<template><p>t</p></template>",
        "<svg><title>Logo</title><text>t</text></svg>",
        "<select><option>One<option>Two</select>",
        "<textarea>Your comment</textarea>",
        "<!-- a comment -->",
        "<p hidden>h</p>",
        "<div style='color: red; DISPLAY : none'>h<p>i</p></div>",
        "<iframe>old browser</iframe>",
    ],
)
def test_what_is_not_visible_is_left_out(unseen: str) -> None:
    assert linearise(f"<p>a</p>{unseen}<p>b</p>").text == "a\n\nb"


@pytest.mark.parametrize(
    "seen",
    [
        "<p hidden='until-found'>h</p>",
        "<p style='--display: none-such'>h</p>",
        "<p style='display: block'>h</p>",
        "<p class=hidden>h</p>",
        "<p aria-hidden=true>h</p>",
    ],
)
def test_what_may_be_visible_stays(seen: str) -> None:
    assert linearise(f"<p>a</p>{seen}").text == "a\n\nh"


def test_hidden_text_stays_where_it_is_the_page() -> None:
    thread = "<p>Une réponse assez longue pour compter.</p>" * 20
    assert linearise(f"<p>Loading</p><noscript>{thread}</noscript>").text.count("réponse") == 20
    assert linearise(f"<p>Loading</p><div style='display:none'>{thread}</div>").text.count("réponse") == 20
    assert linearise(f"{thread}<noscript>{thread}</noscript>").text.count("réponse") == 20
    assert linearise("<body style='display:none'><p>a</p>").text == "a"


def test_preformatted_text_keeps_its_lines_and_columns() -> None:
    page = linearise("<p>x</p><pre>\n\ndef f(a):\n    return  a\n\n\tend\n\n</pre><p>y</p>")
    assert page.text == "x\n\ndef f(a):\n    return  a\n\n\tend\n\ny"
    assert [h.path for h in page.hints] == ["p", "", "pre", "pre", "pre", "pre", "", "p"]
    assert page.hints[4].verbatim


def test_items_of_a_list_are_adjacent_lines() -> None:
    page = "<p>x</p><ul><li>a<ul><li>b</li><li><p>c</p></li></ul></li><li>d</li></ul><dl><dt>e<dd>f</dl>y"
    assert linearise(page).text == "x\n\na\nb\nc\nd\n\ne\nf\n\ny"


def test_items_that_hold_paragraphs_stand_apart() -> None:
    page = "<ol><li><h3>A</h3><p>b</p></li><li><h3>C</h3><p>d</p></li></ol>"
    assert linearise(page).text == "A\n\nb\n\nC\n\nd"


def test_a_row_is_a_line_and_its_cells_are_parted_by_tabs() -> None:
    page = linearise(
        "<table><caption>T</caption><thead><tr><th>N<th>V</thead>"
        "<tr><td>a</td><td><p>1</p></td></tr><tr><td></td><td>2 <a href=/>rue<br>Haute</a></td></tr></table>z"
    )
    assert page.text == "T\n\nN\tV\na\t1\n\t2 rue Haute\n\nz"
    assert page.hints[2] == Hint("table/thead/tr")
    assert page.hints[3].verbatim
    assert page.hints[4].links == pytest.approx(8 / 9, abs=0.001)


def test_a_table_that_arranges_blocks_is_not_a_table() -> None:
    page = linearise(
        "<table><tr><td>Menu</td><td><p>Un.</p><p>Deux.</p><table><tr><td>a<td>b</table></td></tr></table>"
    )
    assert page.text == "Menu\n\nUn.\n\nDeux.\n\na\tb"
    assert [h.verbatim for h in page.hints if h.path] == [False, False, False, True]


def test_a_hint_tells_path_links_and_names() -> None:
    page = linearise(
        "<body class=home><div id=Main class='wrap  page'><section><p class=lead>ab <a href=/>cd</a></p>"
        "<p><a name=top>not a link</a></p></section></div>"
    )
    assert page.hints == (
        Hint("div/section/p", 0.5, "lead wrap page main"),
        Hint(""),
        Hint("div/section/p", 0.0, "wrap page main"),
    )
    assert linearise("<a href=/><div>block</div></a>").hints == (Hint("a/div", 1.0),)


def test_hints_are_bounded() -> None:
    names = " ".join(f"n{i}" for i in range(100))
    [hint] = linearise(f"<div class='{names}'>" + "<div>" * 300 + "x").hints
    assert len(hint.path.split("/")) == 64
    assert linearise(f"<div class='{names} {'y' * 500}'>x").hints[0].names.split() == [f"n{i}" for i in range(40)]


@pytest.mark.parametrize(
    ("piece", "count"),
    [
        ("<div>", 100_000),
        ("<div>x", 50_000),
        ("<span>x", 50_000),
        ("<ul><li>x", 30_000),
        ("<table><tr><td>x<td>", 20_000),
        ("<p><b id={}>x", 30_000),
        ("<div><b id={}>x</div>", 30_000),
        ("<a href={}><div>x", 30_000),
        ("<div hidden><p>x", 30_000),
        ("<!--", 100_000),
        ("<script>", 100_000),
        ("<pre>x", 30_000),
        ("<a '", 100_000),
        ("<", 300_000),
        ("<svg><g>", 30_000),
    ],
)
def test_hostile_pages_take_linear_time(piece: str, count: int) -> None:
    page = "".join(piece.replace("{}", str(i)) for i in range(count))
    began = time.process_time()
    linear = linearise(page)
    assert time.process_time() - began < 5  # they take .1 to 1.5 s; unbounded, 40 s or all memory
    assert len(linear.hints) == linear.text.count("\n") + 1


def test_an_element_with_many_attributes_keeps_the_text_behind_it() -> None:
    began = time.process_time()
    page = linearise("<p>a</p><div class=box " + " ".join(f"a{i}='>'" for i in range(50_000)) + ">b</div>")
    assert page.text == "a\n\nb"
    assert page.hints[-1].names == "box"
    assert time.process_time() - began < 5


def test_a_large_ordinary_page_is_not_changed_by_the_bounds() -> None:
    small = "<div class=c><p>Un <b>mot</b> gras.</p><ul><li>a<li>b</ul></div>"
    page = linearise(small * 1000)
    once = linearise(small)
    assert page.text == "\n\n".join([once.text] * 1000)
    assert page.hints[-1] == once.hints[-1]


WORDS = st.text("abcdefghijklmnopqrstuvwxyzéß", min_size=1, max_size=8)
INLINE = st.sampled_from(["b", "i", "span", "em", "code", "a href=/x"])
BLOCK = st.sampled_from(["p", "div", "section", "blockquote", "h2", "li", "center", "article"])


def _nodes(children: st.SearchStrategy[tuple[str, list[str]]]) -> st.SearchStrategy[tuple[str, list[str]]]:
    def wrap(tag: str, inner: list[tuple[str, list[str]]]) -> tuple[str, list[str]]:
        name = tag.split()[0]
        return f"<{tag}>{' '.join(h for h, _ in inner)}</{name}>", [w for _, ws in inner for w in ws]

    return st.builds(wrap, st.one_of(INLINE, BLOCK), st.lists(children, max_size=4))


TREES = st.recursive(WORDS.map(lambda w: (w, [w])), _nodes, max_leaves=30)


@given(TREES)
def test_every_visible_word_stands_there_in_its_order(tree: tuple[str, list[str]]) -> None:
    html, words = tree
    linear = linearise(f"<html><body>{html}</body></html>")
    assert linear.text.split() == words
    assert len(linear.hints) == linear.text.count("\n") + 1


@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                "<p> </p> <b <td> <tr> <table> <pre> </pre> <li> <a href=x> </a> <br> <!-- --> <svg> <select> </div> <div hidden> & &#0; \x00 \ud800 \n ' \" x".split(
                    " "
                )
            ),
            st.text(max_size=5),
        )
    )
)
def test_no_markup_raises(parts: list[str]) -> None:
    linear = linearise("".join(parts))
    assert len(linear.hints) == linear.text.count("\n") + 1
    assert linear == linearise("".join(parts))
    assert not linear.text.startswith("\n")
    assert not linear.text.endswith("\n")
    assert linear.text.encode() is not None  # no lone surrogates


def test_a_long_script_that_looks_like_a_crowded_element_hides_no_text() -> None:
    script = "if (a<b " + " && c != d" * 5000 + ") { }"
    assert linearise(f"<p>a</p><script>{script}</script><p>b</p>").text == "a\n\nb"


def test_a_tag_that_never_ends_takes_linear_time() -> None:
    for part in ("<script", "<a b='", "<div ", "<a=", '<p x=">'):
        began = time.process_time()
        linearise("<p>Text</p>" + part * 60_000)
        assert time.process_time() - began < 5, part


def test_the_hint_of_a_deep_line_has_the_nearest_elements() -> None:
    hint = linearise("".join(f"<section class=c{n}>" for n in range(70)) + "a").hints[-1]
    assert hint.path == "/".join(["section"] * 64)
    assert hint.names.split() == [f"c{n}" for n in range(69, 29, -1)]
