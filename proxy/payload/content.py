"""Answers of a successful status that have failed all the same (`contracts.outcome`, rule 5): which, and why.

Rules:

1. An answer that is or names an error, has no proper end, is empty, or cannot be read has no predictions: a codec
   raises `Unreadable` with the reason, and `CONTENT_OF` says what it is charged as.
2. What a bound or the ignorance of this program left unread is charged to nobody: too large, a content coding or a form
   of answer that is not read.
3. A number that is none (NaN, infinite, or null where a number is promised) fails the answer, but it is read: a missing
   value is a bin of drift. Values of a tensor and of bare rows are promised; those of a named column are, where the
   column holds numbers besides, or is named as a score, or where nothing in the answer holds anything.
4. Predictions without a single value are an empty body, unless the request is there and holds no value either
   (`instances: []`). The request does not travel with copies: there they are empty.
5. A completion without text, calls of tools or a finish reason is an empty body; with a finish reason an empty text is
   an answer: models do end at once.
6. A request that is unreadable itself says nothing about the version: only its answer does, and other versions get such
   requests as often.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite, isinf, isnan
from typing import Any, Literal

from proxy.contracts.observation import Tensor
from proxy.contracts.outcome import CONTENT, ContentReason

CONTENT_OF: dict[str, ContentReason] = {
    **{reason: reason for reason in CONTENT},
    **dict.fromkeys(("json", "schema", "shape", "values", "binary", "pointer", "encoding"), "unreadable_body"),
}
"""What an answer that gives nothing has failed for, by its `UnreadReason`; others are charged to nobody (rule 2)."""

NO_NUMBERS = frozenset(("NaN", "Infinity", "-Infinity", "nan", "inf", "-inf"))
"""Strings in the place of numbers, as JSON of protocol buffers and of Python programs has them."""

PROMISES = ("score", "prob", "logit", "predict", "confidence")
"""Parts of names of columns that are numbers whenever there is an answer."""


def judged(tensors: Sequence[Tensor], inputs: Sequence[Tensor]) -> ContentReason | Literal[""]:
    """Why predictions that were read have failed, or "" (rules 3 and 4). `inputs`: those of the request, if known."""
    if len(tensors) == 1 and _numbers(tensors[0]):
        return ""  # nearly all, at the cost of a sum
    if not _values(tensors):
        return "empty_body" if not inputs or _values(inputs) else ""
    return "not_a_number" if any(_broken(tensor, tensors) for tensor in tensors) else ""


def _numbers(tensor: Tensor) -> bool:
    data = tensor.data
    return len(data) > 0 and tensor.kind == "number" and isfinite(sum(data))


def _values(tensors: Iterable[Tensor]) -> bool:
    return any(len(tensor.data) for tensor in tensors)


def _broken(tensor: Tensor, tensors: Sequence[Tensor]) -> bool:
    data = tensor.data
    if tensor.kind != "number":
        return not NO_NUMBERS.isdisjoint(data)
    if isfinite(sum(data)):
        return False
    if not tensor.columns:
        return not all(map(isfinite, data))
    alone = len(tensors) == 1 and all(map(isnan, data))
    return alone or any(_broken_column(name, data[at :: tensor.width]) for at, name in enumerate(tensor.columns))


def _broken_column(name: str, column: Sequence[Any]) -> bool:
    if any(map(isinf, column)):
        return True
    missing = sum(map(isnan, column))
    if not missing or name.endswith(".chars"):
        return False
    return missing < len(column) or any(part in name.lower() for part in PROMISES)
