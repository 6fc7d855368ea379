"""Commands on a finished run: restore, digest."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cleaner.cli.options import FOLDER, PLACE_THERE, told


@click.command()
@click.argument("out", type=PLACE_THERE, metavar="OUT")
@click.option("-o", "--to", type=FOLDER, required=True, metavar="DIR", help="The folder to write the sources to.")
@click.option("-q", "--quiet", is_flag=True, help="Tell failures only.")
def restore(out: Path | str, to: Path, quiet: bool) -> None:
    """Rebuild the sources of a run from its texts and ledger, and check them against their digests.

    A text file comes back byte for byte (where its encoding allows: label exact); a page as its linearised text. Of an
    OUT at an address (s3://bucket/out) a copy is made in the folder for temporary files, as long as it takes.

    \b
    Examples:
      cleaner restore out -o raw
      cleaner restore s3://bucket/out -o raw
    """
    from cleaner.delivery import fetched
    from cleaner.read.decode import encode
    from cleaner.write.restore import restore as restored

    failed = exact = total = 0
    with told(), fetched(out) as folder:
        for result in restored(folder, to, encode):
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
@click.argument("out", type=PLACE_THERE, metavar="OUT")
def digest(out: Path | str) -> None:
    """Print one hash of a run's documents, texts and ledger: equal for equal results, however they were made.

    \b
    Example:
      test "$(cleaner digest out1)" = "$(cleaner digest out2)"
    """
    from cleaner.delivery import fetched
    from cleaner.write.digest import digest as of

    with told(), fetched(out) as folder:
        click.echo(of(folder))
