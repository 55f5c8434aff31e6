"""Random samples of the rows of one body: what is too much to look at in one turn is known by some of it.

A sample is simple and random, without replacement: each set of so many rows is as likely as any other, so that means
over it are unbiased. It is drawn by hashing the places (bottom-k sampling): the same seed draws the same rows again,
for both sides of a pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec.structs import replace

from proxy.contracts.observation import Tensor

MAX_BODY_COST = 32_768
"""Cost of one side of one body that is looked at for drift, in numbers: some milliseconds. Of a body with more it is
that of a sample of its rows, 163 of 200 columns."""

VALUE_COST, TEXT_COST = 8, 256
"""Numbers that a value of a category costs as much as, and a text of which words are looked up."""

GOLDEN, FIRST, SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
"""Constants of splitmix64 (Steele, Lea and Flood, OOPSLA 2014)."""


MAX_TEXTS = 128
"""Texts of one answer that are compared with those of another: edit distances of 0.1 ms each at most."""

MAX_TEXT_CHARACTERS = 65_536
"""Characters of all of them on one side: as one text may have (`contracts.bounds.MAX_TEXT`)."""

MAX_RATED = 4096
"""Rated classes of one answer that are read."""


def some_texts(lengths: Sequence[int], seed: int) -> list[int]:
    """The places of texts that are compared, in order: all, or a random sample of as many as the bounds allow, at least
    one.

    >>> some_texts([5, 5], 1), len(some_texts([40_000] * 9, 1)), len(some_texts([1] * 999, 1))
    ([0, 1], 1, 128)
    """
    if len(lengths) <= MAX_TEXTS and sum(lengths) <= MAX_TEXT_CHARACTERS:
        return list(range(len(lengths)))
    taken: list[int] = []
    left = MAX_TEXT_CHARACTERS
    for place in sample(len(lengths), MAX_TEXTS, seed):
        left -= lengths[place]
        if left < 0 and taken:
            break
        taken.append(place)
    return sorted(taken)


def sample(count: int, most: int, seed: int) -> list[int]:
    """At most `most` of `count` places, in random order.

    >>> sample(5, 9, 1) == sample(5, 9, 1), sorted(sample(5, 9, 1)), len(set(sample(1000, 9, 1)))
    (True, [0, 1, 2, 3, 4], 9)
    """
    keys = np.arange(count, dtype=np.uint64) * np.uint64(GOLDEN) + np.uint64(_mixed(seed))
    keys ^= keys >> np.uint64(30)
    keys *= np.uint64(FIRST)
    keys ^= keys >> np.uint64(27)
    keys *= np.uint64(SECOND)
    keys ^= keys >> np.uint64(31)
    least = np.argpartition(keys, most)[:most] if most < count else np.arange(count)
    places: list[int] = least[np.argsort(keys[least])].tolist()
    return places


def _mixed(seed: int) -> int:
    """A seed far from the next one, so that its places are not those of the next one, shifted."""
    word = (seed * GOLDEN + GOLDEN) & 0xFFFFFFFFFFFFFFFF
    word = ((word ^ word >> 30) * FIRST) & 0xFFFFFFFFFFFFFFFF
    return word ^ word >> 27


def is_large(body: Sequence[Tensor]) -> bool:
    """Whether a body costs more than `MAX_BODY_COST`."""
    if len(body) == 1:  # as nearly all are, and small
        only = body[0]
        if len(only.data) * VALUE_COST <= MAX_BODY_COST and not only.texts:
            return False
    return sum(map(_cost, body)) > MAX_BODY_COST


def _cost(tensor: Tensor) -> int:
    values = len(tensor.data) * (1 if tensor.kind == "number" else VALUE_COST)
    return values + TEXT_COST * sum([len(column) for _, column in tensor.texts])


def sampled(body: Sequence[Tensor], seed: int) -> tuple[Tensor, ...]:
    """A body with a sample of its rows, at least one; tensors of other rows than the first are left out, since no table
    of features has them."""
    rows = body[0].rows
    alike = [tensor for tensor in body if tensor.rows == rows]
    most = max(MAX_BODY_COST * rows // max(sum(map(_cost, alike)), 1), 1)
    places = sorted(sample(rows, most, seed))
    return tuple([_at(tensor, places) for tensor in alike])


def _at(tensor: Tensor, places: Sequence[int]) -> Tensor:
    texts = tuple([(name, tuple(_rows(column, tensor.rows, places))) for name, column in tensor.texts])
    return replace(tensor, rows=len(places), data=_rows(tensor.data, tensor.rows, places), texts=texts, keys=())


def _rows(values: Sequence[Any], rows: int, places: Sequence[int]) -> list[Any]:
    width = len(values) // rows if rows else 0
    if width == 1:
        return [values[place] for place in places]
    return [value for place in places for value in values[place * width : (place + 1) * width]]
