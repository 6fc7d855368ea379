"""What tags, roles and the words of class and id attributes say of an element, as bits."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable
from itertools import accumulate

# One bit each, in this order; a shipped model reads them by place. Of each, patterns of words that begin with letters.
GROUPS = {
    "comment": r"comment disqus respon[sd] repl(?:y|ies) kommentar coment[aá]ri discussion",
    "post": r"post topic thread message forum answer question",
    "share": r"shar(?:e|ing) social follow facebook twitter whatsapp",
    "related": r"relat recommend similar popular trending latest recent suggest also more\b read-?next upsell cross",
    "nav": r"nav menu crumb pagination pager \btoc\b tabs?\b prev next",
    "sidebar": r"side aside rail\b widget secondary col(?:umn)?-?right",
    "footer": r"foot bottom copyright legal colophon",
    "header": r"head(?:er)?\b masthead top-?bar banner logo brand",
    "ad": r"\bads?\b advert sponsor promo outbrain taboola",
    "consent": r"cookie consent gdpr modal popup pop-up overlay dialog toast alert notice",
    "form": r"newsletter subscri sign-?up log-?in register form\b search paywall filter sort button btn \bcta\b",
    "meta": r"meta byline author date time publish bio\b avatar user profile signature",
    "content": r"content article body main entry text story prose markdown rich editor wysiwyg",
    "describe": r"descri detail spec feature about info summary overview",
    "title": r"title headline heading subtitle name\b",
    "card": r"card tile grid item teaser listing result list\b row\b slide carousel",
    "product": r"product price \bsku cart buy shop review rating stock",
    "code": r"code highlight snippet terminal gist",
    "caption": r"caption figure image img gallery photo video media credit",
    "hero": r"hero intro lead\b lede excerpt jumbo chapo abstract",
    "tag": r"tags?\b categor label badge chip taxonomy keyword",
    "hidden": r"hidden hide sr-only visually collapse screen-reader skip noprint print",
    "faq": r"faq accordion toggle expand quote testimonial",
}
NAMES = tuple(GROUPS)
Asked = tuple[int, list[tuple[re.Pattern[str], int]]]
"""What holds where certain letters stand: bits for sure, and bits with what must match there."""


def _starts() -> dict[str, Asked]:
    """Give what holds where the first letters of a pattern stand, and not the first letters of a longer one."""
    letters = re.compile(r"(?:\\b)?([a-z-]+)(?!\?)")
    patterns = [(pattern, 1 << n) for n, group in enumerate(GROUPS.values()) for pattern in group.split()]
    starts = [found[1] for pattern, _ in patterns if (found := letters.match(pattern))]
    made: dict[str, Asked] = {}
    for start in starts:
        within = [p for first, p in zip(starts, patterns, strict=True) if start.startswith(first)]
        sure = sum({bit for pattern, bit in within if pattern in starts})
        made[start] = sure, [(re.compile(pattern), bit) for pattern, bit in within if pattern not in starts]
    return made


def _any_of(words: Collection[str]) -> str:
    """Give a pattern for the longest of the words that stands at a place, without trying one after the other."""
    by_first: dict[str, list[str]] = {}
    for word in words:
        if word:
            by_first.setdefault(word[0], []).append(word[1:])
    branches = [first + _any_of(rest) for first, rest in by_first.items()]
    if not branches:
        return ""
    return f"(?:{'|'.join(branches)}){'?' * ('' in words)}"


_STARTS = _starts()
_START = re.compile(_any_of(_STARTS))

# Ancestors that say something; the first seven are the sectioning elements, which a page may do without.
TAGS = (
    "article main nav header footer aside section form list table figure quote terms link button pre details heading"
).split()
SECTIONING = 7
_TAG_OF = {
    "ul": "list", "ol": "list", "menu": "list", "dir": "list", "dl": "terms", "dt": "terms", "dd": "terms",
    "blockquote": "quote", "q": "quote", "a": "link", "label": "button", "summary": "details", "figcaption": "figure",
    "code": "pre", "h1": "heading", "h2": "heading", "h3": "heading", "h4": "heading", "h5": "heading", "h6": "heading",
    "tr": "table", "td": "table", "th": "table", "fieldset": "form", "picture": "figure",
}  # fmt: skip
_ROLE_OF = {
    "navigation": "nav", "menu": "nav", "menubar": "nav", "main": "main", "banner": "header", "contentinfo": "footer",
    "complementary": "aside", "article": "article", "search": "form", "dialog": "aside", "alertdialog": "aside",
    "articlebody": "article", "button": "button",
}  # fmt: skip
_TAG_BIT = {tag: 1 << TAGS.index(_TAG_OF.get(tag, tag)) for tag in (*TAGS, *_TAG_OF) if _TAG_OF.get(tag, tag) in TAGS}

# What the element of a block can be.
KINDS = "p li h1 h2 h3 row div pre term caption quote inline".split()
_KIND_OF = {
    "p": "p", "li": "li", "h1": "h1", "h2": "h2", "h3": "h3", "h4": "h3", "h5": "h3", "h6": "h3",
    "tr": "row", "pre": "pre", "dt": "term", "dd": "term", "figcaption": "caption", "caption": "caption",
    "blockquote": "quote", "td": "row", "th": "row", "button": "inline", "legend": "inline", "summary": "inline",
}  # fmt: skip


_told: dict[str, int] = {}
_REMEMBERED = 1 << 16  # words: the pages of a site share theirs
_LONGEST = 64


def name_bits(names: Iterable[str]) -> list[int]:
    """Give the groups that each element's class and id words speak of, one bit each.

    >>> [name for n, name in enumerate(NAMES) if name_bits(["comments-area post-12"])[0] >> n & 1]
    ['comment', 'post']
    """
    words = [one.split() if len(one) <= _LONGEST else [word[:_LONGEST] for word in one.split()[:40]] for one in names]
    if len(_told) > _REMEMBERED:
        _told.clear()
    new = {word for some in words for word in some if word not in _told}
    _told.update(zip(new, _word_bits(new), strict=True))
    made = []
    for some in words:
        bits = 0
        for word in some:
            bits |= _told[word]
        made.append(bits)
    return made


def _word_bits(words: Collection[str]) -> list[int]:
    """Look for all words at once: a search for each pattern in each word takes five times as long."""
    text = "\n".join(words).replace("_", "-")
    ends = list(accumulate(len(word) + 1 for word in words))
    bits = [0] * len(ends)
    at = -1
    while (found := _START.search(text, at + 1)) is not None:
        at = found.start()
        held, asked = _STARTS[found[0]]
        for pattern, bit in asked:
            if pattern.match(text, at):
                held |= bit
        if held:
            bits[bisect_right(ends, at)] |= held
    return bits


def tag_bits(tag: str, roles: str) -> int:
    """Give what a tag and its role say, one bit for each of ``TAGS``."""
    bits = _TAG_BIT.get(tag, 0)
    if not roles:
        return bits
    for role in roles.split()[:8]:
        bits |= _TAG_BIT.get(_ROLE_OF.get(role, ""), 0)
    return bits


def kind(tag: str) -> int:
    """Give the place of an element's kind in ``KINDS``."""
    return _PLACE_OF.get(tag, _DIV)


_PLACE_OF = {tag: KINDS.index(name) for tag, name in _KIND_OF.items()}
_DIV = KINDS.index("div")
