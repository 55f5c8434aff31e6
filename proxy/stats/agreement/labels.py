"""Strings that say the same: labels, the classes that Triton writes as `score:index:label`, and texts among labels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from proxy.contracts.observation import Tensor
from proxy.stats.agreement.numbers import largest, tolerance_of
from proxy.stats.agreement.rules import AnswerRules
from proxy.stats.agreement.tally import AnswerDifference
from proxy.stats.agreement.texts import compare_text
from proxy.stats.agreement.writing import same_canonically
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
    at = next((at for at, (x, y) in enumerate(zip(a, b, strict=True)) if x != y), 0)
    if _are_other_labels(a[at], b[at], as_text):  # as nearly always, of a hundred thousand of them too
        return _other_label(mine, at, a[at], b[at])
    width, distance, texts, lost = max(mine.width, 1), 0.0, False, ""
    places = [at for at, (x, y) in enumerate(zip(a, b, strict=True)) if x != y]
    looked_at = rules.some([max(_length(a[at]), _length(b[at])) for at in places]) if places else []
    for at in [places[each] for each in looked_at]:
        x, y = a[at], b[at]
        if not _are_texts(x, y, as_text):
            if _same_label(x, y):
                continue
            return _other_label(mine, at, x, y)
        text = compare_text(x, y, rules)
        texts, distance, lost = True, distance + text.distance, lost or text.lost
        if text.differs:
            return AnswerDifference(True, "text", text.distance, row=at // width, comparer=text.found)
    if len(looked_at) < len(places):  # a label needs no sample: it is another one, or it is not
        for at in places:
            if _are_other_labels(a[at], b[at], as_text):
                return _other_label(mine, at, a[at], b[at])
    # What is not in the sample is as far off as what is.
    distance *= len(places) / max(len(looked_at), 1)
    return AnswerDifference(False, "text" if texts else "label", distance / len(a) if texts else None, lost=lost)


def _are_texts(x: Any, y: Any, as_text: bool) -> bool:
    return isinstance(x, str) and isinstance(y, str) and (as_text or (is_text(x) and is_text(y)))


def _are_other_labels(x: Any, y: Any, as_text: bool) -> bool:
    return x != y and not _are_texts(x, y, as_text) and not _same_label(x, y)


def _same_label(x: object, y: object) -> bool:
    return isinstance(x, str) and isinstance(y, str) and same_canonically(x, y)


def _other_label(mine: Tensor, at: int, x: object, y: object) -> AnswerDifference:
    width = max(mine.width, 1)
    named = f"{mine.columns[at % width]} " if mine.columns else ""
    return AnswerDifference(True, "label", row=at // width, comparer=f"labels: {named}{_shown(x)} and {_shown(y)}")


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str) else 0


def is_text(value: str) -> bool:
    """Whether a string is a text or a document, not a label."""
    return value.lstrip()[:1] in ("{", "[") or (len(value) > MIN_TEXT_WORDS and len(words_of(value)) >= MIN_TEXT_WORDS)


def _shown(value: object) -> str:
    return repr(value if not isinstance(value, str) or len(value) <= 40 else value[:39] + "…")


def _classes(mine: Tensor, other: Tensor, rules: AnswerRules) -> AnswerDifference | None:
    """The difference of rows of rated classes; None for strings that are none. The best class decides."""
    if not all(tensor.data and _is_rated(tensor.data[0]) for tensor in (mine, other)):
        return None
    rows = rules.some_rows(mine.rows, mine.width)
    a, b = (_rated(tensor, rows) for tensor in (mine, other))
    if a is None or b is None:
        return None
    tolerance = tolerance_of(rules, mine.name)
    shift = sum(abs(x.score - y.score) for r, s in zip(a, b, strict=True) for x, y in zip(r, s, strict=True))
    shift /= max(len(rows) * mine.width, 1)
    for row, r, s in zip(rows, a, b, strict=True):
        best, others = (each[largest([one.score for one in each])] for each in (r, s))
        nothing = tolerance.at(max(abs(best.score), abs(others.score)))
        if best.place != others.place and not (_ties(r, others, nothing) and _ties(s, best, nothing)):
            found = f"classes: the best is {best.place} of the primary's, {others.place} of the other's"
            return AnswerDifference(True, "argmax", shift, None, row, found)
    return AnswerDifference(False, "argmax", shift)


def _ties(row: Sequence[RatedClass], candidate: RatedClass, nothing: float) -> bool:
    top = max(each.score for each in row)
    return any(each.place == candidate.place and top - each.score <= nothing for each in row)


def _is_rated(value: object) -> bool:
    return isinstance(value, str) and CLASS.fullmatch(value) is not None


def _rated(tensor: Tensor, places: Sequence[int]) -> list[list[RatedClass]] | None:
    rows = []
    for place in places:
        texts: Sequence[Any] = tensor.data[place * tensor.width : (place + 1) * tensor.width]
        met = [CLASS.fullmatch(value) if isinstance(value, str) else None for value in texts]
        rated = [RatedClass(float(each[1]), each[2]) for each in met if each is not None]
        if len(rated) != len(texts) or not rated:
            return None
        rows.append(rated)
    return rows
