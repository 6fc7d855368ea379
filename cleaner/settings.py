"""All that a run can be told: one frozen tree; every key with its default, its bounds and one line that explains it.

Nothing else describes a key: checks, ``cleaner config show`` and the digest are made from what stands here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Literal, NamedTuple, get_args, get_origin

import msgspec
from msgspec import Meta, Struct, field
from msgspec.structs import fields

from cleaner.read.record import Options
from cleaner.stages.signals import SIGNALS

_INERT = {"inert": True}  # a key that does not decide what comes out: it stays out of the digest
_SET = {"set": True}  # a list whose order means nothing
_Name = Annotated[str, Meta(min_length=1)]
_Names = tuple[_Name, ...]
_Share = Annotated[float, Meta(gt=0, le=1)]


class Clean(Struct, frozen=True, forbid_unknown_fields=True):
    """How documents are cleaned."""

    profile: Annotated[Literal["careful", "strict"], Meta(description="strict also applies the risky rules")] = (
        "careful"
    )
    keep: Annotated[_Names, Meta(description="classes of rules that rest, e.g. caption", extra=_SET)] = ()
    rules: Annotated[
        _Names,
        Meta(
            description="folders of your own rules, relative to this file; the same id replaces",
            extra=_INERT,  # their content has a digest of its own
        ),
    ] = ()
    extract: Annotated[
        Literal["trafilatura", "best", "fast", "none"],
        Meta(
            description="what finds the main text of an HTML page: trafilatura; a model of all types of page that may"
            " ask it (best) or does not (fast); none keeps it all"
        ),
    ] = "best"
    signals: Annotated[
        Literal["plain", "all"],
        Meta(description="quality signals: of words and lines, or all; those that [drop.quality] asks for come anyway"),
    ] = "plain"


class Input(Struct, frozen=True, forbid_unknown_fields=True):
    """What is read, and as what."""

    format: Annotated[
        Literal["auto", "text", "html", "jsonl", "parquet", "warc"],
        Meta(description="the format of all inputs; auto tells it by name and content, file by file"),
    ] = "auto"
    text: Annotated[
        _Names, Meta(description="fields that may hold a record's text; the first that is there counts")
    ] = Options.text
    html: Annotated[_Names, Meta(description="fields that may hold a record's page")] = Options.html
    id: Annotated[_Names, Meta(description="fields that may hold a record's id")] = Options.id
    url: Annotated[_Names, Meta(description="fields that may hold a record's address")] = Options.url
    date: Annotated[_Names, Meta(description="fields that may hold a record's date")] = Options.date
    exclude: Annotated[
        _Names, Meta(description="globs; files whose path or name matches are left out", extra=_SET)
    ] = ()
    max_document_mb: Annotated[float, Meta(gt=0, description="megabytes; a larger document is an error, not read")] = (
        4.0
    )
    site_from: Annotated[
        Literal["url", "folder"], Meta(description="the site of a document: its address's domain, or its top folder")
    ] = "url"


class Output(Struct, frozen=True, forbid_unknown_fields=True):
    """What is written, and as what."""

    to: Annotated[
        Literal["auto", "text", "jsonl", "parquet"],
        Meta(description="the form of the clean documents; auto: text for files, the input's form for records"),
    ] = "auto"
    ledger: Annotated[
        Literal["parquet", "jsonl", "summary", "none"],
        Meta(description="the record of every change; summary and none cannot be restored from"),
    ] = "parquet"
    shard_mb: Annotated[int, Meta(ge=1, description="megabytes of one part of a table, nearly", extra=_INERT)] = 256


class Run(Struct, frozen=True, forbid_unknown_fields=True):
    """How the work is done."""

    workers: Annotated[int, Meta(ge=0, le=4096, description="processes; 0: one a core", extra=_INERT)] = 0
    timeout: Annotated[
        float, Meta(gt=0, description="seconds for one document; one that takes longer is an error", extra=_INERT)
    ] = 60.0
    memory_mb: Annotated[
        int, Meta(ge=64, description="megabytes for what compares documents; the rest goes to disk", extra=_INERT)
    ] = 1024
    study: Annotated[bool, Meta(description="learn what the pages of a site share, and strip it")] = True
    engine: Annotated[
        Literal["local", "spark"], Meta(description="where it runs: this machine, or a cluster", extra=_INERT)
    ] = "local"


class Repeated(Struct, frozen=True, forbid_unknown_fields=True):
    """When a line counts as repeated on a site."""

    share_few: Annotated[_Share, Meta(description="share of the pages of a site of 3 to 9 pages")] = 0.5
    share_many: Annotated[_Share, Meta(description="share of the pages of a site of 10 pages or more")] = 0.3
    least: Annotated[int, Meta(ge=2, description="pages; on fewer no line is repeated")] = 3
    paragraphs: Annotated[
        int, Meta(ge=0, description="documents that have a paragraph, from which on it stays in the first only; 0: off")
    ] = 0
    paragraph_chars: Annotated[int, Meta(ge=1, description="characters from which a line is such a paragraph")] = 100


class Duplicates(Struct, frozen=True, forbid_unknown_fields=True):
    """When two documents are near-duplicates, and which one stays."""

    shingle: Annotated[int, Meta(ge=1, le=50, description="words that are compared together")] = 5
    permutations: Annotated[int, Meta(ge=16, le=1024, description="numbers in a MinHash signature")] = 128
    threshold: Annotated[_Share, Meta(description="similarity (Jaccard) from which documents are duplicates")] = 0.7
    keep: Annotated[
        Literal["least-chrome", "longest", "newest", "first"],
        Meta(description="the copy that stays; equal ones: the longest, then the smallest id"),
    ] = "least-chrome"


def _threshold(side: str, name: str, told: str) -> tuple[str, type, None]:
    return f"{side}_{name}", Annotated[Annotated[float, Meta(ge=0)] | None, Meta(description=told)], None  # type: ignore[return-value]


Thresholds = msgspec.defstruct(
    "Thresholds",
    [_threshold(side, name, told) for name, told in SIGNALS.items() for side in ("min", "max")],
    frozen=True,
    forbid_unknown_fields=True,
    module=__name__,
    namespace={"__doc__": "Documents under a min_ or over a max_ are left out; a threshold without a value is off."},
)


class Drop(Struct, frozen=True, forbid_unknown_fields=True):
    """Which documents are left out; they go to dropped/, with the reason."""

    languages_kept: Annotated[
        tuple[Annotated[str, Meta(pattern="^[a-z]{2,3}$")], ...],
        Meta(description="language codes; documents in another known language go. Empty: all stay", extra=_SET),
    ] = ()
    und: Annotated[bool, Meta(description="documents of unknown language go too")] = False
    min_chars: Annotated[int, Meta(ge=0, description="characters; documents whose clean text has fewer go")] = 0
    duplicates: Annotated[bool, Meta(description="near-duplicates go, but for the one copy that stays")] = False
    quality: Struct = field(default_factory=Thresholds)


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """All that a run can be told."""

    clean: Clean = Clean()
    input: Input = Input()
    output: Output = Output()
    run: Run = Run()
    repeated: Repeated = Repeated()
    duplicates: Duplicates = Duplicates()
    drop: Drop = Drop()


class Key(NamedTuple):
    """One key by its dotted name: its type with bounds, its default, its documentation."""

    name: str
    type: object
    default: object
    doc: str
    inert: bool
    unordered: bool

    @property
    def literals(self) -> tuple[str, ...]:
        return get_args(self.type) if get_origin(self.type) is Literal else ()

    @property
    def many(self) -> bool:
        return isinstance(self.default, tuple)


def _keys(of: type[Struct], above: str = "") -> Iterator[Key]:
    for told in fields(of):
        default = told.default_factory() if told.default is msgspec.NODEFAULT else told.default
        name = above + told.encode_name
        if isinstance(default, Struct):
            yield from _keys(type(default), f"{name}.")
            continue
        # Annotated flattens: the last Meta that has a description is the key's own.
        metas = [meta for meta in get_args(told.type)[1:] if isinstance(meta, Meta)]
        extra = {k: v for meta in metas for k, v in (meta.extra or {}).items()}
        doc = next(meta.description for meta in metas if meta.description)
        plain = get_args(told.type)[0]
        kind = plain if get_origin(plain) is Literal else told.type
        yield Key(name, kind, default, doc, "inert" in extra, "set" in extra)


@cache
def keys() -> Mapping[str, Key]:
    """Give every key by its dotted name, in the order of ``Settings``."""
    return {key.name: key for key in _keys(Settings)}


def sections() -> dict[str, str]:
    """Give every section by its dotted name with one line that explains it."""
    named = {key.rpartition(".")[0] for key in keys()}
    return {name: (type(get(Settings(), name)).__doc__ or "").split("\n")[0] for name in sorted(named)}


def get(settings: Settings, name: str) -> object:
    """Give the value of a dotted key."""
    value: object = settings
    for part in name.split("."):
        value = getattr(value, part)
    return value


def built(of: type[Struct], values: Mapping[str, object], above: str = "") -> Struct:
    """Make a struct of the tree from checked values by dotted key; the others have their defaults."""
    given: dict[str, object] = {}
    for told in fields(of):
        name = above + told.encode_name
        if name in values:
            given[told.name] = values[name]
        elif name not in keys():
            default = told.default_factory() if told.default is msgspec.NODEFAULT else told.default
            given[told.name] = built(type(default), values, f"{name}.")
    return of(**given)
