"""What a run was asked to do, kept beside its work: a later call goes on only with the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import zip_longest
from pathlib import Path

import msgspec

from cleaner.write.atomic import Whole

PLAN, SOURCES = "plan.json", "sources.jsonl"


class Input(msgspec.Struct, frozen=True):
    """One file that a run reads: its id, its size in bytes, and a stamp that changes when it does."""

    id: str
    size: int
    stamp: str


class Plan(msgspec.Struct, frozen=True):
    """All that decides what a run gives. ``told`` holds the settings by their dotted keys, as JSON."""

    version: str
    rules: str
    facts: str
    today: str
    told: dict[str, str]
    inputs: list[str]
    sources: str = ""

    def differences(self, other: Plan) -> Iterator[str]:
        """Yield what the other plan has changed, in words."""
        if self.version != other.version:
            yield f"the version ({self.version} then, {other.version} now)"
        if self.rules != other.rules:
            yield "the rules"
        if self.facts != other.facts:
            yield "the facts"
        for key in sorted(self.told.keys() | other.told.keys()):
            then, now = self.told.get(key, "unset"), other.told.get(key, "unset")
            if then != now:
                yield f"{key} ({then} then, {now} now)"
        if self.inputs != other.inputs:
            yield f"the inputs ({' '.join(self.inputs)} then, {' '.join(other.inputs)} now)"
        elif self.sources != other.sources:
            yield "the input files"


def keep(plan: Plan, inputs: Iterable[Input], work: Path) -> None:
    """Write a plan and its list of files into the work folder."""
    with Whole(work / SOURCES) as file:
        for each in inputs:
            file.write(msgspec.json.encode(each) + b"\n")
    with Whole(work / PLAN) as file:
        file.write(msgspec.json.encode(plan))


def digest_of(inputs: Iterable[Input]) -> str:
    """Give the digest of a list of files, as a plan holds it."""
    whole = sha256()
    for each in inputs:
        whole.update(msgspec.json.encode(each) + b"\n")
    return whole.hexdigest()


def kept(work: Path) -> Plan | None:
    """Give the plan of an unfinished run; None where there is none."""
    try:
        return msgspec.json.decode((work / PLAN).read_bytes(), type=Plan)
    except (FileNotFoundError, msgspec.DecodeError, msgspec.ValidationError):
        return None


def plan_of(stored: object) -> Plan | None:
    """Give the plan of a finished run, as ``run.json`` holds it; None where that is another version's."""
    try:
        return msgspec.convert(stored, Plan)
    except msgspec.ValidationError:
        return None


def changed(work: Path, inputs: Iterable[Input]) -> str:
    """Name the first file that is not as it was when the plan was kept; '' where all are."""
    with (work / SOURCES).open("rb") as file:
        then = (msgspec.json.decode(line, type=Input) for line in file)
        for old, new in zip_longest(then, inputs):
            if old == new:
                continue
            if old is None or (new is not None and new.id < old.id):
                return f"{new.id} is new"
            if new is None or old.id < new.id:
                return f"{old.id} is gone"
            size = f"{old.size:,} bytes then, {new.size:,} now" if old.size != new.size else "written since"
            return f"{old.id} has changed ({size})"
    return ""
