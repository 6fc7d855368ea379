"""What the rules of a set ask of a page, worked out once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cleaner.rules import Rule
from cleaner.stages import Profile

_SIDES = {"before": (-1,), "after": (1,), "either": (-1, 1)}


class Ask(NamedTuple):
    """What one rule asks of a page, worked out once: ``Rule`` with its words, texts and patterns left out."""

    plain: bool  # it asks nothing of what stands around, and so goes wherever it is found
    kept: bool  # its class stays
    sweeps: bool
    soft: bool  # it waits for its neighbours
    edge: int  # -1: the head, 1: the tail, 0: anywhere
    within: int
    least: int  # lines of its set in a cluster; 0: it needs no cluster
    bit: int  # its class
    sides: tuple[int, ...]  # to which it looks for what it wants beside; none: it wants nothing
    reach: int
    wanted: int  # the classes it wants beside
    alone: bool  # neighbours that have gone do not help it


def _ask(rule: Rule, profile: Profile, keep: frozenset[str], bits: Mapping[str, int]) -> Ask:
    kept, sweeps, beside = rule.cls in keep, rule.sweeps, rule.beside
    edge = rule.find if sweeps else rule.edge
    return Ask(
        plain=not (rule.low or beside or rule.edge or rule.find != "line" or kept),
        kept=kept,
        sweeps=sweeps,
        soft=rule.low and profile != "strict",
        edge=-1 if edge == "head" else 1 if edge else 0,
        within=rule.within,
        least=rule.least if rule.find == "cluster" else 0,
        bit=bits[rule.cls],
        sides=_SIDES[beside.side] if beside else (),
        reach=beside.within if beside else 0,
        wanted=sum({bits[cls] for cls in beside.classes}) if beside else 0,
        alone=rule.find == "inline",
    )


class Asks:
    """What the rules of a set ask, by their numbers."""

    def __init__(self, rules: Sequence[Rule], profile: Profile, keep: frozenset[str]) -> None:
        bits: dict[str, int] = {}
        for rule in rules:
            for cls in (rule.cls, *(rule.beside.classes if rule.beside else ())):
                bits.setdefault(cls, 1 << len(bits))
        self.all = tuple(_ask(rule, profile, keep, bits) for rule in rules)

    def possible(
        self, found: Mapping[int, Sequence[int]], contexts: Mapping[int, set[int]], classes: int
    ) -> frozenset[int]:
        """Give the rules that may get what they ask for: lines enough, and what they want beside.

        That is a line they know, or one of a class that goes: of ``classes``, or of a rule that may get what it asks.
        """
        asks, left = self.all, []
        possible: set[int] = set()
        for n, at in found.items():
            ask = asks[n]
            if ask.sides and n not in contexts:
                left.append(n)
            elif len(at) >= ask.least:
                possible.add(n)
                classes |= ask.bit
        while more := [n for n in left if asks[n].wanted & classes and len(found[n]) >= asks[n].least]:
            possible.update(more)
            for n in more:
                classes |= asks[n].bit
            left = [n for n in left if n not in possible]
        return frozenset(possible)


class Sure(NamedTuple):
    """The rules that remove a line whatever stands around it, and their classes."""

    rules: frozenset[int]
    bits: int
