"""The command that cleans: files, folders, crawls and standard input."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cleaner.cli.options import FOLDER, PLACE, READING, Unusable, rules_of, told

if TYPE_CHECKING:
    from cleaner.call import Begin
    from cleaner.delivery import Sent
    from cleaner.run import Summary
    from cleaner.settings import Settings

_Command = Callable[..., Any]

# Option -> the setting that it stands for. What is not given on the command line leaves the setting as it is.
_PLAIN = {
    "profile": "clean.profile",
    "extract": "clean.extract",
    "format": "input.format",
    "max_document_mb": "input.max_document_mb",
    "site_from": "input.site_from",
    "to": "output.to",
    "ledger": "output.ledger",
    "shard_mb": "output.shard_mb",
    "workers": "run.workers",
    "timeout": "run.timeout",
    "min_chars": "drop.min_chars",
    "keep_copy": "duplicates.keep",
    "engine": "run.engine",
}
_MANY = {
    **READING,
    "keep": "clean.keep",
    "rules": "clean.rules",
    "lang": "drop.languages_kept",
}


def _options(command: _Command) -> _Command:
    for option in reversed(
        (
            click.option(
                "-o", "--out", type=PLACE, metavar="OUT", help="The folder or URL to write to; made if needed."
            ),
            click.option("--work", type=FOLDER, metavar="DIR", help="Where a run to a URL works [the user's cache]."),
            click.option("--profile", type=click.Choice(("careful", "strict")), help="strict: the risky rules, too."),
            click.option("--keep", multiple=True, metavar="CLASS", help="Let the rules of a class rest: caption, …"),
            click.option("--rules", multiple=True, metavar="DIR", help="Your own rules; the same id replaces."),
            click.option(
                "--extract",
                metavar="HOW",
                help="What finds a page's main text: best, trafilatura, fast, none [best].",
            ),
            click.option("--format", metavar="FORMAT", help="text, html, jsonl, parquet, warc; else by content."),
            click.option("--text-field", multiple=True, metavar="NAME", help="Field of a record that holds its text."),
            click.option("--html-field", multiple=True, metavar="NAME", help="Field that holds its page."),
            click.option("--id-field", multiple=True, metavar="NAME", help="Field that holds its id."),
            click.option("--url-field", multiple=True, metavar="NAME", help="Field that holds its address."),
            click.option("--date-field", multiple=True, metavar="NAME", help="Field that holds its date."),
            click.option("--site-from", type=click.Choice(("url", "folder")), help="What a document's site is."),
            click.option("--exclude", multiple=True, metavar="GLOB", help="Leave out files by path or name."),
            click.option("--max-document-mb", type=float, metavar="MB", help="A larger document is an error [4]."),
            click.option(
                "--to", metavar="FORM", help="text, jsonl or parquet; else text for files, parquet for records."
            ),
            click.option("--ledger", metavar="FORM", help="parquet, jsonl, summary or none [parquet]."),
            click.option("--no-ledger", is_flag=True, help="As --ledger none."),
            click.option("--shard-mb", type=int, metavar="MB", help="Size of one part of a table [256]."),
            click.option("--lang", multiple=True, metavar="CODE", help="Languages to keep; others go to dropped/."),
            click.option(
                "--drop",
                multiple=True,
                type=click.Choice(("duplicates",)),
                help="duplicates: near-duplicates go to dropped/, but for the copy that stays.",
            ),
            click.option(
                "--keep-copy",
                type=click.Choice(("least-chrome", "longest", "newest", "first")),
                help="Which of near-duplicates stays [least-chrome].",
            ),
            click.option("--facts", type=FOLDER, metavar="DIR", help="A former run's facts/: applied, and extended."),
            click.option(
                "--against", type=FOLDER, metavar="INDEX", help="Find copies of earlier crawls, and add this one."
            ),
            click.option("--crawl", default="", metavar="NAME", help="This run's name in INDEX [the name of OUT]."),
            click.option("--engine", type=click.Choice(("local", "spark")), help="Where it runs [local]."),
            click.option("--spark-master", metavar="URL", help="Of the cluster: spark://host:7077 [all cores here]."),
            click.option("--no-study", is_flag=True, help="Learn nothing of sites, compare no documents."),
            click.option("--min-chars", type=int, metavar="N", help="Shorter documents go to dropped/."),
            click.option("--workers", type=int, metavar="N", help="Processes; 0: one a core [0]."),
            click.option("--timeout", type=float, metavar="S", help="Seconds for one document [60]."),
            click.option(
                "--config",
                type=click.Path(path_type=Path, dir_okay=False, exists=True),
                metavar="FILE",
                help="Settings; without it ./cleaner.toml, if it is there.",
            ),
            click.option(
                "--set", "sets", multiple=True, metavar="KEY=VALUE", help="Any setting: 'cleaner config show'."
            ),
            click.option("--restart", is_flag=True, help="Begin anew what was not finished, or is."),
            click.option("--dry-run", is_flag=True, help="Say what would be read; write nothing."),
            click.option("-q", "--quiet", is_flag=True, help="No progress and no summary; errors are still told."),
        )
    ):
        command = option(command)
    return command


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH…")
@_options
def clean(
    paths: tuple[str, ...],
    out: Path | str | None,
    work: Path | None,
    restart: bool,
    dry_run: bool,
    quiet: bool,
    config: Path | None,
    sets: tuple[str, ...],
    facts: Path | None,
    against: Path | None,
    crawl: str,
    spark_master: str | None,
    **given: Any,
) -> None:
    """Clean files, folders and crawls into OUT, or one document from standard input to standard output.

    A PATH is a file, a folder, a quoted glob or a URL (https://, s3://, …): text, HTML, JSONL, Parquet, WARC or WET,
    also compressed. OUT gets text/ or the texts inside documents/, ledger/ (every change), documents/ (labels),
    dropped/ (what was left out, and why), errors.jsonl (what could not be read or cleaned, and why) and run.json.

    A run that was interrupted or killed goes on when the same command is given again. Where OUT is a URL (s3://bucket/a,
    gs://, az://, …) it works in a folder here and is sent when it is whole, run.json last; its keys are read from where
    the backend reads them.

    Exit code 1 says that errors.jsonl is not empty.

    \b
    Examples:
      cleaner clean crawl/ -o out
      cleaner clean 'crawl/**/*.warc.gz' -o out --workers 8
      cleaner clean pages.parquet -o out --html-field page --id-field key --to jsonl
      cleaner clean dump.jsonl.zst -o out --lang fr --min-chars 200 --set drop.quality.min_words=50
      cleaner clean 's3://bucket/crawl/*.warc.gz' -o s3://bucket/clean
      cleaner clean - < page.html
      zcat dump.jsonl.gz | cleaner clean - -o out --format jsonl
    """
    settings = _settings(config, sets, given)
    if dry_run:
        _survey(paths, settings)
        return
    if not out:
        if paths != ("-",):
            raise click.UsageError("say where to write with -o OUT")
        _stream(settings, facts)
        return
    if work and isinstance(out, Path):
        raise click.UsageError("--work is for an output at a URL; another works where it is written")
    if isinstance(out, str) and settings.run.engine == "spark" and spark_master and not work:
        raise click.UsageError(
            "say with --work DIR where the run works: a folder that the driver and all executors reach"
        )
    with told():
        from datetime import date

        from cleaner.delivery import Delivery, Kept
        from cleaner.progress import watch
        from cleaner.run import RunError, run
        from cleaner.write.digest import run_of

        today = date.today().isoformat()
        begin: Begin = "restart" if restart else "continue"
        try:
            with (
                Kept(out)
                if isinstance(out, Path)
                else Delivery(out, work, inputs=paths, exclude=settings.input.exclude) as into,
                nullcontext(_untold) if quiet else watch() as tell,
            ):
                where = None
                if settings.run.engine == "spark":
                    from cleaner.cluster import on

                    if "-" in paths:
                        raise click.UsageError("standard input is no input of a cluster")
                    where = on(spark_master)
                stdin = sys.stdin.buffer if "-" in paths else None
                summary = run(
                    paths,
                    into.folder,
                    settings,
                    today=today,
                    begin=begin,
                    stdin=stdin,
                    facts=facts,
                    against=against,
                    crawl=crawl,
                    claim=into.claim,
                    where=where,
                    tell=tell,
                )
                sent = into.send(tell) if into.is_waiting else None
                made = run_of(into.folder)
        except RunError as error:
            raise Unusable(f"{error}; what is done stays done, the same command goes on") from error
    if not quiet:
        _tell(summary, f"{out}".rstrip("/"), made, sent)
    if summary.errors:
        if quiet:
            click.echo(f"{summary.errors:,} documents failed: see {out}/errors.jsonl", err=True)
        sys.exit(1)
    if not summary.tally.documents:
        raise Unusable(f"nothing to clean in {', '.join(paths)}")


def _untold(state: object) -> None:
    return


def _settings(config: Path | None, sets: tuple[str, ...], given: Mapping[str, Any]) -> Settings:
    from cleaner.config import load

    if given["no_ledger"] and given["ledger"] not in (None, "none"):
        raise click.UsageError("--no-ledger and --ledger contradict each other")
    options: dict[str, object] = {key: given[name] for name, key in _PLAIN.items() if given[name] is not None}
    options |= {key: list(given[name]) for name, key in _MANY.items() if given[name]}
    named = {"input.text", "input.html"} & options.keys()
    if len(named) == 1:  # what was named is meant, not a field of the other kind that happens to be there
        options |= {key: [] for key in {"input.text", "input.html"} - named}
    if given["drop"]:
        options["drop.duplicates"] = True
    if given["no_study"]:
        options["run.study"] = False
    if given["no_ledger"]:
        options["output.ledger"] = "none"
    with told():
        return load(config, sets, options).settings


def _survey(paths: tuple[str, ...], settings: Settings) -> None:
    from cleaner.call import reading
    from cleaner.read.inputs import walk
    from cleaner.read.records import survey

    with told():
        sources = list(walk([path for path in paths if path != "-"], settings.input.exclude))
        rows = survey(sources, reading(settings, 0))
    for row in rows:
        what = f"{row.format} {row.compression}".strip()
        click.echo(f"{what:20} {row.files:9,} files {row.bytes / 1e6:12,.2f} MB")
    files, size = sum(row.files for row in rows), sum(row.bytes for row in rows)
    click.echo(f"{'in all':20} {files:9,} files {size / 1e6:12,.2f} MB")


def _stream(settings: Settings, facts: Path | None) -> None:
    from datetime import date

    from cleaner.line import editing
    from cleaner.pipeline import Pipeline, StageError
    from cleaner.read.decode import Unreadable
    from cleaner.read.files import document

    with told():
        rules = rules_of(tuple(map(Path, settings.clean.rules)))
        pipeline = Pipeline(editing(settings, rules, date.today().isoformat(), facts), rules=rules)
    try:
        done = pipeline.clean(document(sys.stdin.buffer.read()))
    except (Unreadable, StageError) as error:
        click.echo(f"standard input: {error}", err=True)
        sys.exit(1)
    sys.stdout.buffer.write((done.text + "\n").encode("utf-8"))


def _tell(summary: Summary, out: str, run: Mapping[str, object], sent: Sent | None) -> None:
    tally = summary.tally
    if sent:
        click.echo(f"{sent.objects:,} files sent to {out}, {sent.size / 1e6:,.2f} MB")
    elif summary.idle:
        click.echo(f"nothing to do: {out} holds this very run, finished; --restart does it again")
    if summary.changed:
        click.echo(f"{out}: replaced a finished run; changed since: {', '.join(summary.changed)}")
    resumed = f" (went on behind {summary.resumed:,} finished chunks)" if summary.resumed else ""
    took = f" in {summary.seconds:.1f} s" if not summary.idle else ""
    click.echo(
        f"{tally.documents:,} documents cleaned{took}{resumed}: {tally.chars_raw:,} characters in, {tally.chars:,} out"
    )
    taken = sorted(tally.rules.items(), key=lambda item: (-item[1].removed, item[0]))
    for name, rule in taken[:5]:
        click.echo(f"  {name:32} {rule.edits:7,} edits {rule.removed:9,} characters")
    if len(taken) > 5:
        click.echo(f"  and {len(taken) - 5} more rules: see run.json")
    if summary.copies:
        kept = "" if any(reason == "duplicate" for reason in summary.dropped) else ": labelled, and kept without --drop"
        click.echo(f"{summary.copies:,} are near-duplicates of another{kept}")
    if summary.dropped:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(summary.dropped.items()))
        click.echo(f"{sum(summary.dropped.values()):,} left out ({reasons}): see {out}/dropped")
    if summary.errors:
        click.echo(f"{summary.errors:,} failed: see {out}/errors.jsonl")
    texts = "text" if run.get("to") == "text" else "documents"
    ledger = f", every change in {out}/ledger" if run.get("ledger") != "none" else ""
    click.echo(f"texts in {out}/{texts}{ledger}; 'cleaner restore {out} -o DIR' takes it all back")
