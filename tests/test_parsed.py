"""Rules that were read before are what reading them gives, whatever became of the files or of what was kept."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from cleaner import parsed, rules
from cleaner.parsed import of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "rules"
    (made / "any").mkdir(parents=True)
    (made / "any" / "share.toml").write_text(
        '[networks]\nwhy = "Buttons."\nclass = "share"\nfind = "line"\nwords = ["facebook"]\n'
        'removes = ["A b.\\n[-Facebook-]"]\nkeeps = ["Facebook grows."]\nsource = "seen"\n'
    )
    return made


def held(kept: Path) -> list[Path]:
    return sorted(kept.glob("*"))


def test_the_shipped_rules_come_back_as_they_are(tmp_path: Path) -> None:
    read = rules.load(rules.shipped())
    for _ in range(2):
        again = of(rules.shipped(), tmp_path)
        assert again.all == read.all
        assert again.digest() == read.digest()
        assert len(held(tmp_path)) == 1
    assert [type(rule.scope) for rule in again.all] == [rules.Scope] * len(read)


def test_a_changed_or_new_file_is_read_anew(folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    assert [rule.words for rule in of(folder, kept).all] == [("facebook",)]
    path = folder / "any" / "share.toml"
    stat = path.stat()
    path.write_text(path.read_text().replace('words = ["facebook"]', 'words = ["twitter1"]'))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # the same time and size
    assert [rule.words for rule in of(folder, kept).all] == [("twitter1",)]
    shutil.copy(path, folder / "any" / "other.toml")
    assert [rule.id for rule in of(folder, kept).all] == ["other/networks", "share/networks"]
    path.unlink()
    assert [rule.id for rule in of(folder, kept).all] == ["other/networks"]
    path.write_text("[networks]\nwhat = 1\n")
    for _ in range(2):
        with pytest.raises(rules.RuleError, match="unknown key 'what'"):
            of(folder, kept)


@pytest.mark.parametrize(
    "damage", [lambda b: b"", lambda b: b[:-1], lambda b: bytes(len(b)), lambda b: b[:-9] + b"facebock!"]
)
def test_what_is_not_whole_is_read_anew(folder: Path, tmp_path: Path, damage) -> None:
    kept = tmp_path / "kept"
    read = of(folder, kept)
    (path,) = held(kept)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert of(folder, kept).all == read.all
    assert path.read_bytes() == whole


def test_nothing_is_kept_where_nothing_can_be(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    assert of(folder, tmp_path / "file" / "kept").all == of(folder, None).all == rules.load(folder).all
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("LOCALAPPDATA", "relative")
    assert parsed.cache() is None


def test_few_are_kept(folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    path = folder / "any" / "share.toml"
    for n in range(12):
        path.write_text(path.read_text() + f"# {n}\n")
        assert len(of(folder, kept)) == 1
    assert len(held(kept)) == 8
    path.write_text("".join(path.read_text().partition("# 11")[:1]))
    assert len(of(folder, kept)) == 1


def test_another_user_s_are_not_believed(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not hasattr(os, "geteuid"):
        pytest.skip("files have no owners here")
    kept = tmp_path / "kept"
    of(folder, kept)
    (path,) = held(kept)
    forged = rules.Rules(())
    parsed._keep(path, forged)
    assert of(folder, kept).all == ()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert len(of(folder, kept)) == 1
