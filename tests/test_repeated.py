"""What the pages of a site repeat goes; what articles merely share, their titles, their code, their readers stay."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleaner.document import Document, Edit, Hint, Patch
from cleaner.pipeline import Pipeline
from cleaner.site_lines import Repeats, SiteLines
from cleaner.stages.encoding import Encoding
from cleaner.stages.repeated import SITE, SLOT, Asked, Repeated

TOPICS = (
    "ferry harbour lantern orchard quarry railway saddle tunnel umbrella violin windmill xylophone yard zeppelin "
    "acorn barrel candle dairy engine furnace garden hammer"
).split()
HEAD = ["Home", "Walks", "Letters", "Search this diary"]
FOOT = ["About this diary", "Write to us", "© 2024 The Lowland Diary"]

DEFAULT = Asked()


def paragraph(topic: str, n: int = 0) -> str:
    return (
        f"Nobody in the village remembers when the {topic} was built, but everyone can tell you who mended it "
        f"{'again ' * n}and what that cost, and why the next repair will have to wait for another dry summer."
    )


def article(
    topic: str, *, head: Sequence[str] = HEAD, foot: Sequence[str] = FOOT, amid: Sequence[str] = ()
) -> list[str]:
    return [*head, f"The {topic}", paragraph(topic), *amid, paragraph(topic, 1), *foot]


def crawl(pages: Sequence[Sequence[str]], site: str | None = "diary") -> list[Document]:
    return [Document(f"{n:03}", "\n".join(page), site=site) for n, page in enumerate(pages)]


def repeated(documents: Sequence[Document], asked: Asked = DEFAULT) -> Repeated:
    return Repeated(SiteLines.of(documents).pruned().of_site, asked)


def cleaned(pages: Sequence[Sequence[str]], asked: Asked = DEFAULT) -> list[list[str]]:
    documents = crawl(pages)
    stage = repeated(documents, asked)
    return [(d + stage.propose(d)).text.rstrip("\n").split("\n") for d in documents]


def test_head_and_foot_go_and_the_article_stays() -> None:
    pages = [article(topic) for topic in TOPICS[:12]]
    assert cleaned(pages) == [page[len(HEAD) : -len(FOOT)] for page in pages]


def test_numbers_may_differ() -> None:
    pages = [article(t, foot=["Share this", f"{n} comments", "Write to us"]) for n, t in enumerate(TOPICS[:12])]
    assert cleaned(pages)[3] == pages[3][len(HEAD) : -3]


def test_the_note_tells_pages_and_share() -> None:
    documents = crawl([article(topic) for topic in TOPICS[:12]])
    edits = repeated(documents).propose(documents[0]).edits
    assert {(e.rule, e.note) for e in edits} == {(SITE, "12 of 12 pages (100%)")}
    assert [e.before for e in edits] == [f"{line}\n" for line in (*HEAD, *FOOT[:-1])] + [FOOT[-1]]


@pytest.mark.parametrize(
    ("pages", "having", "gone"),
    [
        (20, 6, True),
        (20, 5, False),
        (12, 5, True),
        (12, 4, False),
        (9, 5, True),
        (9, 4, False),
        (3, 3, True),
        (3, 2, False),
        (2, 2, False),
    ],
)
def test_few_pages_ask_for_half_of_them_more_for_a_third(pages: int, having: int, gone: bool) -> None:
    box = ["Winter market", "Tickets at the mill"]
    crawled = [article(t, foot=box if n < having else []) for n, t in enumerate(TOPICS[:pages])]
    assert (cleaned(crawled)[0][-2:] != box) is gone


def test_thresholds_can_be_asked_for() -> None:
    crawled = [
        article(t, foot=["Winter market", "Tickets at the mill"] if n < 6 else []) for n, t in enumerate(TOPICS[:20])
    ]
    assert cleaned(crawled, Asked(share=0.5))[0][-1] == "Tickets at the mill"


def test_more_pages_never_ask_for_fewer() -> None:
    asked = [DEFAULT.of(n) for n in range(1, 60)]
    assert asked == sorted(asked)
    assert [DEFAULT.of(n) for n in (3, 8, 10, 16, 100)] == [3, 4, 5, 5, 30]


@pytest.mark.parametrize("wrong", [{"share": 0.0}, {"share": 1.5}, {"few_share": -1.0}, {"pages": 1}])
def test_senseless_thresholds_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"^{next(iter(wrong))} is"):
        Asked(**wrong)  # type: ignore[arg-type]


def test_headings_that_articles_share_stay() -> None:
    """Each stands on every page, between lines that stand on no other page."""
    pages = [
        article(t, amid=["What it cost", paragraph(t, 2), "Sources", f"Parish book of the {t}"]) for t in TOPICS[:12]
    ]
    assert cleaned(pages) == [page[len(HEAD) : -len(FOOT)] for page in pages]


def test_record_fields_that_pages_share_stay() -> None:
    makers = ("Ahlgren", "Bastide", "Cromer", "Dufour")
    pages = [
        article(
            t, amid=[f"Maker: {makers[n % 4]} of {t}", "Material: Oak", f"Height: {t} and a half", "Country: Norway"]
        )
        for n, t in enumerate(TOPICS[:16])
    ]
    assert cleaned(pages) == [page[len(HEAD) : -len(FOOT)] for page in pages]


def test_a_box_amid_paragraphs_needs_half_of_the_pages() -> None:
    box = ["How we judge", "Every visit is paid for by the diary"]
    some = [article(t, amid=box if n < 7 else []) for n, t in enumerate(TOPICS[:20])]
    most = [article(t, amid=box if n < 12 else []) for n, t in enumerate(TOPICS[:20])]
    assert cleaned(some)[0] == some[0][len(HEAD) : -len(FOOT)]
    assert not set(box) & set(cleaned(most)[0])


def test_the_title_stays_though_a_box_of_latest_posts_repeats_it() -> None:
    latest = ["Latest", *(f"The {t}" for t in TOPICS[:3])]
    pages = [article(t, foot=[*latest, *FOOT]) for t in TOPICS[:12]]
    assert cleaned(pages) == [page[len(HEAD) : -len(FOOT) - len(latest)] for page in pages]


def test_a_title_whose_number_alone_differs_stays() -> None:
    """Numbers are folded, and the box repeats the folded title on every page."""
    titles = [f"Letter No. {n + 1}" for n in range(12)]
    latest = ["Latest letters", *titles[-3:], *FOOT]
    pages = [
        [*HEAD, *([] if n % 2 else [f"In {TOPICS[n]}"]), title, paragraph(TOPICS[n]), *latest]
        for n, title in enumerate(titles)
    ]
    assert [page[-2] for page in cleaned(pages)] == titles


def test_a_title_that_stands_with_its_date_as_in_the_box_stays() -> None:
    box = ["Latest", "The ferry", "May 3, 2024", "The harbour", "May 1, 2024"]
    pages = [
        ["Skip to the text", f"The {t}", "May 3, 2024", paragraph(t), paragraph(t, 1), *box, *FOOT] for t in TOPICS[:12]
    ]
    documents = crawl(pages)
    stage = repeated(documents)
    for document, topic in zip(documents, TOPICS, strict=False):
        assert f"The {topic}\n" in (document + stage.propose(document)).text
    assert {e.note for e in stage.propose(documents[0]).spared if e.before == "The ferry\n"} == {
        "where a title stands; 12 of 12 pages (100%)"
    }


def page_of_html(topic: str, n: int, amid: Sequence[tuple[str, str]]) -> Document:
    lines = [
        ("Home", "nav/a"),
        ("Walks", "nav/a"),
        (f"The {topic}", "main/h1"),
        ("Filed by the clerk", "main/p"),
        *amid,
    ]
    lines += [
        (paragraph(topic), "main/p"),
        (paragraph(topic, 1), "main/p"),
        ("Write to us", "footer/p"),
        ("Imprint", "footer/p"),
    ]
    html = f"<html><head><title>The {topic} – The Lowland Diary</title></head></html>"
    return Document(
        str(n), "\n".join(text for text, _ in lines), site="diary", hints=tuple(Hint(p) for _, p in lines), html=html
    )


def test_the_heading_that_the_pages_title_has_stays_in_html() -> None:
    """The same title on every page, always between the same lines: the text alone could not tell."""
    documents = [page_of_html("ferry", n, [(paragraph(t), "main/p")]) for n, t in enumerate(TOPICS[:12])]
    patch = repeated(documents).propose(documents[0])
    assert (documents[0] + patch).text.split("\n")[0] == "The ferry"
    assert [e.note for e in patch.spared if e.before == "The ferry\n"] == ["the page's own title"]


def test_code_stays_wherever_it_is_repeated() -> None:
    code = [
        ("def main():", "main/pre"),
        ("    run()", "main/pre"),
        ("if ready:", "main/pre/code"),
        ("    main()", "main/pre/code"),
    ]
    documents = [page_of_html(t, n, code) for n, t in enumerate(TOPICS[:12])]
    stage = repeated(documents)
    for d in documents:
        assert all(text in (d + stage.propose(d)).text for text, _ in code)


def test_braces_stay_in_a_text() -> None:
    pages = [article(t, amid=["{", f"  {t}();", "}", "}"]) for t in TOPICS[:12]]
    assert cleaned(pages) == [page[len(HEAD) : -len(FOOT)] for page in pages]


def test_rows_of_a_table_need_half_of_the_pages() -> None:
    rows = [("Open daily", "table/tr"), ("Closed in March", "table/tr")]
    documents = [page_of_html(t, n, rows if n < 9 else []) for n, t in enumerate(TOPICS[:20])]
    assert "Open daily\nClosed in March" in (documents[0] + repeated(documents).propose(documents[0])).text


def test_a_line_alone_between_lines_that_go_goes_below_the_text() -> None:
    pages = [[*article(t, foot=["Share this", "Next walk", f"To the old {t}", *FOOT])] for t in TOPICS[:12]]
    documents = crawl(pages)
    patch = repeated(documents).propose(documents[0])
    assert (documents[0] + patch).text.rstrip("\n").split("\n") == pages[0][len(HEAD) : -len(FOOT) - 3]
    assert [(e.before, e.note) for e in patch.edits if e.rule == SLOT] == [
        ("To the old ferry\n", "beside a line of 12 of 12 pages (100%)")
    ]


def test_a_box_of_related_posts_goes_when_other_pages_know_half_of_it() -> None:
    related = [[f"A walk to the {TOPICS[(n + i) % 12]}" for i in range(4)] for n in range(12)]
    pages = [article(t, foot=["Share this", "More walks", *related[n], *FOOT]) for n, t in enumerate(TOPICS[:12])]
    assert cleaned(pages) == [page[len(HEAD) : -len(FOOT) - 6] for page in pages]


def test_what_readers_wrote_stays() -> None:
    said = [
        [f"Ann of the {t}", f"My aunt mended that {t}.", f"Ben of the {t}", f"No, the {t} fell down."] for t in TOPICS
    ]
    pages = [article(t, foot=["Share this", "Readers write", *said[n], *FOOT]) for n, t in enumerate(TOPICS[:12])]
    assert [page[-4:] for page in cleaned(pages)] == said[:12]


def test_short_lines_above_or_amid_the_text_stay_whatever_stands_around_them() -> None:
    pages = [[*HEAD, f"The {t}", *HEAD, paragraph(t), f"By the {t}", *FOOT] for t in TOPICS[:12]]
    assert all(f"The {t}" in page for t, page in zip(TOPICS, cleaned(pages), strict=False))


def test_a_page_that_would_lose_everything_loses_nothing() -> None:
    documents = crawl([article(t) for t in TOPICS[:12]])
    bare = Document("bare", "\n".join(HEAD + FOOT), site="diary")
    patch = repeated(documents).propose(bare)
    assert (patch.edits, patch.labels) == ((), {"suspect": "all-repeated"})
    assert len(patch.spared) == len(HEAD + FOOT)


def test_the_repaired_text_has_a_say_when_the_damaged_lines_would_all_go() -> None:
    """A second cleaning sees the repaired lines alone, and must find nothing more."""
    raws = (
        ["Haut", "Plan", "Mentions lÃ©gales"],
        ["Haut", "Plan", "Mentions lÃ©gales", "Un pont."],
        ["Haut", "Plan", "Mentions lÃ©gales", "Un bac."],
    )
    documents = crawl(raws)
    pipeline = Pipeline(("encoding", repeated(documents), "joins"))
    once = pipeline.clean(documents[0]).text
    assert once == "Mentions légales"
    assert pipeline.clean(Document("again", once, site="diary")).text == once


def test_three_copies_of_a_page_are_one() -> None:
    page = article("ferry")
    assert cleaned([page] * 3) == [page] * 3


def test_without_a_site_or_facts_nothing_goes() -> None:
    documents = crawl([article(t) for t in TOPICS[:12]])
    stage = repeated(documents)
    for site in (None, "", "elsewhere"):
        assert not stage.propose(Document("a", documents[0].raw, site=site))


def test_a_page_of_later_is_cleaned_by_saved_facts() -> None:
    sites, lines = SiteLines.of(crawl([article(t) for t in TOPICS[:12]])).pruned().tables()
    later = Document("later", "\n".join(article("zeppelin")), site="diary")
    stage = Repeated(SiteLines.from_tables(sites, lines).of_site)
    assert (later + stage.propose(later)).text == "\n".join(article("zeppelin")[len(HEAD) : -len(FOOT)]) + "\n"


def test_lines_are_counted_as_they_were_and_found_once_repaired() -> None:
    """Facts know the damaged line; the stage sees it repaired, here and on a page that was never damaged."""
    foot = ["RÃ©servé aux abonnÃ©s", "Mentions lÃ©gales"]
    documents = crawl([article(t, foot=foot) for t in TOPICS[:12]])
    stage = repeated(documents)
    mended = documents[0] + Encoding().propose(documents[0])
    assert "Mentions légales" in mended.text
    assert (mended + stage.propose(mended)).text.rstrip("\n").endswith(paragraph("ferry", 1))


def test_blank_lines_count_for_nothing() -> None:
    pages = ["\n\n".join(article(t)).split("\n") for t in TOPICS[:12]]
    assert [[line for line in page if line] for page in cleaned(pages)] == [
        article(t)[len(HEAD) : -len(FOOT)] for t in TOPICS[:12]
    ]


LINES = st.sampled_from(
    [*HEAD, *FOOT, "3", "}", "", "Sources", "4 comments", "Mentions lÃ©gales", paragraph("ferry"), paragraph("yard")]
)
SITES = st.lists(st.lists(LINES, max_size=12), min_size=3, max_size=6)


@settings(deadline=None)
@given(SITES)
def test_a_second_time_changes_nothing(pages: list[list[str]]) -> None:
    documents = crawl(pages)
    stage = Repeated(SiteLines.of(documents).of_site, Asked(few_share=0.34, pages=2))
    for document in documents:
        once = document + stage.propose(document)
        again = Document(document.id, once.text, site="diary")
        assert not stage.propose(again).edits
        assert once.undo().text == document.raw


@settings(deadline=None)
@given(SITES)
def test_cleaning_what_was_cleaned_changes_nothing(pages: list[list[str]]) -> None:
    documents = crawl(pages)
    stage = Repeated(SiteLines.of(documents).of_site, Asked(few_share=0.34, pages=2))
    pipeline = Pipeline(("encoding", stage, "joins"))
    for document in documents:
        once = pipeline.clean(document)
        assert pipeline.clean(Document(document.id, once.text, site="diary")).text == once.text


@settings(deadline=None)
@given(SITES, st.randoms(use_true_random=False))
def test_the_order_of_the_crawl_does_not_matter(pages: list[list[str]], random: object) -> None:
    documents = crawl(pages)
    forth, back = repeated(documents), repeated(documents[::-1])
    assert [forth.propose(d) for d in documents] == [back.propose(d) for d in documents]


@pytest.mark.parametrize("unit", ["Home\nWalks\n", "Home\n", "\n", "Home\nx\n", f"{paragraph('ferry')}\nHome\nWalks\n"])
def test_a_hostile_page_takes_linear_time(unit: str) -> None:
    counts = {
        "home": 9,
        "walks": 9,
        "home\nwalks": 9,
        "walks\nhome": 9,
        "home\nhome": 9,
        "home\nx": 9,
        "x\nhome": 9,
        "x": 9,
    }
    stage = Repeated({"diary": Repeats(9, counts)}.get)
    start = time.process_time()
    stage.propose(Document("a", unit * (200_000 // len(unit)) + "Ende", site="diary"))
    assert time.process_time() - start < 6


LINES_OF_A_PAGE = st.lists(
    st.sampled_from([*HEAD, *FOOT, "1", "{", *(paragraph(topic) for topic in TOPICS[:3]), *TOPICS[:3], "R&amp;D"]),
    min_size=1,
    max_size=14,
)


@settings(max_examples=300)
@given(st.lists(LINES_OF_A_PAGE, min_size=3, max_size=6), st.data())
def test_what_is_settled_stays_as_it_is(pages: list[list[str]], data: st.DataObject) -> None:
    documents = crawl(pages)
    stage, encoding = repeated(documents, Asked(few_share=0.4, pages=2)), Encoding()
    for document in documents:
        mended = document + encoding.propose(document)
        done = mended + stage.propose(mended)
        drop = data.draw(st.sets(st.integers(0, 13), max_size=4))
        gone = tuple(
            Edit(line.start, stop, done.text[line.start : stop], "", "x/y")
            for n, line in enumerate(done.lines)
            if n in drop
            for stop in [min(line.stop + 1, len(done.text))]
        )
        later = done + Patch("chrome", gone)
        if stage.settled(later):
            again = stage.propose(later)
            assert not again.edits
            assert again.labels == {}


def test_what_was_told_by_repaired_lines_alone_is_not_settled() -> None:
    documents = crawl([["Walks", "Walks", "R&amp;D", "Walks", "R&amp;D"], ["Home"], ["Walks", "Walks", "R&amp;D"]])
    stage = repeated(documents, Asked(few_share=0.4, pages=2))
    mended = documents[0] + Encoding().propose(documents[0])
    done = mended + stage.propose(mended)
    assert done.text == "R&D\nWalks\nR&D"
    assert not stage.settled(done)
    assert stage.propose(done).edits


def test_a_line_that_is_not_counted_does_not_part_those_beside_it() -> None:
    counts = {"home": 9, "home\nabout": 9, "about": 1, "home\nwhat the harbour keeps": 1, "what the harbour keeps": 1}
    stage = Repeated({"diary": Repeats(9, counts)}.get)
    document = Document("a", "Home\n{\nWhat the harbour keeps\nAbout", site="diary")
    document += stage.propose(document)
    assert document.text.startswith("Home\n{")
    start = document.text.index("What")
    later = document + Patch("chrome", (Edit(start, start + 23, "What the harbour keeps\n", "", "x/y"),))
    assert later.text == "Home\n{\nAbout"
    assert not stage.settled(later)
    assert stage.propose(later).edits


def test_a_page_is_not_looked_through_again_when_a_paragraph_went() -> None:
    documents = crawl([article(topic) for topic in TOPICS[:12]])
    stage = repeated(documents)
    done = documents[0] + stage.propose(documents[0])
    title = done.text.index(paragraph(TOPICS[0]))
    assert stage.settled(done + Patch("chrome", (Edit(0, title, done.text[:title], "", "x/y"),)))
    assert not stage.settled(done + Patch("joins", (Edit(0, 3, "The", "A", "x/y"),)))
    other = documents[1] + stage.propose(documents[1])
    assert stage.settled(other)
    assert not stage.settled(done)  # it remembers one document
