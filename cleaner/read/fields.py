"""Fields to records: which field of a row holds the text, and what is told when none does."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from hashlib import sha256

import msgspec

from cleaner.read.record import Fault, Options, Record, too_large

_LONG_ID = 256
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[T ][0-9:.,+Z -]{4,24})?")
_DIGITS = re.compile(r"\d{9,13}")
_KINDS = {bool: "a truth value", int: "a number", float: "a number", list: "a list", dict: "an object"}
# 1990 to 2100 in seconds: other numbers are no dates of a crawl.
_SECONDS = (631_152_000, 4_102_444_800)
_MANY = 12


class Broken(ValueError):
    """A row that cannot be parsed; the message is the reason."""


def printable(name: str) -> str:
    r"""Escape what would tear a list of ids apart: control characters, line separators, lone surrogates.

    >>> printable("a\nb"), printable("été")
    ('a\\nb', 'été')
    """
    return _UNPRINTABLE.sub(lambda m: m[0].encode("unicode_escape").decode(), name)


def named(source: str, given: str | None, place: int) -> str:
    """Give a record's id: the source's, ``#``, and the record's own or its place; a very long one is cut and hashed."""
    own = printable(given.strip()) if given else ""
    if len(own) > _LONG_ID:
        own = f"{own[: _LONG_ID - 20]}~{sha256(own.encode()).hexdigest()[:16]}"
    return f"{source}#{own or place}"


def parsed(line: bytes) -> dict[str, object]:
    """Parse one line of JSONL. Raises ``Broken`` with the reason.

    ``NaN`` and lone surrogates, which Python and JavaScript write, are read.
    """
    try:
        row = msgspec.json.decode(line)
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError) as strict:
        try:
            line.decode()  # msgspec's own word for what is not UTF-8 is another in each version
        except UnicodeDecodeError as e:
            raise Broken(f"not UTF-8: {e.reason}") from e
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            reason = "nested too deeply" if isinstance(strict, RecursionError) else str(strict)
            raise Broken(f"not JSON: {reason}") from strict
    if not isinstance(row, dict):
        raise Broken(f"not a record: the line holds {_kind(row)}, not an object")
    return row


def record(row: Mapping[str, object], source: str, place: int, options: Options) -> Record | Fault:
    """Make a record of a row: its first text field that holds text, else its first HTML field.

    A list of strings is a text of lines. A field of text that holds something else is a fault unless another holds
    text; an id, address or date that is none is left out. Bytes (Parquet has them) are decoded later, as a file's are.
    """
    given = next((text for value in _values(row, options.id) if (text := _plain(value))), None)
    id = named(source, given, place)
    found, faults = None, []
    for name in (*options.text, *options.html):
        value = _value(row, name)
        if isinstance(value, list) and value and all(isinstance(line, str) for line in value):
            value = "\n".join(value)
        if isinstance(value, str | bytes):
            if value and not value.isspace():
                found = name, value
                break
            faults.append(f"field {name!r} is empty")
        elif value is not None:
            faults.append(f"field {name!r} holds {_kind(value)}, not a string")
    if found is None:
        return Fault(id, place, "read", "; ".join(faults) or missing(row, options))
    name, data = found
    if len(data) > options.most_bytes:
        return Fault(id, place, "read", too_large(f"field {name!r} holds more than {options.most_bytes:,} bytes"))
    url = next((v.strip() for v in _values(row, options.url) if isinstance(v, str) and v.strip()), None)
    crawled = next((text for value in _values(row, options.date) if (text := _date(value))), None)
    return Record(id, data, url, None, crawled, True if name not in options.text else None, place)


def missing(names: Mapping[str, object], options: Options) -> str:
    """Say which fields were looked for and which are there."""
    there = sorted(printable(name)[:40] for name in names)
    more = f", … ({len(there)})" if len(there) > _MANY else ""
    looked = ", ".join((*options.text, *options.html))
    return f"no text: none of the fields {looked}; it has {', '.join(there[:_MANY]) or 'none'}{more}"


def _values(row: Mapping[str, object], names: tuple[str, ...]) -> list[object]:
    return [value for name in names if (value := _value(row, name)) is not None]


def _value(row: Mapping[str, object], name: str) -> object:
    if name in row or "." not in name:
        return row.get(name)
    value: object = row
    for part in name.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


def _kind(value: object) -> str:
    return "nothing" if value is None else "a string" if isinstance(value, str) else _KINDS.get(type(value), "no text")


def _plain(value: object) -> str:
    """Give an id as text: a string or a number."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return str(value).strip() if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _date(value: object) -> str:
    """Give a date as ISO 8601: an ISO date, a ``datetime``, or seconds or milliseconds since 1970."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, date):  # a datetime too
        return value.isoformat()
    if isinstance(value, str):
        if _ISO.fullmatch(value.strip()):
            return value.strip()
        value = int(value) if _DIGITS.fullmatch(value) else None
    if isinstance(value, int | float):
        for seconds in (value, value / 1000):
            if _SECONDS[0] <= seconds < _SECONDS[1]:
                return datetime.fromtimestamp(seconds, UTC).isoformat()
    return ""
