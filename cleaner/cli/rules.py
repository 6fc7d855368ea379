"""Commands on rules."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cleaner.cli.options import FOLDER, FOLDER_THERE, Unusable, painted, rules_of, told

if TYPE_CHECKING:
    from cleaner.rules import Rule, Rules


@click.group()
def rules() -> None:
    """Test, check, list and document the rules."""


_OWN = click.option("--rules", "folders", multiple=True, type=FOLDER, metavar="DIR", help="A folder of your own rules.")
_NAMED = click.argument("names", nargs=-1, metavar="[ID|PATH]…")


def _named(names: tuple[str, ...], folders: tuple[Path, ...]) -> tuple[Rules, list[str]]:
    """Load the rules, with those of the paths among the names; give the ids that are named, or stand in a path."""
    from cleaner.rules import KINDS, load, shipped

    ids: list[str] = []
    own = [*folders]
    for name in names:
        path = Path(name)
        if path.suffix != ".toml" and not path.is_dir():
            ids.append(name)
            continue
        if not path.exists():
            raise Unusable(f"{name}: no such file of rules")
        path = path.resolve()
        root = path.parent.parent if path.suffix == ".toml" else path.parent if path.name in KINDS else path
        ids += (rule.id for rule in load(root).all if (root.parent / rule.path).is_relative_to(path))
        if root not in [known.resolve() for known in (shipped(), *own)]:
            own.append(root)
    loaded = rules_of(tuple(own))
    for id in ids:
        loaded[id]
    if names and not ids:
        raise Unusable(f"{', '.join(names)}: no rules there")
    return loaded, ids


@rules.command("test")
@_NAMED
@_OWN
@click.option("-q", "--quiet", is_flag=True, help="Tell faults only.")
def rules_test(names: tuple[str, ...], folders: tuple[Path, ...], quiet: bool) -> None:
    """Let every rule prove itself by its own examples: Missing, Noisy, Wrong.

    A PATH is a file of rules, or a folder of them, your own or shipped; no name means all rules.

    \b
    Examples:
      cleaner rules test
      cleaner rules test fr/lire-aussi
      cleaner rules test my-rules/site/example.org.toml
      cleaner rules test --rules my-rules/
    """
    from cleaner.proof import Proof

    with told():
        loaded, ids = _named(names, folders)
        begun = time.monotonic()
        faults = 0
        for fault in Proof(loaded).check(*ids):
            faults += 1
            click.echo(str(fault))
    if not quiet or faults:
        click.echo(f"{len(ids) or len(loaded)} rules, {faults} faults, {time.monotonic() - begun:.1f} s")
    sys.exit(1 if faults else 0)


@rules.command("lint")
@_NAMED
@_OWN
@click.option(
    "--corpus",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Documents, such as seeds/: also tell the rules of low confidence that find nothing in them.",
)
@click.option("-q", "--quiet", is_flag=True, help="Tell findings only.")
def rules_lint(names: tuple[str, ...], folders: tuple[Path, ...], corpus: tuple[Path, ...], quiet: bool) -> None:
    """Look for rules in vain, phrases told twice, patterns that explode; a line a finding, exit code 1 if any.

    \b
    unreachable  all that the rule finds, or all that its examples mark, is taken by rules of equal or wider scope
    unshown      its examples do not show what only this rule finds
    covered      phrases that another rule finds
    twice        phrases that another rule of the file has too
    counted      a class of letters counted as in \\pL{2,40}, which RE2 writes out 40 times
    large        a pattern of very many RE2 instructions
    unsorted     phrases that do not stand in the order of their code points
    duplicate    phrases that are the same as they are compared
    unlike       a look-alike that could not be taken whatever the rule did
    source       a rule that does not say where the thing was seen
    was          a former id that a rule still has
    unseen       with --corpus: a rule of low confidence that finds nothing there

    \b
    Examples:
      cleaner rules lint
      cleaner rules lint fr/lire-aussi
      cleaner rules lint my-rules/ --corpus seeds/
    """
    from cleaner.lint import Lint

    with told():
        loaded, ids = _named(names, folders)
        begun = time.monotonic()
        found = 0
        for finding in Lint(loaded, _met(loaded, corpus) if corpus else None).check(*ids):
            found += 1
            click.echo(str(finding))
    if not quiet or found:
        click.echo(f"{len(ids) or len(loaded)} rules, {found} findings, {time.monotonic() - begun:.1f} s")
    sys.exit(1 if found else 0)


def _met(loaded: Rules, corpus: tuple[Path, ...]) -> set[str]:
    """Give the ids of the rules that find something in a corpus; what cannot be read or cleaned is told."""
    from cleaner.lint import met
    from cleaner.pipeline import Pipeline, StageError
    from cleaner.read.decode import Unreadable
    from cleaner.read.files import read, walk

    pipeline = Pipeline(rules=loaded, profile="strict")
    ids: set[str] = set()
    for source in walk(corpus):
        try:
            ids |= met(pipeline, [read(source)])
        except (Unreadable, StageError) as error:
            click.echo(f"{source.id}: {error}", err=True)
    return ids


@rules.command("list")
@_OWN
@click.option("--lang", metavar="CODE", help="Only the rules of one language file.")
@click.option("--class", "cls", metavar="CLASS", help="Only the rules of one class, e.g. share.")
@click.option("--scope", type=click.Choice(("any", "lang", "cms", "site")), help="Only the rules of one kind of scope.")
@click.option("--confidence", type=click.Choice(("high", "low")), help="Only the rules of one confidence.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def rules_list(
    folders: tuple[Path, ...],
    lang: str | None,
    cls: str | None,
    scope: str | None,
    confidence: str | None,
    as_json: bool,
) -> None:
    """List the rules: id, class, what each finds, confidence and why.

    \b
    Examples:
      cleaner rules list --lang fr --class share
      cleaner rules list --confidence low | wc -l
      cleaner rules list --scope cms --json | jq -r .id
    """
    with told():
        loaded = rules_of(folders)
    _known("language", lang, {rule.scope.name for rule in loaded.all if rule.scope.kind == "lang"})
    _known("class", cls, set(loaded.classes.values()))
    wanted = [
        rule
        for rule in loaded.all
        if (lang is None or rule.scope == ("lang", lang))
        and cls in (None, rule.cls)
        and scope in (None, rule.scope.kind)
        and confidence in (None, rule.confidence)
    ]
    for line in _json(wanted) if as_json else _table(wanted):
        click.echo(line)


def _known(what: str, given: str | None, known: set[str]) -> None:
    if given is not None and given not in known:
        raise Unusable(f"there are no rules of the {what} {given!r}; known: {', '.join(sorted(known))}")


def _json(wanted: list[Rule]) -> list[str]:
    import msgspec

    return [
        msgspec.json.encode(
            {
                "id": rule.id,
                "scope": rule.scope._asdict(),
                "path": rule.path,
                "class": rule.cls,
                "find": rule.find,
                "confidence": rule.confidence,
                "why": rule.why,
            }
        ).decode()
        for rule in wanted
    ]


def _table(wanted: list[Rule]) -> list[str]:
    """Lay rules out in columns; on a terminal with a heading, and cut to its width."""
    rows = [(rule.id, rule.cls, rule.find, rule.confidence, rule.why) for rule in wanted]
    heading = [("id", "class", "find", "conf.", "why")] if sys.stdout.isatty() and rows else []
    width = shutil.get_terminal_size().columns if heading else 0
    widths = [max(map(len, column)) for column in zip(*heading, *rows, strict=True)]
    lines = []
    for n, row in enumerate((*heading, *rows)):
        line = "  ".join(cell.ljust(wide) for cell, wide in zip(row, widths, strict=True)).rstrip()
        line = line if not width or len(line) <= width else f"{line[: width - 1]}…"
        first = widths[0]
        bold = bool(heading) and n == 0
        lines.append(click.style(line, bold=True) if bold else click.style(line[:first], fg="cyan") + line[first:])
    return lines


@rules.command("show")
@click.argument("id", metavar="ID")
@_OWN
def rules_show(id: str, folders: tuple[Path, ...]) -> None:
    """Show everything about one rule: where it applies, what it finds and asks, its examples as word diffs.

    What goes stands in [-…-], on a terminal in red.

    \b
    Example:
      cleaner rules show fr/lire-aussi
    """
    from cleaner.rulebook import conditions, pieces, where

    with told():
        rule = rules_of(folders)[id]
        examples = [
            (heading, "".join(map(painted, pieces(example))))
            for heading, of in (("removes", rule.removes), ("keeps", rule.keeps))
            for example in of
        ]
    click.secho(rule.id, bold=True)
    click.echo(rule.why)
    for key, value in (
        ("file", rule.path),
        ("scope", where(rule.scope)),
        ("class", rule.cls),
        ("find", rule.find),
        ("confidence", rule.confidence),
        *(("asks", condition) for condition in conditions(rule)),
        ("source", rule.source),
        *(("was", former) for former in rule.was),
        *(("words", word) for word in rule.words),
        *(("match", pattern) for pattern in (rule.match,) if pattern),
        *examples,
    ):
        first, *more = value.split("\n")
        click.echo(click.style(f"{key:>11}", fg="cyan") + f"  {first}")
        for line in more:
            click.echo(f"{'':13}{line}")


@rules.command("docs")
@click.option("-o", "--to", type=FOLDER, default=Path("docs/rules"), show_default=True, metavar="DIR")
@click.option("--check", is_flag=True, help="Write nothing; name the pages that are stale, exit code 1 if any.")
@click.option(
    "--rules", "folder", type=FOLDER_THERE, metavar="DIR", help="The pages of your own rules instead of the shipped."
)
def rules_docs(to: Path, check: bool, folder: Path | None) -> None:
    """Write the Markdown pages of the rules: one for each rule file, and an index with figures.

    \b
    Examples:
      cleaner rules docs
      cleaner rules docs --check
      cleaner rules docs --rules my-rules/ -o my-docs/
    """
    from cleaner.rulebook import pages, stale, write
    from cleaner.rules import load, shipped

    with told():
        made = pages(load(folder or shipped()))
        if check:
            found = stale(made, to)
            for name in found:
                click.echo(f"stale: {to / name}")
            if found:
                click.echo(f"{len(found)} of {len(made)} pages are stale; 'cleaner rules docs' makes them anew")
            sys.exit(1 if found else 0)
        write(made, to)
    click.echo(f"{len(made)} pages in {to}")
