"""The difference of one pair of answers, and the counts of many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Self

from msgspec import Struct


class AnswerDifference(Struct, frozen=True, gc=False):
    """Difference of a copy's answer from its reference."""

    disagree: bool
    kind: str
    """The rule of `compare` that decided, such as `argmax`."""
    shift: float | None = None
    """Mean absolute change of scores or numbers, distance of vectors, or the part of a text that was edited."""
    overlap: float | None = None
    """The part that both have of the best scores, or of a text's beginning."""
    row: int = 0
    """The first row that differs."""
    comparer: str = ""
    """What was compared how, and what was found, where the answers differ."""
    lost: str = ""
    """Why it cannot be told whether they differ."""
    sampled: bool = False
    """Not all of their texts, rated rows or boxes were compared (`stats.row_sample`)."""


@dataclass(slots=True)
class AgreementTally:
    """Counts and sums of the compared pairs of one version. A shift that is infinite or no number is left out.

    >>> tally = AgreementTally()
    >>> tally.update(AnswerDifference(True, "number", shift=0.5))
    >>> tally.update(AnswerDifference(False, "number", shift=0.1))
    >>> tally.ratio, tally.shift
    (0.5, 0.3)
    """

    pairs: int = 0
    """Compared pairs."""
    disagreements: int = 0
    """Pairs whose answers differ."""
    kinds: Counter[str] = field(default_factory=Counter)
    """Disagreements by kind."""
    sampled: int = 0
    """Pairs that agree by a sample of what they hold."""
    lost: Counter[str] = field(default_factory=Counter)
    """Due pairs that could not be compared, by reason; they are not in `pairs`."""
    shifted: float = 0.0
    """Sum of the shifts, of which there are `shifts`."""
    shifts: int = 0
    overlapped: float = 0.0
    """Sum of the overlaps, of which there are `overlaps`."""
    overlaps: int = 0

    def update(self, difference: AnswerDifference) -> None:
        """Counts one pair."""
        self.pairs += 1
        if difference.disagree:
            self.disagreements += 1
            self.kinds[difference.kind] += 1
        elif difference.sampled:
            self.sampled += 1
        if difference.shift is not None and isfinite(difference.shift):
            self.shifted += difference.shift
            self.shifts += 1
        if difference.overlap is not None:
            self.overlapped += difference.overlap
            self.overlaps += 1

    def update_batch(self, kind: str, disagree: Sequence[bool], shift: Sequence[float] | None) -> None:
        """Counts pairs of one kind: whether each disagrees, and its shift."""
        self.pairs += len(disagree)
        if disagreements := sum(disagree):
            self.disagreements += disagreements
            self.kinds[kind] += disagreements
        if shift is not None:
            total = sum(shift)
            finite = shift if isfinite(total) else [each for each in shift if isfinite(each)]
            self.shifted += total if finite is shift else sum(finite)
            self.shifts += len(finite)

    def __iadd__(self, other: Self) -> Self:
        """Merges the pairs of another stream: all fields are sums."""
        self.pairs, self.disagreements = self.pairs + other.pairs, self.disagreements + other.disagreements
        self.kinds, self.lost = self.kinds + other.kinds, self.lost + other.lost
        self.sampled += other.sampled
        self.shifted, self.shifts = self.shifted + other.shifted, self.shifts + other.shifts
        self.overlapped, self.overlaps = self.overlapped + other.overlapped, self.overlaps + other.overlaps
        return self

    @property
    def ratio(self) -> float | None:
        """Disagreements per pair, or None without pairs."""
        return self.disagreements / self.pairs if self.pairs else None

    @property
    def shift(self) -> float | None:
        """Mean shift, or None without any."""
        return self.shifted / self.shifts if self.shifts else None

    @property
    def overlap(self) -> float | None:
        """Mean overlap of the best scores, or None without any."""
        return self.overlapped / self.overlaps if self.overlaps else None
