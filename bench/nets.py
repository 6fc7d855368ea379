"""Train a ``cleaner.blocks.net.Net``, kept in a folder by what it was made of. Needs torch.

One thread and a seed: the same PyTorch on the same data gives the same bytes.
"""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from fits import stamp
from torch import nn
from torch.nn import functional

from cleaner.blocks.net import BARE, FAR, MOST_WORDS, PAGE_AFTER, STEPS, Net

RATE, DECAY = 3e-3, 0.02
WIDTH, DROP, DROP_INPUT = 64, 0.3, 0.15
LONGEST, TOGETHER = 600, 6000  # blocks of a page that are seen at once; of all pages in one step
BLANK = 0.3  # the chance that a page is seen without its class names
SMALLEST = 5.0  # words: what a page of none at all loses by one
MOST_LOST = 20.0  # of one page, so that no odd one leads


class Seen(NamedTuple):
    """A page as it is learned from: ``rows`` is (blocks, inputs), the next three (blocks,); ``share`` is its weight."""

    rows: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    words: np.ndarray
    share: float = 1.0


class Layers(nn.Module):
    """The layers of a ``Net``, with what keeps them from learning pages by heart."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.enter = nn.Linear(inputs, WIDTH)
        self.turns = nn.ModuleList([nn.Conv1d(WIDTH, WIDTH, 3, padding=step, dilation=step) for step in STEPS])
        self.page = nn.Linear(2 * WIDTH, WIDTH)
        self.leave, self.out = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 1)

    def forward(self, x, there, words):
        """Give the log-odds of (pages, blocks); ``there`` tells blocks from what fills a page up."""
        each = there[..., None]
        h = functional.relu(self.enter(functional.dropout(x, DROP_INPUT, self.training)))
        weights = (words.clamp(max=MOST_WORDS) + BARE) * there
        weights = (weights / weights.sum(1, keepdim=True))[..., None]
        for n, turn in enumerate(self.turns):
            near = functional.layer_norm(h, (WIDTH,)) * each
            h = h + functional.dropout(functional.relu(turn(near.transpose(1, 2)).transpose(1, 2)), DROP, self.training)
            if n == PAGE_AFTER:
                most = h.masked_fill(each == 0, -torch.inf).max(1).values
                h = h + functional.relu(self.page(torch.cat(((h * weights).sum(1), most), 1)))[:, None]
        h = functional.dropout(functional.relu(self.leave(functional.layer_norm(h, (WIDTH,)))), DROP, self.training)
        return self.out(h)[..., 0]

    def exported(self, mean, scale) -> Net:
        def with_bias(weight, bias):
            return np.concatenate((weight.detach().numpy(), bias.detach().numpy()[None])).astype(np.float32)

        def linear(layer):
            return with_bias(layer.weight.T, layer.bias)

        turns = np.stack([with_bias(t.weight.permute(2, 1, 0).reshape(3 * WIDTH, WIDTH), t.bias) for t in self.turns])
        layers = (linear(self.enter), turns, linear(self.page), linear(self.leave), linear(self.out))
        return Net(mean, scale, *(layer.astype(np.float16).astype(np.float32) for layer in layers))


def steps(pages: Sequence[Seen], rng) -> list[list[int]]:
    """Put pages of about one length together."""
    sizes = [min(len(page.rows), LONGEST) for page in pages]
    made: list[list[int]] = [[]]
    for i in sorted(range(len(pages)), key=lambda i: sizes[i] + rng.random() * LONGEST / 10):
        if made[-1] and max(sizes[j] for j in (*made[-1], i)) * (len(made[-1]) + 1) > TOGETHER:
            made.append([])
        made[-1].append(i)
    rng.shuffle(made)
    return made


def filled(pages: Sequence[np.ndarray]):
    made = np.zeros((len(pages), max(map(len, pages)), *pages[0].shape[1:]), np.float32)
    for n, values in enumerate(pages):
        made[n, : len(values)] = values
    return torch.from_numpy(made)


def part(page: Seen, named, rng) -> Seen:
    start = int(rng.integers(len(page.rows) - LONGEST)) if len(page.rows) > LONGEST else 0
    some = Seen(*(values[start : start + LONGEST] for values in page[:4]), page.share)
    if rng.random() >= BLANK:
        return some
    rows = some.rows.copy()
    rows[:, named] = 0
    return some._replace(rows=rows)


def lost(layers: Layers, pages: Sequence[Seen], mean, scale):
    """Half of what is lost counts blocks, by their weight; half is what is missing of a word-F1 of 1."""
    x = filled([np.clip((page.rows - mean) / scale, -FAR, FAR) for page in pages])
    target, weight, words = (filled([page[n] for page in pages]) for n in (1, 2, 3))
    there = filled([np.ones(len(page.rows), np.float32) for page in pages])
    odds = layers(x, there, words)
    each = functional.binary_cross_entropy_with_logits(odds, target, reduction="none") * weight
    blocks = each.sum(1).clamp(max=MOST_LOST)
    chance = torch.sigmoid(odds) * words
    hits, sizes = (chance * target).sum(1), chance.sum(1) + (words * target).sum(1)
    shares = torch.tensor([page.share for page in pages])
    return ((blocks + 1 - (2 * hits + SMALLEST) / (sizes + SMALLEST)) / 2 * shares).sum() / shares.sum()


def trained(pages: Sequence[Seen], named, rounds: int) -> Net:
    """Train on pages; ``named`` are the columns that tell class names. Give the mean of the layers' last states."""
    torch.set_num_threads(1)
    torch.manual_seed(1)
    rng = np.random.default_rng(1)
    rows = np.concatenate([page.rows[::5] for page in pages])
    mean, scale = rows.mean(0, dtype=np.float64).astype(np.float32), rows.std(0, dtype=np.float64).astype(np.float32)
    scale += np.float32(1e-3)
    layers = Layers(rows.shape[1])
    optimizer = torch.optim.AdamW(layers.parameters(), lr=RATE, weight_decay=DECAY)
    plan = [steps(pages, rng) for _ in range(rounds)]
    rates = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, sum(map(len, plan)), pct_start=0.15)
    means = [p.detach().clone() for p in layers.parameters()]
    layers.train()
    for at, step in enumerate(step for made in plan for step in made):
        optimizer.zero_grad()
        lost(layers, [part(pages[i], named, rng) for i in step], mean, scale).backward()
        nn.utils.clip_grad_norm_(layers.parameters(), 1.0)
        optimizer.step()
        rates.step()
        share = min(0.99, (at + 1) / (at + 11))
        with torch.no_grad():
            for held, p in zip(means, layers.parameters(), strict=True):
                held.mul_(share).add_(p, alpha=1 - share)
    with torch.no_grad():
        for held, p in zip(means, layers.parameters(), strict=True):
            p.copy_(held)
    net = layers.eval().exported(mean, scale)
    page = max(pages[:50], key=lambda page: len(page.rows))
    with torch.no_grad():
        x = filled([np.clip((page.rows - mean) / scale, -FAR, FAR)])
        told = layers(x, torch.ones(1, len(page.rows)), torch.from_numpy(page.words)[None])[0].numpy()
    assert np.allclose(net(page.rows, page.words), told, atol=0.05), "weights are kept as half floats"
    return net


class Job(NamedTuple):
    name: str
    pages: Sequence[Seen]
    rounds: int


def nets(folder: Path, jobs: Sequence[Job], named) -> list[Net]:
    """Give a net for each job, from the folder where it was made before of the same; two are trained at once."""
    code = Path(__file__).read_bytes() + torch.__version__.encode()
    paths = []
    for name, pages, rounds in jobs:
        held = (np.ascontiguousarray(values).tobytes() for page in pages for values in page[:4])
        shares = np.array([page.share for page in pages]).tobytes()
        paths.append(folder / f"{name}.{stamp(code, *held, shares, repr((named, rounds)).encode())}.pkl")
    _todo[:] = [(path, job, named) for path, job in zip(paths, jobs, strict=True) if not path.exists()]
    with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as pool:  # forks share the pages, which are large
        list(pool.map(_do, range(len(_todo))))
    return [pickle.loads(path.read_bytes()) for path in paths]


_todo: list[tuple[Path, Job, Sequence[int]]] = []


def _do(n: int) -> None:
    path, job, named = _todo[n]
    path.write_bytes(pickle.dumps(trained(job.pages, named, job.rounds)))
    print(f"{job.name}: {len(job.pages)} pages", flush=True)
