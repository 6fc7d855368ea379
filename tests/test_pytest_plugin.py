"""The pytest plugin, in a project of its own: seeds and rules are tests there, and elsewhere it costs nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

RULE = """\
[print-link]
why = "The link to the printer's dialogue."
class = "share"
find = "line"
words = ["print the leaf"]
removes = ["The dyke is dry.\\n[-Print the leaf-]"]
keeps = ["Print the leaf on thick paper."]
source = "invented"
"""
INI = """\
[pytest]
testpaths = tests seeds golden rules
cleaner_seeds = seeds
cleaner_golden = golden
cleaner_rules = rules
"""
# The project stands on its own rules alone: what is shipped changes.
CONFTEST = (
    "import cleaner.rules\nfrom pathlib import Path\ncleaner.rules.shipped = lambda: Path(__file__).parent / 'none'\n"
)


def run(cwd: Path, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "cleaner.pytest_plugin", "-p", "no:cacheprovider", "-v", *args]
    env = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    env.pop("PYTEST_ADDOPTS", None)
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, env=env)


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def accepted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    write(
        folder,
        {
            "pytest.ini": INI,
            "conftest.py": CONFTEST,
            "tests/test_own.py": "def test_own():\n    pass\n",
            "seeds/dyke.txt": "The dyke is dry.\n\nPrint the leaf\n",
            "seeds/page.html": "<!doctype html><title>x</title><p>The water came at night.<p>Print the leaf",
            "seeds/.hidden": "x",
            "golden/dyke.txt": "The dyke is dry.\n",
            "golden/dyke.edits": "dyke/print-link\tPrint the leaf\njoins/blank-line\t\\n\\n\n",
            "rules/any/dyke.toml": RULE,
        },
    )
    (folder / "none").mkdir()
    first = run(folder, "seeds")
    assert "2 failed" in first.stdout, first.stdout + first.stderr
    for new in (folder / "golden").glob("*.new"):
        new.replace(new.with_suffix(""))
    return folder


@pytest.fixture
def project(accepted: Path, tmp_path: Path) -> Path:
    shutil.copytree(accepted, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_seeds_and_rules_are_tests(project: Path) -> None:
    done = run(project)
    assert done.returncode == 0, done.stdout
    for id in ("seeds/dyke.txt::golden", "seeds/page.html::golden", "rules/any/dyke.toml::print-link", "::test_own"):
        assert f"{id} PASSED" in done.stdout
    assert "4 passed" in done.stdout
    one = run(project, "seeds/dyke.txt")
    assert "1 passed" in one.stdout
    assert "1 passed, 3 deselected" in run(project, "-k", "print-link").stdout


def test_a_seed_that_comes_out_otherwise_shows_the_words_and_writes_new(project: Path) -> None:
    (project / "golden/dyke.txt").write_text("The dyke was dry.\n")
    done = run(project)
    assert done.returncode == 1
    assert "text: " in done.stdout
    assert "The dyke [-was-]{+is+} dry." in done.stdout
    assert "Traceback" not in done.stdout
    assert "pytest_plugin.py" not in done.stdout
    assert (project / "golden/dyke.txt").read_text() == "The dyke was dry.\n"
    assert (project / "golden/dyke.txt.new").read_text() == "The dyke is dry.\n"
    (project / "golden/dyke.txt.new").replace(project / "golden/dyke.txt")
    assert run(project).returncode == 0


def test_a_new_seed_fails_until_a_reader_accepts_it(project: Path) -> None:
    write(project, {"seeds/more.txt": "It rained.\n"})
    done = run(project)
    assert "1 failed, 4 passed" in done.stdout
    assert "new: " in done.stdout
    assert {path.name for path in (project / "golden").glob("*.new")} == {"more.txt.new", "more.edits.new"}


def test_an_orphan_fails(project: Path) -> None:
    write(project, {"golden/gone.txt": "x\n"})
    done = run(project)
    assert "golden/gone.txt::seed FAILED" in done.stdout
    assert "orphan: " in done.stdout


def test_an_unreadable_seed_fails_in_one_line(project: Path) -> None:
    (project / "seeds/dyke.txt").write_bytes(bytes(range(256)) * 40)
    done = run(project)
    assert "1 failed, 3 passed" in done.stdout
    assert "pytest_plugin.py" not in done.stdout


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (("[-Print the leaf-]", "[-Print the tree-]"), "Missing"),
        (("Print the leaf on thick paper.", "The dyke.\\nPrint the leaf"), "Noisy"),
        (("The dyke is dry.\\n[-Print", "Print the leaf\\n[-Print"), "Wrong"),
    ],
)
def test_a_rule_fails_in_the_words_of_its_proof(project: Path, change: tuple[str, str], word: str) -> None:
    write(project, {"rules/any/dyke.toml": RULE.replace(*change)})
    done = run(project, "rules")
    assert done.returncode == 1
    assert f"rules/any/dyke.toml: [print-link] {word}: " in done.stdout
    assert "Traceback" not in done.stdout
    assert "pytest_plugin.py" not in done.stdout


def test_a_broken_rule_file_is_told_and_no_rule_passes_untested(project: Path) -> None:
    write(project, {"rules/any/broken.toml": RULE.replace("words", "wrods")})
    done = run(project, "rules")
    assert done.returncode != 0
    assert "unknown key 'wrods'" in done.stdout
    assert "did you mean 'words'" in done.stdout
    assert "Traceback" not in done.stdout
    assert run(project, "rules/any/dyke.toml").returncode != 0
    assert "1 failed" in run(project, "seeds/dyke.txt").stdout


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("cleaner_golden = golden\n", ""), "go together"),
        (("cleaner_seeds = seeds", "cleaner_seeds = sedes"), "cleaner_seeds: there is no folder"),
        (("cleaner_rules = rules", "cleaner_rules = rules ruels"), "cleaner_rules: there is no folder"),
        (("[pytest]\n", "[pytest]\ncleaner_profile = lax\n"), "careful, strict"),
    ],
)
def test_a_wrong_setting_is_told(project: Path, change: tuple[str, str], told: str) -> None:
    (project / "pytest.ini").write_text(INI.replace(*change))
    done = run(project)
    assert done.returncode == 4
    assert told in done.stderr


def test_the_profile_is_heeded(project: Path) -> None:
    low = RULE.replace("find =", 'confidence = "low"\nfind =')
    write(project, {"rules/any/dyke.toml": low})
    assert "1 failed" in run(project, "seeds/dyke.txt").stdout
    (project / "pytest.ini").write_text(INI + "cleaner_profile = strict\n")
    assert "1 passed" in run(project, "seeds/dyke.txt").stdout


def test_pyproject_toml_serves_as_well(project: Path) -> None:
    (project / "pytest.ini").unlink()
    (project / "pyproject.toml").write_text(
        '[tool.pytest.ini_options]\ncleaner_seeds = "seeds"\ncleaner_golden = "golden"\ncleaner_rules = ["rules"]\n'
    )
    assert "4 passed" in run(project).stdout


def test_elsewhere_it_imports_nothing_and_collects_nothing(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "seeds/a.txt": "x\n",
            "rules/any/dyke.toml": RULE,
            "test_own.py": "import sys\n\ndef test_own():\n    loaded = {name for name in sys.modules if name.split('.')[0] == 'cleaner'}\n"
            "    assert loaded == {'cleaner', 'cleaner.pytest_plugin'}\n"
            "    assert not {'msgspec', 're2', 'tomlkit', 'pyarrow', 'ftfy'} & set(sys.modules)\n",
        },
    )
    done = run(tmp_path)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_the_package_tells_pytest_of_it_and_does_not_need_pytest() -> None:
    (plugin,) = entry_points(group="pytest11", name="cleaner")
    assert plugin.value == "cleaner.pytest_plugin"
    for path in (Path(__file__).parent.parent / "cleaner").rglob("*.py"):
        assert path.name == "pytest_plugin.py" or "import pytest" not in path.read_text(encoding="utf-8")
