"""Imports run one way, each third-party library lives in one module, and no room is larger than one can hold in the head."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "cleaner").rglob("*.py"))

# A layer imports from the layers above it here, and from its own where it is a folder.
LAYERS = (
    ("document", "fold", "atoms"),
    ("marks", "rules"),
    ("read", "write", "matcher", "shapes", "stamps"),
    ("site_lines", "sites", "blocks", "parsed", "store"),
    ("stages",),
    ("settings", "proof", "pipeline", "revision", "sides", "engine"),
    ("config", "decide", "golden", "explain", "lint", "progress", "rulebook", "effect", "study"),
    ("keeps", "counting", "line"),
    ("learn", "near", "call", "work", "scores", "delivery"),
    ("propose", "sharding", "dedup", "place"),
    ("run",),
    ("cluster",),
    ("cli", "__init__", "pytest_plugin"),
    ("__main__",),
)
ONLY_DOCUMENT = ("read", "write")
# Arrow and numpy are the language between parts, msgspec what types are written in, click the command line's own language.
ANYWHERE = {"pyarrow", "numpy", "msgspec", "click"}


def layer(module: str) -> int:
    for n, names in enumerate(LAYERS):
        if module in names:
            return n
    raise AssertionError(f"cleaner/{module} is in no layer: say where it belongs")


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {node.module or ""} | (
                {f"cleaner.{a.name}" for a in node.names} if node.module == "cleaner" else set()
            )
    return found


def room(path: Path) -> str:
    return path.relative_to(ROOT / "cleaner").parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_run_one_way(path: Path) -> None:
    here = room(path)
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "cleaner" or len(parts) < 2 or parts[1] == here or parts[1] == "__version__":
            continue
        if not ((ROOT / "cleaner" / parts[1]).is_dir() or (ROOT / "cleaner" / f"{parts[1]}.py").exists()):
            continue  # a name of the package itself
        assert layer(parts[1]) < layer(here), f"{here} imports {parts[1]}"
        if here in ONLY_DOCUMENT:
            assert parts[1] == "document", f"{here} knows only the document, not {parts[1]}"


def test_each_library_lives_in_one_module() -> None:
    homes = defaultdict(set)
    for path in FILES:
        for name in imports(path):
            top = name.split(".")[0]
            if top not in sys.stdlib_module_names and top != "cleaner" and top not in ANYWHERE:
                homes[top].add(path.relative_to(ROOT).as_posix())
    assert {library: sorted(paths) for library, paths in homes.items() if len(paths) > 1} == {}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_stays_under_400_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < 400


def test_only_the_command_line_prints_or_exits() -> None:
    for path in FILES:
        calls = {
            node.func.id
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert room(path) in ("cli", "__main__") or not calls & {"print", "exit", "quit"}, path
