"""Bytes to text and back, without losing a byte where that can be had.

The order is: byte order mark, strict UTF-8, what the page or the server declares, detection. A byte order mark
stays in the text as U+FEFF and line ends stay as they are, so that ``encode`` gives the very bytes back.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache


class Unreadable(ValueError):
    """Input that holds no text, or that cannot be had; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded text, the Python codec it was decoded with, and whether ``encode`` gives the same bytes."""

    text: str
    encoding: str
    exact: bool


# The longest first where one mark begins another: UTF-16-LE's mark is the start of UTF-32-LE's.
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

# Python's name of a codec -> the codec browsers use for it (WHATWG Encoding Standard, "Names and labels").
_AS_BROWSERS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "hz": "gb18030",
    "big5": "big5hkscs",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "utf-16": "utf-8",  # a meta element that could be read as ASCII is not in UTF-16
    "utf-16-le": "utf-8",
    "utf-16-be": "utf-8",
}
# Labels seen in pages that Python does not know by that name.
_LABELS = {
    "x-sjis": "cp932",
    "x-gbk": "gb18030",
    "x-euc-jp": "euc_jp",
    "ks_c_5601-1987": "cp949",
    "windows-874": "cp874",
}
# Only these: Python's registry also holds codecs that are not character sets of pages (utf-7, idna, punycode, …).
_WEB = re.compile(
    r"utf-8|cp(?:125\d|866|874|932|949)|iso8859-\d+|koi8-[ru]|mac-(?:roman|cyrillic)|gb18030|big5hkscs|euc_jp|iso2022_jp"
)
_SLOPPY = re.compile(r"cp125\d|cp874")

_SIGNATURES = (
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF87a", "a GIF image"),
    (b"GIF89a", "a GIF image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"\x00\x00\x01\x00", "an icon"),
    (b"wOFF", "a WOFF font"),
    (b"wOF2", "a WOFF font"),
    (b"PK\x03\x04", "a ZIP archive (or an office document, which is one)"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\x1f\x8b", "gzip data"),
    (b"BZh", "bzip2 data"),
    (b"\xfd7zXZ\x00", "xz data"),
    (b"\x28\xb5\x2f\xfd", "zstd data"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old office document"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90\x00", "a program"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"PAR1", "a Parquet file"),
    (b"OggS", "an Ogg recording"),
    (b"ID3", "an MP3 recording"),
    (b"fLaC", "a FLAC recording"),
    (b"\x1aE\xdf\xa3", "a Matroska film"),
)
_BRANDS = (
    (0, b"RIFF", 8, b"WEBP", "a WebP image"),
    (0, b"RIFF", 8, b"WAVE", "a WAV recording"),
    (0, b"RIFF", 8, b"AVI ", "an AVI film"),
    (4, b"ftyp", 4, b"ftyp", "an MP4 film or an AVIF image"),
    (257, b"ustar", 257, b"ustar", "a tar archive"),
)
# ASCII control characters but tab, the line ends, form feed, backspace (man pages) and escape (terminal logs).
_CONTROLS = bytes(set(range(32)) - set(b"\b\t\n\f\r\x1b") | {127})
_SURROGATES = re.compile(r"[\ud800-\udfff]")
# Random bytes read as cp1252 hold 10 % control characters; 499 pages of WCXB hold none.
_MOST_CONTROLS = 0.02
_MOST_NULS = 0.01
# chardet reads 15 MB/s; 64 KiB around the first byte that is not ASCII decide as well as a megabyte.
_SAMPLE = 65536
# Letters of Cyrillic, Greek, Arabic or Thai stand side by side, accented Latin letters (and the lead bytes of some
# East Asian text) alone: asked without this,
# chardet calls "L’été à la plage, très déçu" cp1251.
_LONE = ("cp1252", "cp1250", "cp1254", "cp1257", "iso8859-2", "cp932", "big5hkscs", "gb18030", "cp949")
_HIGH = re.compile(rb"[\x80-\xff]")
_NEIGHBOURS = re.compile(rb"[\x80-\xff]{3,}")


def decode(data: bytes, declared: str | None = None) -> Decoded:
    r"""Decode bytes of unknown encoding; ``declared`` is the label a page or a server gives, if any.

    Raises ``Unreadable`` for empty input and for what is not text, naming what it is.

    >>> decode("Été\r\n".encode("cp1252"), "latin-1")
    Decoded(text='Été\r\n', encoding='cp1252', exact=True)
    """
    if not data:
        raise Unreadable("empty: it holds no bytes")
    if what := _signature(data):
        raise Unreadable(f"not text: {what}")
    candidates = _candidates(data, declared)
    text, encoding = next(found for found in candidates if found is not None)
    coded = text.encode("utf-8", "surrogatepass")
    _refuse_junk(text, coded)
    if coded == data and encoding == "utf-8":  # as most are: strict UTF-8 holds no surrogates
        return Decoded(text, encoding, True)
    clean = without_surrogates(text)
    return Decoded(clean, encoding, encode(clean, encoding) == data)


def encode(text: str, encoding: str) -> bytes:
    """Give the bytes of a text that ``decode`` gave with this encoding; what it cannot hold becomes ``?``."""
    if _SLOPPY.fullmatch(encoding):
        return codecs.charmap_encode(text, "replace", _tables(encoding)[1])[0]
    return text.encode(encoding, "replace")


def without_surrogates(text: str) -> str:
    """Put U+FFFD in the place of every lone surrogate, which no file can hold."""
    try:
        text.encode()  # a search takes eight times as long
    except UnicodeEncodeError:
        return _SURROGATES.sub("\ufffd", text)
    return text


def _candidates(data: bytes, declared: str | None) -> Iterator[tuple[str, str] | None]:
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            yield data.decode(encoding, "replace"), encoding
    label = _codec(declared)
    if b"\x1b$" in data and data.isascii():  # ISO-2022-JP is seven bits wide: strict UTF-8 would take it
        yield _strict(data, label if label == "iso2022_jp" else _detected(data))
    if data.count(b"\x00") > _MOST_NULS * len(data):
        yield _wide(data)
    yield _strict(data, "utf-8")
    if label != "utf-8":
        yield _strict(data, label)
    yield _damaged_utf8(data, label)
    yield _strict(data, _detected(data))
    if label is not None:
        yield data.decode(label, "replace"), label
    yield codecs.charmap_decode(data, "strict", _tables("cp1252")[0])[0], "cp1252"


def _codec(label: str | None) -> str | None:
    """Give the codec that browsers use for a label; None for what is no character set of the web."""
    if not label:
        return None
    name = label.strip().lower()
    try:
        name = codecs.lookup(_LABELS.get(name, name)).name
    except (LookupError, ValueError):  # ValueError: a NUL in the name
        return None
    name = _AS_BROWSERS.get(name, name)
    return name if _WEB.fullmatch(name) else None


@cache
def _tables(codec: str) -> tuple[str, dict[int, int]]:
    """Give the decoding and encoding tables of a Windows code page, each undefined byte as its own number."""
    chars = []
    for b in range(256):
        try:
            chars.append(bytes((b,)).decode(codec))
        except UnicodeDecodeError:
            chars.append(chr(b))
    table = "".join(chars)
    return table, {ord(c): b for b, c in enumerate(table)}


def _strict(data: bytes, encoding: str | None) -> tuple[str, str] | None:
    if encoding is None:
        return None
    if _SLOPPY.fullmatch(encoding):
        return codecs.charmap_decode(data, "strict", _tables(encoding)[0])[0], encoding
    try:
        return data.decode(encoding), encoding
    except UnicodeDecodeError:
        return None


def _wide(data: bytes) -> tuple[str, str] | None:
    """Read UTF-16 without a mark: of its ASCII characters every other byte is NUL."""
    sample = data[: _SAMPLE & ~1]
    first, second = sample[::2].count(0), sample[1::2].count(0)
    if min(first, second) * 20 < max(first, second):
        return _strict(data, "utf-16-le" if second > first else "utf-16-be")
    return None


def _damaged_utf8(data: bytes, label: str | None) -> tuple[str, str] | None:
    """Read UTF-8 that a cut or a stray byte has damaged: four good sequences for a bad one, one if it is declared.

    A text of another encoding has next to no good sequences: ``é`` of cp1252 is followed by an ASCII letter.
    """
    text = data.decode("utf-8", "replace")
    bad = text.count("\ufffd")
    good = sum(1 for _ in re.finditer(r"[^\x00-\x7f\ufffd]", text))
    return (text, "utf-8") if good >= bad * (1 if label == "utf-8" else 4) else None


def _detected(data: bytes) -> str | None:
    import chardet  # for the few that need it: 0.02 s

    high = re.search(rb"[\x80-\xff]|\x1b\$", data)
    start = max(0, high.start() - 1024) if high else 0
    sample = data[start & ~1 :][:_SAMPLE]  # even, so that the halves of UTF-16 units stay together
    lone = 2 * sum(map(len, _NEIGHBOURS.findall(sample))) < len(_HIGH.findall(sample))
    found = chardet.detect(
        sample,
        encoding_era=chardet.EncodingEra.MODERN_WEB,
        compat_names=False,
        include_encodings=_LONE if lone else None,
    )["encoding"]
    try:
        name = codecs.lookup(found or "").name
    except LookupError:
        return None
    return name if name.startswith("utf-") else _AS_BROWSERS.get(name, name)


def _signature(data: bytes) -> str | None:
    for magic, what in _SIGNATURES:
        if data.startswith(magic):
            return what
    for at, magic, then, brand, what in _BRANDS:
        if data[at : at + len(magic)] == magic and data[then : then + len(brand)] == brand:
            return what
    return None


def _refuse_junk(text: str, coded: bytes) -> None:
    nuls, controls = coded.count(0), len(coded) - len(coded.translate(None, _CONTROLS))
    if nuls > 1 and nuls > _MOST_NULS * len(text):
        raise Unreadable(f"not text: {nuls / len(text):.0%} of its characters are NUL")
    if controls > 1 and controls > _MOST_CONTROLS * len(text):
        raise Unreadable(f"not text: {controls / len(text):.0%} of its characters are control characters")
