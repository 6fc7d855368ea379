"""Lines are counted by what they say, whoever wrote them, and counts add up whatever the order."""

from __future__ import annotations

import time

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleaner.document import Document, Hint
from cleaner.site_lines import LONG, SHORT, FactsError, Repeats, SiteLines, key, line_keys, lookup, page, pair
from cleaner.sites import domain, site_of

WORDS = st.sampled_from(("Accueil", "Contact", "12 avis", "Une phrase.", "7 avis", "***", "3", ""))
TEXTS = st.lists(WORDS, max_size=8).map("\n".join)
PAGES = st.lists(
    st.builds(lambda n, raw, site: Document(str(n), raw, site=site), st.integers(), TEXTS, st.sampled_from("ab")),
    max_size=8,
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("12 commentaires", "3 Commentaires"),
        ("» Lire  la\u00a0suite", "lire la suite…"),
        ("L’équipe", "L'équipe :"),
        ("Publié le 3 mai 2021", "publié le 14 mai 1999"),
        ("٣ تعليقات", "12 تعليقات"),
    ],
)
def test_lines_that_say_the_same_have_one_key(one: str, other: str) -> None:
    assert key(one) == key(other) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Un avis", "12 avis"),
        ("Lettre #12", "Lettre #3"),
        ("Lettre n° 12", "Lettre n° 3"),
        ("Le pont", "Le point"),
        ("a" * 300, "a" * 299 + "b"),
        ("x" * 120 + "a", "x" * 120 + "b"),
    ],
)
def test_lines_that_say_something_else_have_another(one: str, other: str) -> None:
    assert key(one) != key(other)


@pytest.mark.parametrize("line", ["", "   ", "* * *", "}", "—", "«»"])
def test_a_line_without_letter_or_digit_is_not_counted(line: str) -> None:
    assert key(line) == ""
    assert {*page(Document("a", f"Haut\n{line}\nBas")).keys} == {"haut", "bas", "haut\nbas"}


@settings(deadline=None)
@given(st.text(max_size=400))
def test_a_key_is_short_and_of_one_line(line: str) -> None:
    assert len(key(line)) <= SHORT
    assert "\n" not in key(line)


@settings(deadline=None)
@given(TEXTS)
def test_a_text_is_folded_as_its_lines_are(raw: str) -> None:
    assert line_keys(raw) == [key(line) for line in raw.split("\n")]


@pytest.mark.parametrize("end", ["\r\n", "\r", "\u2028"])
def test_foreign_line_ends_part_lines(end: str) -> None:
    assert page(Document("a", f"Menü{end}Kontakt")) == page(Document("b", "Menü\nKontakt"))


def test_a_long_line_is_known_by_both_its_ends() -> None:
    middle = "z" * LONG
    assert key("Anfang " * 20 + middle + " Ende" * 30) == key("anfang " * 20 + middle + "y" + " ende" * 30)
    assert key("Anfang " * 20 + middle + " Ende" * 30) != key("Anfang " * 20 + middle + " Schluss" * 30)


def test_code_is_not_counted() -> None:
    hints = (Hint("div/p"), Hint("div/pre"), Hint("div/pre/code"), Hint("table/tr"))
    assert {*page(Document("a", "Début\nreturn 0;\nend\nPrix 3 €", hints=hints)).keys} == {
        "début",
        "prix 0 €",
        "début\nprix 0 €",
    }


def test_a_page_counts_for_each_of_its_lines_once() -> None:
    facts = SiteLines.of([Document("a", "Haut\nTexte\nHaut", site="s")])
    assert facts.sites["s"] == Repeats(1, {"haut": 1, "haut\ntexte": 1, "texte": 1, "texte\nhaut": 1})


def test_copies_of_a_page_count_once_even_with_other_numbers() -> None:
    raws = ("Haut\nVu 12 fois\nTexte", "Haut\nVu 13 fois\nTexte", "Haut\nVu 12 fois\nAutre texte")
    facts = SiteLines.of(Document(str(n), raw, site="s") for n, raw in enumerate(raws))
    assert facts.sites["s"].pages == 2
    assert facts.sites["s"].lines["haut"] == 2
    assert facts.sites["s"].lines["texte"] == 1


def test_a_document_without_a_site_is_not_counted() -> None:
    assert SiteLines.of([Document("a", "Haut\nBas")]) == SiteLines()


@settings(deadline=None)
@given(PAGES)
def test_the_order_of_pages_does_not_matter(pages: list[Document]) -> None:
    assert SiteLines.of(pages) == SiteLines.of(pages[::-1])


@settings(deadline=None)
@given(PAGES, PAGES, PAGES)
def test_crawls_add_up(a: list[Document], b: list[Document], c: list[Document]) -> None:
    x, y, z = map(SiteLines.of, (a, b, c))
    assert x + y == y + x
    assert (x + y) + z == x + (y + z)
    assert x + SiteLines() == x
    total = x + y
    assert all(
        total.sites[s].pages == sum(side.sites[s].pages for side in (x, y) if s in side.sites) for s in total.sites
    )


@settings(deadline=None)
@given(PAGES)
def test_tables_give_the_facts_back(pages: list[Document]) -> None:
    facts = SiteLines.of(pages)
    sites, lines = facts.tables()
    assert SiteLines.from_tables(sites, lines) == facts
    shuffled = lines.take(pa.array(range(lines.num_rows)[::-1], pa.int64()))
    of_site = lookup(sites, shuffled)
    assert {site: of_site(site) for site in "abz"} == {site: facts.of_site(site) for site in "abz"}


def test_shares_are_of_the_pages_of_the_site() -> None:
    facts = SiteLines.of(Document(str(n), f"Haut\n{text}", site="s") for n, text in enumerate(("un", "deux", "un peu")))
    _, lines = facts.tables()
    assert dict(zip(lines["line_key"].to_pylist(), lines["share"].to_pylist(), strict=True))["haut"] == 1.0
    assert set(facts.pruned().sites["s"].lines) == {"haut"}


def test_facts_of_a_large_site_keep_what_a_thousandth_of_it_has() -> None:
    lines = {"menu": 9_000, "seldom": 9, "enough": 10}
    assert Repeats(10_000, lines).pruned() == Repeats(10_000, {"menu": 9_000, "enough": 10})


def test_facts_of_another_fold_are_refused() -> None:
    sites, lines = SiteLines.of([Document("a", "Haut", site="s")]).tables()
    with pytest.raises(FactsError, match="site_lines is of fold version 0, this is"):
        lookup(sites, lines.replace_schema_metadata({"fold_version": "0"}))
    with pytest.raises(FactsError, match="has no column 'line_key'; it needs site, line_key, pages, share"):
        lookup(sites, lines.drop_columns(["line_key"]))


def test_counting_takes_linear_time() -> None:
    start = time.process_time()
    page(Document("a", "a" * 2_000_000))
    page(Document("b", "«" * 2_000_000))
    page(Document("c", "1 " * 1_000_000))
    page(Document("d", "\n".join(f"Ligne {n}" for n in range(100_000))))
    assert time.process_time() - start < 5


def test_a_pair_is_not_a_line() -> None:
    assert pair("haut", "bas") == "haut\nbas" != pair("bas", "haut")


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("https://www.marche.example.fr/a?b", "example.fr"),
        ("https://news.example.co.uk:8080/", "example.co.uk"),
        ("http://moi@EXAMPLE.org./x", "example.org"),
        ("https://carnet.github.io/notes", "carnet.github.io"),
        ("http://192.0.2.7/x", "192.0.2.7"),
        ("http://[2001:db8::1]:80/x", "2001:db8::1"),
        ("http://localhost:8000/x", "localhost"),
        ("https://bücher.example.de/", "example.de"),
        ("https://www.bücher.de/", "xn--bcher-kva.de"),
        ("https://www.xn--bcher-kva.de/", "xn--bcher-kva.de"),
        ("https://co.uk/", "co.uk"),
        ("notes/2024.txt", None),
        ("", None),
        ("http://[x", None),
        ("http://./", None),
        ("http://é..fr/", "é..fr"),
        ("mailto:a@example.org", None),
    ],
)
def test_a_site_is_what_was_registered(url: str, site: str | None) -> None:
    assert domain(url) == site


def test_the_site_is_the_domain_or_the_folder_and_never_the_other() -> None:
    document = Document("journal/2024/pont.txt", "", url="https://a.example.org/pont")
    assert (site_of(document), site_of(document, "folder")) == ("example.org", "journal")
    assert site_of(Document("journal/pont.txt", "")) is None
    assert site_of(Document("pont.txt", "", url="https://example.org"), "folder") is None


@settings(deadline=None)
@given(st.text())
def test_any_address_has_a_site_or_none(url: str) -> None:
    domain(url)
    domain(f"http://{url}/")
