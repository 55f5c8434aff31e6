"""Answers of rows: embeddings, ranks, classes with their scores, moderations.

Where rows have an index (of what they are for), they are put in its order: servers sort ranks by score and batches as
they come. Labels with scores are columns by label, for the same reason. Several vectors of one text, such as one for
each token, are rows of their own.
"""

from __future__ import annotations

from array import array
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from proxy.contracts.observation import MANY, Tensor
from proxy.payload.reading import MAX_TENSOR_VALUES, MAX_TENSORS, Unreadable, checked, fields_of, flatten, packed

RANKS = ("relevance_score", "score")
VECTORS = ("embedding", "embeddings", "values")
MAX_PACKED = MAX_TENSOR_VALUES * 16 // 3 + 4
"""Characters of vectors in base64: four bytes a value, four characters for three bytes."""

MAX_LABEL = 128
"""Characters of a label that is a column's name."""


def read_rows(rows: list[Any]) -> tuple[Tensor, ...]:
    """Rows of any of these kinds. Raises Unreadable."""
    if all(isinstance(row, dict) and row for row in rows):
        return _of_objects(_by_index(rows))
    if all(isinstance(row, list) and row and all(map(_is_labelled, row)) for row in rows):
        return labelled(map(_scores, rows))
    if all(type(row) in (int, float) for row in rows):
        return (Tensor("score", len(rows), 1, "number", rows),)
    if all(isinstance(row, list) and all(isinstance(each, dict) for each in row) for row in rows):
        raise Unreadable("form")  # sparse vectors, tokens
    return (_vectors([row if isinstance(row, list) else fields_of(row).get("embedding") for row in rows]),)


def _of_objects(rows: list[dict[str, Any]]) -> tuple[Tensor, ...]:
    for name in VECTORS:
        if any(name in row for row in rows):
            return (_vectors([row.get(name) for row in rows], _indices(rows)),)
    if all("category_scores" in row for row in rows):
        return _moderations(rows)
    if all("probs" in row for row in rows):
        return _classes(rows)
    if all(_is_labelled(row) for row in rows) and not any("index" in row for row in rows):
        return labelled([_scores(rows)])
    for name in RANKS:
        if all(name in row for row in rows):
            scores = checked([row[name] for row in rows], "number")
            return (Tensor(name, len(rows), 1, "number", scores, ranks=True, keys=_indices(rows)),)
    if all(isinstance(row.get("data"), list) for row in rows):
        return (_vectors([row["data"] for row in rows]),)
    raise Unreadable("form" if any(map(_holds, rows)) else "empty_body")  # such as models of a listing


def _by_index(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: int(row["index"])) if _indices(rows) else rows


def _indices(rows: list[dict[str, Any]]) -> tuple[int, ...]:
    """What rows are about, each something else; () where they do not all say it."""
    indices = tuple([row["index"] for row in rows if type(row.get("index")) is int])
    return indices if len(set(indices)) == len(rows) else ()


def _holds(row: dict[str, Any]) -> bool:
    return any(value for name, value in row.items() if name not in ("index", "object"))


def _is_labelled(row: Any) -> bool:
    return isinstance(row, dict) and isinstance(row.get("label"), str) and "score" in row


def _scores(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {row["label"]: row["score"] for row in rows}


def labelled(scores: Iterable[dict[str, Any]]) -> tuple[Tensor, ...]:
    """Scores by label, for each row, and the best label; as TEI and pipelines of Hugging Face answer them. Raises
    Unreadable."""
    rows = list(scores)
    if not all(rows):
        raise Unreadable("empty_body")
    return (_columns("score", rows), _labels([max(each, key=_number(each)) for each in rows]))


def _number(scores: Mapping[str, Any]) -> Any:
    return lambda label: scores[label] if isinstance(scores[label], int | float) else -1.0


def _labels(labels: list[Any]) -> Tensor:
    return Tensor("label", len(labels), 1, "category", checked(labels, "category"))


def _classes(rows: list[dict[str, Any]]) -> tuple[Tensor, ...]:
    """Probabilities of classes and the label of the best, as vLLM answers them."""
    found = [flatten(row["probs"]) for row in rows]
    if any(len(each) != len(found[0]) for each in found):
        raise Unreadable("shape")
    values = checked([x for each in found for x in each], "number")
    probabilities = Tensor("probs", len(found), len(found[0]), "number", values)
    labels = [row.get("label") for row in rows]
    return (probabilities, _labels(labels)) if all(isinstance(each, str) for each in labels) else (probabilities,)


def _moderations(rows: list[dict[str, Any]]) -> tuple[Tensor, ...]:
    scores = [fields_of(row["category_scores"]) for row in rows]
    flagged = checked([row.get("flagged") for row in rows], "number")
    return (Tensor("flagged", len(rows), 1, "number", flagged, (), True), _columns("category_scores", scores))


def _columns(name: str, rows: list[dict[str, Any]]) -> Tensor:
    """Numbers by name, a column each, in the order of the names."""
    names = sorted({each for row in rows for each in row})
    if len(names) > MAX_TENSORS:
        raise Unreadable("too_many_tensors")
    if len(names) * len(rows) > MAX_TENSOR_VALUES:
        raise Unreadable("too_many_values")
    values = checked([row.get(each) for row in rows for each in names], "number")
    return Tensor(name, len(rows), len(names), "number", values, tuple([each[:MAX_LABEL] for each in names]))


def _vectors(found: list[Any], keys: tuple[int, ...] = ()) -> Tensor:
    if sum([len(each) for each in found if isinstance(each, str)]) > MAX_PACKED:
        raise Unreadable("too_many_values")
    vectors = [_vector(each) for text in found for each in _of_one(text)]
    keys = keys if len(keys) == len(vectors) else ()
    width = len(vectors[0])
    if any(len(vector) != width for vector in vectors):
        raise Unreadable("shape")
    if width * len(vectors) > MAX_TENSOR_VALUES:
        raise Unreadable("too_many_values")
    data = vectors[0] if len(vectors) == 1 else packed([x for v in vectors for x in v])
    return Tensor("embedding", len(vectors), width, "number", data, vector=True, keys=keys)


def _of_one(text: Any) -> Sequence[Any]:
    """The vectors of one text."""
    return text if isinstance(text, list) and text and all(isinstance(each, list) for each in text) else [text]


def _vector(value: Any) -> Sequence[Any]:
    """One vector: numbers, or as bytes, in base64 or not any more."""
    if isinstance(value, list):
        numbers = packed(values := flatten(value))  # which a value that is no number is left out of
        return numbers if numbers is not values else packed(checked(values, "number"))
    if not isinstance(value, str | bytes):
        raise Unreadable("schema")
    try:
        found = np.frombuffer(b64decode(value, validate=True) if isinstance(value, str) else value, dtype="<f4")
    except (Base64Error, ValueError) as error:
        raise Unreadable("values") from error
    return array("d", found.astype(np.float64).tobytes()) if len(found) >= MANY else found.tolist()
