"""The rules as people read them: what one asks, its examples as word diffs, and a Markdown page for every rule file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from cleaner.document import Document, Patch
from cleaner.marks import Piece, history, parse
from cleaner.proof import text_of
from cleaner.rules import CLASSES, Rule, Rules, Scope

_MADE = "<!-- Made by `cleaner rules docs`"
_KINDS = ("any", "lang", "cms", "site")
_FINDS = {
    "line": "a whole line",
    "cluster": "adjacent lines of the set",
    "inline": "a span inside a line",
    "head": "from the top of the text to a line",
    "tail": "from a line to the end of the text",
}
_MARKUP = re.compile(r"[\\`*_{}\[\]<>#|~&$^@]|:(?=//)|(?<=www)\.")
_AT_START = re.compile(r"^(\s*\d*)([-+=.)])")


def pieces(example: str) -> list[Piece]:
    """Give an example of a rule as what stays and what goes, in reading order.

    Raises ``MarksError`` where its marks do not pair up.

    >>> [tuple(piece) for piece in pieces("Text.\\n[-Share me-]")]
    [('=', 'Text.\\n', ''), ('-', 'Share me', '')]
    """
    text, edits = parse(text_of(example))
    return history(Document("example", text) + Patch("example", edits))


def where(scope: Scope) -> str:
    """Say on which pages the rules of a scope apply."""
    if scope.kind == "lang":
        return f"pages in {scope.name}" if scope.name != "en" else "pages of any language, as all English rules"
    if scope.kind == "cms":
        return f"pages made with {scope.name}, or with a system that no rules know"
    return f"pages of {scope.name} and its subdomains" if scope.kind == "site" else "every page"


def conditions(rule: Rule, code: Callable[[str], str] = "'{}'".format) -> Iterator[str]:
    """Yield what the rule asks beside its words or its pattern, a phrase each; ``code`` sets off what is verbatim."""
    if rule.shape:
        yield f"of the shape {code(rule.shape)}"
    if rule.match and rule.find != "inline":
        yield f"the line has at most {rule.longest} characters"
    if rule.find == "cluster":
        yield f"at least {rule.least} such lines together"
    edge = rule.find if rule.sweeps else rule.edge
    if edge:
        yield f"the line is one of the {'first' if edge == 'head' else 'last'} {rule.within}"
    if rule.beside:
        b = rule.beside
        side = {"before": "above it", "after": "below it", "either": "above or below it"}[b.side]
        wanted = [f"a line that a rule of class {code(cls)} removes" for cls in b.classes]
        wanted += [f"the line {code(word)}" for word in b.words]
        wanted += [f"a line that matches {code(b.match)}"] if b.match else []
        yield f"at most {b.within} lines {side} stands {' or '.join(wanted)}"
    if rule.low:
        yield "only in the strict profile, or where the lines right above and below are removed"


# Pages.


def pages(rules: Rules) -> dict[str, str]:
    """Give the Markdown pages of rules by their paths: one for each rule file, a section a rule, and ``README.md``.

    Raises ``MarksError`` where the marks of an example do not pair up.
    """
    files: dict[str, list[Rule]] = {}
    for rule in sorted(rules.all, key=lambda rule: (_KINDS.index(rule.scope.kind), rule.path, rule.id)):
        files.setdefault(rule.path, []).append(rule)
    named = {_page(path): (path, of) for path, of in files.items()}
    made = {name: "\n".join(_file(path, of)) for name, (path, of) in named.items()}
    return {**made, "README.md": "\n".join(_index(rules, {name: of for name, (_, of) in named.items()}))}


def write(made: Mapping[str, str], folder: Path) -> None:
    """Write pages into a folder, made if need be, and take away pages of rule files that are no more."""
    for path in _gone(made, folder):
        path.unlink()
    for name, text in made.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())


def stale(made: Mapping[str, str], folder: Path) -> list[str]:
    """Give the paths, below the folder, of pages that are missing, of another text, or of no rule file any more."""
    changed = [n for n, text in made.items() if not (p := folder / n).is_file() or p.read_bytes() != text.encode()]
    return sorted([*changed, *(path.relative_to(folder).as_posix() for path in _gone(made, folder))])


def _gone(made: Mapping[str, str], folder: Path) -> list[Path]:
    """Give the pages in a folder that were made once and would not be now; pages by hand are left alone."""
    return [
        path
        for path in sorted(folder.rglob("*.md"))
        if path.relative_to(folder).as_posix() not in made and path.read_bytes().startswith(_MADE.encode())
    ]


def _page(path: str) -> str:
    return "/".join(PurePosixPath(path).with_suffix(".md").parts[-2:])


def _file(path: str, rules: Sequence[Rule]) -> Iterator[str]:
    """Yield the lines of the page of one rule file."""
    scope = rules[0].scope
    yield f"{_MADE} from {path}: change the rules there, not this page. -->"
    yield f"# {_escaped(f'{scope.kind}/{Path(path).stem}')}"
    yield ""
    yield f"{_figures(rules)}, for {_escaped(where(scope))}. They are kept in {_code(path)}; [all rules](../README.md)."
    yield ""
    yield "| rule | class | finds | confidence | why |"
    yield "|---|---|---|---|---|"
    for rule in rules:
        name = _name(rule)
        yield f"| [{name}](#{name}) | {rule.cls} | {rule.find} | {rule.confidence} | {_escaped(rule.why)} |"
    for rule in rules:
        yield from _section(rule)


def _section(rule: Rule) -> Iterator[str]:
    yield ""
    yield f"## {_name(rule)}"
    yield ""
    yield _escaped(rule.why)
    yield ""
    yield f"- id: {_code(rule.id)}"
    yield f"- class: `{rule.cls}`"
    yield f"- finds: `{rule.find}`, {_FINDS[rule.find]}"
    yield f"- confidence: `{rule.confidence}`"
    for condition in conditions(rule, _code):
        yield f"- asks: {condition}"
    yield f"- source: {_escaped(rule.source)}"
    if rule.was:
        yield f"- was: {', '.join(map(_code, rule.was))}"
    if rule.words:
        yield from _block(f"{len(rule.words):,} phrase{'s' * (len(rule.words) > 1)}:", rule.words)
    if rule.match:
        yield from _block("The pattern:", [rule.match])
    for heading, examples in (("Removes:", rule.removes), ("Keeps:", rule.keeps)):
        yield ""
        yield heading
        for example in examples:
            yield ""
            yield from _diff(pieces(example))


def _index(rules: Rules, files: Mapping[str, Sequence[Rule]]) -> Iterator[str]:
    """Yield the lines of the page over all: figures by class and language, and the files."""
    yield f"{_MADE}: change the rules, not this page. -->"
    yield "# The rules"
    yield ""
    yield f"{_figures(rules.all)}, in {len(files):,} files. `cleaner rules show ID` shows one of them."
    yield ""
    yield "## By class and language"
    yield ""
    yield "Rules of each class for the pages of one language; *all* are those for every page, system or site."
    yield ""
    count = Counter((rule.cls, rule.scope.name if rule.scope.kind == "lang" else "") for rule in rules.all)
    languages = sorted({language for _, language in count if language})
    yield f"| {' | '.join(('class', 'rules', 'all', *languages))} |"
    yield "|---|" + "--:|" * (2 + len(languages))
    for cls in sorted(CLASSES & set(rules.classes.values())):
        cells = [count[cls, language] for language in ("", *languages)]
        yield f"| {cls} | {sum(cells)} | {' | '.join(str(n or '') for n in cells)} |"
    sums = [sum(count[cls, language] for cls in CLASSES) for language in ("", *languages)]
    kinds = [sum(count[cls, language] > 0 for cls in CLASSES) for language in ("", *languages)]
    yield f"| **rules** | {len(rules)} | {' | '.join(map(str, sums))} |"
    yield f"| **classes** | {len(set(rules.classes.values()))} | {' | '.join(map(str, kinds))} |"
    yield ""
    yield "## By file"
    yield ""
    yield "| file | rules | of low confidence | phrases | examples |"
    yield "|---|--:|--:|--:|--:|"
    for name, of in files.items():
        low = sum(rule.low for rule in of)
        link = f"[{_escaped(name.removesuffix('.md'))}]({name})"
        yield f"| {link} | {len(of):,} | {low:,} | {_phrases(of):,} | {_examples(of):,} |"
    yield ""


def _phrases(rules: Iterable[Rule]) -> int:
    return sum(len(rule.words) for rule in rules)


def _examples(rules: Iterable[Rule]) -> int:
    return sum(len(rule.removes) + len(rule.keeps) for rule in rules)


def _figures(rules: Sequence[Rule]) -> str:
    numbers = ((len(rules), "rule"), (_phrases(rules), "phrase"), (_examples(rules), "example"))
    told = [f"{n:,} {thing}{'s' * (n != 1)}" for n, thing in numbers]
    return f"{told[0]}, {told[1]} and {told[2]}"


def _name(rule: Rule) -> str:
    return rule.id.split("/")[1]


# Markdown.


def _diff(example: Sequence[Piece]) -> Iterator[str]:
    """Yield an example as Markdown: a diff where whole lines go, else a quotation with what goes struck through."""
    lines = list(_lines(example))
    kinds = [{piece.kind for piece in line if piece.text.strip()} for line in lines]
    if all(len(of) < 2 for of in kinds):
        told = (
            "".join(("- " if "-" in of else "  ", *(p.text for p in line)))
            for of, line in zip(kinds, lines, strict=True)
        )
        yield from _fenced([line.rstrip() for line in told], "diff")
        return
    for n, line in enumerate(lines):
        marked = (f"<del>{_escaped(p.text)}</del>" if p.kind == "-" and p.text else _escaped(p.text) for p in line)
        yield f"> {''.join(marked)}{'<br>' * (n < len(lines) - 1)}"


def _lines(example: Sequence[Piece]) -> Iterator[list[Piece]]:
    line: list[Piece] = []
    for piece in example:
        first, *more = piece.text.split("\n")
        line.append(piece._replace(text=first))
        for part in more:
            yield line
            line = [piece._replace(text=part)]
    if any(piece.text for piece in line):
        yield line


def _escaped(text: str) -> str:
    r"""Write a line of text so that Markdown takes no character of it for markup or a link, in tables too.

    >>> print(_escaped("1. a|b <c> `d` https://e.invalid"))
    1\. a\|b \<c\> \`d\` https\://e.invalid
    """
    return _AT_START.sub(r"\1\\\2", _MARKUP.sub(r"\\\g<0>", text))


def _code(text: str) -> str:
    """Write a text as a span of code.

    >>> print(_code("a"), _code("`b` or"))
    `a` `` `b` or ``
    """
    fence = "`" * (_longest_run(text) + 1)
    room = " " if "`" in (text[:1], text[-1:]) else ""
    return f"{fence}{room}{text}{room}{fence}"


def _fenced(lines: Sequence[str], language: str = "") -> Iterator[str]:
    fence = "`" * max(3, _longest_run("\n".join(lines)) + 1)
    yield fence + language
    yield from lines
    yield fence


def _block(heading: str, lines: Sequence[str]) -> Iterator[str]:
    yield from ("", heading, "", *_fenced(lines))


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
