"""Assignment probabilities (propensities): whose leg it is, and the candidate's share of the requests of the two.

The two are the candidate and its reference: the baseline where the route has one, else the primary. An arm carries its
own version's part of the live traffic. With two versions the other one has the rest. With more, the other's part is
looked up among those of late: the newest one that leaves what a third arm had. A shadow's part counts copies beside
the live requests, so of (copies + primary's requests) it has s / (s + p). A request that is bad for both is then two
dependent events, with a factor of at most one for it: (1+s)(1+2sρ−s) / (1+sρ)² = 1 − s²(ρ−1)² / (1+sρ)², so the tests
stay valid.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from proxy.contracts.record import ArmTick
from proxy.contracts.table import LIVE_ROLES, Role
from proxy.stats.state import Stateful

MAX_PARTS = 64
"""Different parts of the traffic kept for each version; a ramp has a few dozen steps. When full the oldest goes,
counted (`forgotten`); late legs from beside it take the newest part that fits."""

SAME_PART = 1e-6
"""Parts that differ by less are one: they are sums of floats."""


class Assignment(NamedTuple):
    """Whose leg it is, what it was for, and the candidate's share w of the requests of the two when it was assigned."""

    candidate: bool
    """The candidate's leg; otherwise the reference's own."""
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
    """Finds w = c / (c + r) for legs whose arm says c (the candidate) or r (its reference).

    - `baseline`: the reference in place of `primary`. Copies are then evidence of pairs alone: the candidate's load is
      not the baseline's while it gets them.
    - `role`: the role of the candidate's live legs; `baseline` where a baseline itself is judged

    A candidate that was promoted is alone: there is nothing to hold it against but absolute limits, and w is 1.
    """

    __slots__ = (
        "_candidate",
        "_candidate_parts",
        "_other_parts",
        "_primary",
        "_reference",
        "_reference_parts",
        "_role",
        "_shadow_part",
        "_three",
        "forgotten",
        "reference_role",
    )
    CONFIGURATION = ("_candidate", "_primary", "_reference", "_role", "_three", "forgotten", "reference_role")

    def __init__(self, candidate: str | None, primary: str, baseline: str | None = None, role: Role = "canary") -> None:
        self._candidate, self._primary, self._role = candidate, primary, role
        self._reference = baseline or primary
        self.reference_role: Role = "baseline" if baseline else "primary"
        """The role of the reference's legs."""
        self._three = baseline is not None or role == "baseline"
        self._candidate_parts: dict[float, None] = {}
        self._reference_parts: dict[float, None] = {}
        self._other_parts: dict[float, None] = {}
        self._shadow_part = 0.0
        self.forgotten = 0
        """Parts that went because `MAX_PARTS` were kept."""

    def update(self, arms: Iterable[ArmTick]) -> list[AssignedArm]:
        """Learns the parts of one tick's arms; those that say something about the two, the reference's first."""
        seen, arms = list(arms), []
        for arm in seen:
            if self._is_assigned(arm.version, arm.role):
                arms.append(arm)
            elif arm.role in LIVE_ROLES:
                self._remember(self._other_parts, (arm,))
        mine = [arm for arm in arms if arm.role == self._role]
        copies = [arm for arm in arms if arm.role == "shadow"]
        self._remember(self._candidate_parts, mine)
        self._remember(self._reference_parts, (arm for arm in arms if arm.role == self.reference_role))
        if mine or copies:
            self._shadow_part = copies[-1].share if copies else 0.0
        assigned = [AssignedArm(arm, self._assignment(arm.role, arm.share)) for arm in arms]
        return sorted(assigned, key=lambda each: (each.whose.candidate, each.whose.role))

    def get(self, version: str, role: Role, part: float) -> Assignment | None:
        """The assignment of a leg of `version`, whose part of the traffic was `part`; None where it says nothing about
        the two (another version, a rescue, a noise copy)."""
        return self._assignment(role, part) if self._is_assigned(version, role) else None

    def of_pair(self, version: str, role: Role) -> Assignment | None:
        """The assignment of a leg that says nothing about the two by itself, beside a baseline, and yet something in a
        pair: a copy, and the primary's answer to the same request. No share of live requests: it is no chance that
        brought them together."""
        if self.reference_role == "primary":
            return None
        if version == self._candidate and role == "shadow":
            return Assignment(True, role, 0.0, 0.0)
        return Assignment(False, role, 0.0, 0.0) if version == self._primary and role == "primary" else None

    def _is_assigned(self, version: str, role: Role) -> bool:
        if version == self._reference:
            return role == self.reference_role
        return version == self._candidate and (role == self._role or (role == "shadow" and not self._three))

    def _assignment(self, role: Role, part: float) -> Assignment:
        if self._candidate == self._reference:
            return Assignment(True, role, 1.0, 1.0)
        if role == self._role:
            share = _share(part, self._part_beside(part, self._reference_parts))
            return Assignment(True, role, share, share)
        if role == "shadow":
            return Assignment(True, role, _share(part, next(reversed(self._reference_parts), 1.0)), 0.0)
        live = _share(self._part_beside(part, self._candidate_parts), part)
        # Copies count while they are made.
        return Assignment(False, role, _share(self._shadow_part, part) if self._shadow_part else live, live)

    def _remember(self, parts: dict[float, None], arms: Iterable[ArmTick]) -> None:
        for arm in arms:
            parts.pop(arm.share, None)
            parts[arm.share] = None
            if len(parts) > MAX_PARTS:
                del parts[next(iter(parts))]
                self.forgotten += 1

    def _part_beside(self, part: float, parts: dict[float, None]) -> float:
        """The other one's part while one of the two had `part`; 0 where there are three, and it was not seen yet."""
        rest = max(1.0 - part, 0.0)
        if not self._three and any(abs(other - rest) < SAME_PART for other in parts):
            return rest
        fitting = (other for other in reversed(parts) if self._is_other(rest - other))
        newest = (other for other in reversed(parts) if 0.0 < other < rest)
        return next(fitting, next(newest, 0.0 if self._three else rest))

    def _is_other(self, part: float) -> bool:
        return any(abs(part - third) < SAME_PART for third in self._other_parts)


def _share(mine: float, other: float) -> float:
    return mine / (mine + other) if mine + other > 0 else 0.0
