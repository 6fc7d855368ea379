"""Processes of this machine: how they are made, what they may hold, with whom they die, and why they did."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from importlib.abc import MetaPathFinder
from multiprocessing.connection import Connection, wait
from typing import Any, Protocol, cast

import pyarrow as pa

if sys.platform != "win32":
    import resource

FULL = 112  # the exit code of a process that could not have more memory
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Process(Protocol):
    """A process as those who made it hold it."""

    @property
    def pid(self) -> int | None:
        """Its number."""

    @property
    def exitcode(self) -> int | None:
        """How it ended: less than 0, by which signal; None as long as that is not known."""

    def kill(self) -> None:
        """Kill it."""

    def join(self) -> None:
        """Wait for its end."""


def cause(code: int | None) -> str:
    """Say how a process ended, by its exit code; less than 0: by which signal."""
    if code == FULL:
        return "ran out of memory"
    if code is not None and code < 0:
        name = signal.Signals(-code).name if -code in {*signal.Signals} else f"signal {-code}"
        killed = " (out of memory, perhaps)" if name == "SIGKILL" else ""
        return f"killed its worker process: {name}{killed}"
    return f"ended its worker process: exit code {code}"


def apart(do: Callable[[], object]) -> None:
    """Do something in a process of its own, which gives back what memory it took; raise what it raises.

    Raises ``RuntimeError`` where the process dies of something else. Killed with this process, or before it.
    """
    pipe, theirs = context().Pipe(duplex=False)
    process = made(_alone, do, theirs)
    theirs.close()
    try:
        error = pipe.recv()
    except EOFError:
        process.join()
        raise RuntimeError(f"what was done in a process of its own {cause(process.exitcode)}") from None
    finally:
        process.kill()
        process.join()
        pipe.close()
    if error is not None:
        raise error


def _alone(do: Callable[[], object], pipe: Connection[Any, Any]) -> None:
    begin()
    tie()
    try:
        do()
    except Exception as error:
        try:
            pipe.send(error)
        except Exception:  # one that cannot be sent
            pipe.send(RuntimeError(f"{type(error).__name__}: {error}"))
    else:
        pipe.send(None)


def context() -> Any:
    """Give the way in which processes are made here and now.

    Forked, they share the rules that the driver has loaded. With threads about (a network library’s, say) a fork may
    copy a lock that nobody will open.
    """
    if sys.platform == "linux" and threading.active_count() == 1:
        return multiprocessing.get_context("fork")
    return multiprocessing.get_context("spawn" if sys.platform == "win32" else "forkserver")


def give_back() -> None:
    """Give the system what is free: large documents leave holes that the C library keeps."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # a C library without malloc_trim
            ctypes.CDLL(None).malloc_trim(0)


def bind(memory: int) -> None:
    """Bound what the process may have."""
    if sys.platform != "linux":
        return
    # What a fork has from its driver counts: after comparing documents there, 2.3 GB that are reserved and not used.
    memory += _had()
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    resource.setrlimit(resource.RLIMIT_DATA, (memory if hard < 0 else min(memory, hard), hard))


def made(do: Callable[..., None], *given: object) -> Process:
    """Make a process that does something, and begin it."""
    process = context().Process(target=do, args=given, daemon=True)
    process.start()
    return cast(Process, process)


def begin() -> None:
    """Begin as what a driver has made: leave it to the driver what an interrupt means, end when told to, stay small."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _do_without_pandas()


class _WithoutPandas(MetaPathFinder):
    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError(name=fullname)


def _do_without_pandas() -> None:
    """Have Arrow not import pandas for its first array, where that is installed: 49 MB of each process."""
    finder = _WithoutPandas()
    sys.meta_path.insert(0, finder)
    try:
        pa.array([])  # it looks once
    finally:
        sys.meta_path.remove(finder)


def tie() -> None:
    """Bind the life of the process to its driver's."""
    tie_to_parent()
    threading.Thread(target=_follow, daemon=True).start()


def tie_to_parent() -> None:
    """Have the kernel kill the process with its parent, where that can be: C code holds up threads."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # a C library without prctl
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _had() -> int:
    """Give the bytes of data of this process, as RLIMIT_DATA counts them."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[5]) * resource.getpagesize()


def _follow() -> None:
    """Die with the driver, so that none of its workers writes into the next run."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
