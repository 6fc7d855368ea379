"""Commands that measure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cleaner.cli.options import Unusable, told

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cleaner.scores import Extractor, Page, Score

_DEFAULT = "fast,best,trafilatura,resiliparse,justext"
_WIDE = 12  # columns of a group's figures


@click.group()
def bench() -> None:
    """Measure on data of your own what the documentation claims."""


@bench.command()
@click.argument("data", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("-x", "--extractors", metavar="NAMES", help=f"Separated by commas [{_DEFAULT}].")
@click.option("--every", type=click.IntRange(1), default=1, metavar="N", help="Only each N-th page.")
@click.option("--opaque", is_flag=True, help="Hash class names and turn sectioning elements into div first.")
@click.option("--html-field", metavar="NAME", help="Field that holds a page, bytes or text [html, raw_html, …].")
@click.option("--gold-field", metavar="NAME", help="Field of its main text [main_content, gold, text, …].")
@click.option("--group-field", metavar="NAME", help="Field to group by [page_type, site, type, domain, language].")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of the table.")
def extract(
    data: Path,
    extractors: str | None,
    every: int,
    opaque: bool,
    html_field: str | None,
    gold_field: str | None,
    group_field: str | None,
    as_json: bool,
) -> None:
    """Compare extractors of main text on the pages of DATA, Parquet or JSONL, one page and its gold text a row.

    Word-F1, precision and recall are means over pages (bags of words, as WCXB counts them); with groups, such as page
    types or sites, F1 is also given for each, and the mean of the groups. CPU is of the extractor alone, parsing
    included.

    fast and best are what 'cleaner clean --extract' runs; none is all visible text; trafilatura, resiliparse and
    justext are run as they come, where they are installed; your own is module:function, from str to str. The model of
    fast and best was trained on WCXB's development pages: on those it scores better than on others.

    \b
    Examples:
      cleaner bench extract pages.parquet
      cleaner bench extract pages.jsonl.zst -x fast,trafilatura,none --every 10
      cleaner bench extract pages.parquet -x best,my_package.extraction:main_text --opaque
      cleaner bench extract pages.parquet --html-field page --gold-field truth --group-field source --json
    """
    from cleaner.progress import bar
    from cleaner.scores import DataError, Fields, count, pages, scores

    given = {"html": html_field, "gold": gold_field, "group": group_field}
    fields = Fields(**{kind: (name,) for kind, name in given.items() if name})
    chosen = _extractors(extractors)
    unread = 0

    def readable() -> Iterator[Page]:
        nonlocal unread
        from cleaner.scores import opaque as made_opaque

        for page in pages(data, fields, every):
            if page is None:
                unread += 1
            else:
                yield page._replace(html=made_opaque(page.html)) if opaque else page

    with told():
        total = -(-count(data) // every)
        with bar("measuring") as tell:
            found = scores(readable(), chosen, lambda done, size: tell(done + unread, total, size))
        if not found[0].all.pages:
            raise DataError(f"{data}: holds no page" + (f" that can be read, of {unread}" if unread else ""))
    if unread:
        click.echo(f"{unread} of {total} pages hold no text and were left out", err=True)
    click.echo(json.dumps(_object(data, found), ensure_ascii=False, indent=1) if as_json else _table(found))


def _extractors(asked: str | None) -> dict[str, Extractor]:
    """Make those that are asked for; those of the default that are not installed are told and left out."""
    from cleaner.scores import ExtractorError, extractor

    made = {}
    for name in (asked or _DEFAULT).split(","):
        try:
            made[name.strip()] = extractor(name.strip())
        except ExtractorError as error:
            if asked:
                raise Unusable(str(error)) from error
            click.echo(f"left out: {error}", err=True)
    return made


def _share(score: Score, found: Sequence[Score]) -> float | None:
    base = next((s.ms for s in found if s.name == "trafilatura"), 0.0)
    return score.ms / base if base else None


def _object(data: Path, found: Sequence[Score]) -> dict[str, object]:
    return {
        "data": data.name,
        "pages": found[0].all.pages,
        "extractors": [
            {
                "name": s.name,
                **{key: round(value, 4) for key, value in s.all._asdict().items() if key != "pages"},
                "f1_of_groups": round(s.f1_of_groups, 4),
                "cpu_ms": round(s.ms, 2),
                "cpu_of_trafilatura": None if (share := _share(s, found)) is None else round(share, 3),
                "errors": s.errors,
                "groups": {group: {"pages": g.pages, "f1": round(g.f1, 4)} for group, g in s.groups.items()},
            }
            for s in found
        ],
    }


def _table(found: Sequence[Score]) -> str:
    wide = max(len("extractor"), *(len(s.name) for s in found))
    rows = [f"{'extractor':{wide}}     F1      P      R   CPU ms  of trafilatura  errors"]
    for s in found:
        share = "-" if (part := _share(s, found)) is None else f"{part:.3f}"
        figures = f"{s.all.f1:6.3f} {s.all.precision:6.3f} {s.all.recall:6.3f} {s.ms:8.1f}"
        rows.append(f"{s.name:{wide}} {figures} {share:>15} {s.errors:7}")
    rows.append(f"\n{found[0].all.pages} pages; each figure is a mean over pages")
    groups = found[0].groups
    if len(groups) > 1:
        column = max(_WIDE, *(len(s.name) + 1 for s in found))
        wide = max(len("mean of groups"), *map(len, groups))
        rows.append(f"\n{'F1 by group':{wide}}  pages" + "".join(f"{s.name:>{column}}" for s in found))
        for group, sums in groups.items():
            rows.append(f"{group:{wide}} {sums.pages:6}" + "".join(f"{s.groups[group].f1:{column}.3f}" for s in found))
        rows.append(f"{'mean of groups':{wide}} {'':6}" + "".join(f"{s.f1_of_groups:{column}.3f}" for s in found))
    return "\n".join(rows)
