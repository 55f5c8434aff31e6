"""The answers of one arm that came in one batch, as they wait for labels: packed, since most of them get none.

Tens of thousands wait, and to touch a dozen objects of each when it comes and when it goes costs more than all that is
computed of it. Answers that are one tensor of numbers of the same layout are 8 bytes a number; any others stay as they
are.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from proxy.contracts.alike import AlikeLegs
from proxy.contracts.observation import Observation, Tensor
from proxy.contracts.table import Role
from proxy.stats.grouped import grouped
from proxy.stats.quality.predictions import LegAnswer
from proxy.stats.weight import weight_of

ANSWER_BYTES = 200
"""An answer that waits, without its tensors, and its place in the request."""

EXACT = 2.0**53
"""From here on a float is not every whole number: two classes could become one."""

OutputName = tuple[str, tuple[str, ...]]
"""Name and columns of an output."""

NOT_DOUBLES = (OverflowError, TypeError, ValueError, struct.error)

_layout = attrgetter(
    "name", "rows", "width", "kind", "columns", "integer", "vector", "ranks", "keys", "datatype", "texts"
)


class AnswerBlock(Struct, gc=False):
    """Answers of one arm, by their place in the block."""

    route: str
    version: str
    role: Role
    share: float
    since: float
    """Monotonic seconds at which they came."""
    ids: list[str]
    """The request of each."""
    rows: list[int]
    weights: list[int]
    """Bytes of each."""
    layout: Tensor | None
    """The only tensor of each, less its values, where they are packed."""
    packed: bytes = b""
    plain: list[tuple[Tensor, ...]] = []
    gone: bool = False
    """Another model answers under the name of the version."""

    def predicts(self, at: int) -> bool:
        """Whether an answer may be held against a label."""
        first = self.layout or self.plain[at][0]
        return first.width > 0 and not first.vector

    def outputs(self, at: int) -> tuple[Tensor, ...]:
        """The predictions of an answer."""
        if self.layout is None:
            return self.plain[at]
        packing = _packing(self.layout.rows * self.layout.width)
        return (replace(self.layout, data=packing.unpack_from(self.packed, packing.size * at)),)

    def answer(self, at: int) -> LegAnswer:
        """An answer with whose it is."""
        return LegAnswer(self.version, self.role, self.share, self.outputs(at))

    def release(self, at: int) -> None:
        """Lets go of an answer that nobody waits for any more."""
        if self.plain:
            self.plain[at] = ()

    def forget(self) -> None:
        """Lets go of all, because the model is gone."""
        self.gone, self.packed, self.plain = True, b"", []


def blocks_of(legs: Sequence[Observation], now: float) -> Iterator[AnswerBlock]:
    """The answers of legs of one arm, all of which have outputs, in blocks."""
    for layout, alike in _by_layout(legs).items():
        first = alike[0]
        packed = _packed(alike) if layout is not None else None
        outputs = [leg.outputs for leg in alike]
        weights = [ANSWER_BYTES + weight_of(first.outputs)] * len(alike)
        yield AnswerBlock(
            first.route,
            first.version,
            first.role,
            first.share,
            now,
            [leg.request_id for leg in alike],
            [each[0].rows for each in outputs],
            weights if packed else [ANSWER_BYTES + weight_of(each) for each in outputs],
            replace(first.outputs[0], data=()) if packed else None,
            packed or b"",
            [] if packed else list(map(_without_texts, outputs)),
        )


def alike_block(legs: AlikeLegs, now: float) -> AnswerBlock:
    """The answers of legs that are alike: packed as they came."""
    first, count, ids = legs.outputs, len(legs), legs.request_ids
    weight = ANSWER_BYTES + weight_of((replace(first, data=range(first.width)),))
    arm = legs.route, legs.version, legs.role, legs.share
    return AnswerBlock(*arm, now, ids, [1] * count, [weight] * count, first, legs.output_rows)


def _by_layout(legs: Sequence[Observation]) -> Mapping[tuple[Any, ...] | None, Sequence[Observation]]:
    firsts = [leg.outputs[0] for leg in legs if len(leg.outputs) == 1]
    layouts = set(map(_layout, firsts)) if len(firsts) == len(legs) else ()
    if len(layouts) == 1:  # as most batches are
        return {_layout_of(legs[0]): legs}
    return grouped(legs, _layout_of)


def _layout_of(leg: Observation) -> tuple[Any, ...] | None:
    """What answers have in common that are packed together; None for those that are not packed."""
    outputs = leg.outputs
    first = outputs[0]
    return _layout(first) if len(outputs) == 1 and first.kind == "number" and not first.texts else None


def _packed(legs: Sequence[Observation]) -> bytes | None:
    """The numbers of answers of one layout, in order; None where a double would not say the same."""
    only = legs[0].outputs[0]
    pack = _packing(only.rows * only.width).pack
    try:
        packed = b"".join([pack(*leg.outputs[0].data) for leg in legs])
    except NOT_DOUBLES:
        return None
    if only.integer and not (np.abs(np.frombuffer(packed)) < EXACT).all():
        return None
    return packed


def _without_texts(outputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    if not outputs[0].texts:
        return outputs
    return tuple([replace(tensor, texts=()) for tensor in outputs])


@lru_cache(maxsize=256)
def _packing(values: int) -> struct.Struct:
    return struct.Struct(f"{values}d")


def fractions_of(outputs: tuple[Tensor, ...]) -> Iterator[OutputName]:
    """The outputs of one column that hold numbers which are not whole by type."""
    for tensor in outputs:
        if tensor.width == 1 and tensor.kind == "number" and not tensor.integer:
            yield tensor.name, tensor.columns


def as_scores(leg: LegAnswer, fractions: set[OutputName]) -> LegAnswer:
    """The answer with what JSON has as a whole number as a score, where the same output held others: a probability of 1
    is no class."""
    outputs = leg.outputs
    if not any(each.integer and not each.datatype and (each.name, each.columns) in fractions for each in outputs):
        return leg
    return replace(
        leg,
        outputs=tuple(
            [
                replace(each, integer=False)
                if each.integer and not each.datatype and (each.name, each.columns) in fractions
                else each
                for each in outputs
            ]
        ),
    )
