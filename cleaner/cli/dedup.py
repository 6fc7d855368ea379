"""The command that compares the documents of a corpus."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cleaner.cli.options import FOLDER, PLACE, READING, told

if TYPE_CHECKING:
    from cleaner.dedup import Dropping

# Option -> the setting that it stands for.
_PLAIN = {
    "keep_copy": "duplicates.keep",
    "threshold": "duplicates.threshold",
    "shingle": "duplicates.shingle",
    "format": "input.format",
    "to": "output.to",
    "memory_mb": "run.memory_mb",
}
_POLICIES = click.Choice(("least-chrome", "longest", "newest", "first"))


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH…")
@click.option("-o", "--out", type=PLACE, required=True, metavar="OUT", help="The folder or URL to write to.")
@click.option("--work", type=FOLDER, metavar="DIR", help="Where a comparison for a URL works [the user's cache].")
@click.option("--against", type=FOLDER, metavar="INDEX", help="Find copies of earlier crawls, and add this one.")
@click.option("--crawl", default="", metavar="NAME", help="This corpus's name in INDEX [the name of OUT].")
@click.option("--threshold", type=float, metavar="S", help="Similarity from which a document is a copy [0.7].")
@click.option("--shingle", type=int, metavar="N", help="Words that are compared together [5].")
@click.option("--keep-copy", type=_POLICIES, help="Which copy stays; no chrome is known here, so: longest.")
@click.option("--drop", type=click.Choice(("duplicates",)), help="Write the documents that stay, too.")
@click.option("--to", type=click.Choice(("parquet", "jsonl")), help="The form of those [parquet].")
@click.option("--format", metavar="FORMAT", help="text, html, jsonl, parquet, warc; else by content.")
@click.option("--text-field", multiple=True, metavar="NAME", help="Field of a record that holds its text.")
@click.option("--html-field", multiple=True, metavar="NAME", help="Field that holds its page.")
@click.option("--id-field", multiple=True, metavar="NAME", help="Field that holds its id.")
@click.option("--url-field", multiple=True, metavar="NAME", help="Field that holds its address.")
@click.option("--date-field", multiple=True, metavar="NAME", help="Field that holds its date.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Leave out files by path or name.")
@click.option("--memory-mb", type=int, metavar="MB", help="Memory to compare in; the rest is on disk [1024].")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="Settings; without it ./cleaner.toml, if it is there.",
)
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="Any setting: 'cleaner config show'.")
@click.option("-q", "--quiet", is_flag=True, help="No summary; errors are still told.")
def dedup(
    paths: tuple[str, ...],
    out: Path | str,
    work: Path | None,
    against: Path | None,
    crawl: str,
    drop: str | None,
    config: Path | None,
    sets: tuple[str, ...],
    quiet: bool,
    **given: Any,
) -> None:
    """Find near-duplicates in a corpus of text that is clean already, and say which copy stays.

    A PATH is what 'cleaner clean' takes. OUT gets clusters.parquet: of every document that has a copy or is one, its
    cluster, whether it stays, its twin and how alike they are; with --drop duplicates also documents/, those that
    stay; and errors.jsonl (what could not be read, and why). 'cleaner clean' finds duplicates by itself, better: it
    compares what is left without chrome.

    Exit code 1 says that errors.jsonl is not empty.

    \b
    Examples:
      cleaner dedup corpus.jsonl.zst -o out
      cleaner dedup 'dump/*.parquet' -o out --threshold 0.7 --drop duplicates --to jsonl
      cleaner dedup june/ -o june-copies --against crawls.index
    """
    with told():
        from cleaner.config import load

        options: dict[str, object] = {key: given[name] for name, key in _PLAIN.items() if given[name] is not None}
        options |= {key: list(given[name]) for name, key in READING.items() if given[name]}
        settings = load(config, sets, options).settings

        from cleaner.dedup import COMPARED
        from cleaner.dedup import dedup as compare
        from cleaner.delivery import Delivery, Kept

        if work and isinstance(out, Path):
            raise click.UsageError("--work is for an output at a URL; another works where it is written")
        with (
            Kept(out)
            if isinstance(out, Path)
            else Delivery(out, work, inputs=paths, exclude=settings.input.exclude, kind=COMPARED)
        ) as into:
            into.claim(())
            dropping: Dropping = "duplicates" if drop else "none"
            found = compare(paths, into.folder, settings, against=against, crawl=crawl, drop=dropping)
            into.send(lambda state: None)
    if not quiet:
        stay = f", {found.documents - found.copies:,} written to {out}/documents" if drop else ""
        click.echo(f"{found.documents:,} documents: {found.copies:,} are copies{stay}; see {out}/clusters.parquet")
    if found.errors:
        click.echo(f"{found.errors:,} documents failed: see {out}/errors.jsonl", err=True)
        sys.exit(1)
