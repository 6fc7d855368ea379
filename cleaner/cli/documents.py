"""Commands on a finished run: restore, digest."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cleaner.cli.options import FOLDER, FOLDER_THERE, told


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
