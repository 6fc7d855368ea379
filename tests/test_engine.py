"""The rule engine on invented rules: finders, context, and the laws over rules of every kind."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from invented import RULE, document, folder_in

from cleaner.document import Hint
from cleaner.matcher import Matcher
from cleaner.rules import Rules, load
from cleaner.stages.asks import Asks
from cleaner.stages.chrome import Chrome
from cleaner.stages.flags import Flags


@pytest.fixture
def folder(tmp_path: Path):
    return folder_in(tmp_path)


# ---- finders and context


def one(folder, text: str, rule: str, language: str = "fr", profile: str = "careful", **given) -> str:
    stage = Chrome(load(folder(rule)), profile, **given)
    return (document(text, language) + stage.propose(document(text, language))).text


CLUSTER = RULE.replace('find = "line"', 'find = "cluster"\nleast = 3').replace('["share me"]', '["a", "b", "c"]')


def test_a_cluster_needs_its_least(folder) -> None:
    assert one(folder, "x\na\nb\ny", CLUSTER) == "x\na\nb\ny"
    assert one(folder, "x\na\n\nb\n \nc\ny", CLUSTER) == "x\n\n \ny"
    assert one(folder, "a\nb\nx\nc\na", CLUSTER) == "a\nb\nx\nc\na"


def test_a_cluster_closes_over_a_removed_line(folder) -> None:
    folder(RULE, "any/other.toml")
    assert one(folder, "x\na\nshare me\nb\nc\ny", CLUSTER) == "x\ny"


@pytest.mark.parametrize(
    ("side", "left"), [("before", "share me\nkey\nx"), ("after", "key\nx\nshare me"), ("either", "share me\nx\ny\nkey")]
)
def test_beside_looks_to_its_side_and_no_further(folder, side: str, left: str) -> None:
    rule = RULE.replace('find = "line"', f'find = "line"\nbeside = {{ within = 2, side = "{side}", words = ["key"] }}')
    goes = {"before": "key\nx\nshare me", "after": "share me\n\n\nx\nkey", "either": "key\nshare me"}[side]
    assert one(folder, left, rule) == left
    assert "share me" not in one(folder, goes, rule)


def test_beside_a_class_that_goes(folder) -> None:
    other = RULE.replace("share me", "go").replace('class = "share"', 'class = "nav"')
    folder(other, "any/other.toml")
    rule = RULE.replace('find = "line"', 'find = "line"\nbeside = { within = 1, class = ["nav"] }')
    assert one(folder, "x\ngo\nshare me\ny", rule) == "x\ny"
    assert one(folder, "x\ngo\ny\nshare me", rule) == "x\ny\nshare me"


def test_context_travels_along_a_chain(folder) -> None:
    rule = RULE.replace('find = "line"', 'find = "line"\nbeside = { within = 1, class = ["share"] }').replace(
        "share me", "link"
    )
    folder(rule, "any/chain.toml")
    text = "x\n" + "link\n" * 500 + "share me\ny"
    assert one(folder, text, RULE) == "x\ny"


@pytest.mark.parametrize("kind", ["head", "tail"])
def test_a_sweep_takes_all_to_the_edge(folder, kind: str) -> None:
    rule = RULE.replace('find = "line"', f'find = "{kind}"\nwithin = 2')
    lines = ["a", "share me", *("text " * 5 for _ in range(3))]
    text = "\n".join(lines if kind == "head" else reversed(lines))
    assert one(folder, text, rule).split() == ["text"] * 15
    far = "\n".join(["a", "b", *lines[1:]] if kind == "head" else reversed(["a", "b", *lines[1:]]))
    assert one(folder, far, rule) == far


def test_where_two_sweeps_cross_all_their_lines_go(folder) -> None:
    folder(RULE.replace('find = "line"', 'find = "tail"\nwithin = 3'), "any/tail.toml")
    head = RULE.replace('find = "line"', 'find = "head"\nwithin = 3').replace("share me", "top")
    assert one(folder, "a\nshare me\ntop\nb", head) == ""


def test_an_edge_binds_a_line(folder) -> None:
    rule = RULE.replace('find = "line"', 'find = "line"\nedge = "tail"\nwithin = 2')
    assert one(folder, "share me\nx\ny\nshare me\nz", rule) == "share me\nx\ny\nz"


def test_inline_words_are_whole_words_and_inside_lines(folder) -> None:
    rule = RULE.replace('find = "line"', 'find = "inline"')
    assert (
        one(folder, "Oh, SHARE  me, please; unshare me; share mental.", rule)
        == "Oh, , please; unshare me; share mental."
    )


def test_a_shape_counts_as_context_for_another(folder) -> None:
    """What only a shape removes lets a rule of another shape act that wants its class beside."""
    shaped = RULE.replace('words = ["share me"]', "").replace('class = "share"', 'class = "duplicate"')
    folder(shaped.replace('find = "line"', 'find = "line"\nshape = "title-again"'), "any/again.toml")
    rule = RULE.replace('words = ["share me"]', "").replace(
        'find = "line"',
        'find = "line"\nshape = "entry"\nbeside = { within = 1, side = "after", class = ["duplicate"] }',
    )
    title, prose = "The bridge opens after two years", "The first lorries crossed at dawn, " * 4 + "cheered."
    text = f"{title}\n{prose}\nRiver gauges\n{title}\nOther words"
    assert one(folder, text, rule) == f"{title}\n{prose}\nOther words"
    assert one(folder, f"{title}\n{prose}\nRiver gauges\nOther words", rule).count("\n") == 3


def test_the_budget_spares_a_text_that_sweeps_would_take(folder) -> None:
    rule = RULE.replace('find = "line"', 'find = "tail"\nwithin = 30')
    body, rest = "word " * 60, "\n".join(["share me", *["other words here " * 3] * 12])
    stage = Chrome(load(folder(rule)))
    patch = stage.propose(document(f"{body}\n{rest}"))
    assert (patch.edits, patch.labels) == ((), {"suspect": "over-removal"})
    assert [e.note for e in patch.spared] == ["budget"]
    assert stage.propose(document(f"{body * 4}\n{rest}")).edits
    assert stage.propose(document("short\nshare me\n" + "x" * 300)).edits


def test_low_confidence_waits_for_chrome_on_both_sides_or_the_strict_profile(folder) -> None:
    low = RULE.replace('find = "line"', 'find = "line"\nconfidence = "low"').replace("share me", "maybe")
    folder(low, "any/low.toml")
    assert one(folder, "x\nshare me\nmaybe\ny", RULE) == "x\nmaybe\ny"
    assert one(folder, "x\nshare me\nmaybe\nshare me\ny", RULE) == "x\ny"
    assert one(folder, "x\nshare me\nmaybe", RULE) == "x\n"
    assert one(folder, "x\nmaybe\ny", RULE, profile="strict") == "x\ny"
    patch = Chrome(load(folder(RULE))).propose(document("x\nmaybe\ny"))
    assert [(e.rule, e.before, e.note) for e in patch.spared] == [("low/thing", "maybe\n", "low confidence")]


def test_a_kept_class_stays_and_is_told(folder) -> None:
    stage = Chrome(load(folder()), keep=frozenset(("share",)))
    patch = stage.propose(document("x\nshare me\ny"))
    assert (patch.edits, [e.note for e in patch.spared]) == ((), ["kept class"])


def test_the_longest_span_wins_then_the_smallest_id(folder) -> None:
    folder(RULE.replace('find = "line"', 'find = "tail"\nwithin = 2'), "any/z.toml")
    folder(RULE, "any/b.toml")
    patch = Chrome(load(folder(RULE, "any/a.toml"))).propose(document("x\nshare me\ny"))
    assert [(e.rule, e.before) for e in patch.edits] == [("z/thing", "share me\ny")]
    patch = Chrome(load(folder(RULE, "any/z.toml"))).propose(document("x\nshare me\ny"))
    assert [e.rule for e in patch.edits] == ["a/thing"]
    assert [(e.rule, e.note) for e in patch.spared] == [("b/thing", "overlap"), ("z/thing", "overlap")]


def test_of_two_equal_spans_the_surer_rule_has_the_credit(folder) -> None:
    folder(RULE.replace('find = "line"', 'find = "line"\nconfidence = "low"'), "any/a.toml")
    patch = Chrome(load(folder(RULE, "any/b.toml")), "strict").propose(document("x\nshare me\ny"))
    assert [e.rule for e in patch.edits] == ["b/thing"]


def test_code_is_left_alone(folder) -> None:
    d = document("x\nshare me", hints=(Hint("p"), Hint("article/pre")))
    assert Chrome(load(folder())).propose(d).edits == ()
    assert Chrome(load(folder())).propose(document("x\nshare me", hints=(Hint("p"), Hint("article/p")))).edits


# ---- laws, over a set of invented rules of every kind

ALL_KINDS = """
[phrase]
why = "x"
class = "share"
find = "line"
words = ["a"]
removes = ["[-a-]"]
keeps = ["x"]
source = "x"

[row]
why = "x"
class = "follow"
find = "cluster"
least = 3
words = ["a", "b", "c"]
removes = ["[-a\\nb\\nc-]"]
keeps = ["b"]
source = "x"

[near]
why = "x"
class = "meta"
find = "line"
match = "d+"
beside = { within = 2, side = "after", words = ["e"], class = ["share", "nav"] }
removes = ["[-d-]\\ne"]
keeps = ["d"]
source = "x"

[top]
why = "x"
class = "nav"
find = "head"
within = 2
words = ["f"]
removes = ["[-f-]"]
keeps = ["g"]
source = "x"

[end]
why = "x"
class = "comment-form"
find = "tail"
within = 3
match = "g.*"
removes = ["[-g-]"]
keeps = ["f"]
source = "x"

[soft]
why = "x"
class = "related"
find = "line"
words = ["b", "h"]
confidence = "low"
removes = ["[-h-]"]
keeps = ["x"]
source = "x"

[within]
why = "x"
class = "media"
find = "inline"
match = "x(y+)"
removes = ["x[-y-]"]
keeps = ["y"]
source = "x"

[first-lines]
why = "x"
class = "meta"
find = "line"
edge = "head"
within = 2
words = ["e"]
removes = ["[-e-]"]
keeps = ["x"]
source = "x"
"""


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Rules:
    folder = tmp_path_factory.mktemp("kinds") / "rules"
    (folder / "any").mkdir(parents=True)
    (folder / "any/kinds.toml").write_text(ALL_KINDS, encoding="utf-8")
    return load(folder)


LONG = "words that stay " * 40
PAGES = st.lists(
    st.sampled_from(["a", "b", "c", "d", "dd", "e", "f", "g", "g h", "h", "xyyx xy", "", " ", "stay", LONG]),
    max_size=16,
)


@settings(max_examples=400, deadline=None)
@given(PAGES.map("\n".join), st.sampled_from(["careful", "strict"]), st.randoms(use_true_random=False))
def test_edits_invert_settle_and_do_not_depend_on_the_order_of_rules(
    kinds: Rules, text: str, profile: str, random
) -> None:
    stage = Chrome(kinds, profile)
    patch = stage.propose(document(text))
    once = document(text) + patch
    assert once.undo().text == text
    assert all(text[e.start : e.stop] == e.before for e in patch.spared)
    shuffled = Rules(())
    shuffled.all = tuple(random.sample(kinds.all, len(kinds)))
    assert Chrome(shuffled, profile).propose(document(text)).edits == patch.edits
    if "suspect" not in patch.labels and not any(e.rule == "kinds/within" for e in patch.edits):
        assert stage.propose(once).edits == ()


def test_linear_in_a_hostile_text(kinds: Rules) -> None:
    import time

    def seconds(n: int) -> float:
        text = "\n".join(["a", "b", "d", "e", "h", "xy" * 5] * n)
        start = time.process_time()
        Chrome(kinds, "strict").propose(document(text))
        return time.process_time() - start

    seconds(10)
    assert seconds(8000) < 12 * max(seconds(2000), 0.02)  # four times the text; a square would take sixteen


LONG_PAGES = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c", "d", "e", "f", "g", "h", "stay", LONG]), st.integers(1, 80)), max_size=8
)


@settings(max_examples=150, deadline=None)
@given(LONG_PAGES, st.sampled_from(["careful", "strict"]), st.booleans())
def test_no_flag_is_missing_when_flags_have_settled(kinds: Rules, blocks, profile: str, upside_down: bool) -> None:
    """However far a chain of lines that wait for each other runs, and in either direction."""
    lines = [line for line, times in blocks for _ in range(times)]
    lines = lines[::-1] if upside_down else lines
    asks = Asks(kinds.all, profile, frozenset())  # type: ignore[arg-type]
    lookup = Matcher(kinds).lookup(frozenset(range(len(kinds))))
    places: dict[int, list[int]] = {}
    contexts: dict[int, set[int]] = {}
    for k, (found, wanted) in lookup.among(lines):
        for n in found:
            places.setdefault(n, []).append(k)
        for n in wanted:
            contexts.setdefault(n, set()).add(k)
    flags = Flags(asks, len(lines), places, contexts)
    missing = [
        (k, n)
        for n, found in places.items()
        for k in found
        if n not in flags.by.get(k, ()) and flags.trusted(k, n) and flags.holds(k, n)
    ]
    assert missing == []
