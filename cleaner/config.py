"""Where settings come from: ``cleaner.toml``, ``--set`` and options, checked before anything runs; and back to TOML."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import msgspec

from cleaner.rules import CLASSES
from cleaner.settings import Key, Settings, built, get, keys, sections

FILE = "cleaner.toml"
"""The file that is read when none is named and it lies in the current folder."""


class ConfigError(ValueError):
    """Settings that cannot be used; each line of the message names place, key, fault and choices."""


class Effective(NamedTuple):
    """The settings that hold, and for each key that was given where: ``cleaner.toml:3``, ``--set``, an option."""

    settings: Settings
    origins: Mapping[str, str]


def _choices(given: str, known: Iterable[str]) -> str:
    known = list(known)
    near = get_close_matches(given, known, 3)
    few = f"known: {', '.join(sorted(known))}" if len(known) <= 40 or not near else ""
    return "; ".join(filter(None, (f"did you mean {' or '.join(map(repr, near))}?" if near else "", few)))


def _unknown(name: str) -> str:
    """Say what is wrong with a name that is no key."""
    if name in sections():
        return f"is a section, not a key; known: {', '.join(key for key in keys() if key.startswith(f'{name}.'))}"
    above, _, last = name.rpartition(".")
    if above in sections():
        inside = [key.rpartition(".")[2] for key in (*keys(), *sections()) if key.rpartition(".")[0] == above]
        return f"unknown key; {_choices(last, inside)}"
    elsewhere = [key for key in keys() if key.rpartition(".")[2] == last]
    if elsewhere:
        return f"unknown key; did you mean {' or '.join(map(repr, elsewhere))}?"
    near = get_close_matches(name, keys(), 3)
    told = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
    return f"unknown key; {told}sections: {', '.join(sections())}"


def _checked(key: Key, value: object) -> object:
    """Give the value as its key's type has it. Raises ``ValueError`` with the fault."""
    if key.literals and isinstance(value, str) and value not in key.literals:
        raise ValueError(f"unknown value {value!r}; {_choices(value, key.literals)}")
    try:
        checked: object = msgspec.convert(value, key.type)
    except msgspec.ValidationError as error:
        fault = str(error).replace(" | null", "").replace(" - at `$", " at `value")
        raise ValueError(f"{fault} (given: {value!r})") from error
    for text in checked if isinstance(checked, tuple) else ():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"{text!r} is not Unicode text") from error
    if key.name == "clean.keep":
        for name in (name for name in checked if name not in CLASSES):  # type: ignore[attr-defined]
            raise ValueError(f"unknown class {name!r}; {_choices(name, CLASSES)}")
    if key.name == "drop.languages_kept" and "und" in checked:  # type: ignore[operator]
        raise ValueError("'und' is no language; drop.und says what becomes of documents of unknown language")
    return checked


class _Given(NamedTuple):
    name: str
    value: object
    origin: str


def _leaves(table: Mapping[str, object], above: str = "") -> Iterator[tuple[str, object]]:
    """Yield the dotted keys of a table. A table that stands where no section is counts as one value."""
    for key, value in table.items():
        name = above + key
        if isinstance(value, dict) and any(known.startswith(f"{name}.") for known in keys()):
            yield from _leaves(value, f"{name}.")
        else:
            yield name, value


def _places(text: str) -> dict[str, int]:
    """Give the line, from 1, at which each dotted key of valid TOML stands: statement by statement, as TOML is."""
    places: dict[str, int] = {}
    section: tuple[str, ...] = ()
    statement, begun = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        begun = begun if statement else number
        statement += line + "\n"
        try:
            table = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:  # a value goes on in the next line
            continue
        if statement.lstrip().startswith("["):
            section = ()
            while isinstance(table, dict) and table:
                name, table = next(iter(table.items()))
                section += (name,)
            places.setdefault(".".join(section), begun)
        else:
            above = "".join(f"{name}." for name in section)
            places |= {name: begun for name, _ in _leaves(table, above)}
        statement = ""
    return places


def _from_file(path: Path) -> list[_Given]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        table = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: is no TOML: {error}") from error
    places = _places(text)
    given = []
    for name, value in _leaves(table):
        if name == "clean.rules" and isinstance(value, list) and path.parent != Path():
            value = [os.path.join(path.parent, each) if isinstance(each, str) else each for each in value]
        given.append(_Given(name, value, f"{path}:{places[name]}" if name in places else str(path)))
    return given


def _from_set(told: str) -> _Given:
    """Read ``key=value``; the value is TOML, but strings need no quotes and a list is also told with commas."""
    name, equals, raw = told.partition("=")
    name, raw = name.strip(), raw.strip()
    if not equals:
        raise ConfigError(f"--set {told}: is not of the form section.key=value")
    key = keys().get(name)
    if key and key.many and not raw.startswith("["):
        return _Given(name, [part.strip() for part in raw.split(",") if part.strip()], "--set")
    try:
        table = tomllib.loads(f"value = {raw}")
    except (tomllib.TOMLDecodeError, RecursionError):
        table = {}
    return _Given(name, table["value"] if list(table) == ["value"] else raw, "--set")


def load(file: Path | None = None, sets: Sequence[str] = (), options: Mapping[str, object] | None = None) -> Effective:
    """Give the settings that hold: defaults, then ``file``, then ``sets``, then ``options``; a later one wins.

    ``file`` is read as TOML; without one ``cleaner.toml`` of the current folder is, if it is there. ``sets`` are
    ``section.key=value`` each. ``options`` are values by dotted key, as options of the command line told them.

    Raises ``ConfigError`` with every unknown key, wrong type and value out of bounds, one a line.

    >>> load(Path(os.devnull), ["run.workers=2", "clean.keep=caption,meta"]).settings.clean.keep
    ('caption', 'meta')
    >>> load(Path(os.devnull), ["run.worker=2"])
    Traceback (most recent call last):
    cleaner.config.ConfigError: --set: run.worker: unknown key; did you mean 'workers'?; known: engine, memory_mb, ...
    """
    given = _from_file(file or Path(FILE)) if file or Path(FILE).is_file() else []
    given += map(_from_set, sets)
    given += (_Given(name, value, "an option") for name, value in (options or {}).items())
    values, origins, faults = dict[str, object](), dict[str, str](), []
    for name, value, origin in given:
        if name not in keys():
            faults.append(f"{origin}: {name}: {_unknown(name)}")
            continue
        try:
            values[name] = _checked(keys()[name], value)
        except ValueError as error:
            faults.append(f"{origin}: {name}: {error}")
        origins[name] = origin
    if faults:
        raise ConfigError("\n".join(faults))
    settings = built(Settings, values)
    assert isinstance(settings, Settings)
    return Effective(settings, origins)


def digest(settings: Settings) -> str:
    """Give a hash of the keys that decide what comes out: not of workers, limits of time and memory, or part sizes.

    Folders of rules stay out too: what they hold has a digest of its own (``Rules.digest``).
    """
    told = {
        name: sorted(set(value)) if key.unordered and isinstance(value, tuple) else value
        for name, key in keys().items()
        if not key.inert and (value := get(settings, name)) is not None
    }
    return sha256(msgspec.json.encode(told, order="sorted")).hexdigest()


def toml(value: object) -> str:
    """Write a string, number, truth value or list of strings as TOML.

    >>> toml(("a", 'say "b"'))
    '["a", "say \\\\"b\\\\""]'
    """
    if isinstance(value, tuple):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, str):  # JSON's escapes are TOML's, but for DEL
        return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")
    return str(value).lower() if isinstance(value, bool) else repr(value)


def show(effective: Effective) -> str:
    """Write the settings as commented TOML that ``load`` reads back to the same; what differs from a default is marked.

    A threshold that is off has no value and is written as a comment.
    """
    settings, origins = effective
    lines: list[str] = []
    docs = sections()
    section = doc = ""
    changed = 0
    for name, key in keys().items():
        above, _, last = name.rpartition(".")
        if above != section:
            section = above
            lines += ["", f"[{section}]  # {docs[section]}"]
        if key.doc != doc:  # of two thresholds of one signal once
            doc = key.doc
            lines.append(f"# {doc}" + (f": {', '.join(map(toml, key.literals))}" if key.literals else ""))
        value = get(settings, name)
        if value is None:
            lines.append(f"# {last} is off")
            continue
        mark = ""
        if value != key.default:
            changed += 1
            origin = "".join(c if c.isprintable() else "?" for c in origins.get(name, "the call"))
            default = "off" if key.default is None else toml(key.default)
            mark = f"  # <- {origin}; default: {default}"
        lines.append(f"{last} = {toml(value)}{mark}")
    return "\n".join(
        [f"# {changed} of {len(keys())} keys differ from their defaults; each is marked with '<-'.", *lines, ""]
    )


__all__ = ["FILE", "ConfigError", "Effective", "Settings", "digest", "load", "show", "toml"]
