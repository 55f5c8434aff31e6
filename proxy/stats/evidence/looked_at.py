"""How many of a candidate's answers somebody looked at: what nobody saw is no evidence that it is good.

An answer may be in a content coding or a form that is not read, or larger than is read, so that its beginning is known
at most, or no record of it may have come. That is charged to nobody. But where the primary's answers are looked at and
the candidate's are not, that depends on the version, and may hide anything: so many are *lost* as it has more than the
primary's part of such. Where the answers of both are as dark, looking at them was never possible, and the line is moot:
nothing waits for it.
"""

from __future__ import annotations

from math import sqrt

from proxy.stats.counts.content import ContentCounts
from proxy.stats.state import Stateful

CHANCE = 2.0
"""Standard errors by which two equal parts may differ by chance, so that a candidate like its primary loses nothing."""

MOST_LOST = 0.1
"""Part of the candidate's dark answers up to which those of the primary are as dark."""


class LookedAt(Stateful):
    """The answers of both arms by whether they were looked at.

    >>> seen = LookedAt()
    >>> seen.update(ContentCounts("v1", "primary", 0.5, n=90, bad=0), candidate=False)
    >>> seen.update(ContentCounts("v2", "canary", 0.5, n=0, bad=0, unread=100), candidate=True)
    >>> seen.lost(), seen.moot
    (100, False)
    >>> seen.update(ContentCounts("v1", "primary", 0.5, n=0, bad=0, unread=900), candidate=False)
    >>> seen.moot
    True
    """

    __slots__ = ("_dark", "_dark_reference", "_seen", "_seen_reference")

    def __init__(self) -> None:
        self._seen = self._dark = 0
        self._seen_reference = self._dark_reference = 0

    def update(self, counted: ContentCounts, *, candidate: bool) -> None:
        """Adds answers that a record came of."""
        seen, dark = counted.n - counted.partly, counted.unread + counted.partly
        if candidate:
            self._seen += seen
            self._dark += dark
        else:
            self._seen_reference += seen
            self._dark_reference += dark

    @property
    def moot(self) -> bool:
        """Whether no answer was looked at, of the candidate as little as of the primary."""
        return not self._seen and self._dark > 0 and self._excess() <= MOST_LOST * self._dark

    def lost(self) -> int:
        """The candidate's answers that nobody looked at, beyond what the primary's part explains."""
        if not self._dark or self.moot:
            return 0
        if not self._seen:
            return self._dark
        return max(round(self._excess() - CHANCE * self._error()), 0)

    @property
    def seen(self) -> int:
        """The candidate's answers that were looked at."""
        return self._seen

    @property
    def came(self) -> int:
        """The candidate's answers that a record came of."""
        return self._seen + self._dark

    @property
    def dark(self) -> int:
        """Those of them that nobody looked at."""
        return self._dark

    def _excess(self) -> float:
        reference = self._seen_reference + self._dark_reference
        part = self._dark_reference / reference if reference else 0.0
        return self._dark - part * (self._seen + self._dark)

    def _error(self) -> float:
        """The standard error of the excess, if both arms had the same part (pooled)."""
        mine, theirs = self._seen + self._dark, self._seen_reference + self._dark_reference
        if not theirs:
            return 0.0
        part = (self._dark + self._dark_reference) / (mine + theirs)
        return mine * sqrt(part * (1.0 - part) * (1.0 / mine + 1.0 / theirs))
