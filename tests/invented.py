"""An invented rule, a folder to put it in, and documents to try it on."""

from __future__ import annotations

from pathlib import Path

from cleaner.document import Document

RULE = """
[thing]
why = "A thing."
class = "share"
find = "line"
words = ["share me"]
removes = ["Text.\\n[-Share me-]"]
keeps = ["Share me a story."]
source = "invented"
"""


def folder_in(tmp_path: Path):
    def write(text: str = RULE, name: str = "any/share.toml") -> Path:
        path = tmp_path / "rules" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return tmp_path / "rules"

    return write


def document(text: str, language: str = "fr", **given) -> Document:
    return Document("a", text, source={"language": language}, **given)
