"""Answers of a successful status that have failed all the same (`contracts.outcome`, rule 5): which, and why.

Rules:

1. An answer that is or names an error, has no proper end, is empty, or cannot be read has no predictions: a codec
   raises `Unreadable` with the reason, and `CONTENT_OF` says what it is charged as.
2. What a bound or the ignorance of this program left unread is charged to nobody: too large, a content coding or a form
   of answer that is not read.
3. A number that is none (NaN, infinite, or null where a number is promised) fails the answer, but it is read: a missing
   value is a bin of drift. Values of a tensor and of bare rows are promised; those of a named column are, where the
   column holds numbers besides, or is named as a score, or where nothing in the answer holds anything. A fraction of a
   type of whole numbers is not what was promised.
4. Predictions without a single value are an empty body, unless the request is there and holds no value either
   (`instances: []`). The request does not travel with copies: there they are empty, until statistics meet the leg that
   it came with (`stats.counts.asked_nothing`).
5. Where a protocol promises a prediction for each row (`decode.Codec.by_row`), an answer with fewer is unreadable.
6. A completion that says nothing is an empty body, whatever its finish reason (`spoken`). Models do end at once, the
   primary's as often.
7. A request that is unreadable itself says nothing about the version: only its answer does, and other versions get such
   requests as often.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import repeat
from math import isfinite, isinf, isnan
from typing import Any, Literal

import numpy as np

from proxy.contracts.observation import Tensor
from proxy.contracts.outcome import CONTENT, ContentReason

CONTENT_OF: dict[str, ContentReason] = {
    **{reason: reason for reason in CONTENT},
    **dict.fromkeys(("json", "schema", "shape", "values", "binary", "pointer", "encoding"), "unreadable_body"),
}
"""What an answer that gives nothing has failed for, by its `UnreadReason`; others are charged to nobody (rule 2)."""

NO_NUMBERS = frozenset(("nan", "inf", "infinity"))
"""Strings in the place of numbers, without sign and in lower case, as JSON of protocol buffers and of Python programs
has them."""

MAX_NO_NUMBER = len("-Infinity")

PROMISES = ("score", "prob", "logit", "predict", "confidence")
"""Parts of names of columns that are numbers whenever there is an answer."""


def judged(tensors: Sequence[Tensor], inputs: Sequence[Tensor], by_row: bool = False) -> ContentReason | Literal[""]:
    """Why predictions that were read have failed, or "" (rules 3 to 5). `inputs`: those of the request, if known;
    `by_row`: each of its rows is promised a prediction."""
    if len(tensors) == 1 and not by_row:  # nearly all, at the cost of a sum
        only, data = tensors[0], tensors[0].data
        if len(data) and only.kind == "number" and _are_finite(data) and not (only.integer and _fractional(only)):
            return ""
    if not _values(tensors):
        return "empty_body" if not inputs or _values(inputs) else ""
    if any(map(_broken, tensors, repeat(tensors))):
        return "not_a_number"
    short = by_row and _rows(tensors) < min((tensor.rows for tensor in inputs), default=0)
    return "unreadable_body" if short or any(map(_fractional, tensors)) else ""


def _are_finite(data: Sequence[Any]) -> bool:
    """Whether numbers are all finite, for sure: a sum of finite ones, or of their squares, may be infinite."""
    if type(data) is array:
        numbers = np.frombuffer(data)
        return isfinite(np.vdot(numbers, numbers))  # one pass, and no array of flags
    return isfinite(sum(data))


def _rows(tensors: Sequence[Tensor]) -> int:
    """Rows that predictions are for at most: those of bare rows, and of columns as many as there are values."""
    return max(tensor.rows if tensor.name and not tensor.columns else len(tensor.data) for tensor in tensors)


def _fractional(tensor: Tensor) -> bool:
    return tensor.integer and any(value % 1 > 0.0 for value in tensor.data)


def _values(tensors: Iterable[Tensor]) -> bool:
    return any(len(tensor.data) and (tensor.kind == "number" or any(map(_is_there, tensor.data))) for tensor in tensors)


def _is_there(value: Any) -> bool:
    return value is not None


def _broken(tensor: Tensor, tensors: Sequence[Tensor]) -> bool:
    data = tensor.data
    if tensor.kind != "number":
        return any(map(_names_none, data))
    if _are_finite(data):
        return False
    if not tensor.columns:
        return not all(map(isfinite, data))
    alone = len(tensors) == 1 and all(map(isnan, data))
    return alone or any(_broken_column(name, data[at :: tensor.width]) for at, name in enumerate(tensor.columns))


def _names_none(text: str | None) -> bool:
    return text is not None and len(text) <= MAX_NO_NUMBER and text.lower().lstrip("+-") in NO_NUMBERS


def _broken_column(name: str, column: Sequence[Any]) -> bool:
    if any(map(isinf, column)):
        return True
    missing = sum(map(isnan, column))
    if not missing or name.endswith(".chars"):
        return False
    return missing < len(column) or any(part in name.lower() for part in PROMISES)
