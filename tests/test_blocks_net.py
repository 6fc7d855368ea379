"""The network over a page's blocks: what it gives, and what it looks at."""

from __future__ import annotations

import numpy as np
import pytest

from cleaner.blocks.characters import Floats
from cleaner.blocks.net import BARE, FAR, MOST_WORDS, PAGE_AFTER, STEPS, Net

INPUTS, WIDTH = 7, 5


@pytest.fixture
def net() -> Net:
    rng = np.random.default_rng(3)

    def some(*shape: int) -> Floats:
        return rng.normal(size=shape).astype(np.float32)

    return Net(
        some(INPUTS), np.abs(some(INPUTS)) + 1, some(INPUTS + 1, WIDTH), some(len(STEPS), 3 * WIDTH + 1, WIDTH),
        some(2 * WIDTH + 1, WIDTH), some(WIDTH + 1, WIDTH), some(WIDTH + 1, 1),
    )  # fmt: skip


def page(blocks: int) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(blocks)
    return rng.normal(size=(blocks, INPUTS)).astype(np.float32), rng.integers(0, 900, blocks).astype(np.float32)


def slowly(net: Net, rows: Floats, words: Floats) -> Floats:
    """Give the same, block by block, in double precision."""

    def layer(values: object, held: Floats) -> Floats:
        return np.maximum(np.append(values, 1.0) @ held.astype(float), 0)

    def normal(values: Floats) -> Floats:
        return (values - values.mean()) / np.sqrt(values.var() + 1e-5)

    h = [layer(np.clip((row - net.mean) / net.scale, -FAR, FAR), net.enter) for row in rows.astype(float)]
    weights = np.minimum(words.astype(float), MOST_WORDS) + BARE
    nothing = np.zeros(WIDTH)
    for n, step in enumerate(STEPS):
        own = [normal(each) for each in h]
        near = [own[i] if 0 <= i < len(own) else nothing for i in range(-step, len(own) + step)]
        h = [h[i] + layer((near[i], near[i + step], near[i + 2 * step]), net.turns[n]) for i in range(len(h))]
        if n == PAGE_AFTER:
            told = layer((np.average(h, axis=0, weights=weights), np.max(h, axis=0)), net.page)
            h = [each + told for each in h]
    return np.array([(np.append(layer(normal(each), net.leave), 1.0) @ net.out)[0] for each in h])


@pytest.mark.parametrize("blocks", [1, 2, 9, 15, 16, 17, 70])
def test_it_gives_what_its_layers_say(net: Net, blocks: int) -> None:
    rows, words = page(blocks)
    assert np.allclose(net(rows, words), slowly(net, rows, words), rtol=1e-3, atol=1e-3)


def test_beyond_its_neighbours_a_block_knows_the_page_alone(net: Net) -> None:
    rows, words = page(60)
    alone = net._replace(page=np.zeros_like(net.page))
    other = rows.copy()
    other[:20] = 0
    far = slice(20 + sum(STEPS), 60)
    assert np.array_equal(alone(rows, words)[far], alone(other, words)[far])
    assert not np.array_equal(alone(rows, words)[20], alone(other, words)[20])
    assert not np.allclose(net(rows, words)[far], net(other, words)[far])


def test_what_it_gives_of_a_page_leaves_the_page_as_it_was(net: Net) -> None:
    rows, words = page(20)
    held = rows.copy(), words.copy()
    first, second = net(rows, words), net(rows, words)
    assert np.array_equal(first, second)
    assert np.array_equal(rows, held[0])
    assert np.array_equal(words, held[1])


def test_values_without_bounds_are_bounded(net: Net) -> None:
    rows, words = page(8)
    rows[3, 2], rows[4, 1] = 1e30, -1e30
    words[0] = 1e9
    assert np.isfinite(net(rows, words)).all()
