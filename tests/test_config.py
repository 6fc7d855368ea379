"""Settings are checked before a run, faults are named with their place, and what is shown can be read back."""

from __future__ import annotations

import math
import re
from contextlib import chdir
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from cleaner.cli.config import config
from cleaner.config import ConfigError, digest, load, show
from cleaner.rules import CLASSES
from cleaner.settings import Settings, get, keys
from cleaner.stages.signals import SIGNALS


def written(folder: Path, text: str, name: str = "cleaner.toml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def fault(*sets: str, file: Path | None = None, **options) -> str:
    with pytest.raises(ConfigError) as caught:
        load(file, sets, options)
    return str(caught.value)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path):
    with chdir(tmp_path):
        yield


def test_without_anything_the_defaults_hold() -> None:
    effective = load()
    assert effective.settings == Settings()
    assert effective.origins == {}
    assert effective.settings.clean.profile == "careful"
    assert not effective.settings.drop.duplicates


def test_no_document_is_left_out_by_default() -> None:
    drop = Settings().drop
    assert (drop.languages_kept, drop.und, drop.min_chars, drop.duplicates) == ((), False, 0, False)
    assert {getattr(drop.quality, f"{side}_{name}") for name in SIGNALS for side in ("min", "max")} == {None}


def test_a_later_source_wins(tmp_path: Path) -> None:
    written(tmp_path, '[run]\nworkers = 2\ntimeout = 5\nmemory_mb = 100\n[clean]\nprofile = "strict"\n')
    effective = load(None, ["run.timeout=6", "run.memory_mb=200"], {"run.memory_mb": 300})
    run = effective.settings.run
    assert (run.workers, run.timeout, run.memory_mb, effective.settings.clean.profile) == (2, 6.0, 300, "strict")
    assert effective.origins == {
        "run.workers": "cleaner.toml:2",
        "run.timeout": "--set",
        "run.memory_mb": "an option",
        "clean.profile": "cleaner.toml:6",
    }
    assert run.engine == "local"  # a section that is named keeps the defaults of its other keys


def test_a_named_file_is_read_instead_of_the_one_that_lies_there(tmp_path: Path) -> None:
    written(tmp_path, "[run]\nworkers = 2\n")
    other = written(tmp_path, "[run]\ntimeout = 3\n", "other.toml")
    run = load(other).settings.run
    assert (run.workers, run.timeout) == (0, 3.0)


def test_folders_of_rules_are_relative_to_the_file_that_names_them(tmp_path: Path) -> None:
    written(tmp_path, '[clean]\nrules = ["mine", "/abs"]\n', "sub/cleaner.toml")
    assert load(Path("sub/cleaner.toml")).settings.clean.rules == ("sub/mine", "/abs")
    assert load(Path("sub/cleaner.toml"), ["clean.rules=mine"]).settings.clean.rules == ("mine",)


@pytest.mark.parametrize(
    ("told", "name", "value"),
    [
        ("clean.profile=strict", "clean.profile", "strict"),
        ('clean.profile = "strict"', "clean.profile", "strict"),
        ("clean.keep=caption, meta", "clean.keep", ("caption", "meta")),
        ('clean.keep=["caption"]', "clean.keep", ("caption",)),
        ("clean.keep=", "clean.keep", ()),
        ("input.text=2024", "input.text", ("2024",)),
        ("input.exclude=*.pdf,a=b", "input.exclude", ("*.pdf", "a=b")),
        ("run.study=false", "run.study", False),
        ("input.max_document_mb=2", "input.max_document_mb", 2.0),
        ("drop.quality.max_hash_ratio=.5", "drop.quality.max_hash_ratio", None),
        ("drop.quality.max_hash_ratio=0.5", "drop.quality.max_hash_ratio", 0.5),
    ],
)
def test_set_is_read_by_the_type_of_its_key(told: str, name: str, value: object) -> None:
    if value is None:
        assert f"--set: {name}: Expected `float`" in fault(told)
        return
    assert get(load(None, [told]).settings, name) == value


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ("clean.profil=strict", ("clean.profil: unknown key", "'profile'", "extract, keep, profile, rules")),
        ("clean.profile=carefull", ("'carefull'", "did you mean 'careful'?", "careful, strict")),
        ("clean.keep=captoin", ("unknown class 'captoin'", "did you mean 'caption'?", "read-more")),
        ("workers=3", ("workers: unknown key", "'run.workers'")),
        ("run=3", ("is a section", "run.workers, run.timeout")),
        ("walk.speed=3", ("unknown key", "sections: clean, drop, drop.quality,")),
        ("drop.quality.min_wrds=3", ("unknown key", "'min_words'")),
        ("run.workers=-1", ("run.workers", ">= 0", "-1")),
        ("run.workers=many", ("run.workers", "Expected `int`", "'many'")),
        ("run.workers=true", ("run.workers", "Expected `int`")),
        ("run.workers=1.5", ("run.workers", "Expected `int`")),
        ("run.study=1", ("run.study", "Expected `bool`")),
        ("run.timeout=0", ("run.timeout", "> 0")),
        ("run.timeout=nan", ("run.timeout", "nan")),
        ("drop.quality.min_words=nan", ("min_words", "nan")),
        ("drop.quality.min_words=-1", ("min_words", ">= 0")),
        ("repeated.share_few=1.1", ("repeated.share_few", "<= 1")),
        ("input.text=[3]", ("input.text", "Expected `str`")),
        ('input.text=[""]', ("input.text", "length >= 1")),
        ("drop.languages_kept=fr,French", ("drop.languages_kept", "French")),
        ("drop.languages_kept=und", ("drop.languages_kept", "drop.und")),
        ("run.workers", ("section.key=value",)),
        ("run.workers=1\nrun.study=false", ("run.workers", "Expected `int`")),
        ("input.id=\udcff", ("input.id", "not Unicode")),
    ],
)
def test_a_fault_names_key_value_and_choices(told: str, says: tuple[str, ...]) -> None:
    message = fault(told)
    assert message.startswith("--set")
    for part in says:
        assert part in message


def test_a_fault_in_a_file_names_its_line_whatever_stands_before(tmp_path: Path) -> None:
    text = """# workers = 1
input.exclude = [
  "workers = 2",
  "[run]",
]
[run]
study = true
[clean] # here
keep = [
  "caption",
  "wigdet",
]
[drop]
quality.min_wrods = 3
[run.more]
x = 1
[drop.qualty]
max_words = 3
"""
    message = fault(file=written(tmp_path, text, "my.toml"))
    path = tmp_path / "my.toml"
    assert {tuple(line.split(": ")[:2]) for line in message.split("\n")} == {
        (f"{path}:9", "clean.keep"),
        (f"{path}:14", "drop.quality.min_wrods"),
        (f"{path}:15", "run.more"),
        (f"{path}:17", "drop.qualty"),
    }
    assert "did you mean 'quality'?" in message


def test_what_is_no_toml_is_told_with_its_line(tmp_path: Path) -> None:
    assert "my.toml: is no TOML" in (message := fault(file=written(tmp_path, "[run]\nworkers == 2\n", "my.toml")))
    assert "line 2" in message
    assert "nowhere.toml: No such file" in fault(file=Path("nowhere.toml"))
    Path("bytes.toml").write_bytes(b"\xff\xfe")
    assert "is no TOML" in fault(file=Path("bytes.toml"))
    assert "is a section" in fault(file=written(tmp_path, "run = 3\n", "flat.toml"))
    assert "Expected `array`" in fault(file=written(tmp_path, "[[clean.keep]]\na = 1\n[clean.rules]\n", "t.toml"))


def test_a_mark_at_the_start_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "bom.toml"
    path.write_bytes(b"\xef\xbb\xbf[run]\r\nworkers = 3\r\n")
    effective = load(path)
    assert effective.settings.run.workers == 3
    assert effective.origins["run.workers"].endswith("bom.toml:2")


_WORDS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=6)


def _values(name: str) -> st.SearchStrategy:
    key = keys()[name]
    if key.literals:
        return st.sampled_from(key.literals)
    if name == "clean.keep":
        return st.lists(st.sampled_from(sorted(CLASSES))).map(tuple)
    if name == "drop.languages_kept":
        return st.lists(st.sampled_from(("fr", "de", "yue"))).map(tuple)
    if key.many:
        return st.lists(_WORDS, max_size=3).map(tuple)
    if isinstance(key.default, bool):
        return st.booleans()
    if isinstance(key.default, int):
        return st.integers(64, 1024) if name != "duplicates.shingle" else st.integers(1, 50)
    if name.startswith("drop.quality") or (key.default is not None and key.default > 1):
        return st.floats(0, exclude_min=True)
    return st.floats(0, 1, exclude_min=True)


GIVEN = st.lists(st.sampled_from(sorted(keys())), max_size=8, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: _values(name) for name in names})
)


@given(GIVEN)
@settings(deadline=None)
def test_what_is_shown_reads_back_to_the_same(values: dict[str, object]) -> None:
    effective = load(Path("/dev/null"), (), values)
    Path("shown.toml").write_text(show(effective), encoding="utf-8", newline="")
    again = load(Path("shown.toml"))
    assert again.settings == effective.settings
    assert digest(again.settings) == digest(effective.settings)
    for name, value in values.items():
        assert get(again.settings, name) == value


def test_show_marks_what_differs_and_where_it_came_from(tmp_path: Path) -> None:
    written(tmp_path, "[run]\nworkers = 2\ntimeout = 60\n")
    shown = show(load(None, ["clean.keep=caption", "drop.quality.min_words=50"])).split("\n")
    assert [line for line in shown if "<- " in line] == [
        'keep = ["caption"]  # <- --set; default: []',
        "workers = 2  # <- cleaner.toml:2; default: 0",
        "min_words = 50.0  # <- --set; default: off",
    ]
    assert shown[0].startswith("# 3 of ")
    assert "timeout = 60.0" in shown  # given, but no other than the default


def test_a_file_name_cannot_break_what_is_shown(tmp_path: Path) -> None:
    name = "a\n[run]\nworkers = 5 #.toml"
    shown = show(load(written(tmp_path, "[run]\nworkers = 2\n", name)))
    assert load(written(tmp_path, shown, "shown.toml")).settings.run.workers == 2


def test_every_key_is_explained_in_one_line() -> None:
    for key in keys().values():
        assert key.doc
        assert "\n" not in key.doc, key.name
    assert len(show(load()).split("\n")) < 200


def test_the_digest_knows_what_comes_out_only() -> None:
    def of(*sets: str) -> str:
        return digest(load(None, sets).settings)

    same = ("run.workers=7", "run.timeout=1", "run.memory_mb=99", "run.engine=spark", "output.shard_mb=1")
    assert {of(told) for told in same} == {of()}
    assert of("clean.rules=mine") == of()  # what the rules hold has its own digest
    others = (
        "clean.profile=strict",
        "clean.keep=ad",
        "run.study=false",
        "drop.und=true",
        "drop.quality.min_words=0",
        "drop.quality.max_words=0",
        "input.text=body",
        "duplicates.keep=first",
    )
    assert len({of(), *(of(told) for told in others)}) == len(others) + 1
    assert of("clean.keep=ad,meta") == of("clean.keep=meta,ad,ad")
    assert of("input.text=a,b") != of("input.text=b,a")  # the first field that is there counts


def test_the_digest_is_the_same_in_every_process() -> None:
    assert digest(Settings()) == digest(load(None, [f"run.timeout={math.inf}"]).settings)


def test_config_show_prints_and_refuses(tmp_path: Path) -> None:
    written(tmp_path, "[run]\nworkers = 2\n")
    done = CliRunner().invoke(config, ["show", "--set", "clean.keep=caption"])
    assert done.exit_code == 0
    assert "workers = 2  # <- cleaner.toml:2; default: 0\n" in done.stdout
    wrong = CliRunner().invoke(config, ["show", "--set", "clean.kep=caption"])
    assert wrong.exit_code == 2
    assert wrong.stdout == ""
    assert "clean.kep: unknown key; did you mean 'keep'?" in wrong.stderr


DOCS = Path(__file__).parent.parent / "docs/configuration.md"


@pytest.mark.parametrize("block", re.findall(r"```toml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL))
def test_what_the_documentation_gives_to_paste_can_be_pasted(block: str, tmp_path: Path) -> None:
    effective = load(written(tmp_path, block))
    assert len(effective.origins) == len(re.findall(r"^\w+ =", block, re.MULTILINE)) > 0


def test_the_faults_in_the_documentation_are_told_so(tmp_path: Path) -> None:
    told = re.findall(r"```text\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)[0].splitlines()
    written(tmp_path, '[clean]\n\nkeep = ["captoin"]\n')
    for shown, found in zip(told, fault("run.worker=2").split("\n"), strict=True):
        assert found.startswith(shown.removesuffix("…"))
