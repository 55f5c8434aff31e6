"""Assignment probabilities (propensities): whose leg it is, and the candidate's share of the requests of the two.

An arm carries its own version's part of the live traffic. With two versions the other one has the rest; when a manual
split names more, the other's part is looked up among those of late. A shadow's part counts copies beside the live
requests, so of (copies + primary's requests) it has s / (s + p). A request that is bad for both is then two dependent
events, with a factor of at most one for it: (1+s)(1+2sρ−s) / (1+sρ)² = 1 − s²(ρ−1)² / (1+sρ)², so the tests stay valid.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from proxy.contracts.record import ArmTick
from proxy.contracts.table import Role
from proxy.stats.state import Stateful

MAX_PARTS = 64
"""Different parts of the traffic kept for each version; a ramp has a few dozen steps. When full the oldest goes,
counted (`forgotten`); late legs from beside it take the newest part that fits."""

SAME_PART = 1e-6
"""Parts that differ by less are one: they are sums of floats."""


class Assignment(NamedTuple):
    """Whose leg it is, what it was for, and the candidate's share w of the requests of the two when it was assigned."""

    candidate: bool
    """The candidate's leg; otherwise the primary's own."""
    role: Role
    share: float
    """Of live requests and copies together."""
    live_share: float
    """Of live requests alone; 0 for a copy, which is none."""


class AssignedArm(NamedTuple):
    """An arm of one tick with its assignment."""

    arm: ArmTick
    whose: Assignment


class AssignmentShares(Stateful):
    """Finds w = c / (c + p) for legs whose arm says c (the candidate) or p (the primary).

    A candidate that was promoted is alone: there is nothing to hold it against but absolute limits, and w is 1.
    """

    __slots__ = ("_candidate", "_candidate_parts", "_primary", "_primary_parts", "_shadow_part", "forgotten")
    CONFIGURATION = ("_candidate", "_primary", "forgotten")

    def __init__(self, candidate: str | None, primary: str) -> None:
        self._candidate, self._primary = candidate, primary
        self._candidate_parts: dict[float, None] = {}
        self._primary_parts: dict[float, None] = {}
        self._shadow_part = 0.0
        self.forgotten = 0
        """Parts that went because `MAX_PARTS` were kept."""

    def update(self, arms: Iterable[ArmTick]) -> list[AssignedArm]:
        """Learns the parts of one tick's arms; those that say something about the two, the primary's first."""
        arms = [arm for arm in arms if self._is_assigned(arm.version, arm.role)]
        mine = [arm for arm in arms if arm.role == "canary"]
        copies = [arm for arm in arms if arm.role == "shadow"]
        self._remember(self._candidate_parts, mine)
        self._remember(self._primary_parts, (arm for arm in arms if arm.role == "primary"))
        if mine or copies:
            self._shadow_part = copies[-1].share if copies else 0.0
        assigned = [AssignedArm(arm, self._assignment(arm.role, arm.share)) for arm in arms]
        return sorted(assigned, key=lambda each: (each.whose.candidate, each.whose.role))

    def get(self, version: str, role: Role, part: float) -> Assignment | None:
        """The assignment of a leg of `version`, whose part of the traffic was `part`; None where it says nothing about
        the two (another version, a rescue, a noise copy)."""
        return self._assignment(role, part) if self._is_assigned(version, role) else None

    def _is_assigned(self, version: str, role: Role) -> bool:
        if version == self._primary:
            return role == "primary"
        return version == self._candidate and role in ("canary", "shadow")

    def _assignment(self, role: Role, part: float) -> Assignment:
        if self._candidate == self._primary:
            return Assignment(True, role, 1.0, 1.0)
        if role == "canary":
            share = _share(part, _other(part, self._primary_parts))
            return Assignment(True, role, share, share)
        if role == "shadow":
            return Assignment(True, role, _share(part, next(reversed(self._primary_parts), 1.0)), 0.0)
        live = _share(_other(part, self._candidate_parts), part)
        # Copies count while they are made.
        return Assignment(False, role, _share(self._shadow_part, part) if self._shadow_part else live, live)

    def _remember(self, parts: dict[float, None], arms: Iterable[ArmTick]) -> None:
        for arm in arms:
            parts.pop(arm.share, None)
            parts[arm.share] = None
            if len(parts) > MAX_PARTS:
                del parts[next(iter(parts))]
                self.forgotten += 1


def _share(mine: float, other: float) -> float:
    return mine / (mine + other) if mine + other > 0 else 0.0


def _other(part: float, parts: dict[float, None]) -> float:
    rest = max(1.0 - part, 0.0)
    if any(abs(share - rest) < SAME_PART for share in parts):
        return rest
    return next((share for share in reversed(parts) if 0.0 < share < rest), rest)
