"""A run: the same whatever the workers, killed anywhere without loss, refused with clear words, nothing left behind."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from crawls import errors, left, mixed, rows, text
from invented import RULE
from nursery import Child, Nursery

from cleaner.write.digest import digest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks, signals and /proc")

SLOW = "CLEANER_SLOW" in os.environ
MOMENTS, CHANGES = (30, 40) if SLOW else (6, 6)
TO_TEXT = ("--to", "text", "--workers", 3)


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    made = Nursery(tmp_path_factory.mktemp("batch"))
    mixed(made.folder / "in", 9)
    yield made
    made.close()


@pytest.fixture(scope="module")
def whole(nursery: Nursery) -> tuple[dict[str, bytes], int, float]:
    """Give what an undisturbed run leaves behind, how often it changes the disk, and its seconds."""
    began = time.monotonic()
    child = nursery.run("clean", "in", "-o", "whole", *TO_TEXT)
    assert child.code == 0, child.told
    return left(nursery.folder / "whole"), child.events, time.monotonic() - began


def documents(out: Path) -> int:
    return int(json.loads((out / "run.json").read_bytes())["counts"]["documents"])


# The same, whatever the workers, the order, the sizes.


@pytest.mark.parametrize("workers", [1, 2])
def test_any_number_of_workers_gives_the_same_bytes(
    nursery: Nursery, whole: tuple[dict[str, bytes], int, float], workers: int
) -> None:
    out = nursery.folder / f"workers{workers}"
    assert nursery.run("clean", "in", "-o", out, "--to", "text", "--workers", workers).code == 0
    assert left(out) == whole[0]
    assert documents(out) == 72


def test_other_chunks_and_shards_give_the_same_digest_and_texts(
    nursery: Nursery, whole: tuple[dict[str, bytes], int, float]
) -> None:
    out = nursery.folder / "sizes"
    assert nursery.run("clean", "in", "-o", out, *TO_TEXT, chunk=[1 << 20, 64], shard=1 << 28).code == 0
    assert digest(out) == digest(nursery.folder / "whole")
    assert sum(name.startswith("documents/") for name in left(out)) == 1
    texts = {name: content for name, content in whole[0].items() if name.startswith("text/")}
    assert {name: content for name, content in left(out).items() if name.startswith("text/")} == texts
    assert len(texts) == 72


def test_the_order_of_the_inputs_is_no_matter(nursery: Nursery) -> None:
    for out, inputs in (("order1", ("in/pages", "in/a.jsonl")), ("order2", ("in/a.jsonl", "in/pages"))):
        assert nursery.run("clean", *inputs, "-o", out).code == 0
    assert digest(nursery.folder / "order1") == digest(nursery.folder / "order2")
    assert {str(row["id"]) for row in rows(nursery.folder / "order1")} >= {"a.jsonl#n0", "pages/p00.html"}


# Killed and gone on.


def resumed(nursery: Nursery, out: Path, *args: object) -> Child:
    child = nursery.run("clean", "in", "-o", out, *TO_TEXT, *args)
    assert child.code == 0, child.told
    return child


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_killed_at_any_moment_it_goes_on_and_loses_nothing(
    nursery: Nursery, whole: tuple[dict[str, bytes], int, float], moment: int
) -> None:
    out = nursery.folder / f"moment{moment}"
    dice = random.Random(moment)
    for _ in range(dice.choice((1, 1, 2))):
        child = nursery.start("clean", "in", "-o", out, *TO_TEXT)
        time.sleep(dice.random() * whole[2])
        child.signal(signal.SIGKILL)
        assert child.wait().code in (-signal.SIGKILL, 0)
    resumed(nursery, out)
    assert left(out) == whole[0]
    shutil.rmtree(out)


@pytest.mark.parametrize("change", range(CHANGES))
def test_killed_before_any_change_of_the_disk_it_goes_on(
    nursery: Nursery, whole: tuple[dict[str, bytes], int, float], change: int
) -> None:
    out = nursery.folder / f"change{change}"
    nth = 1 + random.Random(1000 + change).randrange(whole[1])
    child = nursery.run("clean", "in", "-o", out, *TO_TEXT, kill=["", nth])
    assert child.code == -signal.SIGKILL
    resumed(nursery, out)
    assert left(out) == whole[0]
    shutil.rmtree(out)


@pytest.mark.parametrize(
    ("what", "nth"),
    [
        ("mkdir", 1),  # the folder itself
        ("run.json", 2),  # the first word
        ("plan.json", 2),
        ("documents/part-00001", 1),  # while a shard is merged
        ("documents/part-00001", 2),
        ("shard-00001.json", 2),  # merged, but the last word on it
        ("unlink", 3),  # a shard's fragments go
        ("errors.jsonl", 2),
        ("run.json", 4),  # the last word
        ("rmdir", 1),  # done, but for what is cleared away
    ],
)
def test_killed_at_the_edges_it_goes_on(
    nursery: Nursery, whole: tuple[dict[str, bytes], int, float], what: str, nth: int
) -> None:
    out = nursery.folder / f"edge-{what.replace('/', '-')}-{nth}"
    child = nursery.run("clean", "in", "-o", out, *TO_TEXT, kill=[what, nth])
    assert child.code == -signal.SIGKILL, child.told
    resumed(nursery, out)
    assert left(out) == whole[0]
    shutil.rmtree(out)


def test_a_run_that_goes_on_does_not_clean_again_what_is_done(nursery: Nursery) -> None:
    child = nursery.run("clean", "in", "-o", "again", *TO_TEXT, kill=["shard-00002.json", 1])
    assert child.code == -signal.SIGKILL
    done = len(list((nursery.folder / "again/.work").glob("chunk-*.json")))
    child = resumed(nursery, nursery.folder / "again")
    assert done >= 3
    assert f"went on behind {done} finished chunks" in child.told


@pytest.mark.parametrize("shard", [24 << 10, 1 << 28], ids=["same parts", "larger parts"])
def test_a_part_that_was_done_before_the_one_before_it_is_done_again(
    nursery: Nursery, whole: tuple[dict[str, bytes], int, float], shard: int
) -> None:
    out = nursery.folder / f"apart{shard}"
    held = {"hold": "shard-00000.json", "kill": ["documents/part-00002", 1]}
    child = nursery.run("clean", "in", "-o", out, "--to", "text", "--workers", 2, **held)
    assert child.code == -signal.SIGKILL, child.told
    assert [p.name for p in (out / ".work").glob("shard-*.json")] == ["shard-00001.json"]
    assert nursery.run("clean", "in", "-o", out, *TO_TEXT, shard=shard).code == 0
    assert digest(out) == digest(nursery.folder / "whole")
    if shard == 1 << 28:
        assert sum(name.startswith("documents/") for name in left(out)) == 1
    else:
        assert left(out) == whole[0]


# Interrupted.


@pytest.mark.parametrize("group", [False, True], ids=["the driver alone", "all, as a terminal does"])
def test_interrupted_it_stops_at_once_and_says_how_to_go_on(
    nursery: Nursery, whole: tuple[dict[str, bytes], int, float], group: bool
) -> None:
    out = nursery.folder / f"interrupted{group}"
    child = nursery.start("clean", "in", "-o", out, *TO_TEXT, slow=0.1)
    wait_for(lambda: bool(list(out.glob(".work/chunk-*.json"))))
    began = time.monotonic()
    (os.killpg if group else os.kill)(child.pid, signal.SIGINT)
    assert child.wait(5).code == 130
    assert time.monotonic() - began < 2
    assert "the same command goes on" in child.told
    assert "Traceback" not in child.told
    assert child.workers() == []
    resumed(nursery, out)
    assert left(out) == whole[0]


def wait_for(holds, timeout: float = 20.0) -> None:
    end = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


# Refused.


def test_two_runs_on_one_output_refuse_each_other(nursery: Nursery) -> None:
    out = nursery.folder / "two"
    first = nursery.start("clean", "in", "-o", out, slow=5.0)
    wait_for(lambda: (out / ".work/plan.json").exists())
    second = nursery.run("clean", "in", "-o", out)
    assert second.code == 2
    assert f"another run writes there (process {first.pid} holds the lock)" in second.told
    first.signal(signal.SIGKILL)
    first.wait()
    began = time.monotonic()
    third = nursery.run("clean", "in", "-o", out)
    assert third.code == 0, third.told
    assert time.monotonic() - began < 30


def test_a_glob_that_reaches_into_the_output_is_refused(nursery: Nursery) -> None:
    (nursery.folder / "glob").mkdir()
    (nursery.folder / "glob/a.txt").write_text("Un texte de la ville.\n")
    assert nursery.run("clean", "glob/*", "-o", "glob/out").code == 0
    assert nursery.run("clean", "glob/*", "-o", "glob/out").code == 0
    before = left(nursery.folder / "glob/out")
    child = nursery.run("clean", "glob/**/*.txt", "-o", "glob/out")
    assert child.code == 2
    assert "the run would read what it writes" in child.told
    assert left(nursery.folder / "glob/out") == before


@pytest.fixture
def broken_off(nursery: Nursery, request: pytest.FixtureRequest) -> tuple[Path, Path]:
    """Give an input and the output of a run over it that was killed."""
    name = request.node.name.replace("[", "-").strip("]").replace(" ", "-")
    source = nursery.folder / f"in-{name}"
    source.mkdir()
    for n in range(9):
        (source / f"t{n}.txt").write_text(text(n) + "\n")
    out = nursery.folder / f"out-{name}"
    assert (
        nursery.run("clean", source, "-o", out, "--workers", 1, kill=["chunk-00000001.json", 2]).code == -signal.SIGKILL
    )
    return source, out


def added(source: Path) -> None:
    (source / "t3a.txt").write_text("Un texte de plus.\n")


def gone(source: Path) -> None:
    (source / "t8.txt").unlink()


def grown(source: Path) -> None:
    with (source / "t2.txt").open("a") as file:
        file.write("Encore une phrase.\n")


def touched(source: Path) -> None:
    os.utime(source / "t2.txt", ns=(1, 1))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (added, "t3a.txt is new"),
        (gone, "t8.txt is gone"),
        (grown, "t2.txt has changed (517 bytes then, 536 now)"),
        (touched, "t2.txt has changed (written since)"),
    ],
)
def test_a_changed_input_is_noticed_and_named(nursery: Nursery, broken_off: tuple[Path, Path], change, told) -> None:
    source, out = broken_off
    then = (source / "t2.txt").stat().st_size
    change(source)
    now = (source / "t2.txt").stat().st_size
    child = nursery.run("clean", source, "-o", out)
    assert child.code == 2
    assert told.replace("517", str(then)).replace("536", str(now)) in child.told
    assert "--restart" in child.told
    assert nursery.run("clean", source, "-o", out, "--restart").code == 0
    assert set(left(out)) == {
        *(f"text/{p.name}" for p in source.iterdir()),
        "documents/part-00000.parquet",
        "facts/clusters.parquet",
        "ledger/part-00000.parquet",
        "errors.jsonl",
    }


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("--profile", "strict"), 'clean.profile ("careful" then, "strict" now)'),
        (("--set", "drop.min_chars=5"), "drop.min_chars (0 then, 5 now)"),
        (("--no-ledger",), 'output.ledger ("parquet" then, "none" now)'),
        (("--to", "jsonl"), 'output.to ("auto" then, "jsonl" now)'),
        (("extra.txt",), "the inputs"),
        (("--rules", "rules"), "the rules"),
    ],
    ids=lambda value: value[-1].strip("-") if isinstance(value, tuple) else "",
)
def test_a_changed_call_is_noticed_and_named(
    nursery: Nursery, broken_off: tuple[Path, Path], args: tuple[str, ...], told: str
) -> None:
    source, out = broken_off
    (nursery.folder / "extra.txt").write_text("De plus.\n")
    (nursery.folder / "rules/any").mkdir(parents=True, exist_ok=True)
    (nursery.folder / "rules/any/own.toml").write_text(RULE)
    child = nursery.run("clean", source, *args, "-o", out)
    assert (child.code, told in child.told) == (2, True), child.told
    assert nursery.run("clean", source, "-o", out).code == 0


def test_another_number_of_workers_and_size_of_parts_goes_on(nursery: Nursery, broken_off: tuple[Path, Path]) -> None:
    source, out = broken_off
    args = ("--workers", 1, "--timeout", 9, "--shard-mb", 1)
    child = nursery.run("clean", source, "-o", out, *args)
    assert child.code == 0, child.told
    assert "went on behind" in child.told


def test_another_version_does_not_go_on(nursery: Nursery, broken_off: tuple[Path, Path]) -> None:
    source, out = broken_off
    plan = out / ".work/plan.json"
    version = json.loads(plan.read_bytes())["version"]
    plan.write_text(plan.read_text().replace(f'"version":"{version}"', '"version":"0.0.1"'))
    child = nursery.run("clean", source, "-o", out)
    assert child.code == 2
    assert f"the version (0.0.1 then, {version} now)" in child.told


def test_a_finished_run_has_nothing_to_do_until_something_changes(nursery: Nursery) -> None:
    source, out = nursery.folder / "small", nursery.folder / "small-out"
    source.mkdir()
    (source / "a.txt").write_text("Un texte court.\n")
    assert nursery.run("clean", source, "-o", out).code == 0
    before = left(out), (out / "run.json").read_bytes()
    child = nursery.run("clean", source, "-o", out)
    assert child.code == 0
    assert "nothing to do" in child.told
    assert (left(out), (out / "run.json").read_bytes()) == before
    (source / "b.txt").write_text("Un autre texte.\n")
    child = nursery.run("clean", source, "-o", out)
    assert child.code == 0
    assert "changed since: the input files" in child.told
    assert "text/b.txt" in left(out)
    assert "nothing to do" not in nursery.run("clean", source, "-o", out, "--restart").told


def test_a_finished_run_with_errors_or_nothing_kept_says_so_again(nursery: Nursery) -> None:
    source, out = nursery.folder / "bad", nursery.folder / "bad-out"
    source.mkdir()
    (source / "a.txt").write_text("Un texte court.\n")
    (source / "b.txt").write_bytes(b"\0\1\2\3" * 50)
    for _ in range(2):
        assert nursery.run("clean", source, "-o", out, "--min-chars", 99).code == 1
        assert len(errors(out)) == 1
    (source / "b.txt").unlink()
    for _ in range(2):
        assert nursery.run("clean", source, "-o", out, "--min-chars", 99).code == 0
