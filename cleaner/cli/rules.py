"""Commands on rules."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from cleaner.cli.options import FOLDER, rules_of, told


@click.group()
def rules() -> None:
    """Test the rules."""


@rules.command("test")
@click.argument("ids", nargs=-1, metavar="[ID…]")
@click.option("--rules", "folders", multiple=True, type=FOLDER, metavar="DIR", help="A folder of your own rules.")
@click.option("-q", "--quiet", is_flag=True, help="Tell faults only.")
def rules_test(ids: tuple[str, ...], folders: tuple[Path, ...], quiet: bool) -> None:
    """Let every rule prove itself by its own examples: Missing, Noisy, Wrong.

    \b
    Examples:
      cleaner rules test
      cleaner rules test fr/lire-aussi
      cleaner rules test --rules my-rules/
    """
    from cleaner.proof import Proof

    with told():
        loaded = rules_of(folders)
        for id in ids:
            loaded[id]
        begun = time.monotonic()
        faults = 0
        for fault in Proof(loaded).check(*ids):
            faults += 1
            click.echo(str(fault))
    if not quiet or faults:
        click.echo(f"{len(ids) or len(loaded)} rules, {faults} faults, {time.monotonic() - begun:.1f} s")
    sys.exit(1 if faults else 0)
