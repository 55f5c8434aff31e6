"""Bytes that an observation holds on to while it waits: what sums of waiting things are bounded by.

Estimates from above, of what a Python process spends: enough to bound a sum, and cheap, because each leg that waits is
weighed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from sys import getsizeof

from proxy.contracts.observation import Observation, Tensor

LEG_BYTES = 600
"""An observation without content, and its place in what holds it."""

TENSOR_BYTES = 200
"""A tensor without name and values."""

NUMBER_BYTES = 32
"""A number in a list."""

SHORT_BYTES = 64
"""A text without its characters, in a list."""

SHORT = 1000
"""Characters, in sum, up to which texts are not looked at one by one: those of one byte and of four weigh alike."""


def weight(leg: Observation) -> int:
    """Bytes that a leg holds on to."""
    held = LEG_BYTES + weight_of(leg.inputs + leg.outputs)
    if leg.text is None:
        return held
    tools = [part for tool in leg.text.tools for part in tool]
    return held + weight_of_texts((leg.text.text, *tools)) + NUMBER_BYTES * len(leg.text.gaps)


def weight_of(tensors: Iterable[Tensor]) -> int:
    """Bytes that tensors hold on to."""
    held = 0
    for tensor in tensors:
        if tensor.kind == "number" and not tensor.texts and not tensor.columns:  # nearly all
            held += TENSOR_BYTES + len(tensor.name) + NUMBER_BYTES * len(tensor.data)
            continue
        held += TENSOR_BYTES + len(tensor.name)
        held += NUMBER_BYTES * len(tensor.data) if tensor.kind == "number" else weight_of_texts(tensor.data)
        for _, column in tensor.texts:
            held += weight_of_texts(column)
        if tensor.columns:
            held += weight_of_texts(tensor.columns)
    return held


def weight_of_texts(texts: Sequence[str | None]) -> int:
    """Bytes that texts hold on to."""
    try:
        characters = sum(map(len, filter(None, texts)))
    except TypeError:  # numbers among them
        characters = SHORT + 1
    if characters <= SHORT:
        return SHORT_BYTES * len(texts) + characters
    return 8 * len(texts) + sum(map(getsizeof, texts))
