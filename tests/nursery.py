"""Runs of the command in forks of one warm process: a real driver with real workers in 0.1 s, to kill and to poison.

The rules, compiled, and the HTML libraries take two seconds of a processor; a test that kills and resumes would pay
them twice. As a script this is the warm process; ``Nursery`` is what a test talks to.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import resource
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from itertools import count, repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any


@dataclass
class Child:
    """One run that was begun; ``events`` counts what it did to the disk."""

    nursery: Nursery
    pid: int
    log: Path

    def wait(self, timeout: float = 60.0) -> Child:
        """Wait for its end."""
        self.code = self.nursery.ask(wait=self.pid, timeout=timeout)["code"]
        assert self.code is not None, f"still at work after {timeout} s"
        return self

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    @property
    def told(self) -> str:
        return Path(f"{self.log}.out").read_text() + Path(f"{self.log}.err").read_text()

    @property
    def events(self) -> int:
        return int(Path(f"{self.log}.events").read_text())

    def workers(self) -> list[int]:
        """Give the processes that still belong to its session, itself not among them."""
        found = []
        for each in Path("/proc").iterdir():
            if each.name.isdigit() and int(each.name) != self.pid:
                try:
                    state, _, _, session = (each / "stat").read_text().rpartition(")")[2].split()[:4]
                except (FileNotFoundError, ProcessLookupError):
                    continue
                if int(session) == self.pid and state != "Z":
                    found.append(int(each.name))
        return found


class Nursery:
    """The warm process, as a test sees it. Its runs lie in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._numbers = folder, count()
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder
        )

    def ask(self, **given: object) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(given) + "\n")
        self._process.stdin.flush()
        return dict(json.loads(self._process.stdout.readline()))

    def start(self, *args: object, **given: object) -> Child:
        """Begin ``cleaner ARGS`` in the folder; ``given`` is what ``_run`` takes."""
        log = self.folder / f"run{next(self._numbers)}"
        answer = self.ask(args=[str(a) for a in args], log=str(log), **given)
        return Child(self, answer["pid"], log)

    def run(self, *args: object, **given: object) -> Child:
        """Run ``cleaner ARGS`` to its end."""
        return self.start(*args, **given).wait()

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(10)
        assert self._process.stdout
        self._process.stdout.close()


# In the warm process.


def _serve() -> None:
    from cleaner import run
    from cleaner.pipeline import clean
    from cleaner.settings import Settings

    clean("<!doctype html><p>Le pont ferme lundi, dit la mairie de la ville.</p>")
    clean("\n".join(map(str, range(9999))))  # in no language, and so long that every pattern is compiled
    with TemporaryDirectory() as folder:  # a run: what it compiles stays
        for n in range(2):
            Path(folder, "in").mkdir(exist_ok=True)
            Path(folder, f"in/{n}.txt").write_text(f"Le pont ferme lundi, dit la mairie de la ville {n}.\n")
        run.run([f"{folder}/in"], Path(folder, "out"), Settings(), today=date.today().isoformat())
    if "AWS_ENDPOINT_URL" in os.environ:
        import s3fs  # noqa: F401
    for line in sys.stdin:
        given = json.loads(line)
        if "wait" in given:
            answer: dict[str, object] = {"code": _code(given["wait"], given["timeout"])}
        else:
            pid = os.fork()
            if not pid:
                _run(**given)
            answer = {"pid": pid}
        print(json.dumps(answer), flush=True)


def _code(pid: int, timeout: float) -> int | None:
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    return None


def _run(
    args: list[str],
    log: str,
    chunk: tuple[int, int] = (8 << 10, 6),
    shard: int = 24 << 10,
    kill: tuple[str, int] | None = None,
    hold: str = "",
    stdin: str = os.devnull,
    file_bytes: int = 0,
    slow: float = 0.0,
) -> None:
    """Run the command in this process and end it.

    ``chunk`` and ``shard`` are made so small (bytes, documents; bytes) that little input has many. ``kill`` ends the
    driver at the nth change of the disk whose description holds a string; one that holds ``hold`` comes three seconds
    late. ``file_bytes`` is the longest file that
    may be written: the disk is full. ``slow`` are seconds that each document takes.
    """
    os.setsid()
    for handle, path, flags in (
        (0, stdin, os.O_RDONLY),
        (1, f"{log}.out", os.O_WRONLY | os.O_CREAT),
        (2, f"{log}.err", os.O_WRONLY | os.O_CREAT),
    ):
        opened = os.open(path, flags, 0o644)
        os.dup2(opened, handle)
        os.close(opened)
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w")  # type: ignore[assignment]
    from cleaner import call, run
    from cleaner.cli import main

    call._CHUNK_BYTES, call._CHUNK_DOCUMENTS = chunk
    shards = run.Sharding
    run.Sharding = lambda out, work, size: shards(out, work, shard)  # type: ignore[assignment,misc]
    poison(slow)
    seen = mmap.mmap(-1, 8)
    _watch(seen, kill, hold)
    if file_bytes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
    sys.argv = ["cleaner", *args]
    code: object = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 99
    sys.stdout.flush()
    sys.stderr.flush()
    Path(f"{log}.events").write_text(str(int.from_bytes(seen[:], "little")))
    os._exit(code if isinstance(code, int) else 0)


def _watch(seen: mmap.mmap, kill: tuple[str, int] | None, hold: str) -> None:
    """Count changes of the disk, in the driver and its workers, and requests; kill the driver before the nth meant."""
    driver = os.getpid()
    what, nth = kill or ("", 0)

    def watched(name: str, do: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **given: Any) -> Any:
            if hold and hold in f"{name} {' '.join(map(str, args))}":
                time.sleep(3)
            if (name != "open" or args[1] & os.O_CREAT) and what in f"{name} {' '.join(map(str, args))}":
                number = int.from_bytes(seen[:], "little") + 1
                seen[:] = number.to_bytes(8, "little")
                if number == nth:
                    os.kill(driver, signal.SIGKILL)
                    time.sleep(5)  # a worker dies with its driver
            return do(*args, **given)

        return call

    from cleaner.store import Store

    Store._path = watched("request", Store._path)  # type: ignore[method-assign]
    for name in ("open", "replace", "unlink", "rmdir", "mkdir", "fsync", "sync"):
        setattr(os, name, watched(name, getattr(os, name)))


def poison(slow: float = 0.0) -> None:
    """Make a stage and a reader do what a document tells them to: ``POISON raise`` in a text, ``RAISE`` in a line."""
    from cleaner.read import records
    from cleaner.stages.language import Language

    propose, parsed = Language.propose, records.parsed

    def poisoned(self: Language, document: Any) -> Any:
        if slow:
            time.sleep(slow)
        _obey(document.raw, "POISON ")
        return propose(self, document)

    def read(line: bytes) -> Any:
        _obey(line.decode("utf-8", "replace"), "WHILE READING ")
        return parsed(line)

    Language.propose, records.parsed = poisoned, read  # type: ignore[method-assign,assignment]


def _obey(text: str, sign: str) -> None:
    order = text.partition(sign)[2].split(".")[0].split('"')[0]
    if order == "raise":
        raise ValueError("it is poison")
    if order == "sleep":
        time.sleep(600)
    if order == "busy":
        deque(repeat(0), maxlen=0)  # in C, and the lock of the interpreter is never let go
    if order == "memory":
        held = []
        while True:
            held.append(bytes(1 << 28))  # calloc: no page is touched
    if order == "segfault":
        ctypes.string_at(0)
    if order == "exit":
        os._exit(3)
    if order == "kill":
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    _serve()
