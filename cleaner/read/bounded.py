"""Pages that parse in linear time: the same page, unless it is very large or was made to stall a parser."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Their edges part lines of text.
BLOCKS = _words(
    "address article aside blockquote body button caption center dd details dialog dir div dl dt fieldset figcaption"
    " figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr legend li listing main menu nav ol optgroup p plaintext pre"
    " search section summary table tbody td tfoot th thead tr ul xmp"
)
# The HTML parsing algorithm walks the stack of open elements for each block and rebuilds unclosed formatting
# elements in each block: 100,000 nested divs take lexbor 39 s, 4,000 unclosed <b id=…> become 8 million nodes, an
# element with 20,000 attributes takes 1.3 s. Smaller pages than these cannot take a tenth of a second.
_MANY_TAGS, _LONG_TAG = 5000, 16384
_DEEP = 512  # as deep as Blink nests
_CROWDED = 256
_RAW = "script style textarea title xmp iframe noembed noframes".split()
_RAW_ENDS = {name: re.compile(f"(?i)</{name}") for name in _RAW}
# Behind a "<": a comment, or raw text up to the name of its end. What looks like a tag inside is none.
_OPAQUE = "|".join(
    [r"!--[^-]*+(?:-(?!->)[^-]*+)*+(?:-->)?"]
    + [rf"{name}\b[^<]*+(?:<(?!/{name})[^<]*+)*+(?:</{name})?" for name in _RAW]
)
_MARKUP = re.compile(rf"<(?:{_OPAQUE}|(?P<close>/?)(?P<name>[a-z][^\s/>]*+))", re.IGNORECASE)
_FORMATTING = _words("b big code em font i nobr s small strike strong tt u")
# Elements that never stay open (void), or that the next of their kind closes.
_UNCOUNTED = _words(
    "area base br col embed hr img input link meta param source track wbr"
    " p li dd dt tr td th tbody thead tfoot colgroup caption option optgroup rp rt rtc rb a html head body"
)
_EASY = _UNCOUNTED | _FORMATTING
# Tags as far as their names, and what is opaque.
_TAGS = re.compile(rf"(<(?:{_OPAQUE}|/?[a-z][^\s/>]*+))", re.IGNORECASE)
_IS_OPAQUE = re.compile(rf"<(?:!|(?:{'|'.join(_RAW)})\b)", re.IGNORECASE)
_PART = r"[\s/]*+[^\s/>=]++(?:\s*+=\s*+(?:\"[^\"]*+\"?|'[^']*+'?|[^\s>]*+))?+|[\s/=]++"
_START = r"[a-zA-Z][^\s/>]*+"
_ATTRIBUTE = re.compile(_PART)
_OPENING = re.compile(r"<!--.*?(?:-->|\Z)|<(?P<name>[a-zA-Z][^\s/>]*+)", re.DOTALL)
# A page up to its first crowded element. What it has looked at it never looks at again: a search for such an element
# would begin anew at each "<", and "<script<script<script…" is one element to each of them.
# Most elements are seen at a glance to have few attributes: a="b" alone, or that and bare ones, 21 at most in each of
# 12 stretches.
_PLAINEST = r"[a-zA-Z][a-zA-Z0-9-]*+(?: [a-zA-Z0-9:_@.-]++=\"[^\"]*+\"){0,200}+ ?/?>"
_PLAIN = r"[a-zA-Z][^\s/>\"'=]*+(?=[\s/>])(?:[^\"'>=]{0,40}+(?<![\s/\"'])=\"[^\"]*+\"){0,11}+[^\"'>=]{0,8}+>"
_UNCROWDED = re.compile(
    rf"(?:[^<]*+<(?:(?![a-zA-Z])|{_PLAINEST}|{_PLAIN}|{_START}(?>{_PART}){{0,{_CROWDED - 1}}}+(?!{_PART})))*+[^<]*+"
)


def bounded(html: str) -> str:
    """Give the page so that parsing it takes linear time: the same page, unless it is very large or hostile.

    Past 512 open elements a block becomes a line break and other elements nothing; formatting elements of pages
    with more than 5,000 tags go; an element keeps its first 256 attributes. The words stay.
    """
    if len(html) > _LONG_TAG and _is_crowded(html):
        html = "".join(_uncrowded(html))
    if html.count("<") <= _MANY_TAGS:
        return html
    parts = _TAGS.split(html)
    tags = parts[1::2]
    names = {tag: tag[1:].lower() for tag in {*tags} if not _IS_OPAQUE.match(tag)}
    if _is_deep(tags, {tag: name for tag, name in names.items() if name.lstrip("/") not in _EASY}):
        return _shallow(html)
    plain = {tag: "<wbr" for tag, name in names.items() if name.lstrip("/") in _FORMATTING}
    parts[1::2] = [plain.get(tag, tag) for tag in tags]
    return "".join(parts)


def _is_deep(tags: Iterable[str], names: Mapping[str, str]) -> bool:
    """Tell whether more elements are open at once than may be, as ``_shallow`` counts them."""
    stack: list[str] = []
    opened: dict[str, int] = {}
    for tag in tags:
        name = names.get(tag)
        if name is None:
            continue
        if name[0] != "/":
            if len(stack) >= _DEEP:
                return True
            stack.append(name)
            opened[name] = opened.get(name, 0) + 1
        elif opened.get(name := name[1:]):
            while (last := stack.pop()) != name:
                opened[last] -= 1
            opened[name] -= 1
    return False


def _shallow(html: str) -> str:
    stack: list[str] = []
    opened: dict[str, int] = {}

    def shallow(m: re.Match[str]) -> str:
        if m["name"] is None:
            return m[0]
        name = m["name"].lower()
        if name in _FORMATTING:
            return "<wbr"
        if name in _UNCOUNTED:
            return m[0]
        deep = len(stack) >= _DEEP
        if not m["close"]:
            stack.append(name)
            opened[name] = opened.get(name, 0) + 1
        elif opened.get(name):
            while (last := stack.pop()) != name:
                opened[last] -= 1
            opened[name] -= 1
            deep = len(stack) >= _DEEP
        return m[0] if not deep else "<br" if name in BLOCKS else "<wbr"

    return _MARKUP.sub(shallow, html)


def _is_crowded(html: str) -> bool:
    found = _UNCROWDED.match(html)
    return found is not None and found.end() < len(html)


def _uncrowded(html: str) -> Iterator[str]:
    """Yield the page in pieces, without the attributes past the 256th of an element."""
    done = at = 0
    while (tag := _OPENING.search(html, at)) is not None:
        at, count = tag.end(), 0
        if tag["name"] is None:
            continue
        while (attribute := _ATTRIBUTE.match(html, at)) is not None:
            at = attribute.end()
            count += 1
            if count == _CROWDED:
                yield html[done:at]
            done = at if count >= _CROWDED else done
        if (end := _RAW_ENDS.get(tag["name"].lower())) is not None:  # a script's "a<b" opens no element
            closing = end.search(html, at)
            at = closing.start() if closing else len(html)
    yield html[done:]
