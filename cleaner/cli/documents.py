"""Commands on documents: clean, explain, restore, digest."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cleaner.cli.options import FOLDER, FOLDER_THERE, Unusable, cleaning, painted, pipeline_of, read, told

if TYPE_CHECKING:
    from cleaner.document import Document
    from cleaner.pipeline import Pipeline
    from cleaner.run import Counts


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True), metavar="PATH…")
@click.option("-o", "--out", type=FOLDER, metavar="OUT", help="The folder to write to; made if it is not there.")
@click.option(
    "--exclude", multiple=True, metavar="GLOB", help="Leave out files whose path or name matches. May be repeated."
)
@click.option("-q", "--quiet", is_flag=True, help="No progress and no summary; errors are still told.")
@cleaning
def clean(
    paths: tuple[Path, ...],
    out: Path | None,
    exclude: tuple[str, ...],
    quiet: bool,
    rules: tuple[Path, ...],
    profile: str,
    keep: tuple[str, ...],
) -> None:
    """Clean files and folders into OUT, or standard input to standard output.

    OUT gets text/ (the clean texts, folders kept), ledger/ (every change), documents/ (labels), errors.jsonl (what
    could not be read or cleaned, with the reason) and run.json. Exit code 1 says that errors.jsonl is not empty.

    \b
    Examples:
      cleaner clean crawl/ -o out
      cleaner clean a.html b.txt -o out --profile strict --keep caption
      cleaner clean - < page.html
    """
    if Path("-") in paths:
        if len(paths) > 1 or out:
            raise click.UsageError("'-' is cleaned to standard output, alone and without -o")
        with told():
            made = pipeline_of(rules, profile, keep)
        _clean_stream(made)
        return
    if not out:
        raise click.UsageError("say where to write with -o OUT")
    from cleaner.progress import bar
    from cleaner.run import run

    with told(), nullcontext() if quiet else bar("cleaning") as tell:
        counts = run(paths, out, pipeline_of(rules, profile, keep), exclude=exclude, tell=tell)
    if not quiet:
        _summary(counts, out)
    if counts.errors:
        if quiet:
            click.echo(f"{counts.errors} of {counts.total} documents failed: see {out / 'errors.jsonl'}", err=True)
        sys.exit(1)
    if not counts.total:
        raise Unusable(f"nothing to clean in {', '.join(map(str, paths))}")


def _clean_stream(pipeline: Pipeline) -> None:
    from cleaner.pipeline import StageError
    from cleaner.read.decode import Unreadable
    from cleaner.read.files import document

    try:
        done = pipeline.clean(document(sys.stdin.buffer.read()))
    except (Unreadable, StageError) as error:
        click.echo(f"standard input: {error}", err=True)
        sys.exit(1)
    sys.stdout.buffer.write((done.text + "\n").encode("utf-8"))


def _summary(counts: Counts, out: Path) -> None:
    click.echo(
        f"{counts.documents:,} documents cleaned in {counts.seconds:.1f} s: "
        f"{counts.raw:,} characters in, {counts.clean:,} out"
    )
    for rule, characters in sorted(counts.taken.items(), key=lambda item: (-item[1], item[0]))[:5]:
        click.echo(f"  {rule:32} {counts.edits[rule]:7,} edits {characters:9,} characters")
    if len(counts.taken) > 5:
        click.echo(f"  and {len(counts.taken) - 5} more rules: see run.json")
    if counts.errors:
        click.echo(f"{counts.errors:,} of {counts.total:,} failed: see {out / 'errors.jsonl'}")
    click.echo(
        f"texts in {out / 'text'}, every change in {out / 'ledger'}; 'cleaner restore {out} -o DIR' takes it all back"
    )


@click.command()
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--all", "whole", is_flag=True, help="Show the unchanged lines too.")
@click.option("--rule", metavar="ID", help="Only the changes of one rule.")
@cleaning
def explain(
    file: Path, whole: bool, rule: str | None, rules: tuple[Path, ...], profile: str, keep: tuple[str, ...]
) -> None:
    """Show what is done to one FILE: each change in its line, with the rule that makes it.

    What goes stands in [-…-], what comes in {+…+}; on a terminal in red and green. What a rule found and spared is
    listed with the reason.

    \b
    Examples:
      cleaner explain page.html
      cleaner explain page.txt --rule fr/lire-aussi
    """
    from cleaner.pipeline import StageError
    from cleaner.read.decode import Unreadable
    from cleaner.read.files import document

    with told():
        pipeline = pipeline_of(rules, profile, keep)
        try:
            done = pipeline.clean(document(sys.stdin.buffer.read()) if str(file) == "-" else read(file))
        except (Unreadable, StageError) as error:
            raise Unusable(f"{file}: {error}") from error
    _show(done, whole, rule)


def _show(done: Document, whole: bool, only: str | None) -> None:
    from cleaner.explain import rows, short

    for row in rows(done, only=only, whole=whole):
        if row.skipped:
            click.secho(f"      … {row.skipped} unchanged", dim=True)
        else:
            text = "".join(map(painted, row.pieces))
            click.echo(f"{row.number:5} {text}  " + click.style(" ".join(row.rules), fg="cyan"))
    for e in (e for patch in done.patches for e in patch.spared if e.note != "overlap" and only in (None, e.rule)):
        click.echo(f"spared ({e.note}): {short(e.before.strip())}  " + click.style(e.rule, fg="cyan"))
    told = (f"{name} {value}" for name, value in sorted(done.labels.items()) if "sha256" not in name)
    click.secho(", ".join(told), dim=True)


@click.command()
@click.argument("out", type=FOLDER_THERE, metavar="OUT")
@click.option("-o", "--to", type=FOLDER, required=True, metavar="DIR", help="The folder to write the sources to.")
@click.option("-q", "--quiet", is_flag=True, help="Tell failures only.")
def restore(out: Path, to: Path, quiet: bool) -> None:
    """Rebuild the sources of a run from its texts and ledger, and check them against their digests.

    A text file comes back byte for byte (where its encoding allows: label exact); a page as its linearised text.

    \b
    Example:
      cleaner restore out -o raw
    """
    from cleaner.read.decode import encode
    from cleaner.write.restore import restore as restored

    failed = exact = total = 0
    with told():
        for result in restored(out, to, encode):
            total += 1
            exact += result.exact
            if result.error:
                failed += 1
                click.echo(f"{result.id}: {result.error}", err=True)
    if not quiet:
        others = ", the others as text" if exact < total - failed else ""
        click.echo(f"{total - failed:,} of {total:,} documents restored to {to}: {exact:,} byte for byte{others}")
    sys.exit(1 if failed else 0)


@click.command()
@click.argument("out", type=FOLDER_THERE, metavar="OUT")
def digest(out: Path) -> None:
    """Print one hash of a run's documents, texts and ledger: equal for equal results, however they were made.

    \b
    Example:
      test "$(cleaner digest out1)" = "$(cleaner digest out2)"
    """
    from cleaner.write.digest import digest as of

    with told():
        click.echo(of(out))
