"""The difference between two answers to the same request, by what the answer is.

| answer | comparer | disagree when |
|---|---|---|
| another kind | | one has a text, a row, a column or an output that the other lacks |
| text | `analysis.text` | `texts`: tools, texts or finish reasons differ |
| strings | `labels` | any differs; those of several words are texts, those that Triton rates are scores |
| whole numbers by type | `labels` | any differs |
| several in a row that add up to 1, or named so | `scores` | the largest is another one, or one is no number |
| points (embeddings) | `vectors` | cosine below 1 − tolerance |
| scores of what is ranked | `ranking` | the best is another one, or many pairs are in another order |
| boxes | `boxes` | one that a side is sure of has no counterpart of its class |
| numbers | `numbers` | further apart than the tolerances (`numbers`) |

Outputs are met by name, columns by name, rows by key where there are any. What `analysis.outputs` says of an output
goes before the table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from proxy.contracts.comparers import OutputComparer
from proxy.contracts.observation import Observation, Tensor
from proxy.stats.agreement.boxes import boxes_of, compare_boxes
from proxy.stats.agreement.labels import compare_labels
from proxy.stats.agreement.numbers import (
    are_probabilities,
    compare_numbers,
    compare_scores,
    compare_vectors,
)
from proxy.stats.agreement.rankings import compare_rankings
from proxy.stats.agreement.rows import apart, by_columns, by_key, in_order, kept, with_texts
from proxy.stats.agreement.rules import DEFAULT_RULES, AnswerRules
from proxy.stats.agreement.tally import AnswerDifference
from proxy.stats.agreement.texts import compare_texts
from proxy.stats.finite import NOT_NUMBERS, numbers


def compare(reference: Observation, copy: Observation, rules: AnswerRules = DEFAULT_RULES) -> AnswerDifference | None:
    """Difference of `copy` from `reference`, both of which were read (`settle`); None when both hold nothing."""
    said, other_said = reference.said, copy.said
    if said and other_said:
        return compare_texts(said, other_said, rules)
    if bool(said) != bool(other_said) or bool(reference.outputs) != bool(copy.outputs):
        return AnswerDifference(True, "shape", comparer="one answer holds a text or predictions, the other none")
    mine, others = (apart(kept(with_texts(leg.outputs), rules), rules) for leg in (reference, copy))
    if not mine and not others:
        return None
    if len(mine) == 1 == len(others) and not mine[0].columns and mine[0].width % 4:
        return compare_tensors(mine[0], others[0] if others[0].name == mine[0].name else None, rules)
    detected = boxes_of(mine, rules)
    if detected is not None and (found := boxes_of(others, rules)) is not None:
        return compare_boxes(detected, found)
    return _compare_all(mine, others, rules)


def _compare_all(mine: Sequence[Tensor], others: Sequence[Tensor], rules: AnswerRules) -> AnswerDifference:
    """The first output that differs, else the first one."""
    if len(mine) != len(others):
        return AnswerDifference(True, "shape", comparer=f"{len(mine)} and {len(others)} outputs")
    first: AnswerDifference | None = None
    lost = ""
    for at, tensor in enumerate(mine):
        found = compare_tensors(tensor, _like(tensor, at, others), rules)
        if found.disagree:
            return found
        first, lost = first or found, lost or found.lost
    first = first or AnswerDifference(False, "shape")
    return replace(first, lost=lost) if lost else first


def _like(mine: Tensor, at: int, others: Sequence[Tensor]) -> Tensor | None:
    """The counterpart of an output: of its name and its columns, in whatever order."""
    if others[at].name == mine.name and others[at].columns == mine.columns:
        return others[at]
    named = set(mine.columns)
    return next((other for other in others if other.name == mine.name and set(other.columns) == named), None)


def compare_tensors(mine: Tensor, other: Tensor | None, rules: AnswerRules = DEFAULT_RULES) -> AnswerDifference:
    """The difference of two tensors of the same name, where what is no number is none; another shape is a disagreement.

    >>> mine, other = (Tensor("probabilities", 1, 2, "number", row) for row in ([0.4, 0.6], [0.7, 0.3]))
    >>> difference = compare_tensors(mine, other)
    >>> difference.kind, difference.disagree, round(difference.shift, 3)
    ('argmax', True, 0.3)
    """
    if other is None or mine.kind != other.kind:
        return AnswerDifference(True, "shape", comparer=f"only one answer has {_shown(mine)} as {mine.kind}")
    comparer = rules.comparer(mine)
    if comparer == "ranking" and mine.kind == "number" and mine.width == other.width == 1:
        return compare_rankings(numbers(mine), numbers(other))
    if mine.columns != other.columns:
        other = by_columns(other, mine.columns)
    if mine.keys or other.keys:
        mine, other = by_key(mine), by_key(other)
    if mine.rows != other.rows or mine.width != other.width or mine.keys != other.keys or mine.columns != other.columns:
        found = f"{_shown(mine)} has {mine.rows} x {mine.width} values, the other {other.rows} x {other.width}"
        return AnswerDifference(True, "shape", comparer=f"{found}, or they are about other things")
    try:
        return _by_comparer(comparer, mine, other, rules)
    except NOT_NUMBERS:
        return _by_comparer(comparer, numbers(mine), numbers(other), rules)


def _by_comparer(comparer: OutputComparer, mine: Tensor, other: Tensor, rules: AnswerRules) -> AnswerDifference:
    if rules.of(mine.name).unordered:
        mine, other = in_order(mine), in_order(other)
    if mine.kind != "number":
        return compare_labels(mine, other, rules, as_text=comparer == "text")
    if not comparer:
        if mine.integer and other.integer:
            return compare_labels(mine, other, rules)
        scores = len(mine.data) > 1 and are_probabilities(mine) and are_probabilities(other)
        return (compare_scores if scores else compare_numbers)(mine, other, rules)
    if comparer == "scores" and mine.width == 1:  # the only row
        mine, other = (replace(each, rows=1, width=each.rows) for each in (mine, other))
    return COMPARERS.get(comparer, compare_numbers)(mine, other, rules)


COMPARERS: dict[OutputComparer, Callable[[Tensor, Tensor, AnswerRules], AnswerDifference]] = {
    "labels": compare_labels,
    "numbers": compare_numbers,
    "scores": compare_scores,
    "vectors": compare_vectors,
}


def _shown(tensor: Tensor) -> str:
    return tensor.name or ", ".join(tensor.columns[:5]) or "an output"
