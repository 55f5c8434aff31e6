"""Do labels come alike for two versions? If not, whatever they say may be due to which of them came.

A test of Cochran (1954), Mantel and Haenszel (1959): of requests that followed one another, the part that has a label
is compared between the arms, and the differences of all such groups are added. So a delay of labels, and a share that
changed meanwhile, are the same for both. Requests that both versions answered have one label for both and say nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from math import sqrt
from typing import NamedTuple

TOGETHER = 100
"""Requests that are compared with one another: few, so that they are of one time."""

APART = 4.0
"""Standard errors between the versions from which on nothing is concluded."""


class LabelArrival(NamedTuple):
    """A request that waits for a label, or waited lately: which of the two arms answered, and whether it has one."""

    mine: bool
    theirs: bool
    labelled: bool


def labels_depend(requests: Iterable[LabelArrival]) -> bool:
    """Whether labels depend on the version, in requests in the order in which they came."""
    surplus = variance = 0.0
    for group in _groups(requests):
        n, a, labelled = len(group), sum(each.mine for each in group), sum(each.labelled for each in group)
        if 0 < a < n:
            surplus += sum(each.mine and each.labelled for each in group) - a * labelled / n
            variance += a * (n - a) * labelled * (n - labelled) / (n * n * (n - 1))
    return variance > 0.0 and abs(surplus) > APART * sqrt(variance)


def _groups(requests: Iterable[LabelArrival]) -> Iterator[list[LabelArrival]]:
    told = (each for each in requests if each.mine != each.theirs)
    while group := list(islice(told, TOGETHER)):
        yield group
