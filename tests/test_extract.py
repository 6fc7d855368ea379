"""The main text of a page stays, the rest goes to the ledger line by line, and nothing is lost between the two."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import Counter
from html import escape
from pathlib import Path
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleaner.document import Document, Edit, Hint, Patch
from cleaner.read.files import document
from cleaner.stages import extract
from cleaner.stages.alignment import align
from cleaner.stages.alignment import words as words_of
from cleaner.stages.extract import Extract

ROOT = Path(__file__).parent.parent
EXTRACT = Extract(today="2026-01-31")
NAV = (
    "Accueil Politique Économie Culture Sports Météo Régions Monde Sciences Santé Emploi Annonces Archives Contact Abonnés"
).split()
TEASERS = ["La pluie revient sur le littoral", "Un musée de la dentelle rouvre ses portes à Calais"]
CHROME = {*NAV, *TEASERS, "À lire", "© Le Quotidien inventé", "Mentions légales"}

TITLE = "Le pont de bois rouvre aux promeneurs"
PARAGRAPHS = [
    "Le vieux pont de bois qui relie les deux rives a été rendu aux promeneurs samedi, après deux ans de travaux.",
    "Les charpentiers ont changé plus de trois cents planches, sans toucher aux piles de pierre, qui tiennent bon.",
    "La mairie, qui a payé la moitié du chantier, promet un éclairage discret pour les soirées d’hiver.",
    "Les pêcheurs, eux, regrettent déjà le calme : ils étaient seuls sur la berge depuis la fermeture du passage.",
]

BODIES = {
    "article": ("<main><article><h1>{}</h1>{}</article></main>", "<p>{}</p>"),
    "soup": (
        "<div class=wrap><div class=post-title><h1>{}</h1></div><div class=post-content>{}</div></div>",
        "<div class=txt>{}</div>",
    ),
    "breaks": ("<div id=page><h1>{}</h1><div class=entry-content>{}</div></div>", "{}<br><br>\n"),
    "sections": ("<main><h1>{}</h1>{}</main>", "<section><p>{}</p></section>"),
}


def page(title: str, paragraphs: list[str], template: str = "article", body: str | None = None) -> str:
    whole, each = BODIES[template]
    links = "".join(f"<li><a href='/{i}'>{name}</a></li>" for i, name in enumerate(NAV))
    teasers = "".join(f"<div class=teaser><a href='/t'>{escape(t)}</a></div>" for t in [title, *TEASERS])
    main = (
        body if body is not None else whole.format(escape(title), "".join(each.format(escape(p)) for p in paragraphs))
    )
    return (
        f"<!doctype html><html><head><meta charset=utf-8><title>{escape(title)}</title></head><body>"
        f"<nav><ul>{links}</ul></nav>{main}<aside class=sidebar><h3>À lire</h3>{teasers}</aside>"
        "<footer><p>© Le Quotidien inventé</p><p><a href='/m'>Mentions légales</a></p></footer></body></html>"
    )


def extracted(html: str) -> Document:
    before = document(html)
    after = before + EXTRACT.propose(before)
    assert after.undo().text == before.raw
    return after


def words(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", text))


@pytest.mark.parametrize("template", BODIES)
@pytest.mark.parametrize("folder", ["seeds", "golden"])
@pytest.mark.parametrize("seed", sorted(path.name for path in (ROOT / "golden").glob("*.txt")))
def test_a_seed_set_in_a_page_comes_out_of_it(seed: str, folder: str, template: str) -> None:
    golden = (ROOT / "golden" / seed).read_text(encoding="utf-8")
    title = golden.split("\n")[0]
    text = (ROOT / folder / seed).read_text(encoding="utf-8")
    lines = [line for line in text.split("\n") if line.strip()]
    if folder == "golden":
        lines.remove(title)
    after = extracted(page(title, lines, template))
    kept = words(golden) & words(after.text)
    assert kept.total() >= 0.99 * words(golden).total()
    assert CHROME.isdisjoint(after.text.split("\n"))
    assert after.text.split("\n").count(title) <= 1 + lines.count(title)
    assert "\n\n\n" not in after.text
    assert after.text == after.text.strip("\n")


def test_every_line_that_goes_is_an_edit_with_its_tag_path() -> None:
    after = extracted(page(TITLE, PARAGRAPHS))
    assert after.text == "\n\n".join([TITLE, *PARAGRAPHS])
    assert {e.rule for e in after.ledger} == {"extract/trafilatura"}
    assert {e.after for e in after.ledger} == {""}
    gone = [e.before.strip("\n") for e in after.ledger]
    assert gone == [*NAV, "À lire", TITLE, *TEASERS, "© Le Quotidien inventé", "Mentions légales"]
    assert {e.note for e in after.ledger} == {"nav/ul/li", "aside/h3", "aside/div", "footer/p"}
    assert after.labels["title"] == TITLE
    assert after.labels["extract"] == "trafilatura"


def test_a_menu_that_shares_words_with_the_article_neither_stays_nor_moves_it() -> None:
    menu = "".join(f"<li><a href='/'>{' '.join(p.split()[:4])}</a></li>" for p in PARAGRAPHS)
    html = page(TITLE, PARAGRAPHS).replace("<nav><ul>", f"<nav><ul>{menu}")
    assert extracted(html).text == "\n\n".join([TITLE, *PARAGRAPHS])


def test_the_title_before_the_main_text_stays_once() -> None:
    crumbs = f"<div class=breadcrumb><a href='/'>Accueil</a> <span>{TITLE}</span></div><div class=crumb>{TITLE}</div>"
    body = "".join(f"<p>{p}</p>" for p in PARAGRAPHS)
    html = page(
        TITLE,
        [],
        body=f"{crumbs}<header><h1>{TITLE}</h1><div class=share>Partager</div></header><article>{body}</article>",
    )
    after = extracted(html)
    assert after.text == "\n\n".join([TITLE, *PARAGRAPHS])
    [title] = [hint for line, hint in zip(after.lines, after.line_hints(), strict=True) if line.text == TITLE]
    assert title is not None
    assert title.path.endswith("h1")


def test_short_lines_inside_a_block_that_stays_stay() -> None:
    poem = "La nuit descend sur la rivière et les barques rentrent<br>lentes<br>* * *<br>Le pêcheur compte ses filets avant de remonter au village"
    body = f"<article><h1>{TITLE}</h1><p>{PARAGRAPHS[0]}</p><p>{poem}</p><p>{PARAGRAPHS[1]}</p></article>"
    lines = extracted(page(TITLE, [], body=body)).text.split("\n")
    assert lines[4:8] == poem.split("<br>")


def test_code_and_tables_of_the_main_text_stay() -> None:
    code = "<pre><code>for plank in bridge.planks:\n    if plank.worn:\n        plank.replace()\n\n    plank.paint(color)\n</code></pre>"
    table = "<table><tr><th>Année de pose</th><th>Planches</th></tr><tr><td>Deux mille un</td><td>120 pièces</td></tr></table>"
    body = f"<article><h1>{TITLE}</h1><p>{PARAGRAPHS[0]}</p>{code}<p>{PARAGRAPHS[1]}</p>{table}<p>{PARAGRAPHS[2]}</p></article>"
    text = extracted(page(TITLE, [], body=body)).text
    assert (
        "for plank in bridge.planks:\n    if plank.worn:\n        plank.replace()\n\n    plank.paint(color)\n\n" in text
    )
    assert "Année de pose\tPlanches\nDeux mille un\t120 pièces\n" in text


def test_soft_hyphens_and_decomposed_letters_align() -> None:
    hyphenated = [normalize("NFD", p).replace("prome", "prome\xad").replace("pont", "po\u200bnt") for p in PARAGRAPHS]
    after = extracted(page(TITLE, hyphenated))
    assert after.text.split("\n\n")[1:] == hyphenated


def test_lines_that_earlier_stages_edited_are_known_by_where_they_came_from() -> None:
    before = document(page(TITLE, PARAGRAPHS))
    start = before.text.index("Politique\n")
    planks = before.text.index("planches")
    stages = (
        Patch("encoding", (Edit(0, 1, "A", "\u0391", "x"), Edit(planks, planks + 8, "planches", "", "x"))),
        Patch("repeated", (Edit(start, start + 10, "Politique\n", "", "x"),)),
    )
    edited = before + stages[0] + stages[1]
    after = edited + EXTRACT.propose(edited)
    assert after.text == "\n\n".join([TITLE, *PARAGRAPHS]).replace("planches", "", 1)
    assert after.undo().text == before.raw


def test_nothing_stays_of_what_was_found_keeps_the_whole_text() -> None:
    before = document(page(TITLE, PARAGRAPHS))
    start, stop = before.text.index(TITLE), before.text.index("À lire")
    without = before + Patch("repeated", (Edit(start, stop, before.text[start:stop], "", "x"),))
    patch = EXTRACT.propose(without)
    assert not patch.edits
    assert patch.labels["extract"] == "unaligned"


def test_a_text_is_left_alone_and_does_not_import_trafilatura() -> None:
    assert EXTRACT.propose(document("Une phrase.\n")) == Patch("extract")
    code = (
        "import sys; from cleaner.read.files import document; from cleaner.stages.extract import Extract;"
        "assert not Extract().propose(document('Une phrase.')); assert 'trafilatura' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.mark.parametrize("html", ["<html><body></body></html>", "<html><body><p></p></body></html>"])
def test_a_page_where_nothing_is_found_keeps_its_text(html: str) -> None:
    before = document(html)
    patch = EXTRACT.propose(before)
    assert patch.labels["extract"] == "nothing-found"
    assert not patch.edits


def test_main_text_that_is_not_visible_keeps_the_whole_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract, "main_text", lambda *_: extract.Found("Quite another text that stands nowhere.", {}))
    before = document(page(TITLE, PARAGRAPHS))
    patch = EXTRACT.propose(before)
    assert not patch.edits
    assert patch.labels["extract"] == "unaligned"


@pytest.mark.parametrize("fault", [ValueError("x"), RecursionError(), MemoryError(), KeyError("y")])
def test_an_exception_inside_is_a_label(monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    def fail(*_: object) -> None:
        raise fault

    monkeypatch.setattr(extract, "main_text", fail)
    patch = EXTRACT.propose(document(page(TITLE, PARAGRAPHS)))
    assert patch == Patch("extract", labels={"extract": "failed"})


def test_a_deep_page_keeps_its_text() -> None:
    before = document("<html><body>" + "<div>" * 20_000 + "".join(f"<p>{p}</p>" for p in PARAGRAPHS))
    after = before + EXTRACT.propose(before)
    assert words(after.text) == words(" ".join(PARAGRAPHS))


def test_the_date_is_not_later_than_the_day_given() -> None:
    html = page(TITLE, PARAGRAPHS).replace(
        "<title>", "<meta property='article:published_time' content='2031-05-04T08:00:00+02:00'><title>"
    )
    before = document(html)
    assert Extract("2031-05-05").propose(before).labels["date"] == "2031-05-04"
    assert Extract("2030-01-01").propose(before).labels.get("date") != "2031-05-04"
    assert Extract().propose(before).labels["date"] == "2031-05-04"


@pytest.mark.parametrize("told", ["<p>© 2019 Example", "<p>Copyright 2012-2019 Example. All rights reserved."])
def test_a_year_of_copyright_is_no_date_of_the_page(told: str) -> None:
    patch = EXTRACT.propose(document(page(TITLE, PARAGRAPHS).replace("</body>", f"<footer>{told}</footer></body>")))
    assert "date" not in patch.labels, "the search of a whole page would make it its first of January"


def test_nothing_reaches_the_handlers_of_the_program_around() -> None:
    code = (
        "import io, logging; out = io.StringIO(); logging.basicConfig(level=1, stream=out);"
        "from cleaner.read.files import document; from cleaner.stages.extract import Extract;"
        "Extract().propose(document('<html><body></body></html>')); assert not out.getvalue(), out.getvalue();"
        "logging.getLogger('program').warning('heard'); assert 'heard' in out.getvalue()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


VOCABULARY = st.sampled_from("a b c d le pont la rive".split())
LINES = st.lists(st.lists(VOCABULARY, max_size=9).map(" ".join), min_size=1, max_size=12)


@given(LINES, LINES)
def test_any_main_text_makes_a_patch_that_applies_and_inverts(raw: list[str], main: list[str]) -> None:
    text = "\n".join(raw)
    hints = tuple(Hint("p") for _ in raw)
    before = Document("a", text, hints=hints, html="<html>")
    stays = extract.kept(raw, hints, extract.Found("\n".join(main), {"title": raw[0]}))
    if stays is None or not any(stay and line for stay, line in zip(stays, raw, strict=True)):
        return
    patch = Patch("extract", tuple(extract.removals(text, before.lines, stays, extract.RULE, ["p"] * len(raw))))
    after = before + patch
    assert after.undo().text == text
    assert [line for line in after.text.split("\n") if line] == [
        line for line, stay in zip(raw, stays, strict=True) if stay and line
    ]
    assert all("\n" in e.before for e in patch.edits)


@given(LINES)
def test_a_main_text_that_is_the_whole_page_keeps_every_word(raw: list[str]) -> None:
    page_words = [words_of(line) for line in raw]
    assert align(page_words, page_words) == [len(line) for line in page_words]


@given(LINES, LINES)
def test_no_more_words_are_matched_than_the_main_text_has(raw: list[str], main: list[str]) -> None:
    a, b = ([words_of(line) for line in side] for side in (raw, main))
    matched = align(a, b)
    assert all(hits <= len(line) for hits, line in zip(matched, a, strict=True))
    assert sum(matched) <= sum(map(len, b))


def test_aligning_takes_linear_time() -> None:
    sides = [
        ([("x",)] * 20_000, [("x",)] * 10_000),
        ([("x", "y", str(n % 7)) for n in range(20_000)], [("y", "x", str(n % 5)) for n in range(20_000)]),
        ([tuple("ab" * 50)] * 2_000, [tuple("ba" * 50)] * 2_000),
        ([(str(n), "b", "c", "d") for n in range(10_000)], [(str(n), "b", "c", "d") for n in range(10_000, 0, -1)]),
    ]
    for a, b in sides:
        began = time.process_time()
        align(a, b)
        assert time.process_time() - began < 2


def test_a_large_page_is_asked_about_without_its_scripts_and_a_larger_one_not_at_all() -> None:
    html = "<!doctype html><body><nav><a href=/>Start</a></nav><main>{}</main><script>{}</script></body>"
    prose = "".join(
        f"<p>The bridge number {n} was closed on Monday, and it will open again in May, the town said.</p>"
        for n in range(9)
    )
    kept = extracted(html.format(prose, "x = 1;" * 250_000))
    assert kept.labels["extract"] == "trafilatura"
    assert "Start" not in kept.text
    whole = extracted(html.format(prose * 1_500, ""))
    assert whole.labels["extract"] == "too-large"
    assert "Start" in whole.text


def test_unclosed_scripts_of_a_large_page_take_linear_time() -> None:
    began = time.process_time()
    extracted("<!doctype html><p>Text</p>" + "<script" * 100_000 + "<script>" * 100_000 + "<!-- " * 100_000)
    assert time.process_time() - began < 10
