"""Proposing rules from an invented crawl: what is found, what is left out, and that every proposal proves itself."""

from __future__ import annotations

import json
import random
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cleaner.cli import cli
from cleaner.counting import Counts, key_of, site_of, sure
from cleaner.document import Document, Hint
from cleaner.learn import Learned, learn
from cleaner.pipeline import Pipeline
from cleaner.proof import Proof
from cleaner.propose import propose
from cleaner.rules import Rules, load

NOUNS = "boat bridge door dyke field harvest house keeper lamp market night road storm water winter".split()
RULES = """\
[tide-letter]
why = "A plea."
class = "subscribe"
find = "line"
words = ["subscribe to the tide letter"]
removes = ["The dyke is dry.\\n[-Subscribe to the tide letter-]"]
keeps = ["Subscribe to the tide letter and you will know when it comes."]
source = "invented"
"""


def sentence(dice: random.Random) -> str:
    return " ".join(dice.choice(NOUNS) for _ in range(9)).capitalize() + "."


def page(n: int, top: Sequence[str] = (), end: Sequence[str] = (), *, seed: int = 0) -> str:
    dice = random.Random(1000 * seed + n)
    body = [" ".join(sentence(dice) for _ in range(3)) for _ in range(4)]
    return "\n".join([*top, f"The {dice.choice(NOUNS)} and chapter {chr(97 + n % 26)}{n}", *body, *end])


def crawl(site: str, pages: int, top: Sequence[str] = (), end: Sequence[str] = (), *, seed: int = 0) -> list[Document]:
    return [Document(f"{site}/{n}", page(n, top, end, seed=seed), url=f"https://www.{site}/{n}") for n in range(pages)]


def study(documents: Sequence[Document], rules: Rules | None = None, **given) -> Learned:
    pipeline = Pipeline(("chrome",), rules=rules or Rules(()))
    return learn(lambda: iter(documents), pipeline, **given)


def keys(learned: Learned) -> list[tuple[str, ...]]:
    return [found.keys for found in learned.found]


@pytest.fixture
def own(tmp_path: Path) -> Rules:
    (tmp_path / "own/any").mkdir(parents=True)
    (tmp_path / "own/any/dyke.toml").write_text(RULES, encoding="utf-8")
    return load(tmp_path / "own")


# ---- counting


def test_a_line_is_counted_with_its_numbers_folded() -> None:
    assert key_of("12 Lanterns") == key_of("» 7 lanterns :") == key_of("٣ lanterns") == "0 lanterns"
    assert key_of("2024-05-01") == key_of("| 3 |") == key_of("x") == key_of("a" * 201) == ""


def test_a_site_is_a_host_or_a_top_folder() -> None:
    assert site_of(Document("x/y", "", url="https://www.deich.example:80/a")) == "deich.example"
    assert site_of(Document("deich/b/a.txt", "")) == "deich/"
    assert site_of(Document("a.txt", "")) == ""
    assert site_of(Document("deich/a.txt", "", url="http://[x")) == "deich/"


def test_few_pages_make_little_sure() -> None:
    assert sure(3, 3) < sure(30, 40) < sure(400, 500) < 1
    assert sure(0, 5) == pytest.approx(0)


def test_memory_is_bounded_and_what_is_frequent_survives() -> None:
    counts = Counts(cap=1000)
    for n in range(500):
        counts.add("a", {"the same", *(f"line {n} {m}" for m in range(20))})
    assert counts.forgetful
    assert counts.size <= 1000
    assert list(counts.wanted(3, 0.3)) == [("a", "the same")]


def test_a_crawl_of_distinct_lines_takes_bounded_memory() -> None:
    counts = Counts(cap=2000)
    tracemalloc.start()
    for n in range(3000):
        counts.add("a", {f"a rather long line that is never seen again {n} {m}" for m in range(20)})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3_000_000  # 60,000 lines at 150 bytes would take 9 MB


# ---- what is found


def test_what_most_pages_of_a_site_share_is_found_with_what_was_seen() -> None:
    (found,) = study(crawl("deich.example", 12, end=["All rights rest with the keepers"])).found
    assert (found.keys, found.site, found.pages, found.of) == (
        ("all rights rest with the keepers",),
        "deich.example",
        12,
        12,
    )
    assert (found.position, found.share, found.cls) == ("tail", 1.0, "")
    assert found.examples[0].lines == ("All rights rest with the keepers",)
    assert found.examples[0].before.endswith(".")


def test_prose_titles_and_rare_lines_are_not_found() -> None:
    documents = crawl("deich.example", 20)
    documents[3] = Document("x/3", documents[3].raw + "\nSeen twice", url="https://deich.example/3")
    documents[9] = Document("x/9", documents[9].raw + "\nSeen twice", url="https://deich.example/9")
    assert study(documents).found == ()


@pytest.mark.parametrize(
    ("having", "of", "found"), [(2, 4, False), (3, 8, False), (4, 8, True), (4, 12, True), (3, 12, False)]
)
def test_thresholds(having: int, of: int, found: bool) -> None:
    documents = crawl("deich.example", of - having) + crawl("deich.example", having, end=["Back to the lamp"], seed=1)
    assert bool(study(documents).found) is found
    assert not study(documents, pages=having + 1, share=0.01).found


def test_copies_of_a_page_count_once() -> None:
    one = crawl("deich.example", 1, end=["Back to the lamp"])[0]
    copies = [Document(f"x/{n}", one.raw, url=one.url) for n in range(9)]
    assert study([*copies, *crawl("deich.example", 2, seed=2)]).found == ()


def test_what_the_rules_remove_is_left_out_and_tells_the_class_of_what_stands_beside(own: Rules) -> None:
    documents = crawl("deich.example", 12, end=["Subscribe to the tide letter", "Every Friday by boat"])
    (found,) = study(documents, own).found
    assert (found.keys, found.cls) == (("every friday by boat",), "subscribe")
    assert len(study(documents).found[0].keys) == 2


def test_lines_that_always_stand_together_are_one() -> None:
    nav = ["Tides", "Wrecks", "Keepers"]
    documents = crawl("deich.example", 12, top=nav, end=["Back to the lamp"])
    assert sorted(keys(study(documents))) == [("back to the lamp",), ("tides", "wrecks", "keepers")]
    parted = crawl("deich.example", 8, top=["Tides"], seed=1) + crawl("deich.example", 8, end=["Wrecks"], seed=2)
    assert sorted(keys(study(parted))) == [("tides",), ("wrecks",)]


def test_a_line_of_several_sites_is_one_find() -> None:
    documents = [
        document
        for seed, site in enumerate(("a.example", "b.example", "c.example"))
        for document in crawl(site, 2, end=["Light a lamp for us"], seed=seed)
    ]
    (found,) = study(documents).found
    assert (found.site, found.sites, found.pages) == ("", 3, 6)
    assert study(documents[:4]).found == ()


def test_a_line_of_one_site_stays_its_own_when_another_site_has_it_once() -> None:
    documents = crawl("a.example", 12, end=["Light a lamp for us"]) + crawl("b.example", 12, seed=1)
    documents[-1] = Document("b/x", documents[-1].raw + "\nLight a lamp for us", url="https://b.example/x")
    (found,) = study(documents).found
    assert found.site == "a.example"


def test_code_is_no_chrome() -> None:
    raw = "Tides\n" + "git push origin dyke"
    hints = (Hint("p"), Hint("div/pre"))
    documents = [Document(f"x/{n}", f"{raw}{n}", hints=hints) for n in range(12)]
    assert keys(study(documents)) == [("tides",)]


def test_a_line_inside_prose_is_kept_as_a_look_alike() -> None:
    documents = crawl("deich.example", 12, end=["Light a lamp"])
    told = "Whoever can, should light a lamp tonight, said the keeper."
    documents[5] = Document("x/5", documents[5].raw + f"\n{told}\nIt rained.", url="https://deich.example/5")
    (found,) = study(documents).found
    assert found.prose == told


# ---- what is proposed


def place(folder: Path, proposals: Sequence[tuple[str, str]]) -> Rules:
    for file, toml in proposals:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        with (folder / file).open("a", encoding="utf-8") as stream:
            stream.write(toml + "\n")
    return load(folder)


MIXED = [
    *crawl("a.example", 12, top=["Tides", "Wrecks \\ \"Keepers\"", "Häfen & Straßen"], end=["[-Odd-] {+line+} of #", "12 lamps (lit)"]),
    *crawl("b.example", 12, top=["灯台の友", "共有する"], end=["A*b+c?", "Light a lamp", "C:\\dyke\\x"], seed=1),
    *crawl("c.example", 4, end=["Light a lamp", "Light a lamp"], seed=2),
    *[Document(f"f{n}/x", page(n, end=["Light a lamp", f"{n} lamps [lit]"], seed=3)) for n in range(4)],
]  # fmt: skip


def varied() -> list[Document]:
    return [Document(d.id, d.raw.replace("12 lamps", f"{n + 2} lamps"), url=d.url) for n, d in enumerate(MIXED)]


def test_every_proposal_loads_and_proves_itself_where_it_is_told_to_go(tmp_path: Path) -> None:
    learned = study(varied())
    proposed = propose(learned, Rules(()))
    assert proposed.failed == 0
    assert {rule.file for rule in proposed.rules} == {"any/learned.toml", "site/a.example.toml", "site/b.example.toml"}
    rules = place(tmp_path, [(rule.file, rule.toml) for rule in proposed.rules])
    assert list(Proof(rules).check()) == []
    assert len(rules) == len(learned.found) >= 3
    pipeline = Pipeline(("chrome",), rules=rules, profile="strict")
    for document in varied():
        text = pipeline.clean(document).text
        assert all(line.endswith(".") or line.startswith("The ") for line in text.split("\n") if line), text


def test_a_proposal_keeps_the_prose_that_has_its_phrase_and_asks_for_it_where_there_is_none(tmp_path: Path) -> None:
    documents = crawl("deich.example", 12, top=["Tides and wrecks"], end=["Light a lamp"])
    told = "Whoever can, should light a lamp tonight, said the keeper."
    documents[5] = Document("x/5", documents[5].raw + f"\n{told}\nIt rained.", url="https://deich.example/5")
    first, second = sorted(propose(study(documents), Rules(())).rules, key=lambda rule: rule.name)
    assert (first.name, second.name) == ("light-a-lamp", "tides-and-wrecks")
    assert f'keeps = ["{told}"]' in first.toml
    assert "put a look-alike here" not in first.toml
    assert "put a look-alike here" in second.toml


def test_names_are_not_taken_twice(tmp_path: Path) -> None:
    documents = crawl("deich.example", 12, top=["Light a lamp!?"], end=["Light: a lamp"])
    rules = place(tmp_path, [("any/learned.toml", RULES.replace("tide-letter", "light-a-lamp"))])
    assert {rule.name for rule in propose(study(documents), rules, file="any/learned.toml").rules} == {
        "light-a-lamp-2",
        "light-a-lamp-3",
    }


def test_a_seldom_line_is_proposed_with_low_confidence() -> None:
    documents = crawl("deich.example", 12) + crawl("deich.example", 8, end=["Light a lamp"], seed=1)
    (rule,) = propose(study(documents), Rules(())).rules
    assert 'confidence = "low"' in rule.toml


def test_no_more_than_asked_for_the_surest_first() -> None:
    proposed = propose(study(varied()), Rules(()), most=2)
    assert len(proposed.rules) == 2
    assert proposed.rules[0].seen.score >= proposed.rules[1].seen.score


# ---- the command


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "none").mkdir()
    for document in crawl("deich.example", 12, top=["Tides", "Wrecks"], end=["Light a lamp"]):
        path = tmp_path / "crawl" / f"{document.id}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(document.raw, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("cleaner.rules.shipped", lambda: tmp_path / "none")
    return tmp_path


def run(*args: str) -> Result:
    return CliRunner().invoke(cli, ("rules", "learn", *args))


def test_the_command_writes_a_file_that_tests_green_and_replaces_none(home: Path) -> None:
    (home / "mine/any").mkdir(parents=True)
    done = run("crawl", "-o", "mine/any/deich.toml")
    assert done.exit_code == 0, done.output
    assert "2 rules proposed from 12 pages of 1 sites" in done.stderr
    assert CliRunner().invoke(cli, ("rules", "test", "--rules", "mine")).exit_code == 0
    again = run("crawl", "-o", "mine/any/deich.toml")
    assert (again.exit_code, "is there already" in again.output) == (2, True)
    assert "0 rules proposed" in run("crawl", "--rules", "mine").stderr


def test_json_and_toml_go_to_standard_output(home: Path) -> None:
    told = [json.loads(line) for line in run("crawl", "--json").stdout.splitlines()]
    assert {rule["file"] for rule in told} == {"any/learned.toml"}  # a text has no address, so site/ would rest
    assert {"name", "toml", "pages", "of", "share", "score", "position", "examples"} <= set(told[0])
    assert "\n\n".join(rule["toml"].rstrip("\n") for rule in told) + "\n" == run("crawl").stdout
    assert run("crawl", "--most", "1").stdout.count("find =") == 1
    assert run("crawl", "--min-pages", "13").stdout == ""
    assert run("nowhere").exit_code == 2


def test_a_file_that_cannot_be_read_is_told_and_the_rest_is_learned(home: Path) -> None:
    (home / "crawl/junk.txt").write_bytes(bytes(range(256)) * 40)
    done = run("crawl")
    assert (done.exit_code, done.stderr.count("junk.txt")) == (1, 1)
    assert "find =" in done.stdout


@pytest.mark.parametrize(
    "line",
    [
        lambda n: "a " * 90 + str(n),
        lambda n: "tide. " * 30,
        lambda n: "x" * 150,
    ],
)
def test_time_is_linear(line: Callable[[int], str]) -> None:
    def documents(pages: int) -> list[Document]:
        return [Document(f"a/{n}", f"{line(n)}\n" * 40 + f"{'a tide ' * 3000}. {n}") for n in range(pages)]

    def seconds(pages: int) -> float:
        made = documents(pages)
        start = time.process_time()
        study(made)
        return time.process_time() - start

    seconds(5)
    assert seconds(160) < 8 * max(seconds(40), 0.02)


def test_the_crawl_is_read_twice_and_never_held() -> None:
    opened = 0

    def documents() -> Iterator[Document]:
        nonlocal opened
        opened += 1
        yield from crawl("deich.example", 12, end=["Light a lamp"])

    learn(documents, Pipeline(("chrome",), rules=Rules(())))
    assert opened == 2
