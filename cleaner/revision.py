"""Rules as they were at a revision of git, by today's keys."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from cleaner.matcher import Matcher
from cleaner.rules import RuleError, Rules, load

# A hook of git's sets these, relative to a folder that is not ours.
_HOOK = frozenset(("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"))


class RevisionError(ValueError):
    """Rules of another revision that cannot be had, or that do not load; the message names revision and file."""


def top(folder: Path) -> Path:
    """Give the top of the git checkout that a folder lies in. Raises ``RevisionError`` with git's reason if in none."""
    try:
        return Path(os.fsdecode(_git(folder, "rev-parse", "--show-toplevel")).rstrip("\n"))
    except RevisionError as error:
        raise RevisionError(f"{folder}: {error}") from error


def rules_at(revision: str, folder: Path) -> Rules:
    """Load a folder of rules as it was at a git revision, by today's keys; the checkout stays as it is.

    Raises ``RevisionError`` that names the revision, and the file, rule and key that cannot be used.
    """
    home = top(folder)
    tree = folder.resolve().relative_to(home.resolve()).as_posix()
    try:
        if revision.startswith("-"):
            raise RevisionError("no revision begins with a hyphen")
        commit = _git(home, "rev-parse", "--verify", f"{revision}^{{commit}}").decode().strip()
    except RevisionError as error:
        raise RevisionError(f"{revision!r} is no commit of {home}: {error}") from error
    try:
        listed = _git(home, "ls-tree", "-r", "-z", f"{commit}:{'' if tree == '.' else tree}")
    except RevisionError as error:
        raise RevisionError(f"{revision} has no folder {tree}: {error}") from error
    with TemporaryDirectory() as temporary:
        to = Path(temporary) / folder.resolve().name
        to.mkdir()
        for entry in filter(None, listed.split(b"\0")):
            kind, _, name = entry.partition(b"\t")
            path = PurePosixPath(os.fsdecode(name))
            if kind.startswith(b"100") and path.suffix == ".toml" and ".." not in path.parts:
                (to / path).parent.mkdir(parents=True, exist_ok=True)
                (to / path).write_bytes(_git(home, "cat-file", "blob", kind.split()[-1].decode()))
        try:
            rules = load(to)
            Matcher(rules).check()  # tells a pattern that RE2 does not take
        except RuleError as error:
            told = "\n".join(f"  {line}" for line in str(error).split("\n"))
            raise RevisionError(f"the rules of {revision} do not load under today's keys:\n{told}") from error
    return rules


def _git(folder: Path, *args: str) -> bytes:
    """Run git in a folder and give what it prints. Raises ``RevisionError`` with its first words."""
    env = {name: value for name, value in os.environ.items() if name not in _HOOK}
    try:
        done = subprocess.run(["git", "-C", str(folder), *args], capture_output=True, check=True, env=env)
    except FileNotFoundError as error:
        raise RevisionError("git is not installed") from error
    except subprocess.CalledProcessError as error:
        told = error.stderr.decode("utf-8", "replace").strip().split("\n")[0]
        raise RevisionError(told.removeprefix("fatal: ") or f"git {args[0]} failed") from error
    return done.stdout
