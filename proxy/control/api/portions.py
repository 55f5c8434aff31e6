"""Long answers in portions: how much one answer holds, and that making it lets others have the loop in between.

A stranger's names and values are bounded one by one (`contracts.bounds`); an answer of many of them is bounded in sum
here. One that was cut has a member `truncated: true`.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator
from typing import Any, TypeVar

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

T = TypeVar("T")

MAX_ANSWER = 1 << 20
"""Characters of the part of an answer that strangers can make long."""

PORTION_SECONDS = 0.01
"""Seconds after which the making of an answer lets others have the loop."""


def text_of(document: Any) -> str:
    """A document as JSON; NaN cannot be in it."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False)


def fitting(items: Iterable[T], most: int, size: Callable[[T], int]) -> list[T]:
    """The first items whose sizes add up to at most `most`.

    >>> fitting(["aaa", "bb", "c"], 5, len)
    ['aaa', 'bb']
    """
    kept: list[T] = []
    for item in items:
        most -= size(item)
        if most < 0:
            break
        kept.append(item)
    return kept


END = b"# EOF\n"
"""The last line of OpenMetrics, which stands once."""


class _Families:
    """A registry of some families, for encoders that take a registry."""

    def __init__(self, *families: Metric) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families


def encoded(registry: Collector, encode: Callable[[Any], bytes], names: Collection[str] = ()) -> Iterator[bytes]:
    """The metrics of a registry as `encode` writes them, in parts: a family each. `names`: the samples that are asked
    for; none: all."""
    for family in registry.collect():
        if not names or (family := _narrowed(family, names)).samples:
            yield encode(_Families(family)).removesuffix(END)
    yield END if encode(_Families()).endswith(END) else b""


def _narrowed(family: Metric, names: Collection[str]) -> Metric:
    """A family with those of its samples that have one of these names."""
    made = Metric(family.name, family.documentation, family.type, family.unit)
    made.samples = [sample for sample in family.samples if sample.name in names]
    return made


async def in_portions(items: Iterable[T]) -> AsyncIterator[T]:
    """The items, with a pause whenever what is done with them has taken `PORTION_SECONDS`."""
    begun = time.monotonic()
    for item in items:
        yield item
        if time.monotonic() - begun >= PORTION_SECONDS:
            await asyncio.sleep(0)
            begun = time.monotonic()
