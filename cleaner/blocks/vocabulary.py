"""What tags, roles and the words of class and id attributes say of an element, as bits."""

from __future__ import annotations

import re
from functools import lru_cache

# One bit each, in this order; a shipped model reads them by place.
_GROUPS = {
    "comment": r"comment|disqus|respon[sd]|repl(?:y|ies)|kommentar|coment[aá]ri|discussion",
    "post": r"post|topic|thread|message|forum|answer|question",
    "share": r"shar(?:e|ing)|social|follow|facebook|twitter|whatsapp",
    "related": r"relat|recommend|similar|popular|trending|latest|recent|suggest|also|more\b|read-?next|upsell|cross",
    "nav": r"nav|menu|crumb|pagination|pager|\btoc\b|tabs?\b|prev|next",
    "sidebar": r"side|aside|rail\b|widget|secondary|col(?:umn)?-?right",
    "footer": r"foot|bottom|copyright|legal|colophon",
    "header": r"head(?:er)?\b|masthead|top-?bar|banner|logo|brand",
    "ad": r"\bads?\b|advert|sponsor|promo|outbrain|taboola",
    "consent": r"cookie|consent|gdpr|modal|popup|pop-up|overlay|dialog|toast|alert|notice",
    "form": r"newsletter|subscri|sign-?up|log-?in|register|form\b|search|paywall|filter|sort|button|btn|\bcta\b",
    "meta": r"meta|byline|author|date|time|publish|bio\b|avatar|user|profile|signature",
    "content": r"content|article|body|main|entry|text|story|prose|markdown|rich|editor|wysiwyg",
    "describe": r"descri|detail|spec|feature|about|info|summary|overview",
    "title": r"title|headline|heading|subtitle|name\b",
    "card": r"card|tile|grid|item|teaser|listing|result|list\b|row\b|slide|carousel",
    "product": r"product|price|\bsku|cart|buy|shop|review|rating|stock",
    "code": r"code|highlight|snippet|terminal|gist",
    "caption": r"caption|figure|image|img|gallery|photo|video|media|credit",
    "hero": r"hero|intro|lead\b|lede|excerpt|jumbo|chapo|abstract",
    "tag": r"tags?\b|categor|label|badge|chip|taxonomy|keyword",
    "hidden": r"hidden|hide|sr-only|visually|collapse|screen-reader|skip|noprint|print",
    "faq": r"faq|accordion|toggle|expand|quote|testimonial",
}
NAMES = tuple(_GROUPS)
_BITS = tuple((re.compile(pattern), 1 << n) for n, pattern in enumerate(_GROUPS.values()))

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


@lru_cache(maxsize=1 << 16)
def word_bits(word: str) -> int:
    """Give the groups that one word of a class or id attribute speaks of, one bit each."""
    word = word[:64].replace("_", "-")
    return sum(bit for pattern, bit in _BITS if pattern.search(word))


@lru_cache(maxsize=1 << 14)
def name_bits(names: str) -> int:
    """Give the groups that an element's class and id words speak of.

    >>> [name for n, name in enumerate(NAMES) if name_bits("comments-area post-12") >> n & 1]
    ['comment', 'post']
    """
    bits = 0
    for word in names.split()[:40]:
        bits |= word_bits(word)
    return bits


def tag_bits(tag: str, roles: str) -> int:
    """Give what a tag and its role say, one bit for each of ``TAGS``."""
    bits = _TAG_BIT.get(tag, 0)
    for role in roles.split()[:8]:
        bits |= _TAG_BIT.get(_ROLE_OF.get(role, ""), 0)
    return bits


def kind(tag: str) -> int:
    """Give the place of an element's kind in ``KINDS``."""
    return KINDS.index(_KIND_OF.get(tag, "div"))
