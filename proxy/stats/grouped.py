"""Items by what they have in common, such as the legs of a batch by their arm."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


def grouped(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """Items by their key, in order: what holds for a key is then looked up once for all of them.

    >>> dict(grouped(["b1", "a1", "b2"], lambda item: item[0]))
    {'b': ['b1', 'b2'], 'a': ['a1']}
    """
    groups: defaultdict[K, list[T]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups
