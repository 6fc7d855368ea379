"""The command that proposes rules from a crawl."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cleaner.cli.options import FOLDER, Unusable, pipeline_of, told

if TYPE_CHECKING:
    from cleaner.document import Document


@click.command()
@click.argument("corpus", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="CORPUS…")
@click.option("--min-pages", type=click.IntRange(2), default=3, show_default=True, help="Pages that have the line.")
@click.option(
    "--min-share",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.3,
    show_default=True,
    help="Share of a site's pages that have it; half at least for a site of fewer than ten pages.",
)
@click.option("--most", type=click.IntRange(1), default=30, show_default=True, help="Rules to propose, best first.")
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write them there.")
@click.option("--json", "json", is_flag=True, help="One JSON object a rule, with all that was seen.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Leave out files whose path or name matches.")
@click.option(
    "--rules", multiple=True, type=FOLDER, metavar="DIR", help="Your own rules; what they remove is not news."
)
def learn(
    corpus: tuple[Path, ...],
    min_pages: int,
    min_share: float,
    most: int,
    out: Path | None,
    json: bool,
    exclude: tuple[str, ...],
    rules: tuple[Path, ...],
) -> None:
    """Propose rules for what the pages of a crawl repeat and no rule removes yet, the surest first.

    A line is counted with its numbers folded, once a page; a site is the host of a page's address, else the first
    folder below CORPUS. Each proposal is a TOML table with examples from the crawl, tested as 'cleaner rules test'
    would. The rules are not changed: read, name and place what you want. FILE must not be there yet.

    Exit code 1 says that some documents could not be read.

    \b
    Examples:
      cleaner rules learn crawl/
      cleaner rules learn crawl/ --most 10 -o my-rules/site/example.org.toml
      cleaner rules learn crawl/ --json | jq -r '[.score, .name] | @tsv'
    """
    from cleaner.learn import learn as study
    from cleaner.propose import as_json, propose
    from cleaner.read.decode import Unreadable
    from cleaner.read.files import read, walk

    failed: dict[str, str] = {}

    def documents() -> Iterator[Document]:
        for source in walk(corpus, exclude):
            try:
                yield read(source)
            except Unreadable as error:
                failed[source.id] = str(error)

    if out and out.exists():
        raise Unusable(f"{out}: is there already; proposals replace nothing")
    with told():
        pipeline = pipeline_of(rules, "careful", ())
        learned = study(documents, pipeline, pages=min_pages, share=min_share)
        placed = f"{out.parent.name}/{out.name}" if out and out.parent.name in ("any", "lang", "cms", "site") else ""
        proposed = propose(learned, pipeline.rules, most=most, file=placed)
        written = (
            "".join(line + "\n" for line in as_json(proposed)) if json else "\n".join(r.toml for r in proposed.rules)
        )
        if out:
            from cleaner.write.atomic import write

            write(out, written)
    if not out:
        click.echo(written.encode(), nl=False)
    for id, reason in failed.items():
        click.echo(f"{id}: {reason}", err=True)
    told_of = f"{len(proposed.rules)} rules proposed from {learned.pages:,} pages of {learned.sites:,} sites"
    if proposed.failed:
        told_of += f"; {proposed.failed} more would not prove themselves"
    if learned.forgetful:
        told_of += "; there are more distinct lines than memory is meant for, so some counts are too low"
    click.echo(told_of, err=True)
    sys.exit(1 if failed else 0)
