"""What a page's head tells is read as it is told, by the first that speaks, and never from what stands inside."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleaner.blocks.about import About, about
from cleaner.read.files import document
from cleaner.read.parser import parse
from cleaner.stages.blocks import Blocks


def told(html: str) -> About:
    return about(parse(html).head)


def ld(*things: object) -> str:
    return "".join(f"<script type='application/ld+json'>{json.dumps(thing)}</script>" for thing in things)


@pytest.mark.parametrize(
    ("html", "title"),
    [
        ("<title>Low water</title>", "Low water"),
        ("<title>Low water - The Inlet</title><h1>Low  water\nat dawn</h1>", "Low water at dawn"),
        ("<title>Low water</title><h1>The Inlet</h1><h1>Low water at dawn</h1>", "Low water"),
        ("<meta property=og:title content='Low water'><title>x</title><h1>y</h1>", "Low water"),
        ("<meta property=og:title content=' '><title>x</title>", "x"),
        ("<meta property=og:site_name content='The Inlet'><title>Low water | The Inlet</title>", "Low water"),
        ("<meta property=og:site_name content='The Inlet'><title>The Inlet</title>", "The Inlet"),
        ("<meta property=og:site_name content='Inlet'><title>Low water at the Inlet</title>", "Low water at the Inlet"),
        (f"<title>{'long ' * 100}</title>", ""),
        ("<meta property=og:title content='The harbour&amp;#039;s end'>", "The harbour's end"),
        (f"<title>{'&amp;amp; ' * 100_000}</title>", ""),
        ("<p>no head", ""),
    ],
)
def test_titles(html: str, title: str) -> None:
    assert told(html).title == title


@pytest.mark.parametrize(
    ("html", "day"),
    [
        ("<meta property='article:published_time' content='2019-05-04T08:00:00+02:00'>", "2019-05-04"),
        ("<meta property='article:modified_time' content='2019-05-04'>", ""),
        (ld({"@type": "NewsArticle", "datePublished": "2018-01-02"}), "2018-01-02"),
        (ld({"@graph": [{"@type": "WebPage", "datePublished": "2017-01-02"}, {"@type": ["Article"], "datePublished": "2018-01-02"}]}), "2018-01-02"),
        (ld({"@type": "Product", "review": {"@type": "Review", "datePublished": "2018-01-02"}}), ""),
        (ld({"@type": "Event", "datePublished": "2018-01-02"}), ""),
        ("<meta name=date content='2018-02-30'>", ""),
        ("<meta name=date content='1901-02-03'>", ""),
        ("<meta name=date content='3 May 2019'>", ""),
        ("<meta name=DC.Date content='2016-07-08'>", "2016-07-08"),
        ("<p>2018-01-02</p><time datetime=2018-01-02>", ""),
    ],
)  # fmt: skip
def test_days(html: str, day: str) -> None:
    assert told(html).date == day


@pytest.mark.parametrize(
    ("html", "author"),
    [
        ("<meta name=author content='A&amp;amp;amp;B'>", "A&amp;B"),
        (ld({"@type": "Article", "author": {"name": "A&amp;amp;B"}}), "A&amp;B"),
        (ld({"@type": "Article", "author": [{"name": "Ada Wren " * 20}, {"name": "Per Lund " * 20}]}), ""),
        ("<meta name=author content='Ada Wren'>", "Ada Wren"),
        ("<meta property='article:author' content='https://inlet.example/ada'>" + ld({"@type": "Article", "author": {"name": "Ada Wren"}}), "Ada Wren"),
        (ld({"@type": "Article", "author": [{"name": "Ada Wren"}, "Per Lund", {"name": "Ada Wren"}]}), "Ada Wren; Per Lund"),
        (ld({"@graph": [{"@type": "Article", "author": {"@id": "#a"}}, {"@type": "Person", "@id": "#a", "name": "Ada Wren"}]}), "Ada Wren"),
        (ld({"@type": "Article", "author": {"name": 7}}, [None, 3], {"@type": 5, "author": "x"}), ""),
        ("<script type='application/ld+json'>{broken</script>" + ld({"@type": "BlogPosting", "author": "Per"}), "Per"),
    ],
)  # fmt: skip
def test_authors(html: str, author: str) -> None:
    assert told(html).author == author


def test_the_site_is_the_one_told_else_the_publisher() -> None:
    publisher = ld({"@type": "Article", "publisher": {"name": "Inlet Press"}})
    assert told(publisher).sitename == "Inlet Press"
    assert told(f"<meta property=og:site_name content='The Inlet'>{publisher}").sitename == "The Inlet"


def test_a_day_later_than_today_is_not_believed() -> None:
    page = document(
        "<html><head><meta property='article:published_time' content='2031-05-04'></head><p>Some words here."
    )
    assert Blocks("fast", "2031-05-04").propose(page).labels["date"] == "2031-05-04"
    assert Blocks("fast").propose(page).labels["date"] == "2031-05-04"
    assert "date" not in Blocks("fast", "2031-05-03").propose(page).labels


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(("Article", "#a", "2018-01-02")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("@type", "@id", "@graph", "author", "name", "publisher", "datePublished")), inner
        )
    ),
    max_leaves=12,
)


@given(_json)
def test_any_json_is_borne(held: object) -> None:
    made = told(ld(held))
    assert all(isinstance(value, str) and "\n" not in value for value in made)


def test_much_is_read_in_linear_time() -> None:
    began = time.process_time()
    told(
        ld([{"@type": "Article", "author": {"@id": "#a"}}] * 5_000)
        + "<script type='application/ld+json'>"
        + "[" * 200_000
    )
    told("<meta name=author content='" + "a " * 200_000 + "'>" + "<title>" + " |" * 200_000)
    assert time.process_time() - began < 5
