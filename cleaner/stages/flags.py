"""Which lines of a page go: flags raised on lines until no flag is added.

A line that goes lets its neighbours move together and may be the context that another rule waits for, never the
other way round: what must hold for a flag can only become true. So there is one smallest set of flags, whatever the
order of looking, and a line is looked at again only when one near it has gone.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence

from cleaner.rules import REACH
from cleaner.stages.asks import Ask, Asks, Sure

STEPS = 64  # lines looked at to one side, removed ones included: bounds the work where a whole menu has gone
assert STEPS > REACH


class Flags:
    """The flags of one page. Positions count the lines that are not blank, from 0 to ``size``.

    ``found`` holds the positions, in order, of the lines that each rule matches, ``contexts`` those that a rule may
    stand beside, ``sure`` the lines that go whatever stands around them. ``by`` then holds the rules that remove each
    flagged line, ``swept`` the position that a rule sweeps from. With ``sweeping`` off no rule sweeps.
    """

    def __init__(
        self,
        asks: Asks,
        size: int,
        found: Mapping[int, Sequence[int]],
        contexts: Mapping[int, set[int]],
        sure: Iterable[tuple[int, Sure]] = (),
        *,
        sweeping: bool = True,
    ) -> None:
        self.asks, self.size, self.contexts, self.sweeping = asks.all, size, contexts, sweeping
        self.by: dict[int, frozenset[int]] = {}
        self.swept: dict[int, int] = {}
        self.doubted: dict[int, list[int]] = {}  # position -> rules found there that have to wait, or never remove
        self._stays = bytearray(b"\0" + b"\1" * size + b"\0")  # by position + 1: 0 for a flagged line
        self._gone: dict[int, int] = {}  # position -> the classes whose rules remove it
        self._classes = 0  # all of them
        self._marks: dict[int, bytearray] = {}  # classes that are wanted -> where a line has gone as one of them
        self._sets: dict[int, set[int]] = {}  # rule of clusters -> where the lines of its set stand
        self._waiting: dict[int, list[int]] = {}  # position -> rules found there that may remove it
        self._hoped: set[int] = set()  # positions whose soft rules may remove
        self._hopeful: set[int] = set()  # those that became so of late
        for k, (rules, bits) in sure:
            self.by[k], self._gone[k], self._stays[k + 1] = rules, bits, 0
            self._classes |= bits
        self._begin(asks, found)
        if self._waiting or self.doubted:
            self._settle()

    # What a rule asks. Removed lines do not add to a distance.

    def _edge(self, k: int, ask: Ask) -> bool:
        """Whether a line stands among the outermost at one edge of the text, removed lines not counted."""
        if ask.edge < 0:
            return k <= STEPS and self._stays.count(1, 0, k + 1) < ask.within
        return self.size - 1 - k <= STEPS and self._stays.count(1, k + 2) < ask.within

    def _run(self, k: int, n: int, least: int) -> bool:
        """Whether the adjacent lines that are of rule n's set, this one included, are as many as it takes."""
        places, stays = self._sets[n], self._stays
        if len(places) < least or (stays[k] and stays[k + 2] and k - 1 not in places and k + 1 not in places):
            return False
        count = 1
        for around in (range(k - 1, max(-1, k - 1 - STEPS), -1), range(k + 1, min(self.size, k + 1 + STEPS))):
            for at in around:
                if at in places:
                    count += 1
                    if count >= least:
                        return True
                elif stays[at + 1]:
                    break
        return False

    def _beside(self, k: int, n: int, ask: Ask) -> bool:
        if n in self.contexts:
            return self._near_context(k, self.contexts[n], ask)
        if not ask.wanted & self._classes:
            return False
        stays, marks = self._stays, self._marked(ask.wanted)
        for step in ask.sides:
            at = k + 1
            if step < 0:
                stop = max(0, k - STEPS)  # what lies from here on is looked at
                for _ in range(ask.reach):
                    if (at := stays.rfind(1, stop + 1, at)) < 0:
                        at = stop
                        break
                if marks.find(1, at + 1, k + 1) >= 0:
                    return True
            else:
                stop = min(self.size, k + 1 + STEPS)
                for _ in range(ask.reach):
                    if (at := stays.find(1, at + 1, stop + 1)) < 0:
                        at = stop + 1
                        break
                if marks.find(1, k + 2, at) >= 0:
                    return True
        return False

    def _marked(self, wanted: int) -> bytearray:
        """Give, by position + 1, the lines that have gone as one of some classes."""
        if wanted not in self._marks:
            marks = self._marks[wanted] = bytearray(self.size + 2)
            for k, bits in self._gone.items():
                if bits & wanted:
                    marks[k + 1] = 1
        return self._marks[wanted]

    def _near_context(self, k: int, places: set[int], ask: Ask) -> bool:
        wanted, gone = ask.wanted, self._gone
        for step in ask.sides:
            left = ask.reach
            stop = max(-1, k - 1 - STEPS) if step < 0 else min(self.size, k + 1 + STEPS)
            for at in range(k + step, stop, step):
                if at in places:
                    return True
                bits = gone.get(at)
                if bits is None:
                    left -= 1
                    if not left:
                        break
                elif bits & wanted:
                    return True
        return False

    def _surrounded(self, k: int) -> bool:
        """Whether the lines right above and below have gone (the text's edge counts, but not twice)."""
        return self.size > 1 and not self._stays[k] and not self._stays[k + 2]

    def holds(self, k: int, n: int) -> bool:
        """Whether rule n's conditions hold for the line at position k, its confidence aside."""
        ask = self.asks[n]
        if ask.edge and not self._edge(k, ask):
            return False
        if ask.least and not self._run(k, n, ask.least):
            return False
        return not ask.sides or self._beside(k, n, ask)

    def trusted(self, k: int, n: int) -> bool:
        """Whether a rule whose conditions hold may remove: its class, the budget, its confidence."""
        ask = self.asks[n]
        if ask.kept or (ask.sweeps and not self.sweeping):
            return False
        return not ask.soft or (not ask.alone and self._surrounded(k))

    def doubts(self) -> Iterator[tuple[int, int]]:
        """Yield position and rule where a rule's conditions hold and it may not remove; flagged lines are left out."""
        cuts: dict[tuple[int, int], int] = {}
        by, stays, contexts, classes, last = self.by, self._stays, self.contexts, self._classes, self.size - 1
        for k, rules in self.doubted.items():
            if k in by:
                continue
            for n in rules:
                ask = self.asks[n]
                _, _, _, _, edge, within, least, _, sides, reach, wanted, _ = ask
                if (
                    sides
                    and n not in contexts
                    and not (
                        wanted & classes and (reach > 1 or not (stays[k + 1 + sides[0]] and stays[k + 1 + sides[-1]]))
                    )
                ):
                    continue
                if edge:
                    where = edge, within
                    if where not in cuts:
                        cuts[where] = _cut(stays, edge, within)
                    if (k if edge < 0 else last - k) > cuts[where]:
                        continue
                runs = not least or self._run(k, n, least)
                if runs and (not sides or self._beside(k, n, ask)) and not self.trusted(k, n):
                    yield k, n

    # Flagging.

    def _begin(self, asks: Asks, found: Mapping[int, Sequence[int]]) -> None:
        """Flag what asks for nothing, and let wait what may come to hold."""
        for n, places in found.items():
            ask = self.asks[n]
            if ask.plain:
                for k in places:
                    self._flag(k, n, ask.bit)
            elif ask.least:
                self._sets[n] = set(places)
        may = asks.possible(found, self.contexts, self._classes)
        possible = [n for n in found if n in may and not self.asks[n].plain]
        cuts: dict[tuple[int, int], int] = {}
        stays = self._unmatched(found, possible)
        for n in possible:
            ask, places = self.asks[n], found[n]
            if ask.edge:
                where = ask.edge, ask.within
                if where not in cuts:
                    cuts[where] = _cut(stays, *where)
                far = cuts[where]
                places = (
                    places[: bisect_right(places, far)]
                    if ask.edge < 0
                    else places[bisect_left(places, self.size - 1 - far) :]
                )
            waits = self.doubted if self._doubtful(ask) else self._waiting
            for k in places:
                if k in waits:
                    waits[k].append(n)
                else:
                    waits[k] = [n]

    def _unmatched(self, found: Mapping[int, Sequence[int]], possible: Iterable[int]) -> bytearray:
        """Mark, by position + 1, the lines that will stay whatever goes: no rule that may remove matches them."""
        stays = self._stays[:]
        for n in possible:
            if self.asks[n].sweeps:
                return bytearray(self.size + 2)
            for k in found[n]:
                stays[k + 1] = 0
        return stays

    def _doubtful(self, ask: Ask) -> bool:
        """Whether a rule has to wait for the lines around, or never removes."""
        return ask.soft or ask.kept or (ask.sweeps and not self.sweeping)

    def _settle(self) -> None:
        waiting, doubted, stays, asks = self._waiting, self.doubted, self._stays, self.asks
        if self.by:
            for k in doubted:
                if not stays[k] and not stays[k + 2]:
                    self._hope(k)
        positions = sorted(waiting.keys() | doubted.keys())
        queue = [k for k in positions if k in waiting]
        backwards = False
        while queue:
            touched: list[int] = []
            self._hopeful.clear()
            for k in queue:
                for n in self._ready(k):
                    waiting[k].remove(n)
                    touched.append(k)
                    for at in self._takes(k, n):
                        self._flag(at, n, asks[n].bit)
                        for side in (at - 1, at + 1) if doubted else ():
                            if side in doubted:
                                self._hope(side)
            if not touched:
                break
            # Lines ahead that were looked at have been so after the flag. Every other time backwards, and a chain of
            # lines that wait for each other goes at once in one of the two directions.
            touched.sort()
            behind, ahead = _near(positions, touched, -STEPS, 0), _near(positions, touched, 0, STEPS)
            if backwards:
                behind, ahead = ahead, behind
            again = behind | ahead.difference(queue) | self._hopeful
            backwards = not backwards
            queue = sorted([k for k in again if waiting.get(k)], reverse=backwards)

    def _ready(self, k: int) -> list[int]:
        """Give the rules that wait at a position and whose conditions hold: ``holds``, in one go."""
        asks, stays, contexts, classes, found = self.asks, self._stays, self.contexts, self._classes, []
        for n in self._waiting[k]:
            ask = asks[n]
            _, _, _, _, edge, _, least, _, sides, reach, wanted, _ = ask
            # Told at a glance: nothing of what it wants beside has gone, or no line right beside.
            if (
                sides
                and n not in contexts
                and not (wanted & classes and (reach > 1 or not (stays[k + 1 + sides[0]] and stays[k + 1 + sides[-1]])))
            ):
                continue
            if (edge and not self._edge(k, ask)) or (least and not self._run(k, n, least)):
                continue
            if not sides or self._beside(k, n, ask):
                found.append(n)
        return found

    def _hope(self, k: int) -> None:
        """Let the soft rules of a line wait like others once the lines around it have gone."""
        if k not in self._hoped and self._surrounded(k):
            self._hoped.add(k)
            self._hopeful.add(k)
            self._waiting.setdefault(k, []).extend(n for n in self.doubted[k] if self.trusted(k, n))

    def _flag(self, k: int, n: int, bit: int) -> None:
        self.by[k] = self.by[k] | {n} if k in self.by else frozenset((n,))
        self._stays[k + 1] = 0
        self._gone[k] = self._gone.get(k, 0) | bit
        self._classes |= bit
        for wanted, marks in self._marks.items():
            if bit & wanted:
                marks[k + 1] = 1

    def _takes(self, k: int, n: int) -> Iterable[int]:
        if not self.asks[n].sweeps:
            return (k,)
        if self.asks[n].edge < 0:
            self.swept[n] = max(k, self.swept.get(n, k))
            return range(k + 1)
        self.swept[n] = min(k, self.swept.get(n, k))
        return range(k, self.size)


def _cut(stays: bytearray, edge: int, within: int) -> int:
    """Give how far from an edge a line may stand to be among the outermost of those that stay."""
    stays = stays if edge < 0 else stays[::-1]
    at = 0
    for _ in range(within):
        at = stays.find(1, at + 1)
        if at < 0:
            return STEPS
    return min(at - 1, STEPS)


def _near(positions: Sequence[int], touched: Sequence[int], first: int, last: int) -> set[int]:
    """Give those of the positions that lie from ``first`` to ``last`` lines behind a touched one; both in order."""
    found: set[int] = set()
    start = stop = touched[0]
    for k in touched:
        if k + first > stop + last:
            found.update(positions[bisect_left(positions, start + first) : bisect_right(positions, stop + last)])
            start = k
        stop = k
    found.update(positions[bisect_left(positions, start + first) : bisect_right(positions, stop + last)])
    return found
