"""The door of the history: seconds become blocks, blocks longer steps, and answers are read from all of them.

    tick → gather ─┐ each second
    engine, board → gauges → step → block of ten seconds → shelf → archive
                                       └ joined: ten seconds → minute → ten minutes, each in its own block

- Steps are seconds of Unix time; they go on by the monotonic clock, so no step is longer or comes twice while this
  process lives, whatever becomes of the wall clock.
- Work is spread: `look` makes at most `MAX_JOINED_AT_ONCE` longer steps.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import pairwise

from proxy.contracts.record import Tick
from proxy.control.engine import Engine
from proxy.control.history.gather import MAX_ARMS, Gatherer
from proxy.control.history.gauges import Gauges
from proxy.control.history.marks import Marks
from proxy.control.history.shelf import Block, Shelf
from proxy.control.history.steps import TimeStep, encode, joined, packed, unpacked
from proxy.control.history.tiers import SECONDS, TENS, TIERS, Tier
from proxy.stats.board import Board

MAX_JOINED_AT_ONCE = 8
"""Longer steps that are made in one look: some half a millisecond each."""

ARMS_AT_LEAST = 3
"""Arms that a route is taken to have when it is decided which routes are followed."""


Part = tuple[Tier, int, int]
"""A tier, and a range of its blocks by their beginnings."""


class History:
    """`on_tick` for each tick, `look` several times a second."""

    def __init__(self, engine: Engine, board: Board) -> None:
        self._engine = engine
        self._gatherer, self._gauges, self.shelf = Gatherer(), Gauges(board), Shelf()
        self.marks = Marks(engine.audit)
        self._second: int | None = None
        self._open: dict[str, list[bytes]] = {}
        self._block = 0
        self._due: deque[tuple[Tier, str, int]] = deque()
        self._followed: dict[str, None] = {}
        self._routes: tuple[str, ...] = ()
        self.joins = True
        """Whether longer steps are made: not while an earlier process's are on their way."""
        self.has_past = False
        """Whether an earlier process's blocks were taken up."""
        self.room = MAX_ARMS
        """Arms that are followed at most."""
        self.until = 0
        """Unix seconds up to which steps are whole."""

    # -- what comes

    def on_tick(self, tick: Tick, now: float) -> None:
        """Counts a tick. `now`: seconds by the clock of durations."""
        self._move_to(now)
        self._gatherer.on_tick(tick, self._followed)

    def look(self, now: float) -> None:
        """Ends the second that is over, and makes longer steps where they are due."""
        self._move_to(now)
        for _ in range(min(MAX_JOINED_AT_ONCE, len(self._due)) if self.joins else 0):
            self._join(*self._due.popleft())

    def _move_to(self, now: float) -> None:
        second = int(self._engine.keeper.unix(now))
        if self._second is None:
            self._begin(second)
        elif second > self._second:
            self._end_second(now)
            self._second = second
            if second >= self._block + SECONDS.block:
                self._end_block(second)
        elif self._routes != tuple(self._engine.routes):
            self._follow()

    def _begin(self, second: int) -> None:
        self._second, self._block = second, second - second % SECONDS.block
        self._follow()

    def _follow(self) -> None:
        """Routes are followed in the order of the file, as far as there is room for their arms; then those that are no
        longer in it, for requests that are still under way on them."""
        self._routes = tuple(self._engine.routes)
        wanted, left = dict.fromkeys((*self._routes, *self._followed)), self.room
        self._followed = {}
        for name in wanted:
            left -= self._arms(name)
            if left < 0:
                return
            self._followed[name] = None

    def _arms(self, name: str) -> int:
        route = self._engine.routes.get(name)
        if route is None:
            return ARMS_AT_LEAST
        live = route.situation
        return max(len({route.state.primary, *live.split, *live.shadows, *live.candidates}), ARMS_AT_LEAST)

    def _end_second(self, now: float) -> None:
        self._follow()
        steps, second = self._gatherer.take(), self._second
        assert second is not None
        self.until = second + 1
        if steps is None:
            return
        self._gauges.look(self._followed)
        for name in {**self._followed, **steps}:
            route = self._engine.routes.get(name)
            if route is None and name not in steps:
                continue  # it is gone, and nothing is under way on it
            step = steps.get(name) or TimeStep(0, 1)
            step.start, step.seen = second, 1
            if route is not None:
                self._gauges.fill(step, route, now)
            self._open.setdefault(name, []).append(encode(step))

    def _end_block(self, second: int) -> None:
        for name, steps in self._open.items():
            self.shelf.put(Block(SECONDS.step, name, self._block, packed(steps)))
        for place, tier in enumerate(TIERS[1:], 1):
            start = self._block - self._block % tier.step
            if second < start + tier.step:
                break
            names = {b.route for finer in TIERS[:place] for b in self.shelf.all(finer.step, start, start + tier.step)}
            self._due.extend((tier, name, start) for name in sorted(names))
        self._open = {}
        self._block = second - second % SECONDS.block

    def _join(self, tier: Tier, route: str, start: int) -> None:
        finer = TIERS[TIERS.index(tier) - 1]
        blocks = self.shelf.get(finer.step, route, start, start + tier.step)
        for step in joined((each for block in blocks for each in block.steps()), tier.step):
            self.shelf.put(Block(tier.step, route, start, packed([encode(step)])))

    def seal(self, now: float) -> None:
        """Ends the second under way, and its block, before their time: the process ends."""
        self._move_to(now)
        if self._second is not None:
            self._end_second(now)
            self._end_block(self._second)

    def take_up(self, blocks: Iterable[Block]) -> None:
        """Takes blocks of an earlier process, of minutes and ten minutes that are not over yet."""
        self.shelf.take_up(blocks)
        self.has_past = True

    def under_way(self) -> list[Block]:
        """The block that is under way, of each route, as far as it has come."""
        return [Block(SECONDS.step, name, self._block, packed(steps)) for name, steps in self._open.items()]

    def forget_stored(self) -> None:
        """Lets go of blocks that are stored, and that no longer step is to be made of any more."""
        for finer, tier in pairwise(TIERS):
            self.shelf.let_go(finer.step, min(self.whole(tier), self._block - self._block % tier.step), stored=True)
        self.shelf.let_go(TENS.step, self._block, stored=True)

    # -- what is known

    def parts(self, start: int, end: int, tier: Tier) -> list[Part]:
        """Where the steps of a range are, in this tier, and where that is not made yet in finer ones."""
        found, cursor = [], start
        for each in reversed(TIERS[: TIERS.index(tier) + 1]):
            until = (
                end if each is SECONDS else min(end, self.whole(each))
            )  # an earlier process may have been in this block
            if until > cursor:
                found.append((each, cursor - cursor % each.block, until))
                cursor = until
        return found

    def held(self, route: str, parts: Iterable[Part], unstored: bool) -> list[Block]:
        """The blocks of a route in memory, or those of them that are not stored."""
        blocks = [block for tier, start, end in parts for block in self.shelf.get(tier.step, route, start, end)]
        return [block for block in blocks if not (unstored and block.stored)]

    def opened(self, route: str) -> list[TimeStep]:
        """The steps of the block that is under way."""
        steps = self._open.get(route)
        return unpacked(packed(steps)) if steps else []

    def whole(self, tier: Tier) -> int:
        """Unix seconds up to which there are blocks of a tier."""
        due = [start for each, _, start in self._due if each is tier]
        end = self._block if tier is SECONDS else self._block - self._block % tier.step
        return min([end, *due])

    def bounds_reached(self) -> dict[str, int]:
        """Counts of routes that are not followed, latencies without room, blocks that went unstored. Monotone."""
        return {
            "history_arms": self._gatherer.refused,
            "history_latencies": self._gatherer.untimed,
            "history_memory": self.shelf.lost,
        }
