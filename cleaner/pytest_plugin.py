"""Run seeds and rules as tests of a project: ``pytest`` collects every seed of a folder and every rule of one's own.

Nothing happens until the ini file names ``cleaner_seeds`` or ``cleaner_rules``; what is heavy is imported by the
first test that needs it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from cleaner.golden import Difference
    from cleaner.pipeline import Pipeline
    from cleaner.proof import Proof
    from cleaner.rules import Rules

_PROFILES = ("careful", "strict")
_ROWS = 60  # lines of one difference that a failure shows


class Failed(Exception):
    """What a seed or a rule fails by, in words that need no traceback."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the ini options."""
    parser.addini("cleaner_seeds", "The folder of raw documents for crawl-cleaner to clean, each a test.", "string")
    parser.addini("cleaner_golden", "The folder of what must come out of them.", "string")
    parser.addini("cleaner_rules", "Folders of your own rules: used on the seeds, and each rule a test.", "paths")
    parser.addini("cleaner_profile", "careful (unless told) or strict.", "string", default="careful")


def pytest_configure(config: pytest.Config) -> None:
    """Start collecting, if the ini file asks for it; raise ``UsageError`` that names what is wrong with it."""
    seeds, golden, rules = _folder(config, "cleaner_seeds"), _folder(config, "cleaner_golden"), _rules(config)
    profile = config.getini("cleaner_profile")
    if not (seeds or golden or rules):
        return
    if bool(seeds) != bool(golden):
        raise pytest.UsageError("cleaner_seeds and cleaner_golden go together: set both or neither")
    if profile not in _PROFILES:
        raise pytest.UsageError(f"cleaner_profile = {profile!r}; known: {', '.join(_PROFILES)}")
    config.pluginmanager.register(_Collector(seeds, golden, rules, profile), "cleaner-collector")


def _folder(config: pytest.Config, option: str) -> Path | None:
    given = str(config.getini(option) or "")
    return _there((config.inipath or config.rootpath / "ini").parent / given, option) if given else None


def _rules(config: pytest.Config) -> tuple[Path, ...]:
    return tuple(_there(folder, "cleaner_rules") for folder in config.getini("cleaner_rules"))


def _there(folder: Path, option: str) -> Path:
    if not folder.is_dir():
        raise pytest.UsageError(f"{option}: there is no folder {folder}")
    return Path(os.path.abspath(folder))


class _Collector:
    """Turns files of the folders into tests. What they share, the loaded rules, is made once, by who asks first."""

    def __init__(self, seeds: Path | None, golden: Path | None, folders: tuple[Path, ...], profile: str) -> None:
        self.seeds, self.golden, self.folders, self.profile = seeds, golden, folders, profile

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        hidden = file_path.name.startswith(".")
        if file_path.parent == self.seeds and not hidden:
            return SeedFile.from_parent(parent, path=file_path, on=self)
        if file_path.parent == self.golden and self._orphan(file_path):
            return OrphanFile.from_parent(parent, path=file_path)
        if file_path.suffix == ".toml":
            for folder in self.folders:
                if file_path.is_relative_to(folder):
                    return RuleFile.from_parent(parent, path=file_path, folder=folder, on=self)
        return None

    def _orphan(self, path: Path) -> bool:
        plain = Path(path.name.removesuffix(".new"))
        return plain.suffix in (".txt", ".edits") and plain.stem not in self.names

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of the seeds."""
        assert self.seeds
        return frozenset(path.stem for path in self.seeds.iterdir() if path.is_file())

    @cached_property
    def rules(self) -> Rules:
        from cleaner.rules import load, shipped

        return load(shipped(), *self.folders)

    @cached_property
    def proof(self) -> Proof:
        from cleaner.proof import Proof

        return Proof(self.rules)

    @cached_property
    def pipeline(self) -> Pipeline:
        from datetime import date

        from cleaner.pipeline import Pipeline

        today = date.today().isoformat()
        return Pipeline(rules=self.rules, profile=self.profile, today=today)  # type: ignore[arg-type]


class _Item(pytest.Item):
    """A test whose failure is told in its own words."""

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        if isinstance(excinfo.value, Failed):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, self.name


class SeedFile(pytest.File):
    """One seed: one test, that it becomes its golden."""

    def __init__(self, *, on: _Collector, **given: object) -> None:
        super().__init__(**given)  # type: ignore[arg-type]
        self.on = on

    def collect(self) -> Iterable[pytest.Item]:
        yield SeedItem.from_parent(self, name="golden")


class SeedItem(_Item):
    """Passes when the seed becomes its golden, by the recorded rules; else writes ``.new`` and shows the words."""

    def runtest(self) -> None:
        from cleaner.golden import GoldenError, compare
        from cleaner.pipeline import StageError
        from cleaner.read.decode import Unreadable
        from cleaner.read.files import Source, read
        from cleaner.rules import RuleError

        assert isinstance(self.parent, SeedFile)
        on = self.parent.on
        assert on.seeds
        assert on.golden
        try:
            pipeline = on.pipeline
            compared = compare(
                on.seeds, on.golden, lambda seed: pipeline.clean(read(Source(seed.name, str(seed)))), [self.path.stem]
            )
            differences = [d for _, found in compared for d in found]
        except (GoldenError, RuleError, StageError, Unreadable) as error:
            raise Failed(f"{self.path}: {error}") from error
        if differences:
            raise Failed("\n".join(_told(differences)))


def _told(differences: Sequence[Difference]) -> Iterator[str]:
    from cleaner.explain import rows
    from cleaner.golden import changed

    for d in differences:
        yield f"{d.kind}: {d.path} ({d.path.name}.new holds what comes out now)"
        shown = 0
        for row in rows(changed(d.expected, d.got)) if d.kind != "new" else ():
            if row.skipped:
                yield f"      … {row.skipped} unchanged"
                continue
            shown += 1
            if shown > _ROWS:
                yield "      … and more"
                break
            yield f"{row.number:5} " + "".join(
                piece.text if piece.kind == "=" else f"[-{piece.text}-]" if piece.kind == "-" else f"{{+{piece.text}+}}"
                for piece in row.pieces
            )
    yield "look at it and decide: cleaner golden review"


class OrphanFile(pytest.File):
    """A golden whose seed is gone: one test, which fails."""

    def collect(self) -> Iterable[pytest.Item]:
        yield OrphanItem.from_parent(self, name="seed")


class OrphanItem(_Item):
    """Fails: nothing compares with this golden any more."""

    def runtest(self) -> None:
        raise Failed(f"orphan: {self.path}: its seed is gone; bring the seed back or remove this file")


class RuleFile(pytest.File):
    """One file of rules: a test a rule."""

    def __init__(self, *, folder: Path, on: _Collector, **given: object) -> None:
        super().__init__(**given)  # type: ignore[arg-type]
        self.folder, self.on = folder, on

    def collect(self) -> Iterable[pytest.Item]:
        from cleaner.rules import RuleError, load

        shown = self.path.relative_to(self.folder.parent).as_posix()
        try:
            own, _ = load(self.folder), self.on.rules
        except RuleError as error:
            faults = str(error).splitlines()
            mine = [fault for fault in faults if fault.startswith(f"{shown}:")]
            raise self.CollectError("\n".join(mine or ["not tested, for " + faults[0]])) from error
        for rule in own.all:
            if rule.path == shown:
                yield RuleItem.from_parent(self, name=rule.id.split("/")[1], rule=rule.id)


class RuleItem(_Item):
    """Passes when a rule proves itself by its own examples, among all rules; else Missing, Noisy or Wrong."""

    def __init__(self, *, rule: str, **given: object) -> None:
        super().__init__(**given)  # type: ignore[arg-type]
        self.rule = rule

    def runtest(self) -> None:
        assert isinstance(self.parent, RuleFile)
        faults = [str(fault) for fault in self.parent.on.proof.check(self.rule)]
        if faults:
            raise Failed("\n".join(faults))
