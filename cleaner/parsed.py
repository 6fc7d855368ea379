"""The shipped rules as the process before read them: to read and check 1,900 tables takes 0.15 s, to take these 0.03.

They lie in the user's cache folder under a name that is the digest of all that decides what is read: the rule files and
the code that reads them. So what is there is never old, and what is not there, or not whole, is read anew.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

import msgspec

from cleaner import rules
from cleaner.rules import Rule, Rules
from cleaner.write.atomic import place

_SEAL = 16  # bytes in front: the digest of the others, for a crash of the system may leave zeros
_MOST = 8  # files that stay: checkouts and environments of one user


def load(*folders: Path) -> Rules:
    """Load the rules that come with the package and those of folders beside them.

    Raises ``RuleError`` as ``rules.load`` does, which gives the same.
    """
    return of(rules.shipped(), cache()) | rules.load(*folders)


def cache() -> Path | None:
    """Give the user's cache folder for this package; None where there is none."""
    named = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME", "")
    base = named or os.path.expanduser(os.path.join("~", ".cache"))
    return Path(base, "cleaner") if os.path.isabs(base) else None


def of(folder: Path, kept: Path | None) -> Rules:
    """Load the rules of a folder, from ``kept`` if they are there; else they are kept there, if that can be.

    Raises ``RuleError`` as ``rules.load`` does.
    """
    key = _key(folder)
    if kept is None or key is None:
        return rules.load(folder)
    path = kept / f"rules-{key}"
    with suppress(OSError, msgspec.MsgspecError):
        if (held := _read(path)) is not None:
            return held
    made = rules.load(folder)
    if _key(folder) == key:  # nobody wrote to it meanwhile
        with suppress(OSError):
            _keep(path, made)
    return made


def _key(folder: Path) -> str | None:
    """Give the digest of a folder's rule files, their names and the code that reads them; None where one cannot be."""
    whole = blake2b(digest_size=16)
    try:
        _add(whole, "", Path(rules.__file__))
        for path in sorted(folder.rglob("*.toml")):
            _add(whole, path.relative_to(folder.parent).as_posix(), path)
    except OSError:
        return None
    return whole.hexdigest()


def _add(whole: blake2b, name: str, path: Path) -> None:
    content = path.read_bytes()
    whole.update(f"{len(name.encode())} {len(content)} {name}".encode() + content)


def _read(path: Path) -> Rules | None:
    with path.open("rb") as file:
        if hasattr(os, "geteuid") and os.fstat(file.fileno()).st_uid != os.geteuid():
            return None  # another user's
        content = file.read()
    if content[:_SEAL] != blake2b(content[_SEAL:], digest_size=_SEAL).digest():
        return None
    return Rules(msgspec.msgpack.decode(content[_SEAL:], type=tuple[Rule, ...]))


def _keep(path: Path, made: Rules) -> None:
    content = msgspec.msgpack.encode(made.all)
    path.parent.mkdir(0o700, parents=True, exist_ok=True)
    place(path, blake2b(content, digest_size=_SEAL).digest() + content)
    held = sorted(path.parent.glob("rules-*"), key=lambda each: (each.stat().st_mtime_ns, each))
    for each in held[:-_MOST]:
        each.unlink(missing_ok=True)
