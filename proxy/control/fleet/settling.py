"""The beginning of a fleet that knows of no past: primaries alone, until nobody else seems to come.

A store that was emptied while all sidecars were down looks like that of a new fleet to one that starts with an empty
disk. Another one may have on its disk which versions were rolled back, and tells it with its first report. So
candidates wait until no further sidecar has come for as long as a lease, and at most `MOST_LEASES` of them: whoever
comes within that time is heard before a version gets traffic that it knows as rolled back.
"""

from __future__ import annotations

import logging
from collections.abc import Set as AbstractSet

from proxy.control.fleet.bodies import FleetEvidence

log = logging.getLogger("penumbra.fleet")

MOST_LEASES = 6
"""Leases that candidates wait at most: pods of one deployment start within a minute."""

MOST_SECONDS = 30.0
"""Time that candidates wait for one further sidecar, however long the lease is."""

SETTLING = "the fleet begins without any past: candidates wait until no further sidecar comes that may know of one"


class Settling:
    """`seconds`: that candidates wait for a further sidecar. Sets when the fleet began, where it has no past."""

    __slots__ = ("_last", "_seconds", "_seen")

    def __init__(self, evidence: FleetEvidence, seconds: float, now: float) -> None:
        self._seconds, self._last, self._seen = seconds, now, frozenset[str]()
        if seconds and not evidence.clock and not evidence.states:
            evidence.begins = now
            log.warning("%s", SETTLING)

    def look(self, evidence: FleetEvidence, members: AbstractSet[str], now: float) -> None:
        """Ends the wait where it is over."""
        if not evidence.begins:
            return
        if members - self._seen:
            self._last, self._seen = now, self._seen | members
        if now - self._last >= self._seconds or now - evidence.begins >= MOST_LEASES * self._seconds:
            evidence.begins = 0.0
            log.info("the fleet has begun: its table is in force")
