"""The shipped rules: each proves itself, none can be missed, together they keep the laws."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleaner import proof, rules
from cleaner.document import Document
from cleaner.marks import parse, render
from cleaner.rules import Rule, Rules, load, shipped
from cleaner.stages.chrome import Chrome

SHIPPED = load(shipped())
PROOF = proof.Proof(SHIPPED)
CAREFUL, STRICT = Chrome(SHIPPED), Chrome(SHIPPED, "strict")


def document(text: str, language: str = "fr") -> Document:
    return Document("a", text, source={"language": language})


@pytest.mark.parametrize("rule", SHIPPED.all, ids=lambda rule: rule.id)
def test_rule_proves_itself(rule: Rule) -> None:
    assert [str(fault) for fault in PROOF.check(rule.id)] == []


PARTS = sorted(
    {
        line
        for rule in SHIPPED.all
        for example in (*rule.removes, *rule.keeps)
        for line in parse(proof.text_of(example))[0].split("\n")
    }
    | {"", " ", "Un texte.", "share me", "Facebook", "le", "x" * 200 + "."}
)
PAGES = st.lists(st.sampled_from(PARTS), max_size=14).map("\n".join)


@settings(deadline=None)
@given(PAGES, st.sampled_from(["fr", "en", "und"]), st.sampled_from([CAREFUL, STRICT]))
def test_edits_invert(text: str, language: str, stage: Chrome) -> None:
    d = document(text, language)
    assert (d + stage.propose(d)).undo().text == text


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_rules_does_not_matter(seed: int) -> None:
    random = Random(seed)
    shuffled = Rules(())
    shuffled.all = tuple(random.sample(SHIPPED.all, len(SHIPPED)))
    other = Chrome(shuffled, "strict")
    for _ in range(200):
        page = document("\n".join(random.choices(PARTS, k=14)), random.choice(["fr", "en", "de", "und"]))
        assert other.propose(page).edits == STRICT.propose(page).edits


@pytest.mark.parametrize("path", sorted(shipped().rglob("*.toml")), ids=lambda path: path.stem)
def test_no_rule_file_can_be_missed(path: Path, tmp_path: Path) -> None:
    """Without the file, some example of its rules is no longer cleaned."""
    less = Chrome(Rules(rule for rule in SHIPPED.all if rule.path != f"rules/{path.parent.name}/{path.name}"), "strict")
    lost = 0
    for rule in rules.read(path, rules.Scope(path.parent.name, path.stem), path.name):
        for example in rule.removes:
            text, _ = parse(proof.text_of(example))
            page = proof.page_of(text, rule)
            lost += render(text, less.propose(page).edits) != render(text, STRICT.propose(page).edits)
    assert lost
