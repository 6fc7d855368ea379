"""The command as people run it: a process of its own, its exit codes, its words, what it leaves on disk."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SEEDS = ROOT / "seeds"


def cleaner(*args: object, cwd: Path = ROOT, stdin: bytes = b"", **env: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "cleaner", *map(str, args)]
    return subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, timeout=120, env={**os.environ, **env})


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "out"
    done = cleaner("clean", SEEDS, "-o", folder)
    assert done.returncode == 0, done.stderr.decode()
    assert b"5 documents cleaned" in done.stdout
    assert done.stderr == b""  # no progress bar where there is no terminal
    return folder


def test_the_seeds_become_the_goldens_to_the_byte(out: Path) -> None:
    goldens = {name: text for name, text in tree(ROOT / "golden").items() if name.endswith(".txt")}
    assert tree(out / "text") == goldens


def test_the_seeds_come_back_to_the_byte(out: Path, tmp_path: Path) -> None:
    done = cleaner("restore", out, "-o", tmp_path / "raw")
    assert done.returncode == 0, done.stderr.decode()
    assert tree(tmp_path / "raw") == tree(SEEDS)


def test_a_second_run_is_the_same_and_so_is_its_digest(out: Path, tmp_path: Path) -> None:
    assert cleaner("clean", SEEDS, "-o", tmp_path / "out", "-q").stdout == b""
    assert cleaner("digest", out).stdout == cleaner("digest", tmp_path / "out").stdout
    assert tree(out / "text") == tree(tmp_path / "out/text")


def test_run_json_says_what_was_run(out: Path) -> None:
    run = json.loads((out / "run.json").read_text())
    assert run["finished"] is True
    assert run["counts"]["documents"] == 5
    assert run["counts"]["rules"]["fr/lire-aussi"]["edits"] == 3
    assert {"version", "rules", "plan", "inputs", "started", "ended"} <= set(run)


def test_a_damaged_text_is_told_and_the_others_come_back(out: Path, tmp_path: Path) -> None:
    shutil.copytree(out, tmp_path / "out")
    victim = sorted((tmp_path / "out/text").iterdir())[2]
    victim.write_bytes(victim.read_bytes() + b"more\n")
    done = cleaner("restore", tmp_path / "out", "-o", tmp_path / "raw")
    assert done.returncode == 1
    assert victim.name.encode() in done.stderr
    assert len(tree(tmp_path / "raw")) == 4


def test_bad_documents_are_told_and_do_not_stop_the_others(tmp_path: Path) -> None:
    crawl = tmp_path / "crawl"
    (crawl / "deep/er").mkdir(parents=True)
    (crawl / "empty.txt").write_bytes(b"")
    (crawl / "junk.txt").write_bytes(bytes(range(256)) * 40)
    (crawl / "image.html").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(2000))
    (crawl / "deep/er/good.txt").write_text("Rien n’est signé.\nFacebook\nTwitter\nLinkedIn\n", encoding="utf-8")
    (crawl / "latin.txt").write_bytes("Le pont rouvrira à l’été, dit-on déjà.".replace("’", "'").encode("cp1252"))
    (crawl / "long.txt").write_text("mot " * 250_000, encoding="utf-8")
    done = cleaner("clean", crawl, "-o", tmp_path / "out")
    assert done.returncode == 1
    assert b"3 failed: see" in done.stdout
    errors = [json.loads(line) for line in (tmp_path / "out/errors.jsonl").read_text().splitlines()]
    assert {e["id"]: e["stage"] for e in errors} == {"empty.txt": "read", "junk.txt": "read", "image.html": "read"}
    assert all(e["reason"] for e in errors)
    assert set(tree(tmp_path / "out/text")) == {"deep/er/good.txt", "latin.txt", "long.txt"}
    assert (tmp_path / "out/text/deep/er/good.txt").read_text(encoding="utf-8") == "Rien n’est signé.\n"
    assert (tmp_path / "out/text/latin.txt").read_text(encoding="utf-8") == "Le pont rouvrira à l'été, dit-on déjà.\n"
    restored = cleaner("restore", tmp_path / "out", "-o", tmp_path / "raw")
    assert restored.returncode == 0
    assert (tmp_path / "raw/latin.txt").read_bytes() == (crawl / "latin.txt").read_bytes()


def test_standard_input_to_standard_output() -> None:
    done = cleaner("clean", "-", stdin="Rien n’est signé.\n\nFacebook\nTwitter\nLinkedIn".encode())
    assert (done.returncode, done.stdout.decode()) == (0, "Rien n’est signé.\n")
    page = b"<html><body><nav><a href=/>Home</a></nav><p>" + b"One bridge is open again after two long years. " * 9
    assert b"Home" not in cleaner("clean", "-", stdin=page).stdout
    assert cleaner("clean", "-", stdin=b"").returncode == 1


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("clean", "seeds"), b"-o OUT"),
        (("clean", "-", "seeds"), b"-o OUT"),
        (("clean", "nowhere", "-o", "{tmp}/out"), b"nowhere"),
        (("clean", "seeds", "-o", "seeds/out"), b"seeds"),
        (("clean", "seeds", "-o", "README.md"), b"README.md"),
        (("clean", "seeds", "-o", "{tmp}/out", "--keep", "shares"), b"share"),
        (("clean", "seeds", "-o", "{tmp}/out", "--rules", "nowhere"), b"nowhere"),
        (("clean", "seeds", "-o", "{tmp}/out", "--profile", "lax"), b"strict"),
        (("explain", "nowhere.txt"), b"nowhere.txt"),
        (("restore", "seeds", "-o", "{tmp}/x"), b"seeds"),
        (("digest", "seeds"), b"seeds"),
        (("rules", "test", "fr/lire-ausi"), b"fr/lire-aussi"),
        (("rules", "test", "rules/lang/xx.toml"), b"rules/lang/xx.toml"),
        (("rules", "test", "seeds"), b"seeds: no rules there"),
        (("golden", "accept", "nothing"), b"golden test"),
    ],
)
def test_an_unusable_call_is_one_clear_line_and_exit_2(args: tuple[str, ...], told: bytes, tmp_path: Path) -> None:
    done = cleaner(*(arg.replace("{tmp}", str(tmp_path)) for arg in args))
    assert done.returncode == 2
    assert told in done.stderr
    assert b"Traceback" not in done.stderr
    assert not (ROOT / "seeds/out").exists()


def test_a_folder_with_nothing_in_it_is_no_success(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    assert cleaner("clean", tmp_path / "in", "-o", tmp_path / "out").returncode == 2


def test_explain_shows_each_change_with_its_rule() -> None:
    shown = cleaner("explain", SEEDS / "002_ac430c01fe7a889e.txt").stdout.decode()
    assert "[-Nouvelles Du Monde↵-]  headline/masthead" in shown
    assert shown.count("fr/lire-aussi") == 3
    assert "unchanged" in shown
    only = cleaner("explain", SEEDS / "002_ac430c01fe7a889e.txt", "--rule", "fr/lire-aussi").stdout.decode()
    assert "share/networks" not in only
    whole = cleaner("explain", SEEDS / "002_ac430c01fe7a889e.txt", "--all").stdout.decode()
    assert "Une distraction pour Bahamut" in whole
    assert "unchanged" not in whole


def test_own_rules_join_the_shipped_ones(tmp_path: Path) -> None:
    (tmp_path / "rules/any").mkdir(parents=True)
    (tmp_path / "rules/any/mine.toml").write_text(
        '[own]\nwhy = "x"\nclass = "nav"\nfind = "line"\nwords = ["zurück zum deich"]\n'
        'removes = ["Text.\\n[-Zurück zum Deich-]"]\nkeeps = ["Zurück zum Deich liefen sie."]\nsource = "x"\n',
        encoding="utf-8",
    )
    text = "Ein Satz.\nZurück zum Deich".encode()
    assert cleaner("clean", "-", stdin=text).stdout.decode() == "Ein Satz.\nZurück zum Deich\n"
    assert cleaner("clean", "-", "--rules", tmp_path / "rules", stdin=text).stdout.decode() == "Ein Satz.\n"
    assert cleaner("rules", "test", "mine/own", "--rules", tmp_path / "rules").returncode == 0
    for path in ("rules/any/mine.toml", "rules/any", "rules"):
        assert b"1 rules, 0 faults" in cleaner("rules", "test", tmp_path / path).stdout
    broken = (tmp_path / "rules/any/mine.toml").read_text(encoding="utf-8").replace("[-Zurück", "[-Text.\\nZurück", 1)
    (tmp_path / "rules/any/mine.toml").write_text(broken.replace("Text.\\n[-Text.", "[-Text."), encoding="utf-8")
    done = cleaner("rules", "test", "mine/own", "--rules", tmp_path / "rules")
    assert done.returncode == 1
    assert b"Missing" in done.stdout


def test_golden_test_and_accept_on_ones_own_folders(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "g").mkdir()
    (tmp_path / "s/a.txt").write_text("Rien n’est signé.\nFacebook\nTwitter\nLinkedIn\n", encoding="utf-8")
    here = ("--seeds", tmp_path / "s", "--golden", tmp_path / "g")
    first = cleaner("golden", "test", *here)
    assert first.returncode == 1
    assert b"new: " in first.stdout
    assert cleaner("golden", "accept", "a", "--golden", tmp_path / "g").returncode == 0
    assert cleaner("golden", "test", *here).returncode == 0


def test_help_shows_examples_and_is_quick() -> None:
    for command in (
        (),
        ("clean",),
        ("dedup",),
        ("config", "show"),
        ("explain",),
        ("restore",),
        ("rules", "test"),
        ("golden", "test"),
    ):
        done = cleaner(*command, "--help")
        assert done.returncode == 0
        assert b"cleaner " in done.stdout
        assert b"Example" in done.stdout
    heavy = (
        "import sys, cleaner.cli; print(*{'pyarrow', 'ftfy', 'trafilatura', 're2', 'rich', 'lxml'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", heavy], capture_output=True, check=True)
    assert done.stdout.strip() == b""


def test_a_run_of_texts_begins_without_what_only_others_need(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Rien n’est signé.\nFacebook\nTwitter\nLinkedIn\n", encoding="utf-8")
    program = (
        "import sys; from cleaner.cli import cli; cli(sys.argv[1:], standalone_mode=False);"
        "print(*{'fsspec', 'numba', 'duckdb', 'trafilatura', 'selectolax', 'chardet', 'babel'} & set(sys.modules))"
    )
    call = [sys.executable, "-c", program, "clean", str(tmp_path / "a.txt"), "-o", str(tmp_path / "out"), "-q"]
    done = subprocess.run(call, capture_output=True, check=True)
    assert done.stdout.strip() == b""


def test_the_installed_command_and_its_completion() -> None:
    command = shutil.which("cleaner", path=str(Path(sys.executable).parent))
    assert command
    done = subprocess.run(
        [command], env={**os.environ, "_CLEANER_COMPLETE": "bash_source"}, capture_output=True, check=False
    )
    assert b"_CLEANER_COMPLETE=bash_complete" in done.stdout


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_stopped_run_is_known_as_unfinished_and_runs_again(number: signal.Signals, code: int, tmp_path: Path) -> None:
    crawl = tmp_path / "crawl"
    crawl.mkdir()
    for n in range(3000):
        (crawl / f"{n:04}.txt").write_text(f"Satz {n} steht hier.\nFacebook\nTwitter\nLinkedIn\n", encoding="utf-8")
    run = subprocess.Popen(
        [sys.executable, "-m", "cleaner", "clean", str(crawl), "-o", str(tmp_path / "out")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while len(list((tmp_path / "out/text").glob("*"))) < 20 and time.monotonic() < deadline:
        time.sleep(0.05)
    run.send_signal(number)
    _, stderr = run.communicate(timeout=60)
    assert run.returncode == code
    assert b"Traceback" not in stderr
    assert json.loads((tmp_path / "out/run.json").read_text())["finished"] is False
    assert cleaner("restore", tmp_path / "out", "-o", tmp_path / "raw").returncode == 2
    assert cleaner("clean", crawl, "-o", tmp_path / "out", "-q").returncode == 0
    assert len(tree(tmp_path / "out/text")) == 3000
    assert [p for p in (tmp_path / "out").rglob("*") if "tmp" in p.name] == []
