"""The site of a document: the registered domain of its address, or the top folder of its id."""

from __future__ import annotations

from functools import cache, lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from cleaner.document import Document

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

From = Literal["domain", "folder"]
"""What tells the site: the domain of the address, or the first folder of the id (``--site-from folder``)."""


def site_of(document: Document, by: From = "domain") -> str | None:
    """Give the site a document is of, or None: then it has no share in what a site repeats.

    >>> site_of(Document("a", "", url="https://www.wines.example.co.uk/rose?page=2"))
    'example.co.uk'
    >>> site_of(Document("wines/2024/rose.txt", ""), "folder"), site_of(Document("rose.txt", ""), "folder")
    ('wines', None)
    """
    return folder(document.id) if by == "folder" else domain(document.url or "")


def folder(id: str) -> str | None:
    """Give the first component of a document's id, if it has more than one."""
    top, slash, _ = id.partition("/")
    return top if top and slash else None


def domain(url: str) -> str | None:
    """Give the registered domain of an address; a host that has none (an IP address, ``localhost``) is its own site.

    What can be registered is told by the public suffix list (https://publicsuffix.org), its private part included:
    every blog of ``github.io`` is a site. None for what is no address with a host.
    """
    try:
        host = urlsplit(url).hostname
    except ValueError:  # as in http://[x
        return None
    return _registered(host.rstrip(".")) if host and host.strip(".") else None


@lru_cache(65536)
def _registered(host: str) -> str:
    try:
        return str(ip_address(host))
    except ValueError:
        pass
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:  # an empty label, or one longer than 63 characters
            return host
    return _suffixes().privatesuffix(host) or host


@cache
def _suffixes() -> PublicSuffixList:
    from publicsuffixlist import PublicSuffixList  # reads its list in 0.1 s

    return PublicSuffixList()
