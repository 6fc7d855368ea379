"""Files and strings to documents."""

from __future__ import annotations

import os
import re
import sys
from hashlib import sha256

from cleaner.document import Document, Label
from cleaner.read.decode import decode, without_surrogates
from cleaner.read.inputs import walk as walk
from cleaner.read.record import Source as Source
from cleaner.read.streams import bare, whole

_TEXT = frozenset((".txt", ".text"))
_PAGE = frozenset((".html", ".htm", ".xhtml"))
# As their generator meta elements begin, and as rules/cms names them.
_CMS = re.compile(
    r"(?i)\s*(wordpress|drupal|joomla|mediawiki|blogger|ghost|discourse|phpbb|typo3|wix|squarespace|shopify|hugo|jekyll"
    r"|substack|webflow|prestashop|xenforo|vbulletin|moodle|dokuwiki|docusaurus|sphinx|spip|plone|contao|concrete5)\b"
)


def read(source: Source) -> Document:
    """Read one file: ``.txt`` as text, ``.html``, ``.htm`` and ``.xhtml`` as a page, others as what they look like.

    A compressed file (gzip, zstd, bzip2, xz, by its first bytes) is one document; so is a file of many records, if
    it holds text at all (``cleaner.read.records.documents`` tells them apart).

    Raises ``Unreadable`` with the reason when the file cannot be opened or holds no text.
    """
    return made(whole(source, sys.maxsize), source.id, None, None, by_name(os.fspath(source.path)))


def by_name(path: str) -> bool | None:
    """Tell by its name whether a file is a page; None when its looks decide.

    >>> by_name("a.HTM"), by_name("a.txt.gz"), by_name("a.md")
    (True, False, None)
    """
    suffix = os.path.splitext(bare(os.path.basename(path)))[1]
    return False if suffix in _TEXT else True if suffix in _PAGE else None


def document(data: bytes | str, id: str = "-", url: str | None = None, declared: str | None = None) -> Document:
    """Make a document of a text or a page, whichever it is; ``declared`` is the encoding a server gave for bytes.

    A page without ``url`` gets the one it gives for itself (label ``url_from``). Lone surrogates in a string
    become U+FFFD. Raises ``Unreadable`` for bytes that hold no text.

    >>> document("<!doctype html><p>Une <b>page</b>.").text, document("Du texte.\\n").raw
    ('Une page.', 'Du texte.\\n')
    """
    return made(data, id, url, declared, None)


def made(data: bytes | str, id: str, url: str | None, declared: str | None, page: bool | None) -> Document:
    """Make a document as ``document`` does, of what is known to be a page or to be none; None lets its looks decide."""
    if isinstance(data, bytes):
        decoded = decode(data, declared or _declared(data))
        text, encoding, exact = decoded.text, decoded.encoding, decoded.exact
        source = data
    else:
        text, encoding = without_surrogates(data), "utf-8"
        exact, source = text == data, text.encode()
    labels: dict[str, Label] = {"encoding": encoding, "exact": exact, "source_sha256": sha256(source).hexdigest()}
    if page is None:
        page = _is_page(text)
    if not page:
        labels |= {"format": "text", "raw_sha256": sha256(text.encode()).hexdigest()}
        return Document(id, text, url, source=labels)
    from cleaner.read.html import linearise  # with the parser: 0.03 s, for a text not at all

    linear = linearise(text)
    # Never exact: the linearised text is what can be given back, not the page’s bytes.
    labels |= {"format": "html", "exact": False, "raw_sha256": sha256(linear.text.encode()).hexdigest()}
    if url is None and linear.url is not None:
        url = linear.url
        labels["url_from"] = "page"
    if cms := _CMS.match(linear.generator):
        labels["cms"] = cms[1].lower()
    return Document(id, linear.text, url, hints=linear.hints, source=labels, html=text)


def _declared(data: bytes) -> str | None:
    if b"<" not in data[:4096]:
        return None
    from cleaner.read.html import declared_charset

    return declared_charset(data)


def _is_page(text: str) -> bool:
    if "<" not in text:
        return False
    from cleaner.read.html import is_html

    return is_html(text)
