"""The commands on settings: config show."""

from __future__ import annotations

from pathlib import Path

import click

from cleaner.cli.options import told


@click.group()
def config() -> None:
    """Look at the settings of a run: cleaner.toml and --set, checked.

    \b
    Examples:
      cleaner config show
      cleaner config show --set drop.min_chars=200 > cleaner.toml
    """


@config.command("show")
@click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="The settings to read; without it cleaner.toml of the current folder, if it is there.",
)
@click.option(
    "--set", "sets", multiple=True, metavar="KEY=VALUE", help="One setting, e.g. drop.min_chars=200. May be repeated."
)
def config_show(file: Path | None, sets: tuple[str, ...]) -> None:
    """Print the settings that hold, as TOML that can be read back: every key, what it means, and whence its value.

    Nothing is run. A key or value that cannot be used is named with its line and the choices, exit code 2.

    \b
    Examples:
      cleaner config show > cleaner.toml
      cleaner config show --config news.toml --set clean.keep=caption,meta
      cleaner config show | grep '<-'
    """
    with told():
        from cleaner.config import load, show

        text = show(load(file, sets))
    click.echo(text, nl=False)


__all__ = ["config"]
