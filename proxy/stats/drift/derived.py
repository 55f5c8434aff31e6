"""What is measured of inputs and answers that are no features themselves: texts, vectors, and wide arrays.

| of | feature | what it is |
|---|---|---|
| a text | `NAME:script` | the script of most of its letters |
| | `NAME:unseen` | the part of its words that the primary's first texts had not (out of vocabulary) |
| a vector, a wide array | `NAME:projection[0]` … `[7]` | its direction along random lines, the same for all |
| | `NAME:norm` | its length |
| a wide array (more columns than a profile has) | `NAME:mean`, `NAME:spread` | of an image brightness and contrast |

The length of a text is a feature already (`payload`). A change of a distribution in many dimensions shows in random
projections of it (Lopes, Jacob and Wainwright, "A More Powerful Two-Sample Test in High Dimensions using Random
Projection", NIPS 2011; distances survive by the lemma of Johnson and Lindenstrauss, 1984); each is tested as any
feature is. Pictures in a coding (JPEG, PNG) are measured where they are read (`payload.pictures`).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import shake_256
from math import hypot
from typing import Any

import numpy as np

from proxy.contracts.observation import Tensor
from proxy.stats.arrays import Floats
from proxy.stats.drift.profile import MAX_FEATURES
from proxy.stats.finite import floats
from proxy.stats.words import script_of, words_of

PROJECTIONS = 8
"""Random lines: a shift of a cloud of points by some spreads is seen on most of them."""

MAX_POINTS = 4096
"""Values of a wide array that are looked at, at equal distances, and dimensions of a vector that is projected."""

LEARNT_TEXTS = 100
"""Texts of the primary that make a vocabulary: fewer than a first profile is made of (`streams.PRELIMINARY_ROWS`)."""

MAX_VOCABULARY = 20_000
"""Words of a vocabulary, as hashes: 2 MB at most."""

MAX_VOCABULARIES = 8
"""Texts by name that have one, in a route."""

SMALLEST, LARGEST = 1e-280, 1e300
"""Sums of squares in between have lost nothing to the range of a double."""

AT_ONCE = 32_768
"""Numbers of bodies that are measured together: what is made of them on the way stays in a cache."""

MAX_MEASURED = 512
"""Words of a text that are looked up."""

MAX_BEGINNING = 16 * MAX_MEASURED
"""Characters of a text that they are taken from."""


def needs(tensors: Sequence[Tensor]) -> bool:
    """Whether there is anything to derive."""
    if len(tensors) == 1:
        only = tensors[0]
        return only.vector or bool(only.texts) or only.width > MAX_FEATURES
    return any(tensor.vector or tensor.texts or tensor.width > MAX_FEATURES for tensor in tensors)


def derived_tables(bodies: Sequence[Sequence[Tensor]]) -> list[tuple[tuple[str, ...], Floats]]:
    """What `Derivation.features` adds to bodies of one tensor of numbers each, all of one layout and without texts:
    names, and a table (rows of all, names)."""
    first = bodies[0][0]
    if not first.rows or not first.width:
        return []
    step = max(AT_ONCE // len(first.data), 1)
    points = (_points([body[0] for body in bodies[at : at + step]]) for at in range(0, len(bodies), step))
    return _joined([list(_tables(first, each)) for each in points])


def derived_of_rows(layout: Tensor, rows: Floats) -> list[tuple[tuple[str, ...], Floats]]:
    """The same of bodies of one row each: a tensor less its values, and those of all, shape (bodies, width)."""
    step = max(AT_ONCE // layout.width, 1)
    return _joined([list(_tables(layout, floats(rows[at : at + step]))) for at in range(0, len(rows), step)])


def _joined(parts: list[list[tuple[tuple[str, ...], Floats]]]) -> list[tuple[tuple[str, ...], Floats]]:
    return [(part[0][0], np.concatenate([table for _, table in part])) for part in zip(*parts, strict=True)]


class Derivation:
    """The derived features of one side of a route; a vocabulary of each text."""

    __slots__ = ("_vocabularies",)

    def __init__(self) -> None:
        self._vocabularies: dict[str, tuple[set[int], list[int]]] = {}

    def features(self, tensors: Sequence[Tensor], teaches: bool) -> tuple[Tensor, ...]:
        """The tensors of one body, and what is derived of them. `teaches`: its texts make the vocabularies."""
        made = list(tensors)
        for tensor in tensors:
            if tensor.texts:
                made += self._of_texts(tensor, teaches)
            if tensor.kind != "number" or not tensor.rows or not tensor.width:
                continue
            if tensor.vector or tensor.width > MAX_FEATURES:
                for names, table in _tables(tensor, _points((tensor,))):
                    made.append(Tensor("", tensor.rows, len(names), "number", table.ravel().tolist(), names))
        return tuple(made)

    def _of_texts(self, tensor: Tensor, teaches: bool) -> list[Tensor]:
        names = tuple([f"{name}:script" for name, _ in tensor.texts])
        scripts = [[None if text is None else script_of(text) for text in column] for _, column in tensor.texts]
        rows = len(scripts[0])
        made = [Tensor("", rows, len(names), "category", _row_major(scripts), names)]
        for name, column in tensor.texts:
            unseen = self._unseen(name, column, teaches)
            if unseen is not None:
                made.append(Tensor("", rows, 1, "number", unseen, (f"{name}:unseen",)))
        return made

    def _unseen(self, name: str, column: Sequence[str | None], teaches: bool) -> list[float] | None:
        """The part of the words that are in no text so far; None while there are too few texts."""
        if name not in self._vocabularies:
            if not teaches or len(self._vocabularies) >= MAX_VOCABULARIES:
                return None
            self._vocabularies[name] = set(), [0]
        known, learnt = self._vocabularies[name]
        words = [_hashes(text or "") for text in column]
        if learnt[0] < LEARNT_TEXTS:
            if teaches and len(known) < MAX_VOCABULARY:
                known.update(*words)
            learnt[0] += len(column) * teaches
            return None
        return [len(each - known) / len(each) if each else 0.0 for each in words]


def _hashes(text: str) -> set[int]:
    return {hash(word) for word in words_of(text[:MAX_BEGINNING].lower())[:MAX_MEASURED]}


def _row_major(columns: Sequence[Sequence[Any]]) -> list[Any]:
    return [value for row in zip(*columns, strict=True) for value in row]


@lru_cache(maxsize=16)
def _lines(width: int) -> Floats:
    """Random signs (Achlioptas, JCSS 2003), shape (width, PROJECTIONS), the same in every process."""
    drawn = shake_256(b"lines of %d" % width).digest(width * PROJECTIONS // 8 + 1)
    bits = np.unpackbits(np.frombuffer(drawn, dtype=np.uint8))[: width * PROJECTIONS]
    lines: Floats = bits.reshape(width, PROJECTIONS).astype(np.float64) * 2.0 - 1.0
    return lines


def _points(tensors: Sequence[Tensor]) -> Floats:
    """The numbers of tensors of one width, finite or NaN, shape (rows of all, width)."""
    packed = [tensor.data if type(tensor.data) is array else floats(tensor.data).tobytes() for tensor in tensors]
    return floats(np.frombuffer(b"".join(packed))).reshape(-1, tensors[0].width)


def _tables(first: Tensor, points: Floats) -> Iterator[tuple[tuple[str, ...], Floats]]:
    """What is derived of `points` (rows, width) that are laid out as `first` is: names, and a table (rows, names). Of a
    row it is the same whatever rows are beside it."""
    name, wide = first.name, first.width > MAX_FEATURES and not first.columns
    if (first.vector or wide) and first.width <= MAX_POINTS:
        yield _names_along(name), _projected(points)
    if wide and not first.vector:
        yield (f"{name}:mean", f"{name}:spread"), _summed_up(points)


@lru_cache(maxsize=64)
def _names_along(name: str) -> tuple[str, ...]:
    return (*[f"{name}:projection[{at}]" for at in range(PROJECTIONS)], f"{name}:norm")


def _projected(points: Floats) -> Floats:
    """Directions along the random lines, and lengths."""
    lengths = _lengths(points)[:, None]
    with np.errstate(invalid="ignore", over="ignore"):
        along = np.matmul((points / np.where(lengths > 0.0, lengths, 1.0))[:, None, :], _lines(points.shape[1]))
    return np.concatenate([along[:, 0, :], lengths], axis=1)


def _lengths(points: Floats) -> Floats:
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        squares = (points * points).sum(axis=1)
        lengths: Floats = np.sqrt(squares)
    for at in np.flatnonzero(~((squares > SMALLEST) & (squares < LARGEST))).tolist():
        lengths[at] = hypot(*points[at].tolist())
    return lengths


def _summed_up(points: Floats) -> Floats:
    """Mean and standard deviation of values at equal distances."""
    step = 1 + (points.shape[1] - 1) // MAX_POINTS
    step += 1 - step % 2  # odd, so that the channels of pixels take turns
    values = np.ascontiguousarray(points[:, ::step])
    with np.errstate(invalid="ignore", over="ignore"):
        return np.stack([values.mean(axis=1), values.std(axis=1)], axis=1)
