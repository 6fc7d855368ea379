"""What a second pass looks at: means of scores over what stands around each block, weighed by words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleaner.blocks.features import Table, features
from cleaner.blocks.second import around
from cleaner.blocks.tree import tree

PAGE = (
    "<nav><ul><li>Home<li>News<li>Shop</ul></nav>"
    "<main><h1>The ferry</h1><p>It left before dawn, and nobody slept.<p>The captain said nothing.</main>"
    "<footer><p>All rights</footer>"
)
# Columns: odds, 4 neighbours, 6 stretches, 5 levels, 2 paths, before, behind, 5 parts, most, rank, 5 of the page; then,
# of what the other keeps: itself, 6 stretches, 5 levels, 2 paths, before, 5 of the page.
STRETCHES, LEVELS, PATHS, BEFORE, BEHIND, RANK = range(5, 11), range(11, 16), (16, 17), 18, 19, 26
TOLD, TOLD_MEANS = 32, range(33, 46)
NOBODY = np.zeros(7, bool)


def table() -> Table:
    return features(tree(PAGE))


@given(st.lists(st.floats(0, 1, width=32), min_size=7, max_size=7))
def test_means_are_what_a_plain_count_gives(given: list[float]) -> None:
    page, scores = table(), np.array(given, np.float32)
    weights = page.words.astype(float) + 0.2
    made = around(page, scores, NOBODY)

    def mean(chosen: list[int]) -> float:
        return float((scores[chosen] * weights[chosen]).sum() / weights[chosen].sum()) if chosen else 0.0

    for n in range(7):
        wanted = [mean([k for k in range(7) if 0 < side * (k - n) <= far]) for far in (2, 5, 15) for side in (-1, 1)]
        assert made[n, STRETCHES] == pytest.approx(wanted, abs=1e-5)
        spans = [mean(list(range(*page.spans[level, :, n]))) for level in range(5)]
        assert made[n, LEVELS] == pytest.approx(spans, abs=1e-5)
        same = [mean([k for k in range(7) if page.paths[p, k] == page.paths[p, n]]) for p in range(2)]
        assert made[n, PATHS] == pytest.approx(same, abs=1e-5)
    total = float((scores * weights).sum())
    own = scores * weights / max(total, 1e-6)
    assert made[:, BEFORE] + made[:, BEHIND] + own == pytest.approx(min(1.0, total / 1e-6), abs=1e-4)
    assert made[int(scores.argmin()), RANK] <= 1 + 1e-6


def test_list_items_share_a_path_and_paragraphs_of_another_element_do_not() -> None:
    page = table()
    own = page.paths[0].tolist()
    assert own[0] == own[1] == own[2]
    assert own[4] == own[5] != own[6]


def test_what_another_extractor_keeps_is_counted_as_scores_are() -> None:
    page = table()
    told = np.array([0, 0, 0, 0, 1, 1, 0], bool)
    scores = np.where(told, 0.9, 0.1).astype(np.float32)
    made = around(page, scores, told)
    assert made.shape == (7, 52)
    assert made[:, TOLD].tolist() == told.tolist()
    assert made[:, TOLD_MEANS] == pytest.approx(around(page, told.astype(np.float32), told)[:, 5:18], abs=1e-6)


def test_no_score_and_nobody_s_opinion_are_finite() -> None:
    page, none = table(), np.zeros(7, np.float32)
    for scores in (none, none + 1):
        for told in (NOBODY, ~NOBODY):
            assert np.isfinite(around(page, scores, told)).all()
    one = features(tree("<p>Alone."))
    assert np.isfinite(around(one, np.array([0.5], np.float32), np.array([True]))).all()
