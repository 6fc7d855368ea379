"""Outputs at an address: sent whole or not at all, killed anywhere without loss, nothing of an earlier run left over."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from crawls import lines, text
from nursery import Nursery
from runs import doc, files, run

from cleaner import store
from cleaner.delivery import Delivery, Sent, fetched
from cleaner.document import Document
from cleaner.progress import State
from cleaner.read.decode import Unreadable
from cleaner.write.digest import digest
from cleaner.write.tables import OutputError

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
    pytest.mark.skipif(sys.platform == "win32", reason="paths of addresses"),
]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="forks, signals and /proc")
SLOW = "CLEANER_SLOW" in os.environ
TALES = [doc(f"{n}.txt", text(n)) for n in range(6)]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(store, "_WAITS", (0.0, 0.0))
    return tmp_path / "cache/cleaner/outputs"


@pytest.fixture
def memory() -> Iterator[str]:
    fsspec.filesystem("memory").store.clear()
    yield "memory://crawls/out"
    fsspec.filesystem("memory").store.clear()


def there(address: str) -> dict[str, bytes]:
    """Give the objects at an address but for the last word, whose times differ, and the list."""
    fs, root = fsspec.core.url_to_fs(address)
    fs.invalidate_cache()
    found = {str(path).removeprefix(f"{root}/"): fs.cat_file(path) for path in fs.find(root)}
    last = json.loads(found.pop("run.json"))
    assert last["finished"] is True
    assert set(found.pop(".files").decode().splitlines()) == {*found, "run.json"}
    return found


def untold(state: State) -> None:
    return


def deliver(address: str, documents: list[Document], **how: int) -> Sent:
    """Write a run of documents and send it."""
    with Delivery(address) as into:
        if not into.is_waiting:
            shutil.rmtree(into.folder)
            into.claim(())
            run(into.folder, documents, **how)  # type: ignore[arg-type]
        return into.send(untold)


# What arrives.


def test_a_run_arrives_whole_and_nothing_stays_here(memory: str, tmp_path: Path, cache: Path) -> None:
    run(tmp_path / "here", TALES, chunks=2, shards=2)
    sent = deliver(f"{memory}/", TALES, chunks=2, shards=2)
    arrived = there(memory)
    assert sent == Sent(len(arrived), sum(map(len, arrived.values())))
    assert {n: c for n, c in files(tmp_path / "here").items() if n in arrived} == arrived
    assert set(files(tmp_path / "here")) - set(arrived) == {".lock", ".files", "run.json"}
    with fetched(memory) as folder:
        assert digest(folder) == digest(tmp_path / "here")
    assert not folder.exists()
    assert [path.suffix for path in cache.iterdir()] == [".lock"]


def test_a_run_of_fewer_parts_leaves_nothing_of_the_one_before(memory: str) -> None:
    odd = [doc("a[1].txt", text(1)), doc("a1.txt", text(2)), doc("b/c.txt", text(3))]
    deliver(memory, [*odd, *TALES], chunks=4, shards=4)
    fsspec.filesystem("memory").pipe("/crawls/out/notes.md", b"Not ours.")
    assert "documents/part-00003.parquet" in fsspec.filesystem("memory").cat("/crawls/out/.files").decode()
    deliver(memory, odd[1:])
    assert set(fsspec.filesystem("memory").find("/crawls/out")) == {
        f"/crawls/out/{name}"
        for name in (
            ".files",
            "documents/part-00000.parquet",
            "errors.jsonl",
            "ledger/part-00000.parquet",
            "notes.md",
            "run.json",
            "text/a1.txt",
            "text/b/c.txt",
        )
    }


def test_a_part_of_equal_size_is_replaced_all_the_same(memory: str) -> None:
    deliver(memory, [doc("a.txt", "Le pont ferme lundi.")])
    deliver(memory, [doc("a.txt", "Le pont ouvre lundi.")])
    assert there(memory)["text/a.txt"] == b"Le pont ouvre lundi.\n"


def test_the_last_word_is_away_while_parts_are(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(memory, TALES[:2])
    disk = fsspec.filesystem("memory")
    seen = []
    put = type(disk).put_file

    def watched(self: object, *args: object) -> None:
        seen.append(disk.exists("/crawls/out/run.json"))
        put(self, *args)

    monkeypatch.setattr(type(disk), "put_file", watched)
    deliver(memory, TALES)
    assert seen == [False] * len(there(memory))


@pytest.mark.parametrize("times", [1, 2, 99])
def test_what_arrives_short_is_sent_again(memory: str, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    disk = fsspec.filesystem("memory")
    put = type(disk).put_file
    left = [times]

    def torn(self: object, path: str, to: str) -> None:
        put(self, path, to)
        if to.endswith("3.txt") and left[0]:
            left[0] -= 1
            disk.pipe(to, b"x")

    with monkeypatch.context() as patch:
        patch.setattr(type(disk), "put_file", torn)
        if times == 99:
            with pytest.raises(OutputError, match=r"out/text/3\.txt: 5\d\d bytes were sent, 1 are there.*waits in"):
                deliver(memory, TALES)
            assert not disk.exists("/crawls/out/run.json")
        else:
            deliver(memory, TALES)
    deliver(memory, TALES)  # goes on with what waits, or does it anew
    assert len(there(memory)["text/3.txt"]) > 500


def test_a_fault_that_passes_is_borne_and_one_that_lasts_is_told(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = fsspec.filesystem("memory")
    put, faults = type(disk).put_file, [OSError("slow down"), OSError("slow down")]

    def busy(self: object, path: str, to: str) -> None:
        if faults:
            raise faults.pop()
        put(self, path, to)

    monkeypatch.setattr(type(disk), "put_file", busy)
    deliver(memory, TALES)
    assert len(there(memory)) == 9
    faults += [PermissionError("Access Denied")] * 99
    with pytest.raises(
        OutputError, match=r"memory://crawls/out/.*cannot be written: PermissionError: Access.*give keys"
    ):
        deliver(memory, TALES[:1])
    faults.clear()
    with Delivery(memory) as into:
        assert into.is_waiting


def test_what_was_sent_is_not_sent_again(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = fsspec.filesystem("memory")
    put = type(disk).put_file
    sent: list[str] = []

    def stopped(self: object, path: str, to: str) -> None:
        if len(sent) == 5:
            raise PermissionError("Access Denied")
        sent.append(to)
        put(self, path, to)

    monkeypatch.setattr(store, "_AT_ONCE", 1)
    with monkeypatch.context() as patch:
        patch.setattr(type(disk), "put_file", stopped)
        with pytest.raises(OutputError, match="the same command sends it"):
            deliver(memory, TALES)
    assert not disk.exists("/crawls/out/run.json")
    disk.rm(sent[1])  # somebody else did
    assert deliver(memory, TALES).objects == 9 - 5 + 1
    assert len(there(memory)) == 9


def test_a_run_that_lost_parts_while_it_waited_is_not_sent(memory: str) -> None:
    with Delivery(memory) as into:
        into.claim(())
        run(into.folder, TALES, chunks=2, shards=2)
        last = json.loads((into.folder / "run.json").read_bytes())
        (into.folder / "run.json").write_text(json.dumps(last | {"shards": 2}))
        (into.folder / "documents/part-00001.parquet").unlink()
        with pytest.raises(OutputError, match="not whole; begin anew with --restart"):
            into.send(untold)


# What is refused.


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("anything.txt", r"memory://crawls/out: is not empty and holds no former run \(no run.json\)"),
        ("run.json", "is not empty and holds no former run"),
    ],
)
def test_what_holds_something_else_is_refused(memory: str, name: str, told: str) -> None:
    fsspec.filesystem("memory").pipe(f"/crawls/out/{name}", b"{}")
    with pytest.raises(OutputError, match=told), Delivery(memory):
        pass
    assert fsspec.filesystem("memory").find("/crawls/out") == [f"/crawls/out/{name}"]


def test_a_strangers_object_in_the_way_is_refused_before_anything_changes(memory: str) -> None:
    deliver(memory, TALES)
    before = there(memory)
    fsspec.filesystem("memory").pipe("/crawls/out/documents/part-00007.parquet", b"x")
    with (
        Delivery(memory) as into,
        pytest.raises(OutputError, match=r"out/documents/part-00007.*no former run wrote it"),
    ):
        into.claim(())
    fsspec.filesystem("memory").rm("/crawls/out/documents/part-00007.parquet")
    assert there(memory) == before


@pytest.mark.parametrize(
    ("address", "inputs", "told"),
    [
        ("memory://a/out", ("memory://a",), "lies in the input memory://a"),
        ("memory://a/out", ("memory://a/out/b/",), "holds the input memory://a/out/b/"),
        ("memory://a/out", ("memory://**/*.txt",), "lies in the input"),
        ("https://example.test/out", (), "a web server takes no output"),
        ("memory://", (), "names no folder"),
        ("memory:///", (), "names no folder"),
    ],
)
def test_an_address_that_cannot_be_is_refused(memory: str, address: str, inputs: tuple[str, ...], told: str) -> None:
    fsspec.filesystem("memory").pipe("/a/out/text/b.txt", b"x")
    with pytest.raises(OutputError, match=told), Delivery(address, inputs=inputs):
        pass


def test_inputs_beside_an_output_are_fine(memory: str) -> None:
    fsspec.filesystem("memory").pipe("/crawls/in.jsonl", b"x")
    fsspec.filesystem("memory").pipe("/crawls/output/a.txt", b"x")
    with Delivery(memory, inputs=("memory://crawls/*.jsonl", "memory://crawls/output", "memory://crawls/o")) as into:
        assert not into.is_waiting


def test_two_runs_to_one_address_refuse_each_other(memory: str, tmp_path: Path) -> None:
    told = rf"memory://crawls/out: another run writes there \(process {os.getpid()} holds the lock\)"
    with Delivery(memory), pytest.raises(OutputError, match=told), Delivery(f"{memory}/", tmp_path / "elsewhere"):
        pass


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(Unreadable, match=r"gs://b/a: .*pip install 'crawl-cleaner\[remote\]'"):
        Delivery("gs://b/a")


def test_a_copy_of_a_run_stays_in_its_folder_and_needs_one(memory: str) -> None:
    with pytest.raises(OutputError, match=r"memory://crawls/out: holds no run"), fetched(memory):
        pass
    deliver(memory, TALES)
    fsspec.filesystem("memory").store["/crawls/out/text/../../../b"] = fsspec.filesystem("memory").store[
        "/crawls/out/run.json"
    ]
    with fetched(memory) as folder:
        assert {name.split("/")[0] for name in files(folder)} == {
            "documents",
            "errors.jsonl",
            "ledger",
            "run.json",
            "text",
        }


# The command, against a server.


@pytest.fixture(scope="module")
def nursery(bucket: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    fsspec.filesystem("s3").mkdir("crawls")
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("delivery")
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        made = Nursery(folder)
        for n in range(9):
            (folder / "in").mkdir(exist_ok=True)
            (folder / f"in/t{n:02}.txt").write_text(text(n) + "\n")
        (folder / "few").mkdir()
        (folder / "few/t00.txt").write_text(text(100) + "\n")
        (folder / "few.jsonl").write_bytes(lines([text(n) for n in range(12)]))
        yield made
        made.close()


FAST = ("--workers", 1, "--no-study")
SMALL = {"shard": 4 << 10}  # bytes: several parts


def cleaned(nursery: Nursery, out: object, source: str = "in", **given: object) -> str:
    child = nursery.run("clean", source, "-o", out, *FAST, **given)
    assert child.code == 0, child.told
    return child.told


@LINUX
def test_the_command_writes_to_a_bucket_and_reads_from_it(nursery: Nursery) -> None:
    told = cleaned(nursery, "s3://crawls/out", **SMALL)
    assert "files sent to s3://crawls/out, " in told
    assert "'cleaner restore s3://crawls/out -o DIR' takes it all back" in told
    cleaned(nursery, nursery.folder / "local", **SMALL)
    local = {n: c for n, c in files(nursery.folder / "local").items() if n[0] != "." and n != "run.json"}
    assert there("s3://crawls/out") == local
    assert sum(name.startswith("documents/") for name in local) > 1
    assert nursery.run("digest", "s3://crawls/out").told == nursery.run("digest", "local").told
    child = nursery.run("restore", "s3://crawls/out", "-o", "raw")
    assert (child.code, files(nursery.folder / "raw")) == (0, files(nursery.folder / "in")), child.told

    before = fsspec.filesystem("s3").find("crawls/out", detail=True)
    shutil.rmtree(nursery.folder / "cache")  # another machine
    assert "nothing to do: s3://crawls/out holds this very run, finished" in cleaned(
        nursery, "s3://crawls/out/", **SMALL
    )
    fsspec.filesystem("s3").invalidate_cache()
    assert fsspec.filesystem("s3").find("crawls/out", detail=True) == before
    assert [path.suffix for path in (nursery.folder / "cache/cleaner/outputs").iterdir()] == [".lock"]

    told = cleaned(nursery, "s3://crawls/out", "few")
    assert "replaced a finished run; changed since: the inputs (in then, few now)" in told
    names = {"documents/part-00000.parquet", "ledger/part-00000.parquet", "errors.jsonl", "text/t00.txt"}
    assert set(there("s3://crawls/out")) == names
    assert nursery.run("restore", "s3://crawls/none", "-o", "raw").told.startswith(
        "Error: s3://crawls/none: holds no run"
    )


@LINUX
@pytest.mark.parametrize("machine", ["the same", "another"])
@pytest.mark.parametrize("moment", range(20 if SLOW else 2))
def test_killed_at_any_request_the_same_command_gives_the_same(nursery: Nursery, moment: int, machine: str) -> None:
    out = f"local://{nursery.folder}/moment-{moment}-{machine[0]}/out"
    if not (nursery.folder / "undisturbed").exists():
        cleaned(nursery, nursery.folder / "undisturbed", "few.jsonl", **SMALL)
    whole = files(nursery.folder / "undisturbed")
    deliver(out, TALES, chunks=6, shards=6)
    nth = random.Random(f"{moment} {machine}").choice(
        (1, 2, 3, 4, 5, 6, 8, 12, 15, 18, 30, 45, 50, 55, 56, 57, 58, 59, 60)
    )
    child = nursery.run("clean", "few.jsonl", "-o", out, *FAST, kill=["request", nth], **SMALL)
    assert child.code in (-signal.SIGKILL, 0), child.told
    if machine == "another":
        shutil.rmtree(nursery.folder / "cache")
    cleaned(nursery, out, "few.jsonl", **SMALL)
    assert there(out) == {n: c for n, c in whole.items() if n[0] != "." and n != "run.json"}
    assert [path.suffix for path in (nursery.folder / "cache/cleaner/outputs").iterdir()] == [".lock"] * len(
        list((nursery.folder / "cache/cleaner/outputs").iterdir())
    )


@LINUX
def test_killed_in_the_midst_of_sending_to_a_server_it_goes_on(nursery: Nursery) -> None:
    out = "s3://crawls/killed"
    child = nursery.run("clean", "in", "-o", out, *FAST, kill=["> text/t08.txt", 1])
    assert child.code == -signal.SIGKILL, child.told
    some = set(fsspec.filesystem("s3").find("crawls/killed"))
    assert len(some) > 1
    assert not {"crawls/killed/run.json", "crawls/killed/text/t08.txt"} & some
    told = cleaned(nursery, out)
    assert "files sent to s3://crawls/killed" in told
    assert "9 documents cleaned: " in told, "the run itself had nothing to do"
    cleaned(nursery, nursery.folder / "not-killed")
    with fetched(out) as folder:
        assert digest(folder) == digest(nursery.folder / "not-killed")


@LINUX
def test_an_unfinished_run_of_another_call_is_told_by_its_address(nursery: Nursery) -> None:
    out = f"local://{nursery.folder}/unfinished"
    child = nursery.run("clean", "in", "-o", out, *FAST, kill=["chunk-00000001.json", 2])
    assert child.code == -signal.SIGKILL, child.told
    child = nursery.run("clean", "in", "-o", out, *FAST, "--profile", "strict")
    assert child.code == 2
    assert child.told.startswith(f"Error: {out} (worked on in {nursery.folder}/cache/cleaner/outputs/")
    assert "/unfinished): holds an unfinished run of another call; changed since: clean.profile" in child.told
    assert "went on behind" in cleaned(nursery, out)


@LINUX
def test_a_call_that_cannot_be_is_told_in_one_line_before_anything_is_read(
    nursery: Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {
        "s3://no-such-bucket/out": "s3://no-such-bucket/out: cannot be listed: FileNotFoundError: The specified bucket "
        "does not exist; mend the address, or make the bucket",
        "nonsense://a/b": "nonsense://a/b: Protocol not known: nonsense; known, among others: file",
        "https://a/b": "https://a/b: a web server takes no output",
    }
    for address, fault in told.items():
        child = nursery.run("clean", "nothing-to-read", "-o", address)
        assert (child.code, fault in child.told, child.told.count("\n")) == (2, True, 1), child.told
    child = nursery.run("clean", "in", "-o", "out", "--work", "w")
    assert "--work is for an output at a URL" in child.told
    child = nursery.run("clean", "in", "-o", "s3://crawls/b", "--engine", "spark", "--spark-master", "spark://a:1")
    assert "say with --work DIR where the run works" in child.told


@LINUX
def test_dedup_writes_to_an_address(nursery: Nursery) -> None:
    (nursery.folder / "twice.jsonl").write_bytes(lines([text(n // 2) for n in range(8)]))
    out, home = f"local://{nursery.folder}/copies/june", nursery.folder / "june"
    args = ("--drop", "duplicates", "--to", "jsonl", "--against")
    for to, index in ((out, "index1"), (home, "index2")):
        child = nursery.run("dedup", "twice.jsonl", "-o", to, *args, index)
        assert (child.code, child.told.startswith("8 documents: 4 are copies, 4 written to ")) == (0, True), child.told
    kept = {n: c for n, c in files(home).items() if n[0] != "."}
    arrived = files(nursery.folder / "copies/june")
    assert set(arrived.pop(".files").decode().split()) == set(arrived) == set(kept)
    assert arrived == kept
    assert nursery.run("dedup", "twice.jsonl", "-o", out, *args, "index1").code == 0
    assert nursery.run("dedup", "few.jsonl", "-o", out).code == 0
    assert set(files(nursery.folder / "copies/june")) == {".files", "clusters.parquet", "dedup.json", "errors.jsonl"}
    assert "holds no former run (no run.json)" in nursery.run("clean", "few.jsonl", "-o", out).told


@LINUX
def test_without_keys_it_says_so(bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    with (
        pytest.raises(OutputError, match=r"s3://crawls/o: cannot be .*NoCredentials.*give keys that may"),
        Delivery("s3://crawls/o"),
    ):
        pass
    fsspec.get_filesystem_class("s3").clear_instance_cache()
