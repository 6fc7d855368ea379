"""The named shapes: what has them, and what only looks like it."""

from __future__ import annotations

import pytest

from cleaner.fold import fold, fold_plain, plain
from cleaner.shapes import SHAPES

PROSE = "Les ingénieurs ont rendu leur rapport mercredi, et il est meilleur que ce que craignaient les riverains."
TITLE = "Le pont sur le fleuve rouvre enfin"


def shaped(name: str, lines: list[str], hits: list[int] | None = None) -> list[int]:
    return list(SHAPES[name](lines, range(len(lines)) if hits is None else hits))


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([TITLE, TITLE, PROSE], [1]),
        ([TITLE, "LE PONT  sur le fleuve rouvre enfin…", PROSE], [1]),
        (["Accueil", TITLE, "Par Jean", TITLE, PROSE], [3]),
        ([TITLE, PROSE, "x", TITLE], [3]),
        ([TITLE, PROSE, TITLE, TITLE, TITLE], [2, 3, 4]),
        ([TITLE, PROSE, TITLE, TITLE, TITLE, TITLE], []),
        ([TITLE, TITLE, "Une ligne courte."], []),
        ([TITLE, TITLE, PROSE[:80]], []),
        (["Trois mots seulement", "Trois mots seulement", PROSE], []),
        ([TITLE + ".", TITLE + ".", PROSE], []),
        ([TITLE + ",", TITLE + ",", PROSE], []),
        (["x"] * 6 + [TITLE, TITLE, PROSE], []),
        (["橋が再び開通した日に町は祭り", "橋が再び開通した日に町は祭り", "文" * 90 + "。"], [1]),
        ([], []),
    ],
)
def test_title_again(lines: list[str], found: list[int]) -> None:
    assert shaped("title-again", lines) == found


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["Actualité", TITLE, PROSE], [0]),
        (["Nous suivre", "Actualité", TITLE, PROSE], [1]),
        (["a", "b", "Actualité", TITLE, PROSE], [2]),
        (["a", "b", "c", "Actualité", TITLE, PROSE], []),
        (["Actualité.", TITLE, PROSE], []),
        (["Un titre de six mots bien comptés", TITLE, PROSE], []),
        (["Actualité", PROSE, PROSE], []),
        (["Actualité", TITLE, "Une ligne courte."], []),
        (["Actualité"], []),
        (["Une étiquette vraiment longue ici donc", TITLE, PROSE], []),
    ],
)
def test_kicker(lines: list[str], found: list[int]) -> None:
    assert shaped("kicker", lines) == found


def test_masthead_needs_the_headline_twice() -> None:
    assert shaped("masthead", ["Le Courrier", TITLE, TITLE, PROSE]) == [0]
    assert shaped("masthead", ["Le Courrier", TITLE, PROSE]) == []
    assert shaped("masthead", ["Le Courrier", TITLE]) == []


@pytest.mark.parametrize(
    "line",
    [
        "Léopold Moulin",
        "Anne-Marie du Pont",
        "J. K. Martin",
        "Sean O'Neill",
        "Marie van der Berg",
        "Jean Paul Petit Martin",
    ],
)
def test_a_name(line: str) -> None:
    assert shaped("name", [line]) == [0]


@pytest.mark.parametrize(
    "line", ["Léopold", "léopold moulin", "Léopold Moulin écrit", "LÉOPOLD MOULIN", "Rue 12", "Un Deux Trois Quatre Cinq", "de la", "Moulin :", "A" * 21 + " B" + "b" * 21]
)  # fmt: skip
def test_no_name(line: str) -> None:
    assert shaped("name", [line]) == []


BIO = '"Lectrice. Marcheuse du dimanche. Amie des chats. Fan de radio."'


def test_author_bio_stands_under_a_name() -> None:
    assert shaped("author-bio", ["Odile Marchand", BIO]) == [1]
    assert shaped("author-bio", ["Odile Marchand", "x", BIO]) == []
    assert shaped("author-bio", ["Un texte", BIO]) == []
    assert shaped("author-bio", ["Odile Marchand", "Lectrice. Marcheuse. Amie."]) == []
    assert (
        shaped(
            "author-bio",
            ["Odile Marchand", "Lectrice. Marcheuse. Amie. Elle a longtemps vécu dans le nord du pays avant de venir."],
        )
        == []
    )
    assert shaped("author-bio", ["Odile Marchand", BIO], [0]) == []


def test_caption_labels_come_in_pairs() -> None:
    lines = [PROSE, "le maire", "Légende un (Photo : X)", PROSE, "LE PONT", "Légende deux (Photo : Y)", PROSE]
    assert shaped("caption-label", lines, [2, 5]) == [1, 2, 4, 5]
    assert shaped("caption-label", lines, [2]) == []
    assert shaped("caption-label", [PROSE, lines[2], PROSE, lines[5]], [1, 3]) == []
    assert shaped("caption-label", [lines[2], "le pont", lines[5]], [0, 2]) == []
    assert shaped("caption-label", ["a", lines[2], lines[2], "b", lines[5]], [1, 2, 4]) == [0, 1, 3, 4]
    assert shaped("caption-label", ["un deux trois quatre cinq six", lines[2], "b", lines[5]], [1, 3]) == []


@pytest.mark.parametrize(
    ("line", "short"),
    [
        ("Riverside gauges", True),
        ("un deux trois quatre cinq", True),
        ("un deux trois quatre cinq six", False),
        ("Fini.", False),
        ("水位", True),
        ("水位は今日も四メートルを超えて", False),
        ("a" * 41, False),
    ],
)
def test_a_short_line(line: str, short: bool) -> None:
    assert shaped("short-line", [line]) == ([0] if short else [])


@pytest.mark.parametrize(
    ("below", "found"),
    [
        ([PROSE], False),
        (["Menu principal", "Contact", PROSE], False),
        (["水位は今日も四メートルを超えており、橋は夜明けまで閉じられたままであると町は述べた。"], False),
        (["Menu principal", "Contact", "Aide", PROSE], True),
        (["Une ligne courte."] * 3, True),
        ([], True),
    ],
)
def test_an_entry_is_no_headline_of_a_paragraph(below: list[str], found: bool) -> None:
    assert shaped("entry", ["Le barrage", *below], [0]) == ([0] if found else [])


# ---- fold


def test_plain_keeps_offsets_and_maps_blanks_and_apostrophes() -> None:
    text = "l’a\u00a0b\u202fc\td\u3000eʼ´‘′＇«é»\n"
    assert plain(text) == "l'a b c d e'''''«é»\n"
    assert len(plain(text)) == len(text)
    assert plain("rien à faire") == "rien à faire"


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("READ MORE »", "read more"), ("→ Read  more…", "read more"), ("• Share this post:", "share this post"), ("S’ABONNER", "s'abonner"),
        ("Straße", "strasse"), ("- a – b -", "a – b"), ("Quoi ?", "quoi ?"), ("...", ""),
    ],
)  # fmt: skip
def test_fold(line: str, key: str) -> None:
    assert fold(line) == key
    assert fold_plain(fold(line)) == key
