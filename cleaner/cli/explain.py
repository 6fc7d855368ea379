"""The command that shows what is done to one document, and why a line of it stays."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cleaner.cli.options import Unusable, cleaning, painted, pipeline_of, read, told

if TYPE_CHECKING:
    from cleaner.document import Document
    from cleaner.explain import Row
    from cleaner.near import Near


@click.command()
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--all", "whole", is_flag=True, help="Show the unchanged lines too.")
@click.option("--line", type=click.IntRange(1), metavar="N", help="Why line N stays: rules that came near it.")
@click.option("--rule", metavar="ID", help="Only one rule: its changes, or why it leaves line N.")
@cleaning
def explain(
    file: Path,
    whole: bool,
    line: int | None,
    rule: str | None,
    rules: tuple[Path, ...],
    profile: str,
    keep: tuple[str, ...],
) -> None:
    """Show what is done to one FILE: each change in its line, with the rule that makes it.

    What goes stands in [-…-], what comes in {+…+}; on a terminal in red and green. What a rule found and spared is
    listed with the reason. Lines are numbered as --all shows them.

    --line says what took a line, or which rules match it and what each lacks (a neighbour, its edge, its language, a
    profile), or which know nearly these words. Where none does, it writes a rule to start from.

    \b
    Examples:
      cleaner explain page.html
      cleaner explain page.txt --rule fr/lire-aussi
      cleaner explain page.txt --line 12
    """
    from cleaner.pipeline import StageError
    from cleaner.read.decode import Unreadable
    from cleaner.read.files import document

    if line and whole:
        raise click.UsageError("--line N shows one line, --all shows all")
    with told():
        pipeline = pipeline_of(rules, profile, keep)
        try:
            done = pipeline.clean(document(sys.stdin.buffer.read()) if str(file) == "-" else read(file))
        except (Unreadable, StageError) as error:
            raise Unusable(f"{file}: {error}") from error
        if line:
            from cleaner.near import near

            _print_near(near(done, line, pipeline, only=rule), rule)
        else:
            _show(done, whole, rule)


def _print_near(found: Near, only: str | None) -> None:
    _print_row(found.row)
    for seen in found.seen:
        click.secho(f"      {seen}", dim=True)
    for answer in found.answers:
        click.echo(click.style(f"{answer.rule:26}", fg="cyan") + f" {answer.told}")
    if found.more:
        click.secho(f"… and {found.more} more rules that come near: ask for one with --rule ID", dim=True)
    if only and not found.answers:
        click.echo(
            click.style(f"{only:26}", fg="cyan") + " does not come near: 'cleaner rules show' tells what it finds"
        )
    if found.unknown:
        click.echo(
            "No rule knows these words. Where a crawl repeats the line, 'cleaner rules learn CRAWL' proposes one."
        )
    if found.draft:
        click.echo(f"To start from:\n\n{found.draft}\n\nand try it: cleaner rules test --rules my-rules")


def _print_row(row: Row) -> None:
    text = "".join(map(painted, row.pieces))
    click.echo(f"{row.number:5} {text}  " + click.style(" ".join(row.rules), fg="cyan"))


def _show(done: Document, whole: bool, only: str | None) -> None:
    from cleaner.explain import rows, short

    for row in rows(done, only=only, whole=whole):
        if row.skipped:
            click.secho(f"      … {row.skipped} unchanged", dim=True)
        else:
            _print_row(row)
    for e in (e for patch in done.patches for e in patch.spared if e.note != "overlap" and only in (None, e.rule)):
        click.echo(f"spared ({e.note}): {short(e.before.strip())}  " + click.style(e.rule, fg="cyan"))
    told = (f"{name} {value}" for name, value in sorted(done.labels.items()) if "sha256" not in name)
    click.secho(", ".join(told), dim=True)
