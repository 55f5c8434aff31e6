"""What judges were asked, by route: how it went, how long it took, and what is left of their budgets.

| outcome | what |
|---|---|
| `scored` | a score came |
| `cached` | an equal pair has a score already |
| `no_budget` | the calls of this minute are spent |
| `timeout`, `unreachable` | no score: the call took too long, or had no answer |
| `status`, `answer` | no score: another status than 200, or an answer without a number from 0 to 1 |
| `token` | no call: what it is authorised by cannot be read |

Without a score a pair has the result of the route's comparer, which found it different: it does not agree for want of
one.
"""

from __future__ import annotations

from collections import Counter, defaultdict

from proxy.contracts.histogram import bucket
from proxy.stats.counts.latency_window import Histogram


class JudgeCalls:
    """Counts of all routes; monotone but for `used`."""

    __slots__ = ("durations", "requests", "used")

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str]] = Counter()
        """Pairs by (route, outcome)."""
        self.durations: defaultdict[tuple[str], Histogram] = defaultdict(Histogram)
        """Seconds of calls, by route."""
        self.used: dict[tuple[str], float] = {}
        """The part of the calls a minute that were made in the last one, by route."""

    def called(self, route: str, outcome: str, seconds: float) -> None:
        """A call has ended.

        >>> calls = JudgeCalls()
        >>> calls.called("r", "scored", 0.2)
        >>> calls.requests["r", "scored"], calls.durations["r",].seconds
        (1, 0.2)
        """
        self.requests[route, outcome] += 1
        self.durations[route,].update({bucket(seconds): 1}, seconds)
