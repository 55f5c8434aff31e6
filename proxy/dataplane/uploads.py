"""Legs whose requests are still coming in from their clients: at most half of a version's connections are theirs.

A request is handed to a version once it is complete, or larger than what the route holds (`limits.request_buffer`); a
larger one needs a connection for as long as its client takes. However many such clients there are, and however slow,
the other half of the connections stays for requests that are complete. Legs beyond the half wait in line, and their
clients are not read meanwhile. That needs no least rate of a body, which a patient client can meet.
"""

from __future__ import annotations

from collections import deque

from proxy.dataplane.ports import Uploader
from proxy.dataplane.unexpected import unexpected


class Uploads:
    """The unfinished requests of one pool. `limit`: how many may have a connection."""

    __slots__ = ("_admitting", "_line", "limit", "under_way")

    def __init__(self, connections: int) -> None:
        self.allow(connections)
        self.under_way = 0
        self._admitting = False
        self._line: deque[Uploader] = deque()

    def allow(self, connections: int) -> None:
        """Follows the number of connections that the version may have; one upload is always possible."""
        self.limit = max(connections // 2, 1)

    def enter(self, leg: Uploader) -> bool:
        """Whether `leg` may ask for a connection now; else it waits in line until `upload_admitted`."""
        if self.under_way >= self.limit:
            self._line.append(leg)
            return False
        self.under_way += 1
        return True

    def leave_line(self, leg: Uploader) -> None:
        """`leg` waits no more."""
        if leg in self._line:
            self._line.remove(leg)

    def ended(self, now: float) -> None:
        """The request of a leg that was admitted is complete, or the leg is gone: the next one's turn. In a loop: those
        that fail at once, as all do where no connection may be made, end here, not in each other."""
        self.under_way -= 1
        if self._admitting:
            return
        self._admitting = True
        while self._line and self.under_way < self.limit:
            self.under_way += 1
            self._admit(self._line.popleft(), now)
        self._admitting = False

    def _admit(self, leg: Uploader, now: float) -> None:
        try:
            leg.upload_admitted(now)
        except Exception as error:
            unexpected(error)
            leg.upload_fault()
