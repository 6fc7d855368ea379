"""What the commands share: their options, and errors told in one line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import click

if TYPE_CHECKING:
    from cleaner.document import Document
    from cleaner.marks import Piece
    from cleaner.pipeline import Pipeline
    from cleaner.rules import Rules

# Heavy parts (Arrow, the rules, ftfy) are imported by the command that needs them: --help takes a tenth of a second.

READING = {
    "exclude": "input.exclude",
    "text_field": "input.text",
    "html_field": "input.html",
    "id_field": "input.id",
    "url_field": "input.url",
    "date_field": "input.date",
}
"""Options that say how inputs are read, and the settings that they stand for."""

FOLDER = click.Path(path_type=Path, file_okay=False)
FOLDER_THERE = click.Path(path_type=Path, file_okay=False, exists=True)


class Place(click.Path):
    """A folder, given as ``Path``, or an address (``s3://bucket/folder``), given as it is."""

    name = "place"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Tell which of both it is."""
        from cleaner.read.streams import is_url

        if not isinstance(value, str) or not is_url(value):
            return super().convert(value, param, ctx)
        if value.lower().startswith("file://"):
            return super().convert(unquote(urlsplit(value).path), param, ctx)
        return value


PLACE = Place(path_type=Path, file_okay=False)
PLACE_THERE = Place(path_type=Path, file_okay=False, exists=True)


class Unusable(click.ClickException):
    """The call was well-formed, but what it names cannot be used."""

    exit_code = 2


@contextmanager
def told() -> Iterator[None]:
    """Turn the errors that a user can mend, files and our own, into one clear line and exit code 2."""
    try:
        yield
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.strerror:
            raise Unusable(f"{error.filename}: {error.strerror}" if error.filename else error.strerror) from error
        if isinstance(error, OSError) or type(error).__module__.startswith("cleaner."):
            raise Unusable(str(error)) from error
        raise


def rules_of(folders: tuple[Path, ...]) -> Rules:
    from cleaner.parsed import load

    return load(*folders)


def pipeline_of(rules: tuple[Path, ...], profile: str, keep: tuple[str, ...]) -> Pipeline:
    from datetime import date

    from cleaner.pipeline import Pipeline

    return Pipeline(rules=rules_of(rules), profile=profile, keep=keep, today=date.today().isoformat())  # type: ignore[arg-type]


def cleaning(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how documents are cleaned."""
    profiles = click.Choice(("careful", "strict"))
    for option in (
        click.option("--keep", multiple=True, metavar="CLASS", help="Let the rules of a class rest, e.g. caption."),
        click.option("--profile", type=profiles, default="careful", help="strict also applies the risky rules."),
        click.option(
            "--rules", multiple=True, type=FOLDER, metavar="DIR", help="Your own rules; the same id replaces."
        ),
    ):
        command = option(command)
    return command


def read(path: Path) -> Document:
    """Read one file; its id is its name."""
    from cleaner.read.files import Source
    from cleaner.read.files import read as read_source

    return read_source(Source(path.name, str(path)))


def painted(piece: Piece) -> str:
    """Write one piece of a word diff: in red and green on a terminal, else between marks."""
    if piece.kind == "=":
        return piece.text
    if sys.stdout.isatty():
        return click.style(piece.text, fg="red" if piece.kind == "-" else "green", strikethrough=piece.kind == "-")
    return f"[-{piece.text}-]" if piece.kind == "-" else f"{{+{piece.text}+}}"
