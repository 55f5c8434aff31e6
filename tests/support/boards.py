"""Boards with one watched route, and ticks for them."""

from __future__ import annotations

from typing import Any

from proxy.contracts.record import ArmTick, Tick
from proxy.contracts.settings import Guard
from proxy.contracts.table import Role
from proxy.stats.board import Board

GUARD = Guard()
ROUTE = "cancer"


def arm(role: Role, version: str, ok: int = 0, bad: int = 0, share: float = 0.1, **more: Any) -> ArmTick:
    """The counts of one arm: `ok` answers of 200, `bad` of 503."""
    codes = {code: n for code, n in (("200", ok), ("503", bad)) if n}
    return ArmTick(ROUTE, version, role, share, codes=codes, **more)


def tick(*arms: ArmTick, seq: int = 1, **more: Any) -> Tick:
    """A tick of one worker."""
    return Tick(worker=0, incarnation="a", seq=seq, revision=1, arms=list(arms), **more)


def watched(guard: Guard = GUARD, candidate: str = "v2") -> Board:
    """A board with one route, and a candidate that is judged by `guard`."""
    board = Board()
    board.watch(ROUTE, (candidate,) if candidate else (), "v1", guard, "oip", 0.0)
    return board
