"""The looks that a committed value came from, so that one can tell a table of its own past from one that was lost.

A store that fails over to a stale replica goes back: looks that sidecars have followed are in nobody's past any more.
What they knew of versions that were rolled back then has to be told again. A lineage is a row for each term: the
place of its last look.
"""

from __future__ import annotations

from collections.abc import Sequence

from proxy.control.fleet.store import Place

Lineage = list[Place]

MAX_TERMS = 256
"""Terms that are remembered, the newest; a sidecar reports each second, so it knows of none that is so old."""


def extended(lineage: Sequence[Place], place: Place) -> Lineage:
    """The lineage of the look at `place`, which follows the last one of `lineage`."""
    before = [row for row in lineage if (row[0], row[2]) != (place[0], place[2])]
    return [*before, place][-MAX_TERMS:]


def includes(lineage: Sequence[Place], place: Place) -> bool:
    """Whether the look at `place` is in the past of this lineage."""
    term, look, stamp = place
    if len(lineage) >= MAX_TERMS and term < lineage[0][0]:
        return True
    return any((known, its) == (term, stamp) and look <= last for known, last, its in lineage)
