"""Commands on goldens."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cleaner.cli.options import FOLDER_THERE, Unusable, cleaning, pipeline_of, read, told


@click.group()
def golden() -> None:
    """Compare what comes out of seed documents with what a careful reader keeps."""


_SEEDS = click.option("--seeds", type=FOLDER_THERE, default=Path("seeds"), show_default=True)
_GOLDEN = click.option(
    "--golden",
    "folder",
    type=FOLDER_THERE,
    default=Path("golden"),
    show_default=True,
)


@golden.command("test")
@_SEEDS
@_GOLDEN
@cleaning
def golden_test(seeds: Path, folder: Path, rules: tuple[Path, ...], profile: str, keep: tuple[str, ...]) -> None:
    """Clean every seed and compare: a difference is written beside its golden as .new, and the exit code is 1.

    \b
    Kinds: new (no golden yet), text (other text is kept), edits (the same text by other rules), orphan (no seed).
    Example:
      cleaner golden test --seeds seeds --golden golden
    """
    from difflib import unified_diff

    from cleaner.explain import short
    from cleaner.golden import compare

    with told():
        pipeline = pipeline_of(rules, profile, keep)
        found = total = 0
        for _, differences in compare(seeds, folder, lambda seed: pipeline.clean(read(seed))):
            total += 1
            for d in differences:
                found += 1
                click.echo(f"{d.kind}: {d.path}")
                diff = unified_diff(d.expected.splitlines(), d.got.splitlines(), "golden", "now", n=0, lineterm="")
                for line in list(diff)[2:40]:
                    click.echo(f"  {short(line, 200)}")
    click.echo(
        f"{total} seeds, {found} differences"
        + ("; look at each .new, then 'cleaner golden accept NAME'" if found else "")
    )
    sys.exit(1 if found else 0)


@golden.command("accept")
@click.argument("names", nargs=-1, required=True, metavar="NAME…")
@_GOLDEN
def golden_accept(names: tuple[str, ...], folder: Path) -> None:
    """Make what the last test wrote the golden, for the NAMEs given.

    \b
    Example:
      cleaner golden accept 004_a20ad62ac2dfc7aa
    """
    from cleaner.golden import accept

    for name in names:
        try:
            changed = accept(name, folder)
        except FileNotFoundError as error:
            raise Unusable(str(error)) from error
        for path in changed:
            click.echo(f"accepted {path}")
