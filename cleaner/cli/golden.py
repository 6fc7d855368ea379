"""Commands on goldens."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cleaner.cli.options import FOLDER, FOLDER_THERE, Unusable, cleaning, painted, pipeline_of, read, rules_of, told

if TYPE_CHECKING:
    from cleaner.document import Document
    from cleaner.golden import Difference
    from cleaner.pipeline import Pipeline

_ROWS = 200  # lines of one difference that are shown
_ANSWERS = {"a": "accept", "r": "reject", "s": "skip", "k": "keep-example", "q": "quit"}


@click.group()
def golden() -> None:
    """Compare what comes out of seed documents with what a careful reader keeps.

    A golden is human truth. What a run gives otherwise is written beside it as .new, and only accept replaces it.
    """


def _folders(kind: click.Path) -> Callable[[Callable[..., None]], Callable[..., None]]:
    seeds = click.option(
        "--seeds", type=kind, default=Path("seeds"), show_default=True, help="The raw documents, one file each."
    )
    goldens = click.option(
        "--golden", "folder", type=kind, default=Path("golden"), show_default=True, help="What must come out of them."
    )
    return lambda command: seeds(goldens(command))


@golden.command("test")
@click.argument("names", nargs=-1, metavar="[NAME]…")
@_folders(FOLDER_THERE)
@cleaning
def golden_test(
    names: tuple[str, ...], seeds: Path, folder: Path, rules: tuple[Path, ...], profile: str, keep: tuple[str, ...]
) -> None:
    """Clean every seed, or those of the NAMEs, and compare: what differs is written beside its golden as .new.

    Exit code 1 says that something differs. Kinds: new (no golden yet), text (other text is kept), edits (the same
    text by other rules), orphan (no seed).

    \b
    Examples:
      cleaner golden test
      cleaner golden test 004_a20ad62ac2dfc7aa --rules my-rules
    """
    from cleaner.golden import changed, compare

    with told():
        pipeline = pipeline_of(rules, profile, keep)
        found = total = 0
        for _, differences in compare(seeds, folder, partial(_cleaned, pipeline), names):
            total += 1
            for d in differences:
                found += 1
                click.echo(f"{d.kind}: {d.path}")
                if d.kind in ("text", "edits"):
                    _show(changed(d.expected, d.got), 40)
    click.echo(f"{total} seeds, {found} differences" + ("; 'cleaner golden review' asks about each" if found else ""))
    sys.exit(1 if found else 0)


@golden.command("add")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True), metavar="FILE…")
@_folders(FOLDER)
@cleaning
def golden_add(
    files: tuple[Path, ...],
    seeds: Path,
    folder: Path,
    rules: tuple[Path, ...],
    profile: str,
    keep: tuple[str, ...],
) -> None:
    """Take FILEs into the seeds, byte for byte, and write what they become as .new: a reader accepts it or not.

    A file whose name, without its extension, is taken is refused, and then none is added.

    \b
    Example:
      cleaner golden add crawl/page.html && cleaner golden review page
    """
    from cleaner.golden import add

    with told():
        pipeline = pipeline_of(rules, profile, keep)
        for seed in add(files, seeds, folder, partial(_cleaned, pipeline)):
            click.echo(f"added {seed}")
    click.echo("look at what comes out of them: 'cleaner golden review'")


@golden.command("review")
@click.argument("names", nargs=-1, metavar="[NAME]…")
@click.option("--list", "listed", is_flag=True, help="Only list what waits, without a question.")
@_folders(FOLDER_THERE)
@cleaning
def golden_review(
    names: tuple[str, ...],
    listed: bool,
    seeds: Path,
    folder: Path,
    rules: tuple[Path, ...],
    profile: str,
    keep: tuple[str, ...],
) -> None:
    """Show what the last run gives otherwise, seed by seed, word by word, and ask what to do about it.

    \b
    a  accept        it becomes the golden
    r  reject        the .new goes; the golden, and so the difference, stays
    s  skip          it waits
    k  keep-example  a passage that went but must stay is written into the keeps of the rule that took it, in
                     the folder of --rules, and the rule is tested: mend it, then run 'cleaner golden test'
    q  quit

    A new golden is compared with its seed. Exit code 1 says that something still waits.

    \b
    Examples:
      cleaner golden review --rules my-rules
      cleaner golden review --list
    """
    from cleaner.golden import accept, chosen, pending, reject, seeds_of

    with told():
        waiting = pending(seeds, folder)
        if names:
            chosen(names, waiting)
        paths = seeds_of(seeds)
    asked = {name: found for name, found in waiting.items() if not names or name in names}
    if listed or not asked:
        for d in (d for found in asked.values() for d in found):
            click.echo(f"{d.kind}: {d.path}")
        click.echo(f"{len(asked)} to review")
        sys.exit(1 if asked else 0)
    if not _terminal():
        raise Unusable("review asks questions, and this is no terminal: use --list, then 'cleaner golden accept NAME'")
    left = len(asked)
    for nth, (name, differences) in enumerate(asked.items(), 1):
        click.secho(f"\n{name} ({nth} of {len(asked)})", bold=True)
        if differences[0].kind == "orphan":
            for d in differences:
                click.echo(f"orphan: {d.path}: its seed is gone; bring the seed back or remove this file")
            continue
        with told():
            _present(differences, paths[name])
        answer = "k"
        while answer == "k":
            answer = _ask()
            if answer == "k":
                with told():
                    _keep_example(name, paths[name], folder, rules, profile, keep)
        if answer == "q":
            break
        if answer in ("a", "r"):
            for path in (accept if answer == "a" else reject)(name, folder):
                click.echo(f"{_ANSWERS[answer]}ed {path}")
            left -= 1
    if left:
        click.echo(f"{left} still to review")
    sys.exit(1 if left else 0)


@golden.command("accept")
@click.argument("names", nargs=-1, metavar="[NAME]…")
@click.option("--all", "every", is_flag=True, help="Whatever waits.")
@click.option("--golden", "folder", type=FOLDER_THERE, default=Path("golden"), show_default=True)
def golden_accept(names: tuple[str, ...], every: bool, folder: Path) -> None:
    """Make what the last test wrote the golden, for the NAMEs given.

    \b
    Examples:
      cleaner golden accept 004_a20ad62ac2dfc7aa
      cleaner golden accept --all
    """
    from cleaner.golden import accept, waiting

    if bool(names) == every:
        raise click.UsageError("say which by NAME, or --all")
    with told():
        for name in names or waiting(folder):
            for path in accept(name, folder):
                click.echo(f"accepted {path}")


# Showing and asking.


def _readable(path: Path) -> Document:
    from cleaner.read.decode import Unreadable

    try:
        return read(path)
    except Unreadable as error:
        raise Unusable(f"{path}: {error}") from error


def _cleaned(pipeline: Pipeline, path: Path) -> Document:
    from cleaner.pipeline import StageError

    try:
        return pipeline.clean(_readable(path))
    except StageError as error:
        raise Unusable(f"{path}: {error}") from error


def _present(differences: Sequence[Difference], seed: Path) -> None:
    from cleaner.golden import changed

    for d in differences:
        click.echo(f"{d.kind}: {d.path}")
        if d.kind != "new":
            _show(changed(d.expected, d.got), _ROWS)
        elif d.path.suffix == ".txt":  # the trail says again what the text's own difference shows
            _show(changed(_readable(seed).raw.rstrip("\n") + "\n", d.got), _ROWS)


def _show(document: Document, most: int) -> None:
    from cleaner.explain import rows

    for n, row in enumerate(rows(document)):
        if n == most:
            click.secho("      … and more", dim=True)
            return
        if row.skipped:
            click.secho(f"      … {row.skipped} unchanged", dim=True)
        else:
            click.echo(f"{row.number:5} " + "".join(map(painted, row.pieces)))


def _terminal() -> bool:
    return sys.stdin.isatty()


def _ask() -> str:
    answer: str = click.prompt(
        ", ".join(f"{key} {word}" for key, word in _ANSWERS.items()),
        type=click.Choice([*_ANSWERS, *_ANSWERS.values()]),
        show_choices=False,
    )
    return answer[0]


def _keep_example(
    name: str, seed: Path, folder: Path, rules: tuple[Path, ...], profile: str, keep: tuple[str, ...]
) -> None:
    from cleaner.explain import short
    from cleaner.keeps import keep as add_keep
    from cleaner.keeps import look_alike, taken
    from cleaner.proof import Proof
    from cleaner.rules import RuleError, load

    if not rules:
        click.echo("say with --rules DIR which rules may be changed")
        return
    pipeline = pipeline_of(rules, profile, keep)
    done = _cleaned(pipeline, seed)
    trail = folder / f"{name}.edits"
    known = trail.read_text(encoding="utf-8") if trail.exists() else ""
    passages = taken(done, load(*rules).classes, known)
    if not passages:
        click.echo(f"no rule of {', '.join(map(str, rules))} takes anything here that it did not take before")
        return
    for n, (_, edit) in enumerate(passages, 1):
        click.echo(f"{n:5} {short(edit.before.strip())}  " + click.style(edit.rule, fg="cyan"))
    number: int = click.prompt("which of them must stay (0: none)", type=click.IntRange(0, len(passages)))
    if not number:
        return
    passage = passages[number - 1]
    id = passage.edit.rule
    try:
        example = look_alike(done, passage, pipeline.rules)
        path = add_keep(rules, id, example)
    except RuleError as error:
        click.echo(str(error))
        return
    click.echo(
        f"{path}: [{id.split('/')[1]}] now keeps\n" + "".join(f"  {line}\n" for line in example.split("\n")), nl=False
    )
    faults = [str(fault) for fault in Proof(rules_of(rules)).check(id)]
    click.echo("\n".join(faults) if faults else f"{id} leaves it alone when it stands there by itself")
