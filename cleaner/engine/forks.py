"""Where workers are forked from: a process that stays as small as the driver was at the start.

Forked of the driver itself in the middle of a run, a worker would begin with all that the driver has read by then: of
a Parquet file of large pages 150 MB. What replaces a worker that has grown would soon have to be replaced itself.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from cleaner.engine.process import Process, begin, made, tie_to_parent

Work = Callable[["Connection[Any, Any]", int], None]
"""What a worker does, with its end of a pipe and its place among the workers, until there is no more to do."""

Begin = Callable[["Connection[Any, Any]", int], Process]
"""Makes a worker of the other end of a pipe, and its place."""

_LONGEST = 256  # bytes of a message
_KILLED = -9  # by SIGKILL, which some systems have not


class Forks:
    """A process that forks workers when told to, and ends them; it calls ``warm`` first, for what all can share.

    It is a fork itself, made at once: of what its maker does later, workers know nothing. It waits for the end of
    a worker only when told to end it, so that until then no other process has its number. Raises ``OSError`` where the
    system makes no process.
    """

    def __init__(self, work: Work, warm: Callable[[], None] | None = None) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process = made(_keep, work, warm, theirs, self._socket)
        theirs.close()

    def start(self, pipe: Connection[Any, Any], place: int) -> Forked:
        """Fork a worker that has this end of a pipe. Raises ``OSError`` where that cannot be."""
        socket.send_fds(self._socket, [str(place).encode()], [pipe.fileno()])
        said = self._socket.recv(_LONGEST)
        if not said.isdigit():
            raise OSError(said.decode() or "the process that forks workers has died")
        return Forked(self, int(said))

    def lives(self) -> bool:
        """Whether it can still fork: where it was killed, what came of it was, too."""
        return self._process.exitcode is None

    def end(self, pid: int) -> int:
        """Kill a worker; give its exit code."""
        try:
            self._socket.send(str(pid).encode())
            return int(self._socket.recv(_LONGEST) or _KILLED)
        except OSError:  # the process that it came of has died, and so it has, too
            return _KILLED

    def close(self) -> None:
        """End the process, and with it all that came of it."""
        self._process.kill()
        self._process.join()
        self._socket.close()


class Forked:
    """A worker’s process, held as one of ``multiprocessing`` is."""

    def __init__(self, forks: Forks, pid: int) -> None:
        self._forks, self.pid = forks, pid
        self.exitcode: int | None = None

    def kill(self) -> None:
        """Kill it, and wait for its end; nothing where that was done before."""
        if self.exitcode is None:
            self.exitcode = self._forks.end(self.pid)

    def join(self) -> None:
        """Nothing: ``kill`` has waited."""


def _keep(work: Work, warm: Callable[[], None] | None, orders: socket.socket, other: socket.socket) -> None:
    """Do what is asked until there is nobody left to ask."""
    begin()
    tie_to_parent()
    other.close()
    with suppress(Exception):  # what is wrong, each worker will find, and tell
        if warm is not None:
            warm()
    gc.freeze()  # what all workers share is not looked through by each, and so not copied for it
    while True:
        said, handles, *_ = socket.recv_fds(orders, _LONGEST, 1)
        if not said:
            return
        orders.send(_forked(work, orders, handles[0], int(said)) if handles else _ended(int(said)))


def _forked(work: Work, orders: socket.socket, handle: int, place: int) -> bytes:
    try:
        pid = os.fork()
    except OSError as error:
        os.close(handle)
        return str(error).encode()[:_LONGEST]
    if not pid:
        orders.close()
        _be(work, Connection(handle), place)
    os.close(handle)
    return str(pid).encode()


def _ended(pid: int) -> bytes:
    os.kill(pid, signal.SIGKILL)
    return str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode()


def _be(work: Work, pipe: Connection[Any, Any], place: int) -> None:
    """Be a worker; does not return."""
    code = 1
    try:
        work(pipe, place)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
