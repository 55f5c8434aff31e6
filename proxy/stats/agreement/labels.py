"""Strings that say the same: labels, the classes that Triton writes as `score:index:label`, and texts among labels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from proxy.contracts.observation import Tensor
from proxy.stats.agreement.numbers import largest, rows_of, tolerance_of
from proxy.stats.agreement.rules import AnswerRules
from proxy.stats.agreement.tally import AnswerDifference
from proxy.stats.agreement.texts import compare_text
from proxy.stats.words import words_of

MIN_TEXT_WORDS = 3
"""Words from which on a string is a text rather than a label."""

CLASS = re.compile(r"(-?\d{1,20}(?:\.\d{1,40})?(?:[eE][-+]?\d{1,3})?):(\d{1,10})(?::(.{0,512}))?", re.DOTALL)
"""A class as Triton's classification extension writes it."""


class RatedClass(NamedTuple):
    """One class of an answer, with its score."""

    score: float
    place: str
    """Of the class among all."""


def compare_labels(mine: Tensor, other: Tensor, rules: AnswerRules, as_text: bool = False) -> AnswerDifference:
    """The difference of tensors of labels of one shape. `as_text`: they are texts, however short."""
    a, b = list(mine.data), list(other.data)
    if a == b:
        return AnswerDifference(False, "label")
    if mine.kind != "number" and not as_text and (found := _classes(mine, other, rules)) is not None:
        return found
    width, distance, texts = max(mine.width, 1), 0.0, False
    for at, (x, y) in enumerate(zip(a, b, strict=True)):
        if x == y:
            continue
        if not (isinstance(x, str) and isinstance(y, str) and (as_text or (is_text(x) and is_text(y)))):
            named = f"{mine.columns[at % width]} " if mine.columns else ""
            found_there = f"labels: {named}{_shown(x)} and {_shown(y)}"
            return AnswerDifference(True, "label", row=at // width, comparer=found_there)
        text = compare_text(x, y, rules)
        texts, distance = True, distance + text.distance
        if text.differs:
            return AnswerDifference(True, "text", text.distance, row=at // width, comparer=text.found)
    return AnswerDifference(False, "text" if texts else "label", distance / len(a) if texts else None)


def is_text(value: str) -> bool:
    """Whether a string is a text or a document, not a label."""
    return value.lstrip()[:1] in ("{", "[") or (len(value) > MIN_TEXT_WORDS and len(words_of(value)) >= MIN_TEXT_WORDS)


def _shown(value: object) -> str:
    return repr(value if not isinstance(value, str) or len(value) <= 40 else value[:39] + "…")


def _classes(mine: Tensor, other: Tensor, rules: AnswerRules) -> AnswerDifference | None:
    """The difference of rows of rated classes; None for strings that are none. The best class decides."""
    sides = [_rated(tensor) for tensor in (mine, other)]
    a, b = sides
    if a is None or b is None:
        return None
    tolerance = tolerance_of(rules, mine.name)
    shift = sum(abs(x.score - y.score) for r, s in zip(a, b, strict=True) for x, y in zip(r, s, strict=True))
    shift /= max(len(mine.data), 1)
    for row, (r, s) in enumerate(zip(a, b, strict=True)):
        best, others = (each[largest([one.score for one in each])] for each in (r, s))
        nothing = tolerance.at(max(abs(best.score), abs(others.score)))
        if best.place != others.place and not (_ties(r, others, nothing) and _ties(s, best, nothing)):
            found = f"classes: the best is {best.place} of the primary's, {others.place} of the other's"
            return AnswerDifference(True, "argmax", shift, None, row, found)
    return AnswerDifference(False, "argmax", shift)


def _ties(row: Sequence[RatedClass], candidate: RatedClass, nothing: float) -> bool:
    top = max(each.score for each in row)
    return any(each.place == candidate.place and top - each.score <= nothing for each in row)


def _rated(tensor: Tensor) -> list[list[RatedClass]] | None:
    rows = []
    for row in rows_of(tensor):
        texts: Sequence[Any] = row
        met = [CLASS.fullmatch(value) if isinstance(value, str) else None for value in texts]
        rated = [RatedClass(float(each[1]), each[2]) for each in met if each is not None]
        if len(rated) != len(row) or not rated:
            return None
        rows.append(rated)
    return rows
