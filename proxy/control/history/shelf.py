"""Blocks of steps in memory: those that are not stored yet, and as many of the newest as have room.

Bounded by `MAX_BYTES` in all. When it is full the oldest block of the finest tier goes first, of those that no longer
step is still to be made of; one that was not stored is lost then, and counted: its stretch is a gap in short steps, and
is still in the longer ones.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from math import inf

from msgspec import Struct

from proxy.control.history.steps import TimeStep, unpacked
from proxy.control.history.tiers import TIERS

MAX_BYTES = 3 << 20
"""Bytes of all blocks: ten routes with three versions make 3 KB a second, so a quarter of an hour without a disk."""

BATCH_BYTES = 64 << 10
"""Bytes that are stored at once: the smallest file has room for them once it has let go of its oldest steps."""

OVERHEAD = 250
"""Bytes that a block takes besides its body: its objects, and its places in two containers."""


class Block(Struct):
    """Steps of one route in one tier."""

    step: int
    route: str
    start: int
    body: bytes
    stored: bool = False

    def steps(self) -> list[TimeStep]:
        """What is in it. Raises ValueError on what is no block."""
        return unpacked(self.body)


class Shelf:
    """The blocks, in order of time by tier."""

    __slots__ = ("_bytes", "_newest", "_tiers", "gone", "lost")

    def __init__(self) -> None:
        self._tiers: dict[int, deque[Block]] = {tier.step: deque() for tier in TIERS}
        self._bytes = self._newest = 0
        self.gone = {tier.step: 0 for tier in TIERS}
        """By tier Unix seconds before which blocks have gone from memory."""
        self.lost = 0
        """Blocks that went before they were stored. Monotone."""

    @property
    def size(self) -> int:
        """Bytes that are taken."""
        return self._bytes

    def put(self, block: Block) -> None:
        """Takes the newest block of its tier."""
        self._tiers[block.step].append(block)
        self._newest = max(self._newest, block.start)
        self._bytes += len(block.body) + OVERHEAD
        while self._bytes > MAX_BYTES:
            self._drop()

    def _drop(self) -> None:
        # A tier keeps what it has while a finer one has anything that no longer step is still to be made of.
        spare = (blocks for tier, blocks in self._tiers.items() if blocks and blocks[0].start < self._needed_from(tier))
        blocks = next(spare, None) or next(blocks for blocks in self._tiers.values() if blocks)
        self.lost += not self._pop(blocks).stored

    def _needed_from(self, step: int) -> float:
        longer = next((tier.step for tier in TIERS if tier.step > step), None)
        return self._newest - 2 * longer if longer else inf

    def _pop(self, blocks: deque[Block]) -> Block:
        block = blocks.popleft()
        self._bytes -= len(block.body) + OVERHEAD
        self.gone[block.step] = block.start + 1
        return block

    def get(self, step: int, route: str, start: int, end: int) -> list[Block]:
        """The blocks of a route in a tier that begin from `start` on and before `end`."""
        return [b for b in self._tiers[step] if start <= b.start < end and b.route == route]

    def all(self, step: int, start: int, end: int) -> list[Block]:
        """The blocks of all routes in a tier, likewise."""
        return [b for b in self._tiers[step] if start <= b.start < end]

    def unstored(self) -> Iterator[Block]:
        """The blocks that are to be stored, oldest first in each tier."""
        return (block for blocks in self._tiers.values() for block in blocks if not block.stored)

    def batches(self) -> Iterator[list[Block]]:
        """The blocks that are to be stored in parts of about `BATCH_BYTES`, in the same order; at least one part."""
        batch: list[Block] = []
        size = 0
        for block in [*self.unstored()]:
            if size > BATCH_BYTES:
                yield batch
                batch, size = [], 0
            batch.append(block)
            size += len(block.body)
        yield batch

    def take_up(self, blocks: Iterable[Block]) -> None:
        """Takes blocks that are older than all others of their tier, in order of time."""
        for block in reversed(list(blocks)):
            self._tiers[block.step].appendleft(block)
            self._bytes += len(block.body) + OVERHEAD

    def let_go(self, step: int, before: int, stored: bool = False) -> None:
        """Drops the blocks of a tier that begin before `before`; `stored`: up to the first that is not stored."""
        blocks = self._tiers[step]
        while blocks and blocks[0].start < before and (blocks[0].stored or not stored):
            self._pop(blocks)
