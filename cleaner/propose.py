"""Write what a crawl repeats as rules: TOML tables that load and prove themselves, for a reader to judge and place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from unicodedata import normalize

import msgspec

from cleaner.counting import key_of
from cleaner.document import Edit
from cleaner.fold import fold, plain
from cleaner.keeps import quoted
from cleaner.learn import Example, Learned, Repeated
from cleaner.marks import render
from cleaner.proof import Proof
from cleaner.rules import Rule, RuleError, Rules, Scope, read

_NEIGHBOUR = 160  # characters of a line beside, cut at a blank
_PROSE = 400  # characters of a look-alike, likewise
_HOST = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+(?:-[a-z0-9]+)*)+")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[a-z]+)?")
_AROUND = r"[^\pL\pN]*"  # bullets and colons
_ENDS = re.compile(r"^[\W_]+|[\W_]+$")
_PUNCTUATION = re.compile(r"[!-/:-@\[-^`{-~]")  # RE2 takes no backslash before other characters
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")  # which TOML comments may not have
_LOW_SHARE = 0.5  # of the pages: below, a rule is proposed with low confidence


class Proposal(NamedTuple):
    """A rule as TOML, the file it belongs in, and what was seen."""

    name: str
    file: str
    toml: str
    seen: Repeated


class Proposed(NamedTuple):
    """The rules that are proposed, best first, and of how many lines none could be made that proves itself."""

    rules: tuple[Proposal, ...]
    failed: int


class _Draft(NamedTuple):
    name: str
    file: str
    scope: Scope
    seen: Repeated


def propose(learned: Learned, rules: Rules, *, most: int = 30, file: str = "") -> Proposed:
    """Turn the best of what was learned into at most so many rules that load and prove themselves among ``rules``.

    ``file`` (such as ``site/example.org.toml``) is where all of them go; without it each is told its own: the
    site's, the language's, or ``any/learned.toml``.
    """
    made: list[Proposal] = []
    failed = 0
    names: set[str] = set()
    left = list(learned.found)
    while left and len(made) < most:
        batch = [_draft(seen, file, names, rules) for seen in left[: most - len(made)]]
        left = left[len(batch) :]
        proven = _proven(batch, rules)
        failed += len(batch) - len(proven)
        made += proven
    return Proposed(tuple(made), failed)


def _draft(seen: Repeated, file: str, names: set[str], rules: Rules) -> _Draft:
    file = file or _file(seen)
    kind, stem = file.removesuffix(".toml").split("/")
    base = _kebab(seen.keys[0])
    name, n = base, 1
    while name in names or f"{stem}/{name}" in rules.classes:
        n += 1
        name = f"{base}-{n}"
    names.add(name)
    # The rules of all sites are tried as those of one: each site's own companions would be compiled anew, 4 s a site.
    scope = Scope(kind, {"any": "", "site": "example.org"}.get(kind, stem))
    return _Draft(name, file, scope, seen)


def _file(seen: Repeated) -> str:
    # A folder's name is not enough for site/: those rules apply to pages whose address is known.
    if _HOST.fullmatch(seen.site):
        return f"site/{seen.site}.toml"
    if _LANGUAGE.fullmatch(seen.language) and seen.language != "und" and not seen.site:
        return f"lang/{seen.language}.toml"
    return "any/learned.toml"


def _kebab(key: str) -> str:
    """Name a line: its first five words in plain letters.

    >>> _kebab("lire aussi : l'été de 0"), _kebab("共有する")
    ('lire-aussi-l-ete-de', 'line')
    """
    ascii_ = normalize("NFKD", key).encode("ascii", "ignore").decode()
    return "-".join(re.findall(r"[a-z][a-z0-9]*", ascii_.lower())[:5])[:40].strip("-") or "line"


def _proven(drafts: Sequence[_Draft], rules: Rules) -> list[Proposal]:
    """Write each draft in the fullest of its forms that proves itself, all of them together with the rules."""
    forms = {draft.name: list(_forms(draft)) for draft in drafts}
    while True:
        loaded: dict[str, Rule] = {}
        for draft in drafts:
            while forms[draft.name] and draft.name not in loaded:
                try:
                    loaded[draft.name] = _load(draft, forms[draft.name][0])
                except RuleError:
                    forms[draft.name].pop(0)
        faulty = (
            {fault.rule for fault in Proof(rules | Rules(loaded.values())).check(*(r.id for r in loaded.values()))}
            if loaded
            else set()
        )
        if not faulty:
            return [Proposal(d.name, d.file, forms[d.name][0], d.seen) for d in drafts if d.name in loaded]
        for draft in drafts:
            if draft.name in loaded and loaded[draft.name].id in faulty:
                forms[draft.name].pop(0)


def _load(draft: _Draft, toml: str) -> Rule:
    with TemporaryDirectory() as folder:
        path = Path(folder) / Path(draft.file).name
        path.write_text(toml, encoding="utf-8")
        (rule,) = read(path, draft.scope, draft.file)
    return rule


def _forms(draft: _Draft) -> Iterator[str]:
    """Yield the TOML with a line of prose and with neighbours, then with less of what might disturb the proof."""
    seen = draft.seen
    bare = tuple(each._replace(before="", after="") for each in seen.examples)
    beside = next((line for each in seen.examples for line in (each.before, each.after) if line.strip()), "")
    for examples in (seen.examples, bare):
        if seen.prose:
            yield _toml(draft, examples, _cut(seen.prose, _PROSE, around=seen.keys[0]), lacking=False)
        if beside:
            yield _toml(draft, examples, _cut(beside, _PROSE), lacking=True)
    yield _toml(
        draft, bare, f"It says “{seen.examples[0].lines[0]}” there, the guide told us, and went on.", lacking=True
    )


def _toml(draft: _Draft, examples: Sequence[Example], keeps: str, *, lacking: bool) -> str:
    seen = draft.seen
    removes = list(dict.fromkeys(map(_marked, examples)))
    lines = [
        f"# {_counted(seen)}; {seen.position} of the text; score {seen.score:.2f}; for {draft.file}",
        f"# on {', '.join(dict.fromkeys(each.page for each in examples))}",
        f"[{draft.name}]",
        f"why = {quoted(_why(seen))}",
        f'class = "{seen.cls}" # a guess, from what is removed nearby'
        if seen.cls
        else 'class = "widget" # say what it is: nav, share, related, subscribe, footer, …',
        f'find = "{"cluster" if len(seen.keys) > 1 else "line"}"',
        *_find(seen),
        *(['confidence = "low" # until you are sure that it is never text'] if _low(seen) else []),
        *_array("removes", removes),
        *(["# No line of the crawl has the phrase inside prose: put a look-alike here that does."] if lacking else []),
        *_array("keeps", [render(keeps, ())]),
        f"source = {quoted(f'learned from a crawl: {_counted(seen)}')}",
    ]
    return "\n".join(_CONTROL.sub("?", line) if line.startswith("#") else line for line in lines) + "\n"


def _counted(seen: Repeated) -> str:
    where = f"of {seen.site}" if seen.site else f"on {seen.sites} sites" if seen.sites > 1 else "of the crawl"
    return f"{seen.pages} of {seen.of} pages ({seen.share:.0%}) {where}"


def _why(seen: Repeated) -> str:
    what = "These lines stand together" if len(seen.keys) > 1 else "The same line stands"
    where = seen.site or (f"{seen.sites} sites" if seen.sites > 1 else "the crawl")
    return f"{what} on page after page of {where}."


def _low(seen: Repeated) -> bool:
    return (bool(seen.site) and seen.share < _LOW_SHARE) or (
        not seen.site and len(seen.keys) == 1 and len(seen.keys[0].split()) == 1
    )


def _find(seen: Repeated) -> Iterator[str]:
    """Yield ``words``, or ``match`` where digits change, and for a cluster how many must stand together."""
    shown = {key_of(line): line for each in seen.examples for line in each.lines}
    texts = [shown.get(key, key) for key in seen.keys]
    if seen.varies:
        patterns = dict.fromkeys(map(_pattern, texts))
        yield "match = " + quoted(_AROUND.join(("(?i)", f"(?:{'|'.join(patterns)})", "")))
    else:
        yield from _array("words", sorted(set(map(fold, texts))))
    if len(seen.keys) > 2:
        yield f"least = {max(2, (len(seen.examples[0].lines) + 1) // 2)}"


def _pattern(text: str) -> str:
    r"""Write a line as an RE2 pattern: numbers and blanks of any length.

    >>> _pattern("» 12 Kommentare (3) :")
    '\\p{Nd}+ +Kommentare +\\(\\p{Nd}+'
    """
    inner = _ENDS.sub("", plain(text))
    escaped = _PUNCTUATION.sub(r"\\\g<0>", inner)
    return re.sub(r"\d+", lambda _: r"\p{Nd}+", re.sub(" +", " +", escaped))


def _array(name: str, texts: Sequence[str]) -> Iterator[str]:
    if len(texts) == 1 and "\n" not in texts[0]:
        yield f"{name} = [{quoted(texts[0])}]"
    else:
        yield f"{name} = ["
        for text in texts:
            yield f"    {quoted(text)},"
        yield "]"


def _marked(example: Example) -> str:
    """Write an example with its neighbours, its own lines marked."""
    before = _cut(example.before, _NEIGHBOUR, tail=True) if example.before.strip() else ""
    gone = "\n".join(line.strip() for line in example.lines)
    after = _cut(example.after, _NEIGHBOUR) if example.after.strip() else ""
    text = "\n".join(filter(None, (before, gone, after)))
    start = len(before) + 1 if before else 0
    return render(text, [Edit(start, start + len(gone), gone, "", "")])


def _cut(text: str, most: int, *, tail: bool = False, around: str = "") -> str:
    """Shorten a line at its blanks: to its beginning, to its end, or to what stands around a phrase."""
    text = text.strip()
    if len(text) <= most:
        return text
    if tail:
        return text[-most:].partition(" ")[2] or text[-most:]
    middle = text.casefold().find(around)
    if around and middle > most // 2:
        text = text[middle - most // 2 :].partition(" ")[2]
    return text[:most].rpartition(" ")[0] or text[:most]


def as_json(proposed: Proposed) -> Iterator[str]:
    """Yield each proposal as one JSON object: name, file, toml, and what was seen."""
    for rule in proposed.rules:
        seen = rule.seen._asdict() | {"varies": sorted(rule.seen.varies), "share": rule.seen.share}
        seen["examples"] = [each._asdict() for each in rule.seen.examples]
        told = {"name": rule.name, "file": rule.file, "toml": rule.toml, **seen}
        yield msgspec.json.encode(told).decode()
