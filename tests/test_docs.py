"""What the documentation shows runs: README's Python, its commands, and the workbench's story."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
STORY = (ROOT / "docs/story.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_python_of_the_readme_runs() -> None:
    for block in blocks(README, "python"):
        exec(compile(block, "README.md", "exec"), {})


def test_the_python_of_the_studies_runs() -> None:
    (block,) = blocks((ROOT / "docs/many.md").read_text(encoding="utf-8"), "python")
    exec(compile(block, "docs/many.md", "exec"), {})


def test_the_readme_names_two_make_targets_that_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_the_story_of_a_new_site_runs_as_told(tmp_path: Path) -> None:
    """Files named in the story are written, its commands run in order, and each shows what the story says."""
    for name, content in re.findall(r"<!-- file: (\S+) -->\n```\w*\n(.*?)```", STORY, re.DOTALL):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    for folder in re.findall(r"^mkdir (.*)$", STORY, re.MULTILINE)[0].split():
        (tmp_path / folder).mkdir()
    told = re.findall(r"```console\n\$ (cleaner [^\n]*)\n(.*?)```(?:\n<!-- exit: (\d) -->)?", STORY, re.DOTALL)
    assert len(told) >= 6
    for command, shown, code in told:
        args = [sys.executable, "-m", "cleaner", *command.split()[1:]]
        done = subprocess.run(args, cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", timeout=120)
        output = done.stdout + done.stderr
        assert done.returncode == int(code or 0), f"{command}: exit {done.returncode}\n{output}"
        for line in shown.splitlines():
            if line.strip() and line.strip() != "…":
                assert line.strip() in output, f"{command}: no {line.strip()!r} in\n{output}"
