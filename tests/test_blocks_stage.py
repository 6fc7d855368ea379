"""The model as a stage: content stays on pages of any type, every other line is an edit, and all of it comes back."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Collection
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleaner.document import Document, Edit, Patch
from cleaner.line import pipeline_of
from cleaner.pipeline import Pipeline
from cleaner.read.files import document
from cleaner.settings import Clean as Cleaning
from cleaner.settings import Settings
from cleaner.stages import blocks
from cleaner.stages.blocks import Blocks, Mode
from cleaner.stages.extract import Found

MODES: tuple[Mode, ...] = ("best", "fast")
TODAY = "2026-01-31"
MENU = "".join(f"<li><a href=/{n}>Section {n}</a></li>" for n in range(9))
TITLE = "The lock at Harrow Bend opens again"
STORY = [
    "The lock at Harrow Bend opened on Monday for the first time in three years, and eleven boats were waiting for it.",
    "Its gates, which had hung since the war, were lifted out by crane, scraped, and found to be sounder than expected.",
    "The keeper, who lives in the cottage beside it, says that the new paddles turn with one hand, even against a flood.",
    "What is still missing is the footbridge: it will be delivered in spring, if the foundry keeps its word this time.",
    "Until then, walkers have to go round by the mill, as they have done ever since the old planks were carried away.",
]
FRENCH = [
    "L’écluse a rouvert lundi, pour la première fois depuis trois ans, et onze bateaux attendaient déjà devant les portes.",
    "Les vantaux, qui dataient de la guerre, ont été soulevés par une grue, grattés, et jugés plus sains que prévu.",
    "L’éclusier, qui habite la maison voisine, assure que les nouvelles vannes tournent d’une main, même en crue.",
    "Il manque encore la passerelle : elle sera livrée au printemps, si la fonderie tient parole cette fois-ci.",
]
JAPANESE = [
    "三年ぶりに水門が月曜日に開き、十一隻の船がその前で待っていた。朝から多くの人が岸に集まり、静かに見守った。",
    "戦後すぐに取り付けられた扉は、クレーンで持ち上げられて磨かれ、予想よりも傷んでいないことが分かったという。",
    "隣の家に住む番人によると、新しい弁は増水のときでも片手で回せるそうだ。橋はまだ届いていないが、春には架かる。",
    "それまでは、古い板が流されてからずっとそうしてきたように、歩く人は水車小屋のほうへ遠回りしなければならない。",
]


def page(body: str, title: str = TITLE, head: str = "", menu: str = MENU) -> str:
    return (
        f"<!doctype html><html><head><meta charset=utf-8><title>{title}</title>{head}</head><body>"
        f"<header class=site-header><a href=/>The Inlet</a><nav class=menu><ul>{menu}</ul></nav></header>{body}"
        f"<footer class=site-footer><ul>{menu}</ul><p>© The Inlet, all rights reserved</p></footer></body></html>"
    )


def article(paragraphs: list[str] = STORY, title: str = TITLE, after: str = "", head: str = "") -> str:
    text = "".join(f"<p>{p}</p>" for p in paragraphs)
    return page(f"<main><article class=post><h1>{title}</h1>{text}</article>{after}</main>", title, head)


COMMENTS = (
    "<section id=comments class=comments-area><h2>3 comments</h2><ol class=comment-list>"
    + "".join(
        f"<li class=comment><div class=comment-meta><a href=/u{n}>{name}</a> <a href=#c{n}>2 May 2019 at 1{n}:20</a></div>"
        f"<div class=comment-content><p>{text}</p></div><a class=comment-reply-link href=#r{n}>Reply</a></li>"
        for n, (name, text) in enumerate(
            [
                ("oarsman", "Good to see, I was there with my brother."),
                ("M. Teal", "And who pays for it?"),
                ("oarsman", "We all do, as ever, and it is worth it."),
            ]
        )
    )
    + "</ol><form class=comment-respond><label>Leave a comment</label><textarea></textarea></form></section>"
)
FORUM = page(
    f"<h1>{TITLE}?</h1>"
    + "".join(
        f"<div class=post id=post-{n}><div class=author><a href=/u/{n}>boater{n}</a> <span>Posts: {n}40</span></div>"
        f"<div class=post-body><p>{text}</p><p>{STORY[(n + 2) % 5]}</p></div><a href=#q>Quote</a></div>"
        for n, text in enumerate(STORY)
    )
)
LISTING = page(
    "<h1>Boats for sale</h1><ul class=results>"
    + "".join(
        f"<li class=card><h2><a href=/b/{n}>Narrow boat number {n}</a></h2><p>{STORY[n % 5][:80]} …</p><span>£{n}2,000</span></li>"
        for n in range(12)
    )
    + "</ul>",
    "Boats for sale",
)
PRODUCT = page(
    "<div class=product itemscope itemtype='https://schema.org/Product'><h1>Brass windlass</h1><span class=price>£48</span>"
    "<button>Add to basket</button><div class=description><p>A windlass of solid brass, for all locks of the northern canals; "
    "the handle turns freely, the socket fits both spindles.</p><p>It weighs one kilogram and is cast in a small foundry, which has "
    "made them since the canals were dug, and tests each by hand.</p><ul><li>Length 38 cm</li><li>Two sockets</li></ul></div></div>"
    "<section class=related><h2>You may also like</h2><a href=/a>Rope</a><a href=/b>Fender</a><a href=/c>Mooring pin</a></section>",
    "Brass windlass",
)
PAGES = {
    "article": (article(), STORY),
    "comments": (article(after=COMMENTS), STORY),
    "French": (article(FRENCH, "L’écluse rouvre"), FRENCH),
    "Japanese": (article(JAPANESE, "水門が三年ぶりに開く"), JAPANESE),
    "nameless": (re.sub(r"<(/?)(?:main|article|header|nav|footer)\b[^>]*>", r"<\1div>", article()), STORY),
    "forum": (FORUM, STORY),
    "listing": (LISTING, ["Narrow boat number 3", "Narrow boat number 11"]),
    "product": (PRODUCT, ["A windlass of solid brass", "It weighs one kilogram"]),
}


def extracted(html: str, mode: Mode = "fast") -> Document:
    before = document(html)
    after = before + Blocks(mode, TODAY).propose(before)
    assert after.undo().text == before.raw
    return after


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", PAGES)
def test_content_stays_menus_go_and_every_page_comes_back(name: str, mode: Mode) -> None:
    html, content = PAGES[name]
    after = extracted(html, mode)
    assert [text for text in content if text not in after.text] == []
    assert "Section 4" not in after.text
    assert "all rights reserved" not in after.text
    assert "\n\n\n" not in after.text
    assert after.text == after.text.strip("\n")
    assert after.labels["extract"] == mode
    kept = [line.text for line in after.lines if line.text]
    gone = [e.before.strip("\n") for e in after.ledger]
    assert sorted(kept + gone) == sorted(line for line in document(html).raw.split("\n") if line)


@pytest.mark.parametrize("mode", MODES)
def test_comments_below_an_article_go(mode: Mode) -> None:
    after = extracted(article(after=COMMENTS), mode)
    assert after.labels["page_type"] == "article"
    assert "oarsman" not in after.text
    assert "who pays for it" not in after.text


@pytest.mark.parametrize("mode", MODES)
def test_an_edit_tells_the_score_and_the_tag_path(mode: Mode) -> None:
    after = extracted(article(), mode)
    assert {e.rule for e in after.ledger} == {"extract/block"}
    assert {e.after for e in after.ledger} == {""}
    notes = {e.before.strip("\n"): e.note for e in after.ledger}
    assert all(re.fullmatch(r"score [01]\.\d\d (?:header|footer)[a-z0-9/]*", note) for note in notes.values())
    assert float(notes["© The Inlet, all rights reserved"].split()[1]) < 0.3


def test_labels_tell_the_type_and_the_score_to_expect() -> None:
    labels = extracted(article()).labels
    confidence = labels["confidence"]
    assert isinstance(confidence, float)
    assert 0.5 < confidence <= 1
    assert round(confidence, 4) == confidence
    assert extracted(FORUM).labels["page_type"] == "forum"


def test_the_same_page_gives_the_same_patch_and_no_mode_asks_the_clock() -> None:
    for mode in MODES:
        before = document(article(after=COMMENTS))
        assert Blocks(mode, TODAY).propose(before) == Blocks(mode, TODAY).propose(before)


def test_fast_never_asks_trafilatura_and_best_asks_it_of_articles(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def fail(*told: object) -> None:
        asked.append(told)
        raise RecursionError

    monkeypatch.setattr(blocks, "main_text", fail)
    assert all(text in extracted(article(), "fast").text for text in STORY)
    assert not asked
    after = extracted(article(), "best")  # what fails is no opinion; the model decides
    assert len(asked) == 1
    assert all(text in after.text for text in STORY)
    assert after.labels["extract"] == "best"


def test_trafilatura_adds_what_the_head_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    known: list[set[str]] = []

    def find(html: str, url: str | None, today: str | None, told: Collection[str]) -> Found:
        known.append(set(told))
        return Found("", {"title": "Another", "author": "Ada Wren", "sitename": "The Inlet"})

    monkeypatch.setattr(blocks, "main_text", find)
    labels = extracted(article(head="<meta property=og:site_name content=Inlet>"), "best").labels
    assert known == [{"title", "sitename"}]
    assert (labels["title"], labels["author"], labels["sitename"]) == (TITLE, "Ada Wren", "Inlet")


def test_lines_that_earlier_stages_edited_are_known_by_where_they_came_from() -> None:
    before = document(article())
    start, sound = before.text.index("Section 3\n"), before.text.index("sounder")
    edited = (
        before
        + Patch("encoding", (Edit(0, 1, "T", "\u03a4", "x"), Edit(sound, sound + 7, "sounder", "", "x")))
        + Patch("repeated", (Edit(start, start + 10, "Section 3\n", "", "x"),))
    )
    after = edited + Blocks("fast").propose(edited)
    assert after.text == extracted(article()).text.replace("sounder", "", 1)
    assert after.undo().text == before.raw


@pytest.mark.parametrize(
    "html", ["<html><body></body></html>", "<html><body><p></p></body></html>", "<html><p>***</html>"]
)
@pytest.mark.parametrize("mode", MODES)
def test_a_page_without_content_keeps_its_text(html: str, mode: Mode) -> None:
    patch = Blocks(mode).propose(document(html))
    assert not patch.edits
    assert patch.labels["extract"] == "nothing-found"


def test_content_that_an_earlier_stage_took_keeps_the_rest() -> None:
    before = document(article())
    kept = extracted(article()).text
    start = before.text.index(kept.split("\n")[0])
    without = before + Patch("repeated", (Edit(start, start + len(kept), kept, "", "x"),))
    patch = Blocks("fast").propose(without)
    assert not patch.edits
    assert patch.labels["extract"] == "nothing-found"


def test_a_text_is_left_alone_and_another_mode_is_refused() -> None:
    assert Blocks("best").propose(document("A sentence.\n")) == Patch("extract")
    with pytest.raises(ValueError, match="'slow'; known: best, fast"):
        Blocks("slow")  # type: ignore[arg-type]


def test_a_hostile_page_takes_linear_time_and_comes_back() -> None:
    html = (
        "<html><body>" + "<div>" * 20_000 + "".join(f"<p>{p}</p>" for p in STORY) + "<ul><li>b" * 4_000
        + '<script type=application/ld+json>{"@type":' + " " * 200_000 + "</script>"
        + '<script type=application/ld+json>' + "[" * 50_000 + "</script>"
    )  # fmt: skip
    began = time.process_time()
    extracted(html)
    assert time.process_time() - began < 10


_piece = st.sampled_from(
    (
        f"<p>{STORY[0]}</p>",
        f"<li>{STORY[1]}",
        "<ul>",
        "</ul>",
        "<a href=/>Home</a>",
        "<table><tr><td>",
        "<br>",
        "x",
        "<pre>\n",
    )
)


@settings(max_examples=60, deadline=None)
@given(st.lists(_piece, max_size=30).map("".join), st.sampled_from(MODES))
def test_any_page_gives_a_patch_that_inverts_and_splits_its_lines(body: str, mode: Mode) -> None:
    before = document(f"<html><body>{body}</body></html>")
    patch = Blocks(mode).propose(before)
    after = before + patch
    assert after.undo().text == before.raw
    gone = [line for e in patch.edits for line in e.before.split("\n") if line]
    assert sorted(gone + [line for line in after.text.split("\n") if line]) == sorted(
        filter(None, before.raw.split("\n"))
    )


def test_the_whole_line_of_stages_runs_it_once() -> None:
    for mode in MODES:
        pipeline = pipeline_of(Settings(clean=Cleaning(extract=mode)), Pipeline().rules, TODAY)
        done = pipeline.clean(document(article(after=COMMENTS)))
        assert [p.stage for p in done.patches].count("extract") == 1
        assert done.undo().text == done.raw
        assert all(text in done.text for text in STORY)


def test_the_command_takes_it_and_restores(tmp_path: Path) -> None:
    pages = tmp_path / "pages"
    pages.mkdir()
    for name, (html, _) in PAGES.items():
        (pages / f"{name}.html").write_text(html, encoding="utf-8")

    def cleaner(*args: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "cleaner", *args], cwd=tmp_path, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr

    cleaner("clean", "pages", "-o", "out", "--extract", "fast", "--workers", "1", "--set", "run.study=false")
    rows = pq.read_table(tmp_path / "out" / "documents").to_pylist()
    labels = {Path(row["id"]).stem: {k: json.loads(v) for k, v in row["labels"]} for row in rows}
    assert {told["extract"] for told in labels.values()} == {"fast"}
    assert labels["forum"]["page_type"] == "forum"
    assert all(0 <= told["confidence"] <= 1 for told in labels.values())
    cleaner("restore", "out", "-o", "back")
    back = {path.stem: path.read_text(encoding="utf-8") for path in (tmp_path / "back").rglob("*") if path.is_file()}
    assert {name: document(html).raw for name, (html, _) in PAGES.items()} == {
        name.removesuffix(".html"): text.removesuffix("\n") for name, text in back.items()
    }
