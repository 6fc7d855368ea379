"""What a page tells of itself in its head: title, author, date, site; read cheaply, never guessed from its text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from html import unescape
from typing import NamedTuple, TypeGuard

from cleaner.read.parser import Head

_LONGEST = 300  # characters of a value: what is longer is a text, not a name
_MOST = 3000  # with entities and blanks
_SINCE = "1995"  # trafilatura believes no earlier date either
_DAY = re.compile(r"\s*(\d{4}-\d\d-\d\d)(?!\d)")
_DATES = ("article:published_time", "og:article:published_time", "dc.date.issued", "dcterms.created", "dc.date", "date")
_AUTHORS = ("author", "article:author", "dc.creator", "parsely-author")
_ENDS = " \t-–—|·•:»«/"
_WORKS = ("Article", "Posting", "Report", "Page", "Recipe", "Question")

Thing = Mapping[str, object]


class About(NamedTuple):
    """What a page tells of itself; empty where it tells nothing. ``date`` is the day it was published, ISO."""

    title: str = ""
    author: str = ""
    date: str = ""
    sitename: str = ""


def about(head: Head) -> About:
    """Give what the meta elements, the JSON-LD, the title and a lone ``h1`` of a page tell. Never raises; linear time.

    The first that speaks counts: for the title ``og:title``, the only ``h1``, the ``title`` element (less the site's
    name behind it); for the date ``article:published_time``, the JSON-LD's ``datePublished``, the meta ``date``.
    """
    told = _metas(head)
    things = list(_things(head))
    named = {id_: thing for thing in things if isinstance(id_ := thing.get("@id"), str)}
    works = [thing for thing in things if _is_work(thing)]
    works.sort(key=lambda thing: _type(thing).endswith("Page"))  # the article before the page that shows it
    site = _first((_plain(told.get("og:site_name")), *(_name(work.get("publisher"), named) for work in works)))
    heads = [text for heading in head.headings if (text := _plain(heading))]
    titles = (_plain(told.get("og:title")), heads[0] if len(heads) == 1 else "", _plain(head.title))
    authors = (*map(_no_address, map(told.get, _AUTHORS)), *(_name(work.get("author"), named) for work in works))
    published = told.get(_DATES[0]), *(work.get("datePublished") for work in works), *map(told.get, _DATES[1:])
    return About(_without(_first(titles), site), _first(authors), _first(map(_day, published)), site)


def _metas(head: Head) -> dict[str, str]:
    found: dict[str, str] = {}
    for attributes in head.metas:
        name = attributes.get("property") or attributes.get("name")
        if name and (value := attributes.get("content")) and value.strip():
            found.setdefault(name.strip().lower(), value)
    return found


def _things(head: Head) -> Iterator[Thing]:
    """Yield the things on the top of a page's JSON-LD, not those inside them: a product's reviews have dates too."""
    for text in head.data:
        try:
            held: object = json.loads(text, strict=False)
        except (ValueError, RecursionError):
            continue
        for thing in _many(held):
            if _is_thing(thing):
                yield thing
                yield from filter(_is_thing, _many(thing.get("@graph")))


def _many(value: object) -> Iterable[object]:
    return value if isinstance(value, list) else (value,)


def _is_thing(value: object) -> TypeGuard[Thing]:
    return isinstance(value, dict)


def _type(thing: Thing) -> str:
    return next((kind for kind in _many(thing.get("@type")) if isinstance(kind, str)), "")


def _is_work(thing: Thing) -> bool:
    return any(isinstance(kind, str) and kind.endswith(_WORKS) for kind in _many(thing.get("@type")))


def _name(value: object, named: Mapping[str, Thing]) -> str:
    """Give the names of persons or organisations, parted by ``; `` as trafilatura parts them."""
    names: dict[str, None] = {}
    for one in _many(value):
        held = one
        if _is_thing(held):
            known = held.get("@id")
            held = held.get("name") or (named.get(known, {}).get("name") if isinstance(known, str) else None)
        if isinstance(held, str) and (name := _no_address(held)):
            names[name] = None
    told = "; ".join(names)
    return told if len(told) <= _LONGEST else ""


def _first(values: Iterable[str]) -> str:
    return next(filter(None, values), "")


def _plain(value: object) -> str:
    """Give a text on one line, entities that were written twice resolved; nothing where it is too long to be a name."""
    if not isinstance(value, str) or len(value) > _MOST:
        return ""
    plain = " ".join(unescape(value).split())
    return plain if len(plain) <= _LONGEST else ""


def _no_address(value: object) -> str:
    plain = _plain(value)
    return "" if "://" in plain or plain.startswith(("@", "//", "www.")) else plain


def _day(value: object) -> str:
    """Give the day of an ISO date; nothing for what is none, or for a day before ``_SINCE``."""
    found = _DAY.match(value) if isinstance(value, str) else None
    if found is None or found[1] < _SINCE:
        return ""
    try:
        return date.fromisoformat(found[1]).isoformat()
    except ValueError:
        return ""


def _without(title: str, site: str) -> str:
    """Give a title without the site's name behind it.

    >>> _without("A quiet harbour | The Inlet", "The Inlet"), _without("The Inlet", "The Inlet")
    ('A quiet harbour', 'The Inlet')
    """
    if not site or not title.casefold().endswith(site.casefold()):
        return title
    before = title[: len(title) - len(site)]
    bare = before.rstrip(_ENDS)
    return bare if bare and bare != before.rstrip() else title
