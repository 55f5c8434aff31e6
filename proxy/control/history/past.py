"""The history with its file: what came in is stored in batches, in a thread, and answers are read from both.

A file that cannot be used, or whose disk hangs, harms nothing: steps stay in memory as long as there is room, answers
are of memory, and a warning says why. A clock of its own says when to try again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeVar

from proxy.contracts.operation import HistoryKept
from proxy.contracts.record import Tick
from proxy.control.containment import contained
from proxy.control.disk_thread import DiskHangsError, DiskThread
from proxy.control.engine import Engine
from proxy.control.history.archive import ArchiveError, StepArchive
from proxy.control.history.keeping import History, Part
from proxy.control.history.shelf import Block
from proxy.control.history.steps import TimeStep
from proxy.control.history.tiers import MINUTES, SECONDS, TIERS, Tier
from proxy.stats.board import Board

log = logging.getLogger("penumbra.history")

WRITE_SECONDS = 2.0
"""Seconds between two writes: what a kill takes beside the second that is under way."""
TRIM_SECONDS = 60.0
"""Seconds between two looks for steps that are too old."""
PATIENCE = 10.0
"""Seconds until a file that could not be used is tried again."""
MARGIN = 120.0
"""Seconds that steps are kept beyond what is said, so that an answer about just so long has them from its beginning."""
ENDING = ".history"
"""What the file is called after the name of the state file."""

T = TypeVar("T")


def file_of(state: str) -> str:
    """The path of the file beside a state file; "": there is none."""
    return "" if state == ":memory:" else state + ENDING


class Past:
    """`on_tick` for each tick, `look` several times a second in a running loop. `path`: of the file; "": there is none.

    - `history`: None while the configuration says that none is kept
    - `faults`: why it is not stored, by route
    """

    def __init__(self, engine: Engine, board: Board, path: str, disk: DiskThread | None = None) -> None:
        self._engine, self._board, self._path = engine, board, path
        self.history: History | None = None
        self.faults: dict[str, str] = {}
        self.errors = 0
        """Reads and writes of the file that failed. Monotone."""
        self._kept = HistoryKept()
        self._archive: StepArchive | None = None
        self._disk = disk or DiskThread()
        self._due = self._trimmed = 0.0
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def use(self, kept: HistoryKept | None) -> None:
        """Keeps a history as configured, or none."""
        if kept is None:
            self.history = None
            self.faults.clear()
            return
        self._kept = kept
        if self.history is None:
            self.history = History(self._engine, self._board)
        if self._path and self._archive is None:
            self._archive = StepArchive(self._path, kept.disk)
        if self._archive is not None:
            self._archive.limit = kept.disk

    def on_tick(self, tick: Tick, now: float) -> None:
        """Counts a tick. `now`: seconds by the clock of durations."""
        if self.history is not None:
            self.history.on_tick(tick, now)

    def look(self, now: float) -> None:
        """Ends what is over, and begins to store it when it is time."""
        history = self.history
        if history is None:
            return
        history.look(now)
        if self._archive is None:
            for step, before in self._oldest(history.until).items():
                history.shelf.let_go(step, int(before))
        elif now >= self._due and (self._task is None or self._task.done()):
            self._due = now + WRITE_SECONDS
            self._task = asyncio.get_running_loop().create_task(self.store(now))

    async def close(self, now: float) -> None:
        """Stores what there is, that of the second under way included."""
        history, archive = self.history, self._archive
        if self._task is not None:
            await asyncio.wait([self._task])
        if history is not None:
            history.seal(now)
            await self.store(now)
        if archive is not None:
            with suppress(DiskHangsError):
                await self._disk.call(archive.close)

    # -- storing

    async def store(self, now: float) -> None:
        """Stores what has come, in a thread; takes up an earlier process's blocks first."""
        history, archive = self.history, self._archive
        if history is None or archive is None:
            return
        history.look(now)
        async with self._turn:
            with contained("storing the history"):
                try:
                    await self._store(history, archive, now)
                except _UNUSABLE as error:
                    self._fail(str(error), now)

    async def _store(self, history: History, archive: StepArchive, now: float) -> None:
        self._disk.look()
        if not history.has_past:
            await self._take_up(history, archive, now)
        if now >= self._trimmed + TRIM_SECONDS:
            self._trimmed = now
            await self._disk.call(partial(archive.trim, self._oldest(now)))
        for batch in history.shelf.batches():
            await self._disk.call(partial(_write, archive, batch, history.under_way(), now))
        history.forget_stored()
        if self.faults:
            log.info("the history is stored again")
        self.faults.clear()

    async def _take_up(self, history: History, archive: StepArchive, now: float) -> None:
        history.joins = False
        try:
            blocks = await self._disk.call(partial(archive.begin, int(self._engine.keeper.unix(now)), now))
            history.take_up(blocks)
        finally:
            history.joins = True

    def _oldest(self, now: float) -> dict[int, float]:
        short, long = now - self._kept.seconds - MARGIN, now - self._kept.minutes - MARGIN
        return {tier.step: short if tier.step < MINUTES.step else long for tier in TIERS}

    def _fail(self, why: str, now: float) -> None:
        self.errors += 1
        self._due = now + PATIENCE
        if not self.faults:
            log.warning("the history is not stored: %s", why)
        fault = f"the history is kept in memory only, as far as there is room: {why}"
        self.faults.clear()
        self.faults.update(dict.fromkeys(self._engine.routes, fault))

    # -- reading

    async def read(self, route: str, start: int, end: int, tier: Tier, make: Callable[[list[TimeStep]], T]) -> T:
        """What `make` makes of the steps of a route, in a thread: some thousand take a tenth of a second. Needs a
        history."""
        history = self.history
        assert history is not None
        async with self._turn:
            parts = history.parts(start, end, tier)
            archive = self._archive if history.has_past and not self.faults and not self.hangs else None
            opened = history.opened(route)
            if archive is not None:
                held = history.held(route, parts, unstored=True)
                try:
                    return await self._disk.call(
                        partial(_made, archive, route, parts, held, opened, (start, end), make)
                    )
                except _UNUSABLE as error:
                    self._fail(str(error), self._due)
            held = history.held(route, parts, unstored=False)
            return await asyncio.to_thread(_made, None, route, parts, held, opened, (start, end), make)

    @property
    def hangs(self) -> bool:
        """Whether the disk has been given up, and has still not come back."""
        return self._disk.hangs

    @property
    def until(self) -> int:
        """Unix seconds up to which steps are whole."""
        return self.history.until if self.history is not None else 0

    def seconds_from(self, now: float) -> float:
        """Unix seconds from which on there are steps of a second: as configured, or as far as memory goes. `now`: Unix
        seconds."""
        kept = now - self._kept.seconds - MARGIN / 2
        if self.history is None or (self._archive is not None and not self.faults):
            return kept
        return max(kept, self.history.shelf.gone[SECONDS.step])

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._archive.size if self._archive is not None else 0

    @property
    def memory(self) -> int:
        """Bytes of the blocks in memory."""
        return self.history.shelf.size if self.history is not None else 0

    def bounds_reached(self) -> dict[str, int]:
        """As of `History`, and blocks that went because the file was full. Monotone."""
        own = self.history.bounds_reached() if self.history is not None else {}
        return own | {"history_disk": self._archive.let_go if self._archive is not None else 0}


_UNUSABLE = (ArchiveError, DiskHangsError)


def _write(archive: StepArchive, blocks: Sequence[Block], opened: Iterable[Block], now: float) -> None:
    """Stores blocks. They are marked here: what is written after it was given up must not be written again."""
    archive.write(blocks, opened, now)
    for block in blocks:
        block.stored = True


def _made(
    archive: StepArchive | None,
    route: str,
    parts: Iterable[Part],
    held: list[Block],
    opened: list[TimeStep],
    within: tuple[int, int],
    make: Callable[[list[TimeStep]], T],
) -> T:
    stored = [block for tier, a, b in parts for block in archive.read(tier.step, route, a, b)] if archive else []
    return make(steps_of((*stored, *held), opened, *within))


def steps_of(blocks: Iterable[Block], opened: list[TimeStep], start: int, end: int) -> list[TimeStep]:
    """The steps of blocks in a range; a block that cannot be read has none."""
    found: list[TimeStep] = []
    for block in blocks:
        try:
            found += block.steps()
        except ValueError:
            log.warning("%s: a block of the history cannot be read", block.route)
    return [step for step in (*found, *opened) if start <= step.start < end]
