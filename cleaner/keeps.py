"""Give a rule a look-alike: a passage of a document that it must not touch, written into the ``keeps`` of its file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import tomlkit
from tomlkit.items import Array, Item

from cleaner.document import Document, Edit
from cleaner.golden import entry
from cleaner.marks import render
from cleaner.proof import text_of
from cleaner.rules import RuleError, Rules, load
from cleaner.stages.chrome import Chrome
from cleaner.write.atomic import write

_AROUND = 6
"""Lines to each side that a look-alike may need until the rule is fooled; clusters and ``beside`` look 3 far."""


class Taken(NamedTuple):
    """A passage that a rule took from a document: by the document's patch number ``step``, with this edit."""

    step: int
    edit: Edit


def taken(document: Document, ids: Collection[str], known: str = "") -> list[Taken]:
    """Give what rules of these ids took, in the order of taking, without what the trail ``known`` has already."""
    before = Counter(known.splitlines())
    found = []
    for step, patch in enumerate(document.patches):
        for edit in patch.edits:
            if before[entry(edit)]:
                before[entry(edit)] -= 1
            elif edit.rule in ids:
                found.append(Taken(step, edit))
    return found


def look_alike(document: Document, passage: Taken, rules: Rules) -> str:
    """Write the lines of a passage as an example of what its rule must keep, as few as the rule falls for.

    A rule that looks at what stands around needs neighbours to fall for it: up to six lines to each side are
    added. What other rules take of them is marked ``[-…-]``, as ``keeps`` wants it. Where the rule falls for
    none of these, the passage's own lines are given.
    """
    step, edit = passage
    state = replace(document, patches=document.patches[:step], _text=None)
    alone, together = Chrome(Rules([rules[edit.rule]]), "strict"), Chrome(rules, "careful")
    first = ""
    for text in _widening(state.text, edit):
        example = Document("example", text, url=state.url, source=state.labels)
        edits = together.propose(example).edits
        shown = render(text, [e for e in edits if e.rule != edit.rule])
        first = first or shown
        if any(e.rule == edit.rule for e in (*edits, *alone.propose(example).edits)):
            return shown
    return first


def _widening(text: str, edit: Edit) -> Iterator[str]:
    """Yield the lines an edit touches, then with one line more to each side that is not blank, and so on."""
    visible = edit.before.strip("\n")
    start = text.rfind("\n", 0, edit.start + edit.before.find(visible)) + 1
    stop = text.find("\n", start + len(visible))
    stop = stop if stop >= 0 else len(text)
    for _ in range(_AROUND + 1):
        yield text[start:stop].strip("\n").rstrip()
        start = text.rfind("\n", 0, len(text[:start].rstrip())) + 1
        skip = len(text) - len(text[stop:].lstrip())
        stop = end if (end := text.find("\n", skip)) >= 0 else len(text)


def keep(folders: Sequence[Path], id: str, example: str) -> Path:
    """Append an example to the ``keeps`` of a rule in the last of the folders that has it; give the changed file.

    The rest of the file stays as it is, comments and layout included. Raises ``RuleError`` when no folder has
    the rule, when the example stands there already, or when the file cannot be changed without changing more.
    """
    path = next((found for folder in reversed(folders) if (found := _file(load(folder), folder, id))), None)
    if path is None:
        where = ", ".join(map(str, folders)) or "no folder of your own"
        raise RuleError(f"{id}: not in {where}; copy its table there (the same id replaces it) or add one of your own")
    source = path.read_bytes().decode("utf-8")
    name = id.split("/")[1]
    document = tomlkit.parse(source)
    array = document[name]["keeps"]
    assert isinstance(array, Array)
    before = document.unwrap()
    if text_of(example) in map(text_of, before[name]["keeps"]):
        raise RuleError(f"{path}: [{name}] keeps that already")
    if "\n" in array.as_string():
        array.add_line(_item(example), indent="    ")
    else:
        array.append(_item(example))
    changed = tomlkit.dumps(document)
    if "\r\n" in source:
        changed = changed.replace("\r\n", "\n").replace("\n", "\r\n")
    after = tomlkit.parse(changed).unwrap()
    *old, new = after[name]["keeps"]
    after[name]["keeps"] = old
    if after != before or text_of(new.replace("\r\n", "\n")) != text_of(example):
        raise RuleError(f"{path}: [{name}] could not be changed without changing more; add by hand:\n{example}")
    write(path, changed)
    return path


def _file(rules: Rules, folder: Path, id: str) -> Path | None:
    return next(
        (folder / rule.scope.kind / f"{id.split('/')[0]}.toml" for rule in rules.all if rule.id == id),
        None,
    )


def quoted(text: str) -> str:
    """Write a text as a TOML string, as ``keep`` does."""
    return _item(text).as_string()


def _item(example: str) -> Item:
    """Write an example as rule files do: lines of their own, indented, where it has several."""
    if "\n" not in example:
        return tomlkit.string(example)
    body = "\n".join(f"    {line}" if line else "" for line in example.split("\n"))
    return tomlkit.value('"""\n' + tomlkit.string(body, multiline=True).as_string().removeprefix('"""'))
