"""A candidate's share of the traffic of two: itself and the primary, at the time a leg was assigned.

An arm carries its own version's part of the live traffic. With two versions the other one has the rest; when a manual
split names more, the other's part is looked up among those seen lately.
"""

from __future__ import annotations

from collections.abc import Iterable

from proxy.contracts.record import ArmTick

REMEMBERED = 64
"""Different parts kept for each side; a ramp has a few dozen steps. When full the oldest is forgotten."""

NEAR = 1e-6


class Shares:
    """Finds w = c / (c + p) for a leg whose arm says c (the candidate) or p (the primary)."""

    __slots__ = ("_canary", "_primary")

    def __init__(self) -> None:
        self._canary: dict[float, None] = {}
        self._primary: dict[float, None] = {}

    def update(self, canary: Iterable[ArmTick], primary: Iterable[ArmTick]) -> None:
        """Remembers the parts that the arms of one tick carry."""
        for known, arms in ((self._canary, canary), (self._primary, primary)):
            for arm in arms:
                known.pop(arm.share, None)
                known[arm.share] = None
                if len(known) > REMEMBERED:
                    del known[next(iter(known))]

    def of_canary(self, part: float) -> float:
        """The candidate's share of the two when its own part was `part`."""
        other = _other(part, self._primary)
        return part / (part + other) if part + other > 0 else 0.0

    def of_primary(self, part: float) -> float:
        """The candidate's share of the two when the primary's part was `part`."""
        other = _other(part, self._canary)
        return other / (part + other) if part + other > 0 else 0.0


def _other(part: float, known: dict[float, None]) -> float:
    rest = max(1.0 - part, 0.0)
    if any(abs(share - rest) < NEAR for share in known):
        return rest
    return next((share for share in reversed(known) if 0.0 < share < rest), rest)
