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

from collections.abc import Sequence
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
            wide = tensor.width > MAX_FEATURES and not tensor.columns
            if (tensor.vector or wide) and tensor.width <= MAX_POINTS:
                made.append(_projected(tensor))
            if wide and not tensor.vector:
                made.append(_summed_up(tensor))
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


def _projected(tensor: Tensor) -> Tensor:
    """Directions along the random lines, and lengths."""
    points = floats(tensor.data).reshape(tensor.rows, tensor.width)
    lengths = np.array([hypot(*point) for point in points.tolist()])
    with np.errstate(invalid="ignore", over="ignore"):
        along = (points / np.where(lengths > 0.0, lengths, 1.0)[:, None]) @ _lines(tensor.width)
    names = (*(f"{tensor.name}:projection[{at}]" for at in range(PROJECTIONS)), f"{tensor.name}:norm")
    data = np.column_stack([along, lengths]).ravel().tolist()
    return Tensor("", tensor.rows, len(names), "number", data, names)


def _summed_up(tensor: Tensor) -> Tensor:
    """Mean and standard deviation of values at equal distances."""
    step = 1 + (tensor.width - 1) // MAX_POINTS
    step += 1 - step % 2  # odd, so that the channels of pixels take turns
    data: list[float] = []
    for row in range(tensor.rows):
        begin = row * tensor.width
        values = floats(tensor.data[begin : begin + tensor.width : step])
        with np.errstate(invalid="ignore", over="ignore"):
            data += [float(values.mean()), float(values.std())]
    return Tensor("", tensor.rows, 2, "number", data, (f"{tensor.name}:mean", f"{tensor.name}:spread"))
