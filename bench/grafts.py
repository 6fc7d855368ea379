"""Pages made of other pages, on trees of blocks: an article with another page’s posts below it as comments, with cards
as related pages, or shortened.

Benchmarks of main text have few articles with comments, and forums whose posts are content: a model that is trained on
them keeps comments. Made pages show both sides. What is grafted is chrome, whatever it was where it came from.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from cleaner.blocks.tree import Tree

NUMBERS = re.compile(r"\d+")
COMMENTS = ("comments comments-area", "comments", "disqus_thread", "comment-section", "kommentare", "commentaires")
COMMENT_HEADS = ("12 comments", "Comments", "Leave a comment", "3 thoughts on this", "Discussion", "2 Kommentare")
RELATED = (
    "related-posts", "related_post_list", "related-post", "yarpp-related", "read-more also-like", "recommended",
    "more-stories", "recent-posts", "sidebar widget widget_recent_comments", "",
)  # fmt: skip
RELATED_HEADS = ("You may also like", "Related posts", "More to read", "Lire aussi", "Recent comments")
NO_SECTION = ("p", "ul", "ol", "table", "tr", "pre", "li", "h1", "h2")


class Donor(NamedTuple):
    tree: Tree
    items: list[int]  # elements of one kind


class Made(NamedTuple):
    """A made page: its tree, which of its blocks are content, and each block's place in the page it was made of."""

    tree: Tree
    target: np.ndarray
    source: np.ndarray  # -1: grafted


class Piece:
    """A part of a tree being written; elements count from its root, blocks from its first."""

    def __init__(self) -> None:
        self.tags, self.parents, self.names, self.spans = [], [], [], []
        self.texts, self.gaps, self.owners, self.links = [], [], [], []

    def element(self, tag: str, parent: int, names: str = "") -> int:
        self.tags.append(tag)
        self.parents.append(parent)
        self.names.append(names)
        self.spans.append([len(self.texts), len(self.texts)])
        return len(self.tags) - 1

    def block(self, owner: int, text: str) -> None:
        self.texts.append(text)
        self.gaps.append(2)
        self.owners.append(owner)
        self.links.append(0.0)
        self._extend(owner)

    def copy(self, page: Tree, root: int, parent: int, tag: str, rename) -> None:
        """Copy an element with all below it; ``tag`` replaces the root's unless it is empty."""
        moved: dict[int, int] = {}
        shift = len(self.texts) - page.firsts[root]
        for n in range(root, end(page, root)):
            mine = tag if n == root and tag else page.tags[n]
            at = self.element(mine, moved.get(page.parents[n], parent), rename(page.names[n], n == root))
            self.spans[at] = [page.firsts[n] + shift, page.lasts[n] + shift]
            moved[n] = at
        for n in range(page.firsts[root], page.lasts[root]):
            self.texts.append(page.texts[n])
            self.gaps.append(page.gaps[n])
            self.owners.append(moved[page.owners[n]])
            self.links.append(page.links[n])
        self._extend(parent)

    def _extend(self, at: int) -> None:
        while at >= 0:
            self.spans[at][1] = len(self.texts)
            at = self.parents[at]


def end(page: Tree, root: int) -> int:
    """Give the element after the last below ``root``."""
    n = root + 1
    while n < len(page.tags) and page.parents[n] >= root:
        n += 1
    return n


def repeated(page: Tree) -> list[list[int]]:
    """Give the elements that are children of one element, of one tag and one name; three at least."""
    groups: dict[tuple[int, str, str], list[int]] = {}
    for n in range(1, len(page.tags)):
        if page.firsts[n] < page.lasts[n]:
            groups.setdefault((page.parents[n], page.tags[n], NUMBERS.sub("", page.names[n])), []).append(n)
    return [group for group in groups.values() if len(group) >= 3]


def whole(page: Tree, root: int) -> bool:
    """Whether all blocks of an element belong to it or an element below it."""
    stop = end(page, root)
    return all(root <= page.owners[n] < stop for n in range(page.firsts[root], page.lasts[root]))


def posts(page: Tree, words: np.ndarray, target: np.ndarray) -> Donor:
    """Give the repeated elements that hold most of the page's content: a forum's posts."""
    sums = np.concatenate(([0], np.cumsum(words * target)))
    best: tuple[float, list[int]] = (60.0, [])
    for group in repeated(page):
        if sum(page.lasts[n] - page.firsts[n] for n in group) >= 2 * len(group):
            held = float(sum(sums[page.lasts[n]] - sums[page.firsts[n]] for n in group))
            best = max(best, (held, group), key=lambda one: one[0])
    return Donor(page, [n for n in best[1] if page.lasts[n] - page.firsts[n] <= 40 and whole(page, n)])


def cards(page: Tree, words: np.ndarray) -> Donor:
    """Give the repeated elements of a few words and blocks each that hold most words: a listing's cards."""
    sums = np.concatenate(([0], np.cumsum(words)))
    best: tuple[float, list[int]] = (0.0, [])
    for group in repeated(page):
        held = [float(sums[page.lasts[n]] - sums[page.firsts[n]]) for n in group]
        blocks = sum(page.lasts[n] - page.firsts[n] for n in group) / len(group)
        if 4 <= np.mean(held) <= 70 and blocks <= 8 and sum(held) > best[0] and all(whole(page, n) for n in group):
            best = (sum(held), group)
    return Donor(page, best[1])


def comments(rng: np.random.Generator, donor: Donor) -> Piece:
    style = str(rng.choice(["named", "named", "named", "bare", "kept"]))
    named = style == "named"
    piece = Piece()
    root = piece.element("div", -1, str(rng.choice(COMMENTS)) if named else "")
    if rng.random() < 0.8:
        head = piece.element(str(rng.choice(["h2", "h3", "h4", "div"])), root, "comments-title" if named else "")
        piece.block(head, str(rng.choice(COMMENT_HEADS)))
    holder = piece.element(str(rng.choice(["ol", "ul", "div", "section"])), root, "comment-list" if named else "")
    tag = str(rng.choice(["", "li", "article", "div"]))
    rename = {"named": comment_name, "bare": lambda *_: "", "kept": lambda names, _: names}[style]
    for _ in range(int(min(2 + rng.geometric(0.12), 40))):
        piece.copy(donor.tree, donor.items[rng.integers(len(donor.items))], holder, tag, rename)
    if rng.random() < 0.6:
        form = piece.element("div", root, "respond comment-respond" if named else "")
        piece.block(piece.element("h3", form), "Leave a reply")
        form = piece.element("form", form, "comment-form" if named else "")
        piece.block(piece.element("p", form), "Your address will not be shown. Fields that are needed are marked *")
    return piece


def comment_name(names: str, root: bool) -> str:
    if root:
        return "comment depth-1"
    if re.search("content|body|text|message|post", names):
        return "comment-content"
    return "comment-meta" if re.search("author|user|meta|date|time|avatar", names) else names


def related(rng: np.random.Generator, donor: Donor) -> Piece:
    style = str(rng.choice(["named", "named", "kept", "bare"]))
    piece = Piece()
    root = piece.element("div", -1, str(rng.choice(RELATED)) if style == "named" else "")
    if rng.random() < 0.85:
        head = piece.element(str(rng.choice(["h2", "h3", "h4", "div", "p"])), root)
        piece.block(head, str(rng.choice(RELATED_HEADS)))
    holder = piece.element(str(rng.choice(["ul", "div"])), root)
    start = int(rng.integers(len(donor.items)))
    rename = {
        "named": lambda names, top: "related-item" if top else names,
        "bare": lambda *_: "",
        "kept": lambda names, _: names,
    }[style]
    for k in range(int(rng.integers(2, 9))):
        item = donor.items[(start + k) % len(donor.items)]
        piece.copy(donor.tree, item, holder, str(rng.choice(["", "li"])), rename)
    return piece


def grafted(made: Made, piece: Piece, parent: int, at: int) -> Made:
    """Put a piece before block ``at``, as a child of an element that reaches there."""
    page, size = made.tree, len(piece.texts)
    over, n = set(), parent
    while n >= 0:
        over.add(n)
        n = page.parents[n]
    lasts = [last + size if last > at or n in over else last for n, last in enumerate(page.lasts)]
    firsts = [
        first + size if first > at or (first == at and n not in over and page.lasts[n] > at) else first
        for n, first in enumerate(page.firsts)
    ]
    base = len(page.tags)
    tree = replace(
        page,
        texts=page.texts[:at] + piece.texts + page.texts[at:], gaps=page.gaps[:at] + piece.gaps + page.gaps[at:],
        owners=page.owners[:at] + [n + base for n in piece.owners] + page.owners[at:],
        links=page.links[:at] + piece.links + page.links[at:], tags=page.tags + piece.tags,
        parents=page.parents + [parent if n < 0 else n + base for n in piece.parents],
        firsts=firsts + [first + at for first, _ in piece.spans], lasts=lasts + [last + at for _, last in piece.spans],
        names=page.names + piece.names, roles=page.roles + [""] * len(piece.tags),
    )  # fmt: skip
    return Made(tree, np.insert(made.target, at, [False] * size), np.insert(made.source, at, [-1] * size))


def shortened(rng: np.random.Generator, made: Made, words: np.ndarray) -> Made:
    """Leave of the content one stretch of 25 to 260 words, and the headline; all of the chrome."""
    page = made.tree
    content = np.flatnonzero(made.target & (words >= 8))
    if len(content) < 4:
        return made
    room, held = rng.uniform(25, 260), 0.0
    kept = []
    for n in content[int(rng.integers(0, max(1, len(content) // 3))) :]:
        if kept and held + words[n] > room:
            break
        kept.append(n)
        held += words[n]
    places = np.arange(len(words))
    head = np.array([page.tags[n] == "h1" for n in page.owners])
    stays = ~made.target | ((places >= kept[0]) & (places <= kept[-1])) | head
    sums = np.concatenate(([0], np.cumsum(stays)))
    some = np.flatnonzero(stays)
    tree = replace(
        page, texts=[page.texts[n] for n in some], gaps=[page.gaps[n] for n in some],
        owners=[page.owners[n] for n in some], links=[page.links[n] for n in some],
        firsts=sums[page.firsts].tolist(), lasts=sums[page.lasts].tolist(),
    )  # fmt: skip
    return Made(tree, made.target[stays], made.source[stays])


def place(rng: np.random.Generator, made: Made, words: np.ndarray) -> tuple[int, int]:
    """Choose where a section may stand: behind the main text, in its element or in the one around it."""
    page = made.tree
    held = np.concatenate(([0], np.cumsum(words * made.target)))
    every = np.concatenate(([0], np.cumsum(words)))
    firsts, lasts = np.array(page.firsts), np.array(page.lasts)
    fits = np.flatnonzero(held[lasts] - held[firsts] >= float(rng.choice([0.6, 0.8, 0.95])) * held[-1])
    at = int(fits[np.lexsort((-fits, (every[lasts] - every[firsts])[fits]))[0]])
    if page.tags[at] in NO_SECTION:
        at = max(0, page.parents[at])
    return page.parents[at] if rng.random() < 0.6 and at else at, page.lasts[at]


def make(page: Tree, words, target, steps: str, posts_of: Donor, cards_of: Donor, seed: int) -> Made:
    """Make a page: ``steps`` of s (shorten), r (related cards below), c (comments below)."""
    rng = np.random.default_rng(seed)
    made = Made(page, np.asarray(target, bool), np.arange(len(target)))
    for step in steps:
        now = np.where(made.source >= 0, np.asarray(words)[np.maximum(made.source, 0)], 0)
        if step == "s":
            made = shortened(rng, made, now)
        else:
            piece = comments(rng, posts_of) if step == "c" else related(rng, cards_of)
            made = grafted(made, piece, *place(rng, made, now))
    return made
