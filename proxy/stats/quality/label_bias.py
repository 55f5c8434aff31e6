"""Label bias: does the arrival of labels depend on the version that answered? A Cochran-Mantel-Haenszel test.

If it does, a difference in quality may be due to which predictions got a label, and nothing is concluded from labels.
Requests that followed one another form a stratum. In each stratum the part with a label is compared between the arms,
and the differences of all strata are added (Cochran, Biometrics 1954; Mantel and Haenszel, JNCI 1959). The delay of
labels, and shares that change, are the same for both arms within a stratum and cancel. A request that both versions
answered has one label for both and says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from math import sqrt
from typing import NamedTuple

STRATUM_REQUESTS = 100
"""Requests of a stratum: few, so that they are of one time."""

MAX_STANDARD_ERRORS = 4.0
"""Standard errors between the versions beyond which nothing is concluded. Not a sequential test: the threshold is high
because it is asked again as labels come."""


class LabelArrival(NamedTuple):
    """A request that waits, or waited, for a label: who answered it, and whether its label came."""

    mine: bool
    """The candidate answered."""
    theirs: bool
    """The primary answered."""
    labelled: bool
    """The label came."""


def labels_depend(requests: Iterable[LabelArrival]) -> bool:
    """Whether labels depend on the version; `requests` in the order of their arrival.

    >>> candidate, primary = LabelArrival(True, False, True), LabelArrival(False, True, False)
    >>> labels_depend([candidate, primary] * 100)  # the candidate's requests all have a label, the primary's none
    True
    """
    surplus = variance = 0.0
    for stratum in _strata(requests):
        n, a, labelled = len(stratum), sum(each.mine for each in stratum), sum(each.labelled for each in stratum)
        if 0 < a < n:
            surplus += sum(each.mine and each.labelled for each in stratum) - a * labelled / n
            variance += a * (n - a) * labelled * (n - labelled) / (n * n * (n - 1))
    return variance > 0.0 and abs(surplus) > MAX_STANDARD_ERRORS * sqrt(variance)


def _strata(requests: Iterable[LabelArrival]) -> Iterator[list[LabelArrival]]:
    unpaired = (each for each in requests if each.mine != each.theirs)
    while stratum := list(islice(unpaired, STRATUM_REQUESTS)):
        yield stratum
