"""The command line: the only part that prints or exits.

Exit codes: 0 fine, 1 some documents failed or a check fell short, 2 the call or its files cannot be used,
130 interrupted.
"""

from __future__ import annotations

import sys
from typing import NoReturn

import click

from cleaner import __version__
from cleaner.cli.bench import bench
from cleaner.cli.clean import clean
from cleaner.cli.config import config
from cleaner.cli.dedup import dedup
from cleaner.cli.documents import digest, restore
from cleaner.cli.effect import effect
from cleaner.cli.explain import explain
from cleaner.cli.golden import golden
from cleaner.cli.learn import learn
from cleaner.cli.rules import rules


def main() -> NoReturn:
    """Run the command line and exit."""
    try:
        cli(prog_name="cleaner", standalone_mode=False)
    except click.Abort:
        click.echo("interrupted: what is done stays done; the same command goes on from there", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    sys.exit(0)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="cleaner")
def cli() -> None:
    """Turn scraped pages into clean text, and show what was done: every change is in a ledger, with its rule.

    \b
    Examples:
      cleaner clean crawl/ -o out         clean a folder of .html and .txt files
      cleaner explain page.html           show each change to one file, with the rule that made it
      cleaner restore out -o raw          rebuild the sources from the texts and the ledger
      curl -s URL | cleaner clean - > a.txt

    Shell completion: add  eval "$(_CLEANER_COMPLETE=bash_source cleaner)"  to ~/.bashrc (zsh_source, fish_source).
    """


for command in (clean, explain, restore, digest, dedup, config, rules, golden, effect, bench):
    cli.add_command(command)
rules.add_command(learn)
