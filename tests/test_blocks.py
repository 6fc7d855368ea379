"""Content is told from chrome, in any language, with or without names, and an opinion is asked only where it helps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cleaner.blocks.features import features
from cleaner.blocks.model import (
    SHIPPED,
    article_share,
    content,
    expected_f1,
    first,
    headed,
    is_lost,
    is_worth,
    load,
    mixed,
    save,
    topped,
    weighed,
)
from cleaner.blocks.tree import tree
from cleaner.blocks.trees import ModelError, Trees, sigmoid, softmax
from cleaner.read.html import linearise

SENTENCES = {
    "en": "The ferry left the quay before dawn, and nobody on board had slept; the captain, as ever, said nothing about it.",
    "fr": "Le bac a quitté le quai avant l’aube, et personne à bord n’avait dormi ; le capitaine, fidèle à lui-même, se taisait.",
    "ru": "Паром отошёл от причала до рассвета, и никто на борту не спал; капитан, как всегда, ничего об этом не сказал.",
    "el": "Το πλοίο έφυγε από την προβλήτα πριν την αυγή, και κανείς δεν είχε κοιμηθεί· ο καπετάνιος, όπως πάντα, σώπαινε.",
    "ja": "夜明け前に船は岸を離れたが、船上の誰も眠っていなかった。船長はいつものように、それについて何も言わなかった。",
}


def article(sentence: str, nav: str = "nav", footer: str = "footer", main: str = "article") -> str:
    menu = "".join(f"<li><a href=/{n}>{sentence.split()[0][:6]} {n}</a></li>" for n in range(9))
    body = "".join(f"<p>{sentence} {sentence[:60]} {n}. {sentence}</p>" for n in range(7))
    return (
        f"<html><head><title>{sentence[:24]}</title></head><body><{nav}><ul>{menu}</ul></{nav}>"
        f"<{main}><h1>{sentence[:24]}</h1>{body}</{main}>"
        f"<{footer}><ul>{menu}</ul><p><a href=/c>© 2020</a></p></{footer}></body></html>"
    )


def kept(html: str) -> tuple[list[str], list[str]]:
    made = content(html)
    lines = linearise(html).text.split("\n")
    assert len(lines) == len(made.keep) == len(made.scores)
    pairs = list(zip(lines, made.keep, strict=True))
    return [line for line, keep in pairs if keep], [line for line, keep in pairs if line and not keep]


@pytest.mark.parametrize("language", SENTENCES)
@pytest.mark.parametrize("tags", [("nav", "footer", "article"), ("div", "div", "div")], ids=["sectioned", "divs"])
def test_an_article_is_kept_and_its_menus_go(language: str, tags: tuple[str, str, str]) -> None:
    sentence = SENTENCES[language]
    stays, goes = kept(article(sentence, *tags))
    assert sum(sentence in line for line in stays) == 7
    assert len(goes) >= 18
    assert not any(sentence in line for line in goes)


def test_the_type_and_confidence_of_an_article() -> None:
    made = content(article(SENTENCES["en"]))
    assert made.page_type == "article"
    assert 0.5 < made.confidence <= 1
    assert not made.asked


@pytest.mark.parametrize("html", ["", "<p>", "<img>", "\ufeff", "<script>alert(1)</script>", "<p>&nbsp;<p>***"])
def test_a_page_without_words_keeps_nothing_and_does_not_fail(html: str) -> None:
    made = content(html)
    assert not any(made.keep)
    assert len(made.keep) == len(linearise(html).text.split("\n"))


def test_the_same_page_gives_the_same_answer() -> None:
    html = article(SENTENCES["fr"])
    assert content(html) == content(html)


def test_an_opinion_is_asked_where_the_type_gains_by_it_and_moves_the_decision() -> None:
    html = article(SENTENCES["fr"])
    alone = content(html)
    kept = np.flatnonzero(alone.keep)
    dropped = kept[1]
    calls = []

    def opinion() -> list[float]:
        calls.append(1)
        return [float(stays and n != dropped) for n, stays in enumerate(alone.keep)]

    told = content(html, opinion)
    assert (told.page_type, told.asked, len(calls)) == ("article", True, 1)
    assert told.scores[dropped] < alone.scores[dropped]


def test_where_the_other_has_no_opinion_the_model_decides_alone() -> None:
    html = article(SENTENCES["fr"])
    assert content(html, lambda: None) == content(html)


def test_no_opinion_is_asked_for_a_thread_that_is_told_apart() -> None:
    posts = "".join(
        f"<li class=post><div class=author>Reader {n}</div><div class=body><p>{SENTENCES['en']} {n}</p></div>"
        for n in range(12)
    )
    html = f"<title>Valves that leak</title><body><h1>Valves that leak</h1><ol class=thread>{posts}</ol></body>"

    def opinion() -> list[float]:
        raise AssertionError("asked")

    told = content(html, opinion)
    assert (told.page_type, told.asked) == ("forum", False)


def test_an_opinion_is_worth_its_time_on_articles_and_on_doubtful_pages_of_types_that_gain() -> None:
    ask = np.array([1, 1, 0], np.float32)
    article, gaining, other = np.array([0.8, 0.1, 0.1]), np.array([0.1, 0.8, 0.1]), np.array([0.1, 0.1, 0.8])
    for expected, wanted in ((0.97, [True, False, False]), (0.6, [True, True, False])):
        assert [is_worth(kind, ask, expected) for kind in (article, gaining, other)] == wanted


def test_an_opinion_on_another_text_is_not_heard() -> None:
    html = article(SENTENCES["fr"])
    held = linearise(html).text.split("\n")
    footer = [float(n == len(held) - 1) for n in range(len(held))]
    assert content(html, lambda: footer) == content(html)
    article_like, other = np.array([0.8, 0.2], np.float32), np.array([0.2, 0.8], np.float32)
    words = np.array([5, 1, 10], np.float32)
    one, two, all_three = np.array([True, True, False]), np.array([False, True, True]), np.array([True, True, True])
    assert is_lost(article_like, one, two, words)
    assert not is_lost(other, one, two, words), "a listing's cards may be none of an article's text"
    assert not is_lost(article_like, one, all_three, words)
    assert not is_lost(article_like, np.zeros(3, bool), np.zeros(3, bool), words)


def test_another_s_opinion_counts_a_fifth_of_an_article_and_nothing_elsewhere() -> None:
    first, second = np.array([0.9, 0.2], np.float32), np.array([0.7, 0.4], np.float32)
    told = np.array([False, True])
    assert weighed(0.9, first, second, told) == pytest.approx([0.64, 0.44])
    assert weighed(0.1, first, second, told) == pytest.approx([0.8, 0.3])


def test_the_trees_for_articles_are_heard_as_far_as_a_page_looks_like_one() -> None:
    general, article = np.array([0.2, 0.4], np.float32), np.array([0.6, 0.8], np.float32)
    assert article_share(np.array([0.1, 0.9], np.float32)) == 0
    assert article_share(np.array([0.4, 0.6], np.float32)) == pytest.approx(0.5)
    assert article_share(np.array([0.7, 0.3], np.float32)) == 1
    assert mixed(0.0, general, None) is general
    assert mixed(1.0, None, article) is article
    assert np.allclose(mixed(0.5, general, article), [0.4, 0.6])


def test_trees_score_a_very_short_and_a_very_long_page_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    page, shipped = tree(article(SENTENCES["en"])), load(SHIPPED)
    table = features(page)
    types = np.eye(len(shipped.types), dtype=np.float32)[0]
    alone = sigmoid(shipped.article(table.rows, types)[:, 0])
    assert not np.array_equal(first(shipped, table, types), alone)
    for blocks in (range(len(table.words)), range(len(table.words) + 1, 99)):
        monkeypatch.setattr("cleaner.blocks.model._BLOCKS", blocks)
        assert np.array_equal(first(shipped, table, types), alone)


def test_comments_below_an_article_go_and_posts_of_a_thread_stay() -> None:
    said = [
        f"I tried that with the {word} valve last winter and it held for weeks, though the seal needs a second look."
        for word in ("brass", "steel", "copper", "plastic", "old", "new", "red", "blue")
    ]
    posts = "".join(
        f"<li id=c{n}><div class=author>Visitor {n}</div><p>{text}</p><a href=#r{n}>Reply</a></li>"
        for n, text in enumerate(said)
    )
    paragraphs = "".join(
        f"<p>The {word} pump moves water up the hill, and the basin at the top feeds the field through four channels."
        f" In the {word} year nobody measured it; later the gauges, set beside the {word} bend, showed what had been"
        " lost: a third of the water on the way, most of it in summer. The farmers, who had known, were not asked.</p>"
        for word in ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
    )
    article = (
        f"<article><h1>Pumps on the hill</h1><div class=entry-content>{paragraphs}</div></article>"
        f"<section class=comments><h2>8 comments</h2><ol class=comment-list>{posts}</ol></section>"
    )
    made = content(f"<title>Pumps on the hill</title><body><nav><a href=/>Home</a></nav><main>{article}</main></body>")
    kept = {text for text, keep in zip(_lines(article), made.keep[-len(_lines(article)) :], strict=True) if keep}
    assert not kept & set(said)
    assert sum(line.startswith("The ") for line in kept) == 8
    thread = f"<h1>Valves that leak</h1><ol class=thread>{posts.replace('<li', '<li class=post')}</ol>"
    made = content(f"<title>Valves that leak</title><body><nav><a href=/>Home</a></nav><main>{thread}</main></body>")
    kept = {text for text, keep in zip(_lines(thread), made.keep[-len(_lines(thread)) :], strict=True) if keep}
    assert set(said) <= kept


def _lines(html: str) -> list[str]:
    return linearise(html).text.split("\n")


def test_a_model_survives_its_file_and_the_file_is_the_same_each_time(tmp_path: Path) -> None:
    model = load(SHIPPED)
    for name in ("a.npz", "b.npz"):
        save(model, tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    again = load(tmp_path / "a.npz")
    assert again.columns == model.columns
    assert np.array_equal(again.general.leaves, model.general.leaves)


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.npz"
    broken.write_bytes(b"not a zip")
    with pytest.raises(ModelError, match=r"broken\.npz"):
        load(broken)
    with pytest.raises(ModelError, match=r"missing\.npz"):
        load(tmp_path / "missing.npz")


def test_a_model_of_other_features_is_refused(tmp_path: Path) -> None:
    model = load(SHIPPED)
    save(model._replace(columns=model.columns[1:]), tmp_path / "other.npz")
    with pytest.raises(ModelError, match="features"):
        content("<p>Some words.", model=tmp_path / "other.npz")


_rows = arrays.arrays(np.float32, (5, 3), elements=st.floats(-4, 4, width=32))


@given(_rows, st.integers(0, 2**31))
def test_trees_are_walked_question_by_question(rows: np.ndarray, seed: int) -> None:
    random = np.random.default_rng(seed)
    asks, borders = random.integers(0, 3, (4, 2)), random.normal(size=(4, 2)).astype(np.float32)
    leaves = random.normal(size=(4, 4, 2)).astype(np.float32)
    trees = Trees(asks.astype(np.int16), borders, leaves, np.array([0.5, -0.5]))
    for row, told in zip(rows, trees(rows), strict=True):
        expected = np.array([0.5, -0.5])
        for t in range(4):
            leaf = sum(int(row[asks[t, d]] > borders[t, d]) << d for d in range(2))
            expected = expected + leaves[t, leaf]
        assert np.allclose(told, expected, atol=1e-5)


def test_many_rows_are_evaluated_like_few() -> None:
    rows = np.random.default_rng(1).normal(size=(1300, len(load(SHIPPED).columns) + 7)).astype(np.float32)
    trees = load(SHIPPED).general
    rows[:, -7:] = rows[0, -7:]
    assert np.array_equal(trees(rows)[[0, 600, 1299]], trees(rows[[0, 600, 1299]]))
    assert np.array_equal(trees(rows), trees(rows[:, :-7], rows[0, -7:]))


def test_links_of_scores() -> None:
    assert sigmoid(np.array([-1e9, 0, 1e9])) == pytest.approx([0, 0.5, 1])
    assert np.allclose(softmax(np.array([[1e3, 1e3]])), 0.5)


def test_sure_scores_promise_a_full_score_and_unsure_less() -> None:
    words, keep = np.array([10, 10], np.float32), np.array([True, False])
    assert expected_f1(np.array([1, 0], np.float32), keep, words) == pytest.approx(1)
    assert expected_f1(np.array([0.6, 0.4], np.float32), keep, words) == pytest.approx(0.6)


TABLE_PAGE = (
    "<table><tr><td>Back<td>Onward</table><h1>Locks</h1><h2>Gates</h2><p>They open inward.</p>"
    "<table><tr><th>Gate<th>Year</tr><tr><td>Upper<td>1911</tr></table><p>More.</p><h2>Weirs</h2><p>Write to us.</p>"
)


@pytest.mark.parametrize(("least", "stays"), [(0.3, {1, 2, 3, 4, 5, 6}), (0.05, {3, 5, 6})])
def test_headings_and_heads_of_tables_stay_with_what_is_below_them(least: float, stays: set[int]) -> None:
    table = features(tree(TABLE_PAGE))
    kept = np.isin(np.arange(len(table.words)), [3, 5, 6])
    scores = np.where(kept, 0.9, least).astype(np.float32)
    scores[0] = 0.05
    assert len(kept) == 9
    assert {*np.flatnonzero(topped(kept, scores, table)).tolist()} == stays
    nothing = np.zeros(9, bool)
    assert not topped(nothing, scores, table).any()


def test_the_headline_stays_where_its_words_are_the_title_s() -> None:
    page = "<title>How locks work</title><h1>Menu</h1><h1>How locks work</h1><p>They open.</p><h1>How locks work</h1>"
    table = features(tree(page))
    assert headed(np.array([False, False, True, False]), table).tolist() == [False, True, True, False]
    assert not headed(np.zeros(4, bool), table).any()
