"""The command effect: what a rule change does to a corpus, before it is accepted."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cleaner.cli.options import FOLDER, FOLDER_THERE, Unusable, rules_of, told

if TYPE_CHECKING:
    from cleaner.document import Document
    from cleaner.effect import Effect, Side
    from cleaner.progress import Tell
    from cleaner.read.files import Source
    from cleaner.rules import Rules
    from cleaner.sides import Sample

_SCHEMA = 1  # of --json; goes up when a key changes its meaning or goes
_SHOWN = 240  # characters of a sample on the terminal


@click.command()
@click.argument("corpus", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="CORPUS…")
@click.option("--since", metavar="REV", help="The old rules are those of this git revision.")
@click.option(
    "--rules-dir", type=FOLDER, metavar="DIR", help="With --since: the rules; default: rules/ of the checkout."
)
@click.option("--rules", "folders", multiple=True, type=FOLDER, metavar="DIR", help="Your rules, added to the shipped.")
@click.option("--profile", type=click.Choice(("careful", "strict")), default="careful", help="As in clean.")
@click.option("--samples", type=click.IntRange(0), default=3, show_default=True, help="Samples a rule, each way.")
@click.option("--golden", type=FOLDER_THERE, metavar="DIR", help="What a reader keeps, by file stem; default: golden/.")
@click.option("--fail-on-loss", is_flag=True, help="Exit 1 when a sentence or a golden's text newly goes.")
@click.option("--json", "as_json", is_flag=True, help="For machines, on one line.")
def effect(
    corpus: tuple[Path, ...],
    since: str | None,
    rules_dir: Path | None,
    folders: tuple[Path, ...],
    profile: str,
    samples: int,
    golden: Path | None,
    fail_on_loss: bool,
    as_json: bool,
) -> None:
    """Clean a CORPUS with old and new rules, and show what differs, by rule, the most risky first.

    With --since the old rules are the folder --rules-dir at that revision, the new ones those that stand there now.
    With --rules the shipped rules are the old side, and with yours the new one. With both, your rules of then and
    now are compared, on top of the shipped.

    + is text that now goes, - is text that comes back; where only the credit changes, "moved" says so. A change
    that takes what a golden keeps, or what is like a sentence (four words and a full stop), is a loss: look at it.

    \b
    Examples:
      cleaner effect --since HEAD seeds/
      cleaner effect --since main --fail-on-loss --json crawl/
      cleaner effect --rules my-rules/ crawl/

    \b
    --json prints one object:
      schema        1
      old, new      {rules: how many, digest}
      documents, changed, losses          counts
      rules         [{rule, added, removed}], the most risky first
      moved         [{old, new, side}]
      failed        [[id, reason]]
    added, removed and side are {edits, lines, characters, golden, risky, longest, samples}, and a sample is
    {document, line, start, stop, before, after, above, head, tail, below, golden, sentence, times}; start and stop
    count characters of the raw text, line its lines from 1.
    """
    if not since and not folders:
        raise click.UsageError("say what to compare: --since REV, --rules DIR, or both")
    if rules_dir and (folders or not since):
        raise click.UsageError("--rules-dir goes with --since, and not with --rules")
    from cleaner.effect import compare
    from cleaner.matcher import Matcher
    from cleaner.pipeline import Pipeline
    from cleaner.progress import bar
    from cleaner.read.files import walk

    if golden is None and Path("golden").is_dir():
        golden = Path("golden")
    unread: list[tuple[str, str]] = []
    with told():
        old, new = _sides(since, rules_dir, folders)
        sources = list(walk(corpus))
        if not sources:
            raise Unusable(f"nothing to compare in {', '.join(map(str, corpus))}")
        Matcher(new).check()  # a pattern that RE2 does not take is told once, not of every document
        if same := old.digest() == new.digest():
            sources = []
        pipelines = [Pipeline(rules=rules, profile=profile) for rules in (old, new)]  # type: ignore[arg-type]
        with bar("comparing") as tell:
            found = compare(_documents(sources, tell, unread), *pipelines, samples=samples, golden=golden)
    failed = [*unread, *found.failed]
    if as_json:
        click.echo(_json(found, old, new, failed))
    else:
        click.echo(f"no effect: {len(new)} rules on both sides, all the same" if same else _told(found, old, new))
    for id, reason in failed:
        click.echo(f"{id}: {reason}", err=True)
    sys.exit(1 if failed or (fail_on_loss and found.losses) else 0)


def _sides(since: str | None, rules_dir: Path | None, folders: tuple[Path, ...]) -> tuple[Rules, Rules]:
    from cleaner.revision import rules_at, top
    from cleaner.rules import load

    if not since:
        return rules_of(()), rules_of(folders)
    if not folders:
        folder = rules_dir or top(Path.cwd()) / "rules"
        new = load(folder)
        return rules_at(since, folder), new
    new = rules_of(folders)
    old = rules_of(())
    for folder in folders:
        old |= rules_at(since, folder)
    return old, new


def _documents(sources: Sequence[Source], tell: Tell, unread: list[tuple[str, str]]) -> Iterator[Document]:
    from cleaner.read.decode import Unreadable
    from cleaner.read.files import read

    characters = 0
    for n, source in enumerate(sources, 1):
        try:
            document = read(source)
        except Unreadable as error:
            unread.append((source.id, str(error)))
        else:
            yield document
            characters += len(document.raw)
        tell(n, len(sources), characters)


def _json(found: Effect, old: Rules, new: Rules, failed: Sequence[tuple[str, str]]) -> str:
    from dataclasses import asdict

    sides = {name: {"rules": len(rules), "digest": rules.digest()} for name, rules in (("old", old), ("new", new))}
    told = {"schema": _SCHEMA, **sides, "losses": found.losses, **asdict(found), "failed": failed}
    return json.dumps(told, ensure_ascii=False)


def _told(found: Effect, old: Rules, new: Rules) -> str:
    head = f"{len(old)} rules before, {len(new)} now; {found.changed:,} of {found.documents:,} documents change"
    if not found:
        return f"no effect: {head}"
    shown = [head]
    for rule in found.rules:
        shown += ["", click.style(rule.rule, fg="cyan") + f"  {_counts(rule.added, rule.removed)}{_risk(rule.added)}"]
        for sign, side in (("+", rule.added), ("-", rule.removed)):
            for sample in side.samples:
                shown += _sample(sign, sample)
    for moved in found.moved:
        shown += [
            "",
            f"moved: {moved.old} -> {moved.new}  {moved.side.lines:,} lines, {moved.side.characters:,} characters",
        ]
        for sample in moved.side.samples:
            shown += _sample("=", sample)
    added, removed = ([getattr(rule, name) for rule in found.rules] for name in ("added", "removed"))
    lines, characters = (
        [sum(getattr(s, what) for s in side) for side in (added, removed)] for what in ("lines", "characters")
    )
    losses = f"; {found.losses:,} of the new edits may be losses" if found.losses else ""
    total = f"total  +{lines[0]:,} -{lines[1]:,} lines, +{characters[0]:,} -{characters[1]:,} characters"
    return "\n".join([*shown, "", total + losses])


def _counts(added: Side, removed: Side) -> str:
    return f"+{added.lines:,} -{removed.lines:,} lines, +{added.characters:,} -{removed.characters:,} characters"


def _risk(side: Side) -> str:
    told = [f"{side.golden:,} take what a golden keeps"] if side.golden else []
    told += [f"{side.risky - side.golden:,} like a sentence"] if side.risky > side.golden else []
    return "  " + click.style("; ".join(told), fg="red") if told else ""


def _sample(sign: str, s: Sample) -> Iterator[str]:
    from cleaner.explain import short

    told = [f"{s.document}:{s.line}", *([f"×{s.times:,}"] if s.times > 1 else [])]
    told += ["a golden keeps it"] if s.golden else []
    told += ["like a sentence"] if s.sentence else []
    yield f"  {sign} " + ", ".join(told)
    if s.above:
        yield click.style(f"      {short(s.above)}", dim=True)
    mark, text = ("+", s.after) if s.after else ("-", s.before)
    if sign == "-":
        mark = {"+": "-", "-": "+"}[mark]
    shown = f"[-{short(text, _SHOWN)}-]" if mark == "-" else f"{{+{short(text, _SHOWN)}+}}"
    yield f"      {s.head}" + click.style(shown, fg="red" if mark == "-" else "green") + s.tail
    if s.below:
        yield click.style(f"      {short(s.below)}", dim=True)
