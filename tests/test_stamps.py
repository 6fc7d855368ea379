"""Date lines by CLDR data: calendar dates and relative times in the document's language and in English."""

from __future__ import annotations

import pytest

from cleaner.stamps import SHAPES


def has(shape: str, line: str, language: str) -> bool:
    return list(SHAPES[shape]([line], [0], language)) == [0]


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("en", "March 3, 2021"), ("en", "Wed, 3 Mar 2021 at 10:15 am"), ("en", "3rd March 2021"), ("en", "2021-03-03"), ("en", "03/03/2021 10:15"),
        ("fr", "3 mars 2021"), ("fr", "mercredi 3 mars 2021 à 10h15"), ("fr", "1er avril 2020"), ("fr", "le 03.03.2021"), ("fr", "Feb 8, 2022"),
        ("de", "3. März 2021"), ("de", "Mittwoch, 03.03.2021, 10:15"), ("es", "3 de marzo de 2021"), ("it", "3 marzo 2021"), ("ru", "3 марта 2021 г."),
        ("pl", "3 marca 2021"), ("uk", "3 березня 2021"), ("tr", "3 Mart 2021"), ("fi", "3. maaliskuuta 2021"), ("ja", "2021年3月3日"), ("zh", "2021年3月3日 10:15"),
        ("ko", "2021년 3월 3일"), ("und", "12.05.2014"), ("en", "| March 3, 2021 |"),
    ],
)  # fmt: skip
def test_a_calendar_date(language: str, line: str) -> None:
    assert has("stamp", line, language)
    assert not has("stamp-ago", line, language)


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("en", "In March 2021 the bridge closed"), ("en", "March"), ("en", "2021"), ("en", "10:15"), ("en", "Version 3.2.1"), ("en", "555-1234567"),
        ("en", "May 3 be with you"), ("fr", "3 mars"[:1]), ("fr", "Le 3 mars 2021, le pont ferma"), ("de", "3. Kapitel"), ("en", "Room 3, floor 2"),
        ("ja", "第3章"), ("en", ""), ("en", "March 3, 2021 to April 4, 2022 and on and on, day by day, week by week"), ("en", "March 123456"),
        ("en", "10-12-14-16"),
    ],
)  # fmt: skip
def test_no_date(language: str, line: str) -> None:
    assert not has("stamp", line, language)


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("en", "2 hours ago"), ("en", "1 day ago"), ("en", "(3 mo. ago)"), ("fr", "il y a 3 jours"), ("fr", "Il y a 1 heure"), ("de", "vor 3 Tagen"),
        ("es", "hace 2 horas"), ("it", "3 giorni fa"), ("ru", "3 дня назад"), ("ja", "3 日前"), ("pl", "5 godzin temu"), ("fr", "2 days ago"),
    ],
)  # fmt: skip
def test_a_relative_time(language: str, line: str) -> None:
    assert has("stamp-ago", line, language)


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("en", "two hours ago"),
        ("en", "2 hours ago the rain stopped"),
        ("en", "in 2 hours"),
        ("fr", "il y a 3 ponts"),
        ("xx", "3 foo bar"),
    ],
)
def test_no_relative_time(language: str, line: str) -> None:
    assert not has("stamp-ago", line, language)
