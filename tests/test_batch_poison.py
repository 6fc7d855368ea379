"""Documents that raise, hang, eat memory and kill: each is told with its reason, and no other is harmed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from crawls import errors, left, lines, rows, text
from nursery import Nursery

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks, signals and limits")


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    made = Nursery(tmp_path_factory.mktemp("poison"))
    yield made
    made.close()


STAGE = {
    "raise": ("language", "ValueError: it is poison"),
    "memory": ("language", "MemoryError: "),
    "sleep": ("clean", "timeout: not done after 4 seconds"),
    "busy": ("clean", "timeout: not done after 4 seconds"),
    "segfault": ("clean", "killed its worker process: SIGSEGV"),
    "kill": ("clean", "killed its worker process: SIGKILL (out of memory, perhaps)"),
    "exit": ("clean", "ended its worker process: exit code 3"),
}


def test_poison_in_the_middle_of_a_chunk_is_told_and_all_others_are_cleaned_once(nursery: Nursery) -> None:
    source, out = nursery.folder / "files", nursery.folder / "files-out"
    source.mkdir()
    for n in range(30):
        (source / f"t{n:02}.txt").write_text(text(n) + "\n")
    for n, what in enumerate(STAGE):
        (source / f"t{2 * n + 3:02}.txt").write_text(f"Une phrase. POISON {what}. Une autre.\n")
    child = nursery.run("clean", source, "-o", out, "--workers", 2, "--timeout", 4, chunk=[1 << 20, 8])
    assert child.code == 1
    assert "7 failed" in child.told
    expected = [
        {"id": name, "input": name, "place": 0, "stage": stage, "reason": reason}
        for (stage, reason), name in zip(STAGE.values(), [f"t{2 * n + 3:02}.txt" for n in range(7)], strict=True)
    ]
    assert errors(out) == expected
    bad = {str(each["id"]) for each in expected}
    good = sorted(p.name for p in source.iterdir() if p.name not in bad)
    assert [row["id"] for row in rows(out)] == good
    assert {name for name in left(out) if name.startswith("text/")} == {f"text/{name}" for name in good}
    assert json.loads((out / "run.json").read_bytes())["errors"] == 7


def test_a_record_that_kills_leaves_those_around_it(nursery: Nursery) -> None:
    texts = [text(n) for n in range(24)]
    for n, what in ((0, "segfault"), (5, "raise"), (6, "kill"), (23, "exit")):
        texts[n] = f"Une phrase. POISON {what}. Une autre."
    (nursery.folder / "k.jsonl").write_bytes(lines(texts))
    out = nursery.folder / "records-out"
    assert nursery.run("clean", "k.jsonl", "-o", out, "--workers", 2).code == 1
    assert [each["id"] for each in errors(out)] == [f"k.jsonl#n{n}" for n in (0, 5, 6, 23)]
    assert [each["stage"] for each in errors(out)] == ["clean", "language", "clean", "clean"]
    places = [each["place"] for each in errors(out)]
    starts = [sum(len(line) + 1 for line in lines(texts).split(b"\n")[:n]) for n in (0, 5, 6, 23)]
    assert places == starts
    assert [row["id"] for row in rows(out)] == [f"k.jsonl#n{n}" for n in range(24) if n not in (0, 5, 6, 23)]


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("sleep", "timeout: not done after 4 seconds"),
        ("segfault", "killed its worker process: SIGSEGV"),
        ("memory", "ran out of memory"),
    ],
)
def test_what_kills_while_it_is_read_costs_no_more_than_its_chunk(nursery: Nursery, what: str, reason: str) -> None:
    texts = [text(n) for n in range(20)]
    texts[7] = f"Une phrase. WHILE READING {what}. Une autre."
    name = f"{what}.jsonl"
    (nursery.folder / name).write_bytes(lines(texts))
    (nursery.folder / f"z{what}.txt").write_text(text(99))
    out = nursery.folder / f"reading-{what}"
    child = nursery.run("clean", name, f"z{what}.txt", "-o", out, "--timeout", 4, chunk=[4 << 10, 6])
    assert child.code == 1, child.told
    (fault,) = errors(out)
    assert fault["stage"] == "read"
    assert fault["reason"] == f"not read to its end: {reason}"
    ids = [row["id"] for row in rows(out)]
    got = {n for n in range(20) if f"{name}#n{n}" in ids or f"{name}/{name}#n{n}" in ids}
    assert got >= set(range(7))  # what stands before it
    assert 7 not in got
    assert 19 in got  # and the chunks behind
    assert len(ids) == len(set(ids)) == len(got) + 1


def test_a_poisoned_run_that_was_killed_goes_on_to_the_same_end(nursery: Nursery) -> None:
    texts = [text(n) for n in range(24)]
    texts[2] = "Une phrase. POISON exit. Une autre."
    texts[15] = "Une phrase. POISON raise. Une autre."
    (nursery.folder / "again.jsonl").write_bytes(lines(texts))
    args = ("clean", "again.jsonl", "--workers", 2)
    assert nursery.run(*args, "-o", "undisturbed").code == 1
    assert nursery.run(*args, "-o", "killed", kill=["chunk-00000001.json", 2]).code == -9
    assert nursery.run(*args, "-o", "killed").code == 1
    assert left(nursery.folder / "killed") == left(nursery.folder / "undisturbed")


def test_no_worker_is_left_behind(nursery: Nursery) -> None:
    (nursery.folder / "hang.txt").write_text("Une phrase. POISON busy. Une autre.")
    child = nursery.run("clean", "hang.txt", "-o", "hang", "--timeout", 0.5)
    assert child.code == 1
    assert child.workers() == []
    assert [Path(str(each["id"])).name for each in errors(nursery.folder / "hang")] == ["hang.txt"]
