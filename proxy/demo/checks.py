"""Claims of the story, checked. Each check carries the figures that decided it."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from proxy.demo.traffic import ClientCounts
from proxy.demo.view import Row

MAX_SPLIT_ERRORS = 4.0
"""A split is called wrong beyond so many standard deviations: once in 16,000 demos by chance."""


@dataclass(frozen=True, slots=True)
class Check:
    """A promise of the demo, what was measured, and whether the promise held."""

    what: str
    measured: str
    held: bool


@dataclass(frozen=True, slots=True)
class Flip:
    """Figures of the rollback."""

    seconds: float | None
    """From the kill until the admin API showed the rollback; None: it never did."""
    decided: float | None
    """From the kill until the entry in the audit; None: no entry."""
    failed: int
    """Legs that were charged to the dead canary until then."""
    rescued: int
    """The part of them that the primary answered."""
    reason: str


def mirrored(shadow: Row) -> list[Check]:
    """The shadow got copies, and its answers were compared with the primary's."""
    compared = "nothing was compared" if shadow.disagreement is None else f"disagreement {shadow.disagreement:.1%}"
    coverage = "unknown" if shadow.coverage is None else f"{shadow.coverage:.1%}"
    held = shadow.copies > 0 and shadow.disagreement is not None
    return [
        Check(
            f"{shadow.version} gets copies and is compared",
            f"{shadow.copies:,} copies, coverage {coverage}, {compared}",
            held,
        )
    ]


def split(counts: ClientCounts, version: str, percent: float, users: int) -> list[Check]:
    """The canary's part is what was asked for, and every user stays with one version.

    Assignment is per user, so the part varies with the users drawn as well as with the requests.
    """
    p, n = percent / 100, counts.requests
    part = counts.of(version).requests / n if n else 0.0
    bound = MAX_SPLIT_ERRORS * sqrt(p * (1 - p) * (1 / users + 1 / max(n, 1)))
    return [
        Check(
            f"{version} gets {percent:g} % ± {bound:.1%}",
            f"{part:.1%} of {n:,} requests",
            n > 0 and abs(part - p) <= bound,
        ),
        Check(
            "the same user gets the same version",
            f"{counts.moved} of {len(counts.users):,} users changed",
            not counts.moved,
        ),
    ]


def rolled_back(version: str, flip: Flip) -> list[Check]:
    """The rollback happened, by itself."""
    what = f"{version}, killed, is rolled back by itself"
    if flip.seconds is None:
        return [Check(what, f"not rolled back; {flip.failed} canary requests failed", False)]
    decided = "" if flip.decided is None else f", decided after {flip.decided:.2f} s"
    took = f"{flip.seconds:.2f} s from the kill to the flip{decided}"
    cost = f"{flip.failed} canary requests failed, {flip.rescued} rescued"
    return [Check(what, f"{took}; {cost}", True)]


def calm(counts: ClientCounts, version: str) -> list[Check]:
    """After the flip the rolled-back version gets nothing."""
    late = counts.of(version).requests
    return [
        Check(
            f"{version} gets nothing afterwards",
            f"{late} of {counts.requests:,} requests",
            not late and counts.requests > 0,
        )
    ]


def everywhere(what: str, seconds: float | None) -> Check:
    """Something held at every sidecar of a fleet, after so many seconds; None: it never did."""
    return Check(what, "never" if seconds is None else f"after {seconds:.2f} s", seconds is not None)


def same_everywhere(counts: list[ClientCounts]) -> Check:
    """Users meet one version, whichever sidecar they come to."""
    met: dict[str, set[str]] = {}
    for each in counts:
        for user, version in each.users.items():
            met.setdefault(user, set()).add(version)
    several = sum(len(versions) > 1 for versions in met.values())
    shared = sum(sum(user in each.users for each in counts) > 1 for user in met)
    measured = f"{several} of {shared:,} users who came to several met another version"
    return Check("a user meets one version at every sidecar", measured, not several and shared > 0)


def unharmed(acts: list[ClientCounts]) -> list[Check]:
    """No client saw an error, in any act."""
    requests, errors = sum(act.requests for act in acts), sum(act.errors for act in acts)
    messages = [message for act in acts for message in act.messages]
    measured = f"{errors} of {requests:,} requests" + (f", first: {messages[0]}" if messages else "")
    return [Check("no client sees an error", measured, not errors and requests > 0)]
