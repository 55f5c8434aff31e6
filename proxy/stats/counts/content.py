"""What the bodies of answers say, counted by arm: the input of `invalid_rate`.

Only inferences answered with success whose body was looked at are in `n`. What was not analysed because of the budget
is sampled out: by exchange and before anybody knows what the answer holds, so that the rest stays representative. What
a bound of this program left unread (`NOT_LOOKED_AT`) is neither good nor bad, and depends on the version: it is counted
as `unread`. So does what was looked at in part and seemed good: its beginning or its end, or whether it is an error in
a form that is not read. It counts, and is told apart as `partly`, since the rest may be anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec import Struct

from proxy.contracts.alike import AlikeLegs
from proxy.contracts.observation import NOT_LOOKED_AT, Observation
from proxy.contracts.table import Role

SEEN_IN_PART = NOT_LOOKED_AT | {"form"}
"""Why an answer that was looked at is not known as a whole."""


class ContentCounts(Struct, frozen=True):
    """Analysed answers of one arm in one batch."""

    version: str
    role: Role
    share: float
    """The arm's part of live traffic (of copies, for a shadow) when the requests were assigned, 0 to 1."""
    n: int
    """Inferences answered with a successful status whose body was analysed."""
    bad: int
    """Those among them whose body says that they failed (`contracts.outcome.CONTENT`)."""
    keys: tuple[int, ...] = ()
    """Hashes of the sticky keys of the bad ones, 0 where there is none: as many as `bad`."""
    unread: int = 0
    """Further ones, of whose body nobody knows what it holds."""
    partly: int = 0
    """Those in `n` that were looked at in part alone, which was good."""


class ContentCounters:
    """Analysed answers since the start, monotone: by (route, version, role), and invalid ones by reason too."""

    __slots__ = ("analysed", "endings", "invalid", "read")

    def __init__(self) -> None:
        self.analysed: Counter[tuple[str, str, str]] = Counter()
        self.endings: Counter[tuple[str, str, str]] = Counter()
        """Those among them that are too large or too much to be read, and were looked at in part."""
        self.invalid: Counter[tuple[str, str, str, str]] = Counter()
        self.read: Counter[tuple[str, str, str, str]] = Counter()
        """Those among the invalid ones that were read all the same: no other count of what cannot be read has them."""

    def update(self, legs: Sequence[Observation]) -> ContentCounts | None:
        """Adds legs of one route, version, role and share; their counts, or None if nothing of them was analysed."""
        odd = [leg for leg in legs if leg.content or leg.unreadable_response]  # few: the rest is looked at once
        dark = list(filter(_is_dark, odd))
        n = sum([leg.analysed for leg in legs]) - sum([leg.analysed for leg in dark])
        if not n and not dark:
            return None
        first = legs[0]
        arm = first.route, first.version, first.role
        self.analysed[arm] += n
        self.endings[arm] += sum([leg.analysed and leg.unreadable_response in NOT_LOOKED_AT for leg in odd])
        bad = [leg for leg in odd if leg.content]
        self._count(bad)
        keys = tuple([leg.key for leg in bad])
        partly = sum(map(_is_seen_in_part, odd))
        return ContentCounts(first.version, first.role, first.share, n, len(bad), keys, len(dark), partly)

    def update_alike(self, legs: AlikeLegs) -> ContentCounts:
        """The same of legs that are alike: all were analysed, and are good."""
        arm = legs.route, legs.version, legs.role
        self.analysed[arm] += len(legs)
        self.endings[arm] += 0
        return ContentCounts(legs.version, legs.role, legs.share, len(legs), 0)

    def _count(self, bad: Iterable[Observation]) -> None:
        for leg in bad:
            self.invalid[leg.route, leg.version, leg.role, leg.content] += 1
            self.read[leg.route, leg.version, leg.role, leg.content] += not leg.unreadable_response


def _is_dark(leg: Observation) -> bool:
    """Whether nobody knows what an answer holds. Of one that is too large a part may have been looked at."""
    return leg.answered and not (leg.content or leg.analysed) and leg.unreadable_response in NOT_LOOKED_AT


def _is_seen_in_part(leg: Observation) -> bool:
    """Whether what was seen of an answer is good, and the rest not known."""
    return leg.answered and leg.analysed and not leg.content and leg.unreadable_response in SEEN_IN_PART
