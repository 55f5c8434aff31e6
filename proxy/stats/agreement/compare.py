"""The difference between two answers to the same request, by the kind of answer.

| answer | disagree when |
|---|---|
| another kind | one has a text or predictions and the other none |
| label (whole numbers by type, strings) | any differs |
| scores (several in a row that add up to 1, or named so) | the largest is another one, or one is no number |
| vector | cosine below 1 − tolerance |
| numbers | further apart than the tolerance, a part of the larger one |
| text | tools differ, or the finish reason, or more than `MAX_TEXT_EDITS` of the words were edited |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import hypot, isfinite
from typing import Self

from msgspec import Struct

from proxy.contracts.observation import Observation, Tensor, Text
from proxy.stats.finite import NOT_NUMBERS, numbers

TOLERANCE = 0.05
"""Part of the larger number by which two may differ unless said otherwise (`settings.Analysis`)."""

MAX_TEXT_EDITS = 0.3
"""Part of the words that may be edited. Sampled answers differ more; judge them against their own noise floor."""

MAX_WORDS = 2048
"""Words of a text that are compared: edit distance grows with the square of them."""

TOP_SCORES = 5
"""The best scores whose overlap is measured, where a row has more than twice as many."""

SUM_ROUNDING = 0.01
"""Distance from 1 that the sum of a row of probabilities may have, for rounding."""

SCORE_NAMES = ("prob", "logit", "score", "softmax")


class AnswerDifference(Struct, frozen=True, gc=False):
    """Difference of a copy's answer from its reference."""

    disagree: bool
    kind: str
    """The rule of the table above that decided, such as `argmax`."""
    shift: float | None = None
    """Mean absolute change of scores or numbers, distance of vectors, or the part of the words that were edited."""
    overlap: float | None = None
    """The part that both have of the best `TOP_SCORES` scores, or of a text's beginning."""


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
            finite = [each for each in shift if isfinite(each)]
            self.shifted += sum(finite)
            self.shifts += len(finite)

    def __iadd__(self, other: Self) -> Self:
        """Merges the pairs of another stream: all fields are sums."""
        self.pairs, self.disagreements = self.pairs + other.pairs, self.disagreements + other.disagreements
        self.kinds, self.lost = self.kinds + other.kinds, self.lost + other.lost
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


def compare(reference: Observation, copy: Observation, tolerance: float = TOLERANCE) -> AnswerDifference | None:
    """Difference of `copy` from `reference`, both of which were read (`settle`); None when both hold nothing.

    `tolerance` is the part of the larger number by which two may differ.
    """
    if reference.text and copy.text:
        return compare_texts(reference.text, copy.text)
    if bool(reference.text) != bool(copy.text) or bool(reference.outputs) != bool(copy.outputs):
        return AnswerDifference(True, "shape")
    if not reference.outputs:
        return None
    if len(reference.outputs) == 1:
        mine, other = reference.outputs[0], copy.outputs[0]
        if mine.name == other.name and mine.columns == other.columns:
            return compare_tensors(mine, other, tolerance)
        return compare_tensors(mine, _like(mine, 0, copy.outputs), tolerance)
    differences = [
        compare_tensors(mine, _like(mine, at, copy.outputs), tolerance) for at, mine in enumerate(reference.outputs)
    ]
    return next((each for each in differences if each.disagree), differences[0])


def _like(mine: Tensor, at: int, others: Sequence[Tensor]) -> Tensor | None:
    if at < len(others) and others[at].name == mine.name and others[at].columns == mine.columns:
        return others[at]
    return next((other for other in others if (other.name, other.columns) == (mine.name, mine.columns)), None)


def compare_tensors(mine: Tensor, other: Tensor | None, tolerance: float = TOLERANCE) -> AnswerDifference:
    """The difference of two tensors of the same name; another shape is a disagreement.

    >>> mine, other = (Tensor("probabilities", 1, 2, "number", row) for row in ([0.4, 0.6], [0.7, 0.3]))
    >>> difference = compare_tensors(mine, other)
    >>> difference.kind, difference.disagree, round(difference.shift, 3)
    ('argmax', True, 0.3)
    """
    if other is None or mine.rows != other.rows or mine.width != other.width or mine.kind != other.kind:
        return AnswerDifference(True, "shape")
    try:
        return _compare_alike(mine, other, tolerance)
    except NOT_NUMBERS:
        return _compare_alike(numbers(mine), numbers(other), tolerance)


def _compare_alike(mine: Tensor, other: Tensor, tolerance: float) -> AnswerDifference:
    """The difference of two tensors of one shape. Raises `NOT_NUMBERS` where a number is none."""
    if mine.kind != "number" or mine.integer:
        return AnswerDifference(mine.data != other.data and list(mine.data) != list(other.data), "label")
    if len(mine.data) == 1:
        a, b = mine.data[0], other.data[0]
        return AnswerDifference(not _near(a, b, tolerance), "number", abs(a - b))
    if mine.vector:
        return _vectors(mine, other, tolerance)
    shift = sum([abs(a - b) for a, b in zip(mine.data, other.data, strict=True)]) / max(len(mine.data), 1)
    if mine.width > 1 and _are_scores(mine):
        return _scores(mine, other, shift)
    near = all(_near(a, b, tolerance) for a, b in zip(mine.data, other.data, strict=True))
    return AnswerDifference(not near, "number", shift)


def _near(a: float, b: float, tolerance: float) -> bool:
    """Two missing values (NaN) of a column that may have them are alike."""
    return a == b or abs(a - b) <= tolerance * max(abs(a), abs(b)) or (a != a and b != b)


def _rows(tensor: Tensor) -> list[Sequence[float]]:
    return [tensor.data[at : at + tensor.width] for at in range(0, len(tensor.data), max(tensor.width, 1))]


def _are_scores(tensor: Tensor) -> bool:
    if tensor.columns or not tensor.rows:
        return False
    first = tensor.data[: tensor.width]
    return is_named_score(tensor.name) or (min(first) >= 0.0 and abs(sum(first) - 1.0) <= SUM_ROUNDING)


def is_named_score(name: str) -> bool:
    """Whether a tensor says by its name that it holds scores of classes."""
    lower = name.lower()
    return any(word in lower for word in SCORE_NAMES)


def _scores(mine: Tensor, other: Tensor, shift: float) -> AnswerDifference:
    pairs = list(zip(_rows(mine), _rows(other), strict=True))
    lost = shift != shift and any(value != value for value in (*mine.data, *other.data))
    flipped = lost or any(_largest(a) != _largest(b) for a, b in pairs)
    overlap = None
    if mine.width > 2 * TOP_SCORES:
        overlap = sum(len(_best(a) & _best(b)) for a, b in pairs) / (TOP_SCORES * len(pairs))
    return AnswerDifference(flipped, "argmax", shift, overlap)


def _largest(row: Sequence[float]) -> int:
    return max(range(len(row)), key=row.__getitem__)


def _best(row: Sequence[float]) -> set[int]:
    return set(sorted(range(len(row)), key=row.__getitem__)[-TOP_SCORES:])


def _vectors(mine: Tensor, other: Tensor, tolerance: float) -> AnswerDifference:
    distances = [1.0 - _cosine(a, b) for a, b in zip(_rows(mine), _rows(other), strict=True)]
    return AnswerDifference(
        any(not far <= tolerance for far in distances), "vector", sum(distances) / max(len(distances), 1)
    )


def _cosine(a: Sequence[float], b: Sequence[float]) -> float:
    if a == b:
        return 1.0  # whatever rounding and overflow make of it
    lengths = hypot(*a) * hypot(*b)
    return sum(x * y for x, y in zip(a, b, strict=True)) / lengths if lengths else float(list(a) == list(b))


def compare_texts(mine: Text, other: Text) -> AnswerDifference:
    """The difference of two texts: tools first, then words (Levenshtein distance, normalised), then finish reasons."""
    distance = 0.0
    if mine.text != other.text:
        from rapidfuzz.distance import Levenshtein  # 3 MB that only texts need

        words = mine.text.split()[:MAX_WORDS], other.text.split()[:MAX_WORDS]
        distance = float(Levenshtein.normalized_distance(*words))
    if mine.tools != other.tools:
        return AnswerDifference(True, "tools", distance)
    if distance > MAX_TEXT_EDITS:
        return AnswerDifference(True, "text", distance, _prefix(mine.text, other.text))
    return AnswerDifference(mine.finish != other.finish, "finish", distance, _prefix(mine.text, other.text))


def _prefix(a: str, b: str) -> float:
    """The part of the longer text that both begin with."""
    longer = max(len(a), len(b))
    same = next((at for at, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    return same / longer if longer else 1.0
