"""Rules as data: what one TOML table says, where it applies, and clear words when it is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
import tomli

CLASSES = frozenset(
    "ad app author-bio caption comment comment-form comment-meta cookie duplicate follow footer legal login media "
    "meta model nav read-more related search share subscribe tags widget".split()
)
SHAPES = frozenset(
    (
        "author-bio",
        "caption-label",
        "entry",
        "kicker",
        "masthead",
        "name",
        "short-line",
        "stamp",
        "stamp-ago",
        "title-again",
    )
)

KINDS = ("any", "lang", "cms", "site")
"""Of scopes, and so of the folders that rule files lie in."""

_KEBAB = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_STEM = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*")


class RuleError(ValueError):
    """A rule file that cannot be used; the message names file, rule, key and the choices."""


class Beside(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"classes": "class"}):
    """What must stand near a line: one that matches, or one that a rule of these classes removes."""

    within: int = 3
    """How many lines away at most; blank and removed lines do not count."""
    side: Literal["before", "after", "either"] = "either"
    words: tuple[str, ...] = ()
    match: str = ""
    classes: tuple[str, ...] = ()


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"cls": "class"}):
    """The keys of one rule as its file has them."""

    why: str
    cls: str
    find: Literal["line", "cluster", "inline", "head", "tail"]
    removes: tuple[str, ...]
    keeps: tuple[str, ...]
    source: str
    words: tuple[str, ...] = ()
    match: str = ""
    longest: int = 200
    """Characters: ``match`` is not asked about longer lines (``inline`` aside). In the pattern, ``+`` does better than
    ``{2,60}``: RE2 writes a counted letter out 60 times."""
    shape: str = ""
    beside: Beside | None = None
    edge: Literal["head", "tail", ""] = ""
    within: int = 3
    least: int = 2
    confidence: Literal["high", "low"] = "high"
    was: tuple[str, ...] = ()


class Scope(NamedTuple):
    """Where a rule applies: ``any``; one ``lang``, ``cms`` or ``site`` by name."""

    kind: str  # of KINDS
    name: str

    @property
    def breadth(self) -> int:
        """Order scopes for the credit of equal finds: for every page, then a site, a system, English, a language."""
        return ("any", "site", "cms", "lang").index(self.kind) + (self.kind == "lang" and self.name != "en")


class Rule(_Table, frozen=True, kw_only=True):
    """One rule: the keys of its table, its id ``<file stem>/<name>``, its scope and its file."""

    id: str
    scope: Scope
    path: str

    @property
    def low(self) -> bool:
        return self.confidence == "low"

    @property
    def sweeps(self) -> bool:
        """Whether the rule removes everything from its line to the edge of the text."""
        return self.find in ("head", "tail")


class Rules:
    """A set of rules in the order of their ids; immutable.

    Raises ``RuleError`` when two rules share an id.
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.all = tuple(sorted(rules, key=lambda rule: rule.id))
        for a, b in pairwise(self.all):
            if a.id == b.id:
                raise RuleError(f"{b.path}: the id {b.id!r} stands in {a.path} too")
        self.classes: Mapping[str, str] = {rule.id: rule.cls for rule in self.all}

    def __len__(self) -> int:
        return len(self.all)

    def __getitem__(self, id: str) -> Rule:
        for rule in self.all:
            if rule.id == id:
                return rule
        near = get_close_matches(id, self.classes, 3)
        raise RuleError(f"there is no rule {id!r}" + (f"; near: {', '.join(near)}" if near else ""))

    def __or__(self, other: Rules) -> Rules:
        """Add the other's rules; one of the same id replaces this one's."""
        return Rules({rule.id: rule for rule in (*self.all, *other.all)}.values())

    def scoped(self, language: str, cms: str = "", host: str = "") -> frozenset[int]:
        """Give the numbers of the rules that apply to a page.

        ``any`` and English always do (English chrome stands on pages of every language), all languages do when
        it is ``und``; a system's rules apply unless another system is known; a site's cover its subdomains.
        """
        known_cms = any(rule.scope == ("cms", cms) for rule in self.all)
        return frozenset(
            n
            for n, rule in enumerate(self.all)
            if rule.scope.kind == "any"
            or (rule.scope.kind == "lang" and (language == "und" or rule.scope.name in ("en", language)))
            or (rule.scope.kind == "cms" and (not known_cms or rule.scope.name == cms))
            or (rule.scope.kind == "site" and f".{host}".endswith(f".{rule.scope.name}"))
        )

    def digest(self) -> str:
        """Give a hash of all that can change what the rules do (not of examples and explanations)."""
        inert = dict.fromkeys(("why", "source", "removes", "keeps", "path"))
        told = [{k: v for k, v in msgspec.to_builtins(rule).items() if k not in inert} for rule in self.all]
        return sha256(msgspec.json.encode(told, order="sorted")).hexdigest()


def _choices(given: str, known: Iterable[str]) -> str:
    near = get_close_matches(given, known, 1)
    return (f"did you mean {near[0]!r}? " if near else "") + f"known: {', '.join(sorted(known))}"


_KEYS = {field.encode_name for field in msgspec.structs.fields(_Table)}
_BESIDE_KEYS = {field.encode_name for field in msgspec.structs.fields(Beside)}


def _faults(name: str, table: Mapping[str, object]) -> Iterable[str]:
    """Yield what is wrong with a table that msgspec would not say, or not as clearly."""
    if not _KEBAB.fullmatch(name):
        yield "a rule's name is kebab-case: lower-case letters, digits and single hyphens"
    for where, keys, given in (("", _KEYS, table), ("beside.", _BESIDE_KEYS, table.get("beside"))):
        if isinstance(given, Mapping) and not given.keys() <= keys:
            for key in given:
                if key not in keys:
                    yield f"unknown key '{where}{key}'; {_choices(key, keys)}"
    for key in ("why", "class", "find", "removes", "keeps", "source"):
        if not table.get(key):
            yield f"'{key}' is missing or empty"
    if isinstance(shape := table.get("shape"), str) and shape and shape not in SHAPES:
        yield f"unknown shape {shape!r}; {_choices(shape, SHAPES)}"
    if isinstance(cls := table.get("class"), str) and cls and cls not in CLASSES:
        yield f"unknown class {cls!r}; {_choices(cls, CLASSES)}"


def _conflicts(table: _Table) -> Iterable[str]:
    """Yield what does not go together in a table whose keys are right one by one."""
    if bool(table.words) + bool(table.match) != 1 and not (table.shape and not (table.words and table.match)):
        yield "needs 'words' or 'match' (not both), or a 'shape'"
    if table.shape and table.find not in ("line", "cluster"):
        yield f"a shape is a matter of whole lines: find = 'line' or 'cluster', not {table.find!r}"
    if table.edge and table.find in ("head", "tail"):
        yield f"find = {table.find!r} has its edge already"
    if not 1 <= table.longest <= LONGEST:
        yield f"'longest' is 1 to {LONGEST} characters"
    if table.within < 1 or table.least < 2 or (table.beside and table.beside.within < 1):
        yield "'within' counts lines from 1, 'least' from 2"
    if (
        max(
            table.within if table.edge or table.find in ("head", "tail") else 0,
            table.beside.within if table.beside else 0,
        )
        > REACH
    ):
        yield f"'within' reaches {REACH} lines at most"
    if table.beside:
        if not (table.beside.words or table.beside.match or table.beside.classes):
            yield "'beside' needs 'words', 'match' or 'class'"
        for cls in table.beside.classes:
            if cls not in CLASSES:
                yield f"unknown class {cls!r} in 'beside'; {_choices(cls, CLASSES)}"


LONGEST = 1000
"""Characters: no line as a whole is chrome beyond; the longest cookie notice seen has 900."""

REACH = 30
"""Lines: the furthest that a rule's context may lie, so that matching stays linear."""


def read(path: Path, scope: Scope, shown: str) -> list[Rule]:
    """Read one rule file. Raises ``RuleError`` with every fault of the file, one a line."""
    try:
        tables = tomli.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomli.TOMLDecodeError) as error:
        raise RuleError(f"{shown}: {error}") from error
    rules, faults = [], []
    for name, table in tables.items():
        if not isinstance(table, dict):
            faults.append(
                f"{shown}: '{name}' stands outside any rule; a file holds one [table] a rule and nothing else"
            )
            continue
        found = list(_faults(name, table))
        if not found:
            try:
                place = {"id": f"{path.stem}/{name}", "scope": scope, "path": shown}
                rule = msgspec.convert(table | place, Rule)
            except msgspec.ValidationError as error:
                found = [str(error)]
            else:
                found = list(_conflicts(rule))
                rules.append(rule)
        faults += [f"{shown}: [{name}] {fault}" for fault in found]
    if faults:
        raise RuleError("\n".join(faults))
    return rules


def load(*folders: Path) -> Rules:
    """Load the rules of folders laid out as ``any/ lang/ cms/ site/``; a later folder's rule replaces one of its id.

    Raises ``RuleError`` that names every unusable file.
    """
    rules, faults = Rules(()), []
    for folder in folders:
        if not folder.is_dir():
            raise RuleError(f"{folder}: no such folder of rules")
        found: list[Rule] = []
        for path in sorted(folder.rglob("*.toml")):
            shown = path.relative_to(folder.parent).as_posix()
            kind, *rest = path.relative_to(folder).parts
            if kind not in KINDS or len(rest) != 1 or not _STEM.fullmatch(path.stem):
                faults.append(f"{shown}: a rule file lies in any/, lang/, cms/ or site/, its name in lower case")
                continue
            try:
                found += read(path, Scope(kind, "" if kind == "any" else path.stem), shown)
            except RuleError as error:
                faults.append(str(error))
        if faults:
            raise RuleError("\n".join(faults))
        rules |= Rules(found)
    return rules


def shipped() -> Path:
    """Give the folder of the rules that come with the package (or lie beside it in a checkout)."""
    inside = Path(__file__).parent / "shipped_rules"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "rules"
