"""Do two versions say the same about the same request: pairing of legs, and what a pair's difference is.

The reference is what the primary said (role primary or rescue); copies are shadows, and the noise copy that the
primary itself answered. Legs meet on (source, exchange). Whatever never meets is counted, by reason; nothing waits
longer than `PATIENCE`, and at most `CAPACITY` exchanges wait.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

from proxy.contracts.observation import Observation, Tensor

CAPACITY = 4096
"""Exchanges that wait for their other legs; when full the oldest goes and its copies count as unpaired."""

PATIENCE = 60.0
"""Seconds that a leg waits; longer than any leg lives with default timeouts."""

TOLERANCE = 0.05
"""Scores and numbers agree within this part of the larger one (or of 1 for scores between 0 and 1)."""

REFERENCES = frozenset(("primary", "rescue"))
COPIES = frozenset(("shadow", "noise"))


@dataclass(slots=True)
class Difference:
    """What a pair differs in. `flip`: the answer is another one. `shift`: mean absolute change of scores or numbers."""

    disagree: bool
    kind: str
    shift: float | None = None


@dataclass(slots=True)
class Tally:
    """Paired copies of one version: pairs, disagreements, by kind, and the shifts' sum."""

    pairs: int = 0
    disagreements: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    shifted: float = 0.0
    shifts: int = 0

    def update(self, difference: Difference) -> None:
        """Counts one pair."""
        self.pairs += 1
        self.disagreements += difference.disagree
        self.kinds[difference.kind] += 1
        if difference.shift is not None:
            self.shifted += difference.shift
            self.shifts += 1

    @property
    def ratio(self) -> float | None:
        """Disagreements per pair, or None without pairs."""
        return self.disagreements / self.pairs if self.pairs else None


@dataclass(slots=True)
class Waiting:
    """The legs of one exchange that have arrived."""

    since: float
    reference: Observation | None = None
    copies: list[Observation] = field(default_factory=list)


Key = tuple[tuple[int, str], int]
NONE: list[tuple[Observation, Observation]] = []


class Pairing:
    """Brings the legs of an exchange together, in whatever order they arrive."""

    __slots__ = ("_capacity", "_order", "_waiting", "unpaired")

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._waiting: dict[Key, Waiting] = {}
        # A dict that is emptied from its front is slow to iterate, so the order of arrival is kept beside it.
        self._order: deque[Key] = deque()
        self._capacity = capacity
        self.unpaired: Counter[str] = Counter()

    def update(self, seen: Observation, now: float) -> list[tuple[Observation, Observation]]:
        """The pairs (reference, copy) that `seen` completes."""
        role = seen.role
        if role in COPIES:
            waiting = self._place((seen.source, seen.exchange), now)
            if waiting.reference is not None:
                return [(waiting.reference, seen)]
            waiting.copies.append(seen)
        elif role in REFERENCES:
            waiting = self._place((seen.source, seen.exchange), now)
            waiting.reference = seen
            if waiting.copies:
                pairs = [(seen, copy) for copy in waiting.copies]
                waiting.copies = []
                return pairs
        return NONE

    def expire(self, now: float) -> None:
        """Gives up on what waited too long."""
        while self._order and now - self._waiting[self._order[0]].since >= PATIENCE:
            self._give_up("late")

    def _place(self, key: Key, now: float) -> Waiting:
        waiting = self._waiting.get(key)
        if waiting is None:
            if len(self._order) >= self._capacity:
                self._give_up("crowded")
            waiting = self._waiting[key] = Waiting(now)
            self._order.append(key)
        return waiting

    def _give_up(self, reason: str) -> None:
        left = self._waiting.pop(self._order.popleft())
        if left.copies:
            self.unpaired[reason] += len(left.copies)


def compare(reference: Observation, copy: Observation) -> Difference | None:
    """How `copy` differs from `reference`; None when the reference failed, which says nothing about the copy."""
    if not reference.answered:
        return None
    if not copy.answered:
        return Difference(True, "status")
    if not reference.outputs or not copy.outputs:
        return None
    theirs = {tensor.name: tensor for tensor in copy.outputs}
    differences = [compare_tensors(mine, theirs.get(mine.name)) for mine in reference.outputs]
    return next((found for found in differences if found.disagree), differences[0])


def compare_tensors(mine: Tensor, other: Tensor | None) -> Difference:
    """The difference of two tensors: labels by equality, several scores a row by their largest, numbers by
    tolerance."""
    if other is None or (mine.rows, mine.width, mine.kind) != (other.rows, other.width, other.kind):
        return Difference(True, "shape")
    if mine.kind != "number" or mine.integer:
        return Difference(list(mine.data) != list(other.data), "label")
    shift = sum(abs(a - b) for a, b in zip(mine.data, other.data, strict=True)) / max(len(mine.data), 1)
    if mine.width > 1:
        return Difference(_argmaxes(mine) != _argmaxes(other), "argmax", shift)
    return Difference(any(map(_apart, mine.data, other.data)), "number", shift)


def _argmaxes(tensor: Tensor) -> list[int]:
    rows = (tensor.data[at : at + tensor.width] for at in range(0, len(tensor.data), tensor.width))
    return [max(range(len(row)), key=row.__getitem__) for row in rows]


def _apart(a: float, b: float) -> bool:
    return not abs(a - b) <= TOLERANCE * max(abs(a), abs(b))
