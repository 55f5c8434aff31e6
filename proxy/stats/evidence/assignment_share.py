"""A candidate's share of the traffic of two: itself and the primary, at the time a leg was assigned.

An arm carries its own version's part of the live traffic. With two versions the other one has the rest; when a manual
split names more, the other's part is looked up among those seen lately. A shadow's part counts copies beside the live
requests, so of (copies + primary's requests) it has s / (s + p). A request that is bad for both is then two dependent
events, with a factor of at most one for it: (1+s)(1+2sρ−s) / (1+sρ)² = 1 − s²(ρ−1)² / (1+sρ)², so the tests stay valid.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from proxy.contracts.record import ArmTick
from proxy.stats.state import Stateful

REMEMBERED = 64
"""Different parts kept for each side; a ramp has a few dozen steps. When full the oldest is forgotten."""

NEAR = 1e-6


class Side(NamedTuple):
    """An arm of one tick, whose it is, and the candidate's share w of the two when its legs were assigned."""

    arm: ArmTick
    candidate: bool
    share: float


class AssignmentShares(Stateful):
    """Finds w = c / (c + p) for legs whose arm says c (the candidate) or p (the primary)."""

    __slots__ = ("_candidate", "_primary", "_shadow")

    def __init__(self) -> None:
        self._candidate: dict[float, None] = {}
        self._primary: dict[float, None] = {}
        self._shadow = 0.0

    def sides(self, arms: Iterable[ArmTick], candidate: str | None, primary: str) -> list[Side]:
        """The arms of one tick that say something about `candidate` against `primary`, by assignment; no rescues.

        A candidate that was promoted is alone: there is nothing to hold it against but absolute limits.
        """
        if candidate == primary:
            return [Side(arm, True, 1.0) for arm in arms if arm.version == primary and arm.role == "primary"]
        mine = [arm for arm in arms if arm.version == candidate and arm.role == "canary"]
        copies = [arm for arm in arms if arm.version == candidate and arm.role == "shadow"]
        theirs = [arm for arm in arms if arm.version == primary and arm.role == "primary"]
        _remember(self._candidate, mine)
        _remember(self._primary, theirs)
        if mine or copies:
            self._shadow = copies[-1].share if copies else 0.0
        return [
            *[Side(arm, False, self.of_primary(arm.share)) for arm in theirs],
            *[Side(arm, True, self.of_canary(arm.share)) for arm in mine],
            *[Side(arm, True, self.of_shadow(arm.share)) for arm in copies],
        ]

    def of_canary(self, part: float) -> float:
        """The candidate's share of the two when its own part was `part`."""
        return _share(part, _other(part, self._primary))

    def of_primary(self, part: float) -> float:
        """The candidate's share of the two when the primary's part was `part`; copies count while they are made."""
        return _share(self._shadow, part) if self._shadow else self.of_live_primary(part)

    def of_live_primary(self, part: float) -> float:
        """The candidate's share of the two in live requests, when the primary's part was `part`."""
        return _share(_other(part, self._candidate), part)

    def of_shadow(self, part: float) -> float:
        """The candidate's share of the two when copies of a part `part` of the requests were made for it."""
        return _share(part, next(reversed(self._primary), 1.0))


def _remember(known: dict[float, None], arms: Iterable[ArmTick]) -> None:
    for arm in arms:
        known.pop(arm.share, None)
        known[arm.share] = None
        if len(known) > REMEMBERED:
            del known[next(iter(known))]


def _share(mine: float, other: float) -> float:
    return mine / (mine + other) if mine + other > 0 else 0.0


def _other(part: float, known: dict[float, None]) -> float:
    rest = max(1.0 - part, 0.0)
    if any(abs(share - rest) < NEAR for share in known):
        return rest
    return next((share for share in reversed(known) if 0.0 < share < rest), rest)
